use rand::{Rng, RngExt};

/// Uniform between two numbers, whichever is larger.
pub(super) fn uniform(rng: &mut impl Rng, a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    low + (high - low) * rng.random::<f64>()
}

/// A whole number in `low..high`; `low` where that is empty.
pub(super) fn whole(rng: &mut impl Rng, low: usize, high: usize) -> usize {
    if low < high { rng.random_range(low..high) } else { low }
}

/// True with a probability.
pub(super) fn hit(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    let (u, v) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
