//! The two products that convolutions are made of, in registers.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// Rows of the left matrix that [`Product`] takes together.
const ROWS: [usize; 5] = [8, 6, 4, 2, 1];

/// The most rows that are taken together, and vectors of columns: as many sums as the registers hold, 32 of them where vectors
/// have 16 lanes. Of the 16 where they have 8 lanes the compiler takes two for values of the left matrix; a single sum that it
/// keeps in memory, as one of 4 rows by 3 vectors, doubles the time of all.
const fn tile(lanes: usize) -> (usize, usize) {
    match lanes {
        16 => (8, 3),
        8 => (6, 2),
        _ => (4, 3),
    }
}

/// Products that are summed on their own before they join the total: long sums lose digits. So many columns of the left matrix
/// are used for all columns of the right one before the next.
const RUN: usize = 256;

/// Groups of rows whose part of the left matrix stays in a core's second-level cache.
const GROUPS: usize = 16;

/// Columns that are computed past the end of a range, at most.
pub(crate) const OVERRUN: usize = 64;

/// A matrix `[m, k]`, regrouped: for each [`RUN`] of its columns, and in it for each group of rows, `[columns, rows]`.
pub(crate) struct Packed {
    values: Vec<f32>,
    /// First row, rows.
    groups: Vec<(usize, usize)>,
    rows: usize,
}

impl Packed {
    /// The matrix with `left[row][k] = numbers[rows[row] + columns[k]]`.
    pub(crate) fn new(numbers: &[f32], rows: &[usize], columns: &[usize]) -> Self {
        let (most, _) = tile(Arch::new().dispatch(Lanes));
        let mut groups = Vec::new();
        let mut first = 0;
        while first < rows.len() {
            let n = ROWS.into_iter().find(|&n| n <= most.min(rows.len() - first)).unwrap_or(1);
            groups.push((first, n));
            first += n;
        }
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        for columns in columns.chunks(RUN) {
            for &(first, n) in &groups {
                let rows = &rows[first..first + n];
                for column in columns {
                    values.extend(rows.iter().map(|row| numbers[row + column]));
                }
            }
        }
        Self { values, groups, rows: rows.len() }
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// `to[row][q - range.start] = bias[row] + sum over k of left[row][k] * right[offsets[k] + q]` for `q` in `range`;
/// rows of `to` are `to_stride` apart, which is at least the range with [`OVERRUN`].
pub(crate) struct Product<'a> {
    pub(crate) left: &'a Packed,
    pub(crate) offsets: &'a [usize],
    pub(crate) right: &'a [f32],
    pub(crate) range: Range<usize>,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) to: &'a mut [f32],
    pub(crate) to_stride: usize,
}

/// A part of the left matrix, for a group of rows.
#[derive(Clone, Copy)]
struct Part<'a> {
    row: usize,
    values: &'a [f32],
    offsets: &'a [usize],
    /// Whether it is the first of its rows.
    first: bool,
}

impl Product<'_> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }

    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize>(&mut self, simd: S, q: usize, rows: usize, part: Part<'_>) {
        match rows {
            8 => self.tile::<S, 8, VECTORS>(simd, q, part),
            6 => self.tile::<S, 6, VECTORS>(simd, q, part),
            4 => self.tile::<S, 4, VECTORS>(simd, q, part),
            2 => self.tile::<S, 2, VECTORS>(simd, q, part),
            _ => self.tile::<S, 1, VECTORS>(simd, q, part),
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, q: usize, part: Part<'_>) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        let (left, _) = part.values.as_chunks::<ROWS>();
        for (values, &offset) in left.iter().zip(part.offsets) {
            let (right, _) = S::as_simd_f32s(&self.right[offset + q..][..VECTORS * S::F32_LANES]);
            let right: [S::f32s; VECTORS] = std::array::from_fn(|v| right[v]);
            for r in 0..ROWS {
                let value = simd.splat_f32s(values[r]);
                for v in 0..VECTORS {
                    sums[r][v] = simd.mul_add_e_f32s(value, right[v], sums[r][v]);
                }
            }
        }
        for (row, sums) in (part.row..).zip(&sums) {
            let at = row * self.to_stride + q - self.range.start;
            let (to, _) = S::as_mut_simd_f32s(&mut self.to[at..][..VECTORS * S::F32_LANES]);
            if part.first {
                to.fill(simd.splat_f32s(self.bias.map_or(0.0, |bias| bias[row])));
            }
            for (to, sum) in to.iter_mut().zip(sums) {
                *to = simd.add_f32s(*to, *sum);
            }
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (_, vectors) = tile(S::F32_LANES);
        let Packed { values, groups, rows } = self.left;
        for (run, (offsets, values)) in self.offsets.chunks(RUN).zip(values.chunks(RUN * rows)).enumerate() {
            for groups in groups.chunks(GROUPS) {
                let mut q = self.range.start;
                while q < self.range.end {
                    let width = (self.range.end - q).div_ceil(S::F32_LANES).min(vectors);
                    for &(row, rows) in groups {
                        let values = &values[row * offsets.len()..][..rows * offsets.len()];
                        let part = Part { row, values, offsets, first: run == 0 };
                        match width {
                            1 => self.columns::<S, 1>(simd, q, rows, part),
                            2 => self.columns::<S, 2>(simd, q, rows, part),
                            _ => self.columns::<S, 3>(simd, q, rows, part),
                        }
                    }
                    q += vectors * S::F32_LANES;
                }
            }
        }
    }
}

/// `to[o * to_stride + k] += sum over q in the ranges of left[o * left_stride + q] * right[offsets[k] + q]`.
///
/// Ranges are rounded up to whole vectors, so `left` has to be 0 for [`OVERRUN`] behind each of them.
pub(crate) struct Correlation<'a> {
    pub(crate) left: &'a [f32],
    pub(crate) left_stride: usize,
    pub(crate) rows: usize,
    pub(crate) right: &'a [f32],
    pub(crate) offsets: &'a [usize],
    pub(crate) ranges: &'a [Range<usize>],
    pub(crate) to: &'a mut [f32],
    pub(crate) to_stride: usize,
}

impl Correlation<'_> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }

    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize) {
        let wide = S::F32_LANES == 16;
        let mut k = 0;
        while k < self.offsets.len() {
            k += match (wide, self.offsets.len() - k) {
                (_, 1) => self.tile::<S, ROWS, 1>(simd, row, k),
                (_, 2) => self.tile::<S, ROWS, 2>(simd, row, k),
                (_, 3) => self.tile::<S, ROWS, 3>(simd, row, k),
                (true, 4 | 5) | (false, _) => self.tile::<S, ROWS, 4>(simd, row, k),
                (true, _) => self.tile::<S, ROWS, 6>(simd, row, k),
            };
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const TAPS: usize>(
        &mut self,
        simd: S,
        row: usize,
        k: usize,
    ) -> usize {
        let mut sums = [[simd.splat_f32s(0.0); TAPS]; ROWS];
        for range in self.ranges {
            let n = range.len().next_multiple_of(S::F32_LANES);
            let left: [&[S::f32s]; ROWS] = std::array::from_fn(|r| {
                S::as_simd_f32s(&self.left[(row + r) * self.left_stride + range.start..][..n]).0
            });
            let right: [&[S::f32s]; TAPS] = std::array::from_fn(|t| {
                S::as_simd_f32s(&self.right[self.offsets[k + t] + range.start..][..n]).0
            });
            for i in 0..n / S::F32_LANES {
                let left: [S::f32s; ROWS] = std::array::from_fn(|r| left[r][i]);
                for t in 0..TAPS {
                    let right = right[t][i];
                    for r in 0..ROWS {
                        sums[r][t] = simd.mul_add_e_f32s(left[r], right, sums[r][t]);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let to = &mut self.to[(row + r) * self.to_stride + k..];
            for (to, sum) in to.iter_mut().zip(sums) {
                *to += simd.reduce_sum_f32s(sum);
            }
        }
        TAPS
    }
}

impl WithSimd for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        while row < self.rows {
            row += match (S::F32_LANES == 16, self.rows - row) {
                (_, 1) => {
                    self.rows::<S, 1>(simd, row);
                    1
                }
                (true, 4..) => {
                    self.rows::<S, 4>(simd, row);
                    4
                }
                _ => {
                    self.rows::<S, 2>(simd, row);
                    2
                }
            };
        }
    }
}
