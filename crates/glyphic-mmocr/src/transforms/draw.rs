//! Where random steps take their numbers from.

use rand::{Rng, RngExt};

/// A source of random numbers for the steps. Every generator of `rand` is one; bindings have their own, so that a script's
/// seed decides.
pub trait Draws {
    /// Uniform from 0 to 1, 1 excluded.
    fn unit(&mut self) -> f64;

    /// A whole number in `low..high`; `low` where that is empty.
    fn whole(&mut self, low: usize, high: usize) -> usize;

    /// Uniform from `low` to `high`.
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An index of a list of `n` at least 1.
    fn choice(&mut self, n: usize) -> usize {
        self.whole(0, n)
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

impl<R: Rng> Draws for R {
    fn unit(&mut self) -> f64 {
        self.random::<f64>()
    }

    fn whole(&mut self, low: usize, high: usize) -> usize {
        if low < high { self.random_range(low..high) } else { low }
    }
}

/// Uniform between two numbers, whichever is larger.
pub(super) fn uniform(draws: &mut impl Draws, a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    low + (high - low) * draws.unit()
}

/// True with a probability.
pub(super) fn hit(draws: &mut impl Draws, probability: f64) -> bool {
    draws.unit() < probability
}
