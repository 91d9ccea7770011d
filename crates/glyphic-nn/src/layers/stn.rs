//! ASTER's rectification (Shi et al. 2019, "ASTER: An Attentional Scene Text Recognizer with Flexible Rectification"), with the
//! names of MMOCR 1.x.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode};
use burn::tensor::{Device, Tensor, TensorData};

use super::tps::invert;
use super::{BatchNorm2d, BatchNorm2dConfig, ConvBlock, ConvBlockConfig, max_pool, upsample_bilinear};
use crate::ops::After;

/// Configuration of [`Stn`].
#[derive(Debug, Clone, PartialEq)]
pub struct StnConfig {
    /// Control points, half of them along each long side; even, at least 4.
    pub points: usize,
    /// Channels of the picture.
    pub channels: usize,
    /// Height and width at which the localisation network sees the picture, multiples of 32.
    pub seen: [usize; 2],
    /// Height and width of the rectified picture.
    pub size: [usize; 2],
    /// Distance (horizontal, vertical) of the control points at rest from the rectified picture's sides, as shares of it.
    pub margins: [f64; 2],
}

/// Channels of the localisation network's convolutions; all but the last are followed by a pooling.
const CHANNELS: [usize; 6] = [32, 64, 128, 256, 256, 256];

/// Features between the localisation network's linear layers.
const HIDDEN: usize = 512;

/// Distance of the first control points from the picture's sides before training.
const START: f64 = 0.01;

/// What the features are multiplied by in front of the last layer, which slows its learning.
const SLOWED: f64 = 0.1;

impl Default for StnConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { points: 20, channels: 3, seen: [32, 64], size: [32, 100], margins: [0.05, 0.05] }
    }
}

/// Control points along the upper and the lower side, (x, y) from 0 to 1.
fn along_sides(count: usize, [across, down]: [f64; 2]) -> Vec<[f64; 2]> {
    let half = count / 2;
    let x = move |i: usize| across + (1.0 - 2.0 * across) * i as f64 / (half - 1) as f64;
    [down, 1.0 - down].into_iter().flat_map(|y| (0..half).map(move |i| [x(i), y])).collect()
}

/// A thin plate's bend at a squared distance.
fn bend(a: [f64; 2], b: [f64; 2]) -> f64 {
    let square = (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    if square == 0.0 { 0.0 } else { 0.5 * square * square.ln() }
}

impl StnConfig {
    /// Makes the module. Before it is trained it rectifies nothing.
    pub fn init(&self, device: &Device) -> Stn {
        let mut stn_convnet = Vec::new();
        let mut from = self.channels;
        for (i, to) in CHANNELS.into_iter().enumerate() {
            if i > 0 {
                // The place of the pooling.
                stn_convnet.push(None);
            }
            stn_convnet.push(Some(ConvBlockConfig::new([from, to], [3, 3]).init(device)));
            from = to;
        }
        // Five poolings halve each side.
        let features = from * self.seen.iter().map(|side| side >> (CHANNELS.len() - 1)).product::<usize>();
        let mut stn_fc2 = LinearConfig::new(HIDDEN, 2 * self.points).init(device);
        stn_fc2.weight = Param::from_tensor(Tensor::zeros([HIDDEN, 2 * self.points], device));
        let start: Vec<f32> =
            along_sides(self.points, [START; 2]).into_iter().flatten().map(|v| v as f32).collect();
        stn_fc2.bias = Some(Param::from_tensor(Tensor::from_floats(start.as_slice(), device)));
        Stn {
            tps: self.spline(device),
            stn_convnet,
            stn_fc1: (
                LinearConfig::new(features, HIDDEN).init(device),
                BatchNorm2dConfig::new(HIDDEN).init(device),
            ),
            stn_fc2,
            seen: self.seen,
            size: self.size,
        }
    }

    fn spline(&self, device: &Device) -> Spline {
        let points = along_sides(self.points, self.margins);
        let rank = self.points + 3;
        let row = |p: [f64; 2]| {
            let mut row: Vec<f64> = points.iter().map(|q| bend(p, *q)).collect();
            row.extend([1.0, p[0], p[1]]);
            row
        };
        let mut system: Vec<Vec<f64>> = points.iter().map(|p| row(*p)).collect();
        for of in [|_: &[f64; 2]| 1.0, |p: &[f64; 2]| p[0], |p: &[f64; 2]| p[1]] {
            let mut row: Vec<f64> = points.iter().map(of).collect();
            row.extend([0.0; 3]);
            system.push(row);
        }
        let [height, width] = self.size;
        let place = |i: usize, n: usize| i as f64 / (n - 1) as f64;
        let pixels: Vec<Vec<f64>> = (0..height)
            .flat_map(|y| (0..width).map(move |x| [place(x, width), place(y, height)]))
            .map(row)
            .collect();
        let fixed = |rows: Vec<Vec<f64>>, shape: [usize; 2]| {
            let values: Vec<f32> = rows.into_iter().flatten().map(|v| v as f32).collect();
            let tensor = Tensor::from_data(TensorData::new(values, shape), device);
            Param::from_tensor(tensor).set_require_grad(false)
        };
        Spline {
            inverse_kernel: fixed(invert(system), [rank, rank]),
            padding_matrix: fixed(vec![vec![0.0; 6]], [3, 2]),
            target_coordinate_repr: fixed(pixels, [height * width, rank]),
            target_control_points: fixed(points.iter().map(|p| p.to_vec()).collect(), [self.points, 2]),
        }
    }
}

/// Bends a picture of a line so that its text lies straight. Names: `tps`, `stn_convnet`, `stn_fc1`, `stn_fc2`.
#[derive(Module, Debug)]
pub struct Stn {
    tps: Spline,
    stn_convnet: Vec<Option<ConvBlock>>,
    stn_fc1: (Linear, BatchNorm2d),
    stn_fc2: Linear,
    seen: [usize; 2],
    size: [usize; 2],
}

/// The spline of the control points at rest; it is computed, not learnt, and part of the checkpoints.
#[derive(Module, Debug)]
struct Spline {
    inverse_kernel: Param<Tensor<2>>,
    padding_matrix: Param<Tensor<2>>,
    target_coordinate_repr: Param<Tensor<2>>,
    target_control_points: Param<Tensor<2>>,
}

impl Stn {
    /// `[N, channels, H, W] -> [N, channels, height, width]` of the configuration.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let points = self.points(image.clone()); // [N, points, 2]
        let [batch, count, _] = points.dims();
        let padding = self.tps.padding_matrix.val().unsqueeze::<3>().expand([batch, 3, 2]);
        let moved = Tensor::cat(vec![points, padding], 1); // [N, points + 3, 2]
        let rank = count + 3;
        let spline = self.tps.inverse_kernel.val().reshape([1, rank, rank]).matmul(moved);
        let [height, width] = self.size;
        let pixels = self.tps.target_coordinate_repr.val().reshape([1, height * width, rank]);
        let grid = pixels.matmul(spline).clamp(0.0, 1.0).mul_scalar(2.0).sub_scalar(1.0);
        let options = GridSampleOptions {
            mode: InterpolateMode::Bilinear,
            padding_mode: GridSamplePaddingMode::Zeros,
            align_corners: false,
        };
        image.grid_sample_2d(grid.reshape([batch, height, width, 2]), options)
    }

    /// Where the control points are in a picture: `[N, channels, H, W] -> [N, points, 2]`, each (x, y) from 0 to 1.
    fn points(&self, image: Tensor<4>) -> Tensor<3> {
        let x = upsample_bilinear(image, self.seen, true);
        let x = self.stn_convnet.iter().fold(x, |x, layer| match layer {
            Some(block) => block.forward(x),
            None => max_pool(x, [2, 2], [2, 2], [0, 0]),
        });
        let [batch, channels, height, width] = x.dims();
        let (linear, norm) = &self.stn_fc1;
        let x = linear.forward(x.reshape([batch, channels * height * width]));
        let x = norm.forward_then(x.reshape([batch, HIDDEN, 1, 1]), After::Relu).reshape([batch, HIDDEN]);
        let points = self.stn_fc2.forward(x.mul_scalar(SLOWED));
        let [_, values] = points.dims();
        points.reshape([batch, values / 2, 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu;

    #[test]
    fn an_untrained_rectification_keeps_the_picture() {
        // Points at rest and in the picture differ by their margins: a gradient stays one, a little wider at its ends.
        let config = StnConfig { size: [32, 64], margins: [START; 2], ..StnConfig::default() };
        let net = config.init(&cpu());
        let ramp: Vec<f32> = (0..3 * 32 * 64).map(|i| (i % 64) as f32 / 64.0).collect();
        let image = Tensor::<4>::from_data(TensorData::new(ramp, [1, 3, 32, 64]), &cpu());
        let found: Vec<f32> = net.forward(image.clone()).into_data().try_to_vec().unwrap();
        let expected: Vec<f32> = image.into_data().try_to_vec().unwrap();
        for y in 2..30 {
            for x in 2..62 {
                let (a, b) = (found[y * 64 + x], expected[y * 64 + x]);
                assert!((a - b).abs() < 0.02, "{x} {y}: {a} is not {b}");
            }
        }
    }
}
