//! Resizing of channel-last maps between pixels.

use pulp::{Simd, WithSimd};

use crate::deform::Source;
use crate::map::Target;
use crate::scratch;
use crate::vector::{arch, load, store};

/// What a pixel along an axis is mixed of: two pixels of the input, and their weights.
pub type Mix = [(usize, f32); 2];

/// Each pixel of the target a mix of four of the source: first of rows, then of columns.
///
/// # Panics
/// Where there is not a mix for each row and column of the target, or one reads beyond the source.
pub fn bilinear(from: Source<'_>, rows: &[Mix], columns: &[Mix], target: Target<'_>) {
    let (small, map) = (from.map, target.map);
    assert_eq!([rows.len(), columns.len()], [map.height, map.width], "the target has another size");
    assert!(
        small.batch == map.batch && target.channel + small.channels <= map.channels,
        "the target has other axes"
    );
    let len = small.width * small.channels;
    let cost = (len + map.width * small.channels) / 8;
    map.for_each_row(target.values, cost, |image, y, to| {
        let [(first, a), (second, b)] = rows[y];
        let near = small.row(from.values, image, first);
        let mix = |row: &[f32], to: &mut [f32]| {
            arch().dispatch(Columns {
                row,
                columns,
                channels: small.channels,
                to: &mut to[target.channel..],
                step: map.channels,
            });
        };
        if b == 0.0 && a == 1.0 {
            return mix(near, to);
        }
        let far = small.row(from.values, image, second);
        scratch::with(len, |row| {
            arch().dispatch(Sum { near, far, weights: [a, b], to: row });
            mix(row, to);
        });
    });
}

/// `near * a + far * b`
struct Sum<'a> {
    near: &'a [f32],
    far: &'a [f32],
    weights: [f32; 2],
    to: &'a mut [f32],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [a, b] = self.weights;
        let (x, y) = (simd.splat_f32s(a), simd.splat_f32s(b));
        let (to, rest) = S::as_mut_simd_f32s(self.to);
        let ((near, near_rest), (far, far_rest)) = (S::as_simd_f32s(self.near), S::as_simd_f32s(self.far));
        for ((to, near), far) in to.iter_mut().zip(near).zip(far) {
            *to = simd.mul_add_e_f32s(*far, y, simd.mul_f32s(*near, x));
        }
        for ((to, near), far) in rest.iter_mut().zip(near_rest).zip(far_rest) {
            *to = near * a + far * b;
        }
    }
}

/// Mixes of the pixels of a row.
struct Columns<'a> {
    row: &'a [f32],
    columns: &'a [Mix],
    channels: usize,
    to: &'a mut [f32],
    /// Numbers between pixels of the target.
    step: usize,
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { row, columns, channels, to, step } = self;
        let whole = channels - channels % S::F32_LANES;
        for ([(first, a), (second, b)], to) in columns.iter().zip(to.chunks_mut(step)) {
            let (near, far) = (&row[first * channels..][..channels], &row[second * channels..][..channels]);
            let to = &mut to[..channels];
            let (x, y) = (simd.splat_f32s(*a), simd.splat_f32s(*b));
            for at in (0..whole).step_by(S::F32_LANES) {
                let near = simd.mul_f32s(load::<S>(&near[at..]), x);
                store::<S>(&mut to[at..], simd.mul_add_e_f32s(load::<S>(&far[at..]), y, near));
            }
            for ((to, near), far) in to[whole..].iter_mut().zip(&near[whole..]).zip(&far[whole..]) {
                *to = near * a + far * b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Map;
    use crate::reference::{archs, assert_close, framed, numbers, on, unframed};

    /// Pixel centres of `n` pixels enlarged to `m`.
    fn mixes(n: usize, m: usize) -> Vec<Mix> {
        (0..m)
            .map(|i| {
                let x = ((i as f64 + 0.5) * n as f64 / m as f64 - 0.5).max(0.0);
                let first = (x as usize).min(n - 1);
                let share = (x - first as f64) as f32;
                [(first, 1.0 - share), ((first + 1).min(n - 1), share)]
            })
            .collect()
    }

    #[test]
    fn every_size_equals_the_definition() {
        for (i, (from, to, channels)) in [
            ([3, 5], [6, 10], 16),
            ([1, 1], [1, 7], 3),
            ([4, 6], [4, 6], 40),
            ([7, 9], [3, 4], 17),
            ([2, 3], [16, 24], 6),
            ([5, 1], [11, 1], 33),
        ]
        .into_iter()
        .enumerate()
        {
            let small = Map::new(2, from[0], from[1], channels);
            let map = Map::new(2, to[0], to[1], channels).framed([i % 2, i % 3]);
            let x = numbers(small.len(), i as u64);
            let (rows, columns) = (mixes(from[0], to[0]), mixes(from[1], to[1]));
            let mut expected = Vec::new();
            for (n, y, at) in crate::reference::each([2, to[0], to[1]]) {
                for c in 0..channels {
                    let pixel = |y: usize, x_at: usize| f64::from(small.row(&x, n, y)[x_at * channels + c]);
                    let pairs = rows[y].iter().flat_map(|r| columns[at].iter().map(move |c| (*r, *c)));
                    expected
                        .push(pairs.map(|(r, c)| f64::from(r.1) * f64::from(c.1) * pixel(r.0, c.0)).sum());
                }
            }
            let framed_small = small.framed([1, 2]);
            let source = framed(&x, framed_small);
            for arch in archs() {
                let mut out = vec![f32::NAN; map.len()];
                on(arch, || {
                    let from = Source { values: &source, map: framed_small };
                    bilinear(from, &rows, &columns, Target { values: &mut out, map, channel: 0 });
                });
                assert_close(
                    &unframed(&out, map),
                    &expected,
                    1e-6,
                    &format!("{from:?} to {to:?} on {arch:?}"),
                );
            }
        }
    }
}
