//! Products of rows with packed weights: the inner loop of convolutions, linear layers and recurrences.

use std::cell::RefCell;

use pulp::{Simd, WithSimd};

use crate::map::spread;
use crate::vector::{arch, fetch, load_n, store_n};
use crate::{Activation, scratch};

/// The most vectors of outputs in a block: with the rows of a step they fill the registers.
const MAX_VECTORS: usize = 3;

/// Rows of weights that are read for all rows of inputs before the next ones are: with three vectors of outputs they take
/// 100 kB, so that they and those fetched ahead stay in a core's second-level cache.
const CHUNK: usize = 512;

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
    /// Numbers between lines of pixels.
    pub(crate) line_step: usize,
    /// Outputs that share a pixel.
    pub(crate) scale: usize,
}

/// Lines of outputs of equal length that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// Outputs of a line.
    pub(crate) len: usize,
    /// Numbers between the inputs of a line and those of the next.
    pub(crate) step: usize,
    /// Numbers between the outputs of a line and those of the next.
    pub(crate) to_step: usize,
}

/// Outputs of `count` rows of inputs. The row of output `x` of a line is the segments at `x * step + segments[i]`, one behind
/// the other.
pub(crate) struct Rows<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) input: &'a [f32],
    pub(crate) step: usize,
    pub(crate) segments: &'a [usize],
    /// Outputs of all lines.
    pub(crate) count: usize,
    /// All outputs are one line without them.
    pub(crate) lines: Option<Lines>,
    pub(crate) addend: Option<Addend<'a>>,
    pub(crate) activation: Activation,
    /// Output `x` begins at `x * to_step`; nothing beyond the outputs is written.
    pub(crate) to: &'a mut [f32],
    pub(crate) to_step: usize,
}

impl Rows<'_> {
    pub(crate) fn run(mut self) {
        if self.count == 0 || self.packed.inner == 0 {
            return;
        }
        if self.lines.is_none() {
            // Steps write whole vectors where they may. Told here, for each of them has no registers left for it.
            let end = (self.count - 1) * self.to_step + self.packed.outputs;
            self.to = &mut std::mem::take(&mut self.to)[..end];
        }
        if self.packed.inner > CHUNK && self.count > MAX_ROWS {
            let sums = (self.count + MAX_ROWS) * MAX_VECTORS * lanes();
            scratch::with(sums, |sums| arch().dispatch(Products { rows: self, chunk: CHUNK, sums }));
        } else {
            let chunk = self.packed.inner;
            arch().dispatch(Products { rows: self, chunk, sums: &mut [] });
        }
    }

    /// Line and place in it of the output of this number.
    #[inline(always)]
    fn place(&self, x: usize) -> (usize, usize) {
        self.lines.map_or((0, x), |lines| (x / lines.len, x % lines.len))
    }
}

/// Rows whose sums between two chunks should stay in the cache.
const TOGETHER: usize = 288;
/// The most rows of a step.
const MAX_ROWS: usize = 14;
/// Weights that stay in a core's second-level cache from one use to the next.
const NEAR: usize = 1 << 16;
/// Rows of weights whose successors are fetched together.
const FETCHED: usize = 8;
/// Rows of weights from those that a single step computes with to those that it fetches.
const NEXT: usize = 32;

/// [`Rows`], their weights read chunk by chunk.
struct Products<'a, 'b> {
    rows: Rows<'a>,
    /// Rows of weights that are read together: all of them, or a part.
    chunk: usize,
    /// Room for the sums of a block between two chunks, a step behind the other.
    sums: &'b mut [f32],
}

/// Rows of weights: `length` at `from` of each of some segments.
#[derive(Clone, Copy)]
struct Chunk {
    segment: usize,
    segments: usize,
    from: usize,
    length: usize,
}

/// What all steps with a chunk of a block's weights share; steps of few sums are too short to tell it themselves.
#[derive(Clone, Copy)]
struct Pass {
    block: Block,
    chunk: Chunk,
    /// Rows of weights before the chunk.
    before: usize,
    /// Rows of weights in the chunk.
    summed: usize,
    /// No chunk comes after it.
    last: bool,
    /// The weights are too many to stay near.
    far: bool,
}

impl WithSimd for Products<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (count, packed) = (self.rows.count, self.rows.packed);
        let segments = self.rows.segments.len();
        let length = packed.inner / segments;
        for block in &packed.blocks {
            let mut chunk = Chunk { segment: 0, segments: (self.chunk / length).max(1), from: 0, length };
            while chunk.segment < segments {
                chunk.segments = chunk.segments.min(segments - chunk.segment);
                chunk.length = if length > self.chunk {
                    // Even parts of a segment.
                    let parts = length.div_ceil(self.chunk);
                    length.div_ceil(parts).min(length - chunk.from)
                } else {
                    length
                };
                let before = chunk.segment * length + chunk.from;
                let summed = chunk.segments * chunk.length;
                let last = before + summed == packed.inner;
                let far = packed.weights.len() > NEAR;
                let pass = Pass { block: *block, chunk, before, summed, last, far };
                // Rows a step: as many sums as the registers hold. Of the 16 where vectors have 8 numbers the compiler takes one for
                // each input, too; a single sum that it keeps in memory doubles the time of all.
                match (S::F32_LANES, block.vectors) {
                    (16, 1) => tiles!(self, simd, pass, count, 1, [14, 8, 4]),
                    (16, 2) => tiles!(self, simd, pass, count, 2, [12, 10, 8, 4]),
                    (16, _) => tiles!(self, simd, pass, count, 3, [9, 8, 7, 5, 4, 3]),
                    (8, 1) => tiles!(self, simd, pass, count, 1, [7, 4]),
                    (8, 2) => tiles!(self, simd, pass, count, 2, [4, 2]),
                    (8, _) => tiles!(self, simd, pass, count, 3, [3, 2]),
                    (_, 1) => tiles!(self, simd, pass, count, 1, [8, 4]),
                    (_, 2) => tiles!(self, simd, pass, count, 2, [6, 4]),
                    (_, _) => tiles!(self, simd, pass, count, 3, [4, 2]),
                }
                chunk.from += chunk.length;
                if chunk.from == length {
                    (chunk.segment, chunk.from) = (chunk.segment + chunk.segments, 0);
                }
            }
        }
        let Rows { activation, to, to_step, lines, .. } = self.rows;
        if !activation.is_light() {
            let (len, line) = lines.map_or((count, to.len()), |lines| (lines.len, lines.to_step));
            for to in to.chunks_mut(line) {
                if to_step == packed.outputs {
                    activation.apply(&mut to[..len * to_step]);
                } else {
                    to.chunks_mut(to_step)
                        .take(len)
                        .for_each(|to| activation.apply(&mut to[..packed.outputs]));
                }
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

impl Products<'_, '_> {
    /// Rows `x..x + ROWS`, the block's outputs of each, as far as the chunk goes.
    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize, const ROWS: usize>(&mut self, simd: S, pass: Pass, x: usize) {
        let Pass { block, chunk, before, summed, last, far } = pass;
        let Self { rows: job, sums: kept, .. } = self;
        let packed = job.packed;
        let width = VECTORS * S::F32_LANES;
        // All vectors are whole; or pixels lie side by side, and what stands beyond the outputs of one is written over by the next.
        let whole = block.first + width <= packed.outputs;
        let spills = packed.blocks.len() == 1 && job.to_step == packed.outputs && job.lines.is_none();
        let step = x.div_ceil(ROWS);
        let mut sums = if before == 0 {
            let (bias, _) = S::as_simd_f32s(&packed.bias[block.first..]);
            [bias.as_chunks::<VECTORS>().0[0]; ROWS]
        } else {
            let (kept, _) = S::as_simd_f32s(&kept[step * ROWS * width..][..ROWS * width]);
            kept.as_chunks::<VECTORS>().0.as_chunks::<ROWS>().0[0]
        };
        let weights = &packed.weights[packed.start + block.offset + before * width..];
        let mut ahead = weights.as_ptr();
        // A single row computes too little to fetch beside it.
        let fetches = if ROWS > 1 && far {
            // The next chunk is fetched while there is still much to compute with this one, each of the first steps a part
            // of it; a single step fetches what it needs soon.
            let steps = job.count.div_ceil(ROWS);
            let share = if steps == 1 { VECTORS } else { VECTORS.div_ceil(steps) };
            let distance = if steps == 1 { NEXT.min(summed) * width } else { summed * width };
            let at = distance + step * share * summed * S::F32_LANES;
            ahead = ahead.wrapping_add(at);
            if step * share < VECTORS && at < weights.len() { FETCHED * share } else { 0 }
        } else {
            0
        };
        let starts: [usize; ROWS] = std::array::from_fn(|p| {
            let (line, x) = job.place(x + p);
            job.lines.map_or(0, |lines| line * lines.step) + x * job.step
        });
        let (weights, _) = S::as_simd_f32s(weights);
        let (weights, _) = weights.as_chunks::<VECTORS>();
        for (weights, segment) in
            weights.chunks_exact(chunk.length).zip(&job.segments[chunk.segment..][..chunk.segments])
        {
            let input = &job.input[segment + chunk.from..];
            if job.lines.is_none() && fetches == 0 {
                macro_rules! near {
                    ($($step:literal),*) => {
                        match job.step {
                            $($step => {
                                sums = summed_at::<S, VECTORS, ROWS, $step>(simd, &input[x * $step..], weights, sums);
                                continue;
                            })*
                            _ => {}
                        }
                    };
                }
                // Pixels of a picture, and of the narrow maps behind it: many rows, and short ones.
                near!(3, 6, 12, 24);
            }
            let mut rows = [&input[..0]; ROWS];
            for (row, start) in rows.iter_mut().zip(starts) {
                *row = &input[start..][..chunk.length];
            }
            let input = rows;
            // A few at a time: addresses of what is fetched would take registers from the loop.
            let group = if fetches > 0 { FETCHED } else { chunk.length };
            for first in (0..chunk.length).step_by(group) {
                for _ in 0..fetches {
                    fetch(ahead);
                    ahead = ahead.wrapping_add(S::F32_LANES);
                }
                for i in first..chunk.length.min(first + group) {
                    for p in 0..ROWS {
                        let value = simd.splat_f32s(input[p][i]);
                        for v in 0..VECTORS {
                            sums[p][v] = simd.mul_add_e_f32s(value, weights[i][v], sums[p][v]);
                        }
                    }
                }
            }
        }
        if !last {
            let (kept, _) = S::as_mut_simd_f32s(&mut kept[step * ROWS * width..][..ROWS * width]);
            kept.as_chunks_mut::<VECTORS>().0.as_chunks_mut::<ROWS>().0[0] = sums;
            return;
        }

        let zero = simd.splat_f32s(0.0);
        // Not `==`, which is a call: sums would leave their registers for it.
        let relu = matches!(job.activation, Activation::Relu);
        if job.lines.is_none() && job.addend.is_none() && (whole || spills) {
            // Most of all. Short loops are unrolled, and sums stay in their registers.
            let to = &mut job.to[x * job.to_step + block.first..];
            if to.len() >= (ROWS - 1) * job.to_step + width {
                for p in 0..ROWS {
                    if relu {
                        for sum in &mut sums[p] {
                            *sum = simd.max_f32s(*sum, zero);
                        }
                    }
                    let to = &mut to[p * job.to_step..][..width];
                    S::as_mut_simd_f32s(to).0.as_chunks_mut::<VECTORS>().0[0] = sums[p];
                }
                return;
            }
        }
        // A copy of them, for this loop is not unrolled: sums that are counted through in it would have stood in memory all along.
        let mut made = [[zero; VECTORS]; ROWS];
        for p in 0..ROWS {
            for v in 0..VECTORS {
                made[p][v] = sums[p][v];
            }
        }
        for (p, sums) in made.into_iter().enumerate() {
            let (line, x) = job.place(x + p);
            let added = job.addend.map(|addend| {
                let pixel = if addend.scale == 1 { x } else { x / addend.scale };
                &addend.row[line * addend.line_step + pixel * addend.step + block.first..]
            });
            let line = job.lines.map_or(0, |lines| line * lines.to_step);
            let to = &mut job.to[line + x * job.to_step + block.first..];
            let full =
                whole || (spills && to.len() >= width && added.is_none_or(|added| added.len() >= width));
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

/// Adds the products of weights with rows `STEP` numbers from each other: a single address for all of them, where one for each would take
/// longer to compute than a short row.
#[inline(always)]
fn summed_at<S: Simd, const VECTORS: usize, const ROWS: usize, const STEP: usize>(
    simd: S,
    input: &[f32],
    weights: &[[S::f32s; VECTORS]],
    mut sums: [[S::f32s; VECTORS]; ROWS],
) -> [[S::f32s; VECTORS]; ROWS] {
    let reach = (ROWS - 1) * STEP + 1;
    for (input, weights) in input[..reach - 1 + weights.len()].windows(reach).zip(weights) {
        for p in 0..ROWS {
            let value = simd.splat_f32s(input[p * STEP]);
            for v in 0..VECTORS {
                sums[p][v] = simd.mul_add_e_f32s(value, weights[v], sums[p][v]);
            }
        }
    }
    sums
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
    let size = if inner > CHUNK { size.min(TOGETHER) } else { size };
    let work: Vec<(usize, &mut [f32])> = to.chunks_mut(size * outputs).enumerate().collect();
    spread(work, |(i, to)| {
        let first = i * size;
        Rows {
            packed,
            input: &a[first * inner..],
            step: inner,
            segments: &[0],
            count: to.len() / outputs,
            lines: None,
            addend: addend.map(|a| Addend {
                row: &a[first * outputs..],
                step: outputs,
                line_step: 0,
                scale: 1,
            }),
            activation,
            to_step: outputs,
            to,
        }
        .run();
    });
}
