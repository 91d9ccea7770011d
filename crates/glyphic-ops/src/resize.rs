//! `Resize`.

use crate::{
    Args, Bits, CoordinateMode, Float, Interpolation, MAX_ELEMENTS, NearestMode, Op, OpResult, Reason,
    Tensor, around, each_rows, elements, ensure, float_type, movement, sized_type, typed,
};

/// Longest axis of a result: each of its elements has a list of its own of what it is mixed of.
const MAX_AXIS: usize = 1 << 22;

/// Attributes of a resize.
pub(crate) struct How {
    pub(crate) mode: Interpolation,
    pub(crate) coordinates: CoordinateMode,
    pub(crate) nearest: NearestMode,
    pub(crate) cubic_a: f32,
    pub(crate) exclude_outside: bool,
    pub(crate) extrapolation: f32,
}

/// One axis that changes.
struct Axis {
    input: usize,
    output: usize,
    scale: f64,
    /// The output's size before it was rounded down.
    exact: f64,
    roi: (f64, f64),
}

impl Axis {
    /// The input's coordinate of an output.
    fn source(&self, i: usize, mode: CoordinateMode) -> f64 {
        let (x, n) = (i as f64, self.input as f64);
        match mode {
            CoordinateMode::HalfPixel => (x + 0.5) / self.scale - 0.5,
            CoordinateMode::HalfPixelSymmetric => {
                let offset = n / 2. * (1. - self.output as f64 / self.exact);
                offset + (x + 0.5) / self.scale - 0.5
            }
            CoordinateMode::PytorchHalfPixel if self.output > 1 => (x + 0.5) / self.scale - 0.5,
            CoordinateMode::PytorchHalfPixel => 0.,
            CoordinateMode::AlignCorners if self.exact > 1. => x * (n - 1.) / (self.exact - 1.),
            CoordinateMode::AlignCorners => 0.,
            CoordinateMode::Asymmetric => x / self.scale,
            CoordinateMode::TfCropAndResize => {
                let (start, end) = self.roi;
                if self.output > 1 {
                    start * (n - 1.) + x * (end - start) * (n - 1.) / (self.exact - 1.)
                } else {
                    0.5 * (start + end) * (n - 1.)
                }
            }
        }
    }

    /// Whether a coordinate counts as outside.
    fn outside(&self, x: f64, mode: CoordinateMode) -> bool {
        mode == CoordinateMode::TfCropAndResize && (x < 0. || x > self.input as f64 - 1.)
    }
}

fn nearest(x: f64, mode: NearestMode, n: usize) -> usize {
    let x = match mode {
        NearestMode::RoundPreferFloor => (x - 0.5).ceil(),
        NearestMode::RoundPreferCeil => (x + 0.5).floor(),
        NearestMode::Floor => x.floor(),
        NearestMode::Ceil => x.ceil(),
    };
    x.clamp(0., n as f64 - 1.) as usize
}

/// The inputs that an output is mixed of, with their weights.
fn taps(a: &Axis, i: usize, how: &How) -> Vec<(usize, f64)> {
    let x = a.source(i, how.coordinates);
    let first = x.floor();
    let t = x - first;
    let weights: Vec<(i64, f64)> = match how.mode {
        Interpolation::Linear => vec![(0, 1. - t), (1, t)],
        _ => {
            let c = f64::from(how.cubic_a);
            let near = |d: f64| ((c + 2.) * d - (c + 3.)) * d * d + 1.;
            let far = |d: f64| ((c * d - 5. * c) * d + 8. * c) * d - 4. * c;
            vec![(-1, far(1. + t)), (0, near(t)), (1, near(1. - t)), (2, far(2. - t))]
        }
    };
    let last = a.input as i64 - 1;
    let mut mixed: Vec<(usize, f64)> = Vec::with_capacity(weights.len());
    for (shift, weight) in weights {
        let at = first as i64 + shift;
        if how.exclude_outside && !(0..=last).contains(&at) {
            continue;
        }
        let at = at.clamp(0, last) as usize;
        match mixed.iter_mut().find(|m| m.0 == at) {
            Some(m) => m.1 += weight,
            None => mixed.push((at, weight)),
        }
    }
    if how.exclude_outside {
        let total: f64 = mixed.iter().map(|m| m.1).sum();
        mixed.iter_mut().for_each(|m| m.1 /= total);
    }
    mixed.retain(|m| m.1 != 0.);
    mixed
}

/// Output sizes, exact sizes and scales of the axes.
fn axes(args: &Args, how: &How, shape: &[usize]) -> OpResult<Vec<Axis>> {
    let rank = shape.len();
    let floats = |i: usize| -> Option<Vec<f32>> {
        args.opt(i).filter(|t| !t.is_empty()).and_then(|t| t.to_f32().as_f32().map(<[f32]>::to_vec))
    };
    let roi = match how.coordinates {
        CoordinateMode::TfCropAndResize => {
            let roi = floats(1).ok_or("tf_crop_and_resize needs a region")?;
            ensure!(roi.len() == 2 * rank, "a region of {} numbers; expected {}", roi.len(), 2 * rank);
            roi
        }
        _ => Vec::new(),
    };
    let roi = |a: usize| match roi.get(a) {
        Some(start) => (f64::from(*start), f64::from(roi[rank + a])),
        None => (0., 1.),
    };
    if let Some(sizes) = args.opt_ints(3)?.filter(|s| !s.is_empty()) {
        ensure!(sizes.len() == rank, "{} sizes for {rank} axes", sizes.len());
        let sizes = movement::sizes(&sizes)?;
        let axis = |a: usize| Axis {
            input: shape[a],
            output: sizes[a],
            scale: sizes[a] as f64 / shape[a] as f64,
            exact: sizes[a] as f64,
            roi: roi(a),
        };
        return Ok((0..rank).map(axis).collect());
    }
    let scales = floats(2).ok_or("neither scales nor sizes")?;
    ensure!(scales.len() == rank, "{} scales for {rank} axes", scales.len());
    (0..rank)
        .map(|a| {
            let scale = f64::from(scales[a]);
            let (start, end) = roi(a);
            let exact = shape[a] as f64 * (end - start) * scale;
            let fits = scale > 0. && scale.is_finite() && (0. ..=MAX_ELEMENTS as f64).contains(&exact);
            ensure!(fits, "a scale of {scale} on an axis of {}", shape[a]);
            Ok(Axis { input: shape[a], output: exact.floor() as usize, scale, exact, roi: (start, end) })
        })
        .collect()
}

/// What an element along an axis is mixed of: two elements, and their weights.
pub type Mix = [(usize, f32); 2];

/// What each element along each axis of a result of linear interpolation is mixed of: two elements, and their weights. `None`
/// for other operators, and where an axis has no element.
pub fn mixes(op: &Op, args: &Args, shape: &[usize]) -> OpResult<Option<Vec<Vec<Mix>>>> {
    let Op::Resize {
        mode: Interpolation::Linear,
        coordinates,
        nearest,
        cubic_a,
        exclude_outside,
        extrapolation,
    } = op
    else {
        return Ok(None);
    };
    let how = How {
        mode: Interpolation::Linear,
        coordinates: *coordinates,
        nearest: *nearest,
        cubic_a: *cubic_a,
        exclude_outside: *exclude_outside,
        extrapolation: *extrapolation,
    };
    let axes = axes(args, &how, shape)?;
    let sizes: Vec<usize> = axes.iter().map(|a| a.output).collect();
    let outside = how.coordinates == CoordinateMode::TfCropAndResize || how.exclude_outside;
    if outside || elements(&sizes)? == 0 || shape.contains(&0) || sizes.iter().any(|s| *s > MAX_AXIS) {
        return Ok(None);
    }
    let mix = |a: &Axis, i: usize| match taps(a, i, &how)[..] {
        [(at, weight)] => [(at, weight as f32), (at, 0.)],
        [(first, a), (second, b), ..] => [(first, a as f32), (second, b as f32)],
        [] => [(0, 0.); 2],
    };
    Ok(Some(axes.iter().map(|a| (0..a.output).map(|i| mix(a, i)).collect()).collect()))
}

/// The shape that a resize gives.
pub(crate) fn resize(args: &Args, how: &How) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let axes = axes(args, how, t.shape())?;
    let shape: Vec<usize> = axes.iter().map(|a| a.output).collect();
    let total = elements(&shape)?;
    if total == 0 {
        return sized_type!(t.dtype(), T => Ok(Tensor::of_bits(t.dtype(), &shape, Vec::<T>::new())));
    }
    ensure!(!t.is_empty(), "an empty input of shape {:?}", t.shape());
    ensure!(shape.iter().all(|s| *s <= MAX_AXIS), "an axis longer than {MAX_AXIS} in {shape:?}");
    let result = match how.mode {
        Interpolation::Nearest => sized_type!(t.dtype(), T => {
            let mut now = (t.shape().to_vec(), T::of(t.data()).to_vec());
            for (i, a) in axes.iter().enumerate() {
                let picked: Vec<usize> =
                    (0..a.output).map(|o| nearest(a.source(o, how.coordinates), how.nearest, a.input)).collect();
                if a.output != a.input || picked.iter().enumerate().any(|(i, p)| i != *p) {
                    now = pick(&now.0, &now.1, i, &picked)?;
                }
            }
            Tensor::of_bits(t.dtype(), &now.0, now.1)
        }),
        _ => match t.dtype() {
            crate::DType::F32 | crate::DType::F64 => float_type!(t.dtype(), T => {
                let mut now = (t.shape().to_vec(), typed::<T>(t, 0)?.to_vec());
                for (i, a) in axes.iter().enumerate() {
                    let mixed: Vec<Vec<(usize, T)>> = (0..a.output)
                        .map(|o| taps(a, o, how).into_iter().map(|(i, w)| (i, <T as Float>::of(w))).collect())
                        .collect();
                    let same = |(i, m): (usize, &Vec<(usize, T)>)| matches!(m[..], [(at, w)] if at == i && w == 1.);
                    if a.output != a.input || !mixed.iter().enumerate().all(same) {
                        now = mix(&now.0, &now.1, i, &mixed)?;
                    }
                }
                Tensor::of(&now.0, now.1)
            }),
            other => {
                return Err(Reason(format!(
                    "elements of type {other:?} are not interpolated; expected floats"
                )));
            }
        },
    };
    if how.coordinates == CoordinateMode::TfCropAndResize {
        return extrapolate(result, &axes, how);
    }
    Ok(result)
}

type Array<T> = (Vec<usize>, Vec<T>);

fn pick<T: Bits>(shape: &[usize], values: &[T], at: usize, picked: &[usize]) -> OpResult<Array<T>> {
    let (_, n, inner) = around(shape, at);
    let mut shape = shape.to_vec();
    shape[at] = picked.len();
    let mut out = vec![T::default(); elements(&shape)?];
    let row = picked.len() * inner;
    each_rows(&mut out, row, row, &|first, rows| {
        for (out, values) in rows.chunks_mut(row).zip(values[first * n * inner..].chunks(n * inner)) {
            if inner == 1 {
                out.iter_mut().zip(picked).for_each(|(o, p)| *o = values[*p]);
            } else {
                for (out, p) in out.chunks_mut(inner).zip(picked) {
                    out.copy_from_slice(&values[p * inner..(p + 1) * inner]);
                }
            }
        }
    });
    Ok((shape, out))
}

fn mix<T: Float>(shape: &[usize], values: &[T], at: usize, mixed: &[Vec<(usize, T)>]) -> OpResult<Array<T>> {
    let (_, n, inner) = around(shape, at);
    let mut shape = shape.to_vec();
    shape[at] = mixed.len();
    let mut out = vec![T::default(); elements(&shape)?];
    let row = mixed.len() * inner;
    each_rows(&mut out, row, row, &|first, rows| {
        for (out, values) in rows.chunks_mut(row).zip(values[first * n * inner..].chunks(n * inner)) {
            for (out, taps) in out.chunks_mut(inner).zip(mixed) {
                for (p, w) in taps {
                    out.iter_mut().zip(&values[p * inner..(p + 1) * inner]).for_each(|(o, v)| *o += *w * *v);
                }
            }
        }
    });
    Ok((shape, out))
}

/// Puts the value for the outside where a coordinate lies there.
fn extrapolate(t: Tensor, axes: &[Axis], how: &How) -> OpResult<Tensor> {
    let outside: Vec<Vec<bool>> = axes
        .iter()
        .map(|a| (0..a.output).map(|o| a.outside(a.source(o, how.coordinates), how.coordinates)).collect())
        .collect();
    float_type!(t.dtype(), T => {
        let mut values = typed::<T>(&t, 0)?.to_vec();
        for (i, v) in values.iter_mut().enumerate() {
            let mut rest = i;
            for o in outside.iter().rev() {
                if o[rest % o.len()] {
                    *v = <T as Float>::of(f64::from(how.extrapolation));
                    break;
                }
                rest /= o.len();
            }
        }
        Ok(Tensor::of(t.shape(), values))
    })
}
