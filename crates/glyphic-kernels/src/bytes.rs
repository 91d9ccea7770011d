//! Products of rows of unsigned bytes with packed signed ones, summed exactly in 32-bit integers.
//!
//! Four bytes are multiplied and added in one instruction where the processor has AVX-512 VNNI; AVX2 takes two, which lie as 16
//! bits each. Sums are the same everywhere.

use pulp::{NullaryFnOnce, Simd};

use crate::product::{Addend, tiles};
use crate::vector::{load, load_n, store_n};
use crate::{Activation, Grid};

/// Bytes of a word, whose numbers are multiplied together.
pub(crate) const WORD: usize = 4;

/// The most numbers summed for an output: beyond, the sum of products of bytes does not fit in 32 bits.
pub(crate) const MOST_INNER: usize = (i32::MAX / (255 * 128)) as usize;

/// Whether the processor multiplies and adds four bytes in one instruction, AVX-512 VNNI: there networks in 8 bits are faster
/// than in floats. Elsewhere their sums are the same, but nothing says that they are faster.
pub fn has_byte_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return matches!(Unit::best(), Unit::Vnni(_));
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The most vectors of outputs in a block.
const MAX_VECTORS: usize = 3;

type Ints<D> = <<D as Dot>::S as Simd>::i32s;
type Floats<D> = <<D as Dot>::S as Simd>::f32s;

/// Sums of products of a word's numbers in each lane of a vector.
pub(crate) trait Dot: Copy {
    type S: Simd;
    /// Unsigned bytes, the same in each lane.
    type Left: Copy;
    /// Signed bytes, a word a lane.
    type Right: Copy;

    fn simd(self) -> Self::S;
    fn left(self, word: i32) -> Self::Left;
    fn right(self, words: Ints<Self>) -> Self::Right;
    fn dot(self, sums: Ints<Self>, left: Self::Left, right: Self::Right) -> Ints<Self>;
    fn floats(self, sums: Ints<Self>) -> Floats<Self>;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::_mm512_dpbusd_epi32;

    use pulp::x86::{V3, V4};
    use pulp::{Simd, i32x8, i32x16};

    use super::Dot;

    /// The same bits as another vector. (`pulp::cast` is a call in builds with debug checks, eight times a product.)
    macro_rules! cast {
        ($vector:expr) => {{
            let vector = $vector;
            // SAFETY: vectors hold no padding, and any bits are one; their sizes are compared by the compiler.
            #[expect(
                unsafe_code,
                clippy::missing_transmute_annotations,
                reason = "vectors of pulp and of the standard library are the same bits"
            )]
            let vector = unsafe { core::mem::transmute(vector) };
            vector
        }};
    }

    pulp::simd_type! {
        /// AVX-512 with VNNI.
        pub(crate) struct Vnni {
            avx2: "avx2",
            fma: "fma",
            avx512f: "avx512f",
            avx512bw: "avx512bw",
            avx512cd: "avx512cd",
            avx512dq: "avx512dq",
            avx512vl: "avx512vl",
            avx512vnni: "avx512vnni",
        }
    }

    /// [`V4`], and the proof that the processor has VNNI too.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct V4Vnni {
        pub(crate) simd: V4,
        pub(crate) token: Vnni,
    }

    impl V4Vnni {
        pub(crate) fn try_new() -> Option<Self> {
            Some(Self { simd: V4::try_new()?, token: Vnni::try_new()? })
        }
    }

    impl Dot for V4Vnni {
        type S = V4;
        type Left = i32x16;
        type Right = i32x16;

        #[inline(always)]
        fn simd(self) -> V4 {
            self.simd
        }

        #[inline(always)]
        fn left(self, word: i32) -> i32x16 {
            self.simd.splat_i32s(word)
        }

        #[inline(always)]
        fn right(self, words: i32x16) -> i32x16 {
            words
        }

        #[inline(always)]
        fn dot(self, sums: i32x16, left: i32x16, right: i32x16) -> i32x16 {
            let (sums, left, right) = (cast!(sums), cast!(left), cast!(right));
            // SAFETY: a `Vnni` is made only where the processor has the instruction.
            #[expect(unsafe_code, reason = "pulp's token proves the instruction, but pulp does not wrap it")]
            let sums = unsafe { _mm512_dpbusd_epi32(sums, left, right) };
            cast!(sums)
        }

        #[inline(always)]
        fn floats(self, sums: i32x16) -> pulp::f32x16 {
            cast!(self.simd.avx512f._mm512_cvtepi32_ps(cast!(sums)))
        }
    }

    /// Two numbers of 16 bits a word.
    impl Dot for V3 {
        type S = Self;
        type Left = i32x8;
        type Right = i32x8;

        #[inline(always)]
        fn simd(self) -> Self {
            self
        }

        #[inline(always)]
        fn left(self, word: i32) -> i32x8 {
            self.splat_i32s(word)
        }

        #[inline(always)]
        fn right(self, words: i32x8) -> i32x8 {
            words
        }

        #[inline(always)]
        fn dot(self, sums: i32x8, left: i32x8, right: i32x8) -> i32x8 {
            self.add_i32s(sums, cast!(self.avx2._mm256_madd_epi16(cast!(left), cast!(right))))
        }

        #[inline(always)]
        fn floats(self, sums: i32x8) -> pulp::f32x8 {
            cast!(self.avx._mm256_cvtepi32_ps(cast!(sums)))
        }
    }
}

/// One output at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl Dot for Plain {
    type S = pulp::Scalar;
    type Left = [i32; WORD];
    type Right = [i32; WORD];

    #[inline(always)]
    fn simd(self) -> pulp::Scalar {
        pulp::Scalar
    }

    #[inline(always)]
    fn left(self, word: i32) -> [i32; WORD] {
        word.to_ne_bytes().map(i32::from)
    }

    #[inline(always)]
    fn right(self, word: i32) -> [i32; WORD] {
        word.to_ne_bytes().map(|byte| i32::from(byte.cast_signed()))
    }

    #[inline(always)]
    fn dot(self, sum: i32, left: [i32; WORD], right: [i32; WORD]) -> i32 {
        left.iter().zip(right).fold(sum, |sum, (a, w)| sum + a * w)
    }

    #[inline(always)]
    fn floats(self, sum: i32) -> f32 {
        sum as f32
    }
}

/// How bytes are multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    #[cfg(target_arch = "x86_64")]
    Vnni(x86::V4Vnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Plain,
}

impl Unit {
    /// Those of this machine, the best first.
    pub(crate) fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = [x86::V4Vnni::try_new().map(Self::Vnni), pulp::x86::V3::try_new().map(Self::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let vectors: [Option<Self>; 0] = [];
        vectors.into_iter().flatten().chain([Self::Plain]).collect()
    }

    pub(crate) fn best() -> Self {
        Self::all()[0]
    }

    /// Numbers of a vector.
    fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni(_) => 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 8,
            Self::Plain => 1,
        }
    }

    /// Bytes that a number lies in.
    pub(crate) fn size(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 2,
            _ => 1,
        }
    }

    /// Numbers of a word: rows are whole words.
    pub(crate) fn numbers(self) -> usize {
        WORD / self.size()
    }

    /// Writes numbers as the grid's bytes.
    pub(crate) fn quantize(self, grid: Grid, from: &[f32], to: &mut [u8]) {
        if self.size() == 2 { grid.quantize_wide::<2>(from, to) } else { grid.quantize(from, to) }
    }

    /// Writes the grid's zero everywhere.
    pub(crate) fn clear(self, grid: Grid, to: &mut [u8]) {
        if self.size() == 2 {
            to.as_chunks_mut().0.fill([grid.zero, 0]);
        } else {
            to.fill(grid.zero);
        }
    }

    /// A word of weights, of which it takes as many as it has numbers.
    fn word(self, [a, b, c, d]: [i8; WORD]) -> i32 {
        i32::from_ne_bytes(if self.size() == 2 {
            let [[a, b], [c, d]] = [a, b].map(|weight| i16::from(weight).to_ne_bytes());
            [a, b, c, d]
        } else {
            [a, b, c, d].map(i8::cast_unsigned)
        })
    }
}

/// Weights `[K, outputs]` in the order in which the kernel reads them, and what turns sums into numbers.
#[derive(Debug, Clone)]
pub(crate) struct PackedBytes {
    /// For each block `[words, block's outputs]`, the last padded with zeros to whole vectors.
    weights: Vec<i32>,
    /// Where the first block begins: at a cache line.
    start: usize,
    /// Where sums begin: what the inputs' zero adds to them, taken off. Padded like the outputs.
    offsets: Vec<i32>,
    /// Of a sum, padded.
    scales: Vec<f32>,
    bias: Vec<f32>,
    blocks: Vec<Block>,
    words: usize,
    outputs: usize,
    unit: Unit,
}

/// Outputs that the kernel computes together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    vectors: usize,
    offset: usize,
}

/// What turns sums of bytes into numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales<'a> {
    /// Of the inputs.
    pub(crate) grid: Grid,
    /// One an output.
    pub(crate) weights: &'a [f32],
    /// One an output.
    pub(crate) bias: Option<&'a [f32]>,
}

impl PackedBytes {
    /// Packs `weight(tap, input, output)`, for rows of so many taps, each of whole words.
    pub(crate) fn new(
        unit: Unit,
        [taps, inputs, outputs]: [usize; 3],
        scales: Scales<'_>,
        weight: impl Fn(usize, usize, usize) -> i8,
    ) -> Self {
        let (lanes, numbers) = (unit.lanes(), unit.numbers());
        let tap_words = inputs.div_ceil(numbers);
        let words = taps * tap_words;
        assert!(words * numbers <= MOST_INNER, "a row that is not too long");
        let mut vectors = outputs.div_ceil(lanes);
        let mut weights = vec![0; vectors * lanes * words + 15];
        let start = weights.as_ptr().align_offset(64).min(15);
        let mut offsets = vec![0; vectors * lanes];
        let (mut blocks, mut first, mut offset) = (Vec::new(), 0, 0);
        while vectors > 0 {
            // Four are two and two: a block of one would reuse each loaded input once only.
            let n = if vectors == 4 { 2 } else { vectors.min(MAX_VECTORS) };
            blocks.push(Block { first, vectors: n, offset });
            let block = &mut weights[start + offset..][..words * n * lanes];
            for (word, to) in block.chunks_exact_mut(n * lanes).enumerate() {
                let (tap, input) = (word / tap_words, word % tap_words * numbers);
                let count = numbers.min(inputs - input);
                for (to, output) in to.iter_mut().zip(first..outputs) {
                    let mut each = [0; WORD];
                    for (i, each) in each[..count].iter_mut().enumerate() {
                        *each = weight(tap, input + i, output);
                    }
                    *to = unit.word(each);
                    let sum: i32 = each.iter().map(|weight| i32::from(*weight)).sum();
                    offsets[output] -= i32::from(scales.grid.zero) * sum;
                }
            }
            first += n * lanes;
            offset += n * lanes * words;
            vectors -= n;
        }
        let padded = |values: Vec<f32>| {
            let mut values = values;
            values.resize(first, 0.0);
            values
        };
        let bias = padded(scales.bias.map_or_else(Vec::new, <[f32]>::to_vec));
        let scales = padded(scales.weights.iter().map(|s| s * scales.grid.scale).collect());
        Self { weights, start, offsets, scales, bias, blocks, words, outputs, unit }
    }

    /// How its bytes are multiplied.
    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    /// Bytes that a row lies in.
    pub(crate) fn row_len(&self) -> usize {
        self.words * WORD
    }

    /// Numbers of a row.
    pub(crate) fn inner(&self) -> usize {
        self.words * self.unit.numbers()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Outputs of `count` rows of bytes. The row of output `x` is the segments at `x * step + segments[i]`, one behind the
/// other.
pub(crate) struct ByteRows<'a> {
    pub(crate) packed: &'a PackedBytes,
    pub(crate) input: &'a [u8],
    pub(crate) step: usize,
    pub(crate) segments: &'a [usize],
    pub(crate) count: usize,
    pub(crate) addend: Option<Addend<'a>>,
    pub(crate) activation: Activation,
    /// Output `x` begins at `x * to_step`; nothing beyond the outputs is written.
    pub(crate) to: &'a mut [f32],
    pub(crate) to_step: usize,
}

impl ByteRows<'_> {
    pub(crate) fn run(mut self) {
        if self.count == 0 || self.packed.words == 0 {
            return;
        }
        let rows = &mut self;
        match rows.packed.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Vnni(unit) => unit.token.vectorize(Blocks { unit, rows }),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => unit.vectorize(Blocks { unit, rows }),
            Unit::Plain => Blocks { unit: Plain, rows }.call(),
        }
        if !self.activation.is_light() {
            let Self { activation, to, to_step, packed, count, .. } = self;
            if to_step == packed.outputs {
                activation.apply(&mut to[..count * to_step]);
            } else {
                to.chunks_mut(to_step).take(count).for_each(|to| activation.apply(&mut to[..packed.outputs]));
            }
        }
    }
}

struct Blocks<'a, 'b, D> {
    unit: D,
    rows: &'a mut ByteRows<'b>,
}

impl<S: Dot> NullaryFnOnce for Blocks<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { unit, rows } = self;
        let (count, packed) = (rows.count, rows.packed);
        for block in &packed.blocks {
            // Rows a step: as many sums as the registers hold.
            match (<S::S as Simd>::F32_LANES == 16, block.vectors) {
                (true, 1) => tiles!(rows, unit, *block, count, 1, [14, 8, 4]),
                (true, 2) => tiles!(rows, unit, *block, count, 2, [12, 10, 8, 4]),
                (true, _) => tiles!(rows, unit, *block, count, 3, [8, 7, 5, 3]),
                (false, 1) => tiles!(rows, unit, *block, count, 1, [7, 4]),
                (false, 2) => tiles!(rows, unit, *block, count, 2, [4, 2]),
                (false, _) => tiles!(rows, unit, *block, count, 3, [3, 2]),
            }
        }
    }
}

impl ByteRows<'_> {
    /// Rows `x..x + ROWS`, the block's outputs of each.
    #[inline(always)]
    fn tile<D: Dot, const VECTORS: usize, const ROWS: usize>(&mut self, unit: D, block: Block, x: usize) {
        let (packed, simd) = (self.packed, unit.simd());
        let lanes = <D::S as Simd>::F32_LANES;
        let (offsets, _) = D::S::as_simd_i32s(&packed.offsets[block.first..]);
        let mut start = [simd.splat_i32s(0); VECTORS];
        start.copy_from_slice(&offsets[..VECTORS]);
        let mut sums = [start; ROWS];
        let (weights, _) = D::S::as_simd_i32s(&packed.weights[packed.start + block.offset..]);
        let (weights, _) = weights.as_chunks::<VECTORS>();
        let length = packed.words / self.segments.len();
        if length == 1 && self.step == WORD {
            sums = self.summed_at::<D, VECTORS, ROWS, 1>(unit, weights, x, sums);
        } else if length == 1 && self.step == 2 * WORD {
            sums = self.summed_at::<D, VECTORS, ROWS, 2>(unit, weights, x, sums);
        } else {
            sums = self.summed(unit, weights, x, sums);
        }

        let zero = simd.splat_f32s(0.0);
        let relu = matches!(self.activation, Activation::Relu);
        let whole = block.first + VECTORS * lanes <= packed.outputs;
        // Where pixels lie side by side, what stands beyond the outputs of one is written over by the next one.
        let spills = packed.blocks.len() == 1 && self.to_step == packed.outputs;
        // Behind the last pixel's outputs nothing is written.
        let end = (self.count - 1) * self.to_step + packed.outputs;
        let scales = D::S::as_simd_f32s(&packed.scales[block.first..]).0.as_chunks::<VECTORS>().0[0];
        let bias = D::S::as_simd_f32s(&packed.bias[block.first..]).0.as_chunks::<VECTORS>().0[0];
        for (p, sums) in sums.into_iter().enumerate() {
            let mut values = [zero; VECTORS];
            for v in 0..VECTORS {
                // In two roundings: some processors have them in one, some have not.
                values[v] = simd.add_f32s(simd.mul_f32s(unit.floats(sums[v]), scales[v]), bias[v]);
            }
            if let Some(addend) = self.addend {
                let pixel = if addend.scale == 1 { x + p } else { (x + p) / addend.scale };
                let added = &addend.row[pixel * addend.step + block.first..];
                for v in 0..VECTORS {
                    let n = lanes.min((packed.outputs - block.first).saturating_sub(v * lanes));
                    let added = match added.get(v * lanes..(v + 1) * lanes) {
                        Some(added) => load::<D::S>(added),
                        None => load_n(simd, &added[v * lanes..][..n], n),
                    };
                    values[v] = simd.add_f32s(values[v], added);
                }
            }
            if relu {
                for value in &mut values {
                    *value = simd.max_f32s(*value, zero);
                }
            }
            let to = &mut self.to[(x + p) * self.to_step + block.first..end];
            if (whole || spills) && to.len() >= VECTORS * lanes {
                D::S::as_mut_simd_f32s(to).0.as_chunks_mut::<VECTORS>().0[0] = values;
                continue;
            }
            for v in 0..VECTORS {
                let n = lanes.min((packed.outputs - block.first).saturating_sub(v * lanes));
                store_n(simd, &mut to[v * lanes..][..n], n, values[v]);
            }
        }
    }

    /// Adds the products of the rows `x..x + ROWS`.
    #[inline(always)]
    fn summed<D: Dot, const VECTORS: usize, const ROWS: usize>(
        &self,
        unit: D,
        weights: &[[Ints<D>; VECTORS]],
        x: usize,
        mut sums: [[Ints<D>; VECTORS]; ROWS],
    ) -> [[Ints<D>; VECTORS]; ROWS] {
        let length = self.packed.words / self.segments.len();
        for (weights, segment) in weights.chunks_exact(length).zip(self.segments) {
            let input = &self.input[*segment..];
            let mut rows: [&[[u8; WORD]]; ROWS] = [&[]; ROWS];
            for (p, row) in rows.iter_mut().enumerate() {
                *row = &input[(x + p) * self.step..][..length * WORD].as_chunks::<WORD>().0[..length];
            }
            let input = rows;
            for i in 0..length {
                let right = rights(unit, &weights[i]);
                for p in 0..ROWS {
                    let left = unit.left(i32::from_ne_bytes(input[p][i]));
                    for v in 0..VECTORS {
                        sums[p][v] = unit.dot(sums[p][v], left, right[v]);
                    }
                }
            }
        }
        sums
    }

    /// The same of rows of segments of a word, `STEP` words from each other: a single address for all rows, which are more than there are
    /// registers for.
    #[inline(always)]
    fn summed_at<D: Dot, const VECTORS: usize, const ROWS: usize, const STEP: usize>(
        &self,
        unit: D,
        weights: &[[Ints<D>; VECTORS]],
        x: usize,
        mut sums: [[Ints<D>; VECTORS]; ROWS],
    ) -> [[Ints<D>; VECTORS]; ROWS] {
        let (input, _) = self.input[x * STEP * WORD..].as_chunks::<WORD>();
        for (weights, segment) in weights.iter().zip(self.segments) {
            let input = &input[segment / WORD..][..(ROWS - 1) * STEP + 1];
            let right = rights(unit, weights);
            for p in 0..ROWS {
                let left = unit.left(i32::from_ne_bytes(input[p * STEP]));
                for v in 0..VECTORS {
                    sums[p][v] = unit.dot(sums[p][v], left, right[v]);
                }
            }
        }
        sums
    }
}

/// Words of weights as a product takes them.
#[inline(always)]
fn rights<D: Dot, const VECTORS: usize>(unit: D, words: &[Ints<D>; VECTORS]) -> [D::Right; VECTORS] {
    let mut rights = [unit.right(words[0]); VECTORS];
    for v in 1..VECTORS {
        rights[v] = unit.right(words[v]);
    }
    rights
}
