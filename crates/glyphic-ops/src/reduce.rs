//! Reductions, sorting and running sums.

use crate::{
    Args, DType, Element, Float, OpResult, Reason, ReduceOp, Tensor, around, axes, axis, each_row, each_rows,
    elements, ensure, float_type, movement, norm::sum, number_type, pool::Lowest, typed,
};

/// A reduction's result and the axes that go.
pub(crate) fn reduced_shape(shape: &[usize], gone: &[usize], keep: bool) -> Vec<usize> {
    let size = |i: usize| if gone.contains(&i) { 1 } else { shape[i] };
    (0..shape.len()).filter(|i| keep || !gone.contains(i)).map(size).collect()
}

/// The axes that a node names; all without any.
pub fn reduced_axes(given: Option<&[i64]>, rank: usize, none_is_none: bool) -> OpResult<Vec<usize>> {
    match given {
        Some(given) if !given.is_empty() => axes(given, rank),
        _ if none_is_none => Ok(Vec::new()),
        _ => Ok((0..rank).collect()),
    }
}

pub(crate) fn reduce(args: &Args, op: ReduceOp, keep: bool, none_is_none: bool) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let gone = reduced_axes(args.opt_ints(1)?.as_deref(), t.shape().len(), none_is_none)?;
    let shape = reduced_shape(t.shape(), &gone, keep);
    // Elementwise parts of an operator remain where nothing is reduced; only a plain copy may be skipped.
    if gone.is_empty()
        && matches!(op, ReduceOp::Sum | ReduceOp::Mean | ReduceOp::Max | ReduceOp::Min | ReduceOp::Prod)
    {
        return Ok(t.clone());
    }
    let whole: Vec<usize> =
        t.shape().iter().enumerate().filter(|(i, _)| gone.contains(i)).map(|(_, s)| *s).collect();
    let n: usize = whole.iter().product();
    if t.dtype() == DType::Bool {
        ensure!(matches!(op, ReduceOp::Max | ReduceOp::Min), "truth values; expected numbers");
        let bytes = super::elementwise::cast(t.clone(), DType::U8);
        let source = rows(&bytes, &gone)?;
        let out = fold(typed::<u8>(&source, 0)?, elements(&shape)?, n, &|row| match op {
            ReduceOp::Max => u8::from(row.iter().any(|v| *v > 0)),
            _ => u8::from(row.iter().all(|v| *v > 0)),
        });
        return Ok(super::elementwise::cast(Tensor::of(&shape, out), DType::Bool));
    }
    let count = elements(&shape)?;
    let source = rows(t, &gone)?;
    match t.dtype() {
        DType::F32 | DType::F64 => float_type!(t.dtype(), T => {
            let of = |v: f64| <T as Float>::of(v);
            let out = fold(typed::<T>(&source, 0)?, count, n, &|row| match op {
                ReduceOp::Sum => sum(row, |v| v),
                ReduceOp::Mean => sum(row, |v| v) / of(n as f64),
                ReduceOp::Max => row.iter().fold(T::lowest(), |m, v| if *v > m || v.is_nan() { *v } else { m }),
                ReduceOp::Min => row.iter().fold(T::highest(), |m, v| if *v < m || v.is_nan() { *v } else { m }),
                ReduceOp::Prod => row.iter().fold(of(1.), |p, v| p * *v),
                ReduceOp::L1 => sum(row, |v| v.abs()),
                ReduceOp::L2 => sum(row, |v| v * v).sqrt(),
                ReduceOp::SumSquare => sum(row, |v| v * v),
                ReduceOp::LogSum => sum(row, |v| v).ln(),
                ReduceOp::LogSumExp => {
                    let most = row.iter().fold(T::lowest(), |m, v| if *v > m { *v } else { m });
                    if most.is_finite() { sum(row, |v| (v - most).exp()).ln() + most } else { most }
                }
            });
            Ok(Tensor::of(&shape, out))
        }),
        _ => number_type!(t.dtype(), T => {
            let total = |row: &[T], f: fn(f64) -> f64| row.iter().map(|v| f(*v as f64)).sum::<f64>();
            let out = fold(typed::<T>(&source, 0)?, count, n, &|row| match op {
                ReduceOp::Max => row.iter().copied().fold(T::lowest(), |m, v| if v > m { v } else { m }),
                ReduceOp::Min => row.iter().copied().fold(T::highest(), |m, v| if v < m { v } else { m }),
                ReduceOp::Sum => row.iter().map(|v| *v as i64).fold(0i64, i64::wrapping_add) as T,
                ReduceOp::Mean => (row.iter().map(|v| *v as i64).fold(0i64, i64::wrapping_add) / n.max(1) as i64) as T,
                ReduceOp::Prod => row.iter().map(|v| *v as i64).fold(1i64, i64::wrapping_mul) as T,
                ReduceOp::L1 => row.iter().map(|v| (*v as i64).wrapping_abs()).fold(0i64, i64::wrapping_add) as T,
                ReduceOp::SumSquare => {
                    row.iter().map(|v| (*v as i64).wrapping_mul(*v as i64)).fold(0i64, i64::wrapping_add) as T
                }
                ReduceOp::L2 => total(row, |v| v * v).sqrt() as T,
                ReduceOp::LogSum => total(row, |v| v).ln() as T,
                ReduceOp::LogSumExp => total(row, f64::exp).ln() as T,
            });
            Ok(Tensor::of(&shape, out))
        }),
    }
}

/// Elements with the reduced axes last.
fn rows(t: &Tensor, gone: &[usize]) -> OpResult<Tensor> {
    let rank = t.shape().len();
    let order: Vec<usize> = (0..rank).filter(|i| !gone.contains(i)).chain(gone.iter().copied()).collect();
    movement::transpose(t.clone(), &order)
}

/// One value of each row of `n` elements.
fn fold<T: Element>(rows: &[T], count: usize, n: usize, f: &(dyn Fn(&[T]) -> T + Sync)) -> Vec<T> {
    if n == 0 {
        return vec![f(&[]); count];
    }
    let mut out = vec![T::default(); count];
    each_rows(&mut out, 1, n, &|first, out| {
        out.iter_mut().zip(rows[first * n..].chunks_exact(n)).for_each(|(o, row)| *o = f(row));
    });
    out
}

pub(crate) fn arg(args: &Args, at: i64, max: bool, keep: bool, last: bool) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let at = axis(at, t.shape().len())?;
    let (outer, n, inner) = around(t.shape(), at);
    ensure!(n > 0 || t.shape().iter().enumerate().any(|(i, s)| i != at && *s == 0), "axis {at} is empty");
    let shape = reduced_shape(t.shape(), &[at], keep);
    number_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![0i64; outer * inner];
        if inner > 0 && n > 0 {
            let one = |o: usize, out: &mut [i64]| {
                let block = &values[o * n * inner..(o + 1) * n * inner];
                let mut best = block[..inner].to_vec();
                for k in 1..n {
                    for ((v, best), out) in block[k * inner..(k + 1) * inner].iter().zip(&mut best).zip(out.iter_mut()) {
                        let better = if max { *v > *best } else { *v < *best };
                        if better || (last && *v == *best) {
                            *best = *v;
                            *out = k as i64;
                        }
                    }
                }
            };
            each_row(&mut out, inner, n * inner, &one);
        }
        Ok(Tensor::of(&shape, out))
    })
}

/// Only NaN is not ordered with itself.
fn is_nan<T: Element>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}

pub(crate) fn top_k(args: &Args, at: i64, largest: bool) -> OpResult<Vec<Tensor>> {
    let t = args.get(0)?;
    let at = axis(at, t.shape().len())?;
    let k = *args.ints(1)?.first().ok_or("k has no element")?;
    let (outer, n, inner) = around(t.shape(), at);
    let k = usize::try_from(k)
        .ok()
        .filter(|k| *k <= n)
        .ok_or_else(|| Reason(format!("k = {k} of {n} elements")))?;
    let mut shape = t.shape().to_vec();
    shape[at] = k;
    number_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); elements(&shape)?];
        let mut places = vec![0i64; out.len()];
        for o in 0..outer {
            for i in 0..inner {
                let at = |j: usize| values[(o * n + j) * inner + i];
                let mut order: Vec<usize> = (0..n).collect();
                // NaN counts as the largest; of equal ones the first comes first.
                let compare = |a: &usize, b: &usize| {
                    let (x, y) = (at(*a), at(*b));
                    let ascending = x.partial_cmp(&y).unwrap_or_else(|| is_nan(x).cmp(&is_nan(y)));
                    if largest { ascending.reverse() } else { ascending }
                };
                order.sort_by(|a, b| compare(a, b).then(a.cmp(b)));
                for (j, from) in order[..k].iter().enumerate() {
                    out[(o * k + j) * inner + i] = at(*from);
                    places[(o * k + j) * inner + i] = *from as i64;
                }
            }
        }
        Ok(vec![Tensor::of(&shape, out), Tensor::of(&shape, places)])
    })
}

pub(crate) fn cum_sum(args: &Args, exclusive: bool, reverse: bool) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let at = *args.ints(1)?.first().ok_or("the axis has no element")?;
    let at = axis(at, t.shape().len())?;
    let (outer, n, inner) = around(t.shape(), at);
    number_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); values.len()];
        for o in 0..outer {
            let mut total = vec![T::default(); inner];
            for j in 0..n {
                let j = if reverse { n - 1 - j } else { j };
                let from = (o * n + j) * inner;
                for (i, total) in total.iter_mut().enumerate() {
                    let before = *total;
                    *total = Add::add(before, values[from + i]);
                    out[from + i] = if exclusive { before } else { *total };
                }
            }
        }
        Ok(Tensor::of(t.shape(), out))
    })
}

/// Sums that wrap around.
trait Add {
    fn add(self, other: Self) -> Self;
}
macro_rules! add {
    ($($t:ty => $f:expr;)*) => {$(impl Add for $t {
        fn add(self, other: Self) -> Self { $f(self, other) }
    })*};
}
add! {
    f32 => |a, b| a + b;
    f64 => |a, b| a + b;
    i64 => i64::wrapping_add;
    i32 => i32::wrapping_add;
    i8 => i8::wrapping_add;
    u8 => u8::wrapping_add;
}
