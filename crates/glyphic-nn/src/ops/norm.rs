use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module;
use pulp::Arch;
use rayon::prelude::*;

use super::{Tracked, in_order, into_numbers, numbers, primitive, tensor};

/// What [`batch_norm_train`] gives.
#[derive(Debug, Clone)]
pub struct BatchNormTrained {
    /// `[N, C, H, W]`
    pub output: Tensor<4>,
    /// Means of the batch, `[C]`, without gradient.
    pub mean: Tensor<1>,
    /// Variances of the batch, biased, `[C]`, without gradient.
    pub variance: Tensor<1>,
}

/// What follows a normalization in the same pass over memory.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "it is made for one call")]
pub enum After {
    /// Nothing.
    Nothing,
    /// A ReLU.
    Relu,
    /// This is added, `[N, C, H, W]`, then a ReLU.
    AddRelu(Tensor<4>),
}

impl After {
    /// The same in a pass of its own.
    pub fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Nothing => x,
            Self::Relu => relu(x),
            Self::AddRelu(other) => relu(x + other),
        }
    }
}

/// Batch normalization of `[N, C, H, W]` by the batch's own mean and variance, times `gamma` `[C]`, plus `beta` `[C]`
/// (Ioffe and Szegedy 2015), and what comes after it.
pub fn batch_norm_train(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    after: After,
) -> BatchNormTrained {
    if let Some(done) = apply(&x, &gamma, &beta, epsilon, &after) {
        return done;
    }
    let out = module::batch_norm_train(x, gamma, beta, epsilon);
    BatchNormTrained {
        output: after.apply(out.output),
        mean: out.mean.detach(),
        variance: out.variance.detach(),
    }
}

/// `None` on devices other than the processor's with gradients.
fn apply(
    x: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
    after: &After,
) -> Option<BatchNormTrained> {
    let dims = x.dims();
    if dims.contains(&0) {
        return None;
    }
    let device = x.device();
    let (x, x_node) = primitive::<Tracked, 4>(x)?.into_parts();
    let (gamma, gamma_node) = primitive::<Tracked, 1>(gamma)?.into_parts();
    let (beta, beta_node) = primitive::<Tracked, 1>(beta)?.into_parts();
    let (x, gamma, beta) = (in_order(x), in_order(gamma), in_order(beta));
    let residual = match after {
        After::AddRelu(residual) => {
            // Shapes that would be spread out are burn's business.
            let same = residual.dims() == dims;
            Some(primitive::<Tracked, 4>(residual).filter(|_| same)?.into_parts())
        }
        After::Nothing | After::Relu => None,
    };

    let [batch, channels, height, width] = dims;
    let moments = moments(numbers(&x), channels, height * width);
    let inverse: Vec<f32> = moments.iter().map(|m| (1.0 / (m.variance + epsilon).sqrt()) as f32).collect();
    let mean: Vec<f32> = moments.iter().map(|m| m.mean as f32).collect();
    let variance: Vec<f32> = moments.iter().map(|m| m.variance as f32).collect();
    let affine: Vec<Affine> = (0..channels)
        .map(|c| Affine { mean: mean[c], scale: inverse[c] * numbers(&gamma)[c], shift: numbers(&beta)[c] })
        .collect();

    let mut norm = Norm {
        count: batch * height * width,
        plane: height * width,
        affine,
        inverse,
        x,
        after: match after {
            After::Nothing => Saved::Nothing,
            After::Relu => Saved::Relu,
            After::AddRelu(_) => Saved::AddRelu(None),
        },
    };
    let nodes = [x_node, gamma_node, beta_node];
    let output = match residual {
        None => {
            let y = tensor(norm.forward(None), dims);
            track(norm, nodes, y)
        }
        Some((residual, node)) => {
            let y = tensor(norm.forward(Some(numbers(&in_order(residual)))), dims);
            norm.after = Saved::AddRelu(Some(y.clone()));
            let [x, gamma, beta] = nodes;
            track(norm, [x, gamma, beta, node], y)
        }
    };
    Some(BatchNormTrained {
        output: Tensor::from_primitive::<Tracked>(output),
        mean: Tensor::from_floats(mean.as_slice(), &device),
        variance: Tensor::from_floats(variance.as_slice(), &device),
    })
}

fn track<const N: usize>(norm: Norm, nodes: [NodeGuard; N], y: FlexTensor) -> FloatTensor<Tracked> {
    match NormBackward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(norm, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: f64,
    variance: f64,
}

/// Mean and biased variance of each channel. Planes first, about their own mean, so that no digits cancel.
fn moments(x: &[f32], channels: usize, plane: usize) -> Vec<Moments> {
    let planes: Vec<Moments> = x.par_chunks_exact(plane).map(plane_moments).collect();
    let samples = (planes.len() / channels) as f64;
    (0..channels)
        .map(|c| {
            let of_channel = || planes.iter().skip(c).step_by(channels);
            let mean = of_channel().map(|m| m.mean).sum::<f64>() / samples;
            let variance = of_channel().map(|m| m.variance + (m.mean - mean).powi(2)).sum::<f64>() / samples;
            Moments { mean, variance }
        })
        .collect()
}

fn plane_moments(values: &[f32]) -> Moments {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let n = values.len() as f64;
            let centre = (sum_of(values, |v| v) / n) as f32;
            let mean = f64::from(centre) + sum_of(values, |v| v - centre) / n;
            let variance =
                sum_of(values, |v| (v - centre) * (v - centre)) / n - (mean - f64::from(centre)).powi(2);
            Moments { mean, variance: variance.max(0.0) }
        },
    )
}

/// The sum of a plane.
pub(super) fn sum(values: &[f32]) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || sum_of(values, |v| v) as f32,
    )
}

const LANES: usize = 64;

/// In many lanes: exact enough for large planes, and quick.
#[inline(always)]
fn sum_of(values: &[f32], map: impl Fn(f32) -> f32) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += map(*value);
        }
    }
    lanes.into_iter().chain(rest.iter().map(|v| map(*v))).map(f64::from).sum()
}

/// `y = (x - mean) * scale + shift`
#[derive(Debug, Clone, Copy)]
struct Affine {
    mean: f32,
    scale: f32,
    shift: f32,
}

impl Affine {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        (x - self.mean) * self.scale + self.shift
    }
}

#[derive(Debug, Clone)]
enum Saved {
    Nothing,
    /// Where the output is above 0 follows from the input.
    Relu,
    /// Here from the output itself; `None` until it is there.
    AddRelu(Option<FlexTensor>),
}

#[derive(Debug, Clone)]
struct Norm {
    /// Numbers of a channel.
    count: usize,
    /// Numbers of a channel of one sample.
    plane: usize,
    affine: Vec<Affine>,
    /// One over the deviation.
    inverse: Vec<f32>,
    x: FlexTensor,
    after: Saved,
}

/// The gradients of input, scale, shift and residual.
struct NormGradients {
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    residual: Vec<f32>,
}

impl Norm {
    fn forward(&self, residual: Option<&[f32]>) -> Vec<f32> {
        let x = numbers(&self.x);
        let mut y = vec![0.0; x.len()];
        let relu = !matches!(self.after, Saved::Nothing);
        y.par_chunks_exact_mut(self.plane).enumerate().for_each(|(i, y)| {
            let part = i * self.plane..(i + 1) * self.plane;
            let (x, affine) = (&x[part.clone()], self.affine[i % self.affine.len()]);
            Arch::new().dispatch(
                #[inline(always)]
                || match residual {
                    Some(r) => {
                        for ((y, x), r) in y.iter_mut().zip(x).zip(&r[part]) {
                            *y = (affine.of(*x) + r).max(0.0);
                        }
                    }
                    None if relu => y.iter_mut().zip(x).for_each(|(y, x)| *y = affine.of(*x).max(0.0)),
                    None => y.iter_mut().zip(x).for_each(|(y, x)| *y = affine.of(*x)),
                },
            );
        });
        y
    }

    /// From the gradient of the output. Works in the memory of both, which nothing else needs by then.
    fn backward(self, y: FlexTensor) -> NormGradients {
        let Self { count, plane, affine, inverse, x, after } = self;
        let channels = affine.len();
        let (mut x, mut slope) = (into_numbers(x), into_numbers(y));
        let output = match &after {
            Saved::AddRelu(Some(output)) => Some(numbers(output)),
            _ => None,
        };
        let relu = matches!(after, Saved::Relu);

        // Sums of the gradient, and of the gradient times the centred input, a plane.
        let sums: Vec<[f64; 2]> = slope
            .par_chunks_exact_mut(plane)
            .zip(x.par_chunks_exact(plane))
            .enumerate()
            .map(|(i, (slope, x))| {
                let affine = affine[i % channels];
                Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        if let Some(output) = output {
                            for (s, y) in slope.iter_mut().zip(&output[i * plane..][..plane]) {
                                *s = if *y > 0.0 { *s } else { 0.0 };
                            }
                        } else if relu {
                            for (s, x) in slope.iter_mut().zip(x) {
                                *s = if affine.of(*x) > 0.0 { *s } else { 0.0 };
                            }
                        }
                        [sum_of(slope, |s| s), sum_of_products(slope, x, affine.mean)]
                    },
                )
            })
            .collect();
        let mut totals = vec![[0.0f64; 2]; channels];
        for sums in sums.chunks_exact(channels) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                total[0] += sum[0];
                total[1] += sum[1];
            }
        }

        // dx = scale * (dy - mean of dy - x^ * mean of dy x^), x^ being the normalized input.
        x.par_chunks_exact_mut(plane).zip(slope.par_chunks_exact(plane)).enumerate().for_each(
            |(i, (x, slope))| {
                let c = i % channels;
                let Affine { mean, scale, .. } = affine[c];
                let inverse = f64::from(inverse[c]);
                let level = (totals[c][0] / count as f64) as f32;
                let tilt = (totals[c][1] * inverse * inverse / count as f64) as f32;
                Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for (x, s) in x.iter_mut().zip(slope) {
                            *x = scale * (s - level - (*x - mean) * tilt);
                        }
                    },
                );
            },
        );
        let gamma =
            totals.iter().zip(&inverse).map(|(t, inverse)| (t[1] * f64::from(*inverse)) as f32).collect();
        let beta = totals.iter().map(|t| t[0] as f32).collect();
        NormGradients { x, gamma, beta, residual: slope }
    }
}

#[inline(always)]
fn sum_of_products(slope: &[f32], x: &[f32], mean: f32) -> f64 {
    let ((slopes, slope_rest), (xs, x_rest)) = (slope.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let mut lanes = [0.0f32; LANES];
    for (slope, x) in slopes.iter().zip(xs) {
        for l in 0..LANES {
            lanes[l] += slope[l] * (x[l] - mean);
        }
    }
    let rest = slope_rest.iter().zip(x_rest).map(|(s, x)| s * (x - mean));
    lanes.into_iter().chain(rest).map(f64::from).sum()
}

/// Parents: input, scale, shift and, where there is one, residual.
#[derive(Debug)]
struct NormBackward;

impl<const N: usize> Backward<Flex, N> for NormBackward {
    type State = Norm;

    fn backward(self, ops: Ops<Norm, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let y = gradients.consume::<Flex>(&ops.node);
        let channels = ops.state.affine.len();
        let dims = numbers_dims(&ops.state.x);
        let NormGradients { x, gamma, beta, residual } = ops.state.backward(y);
        let made =
            [tensor(x, dims), tensor(gamma, [channels]), tensor(beta, [channels]), tensor(residual, dims)];
        for (parent, gradient) in ops.parents.into_iter().zip(made) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

fn numbers_dims(x: &FlexTensor) -> [usize; 4] {
    x.layout().shape().dims()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};

    fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::random(dims, Distribution::Uniform(-1.0, 1.0), device)
    }

    fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    const NAMES: [&str; 7] = ["output", "mean", "variance", "x", "gamma", "beta", "residual"];

    /// Output, statistics and gradients.
    fn all(
        run: impl Fn(Tensor<4>, Tensor<1>, Tensor<1>, After) -> BatchNormTrained,
        x: &Tensor<4>,
        [gamma, beta]: [&Tensor<1>; 2],
        after: &After,
        slope: &Tensor<4>,
    ) -> Vec<Vec<f32>> {
        let x = x.clone().autodiff().require_grad();
        let [gamma, beta] = [gamma, beta].map(|t| t.clone().autodiff().require_grad());
        let (after, residual) = match after {
            After::AddRelu(residual) => {
                let residual = residual.clone().autodiff().require_grad();
                (After::AddRelu(residual.clone()), Some(residual))
            }
            other => (other.clone(), None),
        };
        let out = run(x.clone(), gamma.clone(), beta.clone(), after);
        let gradients = (out.output.clone() * slope.clone().autodiff()).sum().backward();
        let mut all = vec![
            values(out.output),
            values(out.mean),
            values(out.variance),
            values(x.grad(&gradients).unwrap()),
            values(gamma.grad(&gradients).unwrap()),
            values(beta.grad(&gradients).unwrap()),
        ];
        all.extend(residual.map(|r| values(r.grad(&gradients).unwrap())));
        all
    }

    fn by_burn(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, after: After) -> BatchNormTrained {
        let out = module::batch_norm_train(x, gamma, beta, 1e-5);
        BatchNormTrained { output: after.apply(out.output), mean: out.mean, variance: out.variance }
    }

    #[test]
    fn outputs_statistics_and_gradients_equal_those_of_burn() {
        let device = crate::device::cpu();
        for dims in [[1, 1, 1, 2], [2, 3, 5, 7], [4, 5, 1, 80], [2, 16, 40, 33], [1, 2, 150, 200]] {
            // Far from 0, where digits could cancel.
            let x = random(dims, &device) + 3.0;
            let [gamma, beta] = [0, 1].map(|_| random([dims[1]], &device));
            let slope = random(dims, &device);
            for after in [After::Nothing, After::Relu, After::AddRelu(random(dims, &device))] {
                let run = |x, gamma, beta, after| batch_norm_train(x, gamma, beta, 1e-5, after);
                let ours = all(run, &x, [&gamma, &beta], &after, &slope);
                let theirs = all(by_burn, &x, [&gamma, &beta], &after, &slope);
                assert_eq!(ours.len(), theirs.len());
                // Gradients of the channels' numbers sum so many slopes of both signs, and may come out near zero.
                let terms = (dims.iter().product::<usize>() / dims[1]) as f32;
                for ((ours, theirs), name) in ours.iter().zip(&theirs).zip(NAMES) {
                    let scale = if matches!(name, "gamma" | "beta") { terms.sqrt() } else { 1.0 };
                    let largest = theirs.iter().fold(scale, |m, v| m.max(v.abs()));
                    for (a, b) in ours.iter().zip(theirs) {
                        assert!((a - b).abs() < 1e-5 * largest, "{name} of {dims:?}, {after:?}: {a}, {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_processor_has_its_own_kernel() {
        let device = crate::device::cpu().autodiff();
        let [gamma, beta] = [0, 1].map(|_| random([3], &device));
        for after in [After::Nothing, After::Relu, After::AddRelu(random([2, 3, 4, 5], &device))] {
            assert!(apply(&random([2, 3, 4, 5], &device), &gamma, &beta, 1e-5, &after).is_some());
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let device = crate::device::cpu();
        let dims = [5, 7, 23, 31];
        let x = random(dims, &device);
        let [gamma, beta] = [0, 1].map(|_| random([dims[1]], &device));
        let (slope, after) = (random(dims, &device), After::AddRelu(random(dims, &device)));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let run = |x, gamma, beta, after| batch_norm_train(x, gamma, beta, 1e-5, after);
            pool.install(|| all(run, &x, [&gamma, &beta], &after, &slope))
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn an_input_that_is_used_elsewhere_stays_as_it_is() {
        let device = crate::device::cpu().autodiff();
        let x = random([2, 3, 4, 5], &device).require_grad();
        let before = values(x.clone());
        let [gamma, beta] = [0, 1].map(|_| random([3], &device));
        let out = batch_norm_train(x.clone(), gamma, beta, 1e-5, After::AddRelu(x.clone())).output;
        let output = values(out.clone());
        let gradients = out.clone().sum().backward();
        assert!(x.grad(&gradients).is_some());
        assert_eq!((values(x), values(out)), (before, output));
    }
}
