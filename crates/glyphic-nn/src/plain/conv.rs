use pulp::{Arch, Simd, WithSimd};

use super::FeatureMap;

/// Where a convolution looks: sizes are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Steps between outputs.
    pub stride: [usize; 2],
    /// Zeros around the input.
    pub padding: [usize; 2],
}

impl Window {
    /// A kernel of odd sizes that keeps `ceil(size / stride)` pixels.
    pub fn centred(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: kernel.map(|k| k / 2) }
    }

    /// A square kernel that keeps `ceil(size / stride)` pixels.
    pub fn square(kernel: usize, stride: usize) -> Self {
        Self::centred([kernel; 2], [stride; 2])
    }
}

/// A convolution with bias, an optional residual sum and an optional ReLU.
pub struct Conv {
    window: Window,
    inputs: usize,
    outputs: usize,
    relu: bool,
    /// For each block of output channels: `[kernel height, kernel width, inputs, block's channels]`, the last
    /// padded with zeros to whole vectors.
    weights: Vec<f32>,
    /// Padded like the output channels.
    bias: Vec<f32>,
    blocks: Vec<Block>,
}

/// Output channels that the kernel computes together.
#[derive(Clone, Copy)]
struct Block {
    first_channel: usize,
    vectors: usize,
    offset: usize,
}

/// The most vectors of output channels in a block: with the pixels of a step they fill the registers.
const MAX_VECTORS: usize = 3;

impl Conv {
    /// From weights `[outputs, inputs, kernel height, kernel width]` and one bias an output.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(weights: &[f32], bias: &[f32], window: Window, relu: bool) -> Self {
        let [kh, kw] = window.kernel;
        let outputs = bias.len();
        let inputs = weights.len() / (outputs * kh * kw);
        assert_eq!(weights.len(), outputs * inputs * kh * kw, "weights and biases do not fit");

        let lanes = Arch::new().dispatch(Lanes);
        let mut vectors = outputs.div_ceil(lanes);
        let mut conv = Self {
            window,
            inputs,
            outputs,
            relu,
            weights: Vec::new(),
            bias: bias.to_vec(),
            blocks: Vec::new(),
        };
        let mut first_channel = 0;
        while vectors > 0 {
            // Four are two and two: a block of one would reuse each loaded input once only.
            let n = if vectors == 4 { 2 } else { vectors.min(MAX_VECTORS) };
            conv.blocks.push(Block { first_channel, vectors: n, offset: conv.weights.len() });
            for tap in 0..kh * kw {
                for input in 0..inputs {
                    conv.weights.extend((first_channel..first_channel + n * lanes).map(|output| {
                        let at = (output * inputs + input) * kh * kw + tap;
                        if output < outputs { weights[at] } else { 0.0 }
                    }));
                }
            }
            first_channel += n * lanes;
            vectors -= n;
        }
        conv.bias.resize(first_channel, 0.0);
        conv
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The frame that an input needs.
    pub fn padding(&self) -> usize {
        self.window.padding[0].max(self.window.padding[1])
    }

    /// `[h, w, inputs]` -> `[h', w', outputs]` with a frame.
    ///
    /// # Panics
    /// Here and below: for a map of other channels, or of a frame narrower than the padding.
    pub fn forward(&self, input: &FeatureMap, frame: usize) -> FeatureMap {
        let mut out = self.output(input, frame);
        self.run(input, None, &mut out, 0);
        out
    }

    /// [`Conv::forward`] plus `residual`, summed before the ReLU. A residual of half the output's size is enlarged
    /// to it, each pixel repeated.
    pub fn forward_add(&self, input: &FeatureMap, residual: &FeatureMap, frame: usize) -> FeatureMap {
        let mut out = self.output(input, frame);
        self.run(input, Some(residual), &mut out, 0);
        out
    }

    /// [`Conv::forward`] into channels `channel..` of a map that is there already.
    pub fn forward_into(&self, input: &FeatureMap, out: &mut FeatureMap, channel: usize) {
        self.run(input, None, out, channel);
    }

    fn output(&self, input: &FeatureMap, frame: usize) -> FeatureMap {
        let Window { kernel, stride, padding } = self.window;
        let size = |n: usize, axis: usize| (n + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1;
        FeatureMap::new(size(input.height, 0), size(input.width, 1), self.outputs, frame)
    }

    fn run(&self, input: &FeatureMap, residual: Option<&FeatureMap>, out: &mut FeatureMap, channel: usize) {
        let Window { stride, padding, .. } = self.window;
        assert!(input.channels == self.inputs, "the map has not the channels that the weights have");
        assert!(input.frame >= self.padding(), "the frame is narrower than the padding");
        let arch = Arch::new();
        let (out_height, out_pixel) = (out.height, out.channels);
        out.for_each_row(|y, row| {
            let residual = residual.map(|map| {
                let scale = out_height / map.height;
                Residual { row: map.row(y / scale), channels: map.channels, scale }
            });
            arch.dispatch(Row {
                conv: self,
                input: input.window_rows(y * stride[0], padding),
                input_stride: input.stride(),
                residual,
                output: row,
                output_pixel: out_pixel,
                output_channel: channel,
            });
        });
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

#[derive(Clone, Copy)]
struct Residual<'a> {
    row: &'a [f32],
    channels: usize,
    scale: usize,
}

/// One row of the output.
struct Row<'a> {
    conv: &'a Conv,
    input: &'a [f32],
    input_stride: usize,
    residual: Option<Residual<'a>>,
    output: &'a mut [f32],
    output_pixel: usize,
    output_channel: usize,
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let conv = self.conv;
        for block in &conv.blocks {
            // Pixels a step: as many sums as the registers hold (32 of them where vectors have 16 lanes, else 16).
            match (S::F32_LANES == 16, block.vectors) {
                (true, 1) => self.block::<S, 1, 12>(simd, *block),
                (true, 2) => self.block::<S, 2, 10>(simd, *block),
                (true, _) => self.block::<S, 3, 8>(simd, *block),
                (false, 1) => self.block::<S, 1, 8>(simd, *block),
                (false, 2) => self.block::<S, 2, 6>(simd, *block),
                (false, _) => self.block::<S, 3, 4>(simd, *block),
            }
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn block<S: Simd, const VECTORS: usize, const PIXELS: usize>(&mut self, simd: S, block: Block) {
        let width = self.output.len() / self.output_pixel;
        let mut x = 0;
        while x + PIXELS <= width {
            self.pixels::<S, VECTORS, PIXELS>(simd, block, x);
            x += PIXELS;
        }
        if x < width && width >= PIXELS {
            // The last step overlaps the one before it: the same sums are written twice.
            self.pixels::<S, VECTORS, PIXELS>(simd, block, width - PIXELS);
        } else {
            for x in x..width {
                self.pixels::<S, VECTORS, 1>(simd, block, x);
            }
        }
    }

    /// `PIXELS` pixels from column `x` on, the block's channels of each.
    #[inline(always)]
    fn pixels<S: Simd, const VECTORS: usize, const PIXELS: usize>(
        &mut self,
        simd: S,
        block: Block,
        x: usize,
    ) {
        let conv = self.conv;
        let [kernel_height, kernel_width] = conv.window.kernel;
        let line_length = kernel_width * conv.inputs;
        let step = conv.window.stride[1] * conv.inputs;

        let (bias, _) = S::as_simd_f32s(&conv.bias[block.first_channel..]);
        let bias: [S::f32s; VECTORS] = std::array::from_fn(|v| bias[v]);
        let mut sums = [bias; PIXELS];
        let (weights, _) = S::as_simd_f32s(&conv.weights[block.offset..]);
        let (weights, _) = weights.as_chunks::<VECTORS>();
        for line in 0..kernel_height {
            let weights = &weights[line * line_length..][..line_length];
            let input = &self.input[line * self.input_stride..];
            let input: [&[f32]; PIXELS] = std::array::from_fn(|p| &input[(x + p) * step..][..line_length]);
            for i in 0..line_length {
                for p in 0..PIXELS {
                    let value = simd.splat_f32s(input[p][i]);
                    for v in 0..VECTORS {
                        sums[p][v] = simd.mul_add_e_f32s(value, weights[i][v], sums[p][v]);
                    }
                }
            }
        }

        let zero = simd.splat_f32s(0.0);
        for (p, sums) in sums.into_iter().enumerate() {
            for (v, mut sum) in sums.into_iter().enumerate() {
                let channel = block.first_channel + v * S::F32_LANES;
                let n = S::F32_LANES.min(conv.outputs.saturating_sub(channel));
                if let Some(residual) = self.residual {
                    let at = (x + p) / residual.scale * residual.channels + channel;
                    sum = simd.add_f32s(sum, simd.partial_load_f32s(&residual.row[at..at + n]));
                }
                if conv.relu {
                    sum = simd.max_f32s(sum, zero);
                }
                let at = (x + p) * self.output_pixel + self.output_channel + channel;
                simd.partial_store_f32s(&mut self.output[at..at + n], sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(n).collect()
    }

    fn map_of(values: &[f32], height: usize, width: usize, channels: usize, frame: usize) -> FeatureMap {
        let mut map = FeatureMap::new(height, width, channels, frame);
        map.for_each_row(|y, row| row.copy_from_slice(&values[y * width * channels..][..width * channels]));
        map
    }

    /// The definition, one output at a time.
    fn by_definition(map: &FeatureMap, weights: &[f32], bias: &[f32], window: Window) -> Vec<f32> {
        let Window { kernel: [kh, kw], stride, padding } = window;
        let height = (map.height + 2 * padding[0] - kh) / stride[0] + 1;
        let width = (map.width + 2 * padding[1] - kw) / stride[1] + 1;
        let mut out = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for (o, b) in bias.iter().enumerate() {
                    let mut sum = f64::from(*b);
                    for (ky, kx, i) in (0..kh)
                        .flat_map(|a| (0..kw).flat_map(move |b| (0..map.channels).map(move |c| (a, b, c))))
                    {
                        let (iy, ix) = (y * stride[0] + ky, x * stride[1] + kx);
                        if iy < padding[0] || ix < padding[1] {
                            continue;
                        }
                        let (iy, ix) = (iy - padding[0], ix - padding[1]);
                        if iy < map.height && ix < map.width {
                            let w = weights[((o * map.channels + i) * kh + ky) * kw + kx];
                            sum += f64::from(w) * f64::from(map.row(iy)[ix * map.channels + i]);
                        }
                    }
                    out.push(sum as f32);
                }
            }
        }
        out
    }

    #[test]
    fn every_shape_equals_the_definition_of_convolution() {
        let table = [
            // (window, inputs, outputs, height, width)
            (Window::square(3, 2), 3, 16, 12, 34),
            (Window::square(3, 1), 5, 12, 7, 29),
            (Window::square(1, 1), 24, 48, 4, 5),
            (Window::square(1, 2), 8, 40, 6, 26),
            (Window::square(7, 2), 3, 70, 11, 18),
            (Window { kernel: [2, 3], stride: [1, 1], padding: [0, 1] }, 6, 33, 2, 21),
            (Window { kernel: [1, 5], stride: [1, 1], padding: [0, 2] }, 4, 1, 3, 9),
            (Window { kernel: [3, 3], stride: [2, 1], padding: [1, 1] }, 7, 96, 8, 13),
        ];
        for (i, (window, inputs, outputs, height, width)) in table.into_iter().enumerate() {
            let taps = window.kernel[0] * window.kernel[1];
            let weights = numbers(outputs * inputs * taps, i as u64);
            let bias = numbers(outputs, 77);
            let map = map_of(&numbers(height * width * inputs, 99), height, width, inputs, 3);
            let expected = by_definition(&map, &weights, &bias, window);

            let out = Conv::new(&weights, &bias, window, false).forward(&map, 1);
            let got: Vec<f32> = (0..out.height).flat_map(|y| out.row(y).to_vec()).collect();
            assert_eq!(got.len(), expected.len(), "{window:?}");
            for (g, e) in got.iter().zip(&expected) {
                assert!((g - e).abs() < 1e-4, "{window:?}: {g} is not {e}");
            }

            let relu = Conv::new(&weights, &bias, window, true);
            let sum = relu.forward_add(&map, &out, 0);
            let got: Vec<f32> = (0..sum.height).flat_map(|y| sum.row(y).to_vec()).collect();
            for (g, e) in got.iter().zip(&expected) {
                assert!((g - (2.0 * e).max(0.0)).abs() < 2e-4, "{window:?} with a residual: {g}, {e}");
            }
        }
    }

    #[test]
    fn a_residual_of_half_the_size_is_enlarged() {
        let map = map_of(&[1.0; 8], 2, 4, 1, 0);
        let half = map_of(&[10.0, 20.0], 1, 2, 1, 0);
        let out = Conv::new(&[1.0], &[0.5], Window::square(1, 1), false).forward_add(&map, &half, 0);
        for y in 0..2 {
            assert_eq!(out.row(y), [11.5, 11.5, 21.5, 21.5]);
        }
    }

    #[test]
    fn a_convolution_into_a_wider_map_touches_its_own_channels_only() {
        let map = map_of(&numbers(3 * 20 * 2, 5), 3, 20, 2, 1);
        let conv = Conv::new(&numbers(3 * 2 * 9, 6), &[0.0; 3], Window::square(3, 1), false);
        let alone = conv.forward(&map, 0);
        let mut wide = map_of(&[7.0; 3 * 20 * 8], 3, 20, 8, 0);
        conv.forward_into(&map, &mut wide, 4);
        for y in 0..3 {
            for (wide, alone) in wide.row(y).chunks(8).zip(alone.row(y).chunks(3)) {
                assert_eq!(wide, [7., 7., 7., 7., alone[0], alone[1], alone[2], 7.]);
            }
        }
    }
}
