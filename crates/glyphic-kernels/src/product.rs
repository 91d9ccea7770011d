//! Products of rows with packed weights: the inner loop of convolutions, linear layers and recurrences.

use std::cell::RefCell;

use pulp::{Simd, WithSimd};

use crate::map::spread;
use crate::vector::{arch, load_n, store_n};
use crate::{Activation, scratch};

/// The most vectors of outputs in a block: with the rows of a step they fill the registers.
const MAX_VECTORS: usize = 3;

/// Rows of weights that are filled together where they are the columns of the source.
const FILL: usize = 16;

/// Weights `[K, outputs]` in the order in which the kernel reads them, with one bias an output.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    /// For each block `[K, block's outputs]`, the last padded with zeros to whole vectors.
    weights: Vec<f32>,
    /// Where the first block begins: at a cache line.
    start: usize,
    /// Padded like the outputs.
    bias: Vec<f32>,
    blocks: Vec<Block>,
    inner: usize,
    outputs: usize,
}

/// Outputs that the kernel computes together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    vectors: usize,
    offset: usize,
}

/// A matrix `[inner, outputs]` that lies in a slice in some order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    /// Numbers between neighbours along each axis.
    pub(crate) steps: [usize; 2],
}

impl Packed {
    /// Packs `weight(k, output)`.
    pub fn new(
        inner: usize,
        outputs: usize,
        bias: Option<&[f32]>,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let mut packed = Self::default();
        packed.shape(inner, outputs);
        packed.bias[..outputs].copy_from_slice(bias.unwrap_or(&vec![0.0; outputs]));
        for i in 0..packed.blocks.len() {
            let (block, weights, width) = packed.block(i);
            for (k, to) in weights.chunks_exact_mut(width).enumerate() {
                for (to, output) in to.iter_mut().zip(block.first..outputs) {
                    let value = weight(k, output);
                    // Products with numbers this small are many times as slow, and add nothing.
                    *to = if value.abs() < f32::MIN_POSITIVE { 0.0 } else { value };
                }
            }
        }
        packed
    }

    /// Packs a matrix in the place of what was packed, without bias.
    pub(crate) fn fill(&mut self, inner: usize, outputs: usize, from: Matrix<'_>) {
        self.shape(inner, outputs);
        let Matrix { values, steps: [along, across] } = from;
        for i in 0..self.blocks.len() {
            let (block, weights, width) = self.block(i);
            let count = width.min(outputs - block.first);
            if across == 1 {
                for (k, to) in weights.chunks_exact_mut(width).enumerate() {
                    to[..count].copy_from_slice(&values[k * along + block.first..][..count]);
                    to[count..].fill(0.0);
                }
                continue;
            }
            // A few rows at a time, which stay in the nearest cache while each column of the source fills a part of them.
            for (group, rows) in weights.chunks_mut(FILL * width).enumerate() {
                for column in 0..count {
                    let from = &values[group * FILL * along + (block.first + column) * across..];
                    for (k, row) in rows.chunks_exact_mut(width).enumerate() {
                        row[column] = from[k * along];
                    }
                }
                rows.chunks_exact_mut(width).for_each(|row| row[count..].fill(0.0));
            }
        }
    }

    /// Counts what fills the last vector as outputs: they are zeros.
    pub(crate) fn widen(&mut self) {
        self.outputs = self.bias.len();
    }

    /// A block, its weights and how many of them there are in a row.
    fn block(&mut self, i: usize) -> (Block, &mut [f32], usize) {
        let block = self.blocks[i];
        let width = block.vectors * lanes();
        (block, &mut self.weights[self.start + block.offset..][..self.inner * width], width)
    }

    /// Makes room; weights are whatever was there before, or zeros where nothing was.
    fn shape(&mut self, inner: usize, outputs: usize) {
        let lanes = lanes();
        (self.inner, self.outputs) = (inner, outputs);
        let mut vectors = outputs.div_ceil(lanes);
        let len = vectors * lanes * inner + 15;
        if self.weights.len() < len {
            self.weights.resize(len, 0.0);
        }
        self.start = scratch::aligned(&self.weights);
        self.bias.clear();
        self.bias.resize(vectors * lanes, 0.0);
        self.blocks.clear();
        let (mut first, mut offset) = (0, 0);
        while vectors > 0 {
            // Four are two and two: a block of one would reuse each loaded input once only.
            let n = if vectors == 4 { 2 } else { vectors.min(MAX_VECTORS) };
            self.blocks.push(Block { first, vectors: n, offset });
            first += n * lanes;
            offset += n * lanes * inner;
            vectors -= n;
        }
    }

    /// Numbers summed for an output.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Numbers computed from a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Groups of outputs that are computed together.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Outputs rounded up to whole vectors.
    pub(crate) fn padded(&self) -> usize {
        self.bias.len()
    }
}

/// Numbers of a vector on this machine.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch().dispatch(Lanes)
}

/// What is added to each row of outputs.
#[derive(Clone, Copy)]
pub(crate) struct Addend<'a> {
    pub(crate) row: &'a [f32],
    /// Numbers between pixels.
    pub(crate) step: usize,
    /// Outputs that share a pixel.
    pub(crate) scale: usize,
}

/// Outputs of `count` rows of inputs. The row of output `x` is the segments at `x * step + segments[i]`, one behind the other.
pub(crate) struct Rows<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) input: &'a [f32],
    pub(crate) step: usize,
    pub(crate) segments: &'a [usize],
    /// The number of the block of outputs that is computed; all without one.
    pub(crate) only: Option<usize>,
    pub(crate) count: usize,
    pub(crate) addend: Option<Addend<'a>>,
    pub(crate) activation: Activation,
    /// Output `x` begins at `x * to_step`; nothing beyond the outputs is written.
    pub(crate) to: &'a mut [f32],
    pub(crate) to_step: usize,
}

impl Rows<'_> {
    pub(crate) fn run(self) {
        if self.count > 0 && self.packed.inner > 0 {
            arch().dispatch(self);
        }
    }
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (count, packed) = (self.count, self.packed);
        let blocks = self.only.map_or(0..packed.blocks.len(), |block| block..block + 1);
        for block in &packed.blocks[blocks] {
            // Rows a step: as many sums as the registers hold (32 of them where vectors have 16 numbers, else 16).
            match (S::F32_LANES == 16, block.vectors) {
                (true, 1) => tiles!(self, simd, *block, count, 1, [14, 8, 4]),
                (true, 2) => tiles!(self, simd, *block, count, 2, [12, 10, 8, 4]),
                (true, _) => tiles!(self, simd, *block, count, 3, [8, 7, 5, 3]),
                (false, 1) => tiles!(self, simd, *block, count, 1, [8, 4]),
                (false, 2) => tiles!(self, simd, *block, count, 2, [6, 4]),
                (false, _) => tiles!(self, simd, *block, count, 3, [4, 2]),
            }
        }
        if !self.activation.is_light() {
            let Self { activation, to, to_step, .. } = self;
            if to_step == packed.outputs {
                activation.apply(&mut to[..count * to_step]);
            } else {
                to.chunks_mut(to_step).take(count).for_each(|to| activation.apply(&mut to[..packed.outputs]));
            }
        }
    }
}

/// Covers `count` rows with steps of the size that computes the fewest rows twice: the last overlaps the one before it.
macro_rules! tiles {
    ($rows:expr, $simd:expr, $block:expr, $count:expr, $vectors:literal, [$($size:literal),*]) => {{
        // Weights are read once a step.
        let cost = |size: usize| $count.div_ceil(size) * (size + 3);
        let sizes = [$($size),*];
        let best = sizes.into_iter().filter(|s| *s <= $count).min_by_key(|s| cost(*s));
        match best {
            $(Some($size) => {
                let mut x = 0;
                while x + $size <= $count {
                    $rows.tile::<S, $vectors, $size>($simd, $block, x);
                    x += $size;
                }
                if x < $count {
                    $rows.tile::<S, $vectors, $size>($simd, $block, $count - $size);
                }
            })*
            _ => {
                // No closure: where the compiler does not inline it, it is compiled without the vectors' instructions.
                for x in 0..$count {
                    $rows.tile::<S, $vectors, 1>($simd, $block, x);
                }
            }
        }
    }};
}
pub(crate) use tiles;

impl Rows<'_> {
    /// Rows `x..x + ROWS`, the block's outputs of each.
    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize, const ROWS: usize>(&mut self, simd: S, block: Block, x: usize) {
        let packed = self.packed;
        let width = VECTORS * S::F32_LANES;
        // All vectors are whole.
        let full = block.first + width <= packed.outputs;
        let (bias, _) = S::as_simd_f32s(&packed.bias[block.first..]);
        let mut sums = [bias.as_chunks::<VECTORS>().0[0]; ROWS];
        let (weights, _) = S::as_simd_f32s(&packed.weights[packed.start + block.offset..]);
        let (weights, _) = weights.as_chunks::<VECTORS>();
        let length = packed.inner / self.segments.len();
        for (weights, segment) in weights.chunks_exact(length).zip(self.segments) {
            let input = &self.input[*segment..];
            let mut rows = [&input[..0]; ROWS];
            for (p, row) in rows.iter_mut().enumerate() {
                *row = &input[(x + p) * self.step..][..length];
            }
            let input = rows;
            for i in 0..length {
                for p in 0..ROWS {
                    let value = simd.splat_f32s(input[p][i]);
                    for v in 0..VECTORS {
                        sums[p][v] = simd.mul_add_e_f32s(value, weights[i][v], sums[p][v]);
                    }
                }
            }
        }

        let zero = simd.splat_f32s(0.0);
        let relu = self.activation == Activation::Relu;
        for (p, sums) in sums.into_iter().enumerate() {
            let added = self.addend.map(|addend| {
                let pixel = if addend.scale == 1 { x + p } else { (x + p) / addend.scale };
                &addend.row[pixel * addend.step + block.first..]
            });
            let to = &mut self.to[(x + p) * self.to_step + block.first..];
            if full {
                let (to, _) = S::as_mut_simd_f32s(&mut to[..width]);
                let added = added.map(|added| S::as_simd_f32s(&added[..width]).0);
                for (v, mut sum) in sums.into_iter().enumerate() {
                    if let Some(added) = added {
                        sum = simd.add_f32s(sum, added[v]);
                    }
                    to[v] = if relu { simd.max_f32s(sum, zero) } else { sum };
                }
                continue;
            }
            for (v, mut sum) in sums.into_iter().enumerate() {
                let output = v * S::F32_LANES;
                let n = S::F32_LANES.min((packed.outputs - block.first).saturating_sub(output));
                if let Some(added) = added {
                    sum = simd.add_f32s(sum, load_n(simd, &added[output..output + n], n));
                }
                if relu {
                    sum = simd.max_f32s(sum, zero);
                }
                store_n(simd, &mut to[output..output + n], n, sum);
            }
        }
    }
}

thread_local! {
    static FREE: RefCell<Vec<Vec<Packed>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `count` matrices to be filled, whose memory the thread keeps.
pub(crate) fn with_packed<T>(count: usize, f: impl FnOnce(&mut [Packed]) -> T) -> T {
    let mut packed = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if packed.len() < count {
        packed.resize_with(count, Packed::default);
    }
    let result = f(&mut packed[..count]);
    FREE.with_borrow_mut(|free| free.push(packed));
    result
}

/// `to = a b` for matrices `[rows, inner]` and `[inner, columns]`, all of them computed.
///
/// # Panics
/// Where the lengths do not fit.
pub fn multiply(a: &[f32], b: &[f32], inner: usize, columns: usize, to: &mut [f32]) {
    with_packed(1, |packed| {
        packed[0].fill(inner, columns, Matrix { values: b, steps: [columns, 1] });
        product(a, &packed[0], None, Activation::None, to);
    });
}

/// `to[m, :] = activation(a[m, :] weights + bias + addend[m, :])` for rows `[M, K]` and `[M, outputs]`.
///
/// # Panics
/// Where the lengths do not fit.
pub fn product(a: &[f32], packed: &Packed, addend: Option<&[f32]>, activation: Activation, to: &mut [f32]) {
    let (inner, outputs) = (packed.inner, packed.outputs);
    if outputs == 0 || to.is_empty() {
        return;
    }
    let count = to.len() / outputs;
    assert_eq!(a.len(), count * inner, "the rows do not fit the weights");
    // Even tasks of at least a few steps.
    let tasks = (count / 16).min(4 * rayon::current_num_threads()).max(1);
    let size =
        if rayon::current_num_threads() == 1 { count } else { count.div_ceil(tasks).next_multiple_of(8) };
    let work: Vec<(usize, &mut [f32])> = to.chunks_mut(size * outputs).enumerate().collect();
    spread(work, |(i, to)| {
        let first = i * size;
        Rows {
            packed,
            input: &a[first * inner..],
            step: inner,
            segments: &[0],
            only: None,
            count: to.len() / outputs,
            addend: addend.map(|a| Addend { row: &a[first * outputs..], step: outputs, scale: 1 }),
            activation,
            to_step: outputs,
            to,
        }
        .run();
    });
}
