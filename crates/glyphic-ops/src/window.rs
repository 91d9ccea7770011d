//! Windows that slide over an input: convolution and pooling share their geometry.

use crate::{OpResult, Padding, Reason, elements, ensure};

/// A window along one axis.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// Length of the input.
    pub input: usize,
    /// Length of the output.
    pub output: usize,
    /// Taps.
    pub kernel: usize,
    /// Elements of the input an output.
    pub stride: usize,
    /// Elements between taps.
    pub dilation: usize,
    /// Padding before the input.
    pub before: usize,
    /// Padding behind the input.
    pub after: usize,
}

impl Axis {
    /// The input element under a tap of an output.
    pub(crate) fn at(&self, output: usize, tap: usize) -> Option<usize> {
        (output * self.stride + tap * self.dilation).checked_sub(self.before).filter(|i| *i < self.input)
    }

    /// The outputs whose tap lies inside the input.
    pub(crate) fn inside(&self, tap: usize) -> std::ops::Range<usize> {
        let shift = tap * self.dilation;
        let first = self.before.saturating_sub(shift).div_ceil(self.stride);
        let past = (self.input + self.before).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        first.min(past)..past
    }
}

/// A limit for kernels, strides and padding, so that no product of them overflows.
const LIMIT: usize = 1 << 20;

/// Values an axis each, where none given means ones.
fn each(values: &[usize], rank: usize, what: &str) -> OpResult<Vec<usize>> {
    let values = if values.is_empty() { vec![1; rank] } else { values.to_vec() };
    ensure!(values.len() == rank, "{} {what} for {rank} axes", values.len());
    ensure!(values.iter().all(|v| (1..LIMIT).contains(v)), "{what} {values:?}; expected 1 to {LIMIT}");
    Ok(values)
}

/// The geometry of a window over the axes of `input` (without batch and channels). `ceil` keeps a last, partial window.
pub fn window(
    input: &[usize],
    kernel: &[usize],
    strides: &[usize],
    dilations: &[usize],
    padding: &Padding,
    ceil: bool,
) -> OpResult<Vec<Axis>> {
    let rank = input.len();
    ensure!(rank > 0, "no axes to slide over; expected [N, C, ...]");
    ensure!(kernel.len() == rank, "a kernel of {} axes on an input of {rank}", kernel.len());
    let kernel = each(kernel, rank, "kernel sizes")?;
    let strides = each(strides, rank, "strides")?;
    let dilations = each(dilations, rank, "dilations")?;
    elements(input)?;
    let pads = match padding {
        Padding::Explicit(p) if p.is_empty() => Some(vec![0; 2 * rank]),
        Padding::Explicit(p) => {
            ensure!(p.len() == 2 * rank, "{} pads; expected {}", p.len(), 2 * rank);
            ensure!(p.iter().all(|v| *v < LIMIT), "pads {p:?}; expected less than {LIMIT}");
            Some(p.clone())
        }
        _ => None,
    };
    let mut axes = Vec::with_capacity(rank);
    for a in 0..rank {
        let (input, kernel, stride, dilation) = (input[a], kernel[a], strides[a], dilations[a]);
        let extent = (kernel - 1) * dilation + 1;
        let (before, after, output) = match &pads {
            Some(p) => {
                let (before, after) = (p[a], p[rank + a]);
                let room = (input + before + after).checked_sub(extent).ok_or_else(|| {
                    Reason(format!("a window of {extent} does not fit axis {a} of {input} with padding {before} + {after}"))
                })?;
                let mut output = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
                // A window that would begin in the padding behind the input is none.
                if ceil && output > 1 && (output - 1) * stride >= input + before {
                    output -= 1;
                }
                (before, after, output)
            }
            None => {
                let output = input.div_ceil(stride);
                let total = (output.saturating_sub(1) * stride + extent).saturating_sub(input);
                let less = total / 2;
                match padding {
                    Padding::SameLower => (total - less, less, output),
                    _ => (less, total - less, output),
                }
            }
        };
        axes.push(Axis { input, output, kernel, stride, dilation, before, after });
    }
    Ok(axes)
}

/// Sizes of the output.
pub(crate) fn outputs(axes: &[Axis]) -> Vec<usize> {
    axes.iter().map(|a| a.output).collect()
}

/// Calls `row(output offset, input offset, output range, first input)` for each row of the last axis of the outputs whose
/// tap lies inside the input: output `o` of the range reads the input at `input offset + o * stride - shift`.
pub(crate) fn rows(
    axes: &[Axis],
    tap: usize,
    mut row: impl FnMut(usize, usize, std::ops::Range<usize>, usize),
) {
    let Some((last, outer)) = axes.split_last() else { return };
    let mut taps = vec![0; axes.len()];
    let mut rest = tap;
    for (t, a) in taps.iter_mut().zip(axes).rev() {
        *t = rest % a.kernel;
        rest /= a.kernel;
    }
    let shift = taps[outer.len()] * last.dilation;
    let range = last.inside(taps[outer.len()]);
    if range.is_empty() {
        return;
    }
    let first = range.start * last.stride + shift - last.before;
    let count: usize = outer.iter().map(|a| a.output).product();
    'rows: for r in 0..count {
        let (mut rest, mut from, mut step) = (r, 0, last.input);
        for (a, tap) in outer.iter().zip(&taps).rev() {
            let Some(i) = a.at(rest % a.output, *tap) else { continue 'rows };
            rest /= a.output;
            from += i * step;
            step *= a.input;
        }
        row(r * last.output, from, range.clone(), first);
    }
}
