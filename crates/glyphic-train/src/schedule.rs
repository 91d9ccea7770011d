//! Learning-rate schedules, as pure functions of the step.

use serde::{Deserialize, Serialize};

/// How the learning rate runs after its linear warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine from the base rate to the final one (Loshchilov and Hutter 2017).
    Cosine,
    /// The base rate until `decay_steps` before the end, then a straight line to the final one
    /// (warm-up, stable, decay: Hu et al. 2024). A run can be prolonged from its plateau.
    Plateau,
    /// A power of the remaining share of steps, falling from the base rate to the final one; MMOCR's `poly`.
    Polynomial,
    /// A tenth of the rate from each of `milestones` on; MMOCR's `step`.
    Step,
    /// The base rate throughout.
    Constant,
}

/// Warm-up and decay of the learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// What follows the warm-up.
    pub decay: Decay,
    /// Steps of the final fall; used by `plateau` alone.
    pub decay_steps: u64,
    /// The last rate as a fraction of the base rate.
    pub final_ratio: f64,
    /// The exponent of `polynomial`.
    pub power: f64,
    /// Where the rate of `step` falls, in steps; none for other decays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<u64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            warmup_steps: 500,
            decay: Decay::Cosine,
            decay_steps: 2000,
            final_ratio: 0.01,
            power: 0.9,
            milestones: Vec::new(),
        }
    }
}

impl Schedule {
    /// The rate at `step` (from 0) of a run of `steps`, for the base rate `base`.
    pub fn rate(&self, base: f64, step: u64, steps: u64) -> f64 {
        if step < self.warmup_steps {
            return base * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let fall = |from: u64| {
            let length = steps.saturating_sub(from).max(1) as f64;
            (step.saturating_sub(from) as f64 / length).min(1.0)
        };
        let ratio = match self.decay {
            Decay::Constant => 1.0,
            Decay::Step => {
                let passed = self.milestones.iter().filter(|milestone| **milestone <= step).count();
                0.1f64.powi(i32::try_from(passed).unwrap_or(i32::MAX))
            }
            Decay::Cosine => {
                let done = fall(self.warmup_steps);
                self.final_ratio
                    + (1.0 - self.final_ratio) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
            Decay::Polynomial => {
                let rest = 1.0 - fall(self.warmup_steps);
                self.final_ratio + (1.0 - self.final_ratio) * rest.powf(self.power)
            }
            Decay::Plateau => {
                let start = steps.saturating_sub(self.decay_steps).max(self.warmup_steps);
                if step < start { 1.0 } else { 1.0 - (1.0 - self.final_ratio) * fall(start) }
            }
        };
        base * ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_warms_up_then_falls_to_the_final_ratio() {
        for decay in [Decay::Cosine, Decay::Plateau, Decay::Polynomial] {
            let s = Schedule {
                warmup_steps: 10,
                decay,
                decay_steps: 40,
                final_ratio: 0.1,
                ..Schedule::default()
            };
            assert!((s.rate(2.0, 0, 100) - 0.2).abs() < 1e-12);
            assert!((s.rate(2.0, 9, 100) - 2.0).abs() < 1e-12);
            assert!((s.rate(2.0, 10, 100) - 2.0).abs() < 1e-12);
            assert!((s.rate(2.0, 100, 100) - 0.2).abs() < 1e-12);
            let rates: Vec<f64> = (10..=100).map(|i| s.rate(2.0, i, 100)).collect();
            assert!(rates.windows(2).all(|w| w[1] <= w[0]));
        }
    }

    #[test]
    fn each_milestone_takes_a_tenth() {
        let s =
            Schedule { warmup_steps: 0, decay: Decay::Step, milestones: vec![20, 40], ..Schedule::default() };
        for (step, expected) in [(0, 1.0), (19, 1.0), (20, 0.1), (39, 0.1), (40, 0.01), (99, 0.01)] {
            assert!((s.rate(1.0, step, 60) - expected).abs() < 1e-12, "{step}");
        }
    }

    #[test]
    fn plateau_holds_until_the_fall() {
        let plateau = Decay::Plateau;
        let s = Schedule {
            warmup_steps: 0,
            decay: plateau,
            decay_steps: 40,
            final_ratio: 0.0,
            ..Schedule::default()
        };
        assert_eq!(s.rate(1.0, 59, 100), 1.0);
        assert_eq!(s.rate(1.0, 80, 100), 0.5);
    }

    #[test]
    fn a_run_shorter_than_its_warm_up_has_finite_rates() {
        let s = Schedule::default();
        assert!((0..5).all(|i| s.rate(1.0, i, 3).is_finite()));
    }
}
