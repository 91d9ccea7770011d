//! Vectors from slices and back. Whole ones are plain loads and stores; others go by way of memory, as pulp's cost a call each.

use pulp::{Arch, Simd};

/// The vectors that this machine has; in tests those that are asked for.
pub(crate) fn arch() -> Arch {
    #[cfg(test)]
    if let Some(arch) = crate::reference::FORCED.get() {
        return arch;
    }
    Arch::new()
}

/// Asks for the cache line at an address, which may lie outside of what is allocated.
#[inline(always)]
pub(crate) fn fetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint: it reads nothing, and no address makes it fail")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(at.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The first numbers of a slice that holds a whole vector.
#[inline(always)]
pub(crate) fn load<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

/// Writes a whole vector.
#[inline(always)]
pub(crate) fn store<S: Simd>(values: &mut [f32], vector: S::f32s) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = vector;
}

/// The first `n` numbers, at most a vector; the others are 0.
#[inline(always)]
pub(crate) fn load_n<S: Simd>(_: S, values: &[f32], n: usize) -> S::f32s {
    if n == S::F32_LANES {
        return load::<S>(values);
    }
    let mut whole = [0.0; MAX_LANES];
    copy_n(&values[..n], &mut whole[..n]);
    load::<S>(&whole)
}

/// Writes the first `n` numbers of a vector.
#[inline(always)]
pub(crate) fn store_n<S: Simd>(_: S, values: &mut [f32], n: usize, vector: S::f32s) {
    if n == S::F32_LANES {
        return store::<S>(values, vector);
    }
    let mut whole = [0.0; MAX_LANES];
    store::<S>(&mut whole, vector);
    copy_n(&whole[..n], &mut values[..n]);
}

/// The most numbers of a vector.
const MAX_LANES: usize = 16;

/// Copies fewer numbers than the widest vector has, in pieces whose sizes the compiler knows.
#[inline(always)]
fn copy_n(from: &[f32], to: &mut [f32]) {
    let (from, to) = piece::<8>(from, to);
    let (from, to) = piece::<4>(from, to);
    let (from, to) = piece::<2>(from, to);
    piece::<1>(from, to);
}

/// Copies the first `N` numbers where there are so many, and gives the rest of both.
#[inline(always)]
fn piece<'a, 'b, const N: usize>(from: &'a [f32], to: &'b mut [f32]) -> (&'a [f32], &'b mut [f32]) {
    if from.len() < N || to.len() < N {
        return (from, to);
    }
    let ((first, from), (start, to)) = (from.split_at(N), to.split_at_mut(N));
    start.copy_from_slice(first);
    (from, to)
}

/// How many vectors cover `count` numbers.
#[inline(always)]
pub(crate) fn parts<S: Simd>(count: usize) -> usize {
    count.div_ceil(S::F32_LANES)
}

/// Start and length of one of those vectors: whole ones, the last of which overlaps the one before it, or one that is not
/// whole where there are fewer numbers than a vector holds.
#[inline(always)]
pub(crate) fn part_of<S: Simd>(count: usize, part: usize) -> (usize, usize) {
    let lanes = S::F32_LANES.min(count);
    ((part * lanes).min(count - lanes), lanes)
}
