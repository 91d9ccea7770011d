//! Products of rows with packed weights: the inner loop of convolutions, linear layers and recurrences.

use pulp::{Arch, Simd, WithSimd};

use crate::map::spread;
use crate::vector::{load_n, store_n};
use crate::{Activation, scratch};

/// The most vectors of outputs in a block: with the rows of a step they fill the registers.
const MAX_VECTORS: usize = 3;

/// Weights `[K, outputs]` in the order in which the kernel reads them, with one bias an output.
#[derive(Debug, Clone)]
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

impl Packed {
    /// Packs `weight(k, output)`.
    pub fn new(
        inner: usize,
        outputs: usize,
        bias: Option<&[f32]>,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let lanes = lanes();
        let mut vectors = outputs.div_ceil(lanes);
        let mut weights = vec![0.0; vectors * lanes * inner + 15];
        let start = scratch::aligned(&weights);
        let (mut blocks, mut first, mut offset) = (Vec::new(), 0, 0);
        while vectors > 0 {
            // Four are two and two: a block of one would reuse each loaded input once only.
            let n = if vectors == 4 { 2 } else { vectors.min(MAX_VECTORS) };
            blocks.push(Block { first, vectors: n, offset });
            for (k, to) in
                weights[start + offset..][..inner * n * lanes].chunks_exact_mut(n * lanes).enumerate()
            {
                for (to, output) in to.iter_mut().zip(first..outputs) {
                    *to = weight(k, output);
                }
            }
            first += n * lanes;
            offset += n * lanes * inner;
            vectors -= n;
        }
        let mut bias = bias.map_or_else(Vec::new, <[f32]>::to_vec);
        bias.resize(first, 0.0);
        Self { weights, start, bias, blocks, inner, outputs }
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
    Arch::new().dispatch(Lanes)
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
            Arch::new().dispatch(self);
        }
    }
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (count, packed) = (self.count, self.packed);
        for block in &packed.blocks {
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
        let cost = |size: usize| $count.div_ceil(size) * (size + 1);
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
            _ => (0..$count).for_each(|x| $rows.tile::<S, $vectors, 1>($simd, $block, x)),
        }
    }};
}
pub(crate) use tiles;

impl Rows<'_> {
    /// Rows `x..x + ROWS`, the block's outputs of each.
    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize, const ROWS: usize>(&mut self, simd: S, block: Block, x: usize) {
        let packed = self.packed;
        let (bias, _) = S::as_simd_f32s(&packed.bias[block.first..]);
        let bias: [S::f32s; VECTORS] = std::array::from_fn(|v| bias[v]);
        let mut sums = [bias; ROWS];
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
            for (v, mut sum) in sums.into_iter().enumerate() {
                let output = block.first + v * S::F32_LANES;
                let n = S::F32_LANES.min(packed.outputs.saturating_sub(output));
                if let Some(addend) = self.addend {
                    let pixel = if addend.scale == 1 { x + p } else { (x + p) / addend.scale };
                    let at = pixel * addend.step + output;
                    sum = simd.add_f32s(sum, load_n(simd, &addend.row[at..at + n], n));
                }
                if relu {
                    sum = simd.max_f32s(sum, zero);
                }
                let at = (x + p) * self.to_step + output;
                store_n(simd, &mut self.to[at..at + n], n, sum);
            }
        }
    }
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
            count: to.len() / outputs,
            addend: addend.map(|a| Addend { row: &a[first * outputs..], step: outputs, scale: 1 }),
            activation,
            to_step: outputs,
            to,
        }
        .run();
    });
}
