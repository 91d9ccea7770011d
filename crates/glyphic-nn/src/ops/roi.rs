//! Regions of feature maps pooled to one size.
//!
//! He et al., "Mask R-CNN", ICCV 2017, as mmcv and torchvision compute it: means of samples between pixels. A sample's
//! weights are a product of one along each axis, and so are those of a bin, the mean of its samples: two short lists
//! of weights a region do for all of its bins and channels.

use std::ops::Range;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor, TensorData};
use glyphic_capture::{RoiAlignOptions, roi_align};
use rayon::prelude::*;

use super::{Tracked, in_order, numbers, primitive, tensor};

/// Most samples a bin and axis, the same as in `glyphic_graph`.
const MAX_SAMPLES: usize = 1 << 12;

/// Pools regions of feature maps to one size (RoIAlign), by the mean of each bin's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Pixels of the feature map a pixel in which the regions are given.
    pub spatial_scale: f32,
    /// Samples a bin and axis; 0 for as many as the bin is pixels long, rounded up.
    pub sampling_ratio: usize,
    /// Whether a pixel's middle, not its corner, has whole coordinates: regions are moved by half a pixel of the map,
    /// and none is widened to a pixel (`aligned` of mmcv and Detectron2).
    pub aligned: bool,
}

impl RoiAlign {
    /// Aligned, with as many samples as pixels: mmcv's defaults.
    pub fn new(output: [usize; 2], spatial_scale: f32) -> Self {
        Self { output, spatial_scale, sampling_ratio: 0, aligned: true }
    }

    /// Regions `[R, 4]`, left, top, right, bottom, of the pictures `[R]` of a batch `[N, C, H, W] -> [R, C, h, w]`.
    ///
    /// Differentiable in the maps, not in the regions. What lies more than a pixel outside counts as 0; a region
    /// without area is 0 where `aligned` with adaptive samples.
    ///
    /// # Panics
    /// Where `pictures` has not one index a region, or an index lies outside the batch.
    pub fn forward(&self, x: Tensor<4>, regions: Tensor<2>, pictures: Tensor<1, Int>) -> Tensor<4> {
        let &Self { output, spatial_scale, sampling_ratio, aligned } = self;
        let options = RoiAlignOptions { output, spatial_scale, sampling_ratio, aligned };
        if let Some(recorded) = roi_align(options, &x, &regions, &pictures) {
            return recorded;
        }
        let [batch, _, height, width] = x.dims();
        let regions: Vec<f32> = regions.into_data().iter::<f32>().collect();
        let pictures: Vec<usize> = pictures.into_data().iter::<i64>().map(|p| p as usize).collect();
        assert_eq!(regions.len(), 4 * pictures.len(), "one picture a region");
        assert!(pictures.iter().all(|p| *p < batch), "the regions' pictures lie in the batch of {batch}");
        let regions: Vec<Region> = regions
            .chunks_exact(4)
            .zip(pictures)
            .map(|(region, picture)| self.region(region, picture, [height, width]))
            .collect();
        let pooled = Pooled { output: self.output, input: x.dims(), regions };
        match pooled.apply(&x) {
            Some(y) => y,
            None => pooled.by_products(x),
        }
    }

    fn region(&self, region: &[f32], picture: usize, size: [usize; 2]) -> Region {
        let shift = if self.aligned { 0.5 } else { 0.0 };
        let edge = |k: usize| f64::from(region[k]) * f64::from(self.spatial_scale) - shift;
        let axis = |axis: usize| {
            let start = edge(1 - axis);
            let mut length = edge(3 - axis) - start;
            if !self.aligned {
                length = length.max(1.0);
            }
            let bin = length / self.output[axis] as f64;
            let samples = match self.sampling_ratio {
                0 => (bin.ceil().max(0.0) as usize).min(MAX_SAMPLES),
                n => n.min(MAX_SAMPLES),
            };
            Axis::new(start, bin, self.output[axis], samples, size[axis])
        };
        Region { picture, rows: axis(0), columns: axis(1) }
    }
}

/// Where and how much the bins of a region read.
#[derive(Debug, Clone)]
struct Region {
    picture: usize,
    rows: Axis,
    columns: Axis,
}

/// The weights of the pixels along one axis, for each bin.
#[derive(Debug, Clone)]
struct Axis {
    /// First pixel and weights of this and the following ones.
    bins: Vec<(usize, Vec<f32>)>,
}

impl Axis {
    fn new(start: f64, bin: f64, bins: usize, samples: usize, size: usize) -> Self {
        let one = |i: usize| {
            let (mut first, mut weights) = (0, Vec::<f64>::new());
            let mut add = |pixel: usize, weight: f64| {
                if weights.is_empty() {
                    first = pixel;
                }
                // Samples lie in order, so that pixels only follow.
                let at = pixel - first;
                if weights.len() <= at {
                    weights.resize(at + 1, 0.0);
                }
                weights[at] += weight / samples as f64;
            };
            for s in 0..samples {
                let v = start + i as f64 * bin + (s as f64 + 0.5) * bin / samples as f64;
                if !(v >= -1.0 && v <= size as f64) {
                    continue;
                }
                let v = v.max(0.0);
                let low = v as usize;
                if low + 1 >= size {
                    add(size - 1, 1.0);
                } else {
                    add(low, 1.0 - (v - low as f64));
                    add(low + 1, v - low as f64);
                }
            }
            (first, weights.into_iter().map(|w| w as f32).collect())
        };
        // Where a region's edges are swapped, samples would run backwards: its bins are empty by the adaptive rule,
        // and with a fixed number of samples the order of pixels is turned by taking them from the other end.
        if bin < 0.0 && samples > 0 {
            let turned = Self::new(start + bin * bins as f64, -bin, bins, samples, size);
            return Self { bins: turned.bins.into_iter().rev().collect() };
        }
        Self { bins: (0..bins).map(one).collect() }
    }

    /// From the first pixel to behind the last that any bin reads.
    fn span(&self) -> Range<usize> {
        let used = || self.bins.iter().filter(|(_, weights)| !weights.is_empty());
        let first = used().map(|(first, _)| *first).min().unwrap_or(0);
        first..used().map(|(first, weights)| first + weights.len()).max().unwrap_or(first)
    }

    /// As a matrix `[bins, size]`.
    fn dense(&self, size: usize) -> impl Iterator<Item = f32> {
        self.bins.iter().flat_map(move |(first, weights)| {
            (0..size).map(move |i| i.checked_sub(*first).and_then(|i| weights.get(i)).copied().unwrap_or(0.0))
        })
    }
}

/// What is to be pooled from an input of known size.
#[derive(Debug, Clone)]
struct Pooled {
    output: [usize; 2],
    input: [usize; 4],
    regions: Vec<Region>,
}

impl Pooled {
    fn output_dims(&self) -> [usize; 4] {
        [self.regions.len(), self.input[1], self.output[0], self.output[1]]
    }

    /// `None` on devices other than the processor's.
    fn apply(&self, x: &Tensor<4>) -> Option<Tensor<4>> {
        if !x.device().is_autodiff() {
            let x = in_order(primitive::<Flex, 4>(x)?);
            return Some(Tensor::from_primitive::<Flex>(self.forward(&x)));
        }
        let (x, node) = primitive::<Tracked, 4>(x)?.into_parts();
        let y = self.forward(&in_order(x));
        let y = match RoiAlignBackward.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(self.clone(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        Some(Tensor::from_primitive::<Tracked>(y))
    }

    fn forward(&self, x: &FlexTensor) -> FlexTensor {
        let ([_, channels, height, width], [bins_y, bins_x]) = (self.input, self.output);
        let x = numbers(x);
        let mut y = vec![0.0; self.output_dims().iter().product()];
        if y.is_empty() {
            return tensor(y, self.output_dims());
        }
        y.par_chunks_exact_mut(channels * bins_y * bins_x).zip(&self.regions).for_each(|(y, region)| {
            let span = region.columns.span();
            let mut row = vec![0.0; span.len()];
            for (c, y) in y.chunks_exact_mut(bins_y * bins_x).enumerate() {
                let plane = &x[(region.picture * channels + c) * height * width..][..height * width];
                for ((first, weights), y) in region.rows.bins.iter().zip(y.chunks_exact_mut(bins_x)) {
                    row.fill(0.0);
                    for (i, weight) in weights.iter().enumerate() {
                        let from = &plane[(first + i) * width..][span.clone()];
                        row.iter_mut().zip(from).for_each(|(r, x)| *r += weight * x);
                    }
                    for ((first, weights), y) in region.columns.bins.iter().zip(y) {
                        let from = row.get(first.wrapping_sub(span.start)..).unwrap_or_default();
                        *y = weights.iter().zip(from).map(|(w, r)| w * r).sum();
                    }
                }
            }
        });
        tensor(y, self.output_dims())
    }

    /// From the output's gradient to the input's. Each plane sums over its regions in their order.
    fn backward(&self, y: &FlexTensor) -> FlexTensor {
        let ([_, channels, height, width], [bins_y, bins_x]) = (self.input, self.output);
        let y = numbers(y);
        let mut x = vec![0.0; self.input.iter().product()];
        if x.is_empty() {
            return tensor(x, self.input);
        }
        x.par_chunks_exact_mut(height * width).enumerate().for_each(|(i, plane)| {
            let (picture, c) = (i / channels, i % channels);
            for (r, region) in self.regions.iter().enumerate().filter(|(_, r)| r.picture == picture) {
                let y = &y[(r * channels + c) * bins_y * bins_x..][..bins_y * bins_x];
                let span = region.columns.span();
                let mut row = vec![0.0; span.len()];
                for ((first, weights), y) in region.rows.bins.iter().zip(y.chunks_exact(bins_x)) {
                    row.fill(0.0);
                    for ((first, weights), y) in region.columns.bins.iter().zip(y) {
                        let to = row.get_mut(first.wrapping_sub(span.start)..).unwrap_or_default();
                        to.iter_mut().zip(weights).for_each(|(r, w)| *r += w * y);
                    }
                    for (i, weight) in weights.iter().enumerate() {
                        let to = &mut plane[(first + i) * width..][span.clone()];
                        to.iter_mut().zip(&row).for_each(|(x, r)| *x += weight * r);
                    }
                }
            }
        });
        tensor(x, self.input)
    }

    /// By products with the weights as matrices, on any device.
    fn by_products(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = self.input;
        let ([bins_y, bins_x], device) = (self.output, x.device());
        let mut outputs = Vec::new();
        let mut order = vec![0_i64; self.regions.len()];
        let mut placed = 0;
        for picture in 0..batch {
            let here: Vec<(usize, &Region)> =
                self.regions.iter().enumerate().filter(|(_, r)| r.picture == picture).collect();
            if here.is_empty() {
                continue;
            }
            for (r, _) in &here {
                order[*r] = placed;
                placed += 1;
            }
            let rows: Vec<f32> = here.iter().flat_map(|(_, r)| r.rows.dense(height)).collect();
            let columns: Vec<f32> = here.iter().flat_map(|(_, r)| r.columns.dense(width)).collect();
            let of = |values, bins, size| {
                let data = TensorData::new(values, [here.len(), 1, bins, size]);
                Tensor::<4>::from_data(data, &device)
            };
            let maps = x.clone().narrow(0, picture, 1); // [1, C, H, W]
            let rows = of(rows, bins_y, height).expand([here.len(), channels, bins_y, height]);
            let columns = of(columns, bins_x, width).expand([here.len(), channels, bins_x, width]);
            let pooled = rows.matmul(maps.expand([here.len(), channels, height, width]));
            outputs.push(pooled.matmul(columns.swap_dims(2, 3))); // [here, C, h, w]
        }
        if outputs.is_empty() {
            return Tensor::zeros(self.output_dims(), &device);
        }
        let order = Tensor::<1, Int>::from_data(TensorData::from(order.as_slice()), &device);
        Tensor::cat(outputs, 0).select(0, order)
    }
}

/// Parent: the input.
#[derive(Debug)]
struct RoiAlignBackward;

impl Backward<Flex, 1> for RoiAlignBackward {
    type State = Pooled;

    fn backward(self, ops: Ops<Pooled, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let y = in_order(gradients.consume::<Flex>(&ops.node));
        for parent in ops.parents.into_iter().flatten() {
            gradients.register::<Flex>(parent.id, ops.state.backward(&y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu;
    use burn::tensor::{Device, Distribution};

    const SIZE: [usize; 4] = [2, 3, 9, 13];

    /// Inside, at the edges, outside, smaller than a bin, without area, and with swapped edges.
    const REGIONS: [[f32; 4]; 8] = [
        [4.0, 3.0, 30.0, 25.0],
        [0.0, 0.0, 52.0, 36.0],
        [-9.0, -7.5, 12.0, 60.0],
        [10.2, 11.7, 11.1, 12.0],
        [20.0, 20.0, 20.0, 20.0],
        [33.0, 9.0, 17.0, 4.0],
        [900.0, 900.0, 950.0, 930.0],
        [1.3, 2.9, 47.7, 35.1],
    ];
    const PICTURES: [i64; 8] = [0, 1, 1, 0, 0, 1, 0, 1];

    fn variants() -> Vec<RoiAlign> {
        let mut all = Vec::new();
        for aligned in [true, false] {
            for sampling_ratio in [0, 1, 2, 3] {
                for output in [[7, 7], [2, 5], [1, 1]] {
                    all.push(RoiAlign { output, spatial_scale: 0.25, sampling_ratio, aligned });
                }
            }
        }
        all
    }

    fn inputs(device: &Device) -> (Tensor<4>, Tensor<2>, Tensor<1, Int>) {
        let x = Tensor::random(SIZE, Distribution::Uniform(-1.0, 1.0), device);
        (x, Tensor::from_data(REGIONS, device), Tensor::from_data(PICTURES, device))
    }

    fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    /// Sample by sample, as the paper says it.
    fn direct(config: &RoiAlign, x: &[f32]) -> Vec<f64> {
        let [_, channels, height, width] = SIZE;
        let mut all = Vec::new();
        for (region, picture) in REGIONS.iter().zip(PICTURES) {
            let shift = if config.aligned { 0.5 } else { 0.0 };
            let [x0, y0, x1, y1] = region.map(|v| f64::from(v) * 0.25 - shift);
            let at_least = if config.aligned { f64::NEG_INFINITY } else { 1.0 };
            let (w, h) = ((x1 - x0).max(at_least), (y1 - y0).max(at_least));
            let [bins_y, bins_x] = config.output;
            let (bin_h, bin_w) = (h / bins_y as f64, w / bins_x as f64);
            let samples = |bin: f64| match config.sampling_ratio {
                0 => bin.ceil().max(0.0) as i64,
                n => n as i64,
            };
            let (ny, nx) = (samples(bin_h), samples(bin_w));
            for c in 0..channels {
                let plane = &x[(picture as usize * channels + c) * height * width..][..height * width];
                let sample = |y: f64, x: f64| {
                    if y < -1.0 || y > height as f64 || x < -1.0 || x > width as f64 {
                        return 0.0;
                    }
                    let clamp = |v: f64, size: usize| v.max(0.0).min((size - 1) as f64);
                    let (y, x) = (clamp(y, height), clamp(x, width));
                    let mut sum = 0.0;
                    for (py, row) in plane.chunks_exact(width).enumerate() {
                        for (px, value) in row.iter().enumerate() {
                            let near = |a: f64, b: usize| (1.0 - (a - b as f64).abs()).max(0.0);
                            sum += near(y, py) * near(x, px) * f64::from(*value);
                        }
                    }
                    sum
                };
                for by in 0..bins_y {
                    for bx in 0..bins_x {
                        let mut sum = 0.0;
                        for sy in 0..ny {
                            for sx in 0..nx {
                                let y = y0 + bin_h * (by as f64 + (sy as f64 + 0.5) / ny as f64);
                                let x = x0 + bin_w * (bx as f64 + (sx as f64 + 0.5) / nx as f64);
                                sum += sample(y, x);
                            }
                        }
                        all.push(sum / (ny * nx).max(1) as f64);
                    }
                }
            }
        }
        all
    }

    #[test]
    fn bins_are_the_means_of_samples_between_pixels() {
        let (x, regions, pictures) = inputs(&cpu());
        let from = values(x.clone());
        for config in variants() {
            let y = config.forward(x.clone(), regions.clone(), pictures.clone());
            assert_eq!(y.dims(), [8, 3, config.output[0], config.output[1]]);
            let expected = direct(&config, &from);
            for (i, (y, e)) in values(y).iter().zip(&expected).enumerate() {
                assert!((f64::from(*y) - e).abs() < 1e-5, "{config:?}, {i}: {y} and {e}");
            }
        }
    }

    #[test]
    fn products_with_matrices_give_the_same() {
        let (x, regions, pictures) = inputs(&cpu());
        for config in variants() {
            let expected = values(config.forward(x.clone(), regions.clone(), pictures.clone()));
            let all = REGIONS.iter().zip(PICTURES);
            let regions = all.map(|(r, p)| config.region(r, p as usize, [SIZE[2], SIZE[3]])).collect();
            let pooled = Pooled { output: config.output, input: SIZE, regions };
            for (a, b) in values(pooled.by_products(x.clone())).iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{config:?}");
            }
        }
    }

    #[test]
    fn the_gradient_of_the_maps_is_the_slope_of_the_output() {
        let (x, regions, pictures) = inputs(&cpu());
        for config in variants() {
            let dims = [8, 3, config.output[0], config.output[1]];
            let slope = Tensor::<4>::random(dims, Distribution::Uniform(-1.0, 1.0), &cpu());
            let tracked = x.clone().autodiff().require_grad();
            let device = tracked.device();
            let y = config.forward(
                tracked.clone(),
                regions.clone().to_device(&device),
                pictures.clone().to_device(&device),
            );
            let gradients = (y * slope.clone().autodiff()).sum().backward();
            let gradient = values(tracked.grad(&gradients).unwrap());
            let loss = |x: Vec<f32>| {
                let x = Tensor::from_data(TensorData::new(x, SIZE), &cpu());
                let y = config.forward(x, regions.clone(), pictures.clone());
                let products = values(y).into_iter().zip(values(slope.clone()));
                products.map(|(y, s)| f64::from(y) * f64::from(s)).sum::<f64>()
            };
            let from = values(x.clone());
            for i in (0..from.len()).step_by(11) {
                // The output is linear in the maps: only rounding limits the step.
                let moved = |by: f32| {
                    let mut moved = from.clone();
                    moved[i] += by;
                    loss(moved)
                };
                let rise = (moved(0.5) - moved(-0.5)) / f64::from(1.0_f32);
                assert!((rise - f64::from(gradient[i])).abs() < 1e-4, "{config:?}, {i}: {rise}");
            }
        }
    }

    #[test]
    fn no_regions_give_an_empty_output_and_no_gradient() {
        let x = Tensor::<4>::ones(SIZE, &cpu()).autodiff().require_grad();
        let regions = Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 4]), &x.device());
        let pictures = Tensor::from_data(TensorData::new(Vec::<i64>::new(), [0]), &x.device());
        let y = RoiAlign::new([7, 7], 1.0).forward(x.clone(), regions, pictures);
        assert_eq!(y.dims(), [0, 3, 7, 7]);
        let gradients = (y.sum() + x.clone().sum() * 0.0).backward();
        assert!(values(x.grad(&gradients).unwrap()).iter().all(|g| *g == 0.0));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (x, regions, pictures) = inputs(&cpu().autodiff());
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let x = x.clone().require_grad();
                let y = RoiAlign::new([7, 7], 0.25).forward(x.clone(), regions.clone(), pictures.clone());
                let gradients = y.clone().powi_scalar(2).sum().backward();
                (values(y.inner()), values(x.grad(&gradients).unwrap()))
            })
        };
        assert_eq!(with(1), with(3));
    }
}
