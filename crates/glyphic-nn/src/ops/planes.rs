//! Padded copies of parts of feature maps: in them, every tap of a kernel reads at a constant distance from its
//! output, so that a convolution is a matrix product whose rows are shifted views of one buffer.

use std::cell::RefCell;

/// Room behind the last plane: a step of the kernels reads so far beyond it.
pub(crate) const SLACK: usize = 256;

/// The rows and columns of a plane that are copied. Row `r` of the copy is row `row + r * row_step`, and alike for
/// columns; what lies outside of the plane is 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) row: isize,
    pub(crate) row_step: usize,
    pub(crate) column: isize,
    pub(crate) column_step: usize,
}

/// Copies a view of `plane`, whose rows are `width` long, to `to`, whose rows are `to_width` long.
pub(crate) fn fill(to: &mut [f32], to_width: usize, plane: &[f32], width: usize, view: View) {
    let height = (plane.len() / width) as isize;
    let step = view.column_step;
    // Columns of the copy that lie inside of the plane.
    let first = (-view.column).max(0) as usize;
    let first = first.div_ceil(step).min(to_width);
    let inside = (width as isize - view.column).max(0) as usize;
    let end = inside.div_ceil(step).clamp(first, to_width);
    let from = (view.column + (first * step) as isize) as usize;
    for (r, to) in to.chunks_exact_mut(to_width).enumerate() {
        let y = view.row + (r * view.row_step) as isize;
        if y < 0 || y >= height || first == end {
            to.fill(0.0);
            continue;
        }
        let row = &plane[y as usize * width..][from..width];
        to[..first].fill(0.0);
        to[end..].fill(0.0);
        let to = &mut to[first..end];
        match step {
            1 => to.copy_from_slice(&row[..to.len()]),
            2 => {
                // Pairs are what compilers turn into vectors.
                let (pairs, last) = row.as_chunks::<2>();
                for (to, pair) in to.iter_mut().zip(pairs) {
                    *to = pair[0];
                }
                if to.len() > pairs.len() {
                    to[pairs.len()] = last[0];
                }
            }
            _ => to.iter_mut().zip(row.iter().step_by(step)).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Writes `from` to every `step`-th number of `to`.
pub(crate) fn spread(to: &mut [f32], from: &[f32], step: usize) {
    if step == 1 {
        to[..from.len()].copy_from_slice(from);
    } else {
        to.iter_mut().step_by(step).zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// Numbers that a thread writes before it reads them, kept from call to call: fresh memory costs more than the copy.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
}

impl Scratch {
    /// Runs with this thread's scratch. Must not nest, nor hand work to other threads inside.
    pub(crate) fn with<R>(run: impl FnOnce(&mut Self) -> R) -> R {
        thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
        SCRATCH.with(|scratch| run(&mut scratch.borrow_mut()))
    }
}

/// The first `n` numbers, whatever they hold.
pub(crate) fn take(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}
