use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Folds several numbers into one seed; the order counts.
pub(crate) fn fold(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |h, p| mix(h.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ mix(*p)))
}

/// The generator of one sample: the same on every machine and in every thread.
pub type SampleRng = ChaCha8Rng;

/// The generator of a seed in several parts.
pub fn rng(parts: &[u64]) -> SampleRng {
    ChaCha8Rng::seed_from_u64(fold(parts))
}

/// Element `i` of a pseudo-random permutation of `0..n`, without the permutation in memory: a four-round
/// Feistel network over the next even number of bits, walked until the value falls below `n`.
pub(crate) fn permuted(i: u64, n: u64, key: u64) -> u64 {
    debug_assert!(i < n);
    let half = (64 - (n - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1u64 << half) - 1;
    let mut value = i;
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (fold(&[key, round, right]) & mask));
        }
        value = (left << half) | right;
        if value < n {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_every_index_once_and_differs_by_key() {
        for n in [1, 2, 3, 7, 64, 100, 1000] {
            let mut seen: Vec<u64> = (0..n).map(|i| permuted(i, n, 5)).collect();
            let first = seen.clone();
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>(), "n = {n}");
            if n >= 64 {
                assert_ne!(first, (0..n).map(|i| permuted(i, n, 6)).collect::<Vec<_>>());
                assert_ne!(first, seen);
            }
        }
    }
}
