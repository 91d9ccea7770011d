//! Pooling.

use crate::{
    Args, Float, OpResult, Padding, Tensor,
    conv::image,
    each_row, each_rows, elements, ensure, float_type,
    norm::sum,
    number_type, typed,
    window::{self, Axis},
};

/// Attributes of a pool.
pub(crate) struct Pool<'a> {
    pub(crate) kernel: &'a [usize],
    pub(crate) strides: &'a [usize],
    pub(crate) dilations: &'a [usize],
    pub(crate) padding: &'a Padding,
    pub(crate) ceil: bool,
}

impl Pool<'_> {
    /// Its geometry. At least one tap of each window must lie inside the input.
    pub(crate) fn window(&self, input: &[usize]) -> OpResult<Vec<Axis>> {
        window::window(input, self.kernel, self.strides, self.dilations, self.padding, self.ceil)
    }
}

pub(crate) fn max(args: &Args, pool: &Pool<'_>, indices: bool) -> OpResult<Vec<Tensor>> {
    let t = args.get(0)?;
    let (batch, channels, input) = image(t, 0)?;
    let axes = pool.window(input)?;
    let shape = [&[batch, channels][..], &window::outputs(&axes)].concat();
    let total = elements(&shape)?;
    let (plane, area): (usize, usize) = (input.iter().product(), shape[2..].iter().product());
    let taps: usize = axes.iter().map(|a| a.kernel).product();
    let stride = axes.last().map_or(1, |a| a.stride);
    number_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![Lowest::lowest(); total];
        let mut places = vec![0i64; if indices { total } else { 0 }];
        if total == 0 {
            return Ok(vec![Tensor::of(&shape, out), Tensor::of(&shape, vec![0i64; 0])]);
        }
        if !indices {
            let one = |i: usize, out: &mut [T]| {
                let source = &values[i * plane..(i + 1) * plane];
                for tap in 0..taps {
                    window::rows(&axes, tap, |to, from, range, first| {
                        let out = &mut out[to + range.start..to + range.end];
                        let source = &source[from + first..];
                        let better = |o: &mut T, v: &T| if *v > *o { *o = *v };
                        if stride == 1 {
                            out.iter_mut().zip(source).for_each(|(o, v)| better(o, v));
                        } else {
                            out.iter_mut().zip(source.iter().step_by(stride)).for_each(|(o, v)| better(o, v));
                        }
                    });
                }
            };
            each_row(&mut out, area, area * taps, &one);
            return Ok(vec![Tensor::of(&shape, out)]);
        }
        // Few networks ask where a maximum lies.
        for (i, (out, places)) in out.chunks_mut(area).zip(places.chunks_mut(area)).enumerate() {
            let source = &values[i * plane..(i + 1) * plane];
            for tap in 0..taps {
                window::rows(&axes, tap, |to, from, range, first| {
                    for (k, o) in range.enumerate() {
                        let at = from + first + k * stride;
                        if source[at] > out[to + o] {
                            out[to + o] = source[at];
                            places[to + o] = (i * plane + at) as i64;
                        }
                    }
                });
            }
        }
        Ok(vec![Tensor::of(&shape, out), Tensor::of(&shape, places)])
    })
}

/// The value that any other replaces as a maximum.
pub(crate) trait Lowest: Copy {
    fn lowest() -> Self;
    fn highest() -> Self;
}

macro_rules! lowest {
    ($($t:ty, $low:expr, $high:expr;)*) => {$(impl Lowest for $t {
        fn lowest() -> Self { $low }
        fn highest() -> Self { $high }
    })*};
}
lowest! {
    f32, Self::NEG_INFINITY, Self::INFINITY;
    f64, Self::NEG_INFINITY, Self::INFINITY;
    i64, Self::MIN, Self::MAX;
    i32, Self::MIN, Self::MAX;
    i8, Self::MIN, Self::MAX;
    u8, Self::MIN, Self::MAX;
}

/// How many taps of each output along an axis count.
fn counts(a: &Axis, padding: bool) -> Vec<usize> {
    let limit = a.input + a.before + if padding { a.after } else { 0 };
    (0..a.output)
        .map(|o| {
            (0..a.kernel)
                .filter(|k| {
                    let at = o * a.stride + k * a.dilation;
                    at < limit && (padding || at >= a.before)
                })
                .count()
        })
        .collect()
}

pub(crate) fn average(args: &Args, pool: &Pool<'_>, include_pad: bool) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let (batch, channels, input) = image(t, 0)?;
    let axes = pool.window(input)?;
    let shape = [&[batch, channels][..], &window::outputs(&axes)].concat();
    let total = elements(&shape)?;
    let (plane, area): (usize, usize) = (input.iter().product(), shape[2..].iter().product());
    let taps: usize = axes.iter().map(|a| a.kernel).product();
    let stride = axes.last().map_or(1, |a| a.stride);
    let mut divisors = vec![1usize];
    for a in &axes {
        let along = counts(a, include_pad);
        divisors = divisors.iter().flat_map(|d| along.iter().map(move |c| d * c)).collect();
    }
    float_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let factors: Vec<T> = divisors.iter().map(|d| T::of(1.) / T::of((*d).max(1) as f64)).collect();
        let mut out = vec![T::default(); total];
        if total > 0 {
            let one = |i: usize, out: &mut [T]| {
                let source = &values[i * plane..(i + 1) * plane];
                for tap in 0..taps {
                    window::rows(&axes, tap, |to, from, range, first| {
                        let out = &mut out[to + range.start..to + range.end];
                        out.iter_mut().zip(source[from + first..].iter().step_by(stride)).for_each(|(o, v)| *o += *v);
                    });
                }
                out.iter_mut().zip(&factors).for_each(|(o, f)| *o *= *f);
            };
            each_row(&mut out, area, area * taps, &one);
        }
        Ok(Tensor::of(&shape, out))
    })
}

pub(crate) fn global(args: &Args, max: bool) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let (batch, channels, input) = image(t, 0)?;
    let n: usize = input.iter().product();
    ensure!(n > 0, "an empty input of shape {:?}", t.shape());
    let shape = [&[batch, channels][..], &vec![1; input.len()]].concat();
    float_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); batch * channels];
        each_rows(&mut out, 1, n, &|first, out| {
            for (o, v) in out.iter_mut().zip(values[first * n..].chunks_exact(n)) {
                *o = if max {
                    v.iter().copied().fold(T::lowest(), |m, v| if v > m { v } else { m })
                } else {
                    sum(v, |v| v) / T::of(n as f64)
                };
            }
        });
        Ok(Tensor::of(&shape, out))
    })
}

pub(crate) fn adaptive(args: &Args, output: [usize; 2]) -> OpResult<Tensor> {
    let t = args.get(0)?;
    let [batch, channels, h, w] = *t.shape() else {
        return Err(format!("an input of shape {:?}; expected [N, C, H, W]", t.shape()).into());
    };
    ensure!(h > 0 && w > 0 && output[0] > 0 && output[1] > 0, "{h} x {w} to {} x {}", output[0], output[1]);
    let shape = [batch, channels, output[0], output[1]];
    let total = elements(&shape)?;
    let part = |i: usize, n: usize, size: usize| (i * size / n, ((i + 1) * size).div_ceil(n));
    float_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); total];
        let one = |i: usize, out: &mut [T]| {
            let source = &values[i * h * w..(i + 1) * h * w];
            for (oy, out) in out.chunks_mut(output[1]).enumerate() {
                let (y0, y1) = part(oy, output[0], h);
                for (ox, out) in out.iter_mut().enumerate() {
                    let (x0, x1) = part(ox, output[1], w);
                    let total: T = (y0..y1).map(|y| sum(&source[y * w + x0..y * w + x1], |v| v)).sum();
                    *out = total / T::of(((y1 - y0) * (x1 - x0)) as f64);
                }
            }
        };
        let area = output[0] * output[1];
        each_row(&mut out, area, h * w, &one);
        Ok(Tensor::of(&shape, out))
    })
}
