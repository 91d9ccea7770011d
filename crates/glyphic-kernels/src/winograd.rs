//! Convolution of stride 1 by Winograd's minimal filtering: tiles of the input are brought to points, where the convolution
//! is one product a point, and back. A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
//!
//! The points are 0, 1, -1, 2, -2, 1/2, -1/2 and infinity: with few points the sums stay as exact as the direct ones but for
//! a factor of about ten.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over indices are unrolled, and their arrays kept in registers"
)]

use pulp::{Arch, Simd, WithSimd};

use crate::map::spread;
use crate::product::Rows;
use crate::vector::{load, load_n, part_of, parts, store_n};
use crate::{Activation, ConvShape, Map, Packed, Residual, Target, scratch};

/// One axis of a tile: `POINTS = OUTPUTS + TAPS - 1` inputs.
trait Axis {
    const OUTPUTS: usize;
    const TAPS: usize;
    const POINTS: usize = Self::OUTPUTS + Self::TAPS - 1;

    /// Inputs -> points.
    fn points<S: Simd>(simd: S, d: [S::f32s; 8]) -> [S::f32s; 8];

    /// Points -> outputs.
    fn outputs<S: Simd>(simd: S, m: [S::f32s; 8]) -> [S::f32s; 4];

    /// Taps -> points.
    fn weights(taps: &[f64]) -> [f64; 8];
}

/// No neighbourhood.
struct One;
/// Two outputs of three taps.
struct TwoOfThree;
/// Four outputs of three taps.
struct FourOfThree;
/// Four outputs of five taps.
struct FourOfFive;

/// `scale * sum(taps[i] * point^i)` for each point, and the last tap for the point at infinity.
fn evaluate<const N: usize>(taps: &[f64], points: [(f64, f64); N]) -> [f64; 8] {
    let mut out = [0.0; 8];
    for (out, (scale, point)) in out.iter_mut().zip(points) {
        *out = scale * taps.iter().rev().fold(0.0, |sum, tap| sum * point + tap);
    }
    out[N] = taps[taps.len() - 1];
    out
}

impl Axis for One {
    const OUTPUTS: usize = 1;
    const TAPS: usize = 1;

    #[inline(always)]
    fn points<S: Simd>(_: S, d: [S::f32s; 8]) -> [S::f32s; 8] {
        d
    }

    #[inline(always)]
    fn outputs<S: Simd>(_: S, m: [S::f32s; 8]) -> [S::f32s; 4] {
        [m[0]; 4]
    }

    fn weights(taps: &[f64]) -> [f64; 8] {
        [taps[0]; 8]
    }
}

impl Axis for TwoOfThree {
    const OUTPUTS: usize = 2;
    const TAPS: usize = 3;

    #[inline(always)]
    fn points<S: Simd>(simd: S, d: [S::f32s; 8]) -> [S::f32s; 8] {
        let mut p = d;
        p[0] = simd.sub_f32s(d[0], d[2]);
        p[1] = simd.add_f32s(d[1], d[2]);
        p[2] = simd.sub_f32s(d[2], d[1]);
        p[3] = simd.sub_f32s(d[3], d[1]);
        p
    }

    #[inline(always)]
    fn outputs<S: Simd>(simd: S, m: [S::f32s; 8]) -> [S::f32s; 4] {
        let (sum, difference) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        [simd.add_f32s(m[0], sum), simd.add_f32s(difference, m[3]), m[0], m[0]]
    }

    fn weights(taps: &[f64]) -> [f64; 8] {
        evaluate(taps, [(1.0, 0.0), (0.5, 1.0), (0.5, -1.0)])
    }
}

impl Axis for FourOfThree {
    const OUTPUTS: usize = 4;
    const TAPS: usize = 3;

    #[inline(always)]
    fn points<S: Simd>(simd: S, d: [S::f32s; 8]) -> [S::f32s; 8] {
        let times = |c: f32, a, b| simd.mul_add_e_f32s(simd.splat_f32s(c), a, b);
        let mut p = d;
        p[0] = times(4.0, d[0], times(-5.0, d[2], d[4]));
        let (even, odd) = (times(-4.0, d[2], d[4]), times(-4.0, d[1], d[3]));
        p[1] = simd.add_f32s(even, odd);
        p[2] = simd.sub_f32s(even, odd);
        let (even, odd) = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
        p[3] = times(2.0, odd, even);
        p[4] = times(-2.0, odd, even);
        p[5] = times(4.0, d[1], times(-5.0, d[3], d[5]));
        p
    }

    #[inline(always)]
    fn outputs<S: Simd>(simd: S, m: [S::f32s; 8]) -> [S::f32s; 4] {
        let times = |c: f32, a, b| simd.mul_add_e_f32s(simd.splat_f32s(c), a, b);
        let (sum1, difference1) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        let (sum2, difference2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
        [
            simd.add_f32s(simd.add_f32s(m[0], sum1), sum2),
            times(2.0, difference2, difference1),
            times(4.0, sum2, sum1),
            simd.add_f32s(times(8.0, difference2, difference1), m[5]),
        ]
    }

    fn weights(taps: &[f64]) -> [f64; 8] {
        evaluate(
            taps,
            [(1.0 / 4.0, 0.0), (-1.0 / 6.0, 1.0), (-1.0 / 6.0, -1.0), (1.0 / 24.0, 2.0), (1.0 / 24.0, -2.0)],
        )
    }
}

impl Axis for FourOfFive {
    const OUTPUTS: usize = 4;
    const TAPS: usize = 5;

    #[inline(always)]
    fn points<S: Simd>(simd: S, d: [S::f32s; 8]) -> [S::f32s; 8] {
        let times = |c: f32, a, b| simd.mul_add_e_f32s(simd.splat_f32s(c), a, b);
        let mut p = d;
        p[0] = times(5.25, simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[0], d[6]));
        p[7] = times(5.25, simd.sub_f32s(d[3], d[5]), simd.sub_f32s(d[7], d[1]));
        let even = times(-4.25, d[4], simd.add_f32s(d[2], d[6]));
        let odd = times(-4.25, d[3], simd.add_f32s(d[1], d[5]));
        p[1] = simd.add_f32s(even, odd);
        p[2] = simd.sub_f32s(even, odd);
        let even = times(0.25, d[2], times(-1.25, d[4], d[6]));
        let odd = times(0.5, d[1], times(-2.5, d[3], simd.mul_f32s(simd.splat_f32s(2.0), d[5])));
        p[3] = simd.add_f32s(even, odd);
        p[4] = simd.sub_f32s(even, odd);
        let even = times(4.0, d[2], times(-5.0, d[4], d[6]));
        let odd = times(2.0, d[1], times(-2.5, d[3], simd.mul_f32s(simd.splat_f32s(0.5), d[5])));
        p[5] = simd.add_f32s(even, odd);
        p[6] = simd.sub_f32s(even, odd);
        p
    }

    #[inline(always)]
    fn outputs<S: Simd>(simd: S, m: [S::f32s; 8]) -> [S::f32s; 4] {
        let times = |c: f32, a, b| simd.mul_add_e_f32s(simd.splat_f32s(c), a, b);
        let (sum1, difference1) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        let (sum2, difference2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
        let (sum3, difference3) = (simd.add_f32s(m[5], m[6]), simd.sub_f32s(m[5], m[6]));
        [
            simd.add_f32s(simd.add_f32s(m[0], sum1), simd.add_f32s(sum2, sum3)),
            times(0.5, difference3, times(2.0, difference2, difference1)),
            times(0.25, sum3, times(4.0, sum2, sum1)),
            simd.add_f32s(times(0.125, difference3, times(8.0, difference2, difference1)), m[7]),
        ]
    }

    fn weights(taps: &[f64]) -> [f64; 8] {
        let (one, two, half) = (-2.0 / 9.0, 1.0 / 90.0, 32.0 / 45.0);
        evaluate(
            taps,
            [(1.0, 0.0), (one, 1.0), (one, -1.0), (two, 2.0), (two, -2.0), (half, 0.5), (half, -0.5)],
        )
    }
}

/// Tiles of both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 3x3, four by four outputs.
    FourFour,
    /// 3x3, two by four outputs: for maps of height two.
    TwoFour,
    /// 1x3
    OneFour,
    /// 1x5
    OneFive,
}

macro_rules! with_kind {
    ($kind:expr, $call:ident, [$($first:ty),*], $arguments:tt) => {
        match $kind {
            Kind::FourFour => $call::<$($first,)* FourOfThree, FourOfThree> $arguments,
            Kind::TwoFour => $call::<$($first,)* TwoOfThree, FourOfThree> $arguments,
            Kind::OneFour => $call::<$($first,)* One, FourOfThree> $arguments,
            Kind::OneFive => $call::<$($first,)* One, FourOfFive> $arguments,
        }
    };
}

impl Kind {
    /// Points and outputs of a tile, `[vertical, horizontal]`.
    pub(crate) fn tile(self) -> ([usize; 2], [usize; 2]) {
        fn of<Y: Axis, X: Axis>() -> ([usize; 2], [usize; 2]) {
            ([Y::POINTS, X::POINTS], [Y::OUTPUTS, X::OUTPUTS])
        }
        with_kind!(self, of, [], ())
    }
}

/// A convolution's weights at the points.
#[derive(Debug)]
pub(crate) struct Winograd {
    kind: Kind,
    /// One a point, without bias.
    points: Vec<Packed>,
    /// Padded to whole vectors.
    bias: Vec<f32>,
    before: [usize; 2],
    inputs: usize,
    outputs: usize,
}

/// Numbers of a group of tiles at the points, before and after the product: they should stay in a core's second-level
/// cache.
const GROUP: usize = 190_000;

impl Winograd {
    /// The tiles of a shape with outputs of this height; `None` where the direct sum is faster, or there are none.
    pub(crate) fn kind(shape: &ConvShape, height: usize) -> Option<Kind> {
        let simple = shape.groups == 1 && shape.stride == [1, 1] && shape.dilation == [1, 1];
        // Bringing tiles to points and back costs as much as some channels.
        if !simple || shape.inputs < 12 || shape.outputs < 8 {
            return None;
        }
        match shape.kernel {
            [3, 3] if height <= 2 => Some(Kind::TwoFour),
            [3, 3] => Some(Kind::FourFour),
            [1, 3] => Some(Kind::OneFour),
            [1, 5] => Some(Kind::OneFive),
            _ => None,
        }
    }

    /// `None` where the shape has no such algorithm, or it is not the faster one.
    pub(crate) fn new(
        shape: &ConvShape,
        weights: &[f32],
        bias: Option<&[f32]>,
        size: [usize; 2],
    ) -> Option<Self> {
        let [height, width] = shape.output(size);
        let kind = Self::kind(shape, height).filter(|_| width >= 4)?;
        let (points, _) = kind.tile();
        fn at_points<Y: Axis, X: Axis>(taps: &[f32]) -> Vec<f32> {
            let rows: Vec<[f64; 8]> = taps
                .chunks_exact(X::TAPS)
                .map(|row| X::weights(&row.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()))
                .collect();
            let mut out = vec![0.0; Y::POINTS * X::POINTS];
            for x in 0..X::POINTS {
                let column: Vec<f64> = rows.iter().map(|row| row[x]).collect();
                let column = Y::weights(&column);
                for (y, value) in column.iter().enumerate().take(Y::POINTS) {
                    out[y * X::POINTS + x] = *value as f32;
                }
            }
            out
        }
        let taps = shape.kernel[0] * shape.kernel[1];
        let count = points[0] * points[1];
        // [outputs, inputs, points]
        let values: Vec<f32> =
            weights.chunks_exact(taps).flat_map(|taps| with_kind!(kind, at_points, [], (taps))).collect();
        let points: Vec<Packed> = (0..count)
            .map(|point| {
                Packed::new(shape.inputs, shape.outputs, None, |input, output| {
                    values[(output * shape.inputs + input) * count + point]
                })
            })
            .collect();
        let mut bias = bias.map_or_else(Vec::new, <[f32]>::to_vec);
        bias.resize(points[0].padded(), 0.0);
        let (inputs, outputs) = (shape.inputs, shape.outputs);
        Some(Self { kind, points, bias, before: shape.before, inputs, outputs })
    }

    pub(crate) fn run(
        &self,
        input: &[f32],
        map: Map,
        residual: Option<Residual<'_>>,
        activation: Activation,
        target: Target<'_>,
    ) {
        let (points, outputs) = self.kind.tile();
        let count = points[0] * points[1];
        let Target { values, map: out, channel } = target;
        let columns = out.width.div_ceil(outputs[1]);
        let padded = self.points[0].padded();
        let size = (GROUP / (count * (self.inputs + padded))).clamp(32, 96);

        // Rows of tiles, whose rows of pixels nobody else writes.
        let row_len = out.row_len();
        let mut rows = Vec::with_capacity(out.batch * out.height.div_ceil(outputs[0]));
        for (image, values) in values[..out.len()].chunks_exact_mut(out.image_len()).enumerate() {
            let (top, rest) = values.split_at_mut(out.frame[0] * row_len);
            let (inner, bottom) = rest.split_at_mut(out.height * row_len);
            top.fill(0.0);
            bottom.fill(0.0);
            let tiles = inner.chunks_mut(outputs[0] * row_len).enumerate();
            rows.extend(tiles.map(|(y, values)| TileRow { image, y, values }));
        }
        // A task has one or more groups of tiles.
        let threads = rayon::current_num_threads();
        let a_task = if threads == 1 {
            rows.len()
        } else {
            size.div_ceil(columns).min(rows.len().div_ceil(threads)).max(1)
        };
        let mut tasks: Vec<Vec<TileRow<'_>>> = Vec::with_capacity(rows.len().div_ceil(a_task.max(1)));
        for row in rows {
            match tasks.last_mut() {
                Some(task) if task.len() < a_task => task.push(row),
                _ => tasks.push(vec![row]),
            }
        }
        spread(tasks, |mut rows| {
            let margin = out.frame[1] * out.channels;
            for row in rows.iter_mut().flat_map(|row| row.values.chunks_exact_mut(row_len)) {
                row[..margin].fill(0.0);
                row[row_len - margin..].fill(0.0);
            }
            let tiles = rows.len() * columns;
            scratch::with(count * size.min(tiles) * (self.inputs + padded), |scratch| {
                // Even groups.
                let groups = tiles.div_ceil(size);
                for group in 0..groups {
                    let (first, last) = (group * tiles / groups, (group + 1) * tiles / groups);
                    let n = last - first;
                    let (before, rest) = scratch.split_at_mut(count * n * self.inputs);
                    let after = &mut rest[..count * n * padded];
                    Arch::new().dispatch(ToPoints {
                        winograd: self,
                        input,
                        map,
                        rows: &rows,
                        columns,
                        first,
                        to: before,
                    });
                    for (point, packed) in self.points.iter().enumerate() {
                        Rows {
                            packed,
                            input: &before[point * n * self.inputs..][..n * self.inputs],
                            step: self.inputs,
                            segments: &[0],
                            lines: None,
                            count: n,
                            addend: None,
                            activation: Activation::None,
                            to: &mut after[point * n * padded..][..n * padded],
                            to_step: padded,
                        }
                        .run();
                    }
                    Arch::new().dispatch(ToOutputs {
                        winograd: self,
                        from: after,
                        rows: &mut rows,
                        columns,
                        first,
                        count: n,
                        out,
                        channel,
                        residual,
                        relu: matches!(activation, Activation::Relu),
                    });
                }
            });
            if !activation.is_light() {
                for row in rows.iter_mut().flat_map(|row| row.values.chunks_exact_mut(row_len)) {
                    for pixel in row[margin..row_len - margin].chunks_exact_mut(out.channels) {
                        activation.apply(&mut pixel[channel..channel + self.outputs]);
                    }
                }
            }
        });
    }
}

/// Output rows of one row of tiles, their frame included.
struct TileRow<'a> {
    image: usize,
    y: usize,
    values: &'a mut [f32],
}

/// Tiles `first..` of a task -> `[points, tiles, inputs]`.
struct ToPoints<'a, 'b> {
    winograd: &'a Winograd,
    input: &'a [f32],
    map: Map,
    rows: &'a [TileRow<'b>],
    columns: usize,
    first: usize,
    to: &'a mut [f32],
}

impl WithSimd for ToPoints<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let kind = self.winograd.kind;
        with_kind!(kind, to_points, [S], (simd, self));
    }
}

#[inline(always)]
fn to_points<S: Simd, Y: Axis, X: Axis>(simd: S, job: ToPoints<'_, '_>) {
    let ToPoints { winograd, input, map, rows, columns, first, to } = job;
    let inputs = winograd.inputs;
    let n = to.len() / (Y::POINTS * X::POINTS * inputs);
    let [frame_y, frame_x] = map.frame.map(|f| f as isize);
    let (tile_height, tile_width) = (Y::POINTS as isize, X::POINTS as isize);
    for tile in 0..n {
        let (row, column) = (&rows[(first + tile) / columns], (first + tile) % columns);
        // The tile's first pixel, which may lie outside the map.
        let y = (row.y * Y::OUTPUTS) as isize - winograd.before[0] as isize;
        let x = (column * X::OUTPUTS) as isize - winograd.before[1] as isize;
        let inside = y >= -frame_y
            && x >= -frame_x
            && y + tile_height <= map.height as isize + frame_y
            && x + tile_width <= map.width as isize + frame_x;
        let image = &input[row.image * map.image_len()..];
        let place = Place { map, y, x };
        for part in 0..parts::<S>(inputs) {
            let (channel, lanes) = part_of::<S>(inputs, part);
            let to = Points { values: to, n, tile, inputs, channel };
            match (lanes == S::F32_LANES, inside) {
                (true, true) => place.to_points::<S, Y, X, true, true>(simd, image, channel, lanes, to),
                (true, false) => place.to_points::<S, Y, X, true, false>(simd, image, channel, lanes, to),
                (false, _) => place.to_points::<S, Y, X, false, false>(simd, image, channel, lanes, to),
            }
        }
    }
}

/// Where a tile begins in an image.
#[derive(Clone, Copy)]
struct Place {
    map: Map,
    y: isize,
    x: isize,
}

/// Where a tile's points go.
struct Points<'a> {
    values: &'a mut [f32],
    n: usize,
    tile: usize,
    inputs: usize,
    channel: usize,
}

impl Place {
    /// One tile, one vector of channels: a whole one where `WHOLE` is set, within the frame where `INSIDE` is.
    #[inline(always)]
    fn to_points<S: Simd, Y: Axis, X: Axis, const WHOLE: bool, const INSIDE: bool>(
        self,
        simd: S,
        image: &[f32],
        channel: usize,
        lanes: usize,
        to: Points<'_>,
    ) {
        let lanes = if WHOLE { S::F32_LANES } else { lanes };
        let Self { map, y, x } = self;
        let [frame_y, frame_x] = map.frame.map(|f| f as isize);
        let (row_len, channels) = (map.row_len(), map.channels);
        let zero = simd.splat_f32s(0.0);
        // Loops and no closures: those are compiled without the vectors' instructions where they are not inlined.
        let mut rows = [[zero; 8]; 8];
        for i in 0..Y::POINTS {
            let mut row = [zero; 8];
            let y = y + i as isize;
            if INSIDE {
                let at = (y + frame_y) as usize * row_len + (x + frame_x) as usize * channels + channel;
                let line = &image[at..][..(X::POINTS - 1) * channels + lanes];
                for j in 0..X::POINTS {
                    row[j] = load_n(simd, &line[j * channels..], lanes);
                }
            } else if y >= 0 && y < map.height as isize {
                let line = (y + frame_y) as usize * row_len + channel;
                for j in 0..X::POINTS {
                    let x = x + j as isize;
                    if x >= 0 && x < map.width as isize {
                        row[j] = load_n(simd, &image[line + (x + frame_x) as usize * channels..], lanes);
                    }
                }
            }
            rows[i] = X::points(simd, row);
        }
        for j in 0..X::POINTS {
            let mut column = [zero; 8];
            for i in 0..Y::POINTS {
                column[i] = rows[i][j];
            }
            let column = Y::points(simd, column);
            for i in 0..Y::POINTS {
                let at = ((i * X::POINTS + j) * to.n + to.tile) * to.inputs + to.channel;
                store_n(simd, &mut to.values[at..at + lanes], lanes, column[i]);
            }
        }
    }
}

/// `[points, tiles, padded outputs]` -> outputs.
struct ToOutputs<'a, 'b> {
    winograd: &'a Winograd,
    from: &'a [f32],
    rows: &'a mut [TileRow<'b>],
    columns: usize,
    first: usize,
    count: usize,
    out: Map,
    channel: usize,
    residual: Option<Residual<'a>>,
    relu: bool,
}

impl WithSimd for ToOutputs<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let kind = self.winograd.kind;
        with_kind!(kind, to_outputs, [S], (simd, self));
    }
}

#[inline(always)]
fn to_outputs<S: Simd, Y: Axis, X: Axis>(simd: S, job: ToOutputs<'_, '_>) {
    let ToOutputs { winograd, from, rows, columns, first, count, out, channel, residual, relu } = job;
    let outputs = winograd.outputs;
    let padded = from.len() / (Y::POINTS * X::POINTS * count);
    let row_len = out.row_len();
    let zero = simd.splat_f32s(0.0);
    for tile in 0..count {
        let (row, column) = (&mut rows[(first + tile) / columns], (first + tile) % columns);
        let height = row.values.len() / row_len;
        let x = column * X::OUTPUTS;
        let width = X::OUTPUTS.min(out.width - x);
        for part in 0..parts::<S>(outputs) {
            let (first, lanes) = part_of::<S>(outputs, part);
            // Columns, as far as their outputs go.
            let mut half = [[zero; 4]; 8];
            for j in 0..X::POINTS {
                let mut column = [zero; 8];
                for i in 0..Y::POINTS {
                    let at = ((i * X::POINTS + j) * count + tile) * padded + first;
                    column[i] = load::<S>(&from[at..at + S::F32_LANES]);
                }
                half[j] = Y::outputs(simd, column);
            }
            let bias = load::<S>(&winograd.bias[first..first + S::F32_LANES]);
            for i in 0..height.min(Y::OUTPUTS) {
                let mut line = [zero; 8];
                for j in 0..X::POINTS {
                    line[j] = half[j][i];
                }
                let values = X::outputs(simd, line);
                for (j, mut value) in values.into_iter().enumerate().take(width) {
                    value = simd.add_f32s(value, bias);
                    if let Some(residual) = residual {
                        let scale = out.height / residual.map.height;
                        let at = residual.map.row_at(row.image, (row.y * Y::OUTPUTS + i) / scale)
                            + (x + j) / scale * residual.map.channels
                            + first;
                        let added = load_n(simd, &residual.values[at..at + lanes], lanes);
                        value = simd.add_f32s(value, added);
                    }
                    if relu {
                        value = simd.max_f32s(value, zero);
                    }
                    let at = i * row_len + (out.frame[1] + x + j) * out.channels + channel + first;
                    store_n(simd, &mut row.values[at..at + lanes], lanes, value);
                }
            }
        }
    }
}
