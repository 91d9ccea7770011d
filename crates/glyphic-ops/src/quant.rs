//! Operators on quantised values.

use crate::{
    Args, DType, Data, OpResult, Padding, Reason, Tensor, axis, conv, ensure, matmul, typed, window,
};

/// Integers of any width, widened.
fn wide(t: &Tensor, i: usize) -> OpResult<Vec<i32>> {
    match t.data() {
        Data::U8(v) => Ok(v.iter().map(|x| i32::from(*x)).collect()),
        Data::I8(v) => Ok(v.iter().map(|x| i32::from(*x)).collect()),
        Data::I32(v) => Ok(v.to_vec()),
        other => Err(Reason(format!("operand {i} is {:?}; expected U8, I8 or I32", other.dtype()))),
    }
}

/// Which scale each element has: one of all, or one a position along an axis.
fn positions(t: &Tensor, scale: &Tensor, at: i64) -> OpResult<(usize, usize)> {
    if scale.len() == 1 && scale.shape().len() <= 1 {
        return Ok((1, t.len().max(1)));
    }
    ensure!(
        scale.shape().len() == 1,
        "scales of shape {:?}; expected one, or one a position of an axis",
        scale.shape()
    );
    let at = axis(at, t.shape().len())?;
    ensure!(scale.len() == t.shape()[at], "{} scales for an axis of {}", scale.len(), t.shape()[at]);
    Ok((scale.len(), t.shape()[at + 1..].iter().product::<usize>().max(1)))
}

fn zero_points(args: &Args, scale: &Tensor) -> OpResult<Option<Vec<i32>>> {
    let Some(zero) = args.opt(2) else { return Ok(None) };
    ensure!(zero.len() == scale.len(), "{} zero points and {} scales", zero.len(), scale.len());
    wide(zero, 2).map(Some)
}

pub(crate) fn quantize(args: &Args, at: i64) -> OpResult<Tensor> {
    let (t, scale) = (args.get(0)?, args.get(1)?);
    let (count, inner) = positions(t, scale, at)?;
    let zero = zero_points(args, scale)?;
    let (x, scale) = (t.to_f32(), scale.to_f32());
    let (x, scale) = (typed::<f32>(&x, 0)?, typed::<f32>(&scale, 1)?);
    let to = args.opt(2).map_or(DType::U8, Tensor::dtype);
    let (low, high) = match to {
        DType::U8 => (0, 255),
        DType::I8 => (-128, 127),
        other => return Err(Reason(format!("zero points are {other:?}; expected U8 or I8"))),
    };
    let values = x.iter().enumerate().map(|(i, x)| {
        let c = i / inner % count;
        let zero = zero.as_ref().map_or(0, |z| z[c]);
        let steps = f64::from((x / scale[c]).round_ties_even());
        (steps + f64::from(zero)).clamp(f64::from(low), f64::from(high)) as i32
    });
    Ok(if to == DType::U8 {
        Tensor::of(t.shape(), values.map(|v| v as u8).collect::<Vec<_>>())
    } else {
        Tensor::of(t.shape(), values.map(|v| v as i8).collect::<Vec<_>>())
    })
}

pub(crate) fn dequantize(args: &Args, at: i64) -> OpResult<Tensor> {
    let (t, scale) = (args.get(0)?, args.get(1)?);
    let (count, inner) = positions(t, scale, at)?;
    let zero = zero_points(args, scale)?;
    let scale = scale.to_f32();
    let (x, scale) = (wide(t, 0)?, typed::<f32>(&scale, 1)?);
    let values: Vec<f32> = x
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let c = i / inner % count;
            x.wrapping_sub(zero.as_ref().map_or(0, |z| z[c])) as f32 * scale[c]
        })
        .collect();
    Ok(Tensor::of(t.shape(), values))
}

pub(crate) fn dynamic(args: &Args) -> OpResult<Vec<Tensor>> {
    let x = args.slice::<f32>(0)?;
    // The range holds zero, so that padding is exact.
    let low = x.iter().fold(0f32, |m, v| m.min(*v));
    let high = x.iter().fold(0f32, |m, v| m.max(*v));
    let scale = if high > low { (high - low) / 255. } else { 1. };
    let zero = (-low / scale).round_ties_even().clamp(0., 255.);
    let values: Vec<u8> =
        x.iter().map(|v| ((v / scale).round_ties_even() + zero).clamp(0., 255.) as u8).collect();
    Ok(vec![
        Tensor::of(args.get(0)?.shape(), values),
        Tensor::scalar(scale),
        Tensor::of(&[], vec![zero as u8]),
    ])
}

/// Values less their zero points, of which there is one or one a position of an axis.
fn centred(args: &Args, i: usize, zero: usize, at: usize) -> OpResult<Vec<i32>> {
    let t = args.get(i)?;
    let mut values = wide(t, i)?;
    let Some(zero_point) = args.opt(zero) else { return Ok(values) };
    let points = wide(zero_point, zero)?;
    let (count, inner) = match points.len() {
        1 => (1, 1),
        n => {
            ensure!(
                t.shape().get(at) == Some(&n),
                "{n} zero points for operand {i} of shape {:?}",
                t.shape()
            );
            (n, t.shape()[at + 1..].iter().product())
        }
    };
    values.iter_mut().enumerate().for_each(|(i, v)| *v = v.wrapping_sub(points[i / inner % count]));
    Ok(values)
}

pub(crate) fn matmul(args: &Args) -> OpResult<Tensor> {
    let (a, b) = (args.get(0)?, args.get(1)?);
    ensure!(!a.shape().is_empty() && !b.shape().is_empty(), "scalars; expected matrices");
    let x = centred(args, 0, 2, a.shape().len().saturating_sub(2))?;
    let y = centred(args, 1, 3, b.shape().len() - 1)?;
    matmul::stacks((a.shape(), &x), (b.shape(), &y))
}

pub(crate) fn conv(
    args: &Args,
    strides: &[usize],
    dilations: &[usize],
    padding: &Padding,
    groups: usize,
) -> OpResult<Tensor> {
    let (x, w) = (args.get(0)?, args.get(1)?);
    let s = conv::sizes(x, w, groups)?;
    let (_, _, input) = conv::image(x, 0)?;
    let (_, _, kernel) = conv::image(w, 1)?;
    let axes = window::window(input, kernel, strides, dilations, padding, false)?;
    let shape = [&[s.batch, s.outputs][..], &window::outputs(&axes)].concat();
    // Padding is the zero point, which is 0 here.
    let out = conv::convolve::<i32>(&centred(args, 0, 2, 1)?, &centred(args, 1, 3, 0)?, None, &s, &axes)?;
    Ok(Tensor::of(&shape, out))
}
