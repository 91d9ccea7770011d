//! Vectors from slices and back. Whole ones are plain loads and stores; pulp's partial ones cost a call each.

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
pub(crate) fn load_n<S: Simd>(simd: S, values: &[f32], n: usize) -> S::f32s {
    if n == S::F32_LANES { load::<S>(values) } else { simd.partial_load_f32s(&values[..n]) }
}

/// Writes the first `n` numbers of a vector.
#[inline(always)]
pub(crate) fn store_n<S: Simd>(simd: S, values: &mut [f32], n: usize, vector: S::f32s) {
    if n == S::F32_LANES {
        store::<S>(values, vector);
    } else {
        simd.partial_store_f32s(&mut values[..n], vector);
    }
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
