//! Convolutions over any number of axes.

use rayon::prelude::*;

use crate::{
    Args, Float, OpResult, PARALLEL, Padding, Scalar, Tensor, each_row, elements, ensure, float_type, matmul,
    typed,
    window::{self, Axis},
};

/// Batch, channels and the other axes.
pub(crate) fn image(t: &Tensor, i: usize) -> OpResult<(usize, usize, &[usize])> {
    match t.shape() {
        [n, c, rest @ ..] if !rest.is_empty() => Ok((*n, *c, rest)),
        other => Err(format!("operand {i} of shape {other:?}; expected [N, C, ...]").into()),
    }
}

/// Sizes of a convolution.
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) outputs: usize,
    pub(crate) groups: usize,
}

/// Checks the weights' shape `[O, C / groups, kernel...]`.
pub(crate) fn sizes(x: &Tensor, w: &Tensor, groups: usize) -> OpResult<Sizes> {
    let (batch, channels, _) = image(x, 0)?;
    let (outputs, per_group, _) = image(w, 1)?;
    ensure!(groups > 0 && outputs % groups == 0, "{groups} groups of {outputs} output channels");
    ensure!(
        per_group.checked_mul(groups) == Some(channels),
        "weights of {per_group} channels a group and {groups} groups on an input of {channels} channels"
    );
    Ok(Sizes { batch, channels, outputs, groups })
}

/// Multiplications below which a channel's outputs are summed directly.
const DIRECT: usize = 4;
/// Elements of the matrix of patches that is made at once.
const PATCHES: usize = 1 << 17;

pub(crate) fn convolve<T: Scalar>(
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    s: &Sizes,
    axes: &[Axis],
) -> OpResult<Vec<T>> {
    let taps: usize = axes.iter().map(|a| a.kernel).product();
    let area: usize = axes.iter().map(|a| a.output).product();
    let input: usize = axes.iter().map(|a| a.input).product();
    let (per_group, out_group) = (s.channels / s.groups, s.outputs / s.groups);
    let total = elements(&[s.batch, s.outputs, area])?;
    let mut out = vec![T::default(); total];
    if total == 0 {
        return Ok(out);
    }
    let stride = axes.last().map_or(1, |a| a.stride);
    if per_group * out_group <= DIRECT {
        each_row(&mut out, area, PARALLEL, &|i, out| {
            let (n, o) = (i / s.outputs, i % s.outputs);
            out.fill(bias.map_or(T::default(), |b| b[o]));
            for c in 0..per_group {
                let from = (n * s.channels + o / out_group * per_group + c) * input;
                let plane = &x[from..from + input];
                for tap in 0..taps {
                    let weight = w[(o * per_group + c) * taps + tap];
                    window::rows(axes, tap, |to, from, range, first| {
                        let out = &mut out[to + range.start..to + range.end];
                        let source = &plane[from + first..];
                        if stride == 1 {
                            out.iter_mut().zip(source).for_each(|(o, v)| *o = o.plus_product(weight, *v));
                        } else {
                            out.iter_mut()
                                .zip(source.iter().step_by(stride))
                                .for_each(|(o, v)| *o = o.plus_product(weight, *v));
                        }
                    });
                }
            }
        });
        return Ok(out);
    }
    // The outer axis is cut into bands, of which each is a product of weights and patches.
    let depth = per_group * taps;
    let inner: usize = axes[1..].iter().map(|a| a.output).product();
    let band = (PATCHES / depth.max(1) / inner.max(1)).clamp(1, axes[0].output);
    let bands = axes[0].output.div_ceil(band);
    let pointwise = taps == 1 && axes.iter().all(|a| a.stride == 1 && a.before == 0 && a.after == 0);
    let jobs: Vec<(usize, usize, usize)> = (0..s.batch)
        .flat_map(|n| (0..s.groups).flat_map(move |g| (0..bands).map(move |b| (n, g, b))))
        .collect();
    let width = rayon::current_num_threads() * 4;
    for jobs in jobs.chunks(width) {
        let done: Vec<Vec<T>> = jobs
            .par_iter()
            .map(|&(n, g, b)| {
                let rows = (axes[0].output - b * band).min(band);
                let columns = rows * inner;
                let mut patches = vec![T::default(); depth * columns];
                for c in 0..per_group {
                    let from = (n * s.channels + g * per_group + c) * input;
                    let plane = &x[from..from + input];
                    if pointwise {
                        let from = b * band * inner;
                        patches[c * columns..(c + 1) * columns].copy_from_slice(&plane[from..from + columns]);
                        continue;
                    }
                    for tap in 0..taps {
                        let patch = &mut patches[(c * taps + tap) * columns..(c * taps + tap + 1) * columns];
                        unfold(plane, axes, tap, b * band, rows, patch);
                    }
                }
                let weights = &w[g * out_group * depth..(g + 1) * out_group * depth];
                let mut result = vec![T::default(); out_group * columns];
                if let Some(bias) = bias {
                    let bias = &bias[g * out_group..(g + 1) * out_group];
                    result.chunks_mut(columns).zip(bias).for_each(|(r, b)| r.fill(*b));
                }
                matmul::product(weights, &patches, &mut result, depth, columns);
                result
            })
            .collect();
        for (&(n, g, b), result) in jobs.iter().zip(done) {
            let columns = result.len() / out_group;
            for (o, values) in result.chunks(columns).enumerate() {
                let at = (n * s.outputs + g * out_group + o) * area + b * band * inner;
                out[at..at + columns].copy_from_slice(values);
            }
        }
    }
    Ok(out)
}

/// One tap's row of the matrix of patches, for some rows of the outer axis of the output.
fn unfold<T: Scalar>(plane: &[T], axes: &[Axis], tap: usize, first_row: usize, rows: usize, patch: &mut [T]) {
    // The band is a window of its own that starts further down.
    let mut band = axes.to_vec();
    let shift = first_row * axes[0].stride;
    let skipped = shift.saturating_sub(axes[0].before).min(axes[0].input);
    let step: usize = axes[1..].iter().map(|a| a.input).product();
    band[0].output = rows;
    band[0].input = axes[0].input - skipped;
    band[0].before = (axes[0].before + skipped).saturating_sub(shift);
    // Rows that begin beyond the input are all padding.
    if axes[0].before + skipped < shift {
        return;
    }
    let plane = &plane[skipped * step..];
    let stride = axes[axes.len() - 1].stride;
    window::rows(&band, tap, |to, from, range, first| {
        let out = &mut patch[to + range.start..to + range.end];
        let source = &plane[from + first..];
        if stride == 1 {
            let n = out.len();
            out.copy_from_slice(&source[..n]);
        } else {
            out.iter_mut().zip(source.iter().step_by(stride)).for_each(|(o, v)| *o = *v);
        }
    });
}

pub(crate) fn conv(
    args: &Args,
    strides: &[usize],
    dilations: &[usize],
    padding: &Padding,
    groups: usize,
) -> OpResult<Tensor> {
    let (x, w) = (args.get(0)?, args.get(1)?);
    let s = sizes(x, w, groups)?;
    let (_, _, input) = image(x, 0)?;
    let (_, _, kernel) = image(w, 1)?;
    let axes = window::window(input, kernel, strides, dilations, padding, false)?;
    let shape = [&[s.batch, s.outputs][..], &window::outputs(&axes)].concat();
    float_type!(x.dtype(), T => {
        let bias = bias::<T>(args, 2, s.outputs)?;
        let out = convolve::<T>(typed(x, 0)?, typed(w, 1)?, bias, &s, &axes)?;
        Ok(Tensor::of(&shape, out))
    })
}

/// A bias of one value a channel.
fn bias<T: Scalar>(args: &Args, i: usize, channels: usize) -> OpResult<Option<&[T]>> {
    let Some(bias) = args.opt(i) else { return Ok(None) };
    ensure!(bias.len() == channels, "a bias of {} values for {channels} channels", bias.len());
    Ok(Some(typed(bias, i)?))
}

/// Attributes of a transposed convolution.
#[derive(Debug)]
pub struct Transposed<'a> {
    /// Pixels of the output a pixel of the input, an axis.
    pub strides: &'a [usize],
    /// Pixels between taps.
    pub dilations: &'a [usize],
    /// What the output is cut by.
    pub padding: &'a Padding,
    /// What the output is longer by.
    pub output_padding: &'a [usize],
    /// The output's size, which decides the padding.
    pub output_shape: Option<&'a [usize]>,
}

/// The geometry of a transposed convolution, as of the convolution whose gradient it is: `input` and `output` of each axis
/// are its output and input.
pub fn transposed_window(input: &[usize], kernel: &[usize], t: &Transposed<'_>) -> OpResult<Vec<Axis>> {
    let rank = input.len();
    let each = |v: &[usize], default: usize, what: &str| -> OpResult<Vec<usize>> {
        ensure!(v.is_empty() || v.len() == rank, "{} {what} for {rank} axes", v.len());
        ensure!(v.iter().all(|v| *v < 1 << 20), "{what} {v:?}");
        Ok(if v.is_empty() { vec![default; rank] } else { v.to_vec() })
    };
    let strides = each(t.strides, 1, "strides")?;
    let dilations = each(t.dilations, 1, "dilations")?;
    let extra = each(t.output_padding, 0, "output padding")?;
    ensure!(strides.iter().chain(&dilations).all(|v| *v > 0), "strides and dilations are 1 or more");
    ensure!(
        kernel.len() == rank && kernel.iter().all(|k| *k > 0),
        "a kernel of shape {kernel:?} on {rank} axes"
    );
    ensure!(kernel.iter().all(|k| *k < 1 << 20), "a kernel of shape {kernel:?}");
    elements(input)?;
    let named = t.output_shape.map(|s| s.get(s.len().saturating_sub(rank)..).unwrap_or(s));
    if let Some(s) = named {
        ensure!(s.len() == rank, "an output shape of {} axes; expected {rank}", s.len());
    }
    let mut axes = Vec::with_capacity(rank);
    for a in 0..rank {
        let extent = (kernel[a] - 1) * dilations[a] + 1;
        let whole = input[a].saturating_sub(1) * strides[a] + extra[a] + extent;
        let size = match (named, t.padding) {
            (Some(s), _) => Some(s[a]),
            (None, Padding::Explicit(_)) => None,
            _ => Some(input[a] * strides[a]),
        };
        let (before, output) = match (size, t.padding) {
            (None, Padding::Explicit(p)) => {
                ensure!(p.is_empty() || p.len() == 2 * rank, "{} pads; expected {}", p.len(), 2 * rank);
                let (before, after) = if p.is_empty() { (0, 0) } else { (p[a], p[rank + a]) };
                let cut = before.checked_add(after).and_then(|cut| whole.checked_sub(cut));
                (
                    before,
                    cut.ok_or_else(|| {
                        super::Reason(format!("padding {before} + {after} of an output of {whole}"))
                    })?,
                )
            }
            (size, padding) => {
                let size = size.unwrap_or(whole);
                let total = whole.saturating_sub(size);
                let before = if *padding == Padding::SameUpper { total / 2 } else { total - total / 2 };
                (before, size)
            }
        };
        axes.push(Axis {
            input: output,
            output: input[a],
            kernel: kernel[a],
            stride: strides[a],
            dilation: dilations[a],
            before,
            after: 0,
        });
    }
    Ok(axes)
}

pub(crate) fn transposed(args: &Args, t: &Transposed<'_>, groups: usize) -> OpResult<Tensor> {
    let (x, w) = (args.get(0)?, args.get(1)?);
    let (batch, channels, input) = image(x, 0)?;
    let (in_channels, out_group, kernel) = image(w, 1)?;
    ensure!(in_channels == channels, "weights for {in_channels} channels on an input of {channels}");
    ensure!(groups > 0 && channels % groups == 0, "{groups} groups of {channels} channels");
    let axes = transposed_window(input, kernel, t)?;
    let outputs = out_group.checked_mul(groups).ok_or("too many channels")?;
    let spatial: Vec<usize> = axes.iter().map(|a| a.input).collect();
    let shape = [&[batch, outputs][..], &spatial].concat();
    let total = elements(&shape)?;
    let area: usize = spatial.iter().product();
    let inputs: usize = input.iter().product();
    let taps: usize = kernel.iter().product();
    let per_group = channels / groups;
    let stride = axes.last().map_or(1, |a| a.stride);
    float_type!(x.dtype(), T => {
        let (values, weights) = (typed::<T>(x, 0)?, typed::<T>(w, 1)?);
        let bias = bias::<T>(args, 2, outputs)?;
        let mut out = vec![T::default(); total];
        if total == 0 {
            return Ok(Tensor::of(&shape, out));
        }
        each_row(&mut out, area, PARALLEL, &|i, out| {
            let (n, o) = (i / outputs, i % outputs);
            out.fill(bias.map_or(T::default(), |b| b[o]));
            if inputs == 0 {
                return;
            }
            let first = n * channels + o / out_group * per_group;
            let plane = &values[first * inputs..(first + per_group) * inputs];
            // The channel's taps of each input channel, then each tap's contribution to every place.
            let mut kernel = vec![T::default(); taps * per_group];
            for c in 0..per_group {
                for tap in 0..taps {
                    kernel[tap * per_group + c] =
                        weights[((o / out_group * per_group + c) * out_group + o % out_group) * taps + tap];
                }
            }
            let mut parts = vec![T::default(); taps * inputs];
            matmul::product(&kernel, plane, &mut parts, per_group, inputs);
            for tap in 0..taps {
                let part = &parts[tap * inputs..(tap + 1) * inputs];
                window::rows(&axes, tap, |to, from, range, first| {
                    let part = &part[to + range.start..to + range.end];
                    let out = &mut out[from + first..];
                    out.iter_mut().step_by(stride).zip(part).for_each(|(o, v)| *o = o.plus(*v));
                });
            }
        });
        Ok(Tensor::of(&shape, out))
    })
}

pub(crate) fn deformable(
    args: &Args,
    strides: &[usize],
    dilations: &[usize],
    padding: &Padding,
    groups: usize,
    offset_groups: usize,
) -> OpResult<Tensor> {
    let (x, w, offsets) = (args.get(0)?, args.get(1)?, args.get(2)?);
    let s = sizes(x, w, groups)?;
    let (_, _, input) = image(x, 0)?;
    let (_, _, kernel) = image(w, 1)?;
    let axes = window::window(input, kernel, strides, dilations, padding, false)?;
    let [ya, xa] = axes[..] else {
        return Err(format!("an input of {} axes; expected [N, C, H, W]", input.len() + 2).into());
    };
    let (area, taps) = (ya.output * xa.output, ya.kernel * xa.kernel);
    let plane = ya.input * xa.input;
    ensure!(
        offset_groups > 0 && s.channels % offset_groups == 0,
        "{offset_groups} groups of offsets of {} channels",
        s.channels
    );
    let expected = [s.batch, offset_groups * taps * 2, ya.output, xa.output];
    ensure!(offsets.shape() == expected, "offsets of shape {:?}; expected {expected:?}", offsets.shape());
    if let Some(mask) = args.opt(4) {
        let expected = [s.batch, offset_groups * taps, ya.output, xa.output];
        ensure!(mask.shape() == expected, "a mask of shape {:?}; expected {expected:?}", mask.shape());
    }
    let (per_group, out_group) = (s.channels / groups, s.outputs / groups);
    let shape = [s.batch, s.outputs, ya.output, xa.output];
    let total = elements(&shape)?;
    elements(&[s.batch, groups, per_group * taps, area])?;
    float_type!(x.dtype(), T => {
        let (values, weights, offsets) = (typed::<T>(x, 0)?, typed::<T>(w, 1)?, typed::<T>(offsets, 2)?);
        let bias = bias::<T>(args, 3, s.outputs)?;
        let mask = args.opt(4).map(|m| typed::<T>(m, 4)).transpose()?;
        let mut out = vec![T::default(); total];
        if total == 0 {
            return Ok(Tensor::of(&shape, out));
        }
        let depth = per_group * taps;
        each_row(&mut out, out_group * area, PARALLEL, &|i, out| {
            let (n, g) = (i / groups, i % groups);
            let mut patches = vec![T::default(); depth * area];
            for (row, patch) in patches.chunks_mut(area).enumerate() {
                let (c, tap) = (g * per_group + row / taps, row % taps);
                let og = c / (s.channels / offset_groups);
                let channel = &values[(n * s.channels + c) * plane..][..plane];
                let dy = &offsets[((n * offset_groups + og) * taps + tap) * 2 * area..][..area];
                let dx = &offsets[(((n * offset_groups + og) * taps + tap) * 2 + 1) * area..][..area];
                let weight = mask.map(|m| &m[((n * offset_groups + og) * taps + tap) * area..][..area]);
                let (ky, kx) = (tap / xa.kernel, tap % xa.kernel);
                for (at, value) in patch.iter_mut().enumerate() {
                    let (oy, ox) = (at / xa.output, at % xa.output);
                    let base = |o: usize, k: usize, a: &Axis| (o * a.stride + k * a.dilation) as f64 - a.before as f64;
                    let y = <T as Float>::of(base(oy, ky, &ya)) + dy[at];
                    let x = <T as Float>::of(base(ox, kx, &xa)) + dx[at];
                    let v = super::sample::bilinear_or_zero(channel, ya.input, xa.input, y, x);
                    *value = weight.map_or(v, |w| w[at] * v);
                }
            }
            if let Some(bias) = bias {
                out.chunks_mut(area).zip(&bias[g * out_group..]).for_each(|(o, b)| o.fill(*b));
            }
            let weights = &weights[g * out_group * depth..(g + 1) * out_group * depth];
            matmul::product(weights, &patches, out, depth, area);
        });
        Ok(Tensor::of(&shape, out))
    })
}
