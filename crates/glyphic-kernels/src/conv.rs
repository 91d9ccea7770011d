use crate::map::rows_a_task;
use crate::product::{Addend, Lines, Rows};
use crate::winograd::Winograd;
use crate::{Activation, Map, Packed, Residual, Target, scratch};

/// Where a convolution looks. Sizes are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Steps between outputs.
    pub stride: [usize; 2],
    /// Steps between taps.
    pub dilation: [usize; 2],
    /// Zeros above and left of the input.
    pub before: [usize; 2],
    /// Zeros below and right of it.
    pub after: [usize; 2],
}

impl ConvShape {
    /// Size of the output for an input of this size.
    ///
    /// # Panics
    /// Where the kernel is larger than the padded input.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|a| {
            let reach = self.dilation[a] * (self.kernel[a] - 1) + 1;
            (size[a] + self.before[a] + self.after[a] - reach) / self.stride[a] + 1
        })
    }
}

/// So many products take as long as reading a weight that is in no near cache.
const READING: usize = 30;

impl ConvShape {
    /// Whether maps of usual sizes are convolved by Winograd's algorithm, which needs no frame.
    pub fn has_winograd(&self) -> bool {
        Winograd::kind(self, usize::MAX).is_some()
    }

    /// Whether an input of this size has too few pixels for Winograd's algorithm: it takes longer to read its weights.
    pub fn has_few_pixels(&self, size: [usize; 2]) -> bool {
        let [height, width] = self.output(size);
        Winograd::kind(self, height).is_some_and(|kind| {
            let ([points_y, points_x], [tile_y, tile_x]) = kind.tile();
            let tiles = height.div_ceil(tile_y) * width.div_ceil(tile_x);
            let taps = self.kernel[0] * self.kernel[1];
            taps * (height * width + READING) < points_y * points_x * (tiles + READING)
        })
    }

    /// The same convolution of maps of height 1 with the one row of taps that meets them, and that row's number.
    pub fn flat(&self, size: [usize; 2]) -> Option<(Self, usize)> {
        let tap = self.before[0] / self.dilation[0];
        let fits = size[0] == 1
            && self.kernel[0] > 1
            && self.before[0].is_multiple_of(self.dilation[0])
            && tap < self.kernel[0]
            && self.output(size)[0] == 1;
        let of = |pair: [usize; 2], first: usize| [first, pair[1]];
        fits.then(|| {
            let shape = Self {
                kernel: of(self.kernel, 1),
                before: of(self.before, 0),
                after: of(self.after, 0),
                ..*self
            };
            (shape, tap)
        })
    }

    /// Whether an output is made of the pixel at its place alone, of all its channels.
    pub fn is_of_pixels(&self) -> bool {
        let pads = [self.before, self.after];
        self.kernel == [1, 1] && self.stride == [1, 1] && self.groups == 1 && pads == [[0; 2]; 2]
    }

    /// The frame that inputs of usual sizes should have.
    pub fn frame(&self) -> [usize; 2] {
        if self.has_winograd() { [0; 2] } else { std::array::from_fn(|a| self.before[a].max(self.after[a])) }
    }
}

/// A convolution ready to run: weights are packed for the algorithm that is fastest for its shape.
#[derive(Debug)]
pub struct Conv {
    shape: ConvShape,
    algorithm: Algorithm,
}

#[derive(Debug)]
enum Algorithm {
    /// Sums over the taps, one [`Packed`] a group.
    Direct(Vec<Packed>),
    Winograd(Winograd),
}

/// Weights of a group that stay in the nearest cache.
const NEAR: usize = 1 << 13;
/// Pixels that should share what is read of more weights.
const PIXELS: usize = 240;
/// Numbers between two convolutions of pixels that should stay in a near cache.
const ROWS_IN_CACHE: usize = 1 << 16;

impl Conv {
    /// From weights `[outputs, inputs / groups, kernel height, kernel width]` and one bias an output.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn new(shape: ConvShape, weights: &[f32], bias: Option<&[f32]>, size: [usize; 2]) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let inputs = shape.inputs / shape.groups;
        assert_eq!(weights.len(), shape.outputs * inputs * taps, "the weights do not fit the shape");
        if let Some(winograd) = Winograd::new(&shape, weights, bias, size) {
            return Self { shape, algorithm: Algorithm::Winograd(winograd) };
        }
        Self::of_taps(shape, weights, bias)
    }

    /// The same without Winograd's algorithm, which reads more weights: for few pixels.
    ///
    /// # Panics
    /// Where the lengths do not fit each other.
    pub fn of_taps(shape: ConvShape, weights: &[f32], bias: Option<&[f32]>) -> Self {
        let [kh, kw] = shape.kernel;
        let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
        assert_eq!(weights.len(), shape.outputs * inputs * kh * kw, "the weights do not fit the shape");
        let groups = (0..shape.groups)
            .map(|group| {
                let bias = bias.map(|bias| &bias[group * outputs..][..outputs]);
                Packed::new(kh * kw * inputs, outputs, bias, |k, output| {
                    let (tap, input) = (k / inputs, k % inputs);
                    weights[((group * outputs + output) * inputs + input) * kh * kw + tap]
                })
            })
            .collect();
        Self { shape, algorithm: Algorithm::Direct(groups) }
    }

    /// The frame that an input must have.
    pub fn frame(&self) -> [usize; 2] {
        match &self.algorithm {
            Algorithm::Direct(_) => std::array::from_fn(|a| self.shape.before[a].max(self.shape.after[a])),
            Algorithm::Winograd(_) => [0; 2],
        }
    }

    /// Height and width of the output for those of an input.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        self.shape.output(size)
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.shape.outputs
    }

    /// `activation(conv(input) + bias + residual)`.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says, or the input's frame is too narrow.
    pub fn run(
        &self,
        input: &[f32],
        map: Map,
        residual: Option<Residual<'_>>,
        activation: Activation,
        target: Target<'_>,
    ) {
        let size = self.shape.output([map.height, map.width]);
        let frame = self.frame();
        assert_eq!(map.channels, self.shape.inputs, "the map has not the channels that the weights have");
        assert!(
            map.frame[0] >= frame[0] && map.frame[1] >= frame[1],
            "the frame is narrower than the padding"
        );
        assert_eq!([target.map.height, target.map.width], size, "the target has another size");
        assert_eq!(target.map.batch, map.batch, "the target has another batch");
        match &self.algorithm {
            Algorithm::Direct(groups) => self.direct(groups, input, map, residual, activation, target),
            Algorithm::Winograd(winograd) => winograd.run(input, map, residual, activation, target),
        }
    }

    /// The same of the map that another one makes of `input`, some rows at a time, so that the map stays in a near cache. Both look
    /// at single pixels.
    ///
    /// # Panics
    /// As [`Conv::run`], where the other one's outputs are not this one's inputs, and where one has a kernel or a stride.
    pub fn run_after(
        &self,
        (before, before_activation): (&Self, Activation),
        input: &[f32],
        map: Map,
        residual: Option<Residual<'_>>,
        activation: Activation,
        target: Target<'_>,
    ) {
        assert!(before.shape.is_of_pixels() && self.shape.is_of_pixels(), "pixels have neighbours");
        assert_eq!(before.shape.outputs, self.shape.inputs, "the first one makes another number of channels");
        let out = target.map;
        assert_eq!(out.batch, map.batch, "the target has another batch");
        let made_row = map.width * self.shape.inputs;
        let rows = (ROWS_IN_CACHE / made_row.max(1)).max(PIXELS.div_ceil(map.width.max(1)));
        // An enlarged residual has other rows.
        let whole = residual.is_some_and(|r| r.map.height != out.height);
        let group = if whole { out.height } else { rows.min(out.height) };
        out.for_each_rows(target.values, group, |image, first, rows| {
            let height = rows.len() / out.row_len();
            let part = |map: Map, first: usize, height: usize| {
                let start = image * map.image_len() + (first + map.frame[0]) * map.row_len();
                let part = Map { batch: 1, height, frame: [0, map.frame[1]], ..map };
                (start..start + part.len(), part)
            };
            let made = Map::new(1, height, map.width, self.shape.inputs);
            scratch::with(made.len(), |values| {
                let (range, input_map) = part(map, first, height);
                let to = Target { values, map: made, channel: 0 };
                before.run(&input[range], input_map, None, before_activation, to);
                let residual = residual.map(|r| {
                    let (first, height) = if whole { (0, r.map.height) } else { (first, height) };
                    let (range, map) = part(r.map, first, height);
                    Residual { values: &r.values[range], map }
                });
                let to = Map { batch: 1, height, frame: [0, out.frame[1]], ..out };
                self.run(
                    values,
                    made,
                    residual,
                    activation,
                    Target { values: rows, map: to, channel: target.channel },
                );
            });
        });
    }

    /// Row `y` of an image's output, `[width, outputs]`.
    ///
    /// # Panics
    /// As [`Conv::run`], and where rows are not computed one by one: by Winograd's algorithm, and of single pixels.
    pub(crate) fn row(
        &self,
        input: &[f32],
        map: Map,
        [image, y]: [usize; 2],
        activation: Activation,
        to: &mut [f32],
    ) {
        let Algorithm::Direct(groups) = &self.algorithm else { panic!("rows come together") };
        assert_ne!(self.shape.kernel, [1, 1], "pixels come together");
        let [_, width] = self.shape.output([map.height, map.width]);
        let input = &input[image * map.image_len() + y * self.shape.stride[0] * map.row_len()..];
        let target = Target { values: to, map: Map::new(1, 1, width, self.shape.outputs), channel: 0 };
        self.direct(groups, input, map, None, activation, target);
    }

    fn direct(
        &self,
        groups: &[Packed],
        input: &[f32],
        mut map: Map,
        mut residual: Option<Residual<'_>>,
        activation: Activation,
        mut target: Target<'_>,
    ) {
        let ConvShape { kernel: [kh, kw], stride, dilation, before, .. } = self.shape;
        let pixels = [kh, kw] == [1, 1] && stride == [1, 1];
        let same_height = residual.is_none_or(|r| r.map.height == target.map.height);
        let same = same_height && residual.is_none_or(|r| r.map.frame == [0; 2]);
        if pixels && map.frame == [0; 2] && target.map.frame == [0; 2] && same {
            // Pixels without a neighbourhood: lines of a convenient length, whatever the rows are.
            map = lines(map);
            target.map = lines(target.map);
            residual = residual.map(|r| Residual { map: lines(r.map), ..r });
        }
        let inputs = self.shape.inputs / self.shape.groups;
        // A row of the kernel lies in one piece where taps are next to each other.
        let whole = dilation[1] == 1 && self.shape.groups == 1;
        let row_len = map.row_len();
        let segments: Vec<usize> = (0..kh)
            .flat_map(|y| (0..if whole { 1 } else { kw }).map(move |x| (y, x)))
            .map(|(y, x)| y * dilation[0] * row_len + x * dilation[1] * map.channels)
            .collect();
        let (height, out_map) = (target.map.height, target.map);
        let work = out_map.width * groups[0].inner() * self.shape.outputs / 32;
        let (out_len, margin) = (out_map.row_len(), out_map.frame[1] * out_map.channels);
        // Many weights are read once for several rows of few pixels.
        let several = if groups[0].inner() * groups[0].outputs() > NEAR {
            PIXELS.div_ceil(out_map.width.max(1))
        } else {
            1
        };
        // An enlarged residual has other lines.
        let together = if same_height { several } else { 1 };
        // What is not applied in registers is applied once a row is whole.
        let light = if activation.is_light() { activation } else { Activation::None };
        let task = rows_a_task(work, height).next_multiple_of(several);
        out_map.for_each_rows(target.values, task, |image, first_row, rows| {
            for (i, rows) in rows.chunks_mut(together * out_len).enumerate() {
                let y = first_row + i * together;
                let first = image * map.image_len()
                    + (y * stride[0] + map.frame[0] - before[0]) * row_len
                    + (map.frame[1] - before[1]) * map.channels;
                let lines = rows.len() / out_len;
                for (group, packed) in groups.iter().enumerate() {
                    let channel = group * packed.outputs();
                    let addend = residual.map(|r| {
                        let scale = height / r.map.height;
                        Addend {
                            row: &r.values[r.map.row_at(image, y / scale) + channel..],
                            step: r.map.channels,
                            line_step: r.map.row_len(),
                            scale,
                        }
                    });
                    Rows {
                        packed,
                        input: &input[first + group * inputs..],
                        step: stride[1] * map.channels,
                        segments: &segments,
                        count: lines * out_map.width,
                        lines: (lines > 1).then_some(Lines {
                            len: out_map.width,
                            step: stride[0] * row_len,
                            to_step: out_len,
                        }),
                        addend,
                        activation: light,
                        to: &mut rows[margin + target.channel + channel..],
                        to_step: out_map.channels,
                    }
                    .run();
                }
                if !activation.is_light() {
                    for row in rows.chunks_exact_mut(out_len) {
                        let row = &mut row[margin..out_len - margin];
                        if out_map.channels == self.shape.outputs {
                            activation.apply(row);
                        } else {
                            for pixel in row.chunks_exact_mut(out_map.channels) {
                                activation.apply(&mut pixel[target.channel..][..self.shape.outputs]);
                            }
                        }
                    }
                }
            }
        });
    }
}

/// A map without a frame as lines of as many pixels as a task should have.
pub(crate) fn lines(map: Map) -> Map {
    let pixels = map.batch * map.height * map.width;
    let width = [96, 80, 64, 48, 40, 32].into_iter().find(|w| pixels.is_multiple_of(*w));
    match width {
        Some(width) => Map { batch: 1, height: pixels / width, width, ..map },
        None if pixels <= 96 => map.flat(),
        None => map,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, conv, framed, numbers, unframed};

    fn shape(
        inputs: usize,
        outputs: usize,
        groups: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        pads: [usize; 4],
    ) -> ConvShape {
        let [top, left, bottom, right] = pads;
        ConvShape {
            inputs,
            outputs,
            groups,
            kernel,
            stride,
            dilation: [1, 1],
            before: [top, left],
            after: [bottom, right],
        }
    }

    #[test]
    fn every_algorithm_equals_the_definition() {
        let dilated = ConvShape { dilation: [2, 3], ..shape(6, 20, 1, [3, 3], [1, 1], [2, 3, 2, 3]) };
        let table = [
            // (shape, batch, height, width)
            (shape(3, 16, 1, [3, 3], [2, 2], [1; 4]), 1, 12, 34),
            (shape(3, 5, 1, [3, 3], [1, 1], [1; 4]), 2, 4, 17),
            (shape(24, 48, 1, [1, 1], [1, 1], [0; 4]), 2, 4, 5),
            (shape(8, 40, 1, [1, 1], [2, 2], [0; 4]), 1, 6, 26),
            (shape(3, 70, 1, [7, 7], [2, 2], [3; 4]), 1, 11, 18),
            (shape(6, 33, 1, [2, 3], [1, 1], [0, 1, 0, 1]), 2, 2, 21),
            (shape(24, 12, 1, [2, 2], [1, 1], [0, 0, 1, 1]), 1, 5, 9),
            (shape(12, 20, 2, [3, 3], [1, 1], [1; 4]), 1, 5, 9),
            (shape(12, 24, 4, [3, 5], [2, 1], [1, 2, 1, 2]), 1, 8, 13),
            (dilated, 1, 9, 15),
            (shape(24, 24, 1, [3, 3], [1, 1], [1; 4]), 2, 8, 12),
            (shape(17, 50, 1, [3, 3], [1, 1], [1; 4]), 2, 7, 29),
            (shape(40, 36, 1, [3, 3], [1, 1], [0; 4]), 1, 9, 11),
            (shape(160, 160, 1, [3, 3], [1, 1], [1; 4]), 1, 2, 21),
            (shape(20, 16, 1, [3, 3], [1, 1], [1; 4]), 1, 1, 8),
            (shape(192, 192, 1, [1, 5], [1, 1], [0, 2, 0, 2]), 2, 1, 43),
            (shape(48, 64, 1, [1, 3], [1, 1], [0, 1, 0, 1]), 1, 3, 30),
            (shape(64, 512, 1, [3, 3], [1, 1], [1; 4]), 1, 16, 50),
            (shape(64, 70, 1, [3, 3], [2, 1], [1; 4]), 2, 8, 25),
            (shape(200, 40, 1, [3, 3], [2, 2], [1; 4]), 1, 7, 31),
            (shape(1100, 33, 1, [1, 1], [1, 1], [0; 4]), 1, 6, 17),
        ];
        for (i, (shape, batch, height, width)) in table.into_iter().enumerate() {
            let seed = i as u64;
            let depth = shape.inputs / shape.groups * shape.kernel[0] * shape.kernel[1];
            let weights: Vec<f32> = numbers(shape.outputs * depth, seed);
            let bias = numbers(shape.outputs, seed + 100);
            let map = Map::new(batch, height, width, shape.inputs);
            let x = numbers(map.len(), seed + 200);
            let expected = conv(&x, map, &shape, &weights, &bias);
            let layer = Conv::new(shape, &weights, Some(&bias), [height, width]);
            let map = map.framed(layer.frame());
            let x = framed(&x, map);
            let [out_height, out_width] = shape.output([height, width]);
            let out_map = Map::new(batch, out_height, out_width, shape.outputs).framed([i % 2, i % 3]);
            let mut out = vec![f32::NAN; out_map.len()];
            layer.run(&x, map, None, Activation::None, Target { values: &mut out, map: out_map, channel: 0 });
            let got = unframed(&out, out_map);
            let what = format!("{shape:?} of {height}x{width}");
            assert_close(&got, &expected, 1e-5, &what);
            assert_eq!(framed(&got, out_map), out, "{what}: the frame");

            let residual = Some(Residual { values: &out, map: out_map });
            for (activation, f) in [
                (Activation::Relu, &(|v: f64| (2.0 * v).max(0.0)) as &dyn Fn(f64) -> f64),
                (Activation::HardSwish, &|v: f64| 2.0 * v * ((2.0 * v) / 6.0 + 0.5).clamp(0.0, 1.0)),
            ] {
                let expected: Vec<f64> = expected.iter().map(|v| f(*v)).collect();
                let mut sum = vec![f32::NAN; out_map.len()];
                layer.run(
                    &x,
                    map,
                    residual,
                    activation,
                    Target { values: &mut sum, map: out_map, channel: 0 },
                );
                let got = unframed(&sum, out_map);
                assert_close(&got, &expected, 2e-5, &what);
                assert_eq!(framed(&got, out_map), sum, "{what}: the frame");
            }

            let wide = Map { channels: shape.outputs + 5, ..out_map }.framed([0; 2]);
            let mut into = vec![7.0; wide.len()];
            layer.run(&x, map, None, Activation::Tanh, Target { values: &mut into, map: wide, channel: 2 });
            for (pixel, expected) in into.chunks_exact(wide.channels).zip(got.chunks_exact(shape.outputs)) {
                assert_eq!(
                    [pixel[0], pixel[1], pixel[shape.outputs + 2]],
                    [7.0; 3],
                    "{what}: other channels"
                );
                for (g, e) in pixel[2..].iter().zip(expected) {
                    assert!((g - e.tanh()).abs() < 1e-4, "{what} into a wider map: {g} is not tanh {e}");
                }
            }
        }
    }

    #[test]
    fn a_residual_of_half_the_size_is_enlarged() {
        for (inputs, outputs, kernel, pad) in [(1, 1, 1, 0), (16, 16, 3, 1), (600, 16, 1, 0)] {
            let shape = shape(inputs, outputs, 1, [kernel; 2], [1, 1], [pad; 4]);
            let weights = vec![0.0; inputs * outputs * kernel * kernel];
            let layer = Conv::new(shape, &weights, Some(&vec![0.5; outputs]), [2, 4]);
            let (map, half) = (Map::new(1, 2, 4, inputs), Map::new(1, 1, 2, outputs));
            let map = map.framed(layer.frame());
            let small = [vec![10.0; outputs], vec![20.0; outputs]].concat();
            let out_map = Map::new(1, 2, 4, outputs);
            let mut out = vec![0.0; out_map.len()];
            let residual = Some(Residual { values: &small, map: half });
            layer.run(
                &vec![0.0; map.len()],
                map,
                residual,
                Activation::None,
                Target { values: &mut out, map: out_map, channel: 0 },
            );
            let first: Vec<f32> = out.iter().step_by(outputs).copied().collect();
            assert_eq!(first, [10.5, 10.5, 20.5, 20.5, 10.5, 10.5, 20.5, 20.5]);
        }
    }

    #[test]
    fn rows_of_another_convolution_of_pixels_are_those_of_its_map() {
        let shape = |inputs, outputs| shape(inputs, outputs, 1, [1, 1], [1, 1], [0; 4]);
        let layer = |inputs: usize, outputs: usize, seed: u64| {
            let weights = numbers(inputs * outputs, seed);
            Conv::new(shape(inputs, outputs), &weights, Some(&numbers(outputs, seed + 1)), [40, 600])
        };
        let (first, second) = (layer(12, 40, 1), layer(40, 20, 3));
        // Several groups of rows, and a picture's half as residual.
        for (height, width, frame, scale) in
            [(6, 1200, [0, 0], 1), (5, 1200, [1, 2], 1), (6, 1200, [1, 1], 2), (1, 7, [0, 0], 1)]
        {
            let map = Map::new(2, height, width, 12).framed(frame);
            let x = framed(&numbers(2 * height * width * 12, 5), map);
            let made_map = Map::new(2, height, width, 40);
            let mut made = vec![f32::NAN; made_map.len()];
            first.run(
                &x,
                map,
                None,
                Activation::Gelu,
                Target { values: &mut made, map: made_map, channel: 0 },
            );
            let small = Map::new(2, height / scale, width / scale, 20).framed(frame);
            let added = framed(&numbers(2 * (height / scale) * (width / scale) * 20, 7), small);
            for residual in [None, Some(Residual { values: &added, map: small })] {
                let out = Map::new(2, height, width, 23).framed([1, 1]);
                let [mut expected, mut got] = [vec![9.0; out.len()], vec![9.0; out.len()]];
                let to = |values| Target { values, map: out, channel: 2 };
                second.run(&made, made_map, residual, Activation::Relu, to(&mut expected));
                let before = (&first, Activation::Gelu);
                second.run_after(before, &x, map, residual, Activation::Relu, to(&mut got));
                assert_eq!(got, expected, "{height}x{width} {frame:?} {scale}");
            }
        }
    }

    #[test]
    fn results_depend_neither_on_threads_nor_on_the_batch() {
        let shape = shape(24, 40, 1, [3, 3], [1, 1], [1; 4]);
        let weights = numbers(24 * 40 * 9, 1);
        let layer = Conv::new(shape, &weights, None, [18, 30]);
        let one = Map::new(1, 18, 30, 24);
        let run = |x: &[f32], batch: usize, threads: usize| {
            let (map, out_map) = (Map { batch, ..one }, Map::new(batch, 18, 30, 40));
            let mut out = vec![0.0; out_map.len()];
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let target = Target { values: &mut out, map: out_map, channel: 0 };
            pool.install(|| layer.run(x, map, None, Activation::Relu, target));
            out
        };
        let x = numbers(3 * one.len(), 2);
        let alone: Vec<f32> = x.chunks_exact(one.len()).flat_map(|x| run(x, 1, 1)).collect();
        for threads in [1, 2, 3] {
            assert!(run(&x, 3, threads) == alone, "{threads} threads");
        }
    }
}
