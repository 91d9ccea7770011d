use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Chance, fixed by seed, purpose and index: each sample has a ChaCha stream of its own, so no sample depends on
/// which were drawn before it.
pub(crate) struct Dice(ChaCha8Rng);

/// What a stream is drawn for, so that line 7 and page 7 do not share their chance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Line = 0x11,
    Page = 0x22,
    NoiseTable = 0x33,
}

impl Dice {
    pub(crate) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (purpose as u64) << 56);
        rng.set_stream(index);
        Self(rng)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn f(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `low..=high`.
    pub(crate) fn int(&mut self, low: i64, high: i64) -> i64 {
        let span = (high - low + 1) as u64;
        low + ((u64::from(self.0.next_u32()) * span) >> 32) as i64
    }

    /// Below `n`, which is at least 1 and below 2^32.
    pub(crate) fn index(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }

    /// A choice by weight.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, f32)]) -> T {
        let mut left = self.unit() * choices.iter().map(|c| c.1).sum::<f32>();
        for (value, weight) in choices {
            left -= weight;
            if left < 0.0 {
                return *value;
            }
        }
        choices[choices.len() - 1].0
    }

    /// Standard normal.
    pub(crate) fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    pub(crate) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }
}
