//! Long short-term memory, its gates by packed products.

use rayon::prelude::*;

use crate::{Activation, Packed, QuantizedProduct, product};

/// One direction of an LSTM. Gates are ONNX's: input, output, forget, cell.
#[derive(Debug)]
pub struct LstmDirection {
    /// Input -> gates, with both biases.
    input: Gates,
    /// State -> gates.
    state: Packed,
    hidden: usize,
    reverse: bool,
}

/// What makes gates of an input.
#[derive(Debug)]
enum Gates {
    Floats(Packed),
    Bytes(QuantizedProduct),
}

impl Gates {
    fn inner(&self) -> usize {
        match self {
            Self::Floats(packed) => packed.inner(),
            Self::Bytes(product) => product.inner(),
        }
    }
}

/// Samples whose steps one task runs.
const GROUP: usize = 8;

impl LstmDirection {
    /// From w `[4 * hidden, inputs]`, r `[4 * hidden, hidden]` and the sum of both biases `[4 * hidden]`; `reverse` reads
    /// the steps from the last one on.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(hidden: usize, w: &[f32], r: &[f32], bias: Option<&[f32]>, reverse: bool) -> Self {
        let gates = 4 * hidden;
        let inputs = w.len() / gates.max(1);
        assert_eq!([w.len(), r.len()], [gates * inputs, gates * hidden], "the weights do not fit the size");
        let input = Packed::new(inputs, gates, bias, |k, gate| w[gate * inputs + k]);
        Self::of(hidden, Gates::Floats(input), r, reverse)
    }

    /// As [`LstmDirection::new`], with a product of bytes from the input to the gates, with the sum of both biases.
    ///
    /// # Panics
    /// Where it has not `4 * hidden` outputs.
    pub fn of_bytes(hidden: usize, input: QuantizedProduct, r: &[f32], reverse: bool) -> Self {
        assert_eq!(
            [input.outputs(), r.len()],
            [4 * hidden, 4 * hidden * hidden],
            "the weights do not fit the size"
        );
        Self::of(hidden, Gates::Bytes(input), r, reverse)
    }

    fn of(hidden: usize, input: Gates, r: &[f32], reverse: bool) -> Self {
        let state = Packed::new(hidden, 4 * hidden, None, |k, gate| r[gate * hidden + k]);
        Self { input, state, hidden, reverse }
    }

    /// Numbers of a step.
    pub fn inputs(&self) -> usize {
        self.input.inner()
    }

    /// Whether its input is multiplied as bytes.
    pub fn has_bytes(&self) -> bool {
        matches!(self.input, Gates::Bytes(_))
    }

    /// Numbers of a state.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Steps `[T, N, inputs]` -> states `[T, N, hidden]`, and the last state and cell `[N, hidden]`. States and cells begin with `start`
    /// (`[N, hidden]` each), or at 0.
    ///
    /// # Panics
    /// Where there are not whole steps.
    pub fn run(
        &self,
        x: &[f32],
        batch: usize,
        start: Option<(&[f32], &[f32])>,
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (hidden, gates) = (self.hidden, 4 * self.hidden);
        let steps = x.len() / (batch * self.input.inner()).max(1);
        assert_eq!(x.len(), steps * batch * self.input.inner(), "part of a step is missing");
        let mut from_input = vec![0.0; steps * batch * gates];
        match &self.input {
            Gates::Floats(packed) => product(x, packed, None, Activation::None, &mut from_input),
            Gates::Bytes(bytes) => bytes.run(x, None, Activation::None, &mut from_input),
        }
        let mut states = vec![0.0; steps * batch * hidden];
        let groups: Vec<(usize, Vec<f32>, Vec<f32>)> = (0..batch)
            .into_par_iter()
            .step_by(GROUP)
            .map(|first| {
                let n = GROUP.min(batch - first);
                let mut own = vec![0.0; (steps + 1) * n * hidden];
                let mut cell = vec![0.0; n * hidden];
                if let Some((states, cells)) = start {
                    own[..n * hidden].copy_from_slice(&states[first * hidden..][..n * hidden]);
                    cell.copy_from_slice(&cells[first * hidden..][..n * hidden]);
                }
                let mut sums = vec![0.0; n * gates];
                for step in 0..steps {
                    let t = if self.reverse { steps - 1 - step } else { step };
                    let (before, after) = own.split_at_mut((step + 1) * n * hidden);
                    let before = &before[step * n * hidden..];
                    let given = &from_input[(t * batch + first) * gates..][..n * gates];
                    product(before, &self.state, Some(given), Activation::None, &mut sums);
                    for ((sums, cell), state) in sums
                        .chunks_exact_mut(gates)
                        .zip(cell.chunks_exact_mut(hidden))
                        .zip(after.chunks_exact_mut(hidden))
                    {
                        let (open, new) = sums.split_at_mut(3 * hidden);
                        Activation::Sigmoid.apply(open);
                        Activation::Tanh.apply(new);
                        for i in 0..hidden {
                            cell[i] = open[2 * hidden + i] * cell[i] + open[i] * new[i];
                        }
                        state.copy_from_slice(cell);
                        Activation::Tanh.apply(state);
                        state.iter_mut().zip(&open[hidden..2 * hidden]).for_each(|(s, o)| *s *= o);
                    }
                }
                (n, own, cell)
            })
            .collect();
        let (mut last, mut cells) = (Vec::with_capacity(batch * hidden), Vec::with_capacity(batch * hidden));
        let mut first = 0;
        for (n, own, cell) in groups {
            for step in 0..steps {
                let t = if self.reverse { steps - 1 - step } else { step };
                states[(t * batch + first) * hidden..][..n * hidden]
                    .copy_from_slice(&own[(step + 1) * n * hidden..][..n * hidden]);
            }
            last.extend_from_slice(&own[steps * n * hidden..]);
            cells.extend(cell);
            first += n;
        }
        (states, last, cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::numbers;

    #[test]
    fn states_equal_the_definition_in_both_directions() {
        let (steps, batch, inputs, hidden) = (5, 11, 7, 9);
        let x = numbers(steps * batch * inputs, 1);
        let (w, r, b) = (numbers(36 * 7, 2), numbers(36 * 9, 3), numbers(36, 4));
        let start = numbers(batch * hidden, 5);
        let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
        for reverse in [false, true] {
            let (states, last, cells) =
                LstmDirection::new(hidden, &w, &r, Some(&b), reverse).run(&x, batch, Some((&start, &start)));
            for n in 0..batch {
                let mut h: Vec<f64> = start[n * hidden..][..hidden].iter().map(|v| f64::from(*v)).collect();
                let mut c = h.clone();
                for step in 0..steps {
                    let t = if reverse { steps - 1 - step } else { step };
                    let gate = |g: usize| {
                        let mut sum = f64::from(b[g]);
                        for k in 0..inputs {
                            sum += f64::from(w[g * inputs + k]) * f64::from(x[(t * batch + n) * inputs + k]);
                        }
                        for k in 0..hidden {
                            sum += f64::from(r[g * hidden + k]) * h[k];
                        }
                        sum
                    };
                    let gates: Vec<f64> = (0..4 * hidden).map(gate).collect();
                    for i in 0..hidden {
                        c[i] = sigmoid(gates[2 * hidden + i]) * c[i]
                            + sigmoid(gates[i]) * gates[3 * hidden + i].tanh();
                        h[i] = sigmoid(gates[hidden + i]) * c[i].tanh();
                    }
                    for (i, h) in h.iter().enumerate() {
                        let got = f64::from(states[(t * batch + n) * hidden + i]);
                        assert!((got - h).abs() < 1e-5, "step {t}, sample {n}: {got} is not {h}");
                    }
                }
                for i in 0..hidden {
                    assert!((f64::from(last[n * hidden + i]) - h[i]).abs() < 1e-5);
                    assert!((f64::from(cells[n * hidden + i]) - c[i]).abs() < 1e-5);
                }
            }
        }
    }
}
