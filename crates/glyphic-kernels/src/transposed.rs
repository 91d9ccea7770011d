//! Transposed convolution whose windows overlap: each phase of the output is a dense convolution of its own.

use crate::product::{Addend, Rows};
use crate::{Activation, Map, Packed, Target};

/// Where a transposed convolution of one group writes; sizes are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransposedShape {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Size of the window that a pixel is spread over, at least the stride.
    pub kernel: [usize; 2],
    /// Pixels of the output between those windows.
    pub stride: [usize; 2],
    /// Pixels cut off above and left.
    pub before: [usize; 2],
    /// Pixels cut off below and right.
    pub after: [usize; 2],
    /// Pixels added below and right.
    pub extra: [usize; 2],
}

impl TransposedShape {
    /// Size of the output; `None` where more is cut off than there is.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let axis = |a: usize| {
            let whole = size[a].checked_sub(1)? * self.stride[a] + self.kernel[a] + self.extra[a];
            whole.checked_sub(self.before[a] + self.after[a])
        };
        Some([axis(0)?, axis(1)?])
    }

    /// Pixels of the window that fall on a phase of the output.
    fn taps(&self, axis: usize, phase: usize) -> usize {
        (self.kernel[axis] - phase).div_ceil(self.stride[axis])
    }

    /// Pixels around the input that are read as zeros.
    fn frame(&self) -> [usize; 2] {
        std::array::from_fn(|a| {
            let start = (0..self.stride[a]).map(|y| {
                let at = y + self.before[a];
                self.taps(a, at % self.stride[a]).saturating_sub(1 + at / self.stride[a])
            });
            let end = (self.kernel[a] + self.extra[a]).saturating_sub(1 + self.after[a]) / self.stride[a];
            start.max().unwrap_or(0).max(end)
        })
    }
}

/// A transposed convolution of constant weights.
#[derive(Debug)]
pub struct Transposed {
    shape: TransposedShape,
    frame: [usize; 2],
    /// For each phase, rows first: its taps in the order of the input's pixels.
    phases: Vec<Packed>,
}

impl Transposed {
    /// From weights `[inputs, outputs, kernel height, kernel width]` and one bias an output.
    ///
    /// # Panics
    /// Where the lengths do not fit the shape, or a kernel is smaller than its stride.
    pub fn new(shape: TransposedShape, weights: &[f32], bias: Option<&[f32]>) -> Self {
        let [kh, kw] = shape.kernel;
        assert_eq!(weights.len(), shape.inputs * shape.outputs * kh * kw, "the weights do not fit the shape");
        assert!((0..2).all(|a| shape.kernel[a] >= shape.stride[a] && shape.stride[a] > 0), "{shape:?}");
        let [sy, sx] = shape.stride;
        let phases = (0..sy * sx)
            .map(|phase| {
                let (py, px) = (phase / sx, phase % sx);
                let (ty, tx) = (shape.taps(0, py), shape.taps(1, px));
                Packed::new(ty * tx * shape.inputs, shape.outputs, bias, |k, output| {
                    let (tap, input) = (k / shape.inputs, k % shape.inputs);
                    // The first pixel read is the one that the window's last pixel falls from.
                    let (ky, kx) = (py + (ty - 1 - tap / tx) * sy, px + (tx - 1 - tap % tx) * sx);
                    weights[((input * shape.outputs + output) * kh + ky) * kw + kx]
                })
            })
            .collect();
        Self { shape, frame: shape.frame(), phases }
    }

    /// Sizes and steps.
    pub fn shape(&self) -> &TransposedShape {
        &self.shape
    }

    /// Pixels around the input that are read as zeros.
    pub fn frame(&self) -> [usize; 2] {
        self.frame
    }

    /// `activation(transposed conv(input) + bias)` into all channels of the target.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says, or the input a smaller frame.
    pub fn run(&self, input: &[f32], map: Map, activation: Activation, target: Target<'_>) {
        let (out, shape) = (target.map, self.shape);
        let [sy, sx] = shape.stride;
        assert_eq!(
            shape.output([map.height, map.width]),
            Some([out.height, out.width]),
            "the target has another size"
        );
        assert_eq!([map.channels, out.channels], [shape.inputs, shape.outputs], "the channels do not fit");
        assert!((0..2).all(|a| map.frame[a] >= self.frame[a]), "the input's frame is too small");
        let taps = shape.kernel[0] * shape.kernel[1] / (sy * sx);
        let cost = out.width * map.channels * shape.outputs * taps / 32;
        out.for_each_row(target.values, cost, |image, y, row| {
            let at = y + shape.before[0];
            let (py, ty) = (at % sy, shape.taps(0, at % sy));
            let segments: Vec<usize> = (0..ty).map(|i| i * map.row_len()).collect();
            // Rows and columns count from the frame's first.
            let top = at / sy + 1 + map.frame[0] - ty;
            for px in 0..sx {
                let tx = shape.taps(1, px);
                let first = (px + sx - shape.before[1] % sx) % sx;
                let left = (first + shape.before[1]) / sx + 1 + map.frame[1] - tx;
                Rows {
                    packed: &self.phases[py * sx + px],
                    input: input
                        .get(image * map.image_len() + top * map.row_len() + left * map.channels..)
                        .unwrap_or_default(),
                    step: map.channels,
                    segments: &segments,
                    lines: None,
                    count: out.width.saturating_sub(first).div_ceil(sx),
                    addend: None::<Addend<'_>>,
                    activation,
                    to_step: sx * shape.outputs,
                    to: row.get_mut(first * shape.outputs..).unwrap_or_default(),
                }
                .run();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, framed, numbers, unframed};

    #[test]
    fn overlapping_windows_add_up() {
        let cases = [
            ([4, 4], [2, 2], [1, 1], [1, 1], [0, 0]),
            ([3, 3], [2, 2], [1, 1], [1, 1], [1, 1]),
            ([3, 5], [1, 2], [0, 2], [1, 1], [0, 0]),
            ([5, 3], [3, 3], [4, 0], [0, 2], [2, 1]),
            ([2, 2], [2, 2], [0, 1], [1, 0], [0, 0]),
        ];
        for (kernel, stride, before, after, extra) in cases {
            for (inputs, outputs) in [(3, 1), (5, 20)] {
                let shape = TransposedShape { inputs, outputs, kernel, stride, before, after, extra };
                let [kh, kw] = kernel;
                let weights = numbers(inputs * outputs * kh * kw, 1);
                let bias = numbers(outputs, 2);
                let layer = Transposed::new(shape, &weights, Some(&bias));
                let map = Map::new(2, 3, 4, inputs);
                let x = numbers(map.len(), 3);
                let [height, width] = shape.output([3, 4]).unwrap();
                let mut expected = Vec::new();
                for i in 0..2 * height * width * outputs {
                    let (o, at) = (i % outputs, i / outputs);
                    let (ox, oy, n) = (at % width, at / width % height, at / width / height);
                    let mut sum = f64::from(bias[o]);
                    for j in 0..3 * 4 * kh * kw {
                        let (kx, ky, ix, iy) = (j % kw, j / kw % kh, j / kw / kh % 4, j / kw / kh / 4);
                        if iy * stride[0] + ky == oy + before[0] && ix * stride[1] + kx == ox + before[1] {
                            for c in 0..inputs {
                                sum += f64::from(x[((n * 3 + iy) * 4 + ix) * inputs + c])
                                    * f64::from(weights[((c * outputs + o) * kh + ky) * kw + kx]);
                            }
                        }
                    }
                    expected.push(sum.max(0.0));
                }
                let out_map = Map::new(2, height, width, outputs).framed([1, 2]);
                let mut out = vec![f32::NAN; out_map.len()];
                let [fy, fx] = layer.frame();
                for frame in [[fy, fx], [fy + 1, fx + 2]] {
                    let input = map.framed(frame);
                    let target = Target { values: &mut out, map: out_map, channel: 0 };
                    layer.run(&framed(&x, input), input, Activation::Relu, target);
                    assert_close(&unframed(&out, out_map), &expected, 1e-6, &format!("{shape:?}"));
                }
            }
        }
    }
}
