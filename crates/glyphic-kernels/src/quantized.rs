//! Convolutions and products of bytes: inputs are turned to bytes as they are read, outputs are floats again, with bias,
//! residual and activation applied before they leave the registers.

use crate::bytes::{ByteRows, MOST_INNER, PackedBytes, Scales, Unit, WORD};
use crate::conv::{Conv, lines};
use crate::map::{rows_a_task, spread};
use crate::product::Addend;
use crate::scratch;
use crate::{Activation, ConvShape, Grid, Map, Residual, Target};

/// Products of bytes in a nanosecond, about: for the size of tasks.
const PRODUCTS: usize = 128;

/// A convolution of one group with weights of 8 bits, one scale an output.
#[derive(Debug)]
pub struct QuantizedConv {
    shape: ConvShape,
    packed: PackedBytes,
    grid: Grid,
}

impl QuantizedConv {
    /// Whether a convolution of this shape can be computed so: it has one group, and its sums fit in 32 bits.
    pub fn fits(shape: &ConvShape) -> bool {
        shape.groups == 1 && fits([shape.kernel[0], shape.kernel[1]], shape.inputs)
    }

    /// From weights `[outputs, inputs, kernel height, kernel width]`, and one scale and one bias an output. Inputs are
    /// rounded to the grid.
    ///
    /// # Panics
    /// Where the lengths do not fit each other, or the shape does not fit.
    pub fn new(shape: ConvShape, weights: &[i8], scales: &[f32], bias: Option<&[f32]>, grid: Grid) -> Self {
        Self::on(Unit::best(), shape, weights, scales, bias, grid)
    }

    /// The grid that inputs are rounded to.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    fn on(
        unit: Unit,
        shape: ConvShape,
        weights: &[i8],
        scales: &[f32],
        bias: Option<&[f32]>,
        grid: Grid,
    ) -> Self {
        let [kh, kw] = shape.kernel;
        assert!(Self::fits(&shape), "{shape:?} has several groups, or is too deep");
        assert_eq!(weights.len(), shape.outputs * shape.inputs * kh * kw, "the weights do not fit the shape");
        assert_eq!(scales.len(), shape.outputs, "a scale for each output");
        let scales = Scales { grid, weights: scales, bias };
        let taps = kh * kw;
        let sizes = [taps, shape.inputs, shape.outputs];
        let packed = PackedBytes::new(unit, sizes, scales, |tap, input, output| {
            weights[(output * shape.inputs + input) * taps + tap]
        });
        Self { shape, packed, grid }
    }

    /// `activation(conv(input) + bias + residual)` of a map of this size.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says, as [`Conv::run`] where another convolution makes the map, and where that one is
    /// computed by Winograd's algorithm or has a kernel of one pixel.
    pub fn run(
        &self,
        input: QuantizedInput<'_>,
        mut map: Map,
        mut residual: Option<Residual<'_>>,
        activation: Activation,
        output: QuantizedOutput<'_>,
    ) {
        let shape = &self.shape;
        let size = shape.output([map.height, map.width]);
        assert_eq!(map.channels, shape.inputs, "the map has not the channels that the weights have");
        let mut out = output.map();
        assert_eq!([out.height, out.width], size, "the target has another size");
        assert_eq!(out.batch, map.batch, "the target has another batch");
        let pixels = shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.before == [0; 2];
        let same = residual.is_none_or(|r| r.map.frame == [0; 2] && r.map.height == out.height);
        if pixels
            && !matches!(input, QuantizedInput::Conv { .. })
            && size == [map.height, map.width]
            && map.frame == [0; 2]
            && out.frame == [0; 2]
            && same
        {
            // Pixels without a neighbourhood: lines of a convenient length, whatever the rows are.
            map = lines(map);
            out = lines(out);
            residual = residual.map(|r| Residual { map: lines(r.map), ..r });
        }
        let unit = self.packed.unit();
        // Words of a pixel.
        let words = shape.inputs.div_ceil(unit.numbers());
        let [reach_y, reach_x] = [0, 1].map(|a| shape.dilation[a] * (shape.kernel[a] - 1) + 1);
        // A row has all pixels' first words, then all second ones: what neighbouring outputs read lies side by side. It begins with
        // the first tap of the first output.
        let row_pixels = (out.width.max(1) - 1) * shape.stride[1] + reach_x;
        let row_len = words * row_pixels * WORD;
        let taps = (0..shape.kernel[0]).flat_map(|y| (0..shape.kernel[1]).map(move |x| (y, x)));
        let segments: Vec<usize> = taps
            .map(|(y, x)| y * shape.dilation[0] * row_len + x * shape.dilation[1] * WORD)
            .flat_map(|tap| (0..words).map(move |word| tap + word * row_pixels * WORD))
            .collect();
        let cost = out.width * self.packed.inner() * shape.outputs / PRODUCTS;
        // Rows between two groups are read for both: few groups, but one for each thread.
        let together = TOGETHER.min(out.height.div_ceil(rayon::current_num_threads())).max(1);
        let (made, group) = match input {
            QuantizedInput::Conv { .. } => (map.row_len(), together),
            _ if reach_y == 1 => (0, rows_a_task(cost, out.height)),
            _ => (0, rows_a_task(cost, out.height).max(together)),
        };
        // Calls with the inputs of some rows of outputs as bytes.
        let read = |image: usize, first: usize, count: usize, compute: &mut dyn FnMut(&[u8])| {
            let height = (count - 1) * shape.stride[0] + reach_y;
            scratch::bytes(height * row_len, |bytes| {
                scratch::with(made, |made| {
                    for (i, row) in bytes.chunks_exact_mut(row_len).enumerate() {
                        let y = (first * shape.stride[0] + i).checked_sub(shape.before[0]);
                        match (y.filter(|y| *y < map.height), input) {
                            (Some(y), QuantizedInput::Map(input)) => self.row(map.row(input, image, y), row),
                            (Some(y), QuantizedInput::Bytes(input)) => {
                                self.row_of_bytes(map.row(input, image, y), row);
                            }
                            (Some(y), QuantizedInput::Conv { conv, activation, input, map }) => {
                                conv.row(input, map, [image, y], activation, made);
                                self.row(made, row);
                            }
                            (None, _) => unit.clear(self.grid, row),
                        }
                    }
                });
                compute(bytes);
            });
        };
        // Computes row `i` of those.
        let compute = |bytes: &[u8], image: usize, first: usize, i: usize, to: &mut [f32], to_step: usize| {
            let addend = residual.map(|r| {
                let scale = out.height / r.map.height;
                Addend {
                    row: r.map.row(r.values, image, (first + i) / scale),
                    step: r.map.channels,
                    line_step: 0,
                    scale,
                }
            });
            ByteRows {
                packed: &self.packed,
                input: &bytes[i * shape.stride[0] * row_len..],
                step: shape.stride[1] * WORD,
                segments: &segments,
                count: out.width,
                addend,
                activation,
                to,
                to_step,
            }
            .run();
        };
        let (margin, out_len) = (out.frame[1] * out.channels, out.row_len());
        match output {
            QuantizedOutput::Map(Target { values, channel, .. }) => {
                out.for_each_rows(values, group, |image, first, rows| {
                    read(image, first, rows.len() / out_len, &mut |bytes| {
                        for (i, row) in rows.chunks_exact_mut(out_len).enumerate() {
                            let to = &mut row[margin + channel..out_len - margin];
                            compute(bytes, image, first, i, to, out.channels);
                        }
                    });
                });
            }
            QuantizedOutput::Bytes { values, grid, .. } => {
                assert_eq!((out.frame, out.channels), ([0; 2], shape.outputs), "bytes have no frame");
                out.for_each_rows(values, group, |image, first, rows| {
                    read(image, first, rows.len() / out_len, &mut |bytes| {
                        scratch::with(out_len, |floats| {
                            for (i, row) in rows.chunks_exact_mut(out_len).enumerate() {
                                compute(bytes, image, first, i, floats, out.channels);
                                grid.quantize(floats, row);
                            }
                        });
                    });
                });
            }
        }
    }

    /// A row of pixels as bytes, `[words of a pixel, pixels]`, with the zeros around it.
    fn row(&self, pixels: &[f32], to: &mut [u8]) {
        let (unit, inputs) = (self.packed.unit(), self.shape.inputs);
        self.laid(pixels, to, |pixels, words, to| {
            if inputs * unit.size() == words * WORD {
                return unit.quantize(self.grid, pixels, to);
            }
            for (pixel, to) in pixels.chunks_exact(inputs).zip(to.chunks_exact_mut(words * WORD)) {
                let (to, rest) = to.split_at_mut(inputs * unit.size());
                unit.quantize(self.grid, pixel, to);
                unit.clear(self.grid, rest);
            }
        });
    }

    /// The same of pixels that are bytes already.
    fn row_of_bytes(&self, pixels: &[u8], to: &mut [u8]) {
        let (unit, inputs) = (self.packed.unit(), self.shape.inputs);
        self.laid(pixels, to, |pixels, words, to| {
            if inputs == words * WORD {
                return to.copy_from_slice(pixels);
            }
            for (pixel, to) in pixels.chunks_exact(inputs).zip(to.chunks_exact_mut(words * WORD)) {
                unit.clear(self.grid, to);
                to.iter_mut().step_by(unit.size()).zip(pixel).for_each(|(to, byte)| *to = *byte);
            }
        });
    }

    /// Lays out a row of pixels, of which `write(pixels, words of a pixel, to)` makes bytes `[pixels, words]`.
    fn laid<T>(&self, pixels: &[T], to: &mut [u8], write: impl Fn(&[T], usize, &mut [u8])) {
        let (unit, inputs) = (self.packed.unit(), self.shape.inputs);
        let words = inputs.div_ceil(unit.numbers());
        let row_pixels = to.len() / (words * WORD);
        let before = self.shape.before[1].min(row_pixels);
        // Where outputs end before the row does, its end is not read.
        let width = (pixels.len() / inputs).min(row_pixels - before);
        scratch::bytes(width * words * WORD, |bytes| {
            write(&pixels[..width * inputs], words, bytes);
            let (bytes, _) = bytes.as_chunks::<WORD>();
            for (word, to) in to.as_chunks_mut::<WORD>().0.chunks_exact_mut(row_pixels).enumerate() {
                let (left, rest) = to.split_at_mut(before);
                let (inner, right) = rest.split_at_mut(width);
                unit.clear(self.grid, left.as_flattened_mut());
                unit.clear(self.grid, right.as_flattened_mut());
                for (to, pixel) in inner.iter_mut().zip(bytes.chunks_exact(words)) {
                    *to = pixel[word];
                }
            }
        });
    }
}

/// What a [`QuantizedConv`] reads.
#[derive(Debug, Clone, Copy)]
pub enum QuantizedInput<'a> {
    /// A map, which is rounded to the grid.
    Map(&'a [f32]),
    /// A map of bytes on the grid.
    Bytes(&'a [u8]),
    /// The map that another convolution makes of `input`. Its rows are made as they are read, so that the map need not be kept.
    Conv {
        /// The other convolution.
        conv: &'a Conv,
        /// Its activation.
        activation: Activation,
        /// What it reads.
        input: &'a [f32],
        /// Where that lies.
        map: Map,
    },
}

/// Where a [`QuantizedConv`] writes.
#[derive(Debug)]
pub enum QuantizedOutput<'a> {
    /// Floats.
    Map(Target<'a>),
    /// Bytes: the outputs rounded to a grid.
    Bytes {
        /// Bytes of the whole map.
        values: &'a mut [u8],
        /// Where they lie: without a frame.
        map: Map,
        /// The grid.
        grid: Grid,
    },
}

impl QuantizedOutput<'_> {
    fn map(&self) -> Map {
        match self {
            Self::Map(target) => target.map,
            Self::Bytes { map, .. } => *map,
        }
    }
}

/// Rows of outputs of a task whose neighbours read some of the same rows.
const TOGETHER: usize = 8;

/// Numbers that pixels are padded to whole words with, at most.
const MOST_PADDED: usize = 4;

/// Whether sums over a kernel's taps and inputs fit in 32 bits.
fn fits(kernel: [usize; 2], inputs: usize) -> bool {
    let sizes = [kernel[0], kernel[1], inputs.saturating_add(MOST_PADDED)];
    let inner = sizes.into_iter().try_fold(1usize, usize::checked_mul);
    inputs > 0 && inner.is_some_and(|inner| inner <= MOST_INNER)
}

/// A product with weights of 8 bits, one scale an output.
#[derive(Debug)]
pub struct QuantizedProduct {
    packed: PackedBytes,
    inner: usize,
    grid: Grid,
}

impl QuantizedProduct {
    /// Whether rows of this length can be multiplied so: their sums fit in 32 bits.
    pub fn fits(inner: usize) -> bool {
        fits([1, 1], inner)
    }

    /// From `weight(k, output)`, and one scale and one bias an output. Inputs are rounded to the grid.
    ///
    /// # Panics
    /// Where the lengths do not fit each other, or rows are too long.
    pub fn new(
        inner: usize,
        scales: &[f32],
        bias: Option<&[f32]>,
        grid: Grid,
        weight: impl Fn(usize, usize) -> i8,
    ) -> Self {
        Self::on(Unit::best(), inner, scales, bias, grid, weight)
    }

    fn on(
        unit: Unit,
        inner: usize,
        scales: &[f32],
        bias: Option<&[f32]>,
        grid: Grid,
        weight: impl Fn(usize, usize) -> i8,
    ) -> Self {
        let sizes = [1, inner, scales.len()];
        let scales = Scales { grid, weights: scales, bias };
        let packed = PackedBytes::new(unit, sizes, scales, |_, k, output| weight(k, output));
        Self { packed, inner, grid }
    }

    /// Numbers summed for an output.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Numbers computed from a row.
    pub fn outputs(&self) -> usize {
        self.packed.outputs()
    }

    /// `to[m, :] = activation(a[m, :] weights + bias + addend[m, :])` for rows `[M, K]` and `[M, outputs]`.
    ///
    /// # Panics
    /// Where the lengths do not fit.
    pub fn run(&self, a: &[f32], addend: Option<&[f32]>, activation: Activation, to: &mut [f32]) {
        let (inner, outputs, padded) = (self.inner, self.packed.outputs(), self.packed.row_len());
        let unit = self.packed.unit();
        if outputs == 0 || to.is_empty() {
            return;
        }
        let count = to.len() / outputs;
        assert_eq!(a.len(), count * inner, "the rows do not fit the weights");
        let size = rows_a_task(padded * outputs / PRODUCTS, count).next_multiple_of(8);
        let work: Vec<(usize, &mut [f32])> = to.chunks_mut(size * outputs).enumerate().collect();
        spread(work, |(i, to)| {
            let (first, count) = (i * size, to.len() / outputs);
            scratch::bytes(count * padded, |bytes| {
                let rows = a[first * inner..][..count * inner].chunks_exact(inner);
                for (row, to) in rows.zip(bytes.chunks_exact_mut(padded)) {
                    let (to, rest) = to.split_at_mut(inner * unit.size());
                    unit.quantize(self.grid, row, to);
                    unit.clear(self.grid, rest);
                }
                ByteRows {
                    packed: &self.packed,
                    input: bytes,
                    step: padded,
                    segments: &[0],
                    count,
                    addend: addend.map(|a| Addend {
                        row: &a[first * outputs..],
                        step: outputs,
                        line_step: 0,
                        scale: 1,
                    }),
                    activation,
                    to_step: outputs,
                    to,
                }
                .run();
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, conv, numbers, unframed};

    /// Any weights from -127 to 127.
    fn integers(count: usize, seed: u64) -> Vec<i8> {
        numbers(count, seed).into_iter().map(|v| (v * 127.0).round().clamp(-127.0, 127.0) as i8).collect()
    }

    fn to_map(target: Target<'_>) -> QuantizedOutput<'_> {
        QuantizedOutput::Map(target)
    }

    fn shape(
        [inputs, outputs]: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
        [top, left, bottom, right]: [usize; 4],
    ) -> ConvShape {
        let (before, after) = ([top, left], [bottom, right]);
        ConvShape { inputs, outputs, groups: 1, kernel, stride, dilation, before, after }
    }

    #[test]
    fn convolutions_equal_the_definition_on_every_unit() {
        let table = [
            // (shape, batch, height, width)
            (shape([3, 16], [3, 3], [2, 2], [1, 1], [1; 4]), 1, 12, 34),
            (shape([6, 5], [3, 3], [1, 1], [1, 1], [1; 4]), 2, 4, 17),
            (shape([24, 48], [1, 1], [1, 1], [1, 1], [0; 4]), 2, 4, 5),
            (shape([8, 40], [1, 1], [2, 2], [1, 1], [0; 4]), 1, 6, 26),
            (shape([3, 70], [7, 7], [2, 2], [1, 1], [3; 4]), 1, 11, 18),
            (shape([6, 33], [2, 3], [1, 1], [1, 1], [0, 1, 0, 1]), 2, 2, 21),
            (shape([5, 19], [3, 3], [1, 1], [2, 3], [2, 3, 2, 3]), 1, 9, 15),
            (shape([24, 24], [3, 3], [1, 1], [1, 1], [1; 4]), 2, 8, 12),
            (shape([17, 50], [3, 3], [1, 1], [1, 1], [1; 4]), 2, 7, 29),
            (shape([1, 1], [1, 1], [1, 1], [1, 1], [0; 4]), 1, 1, 1),
            (shape([12, 64], [3, 3], [2, 1], [1, 1], [1; 4]), 1, 4, 11),
            (shape([9, 16], [1, 5], [1, 1], [1, 1], [0, 2, 0, 2]), 2, 1, 43),
            (shape([7, 3], [3, 3], [1, 1], [1, 1], [4, 5, 0, 3]), 1, 3, 2),
        ];
        for (i, (shape, batch, height, width)) in table.into_iter().enumerate() {
            let (seed, what) = (i as u64, format!("{shape:?} of {height}x{width}"));
            let depth = shape.inputs * shape.kernel[0] * shape.kernel[1];
            let weights = integers(shape.outputs * depth, seed);
            let scales: Vec<f32> = (0..shape.outputs).map(|o| 0.001 * (o + 1) as f32).collect();
            let bias = numbers(shape.outputs, seed + 100);
            let grid = Grid { scale: 1.0 / 128.0, zero: [0, 128, 77][i % 3] };
            let map = Map::new(batch, height, width, shape.inputs);
            let x = numbers(map.len(), seed + 200);
            // The definition, on what bytes and scales stand for.
            let rounded: Vec<f32> = x.iter().map(|x| grid.round(*x)).collect();
            let whole: Vec<f32> =
                weights.iter().enumerate().map(|(i, w)| f32::from(*w) * scales[i / depth]).collect();
            let expected = conv(&rounded, map, &shape, &whole, &bias);
            let framed_map = map.framed([i % 2, i % 3]);
            let framed = crate::reference::framed(&x, framed_map);
            let [out_height, out_width] = shape.output([height, width]);
            let out_map = Map::new(batch, out_height, out_width, shape.outputs).framed([i % 3, i % 2]);
            let mut first: Option<Vec<f32>> = None;
            for unit in Unit::all() {
                let layer = QuantizedConv::on(unit, shape, &weights, &scales, Some(&bias), grid);
                let mut out = vec![f32::NAN; out_map.len()];
                let target = Target { values: &mut out, map: out_map, channel: 0 };
                layer.run(QuantizedInput::Map(&framed), framed_map, None, Activation::None, to_map(target));
                let got = unframed(&out, out_map);
                assert_close(&got, &expected, 1e-5, &what);
                assert_eq!(crate::reference::framed(&got, out_map), out, "{what}: the frame");
                if let Some(first) = &first {
                    assert!(out == *first, "{what}: {unit:?} differs");
                }
                let residual = Some(Residual { values: &out, map: out_map });
                let twice: Vec<f64> = expected.iter().map(|v| (2.0 * v).max(0.0)).collect();
                let mut sum = vec![f32::NAN; out_map.len()];
                let target = Target { values: &mut sum, map: out_map, channel: 0 };
                layer.run(
                    QuantizedInput::Map(&framed),
                    framed_map,
                    residual,
                    Activation::Relu,
                    to_map(target),
                );
                assert_close(&unframed(&sum, out_map), &twice, 2e-5, &what);
                // Bytes in place of floats on both sides.
                let bytes_of = |grid: Grid, values: &[f32]| {
                    let mut bytes = vec![0; values.len()];
                    grid.quantize(values, &mut bytes);
                    bytes
                };
                let other = Grid { scale: 0.02, zero: 90 };
                let plain_map = out_map.framed([0; 2]);
                let mut bytes = vec![0; plain_map.len()];
                let target = QuantizedOutput::Bytes { values: &mut bytes, map: plain_map, grid: other };
                layer.run(
                    QuantizedInput::Bytes(&bytes_of(grid, &x)),
                    map,
                    residual,
                    Activation::Relu,
                    target,
                );
                assert_eq!(bytes, bytes_of(other, &unframed(&sum, out_map)), "{what} in bytes");
                let wide = Map { channels: shape.outputs + 5, ..out_map }.framed([0; 2]);
                let mut into = vec![7.0; wide.len()];
                let target = Target { values: &mut into, map: wide, channel: 2 };
                layer.run(
                    QuantizedInput::Map(&framed),
                    framed_map,
                    None,
                    Activation::Sigmoid,
                    to_map(target),
                );
                let pixels = expected.chunks_exact(shape.outputs);
                for (pixel, expected) in into.chunks_exact(wide.channels).zip(pixels) {
                    assert_eq!([pixel[0], pixel[1], pixel[shape.outputs + 2]], [7.0; 3], "{what}");
                    for (got, x) in pixel[2..].iter().zip(expected) {
                        assert!((f64::from(*got) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-4, "{what}");
                    }
                }
                first.get_or_insert(out);
            }
        }
    }

    #[test]
    fn rows_of_another_convolution_are_those_of_its_map() {
        let table = [
            // (first, second, batch, height, width)
            ([3, 16], [3, 3], [2, 2], [24, 3], 2, 45, 38),
            ([3, 24], [3, 3], [2, 2], [48, 3], 1, 32, 20),
            ([2, 8], [2, 2], [2, 1], [8, 1], 1, 5, 9),
            ([1, 5], [1, 3], [3, 2], [7, 3], 3, 1, 11),
        ];
        for (i, ([inputs, between], kernel, stride, [outputs, side], batch, height, width)) in
            table.into_iter().enumerate()
        {
            let seed = 40 + i as u64;
            let pad = [kernel[0] / 2, kernel[1] / 2];
            let first = shape([inputs, between], kernel, stride, [1, 1], [pad[0], pad[1], pad[0], pad[1]]);
            let taps = numbers(between * inputs * kernel[0] * kernel[1], seed);
            let first = Conv::of_taps(first, &taps, Some(&numbers(between, seed + 1)));
            let second = shape([between, outputs], [side; 2], [2, 2], [1, 1], [side / 2; 4]);
            let weights = integers(outputs * between * side * side, seed + 2);
            let grid = Grid { scale: 1.0 / 64.0, zero: 3 };
            let second = QuantizedConv::new(second, &weights, &vec![0.01; outputs], None, grid);
            let map = Map::new(batch, height, width, inputs).framed(first.frame());
            let x = crate::reference::framed(&numbers(batch * height * width * inputs, seed + 3), map);
            let [h, w] = first.output([height, width]);
            let between_map = Map::new(batch, h, w, between);
            let mut made = vec![f32::NAN; between_map.len()];
            let target = Target { values: &mut made, map: between_map, channel: 0 };
            first.run(&x, map, None, Activation::Gelu, target);
            let [h, w] = second.shape.output([h, w]);
            let out_map = Map::new(batch, h, w, outputs).framed([1, 2]);
            let mut expected = vec![f32::NAN; out_map.len()];
            let target = Target { values: &mut expected, map: out_map, channel: 0 };
            second.run(QuantizedInput::Map(&made), between_map, None, Activation::Relu, to_map(target));
            for threads in [1, 2, 3] {
                let mut out = vec![f32::NAN; out_map.len()];
                let target = Target { values: &mut out, map: out_map, channel: 0 };
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let input =
                    QuantizedInput::Conv { conv: &first, activation: Activation::Gelu, input: &x, map };
                pool.install(|| second.run(input, between_map, None, Activation::Relu, to_map(target)));
                assert!(out == expected, "{i} on {threads} threads");
            }
        }
    }

    #[test]
    fn sums_of_the_largest_bytes_are_exact() {
        let inner = MOST_INNER / MOST_PADDED * MOST_PADDED - MOST_PADDED;
        for unit in Unit::all() {
            for (zero, x, weight) in [(0, 255.0, 127), (0, 255.0, -128), (255, -255.0, -128)] {
                let grid = Grid { scale: 1.0, zero };
                let layer = QuantizedProduct::on(unit, inner, &[1.0; 3], None, grid, |_, _| weight);
                let mut out = [0.0; 3];
                layer.run(&vec![x; inner], None, Activation::None, &mut out);
                let exact = f64::from(x) * f64::from(weight) * inner as f64;
                assert_eq!(out.map(f64::from), [f64::from(exact as f32); 3], "{unit:?}");
            }
        }
    }

    #[test]
    fn products_equal_the_definition_whatever_the_threads_and_the_rows() {
        for (inner, outputs, count) in [(1, 1, 1), (7, 33, 29), (192, 200, 80), (64, 48, 300), (130, 17, 5)] {
            let weights = integers(inner * outputs, 3);
            let scales: Vec<f32> = (0..outputs).map(|o| 0.002 * (o + 1) as f32).collect();
            let (bias, a) = (numbers(outputs, 4), numbers(count * inner, 5));
            let grid = Grid { scale: 1.0 / 127.0, zero: 128 };
            let addend = numbers(count * outputs, 6);
            let expected: Vec<f64> = (0..count * outputs)
                .map(|i| {
                    let (row, output) = (i / outputs, i % outputs);
                    let terms = (0..inner).map(|k| {
                        let weight = f64::from(weights[k * outputs + output]) * f64::from(scales[output]);
                        f64::from(grid.round(a[row * inner + k])) * weight
                    });
                    terms.sum::<f64>() + f64::from(bias[output]) + f64::from(addend[i])
                })
                .collect();
            let mut first: Option<Vec<f32>> = None;
            for (unit, threads) in Unit::all().into_iter().zip([1, 2, 3]) {
                let weight = |k: usize, output: usize| weights[k * outputs + output];
                let layer = QuantizedProduct::on(unit, inner, &scales, Some(&bias), grid, weight);
                let mut out = vec![f32::NAN; count * outputs];
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| layer.run(&a, Some(&addend), Activation::None, &mut out));
                assert_close(&out, &expected, 1e-5, &format!("{inner} x {outputs}"));
                if let Some(first) = &first {
                    assert!(out == *first, "{unit:?} differs");
                }
                first.get_or_insert(out);
            }
        }
    }

    #[test]
    fn convolutions_depend_neither_on_threads_nor_on_the_batch() {
        let shape = shape([24, 40], [3, 3], [1, 1], [1, 1], [1; 4]);
        let weights = integers(24 * 40 * 9, 1);
        let grid = Grid { scale: 0.01, zero: 100 };
        let layer = QuantizedConv::new(shape, &weights, &[0.01; 40], None, grid);
        let one = Map::new(1, 18, 30, 24);
        let run = |x: &[f32], batch: usize, threads: usize| {
            let (map, out_map) = (Map { batch, ..one }, Map::new(batch, 18, 30, 40));
            let mut out = vec![0.0; out_map.len()];
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let target = Target { values: &mut out, map: out_map, channel: 0 };
            pool.install(|| layer.run(QuantizedInput::Map(x), map, None, Activation::Relu, to_map(target)));
            out
        };
        let x = numbers(3 * one.len(), 2);
        let alone: Vec<f32> = x.chunks_exact(one.len()).flat_map(|x| run(x, 1, 1)).collect();
        for threads in [1, 2, 3] {
            assert!(run(&x, 3, threads) == alone, "{threads} threads");
        }
    }
}
