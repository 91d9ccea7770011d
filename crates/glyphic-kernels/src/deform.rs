//! Modulated deformable convolution (DCNv2, Zhu et al. 2019): each pixel of a window is read from a place of its own.

use pulp::{Arch, Simd, WithSimd};

use crate::product::{Addend, Rows};
use crate::vector::{load_n, part_of, parts, store_n};
use crate::{Activation, ConvShape, Map, Packed, Target, scratch};

/// A deformable convolution of constant weights and one group of weights.
#[derive(Debug)]
pub struct Deform {
    shape: ConvShape,
    /// Groups of channels that are read at the same places.
    groups: usize,
    packed: Packed,
}

/// A computed map.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its numbers.
    pub values: &'a [f32],
    /// Where they lie.
    pub map: Map,
}

impl Deform {
    /// From weights `[outputs, inputs, kernel height, kernel width]` and one bias an output.
    ///
    /// # Panics
    /// Where the lengths do not fit the shape, the shape has groups, or the inputs cannot be divided into `groups`.
    pub fn new(shape: ConvShape, groups: usize, weights: &[f32], bias: Option<&[f32]>) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        assert_eq!(weights.len(), shape.outputs * shape.inputs * taps, "the weights do not fit the shape");
        assert!(
            shape.groups == 1 && groups > 0 && shape.inputs.is_multiple_of(groups),
            "{groups}: {shape:?}"
        );
        let packed = Packed::new(taps * shape.inputs, shape.outputs, bias, |k, output| {
            let (tap, input) = (k / shape.inputs, k % shape.inputs);
            weights[(output * shape.inputs + input) * taps + tap]
        });
        Self { shape, groups, packed }
    }

    /// Sizes and steps.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Channels of the offsets: for each group and each pixel of the window its distance down and right.
    pub fn offsets(&self) -> usize {
        2 * self.masks()
    }

    /// Channels of the mask.
    pub fn masks(&self) -> usize {
        self.groups * self.shape.kernel[0] * self.shape.kernel[1]
    }

    /// `activation(deformable conv(input) + bias)` into all channels of the target; without a mask each pixel counts in full.
    ///
    /// # Panics
    /// Where maps have other sizes than the shape says.
    pub fn run(
        &self,
        input: Source<'_>,
        offsets: Source<'_>,
        mask: Option<Source<'_>>,
        activation: Activation,
        target: Target<'_>,
    ) {
        let (shape, out) = (&self.shape, target.map);
        let taps = shape.kernel[0] * shape.kernel[1];
        assert_eq!(
            [out.height, out.width],
            shape.output([input.map.height, input.map.width]),
            "the target has another size"
        );
        let fits = |m: Map, channels: usize| {
            [m.batch, m.height, m.width, m.channels] == [out.batch, out.height, out.width, channels]
        };
        assert!(fits(offsets.map, self.offsets()), "the offsets have another size");
        assert!(mask.is_none_or(|m| fits(m.map, self.masks())), "the mask has another size");
        assert_eq!(
            [input.map.channels, out.channels],
            [shape.inputs, shape.outputs],
            "the channels do not fit"
        );
        let depth = taps * shape.inputs;
        let cost = out.width * depth * (shape.outputs + 8) / 32;
        out.for_each_row(target.values, cost, |image, y, row| {
            let offsets = offsets.map.row(offsets.values, image, y);
            let mask = mask.map(|m| m.map.row(m.values, image, y));
            scratch::with(out.width * depth, |patches| {
                Arch::new().dispatch(Gather { layer: self, input, offsets, mask, image, y, patches });
                Rows {
                    packed: &self.packed,
                    input: patches,
                    step: depth,
                    segments: &[0],
                    lines: None,
                    count: out.width,
                    addend: None::<Addend<'_>>,
                    activation,
                    to_step: shape.outputs,
                    to: row,
                }
                .run();
            });
        });
    }
}

/// The pixels of the windows of one row of outputs, `[W, taps, C]`.
struct Gather<'a> {
    layer: &'a Deform,
    input: Source<'a>,
    offsets: &'a [f32],
    mask: Option<&'a [f32]>,
    image: usize,
    y: usize,
    patches: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (shape, map) = (&self.layer.shape, self.input.map);
        let taps = shape.kernel[0] * shape.kernel[1];
        let channels = shape.inputs / self.layer.groups;
        let (count, row_len) = (self.layer.masks(), map.row_len());
        let plane = &self.input.values[map.row_at(self.image, 0)..];
        // Group by group within a tap, as the channels lie.
        for (at, to) in self.patches.chunks_exact_mut(channels).enumerate() {
            let (group, rest) = (at % self.layer.groups, at / self.layer.groups);
            let (tap, x) = (rest % taps, rest / taps);
            let place = x * count + group * taps + tap;
            let weight = self.mask.map_or(1.0, |m| m[place]);
            let base = |axis: usize, out: usize, k: usize| {
                (out * shape.stride[axis] + k * shape.dilation[axis]) as f32 - shape.before[axis] as f32
            };
            let y = base(0, self.y, tap / shape.kernel[1]) + self.offsets[2 * place];
            let x = base(1, x, tap % shape.kernel[1]) + self.offsets[2 * place + 1];
            let inside = y > -1.0 && x > -1.0 && y < map.height as f32 && x < map.width as f32;
            if !inside || weight == 0.0 {
                // Places that are no numbers count as outside.
                to.fill(0.0);
                continue;
            }
            let (y0, x0) = (y.floor(), x.floor());
            let (ty, tx) = (y - y0, x - x0);
            let (y0, x0) = (y0 as isize, x0 as isize);
            // A corner outside the map weighs nothing, and is read from any place inside.
            let axis = |at: isize, size: usize, w: f32| match usize::try_from(at) {
                Ok(at) if at < size => (at, w),
                _ => (0, 0.0),
            };
            let ys = [axis(y0, map.height, 1.0 - ty), axis(y0 + 1, map.height, ty)];
            let xs = [axis(x0, map.width, 1.0 - tx), axis(x0 + 1, map.width, tx)];
            let corner = |i: usize| {
                let ((y, wy), (x, wx)) = (ys[i / 2], xs[i % 2]);
                (y * row_len + x * map.channels + group * channels, wy * wx * weight)
            };
            let corners: [(usize, f32); 4] = std::array::from_fn(corner);
            let pixels = corners.map(|(at, _)| &plane[at..at + channels]);
            let weights = corners.map(|(_, w)| simd.splat_f32s(w));
            for part in 0..parts::<S>(channels) {
                let (first, n) = part_of::<S>(channels, part);
                let mut sum = simd.mul_f32s(weights[0], load_n(simd, &pixels[0][first..], n));
                for i in 1..4 {
                    sum = simd.mul_add_e_f32s(weights[i], load_n(simd, &pixels[i][first..], n), sum);
                }
                store_n(simd, &mut to[first..], n, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, framed, numbers, unframed};

    #[test]
    fn pixels_are_read_from_where_the_offsets_say() {
        for (inputs, outputs, groups, stride, dilation) in
            [(6, 4, 2, [1, 1], [1, 1]), (20, 18, 1, [2, 1], [1, 2])]
        {
            let shape = ConvShape {
                inputs,
                outputs,
                groups: 1,
                kernel: [3, 3],
                stride,
                dilation,
                before: [1, 1],
                after: [1, 2],
            };
            let weights = numbers(outputs * inputs * 9, 1);
            let bias = numbers(outputs, 2);
            let layer = Deform::new(shape, groups, &weights, Some(&bias));
            let map = Map::new(2, 6, 7, inputs);
            let x = numbers(map.len(), 3);
            let [height, width] = shape.output([6, 7]);
            let out_map = Map::new(2, height, width, outputs).framed([1, 0]);
            let offset_map = Map { channels: layer.offsets(), ..out_map }.framed([0, 1]);
            let mask_map = Map { channels: layer.masks(), ..out_map }.framed([0, 0]);
            let mut offsets: Vec<f32> =
                numbers(2 * height * width * layer.offsets(), 4).iter().map(|v| v * 3.0).collect();
            (offsets[5], offsets[31], offsets[8]) = (f32::NAN, f32::INFINITY, -2.0);
            let mask = numbers(2 * height * width * layer.masks(), 5);
            for mask in [Some(&mask), None] {
                let mut expected = Vec::new();
                for i in 0..2 * height * width * outputs {
                    let (o, place) = (i % outputs, i / outputs);
                    let (ox, oy, n) = (place % width, place / width % height, place / width / height);
                    let mut sum = f64::from(bias[o]);
                    for j in 0..9 * inputs {
                        let (tap, c) = (j / inputs, j % inputs);
                        let k = place * layer.masks() + c / (inputs / groups) * 9 + tap;
                        let at = |axis: usize, out: usize, tap: usize| {
                            (out * stride[axis] + tap * dilation[axis]) as f64 - 1.0
                                + f64::from(offsets[2 * k + axis])
                        };
                        let (y, x_at) = (at(0, oy, tap / 3), at(1, ox, tap % 3));
                        let mut value = 0.0;
                        for (y0, x0) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                            let (y0, x0) = (y.floor() + f64::from(y0), x_at.floor() + f64::from(x0));
                            if (0.0..6.0).contains(&y0) && (0.0..7.0).contains(&x0) {
                                let index = ((n * 6 + y0 as usize) * 7 + x0 as usize) * inputs + c;
                                value +=
                                    f64::from(x[index]) * (1.0 - (y - y0).abs()) * (1.0 - (x_at - x0).abs());
                            }
                        }
                        sum += value
                            * f64::from(mask.map_or(1.0, |m| m[k]))
                            * f64::from(weights[(o * inputs + c) * 9 + tap]);
                    }
                    expected.push(sum);
                }
                let mut out = vec![f32::NAN; out_map.len()];
                let input_map = map.framed([2, 1]);
                let (input, places) = (framed(&x, input_map), framed(&offsets, offset_map));
                let masks = mask.map(|m| framed(m, mask_map));
                layer.run(
                    Source { values: &input, map: input_map },
                    Source { values: &places, map: offset_map },
                    masks.as_ref().map(|m| Source { values: m, map: mask_map }),
                    Activation::None,
                    Target { values: &mut out, map: out_map, channel: 0 },
                );
                assert_close(&unframed(&out, out_map), &expected, 1e-6, &format!("{shape:?}"));
            }
        }
    }
}
