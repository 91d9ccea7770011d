//! Normalisation and softmax.

use crate::{
    Args, Element, Float, OpResult, Reason, Tensor, around, axis, each_row, each_rows, ensure, float_type,
    typed,
};

/// A sum in eight parts, which is both quicker and more exact than in one.
pub(crate) fn sum<T: Float>(values: &[T], f: impl Fn(T) -> T) -> T {
    let mut parts = [T::default(); 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (p, v) in parts.iter_mut().zip(chunk) {
            *p += f(*v);
        }
    }
    for (p, v) in parts.iter_mut().zip(rest) {
        *p += f(*v);
    }
    ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
}

/// Mean and reciprocal deviation.
fn moments<T: Float>(values: &[T], epsilon: T) -> (T, T) {
    let n = T::of(values.len().max(1) as f64);
    let mean = sum(values, |v| v) / n;
    let variance = sum(values, |v| (v - mean) * (v - mean)) / n;
    (mean, T::of(1.) / (variance + epsilon).sqrt())
}

/// A list of values a channel.
fn channels<T: Element>(args: &Args, i: usize, n: usize) -> OpResult<&[T]> {
    let values = args.slice::<T>(i)?;
    ensure!(
        values.len() == n,
        "operand {i} has {} values; expected one for each of {n} channels",
        values.len()
    );
    Ok(values)
}

/// `x * factor + shift` a channel, where the axes are batch, channels and the rest.
fn scale<T: Float>(values: &mut [T], channels: usize, inner: usize, f: impl Fn(usize) -> (T, T) + Sync) {
    if inner == 0 {
        return;
    }
    each_rows(values, inner, inner, &|first, rows| {
        for (i, values) in rows.chunks_mut(inner).enumerate() {
            let (factor, shift) = f((first + i) % channels);
            values.iter_mut().for_each(|v| *v = *v * factor + shift);
        }
    });
}

pub(crate) fn batch(args: &mut Args, epsilon: f32) -> OpResult<Tensor> {
    let t = args.take(0)?;
    let shape = t.shape().to_vec();
    ensure!(shape.len() >= 2, "an input of shape {shape:?}; expected [N, C, ...]");
    let (c, inner) = (shape[1], shape[2..].iter().product());
    float_type!(t.dtype(), T => {
        let (gain, bias) = (channels::<T>(args, 1, c)?, channels::<T>(args, 2, c)?);
        let (mean, variance) = (channels::<T>(args, 3, c)?, channels::<T>(args, 4, c)?);
        let factors: Vec<(T, T)> = (0..c)
            .map(|c| {
                let factor = gain[c] / (variance[c] + T::of(f64::from(epsilon))).sqrt();
                (factor, bias[c] - mean[c] * factor)
            })
            .collect();
        let mut values = T::take(t.into_parts().1).ok_or("operands of different types")?;
        scale(&mut values, c, inner, |c| factors[c]);
        Ok(Tensor::of(&shape, values))
    })
}

pub(crate) fn instance(args: &Args, epsilon: f32) -> OpResult<Tensor> {
    let channels = args.get(0)?.shape().get(1).copied().unwrap_or(0);
    group(args, epsilon, channels)
}

/// Groups of channels that are normalised together; as many groups as channels make instance normalisation.
pub(crate) fn group(args: &Args, epsilon: f32, groups: usize) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let shape = t.shape();
    ensure!(shape.len() >= 2, "an input of shape {shape:?}; expected [N, C, ...]");
    let (c, inner): (usize, usize) = (shape[1], shape[2..].iter().product());
    if t.is_empty() {
        return Ok(t.clone());
    }
    ensure!(groups > 0 && c % groups == 0, "{groups} groups of {c} channels");
    let each = c / groups;
    float_type!(t.dtype(), T => {
        let (gain, bias) = (channels::<T>(args, 1, c)?, channels::<T>(args, 2, c)?);
        let mut values = typed::<T>(t, 0)?.to_vec();
        let size = each * inner;
        each_rows(&mut values, size, 4 * size, &|first, rows| {
            for (i, values) in rows.chunks_mut(size).enumerate() {
                let (mean, deviation) = moments(values, T::of(f64::from(epsilon)));
                for (k, values) in values.chunks_mut(inner).enumerate() {
                    let c = (first + i) % groups * each + k;
                    let factor = gain[c] * deviation;
                    let shift = bias[c] - mean * factor;
                    values.iter_mut().for_each(|v| *v = *v * factor + shift);
                }
            }
        });
        Ok(Tensor::of(shape, values))
    })
}

pub(crate) fn layer(args: &Args, at: i64, epsilon: f32) -> OpResult<Vec<Tensor>> {
    let t = args.get(0)?;
    let at = axis(at, t.shape().len())?;
    let n: usize = t.shape()[at..].iter().product();
    let rows: usize = t.shape()[..at].iter().product();
    let reduced: Vec<usize> =
        t.shape().iter().enumerate().map(|(i, s)| if i < at { *s } else { 1 }).collect();
    float_type!(t.dtype(), T => {
        let spread = |i: usize| -> OpResult<Vec<T>> {
            let Some(v) = args.opt(i) else { return Ok(vec![T::default(); n]) };
            let whole = Tensor::of(&t.shape()[at..], vec![T::default(); n]);
            let spread = super::elementwise::broadcast((whole.shape(), typed::<T>(&whole, 0)?), (v.shape(), typed::<T>(v, i)?), |_, v| v)?;
            ensure!(spread.len() == n, "operand {i} of shape {:?} does not fit the axes {:?}", v.shape(), whole.shape());
            Ok(typed::<T>(&spread, i)?.to_vec())
        };
        let (gain, bias) = (spread(1)?, spread(2)?);
        let mut values = typed::<T>(t, 0)?.to_vec();
        let mut statistics = vec![(T::default(), T::default()); rows];
        if n > 0 {
            let source = typed::<T>(t, 0)?;
            each_rows(&mut statistics, 1, 4 * n, &|first, statistics| {
                for (s, row) in statistics.iter_mut().zip(source[first * n..].chunks_exact(n)) {
                    *s = moments(row, T::of(f64::from(epsilon)));
                }
            });
            each_rows(&mut values, n, n, &|first, rows| {
                for (values, (mean, deviation)) in rows.chunks_mut(n).zip(&statistics[first..]) {
                    for (v, (g, b)) in values.iter_mut().zip(gain.iter().zip(&bias)) {
                        *v = (*v - *mean) * *deviation * *g + *b;
                    }
                }
            });
        }
        Ok(vec![
            Tensor::of(t.shape(), values),
            Tensor::of(&reduced, statistics.iter().map(|s| s.0).collect::<Vec<T>>()),
            Tensor::of(&reduced, statistics.iter().map(|s| s.1).collect::<Vec<T>>()),
        ])
    })
}

/// Softmax of one row, or its logarithm.
fn softmax_row<T: Float>(row: &mut [T], log: bool) {
    let most = row.iter().fold(T::neg_infinity(), |m, v| m.max(*v));
    if log {
        let total = sum(row, |v| (v - most).exp()).ln();
        row.iter_mut().for_each(|v| *v = *v - most - total);
    } else {
        row.iter_mut().for_each(|v| *v = (*v - most).exp());
        let total = T::of(1.) / sum(row, |v| v);
        row.iter_mut().for_each(|v| *v = *v * total);
    }
}

pub(crate) fn softmax(t: Tensor, at: i64, log: bool) -> OpResult<Tensor> {
    if t.shape().is_empty() {
        return Err("a scalar; expected an axis".into());
    }
    let at = axis(at, t.shape().len())?;
    let (_, n, inner) = around(t.shape(), at);
    let shape = t.shape().to_vec();
    if t.is_empty() {
        return Ok(t);
    }
    float_type!(t.dtype(), T => {
        let mut values = T::take(t.into_parts().1).ok_or_else(|| Reason("not floats".into()))?;
        each_row(&mut values, n * inner, n * inner, &|_, block| {
            if inner == 1 {
                return softmax_row(block, log);
            }
            let mut row = vec![T::default(); n];
            for i in 0..inner {
                row.iter_mut().zip(block[i..].iter().step_by(inner)).for_each(|(r, v)| *r = *v);
                softmax_row(&mut row, log);
                block[i..].iter_mut().step_by(inner).zip(&row).for_each(|(v, r)| *v = *r);
            }
        });
        Ok(Tensor::of(&shape, values))
    })
}
