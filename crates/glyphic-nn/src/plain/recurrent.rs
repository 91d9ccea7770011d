//! The hidden part of an LSTM: the steps run on slices, samples on their own threads.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Conv, FeatureMap};

/// Samples that share each weight while it is in a register.
const GROUP: usize = 4;
/// Vectors of gates that share each hidden value: with [`GROUP`] they hide the latency of a multiply-add.
const VECTORS: usize = 2;

/// What an LSTM's direction does step by step, after the input has been multiplied by its weights.
pub struct Recurrence {
    /// Panels `[hidden, VECTORS * lanes]`.
    weights: Vec<f32>,
    hidden: usize,
    reverse: bool,
}

impl Recurrence {
    /// From the hidden weights `[4 * hidden, hidden]`, gates in PyTorch's order i, f, g, o; `reverse` reads the steps
    /// backwards.
    pub fn new(hh: &[f32], hidden: usize, reverse: bool) -> Self {
        Self { weights: Arch::new().dispatch(Pack { hh, hidden }), hidden, reverse }
    }

    /// What the input adds to the gates, `[T, N, 4 * hidden]` for a batch of N -> states `[T, N, hidden]`. States
    /// start at 0.
    pub fn run(&self, gates: &[f32], batch: usize) -> Vec<f32> {
        let row = batch * self.hidden;
        let steps = gates.len() / (4 * row).max(1);
        // [N / GROUP][T, GROUP, hidden]
        let groups: Vec<Vec<f32>> = (0..batch)
            .into_par_iter()
            .step_by(GROUP)
            .map(|first| {
                let pass = Pass { gates, recurrence: self, steps, batch };
                Arch::new().dispatch(Group { pass: &pass, first })
            })
            .collect();
        let mut out = Vec::with_capacity(steps * row);
        for t in 0..steps {
            for group in &groups {
                let size = group.len() / steps;
                out.extend_from_slice(&group[self.step(t, steps) * size..][..size]);
            }
        }
        out
    }

    /// The position of a step in the order of reading, and the other way round.
    fn step(&self, t: usize, steps: usize) -> usize {
        if self.reverse { steps - 1 - t } else { t }
    }
}

/// An LSTM of one or two directions. Lines read together share each step's weights.
pub struct Lstm {
    /// The input's part of the gates and the recurrence of each direction, forwards first.
    directions: Vec<(Conv, Recurrence)>,
}

impl Lstm {
    /// From each direction's input weights (and both biases) as a convolution of one pixel, and its recurrence.
    pub fn new(directions: Vec<(Conv, Recurrence)>) -> Self {
        Self { directions }
    }

    /// Lines `[1, T, input]`, all of one T -> `[1, T, hidden]`, or `[1, T, 2 * hidden]` of two directions, forwards
    /// first.
    ///
    /// # Panics
    /// Where the lines differ in T.
    pub fn forward(&self, lines: &[FeatureMap]) -> Vec<FeatureMap> {
        let count = lines.len();
        let steps = lines.first().map_or(0, |line| line.width);
        let states: Vec<Vec<f32>> = self
            .directions
            .par_iter()
            .map(|(input, recurrence)| {
                let size = 4 * recurrence.hidden;
                let own: Vec<_> = lines.par_iter().map(|line| input.forward(line, 0).into_values()).collect();
                // [N][T, size] -> [T, N, size]
                let mut gates = Vec::with_capacity(steps * count * size);
                for t in 0..steps {
                    own.iter().for_each(|gate| gates.extend_from_slice(&gate[t * size..(t + 1) * size]));
                }
                recurrence.run(&gates, count)
            })
            .collect();
        let outputs = self.directions.iter().map(|(_, recurrence)| recurrence.hidden);
        let channels = outputs.clone().sum();
        let line = |n: usize| {
            let mut out = FeatureMap::new(1, steps, channels, 0);
            out.for_each_row(|_, row| {
                for (t, row) in row.chunks_exact_mut(channels).enumerate() {
                    let mut rest = row;
                    for (states, hidden) in states.iter().zip(outputs.clone()) {
                        let (own, others) = rest.split_at_mut(hidden);
                        own.copy_from_slice(&states[(t * count + n) * hidden..][..hidden]);
                        rest = others;
                    }
                }
            });
            out
        };
        (0..count).map(line).collect()
    }
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
    recurrence: &'a Recurrence,
    steps: usize,
    batch: usize,
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
        let Pass { gates, recurrence, steps, batch } = *self.pass;
        let Recurrence { weights, hidden, .. } = recurrence;
        let hidden = *hidden;
        let width = VECTORS * S::F32_LANES;
        let padded = (4 * hidden).next_multiple_of(width);
        let mut states = vec![0.0f32; steps * count * hidden];
        let mut c = vec![0.0f32; count * hidden];
        // [GROUP, padded] and [hidden, GROUP]
        let mut gate = vec![0.0f32; GROUP * padded];
        let mut h = vec![[0.0f32; GROUP]; hidden];
        for t in 0..steps {
            for n in 0..count {
                let row = (recurrence.step(t, steps) * batch + self.first + n) * 4 * hidden;
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
