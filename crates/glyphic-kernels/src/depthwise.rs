//! Convolution of each channel with a kernel of its own.

use pulp::{Arch, Simd, WithSimd};

use crate::{Activation, ConvShape, Map, Target, product::lanes};

/// A depthwise convolution ready to run: one output a channel.
#[derive(Debug)]
pub struct Depthwise {
    shape: ConvShape,
    /// `[taps, channels]`, channels padded to whole vectors.
    weights: Vec<f32>,
    /// Padded like the channels.
    bias: Vec<f32>,
}

/// Pixels that share each weight while it is in a register.
const PIXELS: usize = 6;

/// The same where taps lie beside each other, and the inputs that the longest row of taps reads for them.
const SIDE_BY_SIDE: usize = 8;
const REACH: usize = SIDE_BY_SIDE + 7 - 1;

impl Depthwise {
    /// From weights `[channels, 1, kernel height, kernel width]` and one bias a channel; `None` where groups have more than
    /// one channel.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(shape: ConvShape, weights: &[f32], bias: Option<&[f32]>) -> Option<Self> {
        if shape.groups != shape.inputs || shape.groups != shape.outputs {
            return None;
        }
        let (channels, taps) = (shape.groups, shape.kernel[0] * shape.kernel[1]);
        assert_eq!(weights.len(), channels * taps, "the weights do not fit the shape");
        let padded = channels.next_multiple_of(lanes());
        let mut packed = vec![0.0; taps * padded];
        for (channel, weights) in weights.chunks_exact(taps).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                packed[tap * padded + channel] = *weight;
            }
        }
        let mut bias = bias.map_or_else(Vec::new, <[f32]>::to_vec);
        bias.resize(padded, 0.0);
        Some(Self { shape, weights: packed, bias })
    }

    /// Where it looks.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Channels of input and output.
    pub fn channels(&self) -> usize {
        self.shape.outputs
    }

    /// The frame that an input must have.
    pub fn frame(&self) -> [usize; 2] {
        std::array::from_fn(|a| self.shape.before[a].max(self.shape.after[a]))
    }

    /// `activation(conv(input) + bias)`.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says, or the input's frame is too narrow.
    pub fn run(&self, input: &[f32], map: Map, activation: Activation, target: Target<'_>) {
        let (frame, shape) = (self.frame(), &self.shape);
        let size = shape.output([map.height, map.width]);
        assert_eq!(map.channels, shape.inputs, "the map has not the channels that the weights have");
        assert!(
            map.frame[0] >= frame[0] && map.frame[1] >= frame[1],
            "the frame is narrower than the padding"
        );
        assert_eq!([target.map.height, target.map.width], size, "the target has another size");
        let row_len = map.row_len();
        let taps: Vec<usize> = (0..shape.kernel[0])
            .flat_map(|y| (0..shape.kernel[1]).map(move |x| (y, x)))
            .map(|(y, x)| y * shape.dilation[0] * row_len + x * shape.dilation[1] * map.channels)
            .collect();
        let out = target.map;
        let cost = out.width * shape.outputs * taps.len() / 16;
        out.for_each_row(target.values, cost, |image, y, row| {
            let first = image * map.image_len()
                + (y * shape.stride[0] + map.frame[0] - shape.before[0]) * row_len
                + (map.frame[1] - shape.before[1]) * map.channels;
            Arch::new().dispatch(Row {
                depthwise: self,
                taps: &taps,
                input: &input[first..],
                step: shape.stride[1] * map.channels,
                count: out.width,
                relu: matches!(activation, Activation::Relu),
                to: &mut row[target.channel..],
                to_step: out.channels,
            });
            if !activation.is_light() {
                if out.channels == shape.outputs {
                    activation.apply(row);
                } else {
                    for pixel in row.chunks_exact_mut(out.channels) {
                        activation.apply(&mut pixel[target.channel..target.channel + shape.outputs]);
                    }
                }
            }
        });
    }
}

struct Row<'a> {
    depthwise: &'a Depthwise,
    taps: &'a [usize],
    input: &'a [f32],
    step: usize,
    count: usize,
    relu: bool,
    to: &'a mut [f32],
    to_step: usize,
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let shape = &self.depthwise.shape;
        let channels = shape.outputs;
        let whole = channels - channels % S::F32_LANES;
        let dense = shape.stride[1] == 1 && shape.dilation[1] == 1;
        match (dense, shape.kernel[1]) {
            (true, 3) => self.span::<S, 3>(simd, whole),
            (true, 5) => self.span::<S, 5>(simd, whole),
            (true, 7) => self.span::<S, 7>(simd, whole),
            _ => {
                for first in (0..whole).step_by(S::F32_LANES) {
                    let mut x = 0;
                    while x + PIXELS <= self.count {
                        self.pixels::<S, PIXELS>(simd, first, x);
                        x += PIXELS;
                    }
                    for x in x..self.count {
                        self.pixels::<S, 1>(simd, first, x);
                    }
                }
            }
        }
        if whole < channels {
            for x in 0..self.count {
                self.part(simd, whole, channels - whole, x);
            }
        }
    }
}

/// A vector at an index.
#[inline(always)]
fn load<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0]
}

impl Row<'_> {
    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, first: usize, x: usize, sum: S::f32s) {
        let sum = if self.relu { simd.max_f32s(sum, simd.splat_f32s(0.0)) } else { sum };
        let at = x * self.to_step + first;
        S::as_mut_simd_f32s(&mut self.to[at..at + S::F32_LANES]).0[0] = sum;
    }

    /// All pixels of the first `channels`, whole vectors, of a kernel whose taps lie beside each other: each input is loaded once a
    /// row of taps, and all channels of some pixels together, for they lie side by side.
    #[inline(always)]
    fn span<S: Simd, const TAPS: usize>(&mut self, simd: S, channels: usize) {
        const N: usize = SIDE_BY_SIDE;
        let mut x = 0;
        while x < self.count {
            if self.count >= N {
                // The last run overlaps the one before it.
                x = x.min(self.count - N);
                for first in (0..channels).step_by(S::F32_LANES) {
                    self.run_of::<S, TAPS, N>(simd, first, x);
                }
                x += N;
            } else {
                for first in (0..channels).step_by(S::F32_LANES) {
                    self.run_of::<S, TAPS, 1>(simd, first, x);
                }
                x += 1;
            }
        }
    }

    #[inline(always)]
    fn run_of<S: Simd, const TAPS: usize, const N: usize>(&mut self, simd: S, first: usize, x: usize) {
        let padded = self.depthwise.bias.len();
        let step = self.step;
        let mut sums = [load::<S>(&self.depthwise.bias, first); N];
        for (row, offset) in self.taps.iter().step_by(TAPS).enumerate() {
            let weights: [S::f32s; TAPS] = std::array::from_fn(|tap| {
                load::<S>(&self.depthwise.weights, (row * TAPS + tap) * padded + first)
            });
            let input = &self.input[offset + x * step + first..];
            let mut values = [sums[0]; REACH];
            for (i, value) in values[..N + TAPS - 1].iter_mut().enumerate() {
                *value = load::<S>(input, i * step);
            }
            for tap in 0..TAPS {
                for p in 0..N {
                    sums[p] = simd.mul_add_e_f32s(values[p + tap], weights[tap], sums[p]);
                }
            }
        }
        for (p, sum) in sums.into_iter().enumerate() {
            self.store(simd, first, x + p, sum);
        }
    }

    /// `N` pixels of a vector of channels, of any kernel.
    #[inline(always)]
    fn pixels<S: Simd, const N: usize>(&mut self, simd: S, first: usize, x: usize) {
        let padded = self.depthwise.bias.len();
        let mut sums = [load::<S>(&self.depthwise.bias, first); N];
        for (tap, offset) in self.taps.iter().enumerate() {
            let weight = load::<S>(&self.depthwise.weights, tap * padded + first);
            for (p, sum) in sums.iter_mut().enumerate() {
                let value = load::<S>(self.input, offset + (x + p) * self.step + first);
                *sum = simd.mul_add_e_f32s(value, weight, *sum);
            }
        }
        for (p, sum) in sums.into_iter().enumerate() {
            self.store(simd, first, x + p, sum);
        }
    }

    /// A pixel of the `n` channels that make no whole vector.
    #[inline(always)]
    fn part<S: Simd>(&mut self, simd: S, first: usize, n: usize, x: usize) {
        let padded = self.depthwise.bias.len();
        let mut sum = simd.partial_load_f32s(&self.depthwise.bias[first..first + n]);
        for (tap, offset) in self.taps.iter().enumerate() {
            let weight = simd.partial_load_f32s(&self.depthwise.weights[tap * padded + first..][..n]);
            let at = offset + x * self.step + first;
            sum = simd.mul_add_e_f32s(simd.partial_load_f32s(&self.input[at..at + n]), weight, sum);
        }
        let sum = if self.relu { simd.max_f32s(sum, simd.splat_f32s(0.0)) } else { sum };
        let at = x * self.to_step + first;
        simd.partial_store_f32s(&mut self.to[at..at + n], sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, conv, framed, numbers, unframed};

    #[test]
    fn every_shape_equals_the_definition() {
        for (i, (channels, kernel, stride, pad, height, width)) in [
            (16, 3, 1, 1, 9, 15),
            (24, 5, 2, 2, 8, 13),
            (5, 3, 2, 1, 7, 6),
            (70, 7, 1, 3, 4, 21),
            (32, 5, 1, 2, 4, 8),
            (48, 3, 1, 1, 2, 5),
        ]
        .into_iter()
        .enumerate()
        {
            let shape = ConvShape {
                inputs: channels,
                outputs: channels,
                groups: channels,
                kernel: [kernel; 2],
                stride: [stride; 2],
                dilation: [1, 1],
                before: [pad; 2],
                after: [pad; 2],
            };
            let weights = numbers(channels * kernel * kernel, i as u64);
            let bias = numbers(channels, 50);
            let map = Map::new(2, height, width, channels);
            let x = numbers(map.len(), 60);
            let expected = conv(&x, map, &shape, &weights, &bias);
            let layer = Depthwise::new(shape, &weights, Some(&bias)).unwrap();
            let map = map.framed(layer.frame());
            let [h, w] = shape.output([height, width]);
            let out_map = Map::new(2, h, w, channels).framed([1, i % 2]);
            let mut out = vec![f32::NAN; out_map.len()];
            let target = Target { values: &mut out, map: out_map, channel: 0 };
            layer.run(&framed(&x, map), map, Activation::None, target);
            assert_close(&unframed(&out, out_map), &expected, 1e-5, &format!("{shape:?}"));
        }
    }

    #[test]
    fn groups_of_several_channels_are_left_to_others() {
        let shape = ConvShape {
            inputs: 8,
            outputs: 8,
            groups: 4,
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0; 2],
            after: [0; 2],
        };
        assert!(Depthwise::new(shape, &[0.0; 16], None).is_none());
    }
}
