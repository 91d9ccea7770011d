//! Operators that move elements and compute nothing with them.

use crate::{
    Args, Bits, MAX_ELEMENTS, OpResult, PadMode, Reason, Tensor, around, axes, axis, each_row, elements,
    ensure, number_type, sized_type, strides, zeros,
};

/// The shape that `Reshape` gives.
pub fn reshape_shape(from: &[usize], to: &[i64], allow_zero: bool) -> OpResult<Vec<usize>> {
    let mut open = None;
    let mut shape = Vec::with_capacity(to.len());
    for (i, d) in to.iter().enumerate() {
        shape.push(match d {
            -1 => {
                ensure!(open.replace(i).is_none(), "shape {to:?} has more than one -1");
                1
            }
            0 if !allow_zero => {
                *from.get(i).ok_or_else(|| Reason(format!("shape {to:?}: no axis {i} to copy")))?
            }
            d => usize::try_from(*d).map_err(|_| Reason(format!("shape {to:?}: a size of {d}")))?,
        });
    }
    let total = elements(from)?;
    if let Some(i) = open {
        let others = elements(&shape)?;
        ensure!(others > 0 && total % others == 0, "{total} elements do not fill shape {to:?}");
        shape[i] = total / others;
    }
    let made = elements(&shape)?;
    ensure!(made == total, "{total} elements of shape {from:?} do not fill shape {to:?}");
    Ok(shape)
}

pub(crate) fn reshape(t: Tensor, to: &[i64], allow_zero: bool) -> OpResult<Tensor> {
    let shape = reshape_shape(t.shape(), to, allow_zero)?;
    Ok(t.reshaped(&shape)?)
}

pub(crate) fn flatten(t: Tensor, at: i64) -> OpResult<Tensor> {
    let rank = t.shape().len();
    let at = if at == rank as i64 { rank } else { axis(at, rank.max(1))? };
    let shape = [t.shape()[..at].iter().product(), t.shape()[at..].iter().product()];
    Ok(t.reshaped(&shape)?)
}

pub(crate) fn squeeze(t: Tensor, at: Option<&[i64]>) -> OpResult<Tensor> {
    let at = match at {
        Some(at) => axes(at, t.shape().len())?,
        None => (0..t.shape().len()).filter(|i| t.shape()[*i] == 1).collect(),
    };
    if let Some(i) = at.iter().find(|i| t.shape()[**i] != 1) {
        return Err(format!("axis {i} of shape {:?} is not of size 1", t.shape()).into());
    }
    let shape: Vec<_> = (0..t.shape().len()).filter(|i| !at.contains(i)).map(|i| t.shape()[i]).collect();
    Ok(t.reshaped(&shape)?)
}

pub(crate) fn unsqueeze(t: Tensor, at: &[i64]) -> OpResult<Tensor> {
    let rank = t.shape().len() + at.len();
    let at = axes(at, rank)?;
    let mut sizes = t.shape().iter();
    let shape: Vec<_> =
        (0..rank).map(|i| if at.contains(&i) { 1 } else { sizes.next().copied().unwrap_or(1) }).collect();
    Ok(t.reshaped(&shape)?)
}

/// The permutation that a node means: an empty one reverses.
pub fn permutation(perm: &[usize], rank: usize) -> OpResult<Vec<usize>> {
    if perm.is_empty() {
        return Ok((0..rank).rev().collect());
    }
    let mut seen = vec![false; rank];
    let valid =
        perm.len() == rank && perm.iter().all(|p| *p < rank && !std::mem::replace(&mut seen[*p], true));
    ensure!(valid, "{perm:?} is no permutation of {rank} axes");
    Ok(perm.to_vec())
}

pub(crate) fn transpose(t: Tensor, perm: &[usize]) -> OpResult<Tensor> {
    let perm = permutation(perm, t.shape().len())?;
    let shape: Vec<usize> = perm.iter().map(|p| t.shape()[*p]).collect();
    // Axes of size 1 may go anywhere for nothing.
    let moved: Vec<usize> = perm.iter().copied().filter(|p| t.shape()[*p] != 1).collect();
    if moved.windows(2).all(|w| w[0] < w[1]) {
        return Ok(t.reshaped(&shape)?);
    }
    sized_type!(t.dtype(), T => {
        Ok(Tensor::of_bits(t.dtype(), &shape, permuted(T::of(t.data()), t.shape(), &perm)))
    })
}

/// Elements in the order of permuted axes.
pub(crate) fn permuted<T: Copy + Default + Send + Sync>(
    values: &[T],
    shape: &[usize],
    perm: &[usize],
) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    if values.is_empty() {
        return out;
    }
    let from = strides(shape);
    // Axes that stay side by side are one.
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (i, p) in perm.iter().enumerate() {
        match merged.last_mut() {
            Some((size, step)) if i > 0 && perm[i - 1] + 1 == *p => {
                *size *= shape[*p];
                *step = from[*p];
            }
            _ => merged.push((shape[*p], from[*p])),
        }
    }
    let (inner, step) = merged.pop().unwrap_or((1, 1));
    // Two axes of which the inner one is far apart in the source are copied in blocks, for the cache.
    let (middle, middle_step) = merged.pop().unwrap_or((1, 0));
    let plane = inner * middle;
    let one = |row: usize, out: &mut [T]| {
        let (mut rest, mut start) = (row, 0);
        for (size, step) in merged.iter().rev() {
            start += rest % size * step;
            rest /= size;
        }
        if step == 1 {
            for (i, out) in out.chunks_exact_mut(inner).enumerate() {
                let at = start + i * middle_step;
                out.copy_from_slice(&values[at..at + inner]);
            }
            return;
        }
        const BLOCK: usize = 16;
        for from in (0..middle).step_by(BLOCK) {
            let to = (from + BLOCK).min(middle);
            for j0 in (0..inner).step_by(BLOCK) {
                let j1 = (j0 + BLOCK).min(inner);
                for i in from..to {
                    let at = start + i * middle_step;
                    for j in j0..j1 {
                        out[i * inner + j] = values[at + j * step];
                    }
                }
            }
        }
    };
    each_row(&mut out, plane, plane, &one);
    out
}

pub(crate) fn concat(args: &Args, at: i64) -> OpResult<Tensor> {
    let first = args.get(0)?;
    let at = axis(at, first.shape().len())?;
    let mut shape = first.shape().to_vec();
    shape[at] = 0;
    for i in 0..args.len() {
        let t = args.get(i)?;
        ensure!(t.dtype() == first.dtype(), "operand {i} is {:?}; expected {:?}", t.dtype(), first.dtype());
        let fits = t.shape().len() == shape.len()
            && (0..shape.len()).all(|a| a == at || t.shape()[a] == first.shape()[a]);
        ensure!(
            fits,
            "operand {i} of shape {:?} does not fit {:?} along axis {at}",
            t.shape(),
            first.shape()
        );
        shape[at] += t.shape()[at];
    }
    elements(&shape)?;
    sized_type!(first.dtype(), T => {
        let mut parts = Vec::with_capacity(args.len());
        for i in 0..args.len() {
            let t = args.get(i)?;
            let (_, n, inner) = around(t.shape(), at);
            parts.push((T::of(t.data()), n * inner));
        }
        let (outer, ..) = around(&shape, at);
        let mut out = Vec::with_capacity(elements(&shape)?);
        for o in 0..outer {
            for (values, chunk) in &parts {
                out.extend_from_slice(&values[o * chunk..(o + 1) * chunk]);
            }
        }
        Ok(Tensor::of_bits(first.dtype(), &shape, out))
    })
}

/// The sizes that `Split` gives.
pub fn split_sizes(size: usize, given: Option<&[i64]>, parts: usize) -> OpResult<Vec<usize>> {
    if let Some(given) = given {
        let sizes: Vec<usize> = given.iter().filter_map(|s| usize::try_from(*s).ok()).collect();
        let sum = sizes.iter().try_fold(0usize, |n, s| n.checked_add(*s));
        ensure!(
            sizes.len() == given.len() && sum == Some(size),
            "sizes {given:?} do not split an axis of {size}"
        );
        return Ok(sizes);
    }
    ensure!(parts > 0, "no parts to split into");
    let each = size.div_ceil(parts);
    let sizes: Vec<usize> =
        (0..parts).map(|i| size.saturating_sub(i.saturating_mul(each)).min(each)).collect();
    Ok(sizes)
}

pub(crate) fn split(args: &Args, at: i64, parts: usize) -> OpResult<Vec<Tensor>> {
    let t = args.get(0)?;
    let at = axis(at, t.shape().len())?;
    ensure!(parts <= 1 << 16, "{parts} parts");
    let sizes = split_sizes(t.shape()[at], args.opt_ints(1)?.as_deref(), parts)?;
    let (outer, n, inner) = around(t.shape(), at);
    sized_type!(t.dtype(), T => {
        let values = T::of(t.data());
        let mut start = 0;
        let mut results = Vec::with_capacity(sizes.len());
        for size in sizes {
            let mut out = Vec::with_capacity(outer * size * inner);
            for o in 0..outer {
                let from = (o * n + start) * inner;
                out.extend_from_slice(&values[from..from + size * inner]);
            }
            start += size;
            let mut shape = t.shape().to_vec();
            shape[at] = size;
            results.push(Tensor::of_bits(t.dtype(), &shape, out));
        }
        Ok(results)
    })
}

/// First element, step and number of elements of a slice of an axis.
pub fn slice_range(size: usize, start: i64, end: i64, step: i64) -> OpResult<(usize, i64, usize)> {
    ensure!(step != 0, "a step of 0");
    let n = size as i64;
    let wrap = |i: i64| if i < 0 { i.saturating_add(n) } else { i };
    let (start, end) = (wrap(start), wrap(end));
    Ok(if step > 0 {
        let (start, end) = (start.clamp(0, n), end.clamp(0, n));
        let count = if end > start { (end - start - 1) / step + 1 } else { 0 };
        (start as usize, step, count as usize)
    } else {
        let (start, end) = (start.clamp(-1, n - 1), end.clamp(-1, n - 1));
        let count = if start > end { (start - end - 1) / step.saturating_neg() + 1 } else { 0 };
        (start.max(0) as usize, step, count as usize)
    })
}

/// An axis's part: first element, step, number.
pub(crate) type Part = (usize, i64, usize);

/// What `Slice` takes of each axis.
pub(crate) fn slice_parts(
    shape: &[usize],
    starts: &[i64],
    ends: &[i64],
    at: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> OpResult<Vec<Part>> {
    let n = starts.len();
    let fits = ends.len() == n && at.is_none_or(|a| a.len() == n) && steps.is_none_or(|s| s.len() == n);
    ensure!(fits, "starts, ends, axes and steps differ in number");
    ensure!(n <= shape.len(), "{n} slices of {} axes", shape.len());
    let mut parts: Vec<Part> = shape.iter().map(|s| (0, 1, *s)).collect();
    for i in 0..n {
        let a = axis(at.map_or(i as i64, |a| a[i]), shape.len())?;
        parts[a] = slice_range(shape[a], starts[i], ends[i], steps.map_or(1, |s| s[i]))?;
    }
    Ok(parts)
}

pub(crate) fn slice(args: &Args) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let (axes, steps) = (args.opt_ints(3)?, args.opt_ints(4)?);
    let parts = slice_parts(t.shape(), &args.ints(1)?, &args.ints(2)?, axes.as_deref(), steps.as_deref())?;
    let shape: Vec<usize> = parts.iter().map(|p| p.2).collect();
    sized_type!(t.dtype(), T => {
        Ok(Tensor::of_bits(t.dtype(), &shape, cut(T::of(t.data()), t.shape(), &parts)?))
    })
}

fn cut<T: Bits>(values: &[T], from: &[usize], parts: &[Part]) -> OpResult<Vec<T>> {
    let shape: Vec<usize> = parts.iter().map(|p| p.2).collect();
    let mut out = zeros::<T>(&shape)?;
    if out.is_empty() {
        return Ok(out);
    }
    // Whole trailing axes are one row.
    let mut rows = shape.len();
    let mut inner = 1;
    while rows > 0 && parts[rows - 1] == (0, 1, from[rows - 1]) {
        rows -= 1;
        inner *= from[rows];
    }
    let (last, outer) =
        if rows == 0 { (None, &parts[..0]) } else { (Some(parts[rows - 1]), &parts[..rows - 1]) };
    let steps = strides(from);
    let (first, step, count) = last.unwrap_or((0, 1, 1));
    for (row, out) in out.chunks_mut(count * inner).enumerate() {
        let (mut rest, mut at) = (row, 0);
        for (i, (first, step, count)) in outer.iter().enumerate().rev() {
            at += (*first as i64 + (rest % count) as i64 * step) as usize * steps[i];
            rest /= count;
        }
        if step == 1 {
            let at = at + first * inner;
            out.copy_from_slice(&values[at..at + count * inner]);
        } else if inner == 1 {
            for (i, o) in out.iter_mut().enumerate() {
                *o = values[at + (first as i64 + i as i64 * step) as usize];
            }
        } else {
            for (i, o) in out.chunks_mut(inner).enumerate() {
                let at = at + (first as i64 + i as i64 * step) as usize * inner;
                o.copy_from_slice(&values[at..at + inner]);
            }
        }
    }
    Ok(out)
}

/// A list of sizes that an operand gives.
pub fn sizes(values: &[i64]) -> OpResult<Vec<usize>> {
    values.iter().map(|v| usize::try_from(*v).map_err(|_| Reason(format!("a size of {v}")))).collect()
}

pub(crate) fn expand(args: &Args) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let to = sizes(&args.ints(1)?)?;
    let shape = super::elementwise::broadcast_shape(t.shape(), &to)?;
    if shape == t.shape() {
        return Ok(t.clone());
    }
    sized_type!(t.dtype(), T => {
        let out = super::elementwise::repeated(T::of(t.data()), t.shape(), &shape)?;
        Ok(Tensor::of_bits(t.dtype(), &shape, out))
    })
}

pub(crate) fn tile(args: &Args) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let repeats = sizes(&args.ints(1)?)?;
    let rank = t.shape().len();
    ensure!(repeats.len() == rank, "{} repeats of {rank} axes", repeats.len());
    let sizes = t.shape().iter().zip(&repeats).map(|(s, r)| s.checked_mul(*r));
    let shape: Vec<usize> = sizes.collect::<Option<_>>().ok_or("a result that is too large")?;
    let total = elements(&shape)?;
    sized_type!(t.dtype(), T => {
        let mut values = T::of(t.data()).to_vec();
        let mut inner = 1;
        for i in (0..rank).rev() {
            inner *= t.shape()[i];
            if repeats[i] != 1 && total > 0 {
                values = values.chunks(inner).flat_map(|c| std::iter::repeat_n(c, repeats[i])).flatten().copied().collect();
            }
            inner *= repeats[i];
        }
        if total == 0 {
            values.clear();
        }
        Ok(Tensor::of_bits(t.dtype(), &shape, values))
    })
}

/// Elements before and after each axis (negative ones cut off).
pub fn pad_amounts(rank: usize, pads: &[i64], at: Option<&[i64]>) -> OpResult<Vec<(i64, i64)>> {
    let n = at.map_or(rank, <[i64]>::len);
    ensure!(pads.len() == 2 * n, "{} pads for {n} axes; expected {}", pads.len(), 2 * n);
    let mut amounts = vec![(0, 0); rank];
    for i in 0..n {
        let a = at.map_or(Ok(i), |at| axis(at[i], rank))?;
        amounts[a] = (pads[i], pads[n + i]);
    }
    Ok(amounts)
}

pub(crate) fn pad(args: &Args, mode: PadMode) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let rank = t.shape().len();
    let amounts = pad_amounts(rank, &args.ints(1)?, args.opt_ints(3)?.as_deref())?;
    let mut shape = Vec::with_capacity(rank);
    for ((before, after), size) in amounts.iter().zip(t.shape()) {
        let size = (*size as i64).checked_add(*before).and_then(|s| s.checked_add(*after));
        let size = size.and_then(|s| usize::try_from(s).ok());
        shape.push(size.ok_or_else(|| Reason(format!("pads {amounts:?} leave nothing of {:?}", t.shape())))?);
    }
    elements(&shape)?;
    // Where each element of an axis of the result comes from; none for the constant.
    let mut sources: Vec<Vec<Option<usize>>> = Vec::with_capacity(rank);
    for (a, (before, _)) in amounts.iter().enumerate() {
        let n = t.shape()[a] as i64;
        let index = |i: usize| -> OpResult<Option<usize>> {
            let x = (i as i64).saturating_sub(*before);
            if (0..n).contains(&x) {
                return Ok(Some(x as usize));
            }
            ensure!(mode == PadMode::Constant || n > 0, "axis {a} is empty, there is nothing to pad with");
            Ok(match mode {
                PadMode::Constant => None,
                PadMode::Edge => Some(x.clamp(0, n - 1) as usize),
                PadMode::Wrap => Some(x.rem_euclid(n) as usize),
                PadMode::Reflect if n == 1 => Some(0),
                PadMode::Reflect => {
                    let x = x.rem_euclid(2 * (n - 1));
                    Some(if x < n { x } else { 2 * (n - 1) - x } as usize)
                }
            })
        };
        sources.push((0..shape[a]).map(index).collect::<OpResult<_>>()?);
    }
    if let Some(value) = args.opt(2) {
        ensure!(value.dtype() == t.dtype(), "operand 2 is {:?}; expected {:?}", value.dtype(), t.dtype());
    }
    sized_type!(t.dtype(), T => {
        let values = T::of(t.data());
        let fill = match args.opt(2) {
            Some(v) => *T::of(v.data()).first().ok_or("a value of no element")?,
            None => T::default(),
        };
        let mut out = vec![fill; elements(&shape)?];
        if out.is_empty() || values.is_empty() {
            return Ok(Tensor::of_bits(t.dtype(), &shape, out));
        }
        let steps = strides(t.shape());
        let Some((last, outer)) = sources.split_last() else {
            return Ok(t.clone());
        };
        let one = |row: usize, out: &mut [T]| {
            let (mut rest, mut at) = (row, 0);
            for (a, source) in outer.iter().enumerate().rev() {
                let Some(i) = source[rest % source.len()] else { return };
                rest /= source.len();
                at += i * steps[a];
            }
            for (o, source) in out.iter_mut().zip(last) {
                if let Some(i) = source {
                    *o = values[at + i];
                }
            }
        };
        each_row(&mut out, last.len(), last.len(), &one);
        Ok(Tensor::of_bits(t.dtype(), &shape, out))
    })
}

/// The axes that `Shape` gives.
pub fn shape_range(rank: usize, start: i64, end: Option<i64>) -> std::ops::Range<usize> {
    let n = rank as i64;
    let wrap = |i: i64| if i < 0 { i.saturating_add(n) } else { i }.clamp(0, n) as usize;
    let (start, end) = (wrap(start), wrap(end.unwrap_or(n)));
    start..end.max(start)
}

pub(crate) fn shape(t: &Tensor, start: i64, end: Option<i64>) -> Tensor {
    let sizes = &t.shape()[shape_range(t.shape().len(), start, end)];
    Tensor::from_i64s(sizes.iter().map(|s| *s as i64).collect())
}

pub(crate) fn constant_of_shape(args: &Args, value: &Tensor) -> OpResult<Tensor> {
    let shape = sizes(&args.ints(0)?)?;
    let n = elements(&shape)?;
    ensure!(value.len() == 1, "a value of {} elements; expected one", value.len());
    sized_type!(value.dtype(), T => {
        let v = T::of(value.data()).first().copied().unwrap_or_default();
        Ok(Tensor::of_bits(value.dtype(), &shape, vec![v; n]))
    })
}

/// The number of elements of a range.
pub fn range_count(args: &Args) -> OpResult<usize> {
    let dtype = args.get(0)?.dtype();
    number_type!(dtype, T => {
        let mut bounds = [T::default(); 3];
        for (i, b) in bounds.iter_mut().enumerate() {
            *b = *args.slice::<T>(i)?.first().ok_or("a bound of no element")?;
        }
        let [start, limit, delta] = bounds;
        let count = (limit as f64 - start as f64) / delta as f64;
        ensure!(count.is_finite(), "a range from {start:?} to {limit:?} in steps of {delta:?}");
        let n = count.ceil().max(0.);
        ensure!(n <= MAX_ELEMENTS as f64, "a range of {n} elements");
        Ok(n as usize)
    })
}

pub(crate) fn range(args: &Args) -> OpResult<Tensor> {
    let n = range_count(args)?;
    let dtype = args.get(0)?.dtype();
    number_type!(dtype, T => {
        let first = |i: usize| -> OpResult<T> { Ok(args.slice::<T>(i)?.first().copied().unwrap_or_default()) };
        let (start, delta) = (first(0)?, first(2)?);
        let values = (0..n).map(|i| (start as f64 + i as f64 * delta as f64) as T).collect();
        Ok(Tensor::of(&[n], values))
    })
}
