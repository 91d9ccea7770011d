//! Convolution and its gradients on plain numbers, `[N, C, H, W]`. The result is the same to the last bit with any
//! number of threads: blocks and the order of their sums depend on the shape only.

use std::ops::Range;

use rayon::prelude::*;

use super::norm;
use super::planes::{SLACK, Scratch, View, fill, spread, take};
use super::product::{Correlation, OVERRUN, Packed, Product};
use super::shape::ConvShape;

/// Numbers of a block's copies: they should stay in a core's second-level cache.
const BLOCK: usize = 160 * 1024;

/// Rows a block, for so many numbers a row and the height in all: blocks are even, and no smaller than one row.
fn block_rows(row: usize, height: usize) -> usize {
    let blocks = (height * row).div_ceil(BLOCK).min(height);
    height.div_ceil(blocks)
}

/// Where each tap `[inputs, kernel height, kernel width]` reads, from planes `[inputs, phases, plane]`.
fn tap_offsets(shape: &ConvShape, plane: usize, width: usize) -> Vec<usize> {
    let [sy, sx] = shape.stride;
    let [py, px] = shape.phases();
    let mut offsets = Vec::with_capacity(shape.depth());
    for i in 0..shape.inputs {
        for ky in 0..shape.kernel[0] {
            for kx in 0..shape.kernel[1] {
                let phase = (i * py + ky % sy) * px + kx % sx;
                offsets.push(phase * plane + ky / sy * width + kx / sx);
            }
        }
    }
    offsets
}

/// Copies the input's rows that outputs `row..` need to `part` of planes `[inputs, phases, plane]`, and zeros behind.
fn fill_input(
    to: &mut [f32],
    plane: usize,
    part: Range<usize>,
    width: usize,
    x: &[f32],
    row: usize,
    shape: &ConvShape,
) {
    let [phases_y, phases_x] = shape.phases();
    let [height, x_width] = shape.size;
    for (x, to) in x.chunks_exact(height * x_width).zip(to.chunks_exact_mut(plane * phases_y * phases_x)) {
        for (phase, to) in to.chunks_exact_mut(plane).enumerate() {
            let view = View {
                row: (row * shape.stride[0] + phase / phases_x) as isize - shape.padding[0] as isize,
                row_step: shape.stride[0],
                column: (phase % phases_x) as isize - shape.padding[1] as isize,
                column_step: shape.stride[1],
            };
            fill(&mut to[part.clone()], width, x, x_width, view);
            to[part.end..].iter_mut().take(OVERRUN + shape.kernel[1]).for_each(|v| *v = 0.0);
        }
    }
}

/// `[N, I, H, W]` with weights `[O, I, kh, kw]` -> `[N, O, H', W']`.
pub(crate) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, shape: &ConvShape) -> Vec<f32> {
    let [out_height, out_width] = shape.out;
    let [phases_y, phases_x] = shape.phases();
    let [reach_y, reach_x] = shape.reach();
    let width = out_width + reach_x;
    let rows = block_rows(width * (shape.inputs * phases_y * phases_x + shape.outputs), out_height);
    let plane = (rows + reach_y) * width;
    let offsets = tap_offsets(shape, plane, width);
    let depth = shape.depth();
    let rows_of_weight: Vec<usize> = (0..shape.outputs).map(|o| o * depth).collect();
    let left = Packed::new(weight, &rows_of_weight, &(0..depth).collect::<Vec<usize>>());

    let mut y = vec![0.0; shape.output_dims().iter().product()];
    let blocks = out_height.div_ceil(rows);
    let mut work: Vec<Vec<&mut [f32]>> =
        (0..shape.batch * blocks).map(|_| Vec::with_capacity(shape.outputs)).collect();
    for (i, plane) in y.chunks_exact_mut(out_height * out_width).enumerate() {
        for (b, part) in plane.chunks_mut(rows * out_width).enumerate() {
            work[i / shape.outputs * blocks + b].push(part);
        }
    }
    let sample = shape.inputs * shape.size[0] * shape.size[1];
    work.into_par_iter().enumerate().for_each(|(i, outputs)| {
        Scratch::with(|scratch| {
            let (n, row) = (i / blocks, i % blocks * rows);
            let planes = take(&mut scratch.a, shape.inputs * phases_y * phases_x * plane + SLACK + reach_x);
            fill_input(planes, plane, 0..plane, width, &x[n * sample..][..sample], row, shape);
            let range = 0..(out_height - row).min(rows) * width;
            let to_stride = range.len() + OVERRUN;
            let to = take(&mut scratch.b, shape.outputs * to_stride);
            Product { left: &left, offsets: &offsets, right: planes, range, bias, to, to_stride }.run();
            for (from, output) in to.chunks_exact(to_stride).zip(outputs) {
                for (from, output) in from.chunks(width).zip(output.chunks_exact_mut(out_width)) {
                    output.copy_from_slice(&from[..out_width]);
                }
            }
        });
    });
    y
}

/// Phases of the input that read the output at the same places, and what they multiply it with.
struct PhaseGroup {
    /// Row and column remainders; with the inputs, the rows of `left`.
    phases: Vec<[usize; 2]>,
    left: Packed,
    offsets: Vec<usize>,
}

/// The gradient of the input: `[N, O, H', W']` with weights `[O, I, kh, kw]` -> `[N, I, H, W]`. It is the transposed
/// convolution too, and that may have a bias, `[I]` (only where no stride is larger than the kernel).
pub(crate) fn backward_input(y: &[f32], weight: &[f32], bias: Option<&[f32]>, shape: &ConvShape) -> Vec<f32> {
    // Position Y = y + padding of the input is row t of phase r, Y = stride * t + r; it met output row t - d with
    // kernel row stride * d + r.
    let [sy, sx] = shape.stride.map(|s| s as isize);
    let [pad_y, pad_x] = shape.padding.map(|p| p as isize);
    let [height, x_width] = shape.size;
    let [reach_y, reach_x] = shape.reach();
    let first =
        |padding: isize, stride: isize, phase: isize| (padding - phase + stride - 1).div_euclid(stride);
    let end = |size: usize, padding: isize, stride: isize, phase: isize| {
        (size as isize - 1 + padding - phase).div_euclid(stride) + 1
    };
    let (top, bottom) = (first(pad_y, sy, sy - 1), end(height, pad_y, sy, 0));
    let (left, right) = (first(pad_x, sx, sx - 1), end(x_width, pad_x, sx, 0));
    let (steps, width) = ((bottom - top) as usize, (right - left) as usize + reach_x);

    let phases = shape.stride[0] * shape.stride[1];
    let rows = block_rows(width * (shape.outputs + shape.inputs * phases), steps);
    let plane = (rows + reach_y) * width;
    let groups = phase_groups(weight, shape, plane, width);

    let mut x = vec![0.0; shape.input_dims().iter().product()];
    let blocks = steps.div_ceil(rows);
    let boundary = |b: usize| (sy * (top + (b * rows) as isize) - pad_y).clamp(0, height as isize) as usize;
    let mut work: Vec<Vec<&mut [f32]>> =
        (0..shape.batch * blocks).map(|_| Vec::with_capacity(shape.inputs)).collect();
    for (i, mut rest) in x.chunks_exact_mut(height * x_width).enumerate() {
        for b in 0..blocks {
            let until = if b + 1 == blocks { height } else { boundary(b + 1) };
            let (part, after) = rest.split_at_mut((until - boundary(b)) * x_width);
            work[i / shape.inputs * blocks + b].push(part);
            rest = after;
        }
    }
    let sample = shape.outputs * shape.out[0] * shape.out[1];
    work.into_par_iter().enumerate().for_each(|(i, mut inputs)| {
        Scratch::with(|scratch| {
            let (n, b) = (i / blocks, i % blocks);
            let row = top + (b * rows) as isize;
            let last = (row + rows as isize).min(bottom);
            let planes = take(&mut scratch.a, shape.outputs * plane + SLACK + reach_x);
            let source = y[n * sample..][..sample].chunks_exact(shape.out[0] * shape.out[1]);
            for (y, to) in source.zip(planes.chunks_exact_mut(plane)) {
                let view = View {
                    row: row - reach_y as isize,
                    row_step: 1,
                    column: left - reach_x as isize,
                    column_step: 1,
                };
                fill(to, width, y, shape.out[1], view);
            }
            for group in &groups {
                let clip = |r: usize| {
                    (first(pad_y, sy, r as isize).max(row), end(height, pad_y, sy, r as isize).min(last))
                };
                let from = group.phases.iter().map(|p| clip(p[0]).0).min().unwrap_or(row);
                let to = group.phases.iter().map(|p| clip(p[0]).1).max().unwrap_or(row);
                if from >= to {
                    continue;
                }
                let range = (from - row) as usize * width..(to - row) as usize * width;
                let to_stride = range.len() + OVERRUN;
                let sums = take(&mut scratch.b, shape.inputs * group.phases.len() * to_stride);
                let bias = bias.map(|bias| bias.repeat(group.phases.len()));
                Product {
                    left: &group.left,
                    offsets: &group.offsets,
                    right: planes,
                    range,
                    bias: bias.as_deref(),
                    to: sums,
                    to_stride,
                }
                .run();
                for (phase, sums) in group.phases.iter().zip(sums.chunks_exact(shape.inputs * to_stride)) {
                    let (phase_from, phase_to) = clip(phase[0]);
                    let u0 = first(pad_x, sx, phase[1] as isize);
                    let u1 = end(x_width, pad_x, sx, phase[1] as isize);
                    let column = (sx * u0 + phase[1] as isize - pad_x) as usize;
                    for (sums, input) in sums.chunks_exact(to_stride).zip(&mut inputs) {
                        for t in phase_from..phase_to {
                            let y = (sy * t + phase[0] as isize - pad_y) as usize - boundary(b);
                            let sums = &sums[(t - from) as usize * width..];
                            let sums = &sums[(u0 - left) as usize..(u1 - left) as usize];
                            spread(&mut input[y * x_width..][column..x_width], sums, shape.stride[1]);
                        }
                    }
                }
            }
        });
    });
    x
}

fn phase_groups(weight: &[f32], shape: &ConvShape, plane: usize, width: usize) -> Vec<PhaseGroup> {
    let [phases_y, phases_x] = shape.phases();
    let [kernel_y, kernel_x] = shape.kernel;
    let [sy, sx] = shape.stride;
    let [reach_y, reach_x] = shape.reach();
    let taps = |phase: [usize; 2]| [(kernel_y - phase[0]).div_ceil(sy), (kernel_x - phase[1]).div_ceil(sx)];
    let mut alike: Vec<([usize; 2], Vec<[usize; 2]>)> = Vec::new();
    for phase in (0..phases_y).flat_map(|y| (0..phases_x).map(move |x| [y, x])) {
        match alike.iter_mut().find(|(t, _)| *t == taps(phase)) {
            Some((_, phases)) => phases.push(phase),
            None => alike.push((taps(phase), vec![phase])),
        }
    }
    let group = |(taps, phases): ([usize; 2], Vec<[usize; 2]>)| {
        let tap = |k: usize| [k / taps[1] % taps[0], k % taps[1]];
        let depth = shape.outputs * taps[0] * taps[1];
        let offset = |k: usize| {
            let [y, x] = tap(k);
            k / (taps[0] * taps[1]) * plane + (reach_y - y) * width + reach_x - x
        };
        // Weight [o, i, y * sy + ry, x * sx + rx].
        let row = |row: usize| {
            let ([ry, rx], i) = (phases[row / shape.inputs], row % shape.inputs);
            (i * kernel_y + ry) * kernel_x + rx
        };
        let column = |k: usize| {
            let ([y, x], o) = (tap(k), k / (taps[0] * taps[1]));
            (o * shape.inputs * kernel_y + y * sy) * kernel_x + x * sx
        };
        let rows: Vec<usize> = (0..phases.len() * shape.inputs).map(row).collect();
        let columns: Vec<usize> = (0..depth).map(column).collect();
        let left = Packed::new(weight, &rows, &columns);
        PhaseGroup { offsets: (0..depth).map(offset).collect(), left, phases }
    };
    alike.into_iter().map(group).collect()
}

/// Positions of a block that sums over positions run over.
const POSITIONS: usize = 1536;

/// Numbers of partial sums of weights that are kept apart.
const PARTIAL: usize = 4 << 20;

/// The gradient of the weights: input `[N, I, H, W]` and the gradient of the output, `[N, O, H', W']` ->
/// `[O, I, kh, kw]`.
pub(crate) fn backward_weight(x: &[f32], y: &[f32], shape: &ConvShape) -> Vec<f32> {
    let [out_height, out_width] = shape.out;
    let [phases_y, phases_x] = shape.phases();
    let [reach_y, reach_x] = shape.reach();
    let width = out_width + reach_x;
    let most = POSITIONS.max(width);
    // Parts of one sample, or several samples.
    let parts = (out_height * width).div_ceil(most).min(out_height);
    let rows = out_height.div_ceil(parts);
    let parts = out_height.div_ceil(rows);
    let samples = if parts == 1 { (most / (out_height * width)).clamp(1, shape.batch) } else { 1 };
    // Without rows between them, samples lie end to end and are one range; else a gap keeps the steps of one range
    // out of the next.
    let filled = (rows + reach_y) * width;
    let sample_plane = if reach_y == 0 { filled } else { filled.max(rows * width + OVERRUN) };
    let plane = samples * sample_plane + OVERRUN + reach_x;
    let offsets = tap_offsets(shape, plane, width);
    let depth = shape.depth();
    // Inputs whose copies are made together.
    let channels = (BLOCK / 2 / (phases_y * phases_x * plane)).clamp(1, shape.inputs);

    let blocks = shape.batch.div_ceil(samples) * parts;
    let numbers = shape.outputs * depth;
    let sums = (PARTIAL / numbers).clamp(1, 16).min(blocks);
    let mut partial = vec![0.0; sums * numbers];
    let (x_sample, y_sample) =
        (shape.inputs * shape.size[0] * shape.size[1], shape.outputs * out_height * out_width);
    partial.par_chunks_exact_mut(numbers).enumerate().for_each(|(s, to)| {
        Scratch::with(|scratch| {
            let inputs = take(&mut scratch.a, channels * phases_y * phases_x * plane + SLACK + reach_x);
            let outputs = take(&mut scratch.b, shape.outputs * plane + SLACK + reach_x);
            for block in s * blocks / sums..(s + 1) * blocks / sums {
                let first = block / parts * samples;
                let row = block % parts * rows;
                let count = samples.min(shape.batch - first);
                let present = (out_height - row).min(rows);
                let mut ranges: Vec<Range<usize>> = Vec::with_capacity(count);
                for n in 0..count {
                    let y = &y[(first + n) * y_sample..][..y_sample];
                    let view = View { row: row as isize, row_step: 1, column: 0, column_step: 1 };
                    let range = n * sample_plane..n * sample_plane + present * width;
                    for (y, to) in y.chunks_exact(out_height * out_width).zip(outputs.chunks_exact_mut(plane))
                    {
                        fill(&mut to[range.clone()], width, y, out_width, view);
                        to[range.end..][..OVERRUN].fill(0.0);
                    }
                    match ranges.last_mut() {
                        Some(last) if last.end == range.start => last.end = range.end,
                        _ => ranges.push(range),
                    }
                }
                for channel in (0..shape.inputs).step_by(channels) {
                    let channels = channels.min(shape.inputs - channel);
                    for n in 0..count {
                        let x_plane = shape.size[0] * shape.size[1];
                        let x = &x[(first + n) * x_sample + channel * x_plane..][..channels * x_plane];
                        let part = n * sample_plane..n * sample_plane + filled;
                        fill_input(inputs, plane, part, width, x, row, shape);
                    }
                    let taps = shape.kernel[0] * shape.kernel[1];
                    Correlation {
                        left: outputs,
                        left_stride: plane,
                        rows: shape.outputs,
                        right: inputs,
                        offsets: &offsets[..channels * taps],
                        ranges: &ranges,
                        to: &mut to[channel * taps..],
                        to_stride: depth,
                    }
                    .run();
                }
            }
        });
    });
    let (total, others) = partial.split_at_mut(numbers);
    for other in others.chunks_exact(numbers) {
        total.iter_mut().zip(other).for_each(|(t, o)| *t += o);
    }
    partial.truncate(numbers);
    partial
}

/// The gradient of the bias: `[N, C, H, W] -> [C]`.
pub(crate) fn sum_of_channels(y: &[f32], channels: usize, plane: usize) -> Vec<f32> {
    let sums: Vec<f32> = y.par_chunks_exact(plane).map(norm::sum).collect();
    let mut total = vec![0.0; channels];
    for sums in sums.chunks_exact(channels) {
        total.iter_mut().zip(sums).for_each(|(t, s)| *t += s);
    }
    total
}
