//! Thin-plate-spline rectification (Shi et al. 2016, "Robust scene text recognition with automatic rectification"), with
//! MMOCR's names.
#![allow(non_snake_case, reason = "fields are the checkpoint's names")]

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode};
use burn::tensor::{Device, Tensor, TensorData};

use super::{BatchNorm2d, BatchNorm2dConfig, conv2d, max_pool};
use crate::ops::{After, convolve};

/// Configuration of [`Tps`].
#[derive(Debug, Clone, PartialEq)]
pub struct TpsConfig {
    /// Control points, half of them along each long side; even, at least 4.
    pub points: usize,
    /// Channels of the picture.
    pub channels: usize,
    /// Height and width of the rectified picture.
    pub size: [usize; 2],
}

/// Channels of the localisation network's convolutions.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// Features between the localisation network's linear layers.
const HIDDEN: usize = 256;

/// Keeps the logarithm of a distance finite.
const EPSILON: f64 = 1e-6;

impl TpsConfig {
    /// Makes the module. Before it is trained it rectifies nothing but a slant: the points start as in the reference.
    pub fn init(&self, device: &Device) -> Tps {
        let mut conv = Vec::new();
        let mut from = self.channels;
        for to in CHANNELS {
            conv.push(Some(Layer::Conv(conv2d([from, to], [3, 3], [1, 1], [1, 1], false, device))));
            conv.push(Some(Layer::Norm(BatchNorm2dConfig::new(to).init(device))));
            // The places of the activation and the pooling.
            conv.extend([None, None]);
            from = to;
        }
        let half = self.points / 2;
        let mut localization_fc2 = LinearConfig::new(HIDDEN, 2 * self.points).init(device);
        localization_fc2.weight = Param::from_tensor(Tensor::zeros([HIDDEN, 2 * self.points], device));
        let along = |from: f64, to: f64, i: usize| from + (to - from) * i as f64 / (half - 1) as f64;
        let start: Vec<f32> = (0..half)
            .map(|i| [along(-1.0, 1.0, i), along(0.0, -1.0, i)])
            .chain((0..half).map(|i| [along(-1.0, 1.0, i), along(1.0, 0.0, i)]))
            .flatten()
            .map(|v| v as f32)
            .collect();
        localization_fc2.bias = Some(Param::from_tensor(Tensor::from_floats(start.as_slice(), device)));
        let fixed = |values: Vec<f32>, shape: [usize; 2]| {
            let tensor = Tensor::from_data(TensorData::new(values, shape), device);
            Param::from_tensor(tensor).set_require_grad(false)
        };
        let spline = Spline::new(half, self.size);
        let [inverse, basis] = [spline.inverse(), spline.basis()]
            .map(|rows| rows.into_iter().flatten().map(|v| v as f32).collect::<Vec<f32>>());
        let (rank, pixels) = (self.points + 3, self.size[0] * self.size[1]);
        Tps {
            LocalizationNetwork: Localization {
                conv,
                localization_fc1: vec![LinearConfig::new(CHANNELS[3], HIDDEN).init(device)],
                localization_fc2,
            },
            GridGenerator: Grid {
                inv_delta_C: fixed(inverse, [rank, rank]),
                P_hat: fixed(basis, [pixels, rank]),
            },
            size: self.size,
        }
    }
}

/// Bends a picture of a line so that its text lies straight. Names: `LocalizationNetwork`, `GridGenerator`.
#[derive(Module, Debug)]
pub struct Tps {
    LocalizationNetwork: Localization,
    GridGenerator: Grid,
    size: [usize; 2],
}

/// Where the control points are in a picture.
#[derive(Module, Debug)]
struct Localization {
    conv: Vec<Option<Layer>>,
    localization_fc1: Vec<Linear>,
    localization_fc2: Linear,
}

#[derive(Module, Debug)]
enum Layer {
    Conv(Conv2d),
    Norm(BatchNorm2d),
}

/// The spline of the control points at rest; it is computed, not learnt, and part of the checkpoints.
#[derive(Module, Debug)]
struct Grid {
    inv_delta_C: Param<Tensor<2>>,
    P_hat: Param<Tensor<2>>,
}

impl Tps {
    /// `[N, channels, H, W] -> [N, channels, height, width]` of the configuration, for any H and W of at least 8.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let points = self.LocalizationNetwork.forward(image.clone()); // [N, points, 2]
        let [batch, count, _] = points.dims();
        let zeros = Tensor::zeros([batch, 3, 2], &image.device());
        let moved = Tensor::cat(vec![points, zeros], 1); // [N, points + 3, 2]
        let rank = count + 3;
        let spline = self.GridGenerator.inv_delta_C.val().reshape([1, rank, rank]).matmul(moved);
        let [height, width] = self.size;
        let grid = self.GridGenerator.P_hat.val().reshape([1, height * width, rank]).matmul(spline);
        let options = GridSampleOptions {
            mode: InterpolateMode::Bilinear,
            padding_mode: GridSamplePaddingMode::Border,
            align_corners: true,
        };
        image.grid_sample_2d(grid.reshape([batch, height, width, 2]), options)
    }
}

impl Localization {
    /// `[N, channels, H, W] -> [N, points, 2]`, each (x, y) from -1 to 1.
    fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let mut x = image;
        let stages = self.conv.len() / 4;
        for (stage, layers) in self.conv.chunks_exact(4).enumerate() {
            for layer in layers.iter().flatten() {
                x = match layer {
                    Layer::Conv(conv) => convolve(conv, x),
                    Layer::Norm(norm) => norm.forward_then(x, After::Relu),
                };
            }
            if stage + 1 < stages {
                x = max_pool(x, [2, 2], [2, 2], [0, 0]);
            }
        }
        let x = x.mean_dim(3).mean_dim(2).flatten::<2>(1, 3); // [N, 512]
        let x = self.localization_fc1.iter().fold(x, |x, linear| relu(linear.forward(x)));
        let points = self.localization_fc2.forward(x);
        let [batch, values] = points.dims();
        points.reshape([batch, values / 2, 2])
    }
}

/// The control points at rest, along the upper and the lower side, and the rectified picture's size.
struct Spline {
    points: Vec<[f64; 2]>,
    size: [usize; 2],
}

impl Spline {
    fn new(half: usize, size: [usize; 2]) -> Self {
        let x = |i: usize| -1.0 + 2.0 * i as f64 / (half - 1) as f64;
        let points = [-1.0, 1.0].into_iter().flat_map(|y| (0..half).map(move |i| [x(i), y])).collect();
        Self { points, size }
    }

    /// The inverse of the spline's system, `[points + 3, points + 3]`.
    fn inverse(&self) -> Vec<Vec<f64>> {
        let count = self.points.len();
        let mut system = Vec::with_capacity(count + 3);
        for (i, p) in self.points.iter().enumerate() {
            let bend = |(j, q): (usize, &[f64; 2])| {
                let distance = if i == j { 1.0 } else { distance(*p, *q) };
                distance * distance * distance.ln()
            };
            let mut row = vec![1.0, p[0], p[1]];
            row.extend(self.points.iter().enumerate().map(bend));
            system.push(row);
        }
        for of in [|p: &[f64; 2]| p[0], |p: &[f64; 2]| p[1], |_: &[f64; 2]| 1.0] {
            let mut row = vec![0.0; 3];
            row.extend(self.points.iter().map(of));
            system.push(row);
        }
        invert(system)
    }

    /// What each pixel is in terms of the control points, `[height * width, points + 3]`.
    fn basis(&self) -> Vec<Vec<f64>> {
        let [height, width] = self.size;
        let centre = |i: usize, n: usize| (2.0 * i as f64 + 1.0 - n as f64) / n as f64;
        let mut rows = Vec::with_capacity(height * width);
        for y in 0..height {
            for x in 0..width {
                let p = [centre(x, width), centre(y, height)];
                let mut row = vec![1.0, p[0], p[1]];
                row.extend(self.points.iter().map(|q| {
                    let distance = distance(p, *q);
                    distance * distance * (distance + EPSILON).ln()
                }));
                rows.push(row);
            }
        }
        rows
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The inverse of a regular matrix, by Gauss and Jordan with pivots.
pub(super) fn invert(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()));
        matrix.swap(column, pivot.unwrap_or(column));
        let scale = 1.0 / matrix[column][column];
        matrix[column].iter_mut().for_each(|v| *v *= scale);
        let pivot = matrix[column].clone();
        for (_, row) in matrix.iter_mut().enumerate().filter(|(i, _)| *i != column) {
            let factor = row[column];
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    matrix.into_iter().map(|row| row[n..].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_the_splines_system_undoes_it() {
        let matrix = vec![vec![0.0, 2.0, 1.0], vec![1.0, -1.0, 0.5], vec![3.0, 0.0, 2.0]];
        let inverse = invert(matrix.clone());
        for (i, row) in matrix.iter().enumerate() {
            for j in 0..row.len() {
                let product: f64 = row.iter().zip(&inverse).map(|(value, column)| value * column[j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12, "{i} {j}: {product}");
            }
        }
    }
}
