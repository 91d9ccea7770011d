//! Operators that pick elements by indices.

use crate::{
    Args, Bits, OpResult, Reason, Tensor, any_type, around, axis, elements, ensure, sized_type, strides,
    typed,
};

/// An index, counted from the end where negative.
fn index(i: i64, size: usize) -> OpResult<usize> {
    let positive = if i < 0 { i.saturating_add(size as i64) } else { i };
    match usize::try_from(positive) {
        Ok(p) if p < size => Ok(p),
        _ => Err(format!("index {i} of an axis of {size}").into()),
    }
}

pub(crate) fn gather(args: &Args, at: i64) -> OpResult<Tensor> {
    let (t, indices) = (args.get(0)?, args.get(1)?);
    let at = axis(at, t.shape().len())?;
    let (outer, n, inner) = around(t.shape(), at);
    let picked = args.ints(1)?.iter().map(|i| index(*i, n)).collect::<OpResult<Vec<_>>>()?;
    let shape = [&t.shape()[..at], indices.shape(), &t.shape()[at + 1..]].concat();
    elements(&shape)?;
    sized_type!(t.dtype(), T => {
        let values = T::of(t.data());
        let mut out = Vec::with_capacity(elements(&shape)?);
        for o in 0..outer {
            for i in &picked {
                let from = (o * n + i) * inner;
                out.extend_from_slice(&values[from..from + inner]);
            }
        }
        Ok(Tensor::of_bits(t.dtype(), &shape, out))
    })
}

/// Where in the data each index of `GatherElements` and `ScatterElements` points.
fn element_offsets(shape: &[usize], at: usize, indices: &Tensor, values: &[i64]) -> OpResult<Vec<usize>> {
    let fits = indices.shape().len() == shape.len()
        && (0..shape.len()).all(|a| a == at || indices.shape()[a] <= shape[a]);
    ensure!(fits, "indices of shape {:?} do not fit data of shape {shape:?}", indices.shape());
    let steps = strides(shape);
    let mut offsets = Vec::with_capacity(values.len());
    for (i, picked) in values.iter().enumerate() {
        let (mut rest, mut offset) = (i, index(*picked, shape[at])? * steps[at]);
        for a in (0..shape.len()).rev() {
            let along = rest % indices.shape()[a];
            rest /= indices.shape()[a];
            if a != at {
                offset += along * steps[a];
            }
        }
        offsets.push(offset);
    }
    Ok(offsets)
}

pub(crate) fn gather_elements(args: &Args, at: i64) -> OpResult<Tensor> {
    let (t, indices) = (args.get(0)?, args.get(1)?);
    let at = axis(at, t.shape().len())?;
    let offsets = element_offsets(t.shape(), at, indices, &args.ints(1)?)?;
    sized_type!(t.dtype(), T => {
        let values = T::of(t.data());
        Ok(Tensor::of_bits(t.dtype(), indices.shape(), offsets.iter().map(|o| values[*o]).collect::<Vec<T>>()))
    })
}

pub(crate) fn scatter_elements(args: &mut Args, at: i64) -> OpResult<Tensor> {
    let t = args.take(0)?;
    let at = axis(at, t.shape().len())?;
    let indices = args.get(1)?;
    let offsets = element_offsets(t.shape(), at, indices, &args.ints(1)?)?;
    let updates = args.get(2)?;
    ensure!(
        updates.shape() == indices.shape(),
        "updates of shape {:?}; expected {:?}",
        updates.shape(),
        indices.shape()
    );
    let dtype = t.dtype();
    ensure!(updates.dtype() == dtype, "operand 2 is {:?}; expected {dtype:?}", updates.dtype());
    let (shape, data) = t.into_parts();
    sized_type!(dtype, T => {
        let new = T::of(updates.data());
        let mut values = T::take(data);
        for (o, v) in offsets.iter().zip(new) {
            values[*o] = *v;
        }
        Ok(Tensor::of_bits(dtype, &shape, values))
    })
}

/// Where the slices of `GatherND` and `ScatterND` begin, and how long they are.
fn slices(shape: &[usize], indices: &Tensor, values: &[i64], batch: usize) -> OpResult<(Vec<usize>, usize)> {
    let depth = *indices.shape().last().ok_or("indices need an axis")?;
    ensure!(
        batch + depth <= shape.len(),
        "indices of {depth} axes of data of shape {shape:?} after {batch} of the batch"
    );
    ensure!(
        indices.shape().len() > batch,
        "indices of shape {:?} have no {batch} axes of the batch",
        indices.shape()
    );
    ensure!(
        shape[..batch] == indices.shape()[..batch],
        "batches of {shape:?} and {:?} differ",
        indices.shape()
    );
    let steps = strides(shape);
    let length: usize = shape[batch + depth..].iter().product();
    let groups: usize = indices.shape()[batch..indices.shape().len() - 1].iter().product();
    let per_batch: usize = shape[batch..].iter().product();
    let count: usize = indices.shape()[..indices.shape().len() - 1].iter().product();
    let mut starts = Vec::with_capacity(count);
    for i in 0..count {
        let mut start = i / groups.max(1) * per_batch;
        for (a, picked) in values[i * depth..(i + 1) * depth].iter().enumerate() {
            start += index(*picked, shape[batch + a])? * steps[batch + a];
        }
        starts.push(start);
    }
    Ok((starts, length))
}

pub(crate) fn gather_nd(args: &Args, batch: usize) -> OpResult<Tensor> {
    let (t, indices) = (args.get(0)?, args.get(1)?);
    let (starts, length) = slices(t.shape(), indices, &args.ints(1)?, batch)?;
    let depth = indices.shape().last().copied().unwrap_or(0);
    let shape = [&indices.shape()[..indices.shape().len() - 1], &t.shape()[batch + depth..]].concat();
    elements(&shape)?;
    sized_type!(t.dtype(), T => {
        let values = T::of(t.data());
        let out: Vec<T> = starts.iter().flat_map(|s| &values[*s..s + length]).copied().collect();
        Ok(Tensor::of_bits(t.dtype(), &shape, out))
    })
}

pub(crate) fn scatter_nd(args: &mut Args) -> OpResult<Tensor> {
    let t = args.take(0)?;
    let indices = args.get(1)?;
    let (starts, length) = slices(t.shape(), indices, &args.ints(1)?, 0)?;
    let updates = args.get(2)?;
    ensure!(
        updates.len() == starts.len() * length,
        "updates of shape {:?} do not fill {} slices",
        updates.shape(),
        starts.len()
    );
    let dtype = t.dtype();
    ensure!(updates.dtype() == dtype, "operand 2 is {:?}; expected {dtype:?}", updates.dtype());
    let (shape, data) = t.into_parts();
    sized_type!(dtype, T => {
        let new = T::of(updates.data());
        let mut values = T::take(data);
        for (i, s) in starts.iter().enumerate() {
            values[*s..s + length].copy_from_slice(&new[i * length..(i + 1) * length]);
        }
        Ok(Tensor::of_bits(dtype, &shape, values))
    })
}

pub(crate) fn non_zero(args: &Args) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let found: Vec<usize> = any_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        (0..values.len()).filter(|i| values[*i] != T::default()).collect()
    });
    let steps = strides(t.shape());
    let mut out = Vec::with_capacity(found.len() * steps.len());
    for (a, step) in steps.iter().enumerate() {
        out.extend(found.iter().map(|i| (i / step % t.shape()[a]) as i64));
    }
    Ok(Tensor::of(&[steps.len(), found.len()], out))
}

pub(crate) fn one_hot(args: &Args, at: i64) -> OpResult<Tensor> {
    let indices = args.get(0)?;
    let whole =
        |t: &Tensor| super::elementwise::cast(t.clone(), crate::DType::I64).to_i64s().unwrap_or_default();
    let depth = *whole(args.get(1)?).first().ok_or("a depth of no element")?;
    let depth = usize::try_from(depth).map_err(|_| Reason(format!("a depth of {depth}")))?;
    let at = axis(at, indices.shape().len() + 1)?;
    let mut shape = indices.shape().to_vec();
    shape.insert(at, depth);
    let (outer, _, inner) = around(&shape, at);
    elements(&shape)?;
    let picked = whole(indices);
    let given = args.get(2)?;
    sized_type!(given.dtype(), T => {
        let [off, on]: [T; 2] = T::of(given.data()).try_into().map_err(|_| Reason("values are not two".into()))?;
        let mut out = vec![off; elements(&shape)?];
        for o in 0..outer {
            for i in 0..inner {
                if let Ok(p) = index(picked[o * inner + i], depth) {
                    out[(o * depth + p) * inner + i] = on;
                }
            }
        }
        Ok(Tensor::of_bits(given.dtype(), &shape, out))
    })
}
