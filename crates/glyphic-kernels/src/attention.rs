//! Attention: `softmax(q k * scale + bias) v` of several heads, some rows of queries at a time, so that the weights of attention
//! stay in the cache. A. Vaswani et al., "Attention Is All You Need", 2017.

use pulp::{Simd, WithSimd};

use crate::map::spread;
use crate::product::{Matrix, Rows, with_packed};
use crate::vector::{arch, load, load_n, store};
use crate::{Activation, Packed, math, scratch};

/// A stack of matrices `[batch, heads, rows, columns]` that lies in a slice in some order.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    /// The slice; the first number of the first matrix is its first.
    pub values: &'a [f32],
    /// Sizes of the axes.
    pub sizes: [usize; 4],
    /// Numbers between neighbours along each axis; 0 where an axis repeats.
    pub steps: [usize; 4],
}

impl Stack<'_> {
    fn matrix(&self, batch: usize, head: usize) -> Matrix<'_> {
        let [along_batch, along_heads, rows, columns] = self.steps;
        Matrix { values: &self.values[batch * along_batch + head * along_heads..], steps: [rows, columns] }
    }

    /// Whether all numbers lie in the slice.
    fn fits(&self) -> bool {
        let last: usize =
            self.sizes.iter().zip(self.steps).map(|(size, step)| size.saturating_sub(1) * step).sum();
        self.sizes.contains(&0) || last < self.values.len()
    }
}

/// Queries `[batch, heads, queries, depth]` over keys `[batch, heads, depth, keys]` and values `[batch, heads, keys, width]`.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// The queries; numbers of a row lie side by side.
    pub queries: Stack<'a>,
    /// The keys.
    pub keys: Stack<'a>,
    /// The values.
    pub values: Stack<'a>,
    /// What products of queries and keys are multiplied with; positive.
    pub scale: f32,
    /// What is added to them then, `[batch, heads, queries, keys]`; numbers of a row lie side by side.
    pub bias: Option<Stack<'a>>,
}

/// Rows of queries that are computed together: their weights should stay in the second cache.
const ROWS: usize = 64;

impl Attention<'_> {
    /// The result, `[batch, queries, heads, width]`.
    ///
    /// # Panics
    /// Where sizes do not fit each other or the slices, or there is no key.
    pub fn run(&self, to: &mut [f32]) {
        let [batch, heads, queries, depth] = self.queries.sizes;
        let [_, _, keys, width] = self.values.sizes;
        assert_eq!(self.keys.sizes, [batch, heads, depth, keys], "keys have other sizes");
        assert_eq!(self.values.sizes, [batch, heads, keys, width], "values have other sizes");
        assert!(
            self.bias.is_none_or(|b| b.sizes == [batch, heads, queries, keys]),
            "the bias has other sizes"
        );
        assert!(
            [self.queries, self.keys, self.values].iter().chain(&self.bias).all(Stack::fits),
            "a slice is too short"
        );
        assert!(
            self.queries.steps[3] == 1 && self.bias.is_none_or(|b| b.steps[3] == 1),
            "rows do not lie side by side"
        );
        assert_eq!(to.len(), batch * queries * heads * width, "the result has another size");
        assert!(depth > 0 && keys > 0 && self.scale > 0.0, "no keys, or a scale that is not positive");
        if to.is_empty() {
            return;
        }
        with_packed(2 * heads, |packed| {
            for (n, to) in to.chunks_exact_mut(queries * heads * width).enumerate() {
                let pairs = packed.chunks_exact_mut(2).enumerate().collect();
                spread(pairs, |(head, pair): (usize, &mut [Packed])| {
                    pair[0].fill(depth, keys, self.keys.matrix(n, head));
                    pair[0].widen();
                    pair[1].fill(keys, width, self.values.matrix(n, head));
                });
                // Even groups of whole steps; the last may be smaller.
                let rows = queries.div_ceil(queries.div_ceil(ROWS)).next_multiple_of(8);
                let work: Vec<(usize, &mut [f32])> =
                    to.chunks_mut(rows * heads * width).enumerate().collect();
                spread(work, |(i, to)| {
                    for head in 0..heads {
                        self.rows(n, head, i * rows, &packed[2 * head], &packed[2 * head + 1], to);
                    }
                });
            }
        });
    }

    /// Queries from `first` on, as many as `to` has room for, of one head.
    fn rows(&self, batch: usize, head: usize, first: usize, keys: &Packed, values: &Packed, to: &mut [f32]) {
        let [_, heads, _, _] = self.queries.sizes;
        let (padded, length, width) = (keys.outputs(), values.inner(), values.outputs());
        let count = to.len() / (heads * width);
        let queries = self.queries.matrix(batch, head);
        let bias = self.bias.as_ref().map(|bias| bias.matrix(batch, head));
        scratch::with(count * padded, |weights| {
            Rows {
                packed: keys,
                input: &queries.values[first * queries.steps[0]..],
                step: queries.steps[0],
                segments: &[0],
                lines: None,
                count,
                addend: None,
                activation: Activation::None,
                to: weights,
                to_step: padded,
            }
            .run();
            let mut shares = [0.0; ROWS];
            arch().dispatch(Exponentials {
                rows: weights,
                length,
                scale: self.scale,
                bias: bias.map(|b| Matrix { values: &b.values[first * b.steps[0]..], ..b }),
                shares: &mut shares[..count],
            });
            Rows {
                packed: values,
                input: weights,
                step: padded,
                segments: &[0],
                lines: None,
                count,
                addend: None,
                activation: Activation::None,
                to: &mut to[head * width..],
                to_step: heads * width,
            }
            .run();
            for (to, share) in to.chunks_exact_mut(heads * width).zip(&shares) {
                to[head * width..][..width].iter_mut().for_each(|v| *v *= share);
            }
        });
    }
}

/// Each row's `e^(x * scale + bias - largest)`, and 1 / their sum.
struct Exponentials<'a> {
    /// Rows of whole vectors.
    rows: &'a mut [f32],
    /// Numbers of a row that count; those behind them may be anything.
    length: usize,
    scale: f32,
    bias: Option<Matrix<'a>>,
    shares: &'a mut [f32],
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, length, scale, bias, shares } = self;
        let padded = rows.len() / shares.len();
        let whole = length - length % S::F32_LANES;
        let factor = simd.splat_f32s(scale);
        for (i, (row, share)) in rows.chunks_exact_mut(padded).zip(shares).enumerate() {
            // What lies behind the row is left out by its weight, e^(-infinity).
            row[length..].fill(f32::NEG_INFINITY);
            let mut most = simd.splat_f32s(f32::NEG_INFINITY);
            if let Some(bias) = bias {
                let bias = &bias.values[i * bias.steps[0]..][..length];
                for at in (0..padded).step_by(S::F32_LANES) {
                    let row = &mut row[at..];
                    let added = if at < whole {
                        load::<S>(&bias[at..])
                    } else if at < length {
                        load_n(simd, &bias[at..], length - at)
                    } else {
                        simd.splat_f32s(0.0)
                    };
                    let x = simd.mul_add_e_f32s(load::<S>(row), factor, added);
                    most = simd.max_f32s(most, x);
                    store::<S>(row, x);
                }
            } else {
                for at in (0..padded).step_by(S::F32_LANES) {
                    let row = &mut row[at..];
                    let x = simd.mul_f32s(load::<S>(row), factor);
                    most = simd.max_f32s(most, x);
                    store::<S>(row, x);
                }
            }
            let most = simd.reduce_max_f32s(most);
            if most == f32::NEG_INFINITY {
                // Nothing is possible; as the definition has it, 0 / 0.
                *share = f32::NAN;
                row.fill(0.0);
                continue;
            }
            let shift = simd.splat_f32s(most);
            let mut sum = simd.splat_f32s(0.0);
            for at in (0..padded).step_by(S::F32_LANES) {
                let row = &mut row[at..];
                let e = math::exp(simd, simd.sub_f32s(load::<S>(row), shift));
                sum = simd.add_f32s(sum, e);
                store::<S>(row, e);
            }
            *share = 1.0 / simd.reduce_sum_f32s(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers};

    fn stack<'a>(values: &'a [f32], sizes: [usize; 4], order: [usize; 4]) -> Stack<'a> {
        let (mut steps, mut step) = ([0; 4], 1);
        for axis in order.into_iter().rev() {
            steps[axis] = step;
            step *= sizes[axis];
        }
        Stack { values, sizes, steps }
    }

    fn at(stack: &Stack<'_>, index: [usize; 4]) -> f64 {
        f64::from(stack.values[index.iter().zip(stack.steps).map(|(i, step)| i * step).sum::<usize>()])
    }

    fn expected(attention: &Attention<'_>) -> Vec<f64> {
        let [batch, heads, queries, depth] = attention.queries.sizes;
        let [_, _, keys, width] = attention.values.sizes;
        let mut out = Vec::new();
        for (n, q, h) in crate::reference::each([batch, queries, heads]) {
            let logits: Vec<f64> = (0..keys)
                .map(|k| {
                    let pair = |d| at(&attention.queries, [n, h, q, d]) * at(&attention.keys, [n, h, d, k]);
                    (0..depth).map(pair).sum::<f64>() * f64::from(attention.scale)
                        + attention.bias.as_ref().map_or(0.0, |b| at(b, [n, h, q, k]))
                })
                .collect();
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|l| (l - most).exp()).sum();
            for d in 0..width {
                let one = |k: usize| (logits[k] - most).exp() / total * at(&attention.values, [n, h, k, d]);
                out.push((0..keys).map(one).sum());
            }
        }
        out
    }

    #[test]
    fn every_size_and_order_equals_the_definition() {
        let table = [
            // batch, heads, queries, depth, keys, width
            [1, 1, 1, 1, 1, 1],
            [2, 3, 5, 7, 11, 13],
            [1, 2, 65, 32, 50, 32],
            [2, 2, 130, 16, 129, 24],
            [1, 3, 1, 64, 33, 64],
            [1, 1, 64, 8, 16, 48],
        ];
        let merged = [0, 2, 1, 3];
        for (i, [batch, heads, queries, depth, keys, width]) in table.into_iter().enumerate() {
            let seed = 10 * i as u64;
            let (a, b, c) = (
                numbers(batch * heads * queries * depth, seed),
                numbers(batch * heads * depth * keys, seed + 1),
                numbers(batch * heads * keys * width, seed + 2),
            );
            let mut masked = numbers(batch * queries * keys, seed + 3);
            masked.iter_mut().step_by(3).skip(1).for_each(|v| *v = f32::NEG_INFINITY);
            for (key_order, order) in
                [([0, 1, 2, 3], [0, 1, 2, 3]), ([0, 3, 1, 2], merged), ([0, 1, 3, 2], merged)]
            {
                let bias = Stack {
                    values: &masked,
                    sizes: [batch, heads, queries, keys],
                    steps: [queries * keys, 0, keys, 1],
                };
                for bias in [None, Some(bias)] {
                    let attention = Attention {
                        queries: stack(&a, [batch, heads, queries, depth], order),
                        keys: stack(&b, [batch, heads, depth, keys], key_order),
                        values: stack(&c, [batch, heads, keys, width], order),
                        scale: 1.7,
                        bias,
                    };
                    let expected = expected(&attention);
                    for arch in crate::reference::archs() {
                        let mut got = vec![7.0; expected.len()];
                        crate::reference::on(arch, || attention.run(&mut got));
                        assert_close(
                            &got,
                            &expected,
                            2e-6,
                            &format!("{:?} {key_order:?} on {arch:?}", table[i]),
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn results_depend_neither_on_threads_nor_on_the_batch() {
        let (heads, queries, depth) = (3, 150, 20);
        let len = heads * queries * depth;
        let x = numbers(3 * len, 5);
        let run = |x: &[f32], batch: usize, threads: usize| {
            let queries_of = stack(x, [batch, heads, queries, depth], [0, 2, 1, 3]);
            let keys = stack(x, [batch, heads, depth, queries], [0, 3, 1, 2]);
            let attention =
                Attention { queries: queries_of, keys, values: queries_of, scale: 0.3, bias: None };
            let mut out = vec![0.0; batch * len];
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| attention.run(&mut out));
            out
        };
        let alone: Vec<f32> = x.chunks_exact(len).flat_map(|x| run(x, 1, 1)).collect();
        for threads in [1, 2, 3] {
            assert!(run(&x, 3, threads) == alone, "{threads} threads");
        }
    }

    #[test]
    fn a_query_that_sees_nothing_is_no_number() {
        let x = numbers(2 * 8, 1);
        let (q, k) = (stack(&x, [1, 1, 2, 8], [0, 1, 2, 3]), stack(&x, [1, 1, 8, 2], [0, 1, 3, 2]));
        let bias = [f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0, 0.0];
        let bias = Some(stack(&bias, [1, 1, 2, 2], [0, 1, 2, 3]));
        let mut to = [0.0; 16];
        Attention { queries: q, keys: k, values: q, scale: 1.0, bias }.run(&mut to);
        assert!(to[..8].iter().all(|v| v.is_nan()) && to[8..].iter().all(|v| v.is_finite()));
    }
}
