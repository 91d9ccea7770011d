use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Distribution, Tensor};

/// Configuration of [`Lstm`].
#[derive(Debug, Clone, PartialEq)]
pub struct LstmConfig {
    /// Input features.
    pub input: usize,
    /// Hidden features a direction.
    pub hidden: usize,
    /// Read the sequence backwards too.
    pub bidirectional: bool,
}

impl LstmConfig {
    /// Makes the module with PyTorch's initialization, uniform in +-1/sqrt(hidden).
    pub fn init(&self, device: &Device) -> Lstm {
        let bound = 1.0 / (self.hidden as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        let rows = 4 * self.hidden;
        let matrix = |columns| Param::from_tensor(Tensor::random([rows, columns], uniform, device));
        let vector = || Param::from_tensor(Tensor::random([rows], uniform, device));
        let reverse = self.bidirectional;
        Lstm {
            weight_ih_l0: matrix(self.input),
            weight_hh_l0: matrix(self.hidden),
            bias_ih_l0: vector(),
            bias_hh_l0: vector(),
            weight_ih_l0_reverse: reverse.then(|| matrix(self.input)),
            weight_hh_l0_reverse: reverse.then(|| matrix(self.hidden)),
            bias_ih_l0_reverse: reverse.then(vector),
            bias_hh_l0_reverse: reverse.then(vector),
        }
    }
}

/// One layer of LSTM (Hochreiter & Schmidhuber 1997) with PyTorch's names, layouts and gate order i, f, g, o.
///
/// All time steps share one multiplication by the input weights; only the hidden part runs step by step.
#[derive(Module, Debug)]
pub struct Lstm {
    weight_ih_l0: Param<Tensor<2>>,
    weight_hh_l0: Param<Tensor<2>>,
    bias_ih_l0: Param<Tensor<1>>,
    bias_hh_l0: Param<Tensor<1>>,
    weight_ih_l0_reverse: Option<Param<Tensor<2>>>,
    weight_hh_l0_reverse: Option<Param<Tensor<2>>>,
    bias_ih_l0_reverse: Option<Param<Tensor<1>>>,
    bias_hh_l0_reverse: Option<Param<Tensor<1>>>,
}

impl Lstm {
    /// `[T, N, input] -> [T, N, hidden]`, or `[T, N, 2 * hidden]` when bidirectional: forwards, then backwards. States
    /// start at 0.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mut directions = vec![Direction {
            ih: self.weight_ih_l0.val(),
            hh: self.weight_hh_l0.val(),
            bias: self.bias_ih_l0.val() + self.bias_hh_l0.val(),
            reverse: false,
        }];
        if let (Some(ih), Some(hh), Some(bias_ih), Some(bias_hh)) = (
            &self.weight_ih_l0_reverse,
            &self.weight_hh_l0_reverse,
            &self.bias_ih_l0_reverse,
            &self.bias_hh_l0_reverse,
        ) {
            let bias = bias_ih.val() + bias_hh.val();
            directions.push(Direction { ih: ih.val(), hh: hh.val(), bias, reverse: true });
        }
        let device = x.device();
        let outputs = if device == crate::device::cpu() && !device.is_autodiff() {
            plain::forward(x, directions)
        } else {
            directions.into_iter().map(|d| d.forward(x.clone())).collect()
        };
        Tensor::cat(outputs, 2)
    }
}

/// The weights of one direction.
struct Direction {
    ih: Tensor<2>,
    hh: Tensor<2>,
    bias: Tensor<1>,
    reverse: bool,
}

impl Direction {
    /// What the input adds to the gates of all steps, `[T, N, input] -> [T * N, 4 * hidden]`.
    fn gates(&self, x: Tensor<3>) -> Tensor<2> {
        let [steps, batch, input] = x.dims();
        x.reshape([steps * batch, input]).matmul(self.ih.clone().transpose()) + self.bias.clone().unsqueeze()
    }

    /// `[T, N, input] -> [T, N, hidden]` by tensor operations.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [steps, batch, _] = x.dims();
        let [_, hidden] = self.hh.dims();
        let mut gates = Vec::with_capacity(steps);
        split(self.gates(x), steps, &mut gates);
        if self.reverse {
            gates.reverse();
        }
        let hh = self.hh.clone().transpose();
        let mut state: Option<[Tensor<2>; 2]> = None;
        let mut outputs = Vec::with_capacity(steps);
        for gate in gates {
            let gate = match &state {
                Some([h, _]) => gate + h.clone().matmul(hh.clone()),
                None => gate,
            };
            let part = |x: &Tensor<2>, k: usize| x.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);
            let open = sigmoid(gate.clone());
            let (i, f, g, o) = (part(&open, 0), part(&open, 1), part(&gate, 2).tanh(), part(&open, 3));
            let c = match state {
                Some([_, c]) => f * c + i * g,
                None => i * g,
            };
            let h = o * c.clone().tanh();
            outputs.push(h.clone());
            state = Some([h, c]);
        }
        if self.reverse {
            outputs.reverse();
        }
        Tensor::stack(outputs, 0)
    }
}

/// The rows of each step, by halving: the gradient of a slice is as large as what it was cut from, so cutting every
/// step from the whole would make training quadratic in the number of steps.
fn split(x: Tensor<2>, steps: usize, out: &mut Vec<Tensor<2>>) {
    let [rows, columns] = x.dims();
    match steps {
        0 => {}
        1 => out.push(x),
        _ => {
            let half = steps / 2;
            let cut = rows / steps * half;
            split(x.clone().slice([0..cut, 0..columns]), half, out);
            split(x.slice([cut..rows, 0..columns]), steps - half, out);
        }
    }
}

/// Inference on the processor, without a graph: the steps run on slices, samples and directions on their own threads.
mod plain {
    use burn::tensor::{Tensor, TensorData};
    use pulp::{Arch, Simd, WithSimd};
    use rayon::prelude::*;

    use super::Direction;

    /// Samples that share each weight while it is in a register.
    const GROUP: usize = 4;
    /// Vectors of gates that share each hidden value: with [`GROUP`] they hide the latency of a multiply-add.
    const VECTORS: usize = 2;

    /// One output `[T, N, hidden]` a direction.
    pub(super) fn forward(x: Tensor<3>, directions: Vec<Direction>) -> Vec<Tensor<3>> {
        let device = x.device();
        let [steps, batch, _] = x.dims();
        directions
            .into_par_iter()
            .map(|direction| {
                let [_, hidden] = direction.hh.dims();
                let gates = values(direction.gates(x.clone()));
                let weights = Arch::new().dispatch(Pack { hh: &values(direction.hh), hidden });
                let pass = Pass { gates: &gates, weights, steps, batch, hidden, reverse: direction.reverse };
                // [N / GROUP][T, GROUP, hidden]
                let groups: Vec<Vec<f32>> = (0..batch)
                    .into_par_iter()
                    .step_by(GROUP)
                    .map(|first| Arch::new().dispatch(Group { pass: &pass, first }))
                    .collect();
                let mut out = Vec::with_capacity(steps * batch * hidden);
                for t in 0..steps {
                    for group in &groups {
                        let size = group.len() / steps;
                        out.extend_from_slice(&group[pass.step(t) * size..][..size]);
                    }
                }
                Tensor::from_data(TensorData::new(out, [steps, batch, hidden]), &device)
            })
            .collect()
    }

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    /// Turns `hh`, `[4 * hidden, hidden]`, into panels `[hidden, VECTORS * lanes]`, the last padded with zeros.
    struct Pack<'a> {
        hh: &'a [f32],
        hidden: usize,
    }

    impl WithSimd for Pack<'_> {
        type Output = Vec<f32>;

        fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
            let width = VECTORS * S::F32_LANES;
            let rows = 4 * self.hidden;
            let mut panels = Vec::with_capacity(rows.next_multiple_of(width) * self.hidden);
            for first in (0..rows).step_by(width) {
                for k in 0..self.hidden {
                    let weight = |row| if row < rows { self.hh[row * self.hidden + k] } else { 0.0 };
                    panels.extend((first..first + width).map(weight));
                }
            }
            panels
        }
    }

    struct Pass<'a> {
        /// `[T, N, 4 * hidden]`
        gates: &'a [f32],
        weights: Vec<f32>,
        steps: usize,
        batch: usize,
        hidden: usize,
        reverse: bool,
    }

    impl Pass<'_> {
        /// The position of a step in the order of reading, and the other way round.
        fn step(&self, t: usize) -> usize {
            if self.reverse { self.steps - 1 - t } else { t }
        }
    }

    /// Up to [`GROUP`] samples from `first` on: gives their hidden states `[T, count, hidden]` in the order of reading.
    struct Group<'a> {
        pass: &'a Pass<'a>,
        first: usize,
    }

    impl WithSimd for Group<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            match GROUP.min(self.pass.batch - self.first) {
                1 => self.run::<S, 1>(simd, 1),
                count => self.run::<S, GROUP>(simd, count),
            }
        }
    }

    impl Group<'_> {
        #[inline(always)]
        fn run<S: Simd, const GROUP: usize>(self, simd: S, count: usize) -> Vec<f32> {
            let Pass { gates, weights, steps, batch, hidden, .. } = self.pass;
            let (steps, batch, hidden) = (*steps, *batch, *hidden);
            let width = VECTORS * S::F32_LANES;
            let padded = (4 * hidden).next_multiple_of(width);
            let mut states = vec![0.0f32; steps * count * hidden];
            let mut c = vec![0.0f32; count * hidden];
            // [GROUP, padded] and [hidden, GROUP]
            let mut gate = vec![0.0f32; GROUP * padded];
            let mut h = vec![[0.0f32; GROUP]; hidden];
            for t in 0..steps {
                for n in 0..count {
                    let row = (self.pass.step(t) * batch + self.first + n) * 4 * hidden;
                    gate[n * padded..][..4 * hidden].copy_from_slice(&gates[row..][..4 * hidden]);
                }
                if t > 0 {
                    for (p, panel) in weights.chunks_exact(hidden * width).enumerate() {
                        let (vectors, _) = S::as_simd_f32s(panel);
                        let (vectors, _) = vectors.as_chunks::<VECTORS>();
                        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; GROUP];
                        for (weights, h) in vectors.iter().zip(&h) {
                            for n in 0..GROUP {
                                let h = simd.splat_f32s(h[n]);
                                for v in 0..VECTORS {
                                    sums[n][v] = simd.mul_add_f32s(weights[v], h, sums[n][v]);
                                }
                            }
                        }
                        for n in 0..GROUP {
                            let (out, _) = S::as_mut_simd_f32s(&mut gate[n * padded + p * width..][..width]);
                            for v in 0..VECTORS {
                                out[v] = simd.add_f32s(out[v], sums[n][v]);
                            }
                        }
                    }
                }
                for n in 0..count {
                    let gate = &gate[n * padded..][..4 * hidden];
                    let (c, now) = (&mut c[n * hidden..], &mut states[(t * count + n) * hidden..]);
                    for k in 0..hidden {
                        let (i, f) = (sigmoid(gate[k]), sigmoid(gate[hidden + k]));
                        let (g, o) = (tanh(gate[2 * hidden + k]), sigmoid(gate[3 * hidden + k]));
                        c[k] = f * c[k] + i * g;
                        now[k] = o * tanh(c[k]);
                        h[k][n] = now[k];
                    }
                }
            }
            states
        }
    }

    fn sigmoid(v: f32) -> f32 {
        1.0 / (1.0 + (-v).exp())
    }

    /// To 1e-7; the standard library's is exact near 0, which nothing here needs, and several times slower.
    fn tanh(v: f32) -> f32 {
        2.0 * sigmoid(2.0 * v) - 1.0
    }
}

/// Configuration of [`BidirectionalLstm`].
#[derive(Debug, Clone, PartialEq)]
pub struct BidirectionalLstmConfig {
    /// Input features.
    pub input: usize,
    /// Hidden features a direction.
    pub hidden: usize,
    /// Output features.
    pub output: usize,
}

impl BidirectionalLstmConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> BidirectionalLstm {
        BidirectionalLstm {
            rnn: LstmConfig { input: self.input, hidden: self.hidden, bidirectional: true }.init(device),
            embedding: LinearConfig::new(2 * self.hidden, self.output).init(device),
        }
    }
}

/// A bidirectional LSTM and a linear layer over both directions (CRNN, Shi et al. 2015). Names: `rnn`, `embedding`.
#[derive(Module, Debug)]
pub struct BidirectionalLstm {
    rnn: Lstm,
    embedding: Linear,
}

impl BidirectionalLstm {
    /// `[T, N, input] -> [T, N, output]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.embedding.forward(self.rnn.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu;

    #[test]
    fn inference_on_the_processor_computes_what_training_computes() {
        for (bidirectional, hidden, batch) in [(false, 7, 1), (true, 32, 3), (true, 45, 9)] {
            let lstm = LstmConfig { input: 5, hidden, bidirectional }.init(&cpu());
            let x = Tensor::<3>::random([6, batch, 5], Distribution::Uniform(-1.0, 1.0), &cpu());
            let plain = lstm.forward(x.clone());
            assert_eq!(plain.dims(), [6, batch, if bidirectional { 2 * hidden } else { hidden }]);
            let trained = lstm.train().forward(Tensor::from_inner(x)).inner();
            let difference = (plain - trained).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-6, "{hidden}: {difference}");
        }
    }
}
