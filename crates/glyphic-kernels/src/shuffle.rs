//! Transposed convolution whose windows do not overlap: a product a pixel, and its outputs put beside each other.

use crate::map::rows_a_task;
use crate::product::{Addend, Rows, lanes};
use crate::{Activation, Map, Packed, Target, scratch};

/// A transposed convolution with stride equal to its kernel and no padding.
#[derive(Debug)]
pub struct Shuffle {
    kernel: [usize; 2],
    outputs: usize,
    /// A product for each row of the kernel, outputs `[kernel width, outputs]`; a single one for all of them, outputs `[kernel
    /// height, kernel width, outputs]`, where these fit in a vector.
    rows: Vec<Packed>,
}

impl Shuffle {
    /// From weights `[inputs, outputs, kernel height, kernel width]` and one bias an output.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        weights: &[f32],
        bias: Option<&[f32]>,
    ) -> Self {
        let [kh, kw] = kernel;
        assert_eq!(weights.len(), inputs * outputs * kh * kw, "the weights do not fit the shape");
        let together = if kh * kw * outputs <= lanes() { kh } else { 1 };
        let bias = bias.map(|bias| bias.repeat(together * kw));
        let rows = (0..kh)
            .step_by(together)
            .map(|first| {
                Packed::new(inputs, together * kw * outputs, bias.as_deref(), |input, at| {
                    let (at, output) = (at / outputs, at % outputs);
                    weights[((input * outputs + output) * kh + first + at / kw) * kw + at % kw]
                })
            })
            .collect();
        Self { kernel, outputs, rows }
    }

    /// Size of the output.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        [size[0] * self.kernel[0], size[1] * self.kernel[1]]
    }

    /// Channels of the input.
    pub fn inputs(&self) -> usize {
        self.rows.first().map_or(0, Packed::inner)
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The same of the map that another one makes of `input`, row by row, so that the map need not be kept.
    ///
    /// # Panics
    /// As [`Shuffle::run`], and where the other one's outputs are not this one's inputs.
    pub fn run_after(
        &self,
        (before, before_activation): (&Self, Activation),
        input: &[f32],
        map: Map,
        activation: Activation,
        target: Target<'_>,
    ) {
        assert_eq!(before.outputs, self.inputs(), "the first one makes another number of channels");
        let out = target.map;
        let size = self.output(before.output([map.height, map.width]));
        assert_eq!([out.height, out.width], size, "the target has another size");
        let row = Map::new(1, 1, map.width, map.channels);
        let [height, width] = before.output([1, map.width]);
        let made = Map::new(1, height, width, before.outputs);
        let group = height * self.kernel[0];
        out.for_each_rows(target.values, group, |image, first, rows| {
            scratch::with(made.len(), |values| {
                let target = Target { values, map: made, channel: 0 };
                before.run(map.row(input, image, first / group), row, before_activation, target);
                let to = Map { batch: 1, height: group, frame: [0, out.frame[1]], ..out };
                self.run(values, made, activation, Target { values: rows, map: to, channel: 0 });
            });
        });
    }

    /// `activation(transposed conv(input) + bias)` into all channels of the target.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says.
    pub fn run(&self, input: &[f32], map: Map, activation: Activation, target: Target<'_>) {
        let out = target.map;
        assert_eq!(
            [out.height, out.width],
            self.output([map.height, map.width]),
            "the target has another size"
        );
        assert_eq!(out.channels, self.outputs, "the target has other channels");
        let [kh, kw] = self.kernel;
        let cost = map.width * map.channels * self.outputs * kw / 32;
        let product = |packed, image, y, activation, to_step, to: &mut [f32]| {
            Rows {
                packed,
                input: map.row(input, image, y),
                step: map.channels,
                segments: &[0],
                lines: None,
                count: map.width,
                addend: None::<Addend<'_>>,
                activation,
                to_step,
                to,
            }
            .run();
        };
        let width = kw * self.outputs;
        let ([packed], true) = (&self.rows[..], kh > 1) else {
            return out.for_each_row(target.values, cost, |image, y, row| {
                product(&self.rows[y % kh], image, y / kh, activation, width, row);
            });
        };
        let (out_len, margin) = (out.row_len(), out.frame[1] * out.channels);
        let group = rows_a_task(cost, out.height).next_multiple_of(kh);
        out.for_each_rows(target.values, group, |image, first, rows| {
            scratch::with(map.width * kh * width, |windows| {
                for (i, rows) in rows.chunks_exact_mut(kh * out_len).enumerate() {
                    product(packed, image, first / kh + i, Activation::None, kh * width, windows);
                    for (y, row) in rows.chunks_exact_mut(out_len).enumerate() {
                        let row = &mut row[margin..out_len - margin];
                        take_columns(windows, kh * width, y * width, row, width);
                        activation.apply(row);
                    }
                }
            });
        });
    }
}

/// Copies `width` numbers at `first` of each `step` numbers, one behind the other.
fn take_columns(from: &[f32], step: usize, first: usize, to: &mut [f32], width: usize) {
    if width == 2 {
        // Most of all: a transposed convolution 2x2 to a single map.
        for (from, to) in from.chunks_exact(step).zip(to.as_chunks_mut::<2>().0) {
            to.copy_from_slice(&from[first..first + 2]);
        }
    } else {
        for (from, to) in from.chunks_exact(step).zip(to.chunks_exact_mut(width)) {
            to.copy_from_slice(&from[first..first + width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{framed, numbers, unframed};

    #[test]
    fn each_pixel_becomes_a_window_of_its_own() {
        for (inputs, outputs, kernel) in [
            (12, 12, [2, 2]),
            (5, 1, [2, 2]),
            (7, 20, [3, 2]),
            (6, 1, [1, 4]),
            (9, 1, [4, 1]),
            (4, 2, [2, 2]),
        ] {
            let [kh, kw] = kernel;
            let weights = numbers(inputs * outputs * kh * kw, 1);
            let bias = numbers(outputs, 2);
            let layer = Shuffle::new(inputs, outputs, kernel, &weights, Some(&bias));
            let map = Map::new(2, 3, 5, inputs);
            let x = numbers(map.len(), 3);
            let out_map = Map::new(2, 3 * kh, 5 * kw, outputs).framed([1, 2]);
            let mut out = vec![f32::NAN; out_map.len()];
            let input_map = map.framed([1, 1]);
            let target = Target { values: &mut out, map: out_map, channel: 0 };
            layer.run(&framed(&x, input_map), input_map, Activation::None, target);
            for (i, got) in unframed(&out, out_map).iter().enumerate() {
                let (o, at) = (i % outputs, i / outputs);
                let (ox, oy, n) = (at % (5 * kw), at / (5 * kw) % (3 * kh), at / (5 * kw) / (3 * kh));
                let mut sum = f64::from(bias[o]);
                for c in 0..inputs {
                    let v = x[((n * 3 + oy / kh) * 5 + ox / kw) * inputs + c];
                    sum +=
                        f64::from(v) * f64::from(weights[((c * outputs + o) * kh + oy % kh) * kw + ox % kw]);
                }
                assert!((f64::from(*got) - sum).abs() < 1e-5, "{kernel:?} {i}: {got} is not {sum}");
            }
        }
    }

    #[test]
    fn rows_of_another_one_are_those_of_its_map() {
        for (inputs, between, outputs, kernels) in
            [(12, 12, 1, [[2, 2], [2, 2]]), (5, 3, 20, [[3, 2], [1, 2]]), (4, 33, 2, [[2, 1], [2, 3]])]
        {
            let [first, second] = [(inputs, between, kernels[0], 1), (between, outputs, kernels[1], 2)].map(
                |(inputs, outputs, kernel, seed)| {
                    let weights = numbers(inputs * outputs * kernel[0] * kernel[1], seed);
                    Shuffle::new(inputs, outputs, kernel, &weights, Some(&numbers(outputs, seed + 5)))
                },
            );
            let map = Map::new(2, 3, 5, inputs).framed([1, 2]);
            let x = framed(&numbers(2 * 3 * 5 * inputs, 3), map);
            let [height, width] = first.output([3, 5]);
            let made_map = Map::new(2, height, width, between);
            let mut made = vec![f32::NAN; made_map.len()];
            first.run(&x, map, Activation::Relu, Target { values: &mut made, map: made_map, channel: 0 });
            let [height, width] = second.output([height, width]);
            let out_map = Map::new(2, height, width, outputs).framed([2, 1]);
            let mut expected = vec![f32::NAN; out_map.len()];
            let target = Target { values: &mut expected, map: out_map, channel: 0 };
            second.run(&made, made_map, Activation::Sigmoid, target);
            let mut got = vec![f32::NAN; out_map.len()];
            let target = Target { values: &mut got, map: out_map, channel: 0 };
            second.run_after((&first, Activation::Relu), &x, map, Activation::Sigmoid, target);
            assert_eq!(got, expected, "{inputs} {between} {outputs}");
        }
    }
}
