//! The training loss: balanced cross-entropy (or dice) on the probability map, dice on the binary map, L1 on
//! the threshold map.

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;

use super::DbLossConfig;
use super::model::DbMaps;
use crate::kernel_loss::{Slope, values};

/// Keeps a quotient finite where its denominator counts nothing.
const EPS: f64 = 1e-6;

/// The smallest logarithm that cross-entropy uses, so that a saturated pixel costs 100 instead of infinity.
const MIN_LOG: f32 = -100.0;

/// The smallest p(1-p) that the gradient of cross-entropy divides by.
const MIN_VARIANCE: f32 = 1e-12;

/// What the maps should be, one plane an image: each tensor is `[N, H, W]` and as large as the maps.
#[derive(Debug, Clone)]
pub struct DbTargets {
    /// The shrunk texts; above 0 inside.
    pub shrink: Tensor<3>,
    /// How much each pixel counts in the loss of the probability map: 1, 0 over ignored text, more between neighbours.
    pub shrink_mask: Tensor<3>,
    /// The threshold map, 0.3 to 0.7.
    pub threshold: Tensor<3>,
    /// 1 around texts, where the threshold map counts.
    pub threshold_mask: Tensor<3>,
    /// What the network should take each picture for, `[N]`: 0 for a scene of words, 1 for a page of lines.
    pub level: Option<Tensor<1>>,
}

/// The loss's parts, weighted: each is `[1]`.
#[derive(Debug, Clone)]
pub struct DbLosses {
    /// Of the probability map, times `alpha`.
    pub prob: Tensor<1>,
    /// Of the binary map.
    pub binary: Tensor<1>,
    /// Of the threshold map, times `beta`.
    pub threshold: Tensor<1>,
    /// Of the level, times `gamma`; `None` for networks or targets without one.
    pub level: Option<Tensor<1>>,
}

impl DbLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        let maps = self.prob.clone() + self.binary.clone() + self.threshold.clone();
        match &self.level {
            Some(level) => maps + level.clone(),
            None => maps,
        }
    }
}

impl DbLossConfig {
    /// The loss of maps `[N, 1, H, W]` against targets `[N, H, W]`. Counts and sums run over the whole batch.
    ///
    /// Computed on plain numbers, with the gradient in closed form: as tensor operations it would be some sixty
    /// passes over maps of the picture's size, more than the network's head costs.
    pub fn forward(&self, maps: &DbMaps, targets: &DbTargets) -> DbLosses {
        let prob = values(&maps.prob);
        let text: Vec<f32> =
            values(&targets.shrink).into_iter().map(|v| if v > 0.0 { 1.0 } else { 0.0 }).collect();
        let mask = values(&targets.shrink_mask);
        let of_prob = if self.balanced_bce {
            balanced_cross_entropy(&prob, &text, &mask, self.negative_ratio)
        } else {
            dice(&prob, &text, &mask)
        };
        let of_binary = dice(&values(&maps.binary), &text, &mask);
        let of_threshold = masked_l1(
            &values(&maps.threshold),
            &values(&targets.threshold),
            &values(&targets.threshold_mask),
        );
        DbLosses {
            prob: of_prob.attach(&maps.prob, self.alpha),
            binary: of_binary.attach(&maps.binary, 1.0),
            threshold: of_threshold.attach(&maps.threshold, self.beta),
            level: maps
                .level
                .clone()
                .zip(targets.level.clone())
                .map(|(logits, truth)| level_loss(logits, truth) * self.gamma),
        }
    }
}

/// Cross-entropy over the positive pixels and as many hard negatives as `negative_ratio` allows.
fn balanced_cross_entropy(pred: &[f32], truth: &[f32], mask: &[f32], negative_ratio: f64) -> Slope {
    let entropy: Vec<f32> = pred.iter().zip(truth).map(|(p, t)| cross_entropy(*p, *t)).collect();
    let (mut positives, mut negatives, mut sum) = (0.0, 0.0, 0.0);
    // Entropies of negatives, 0 elsewhere.
    let mut candidates = vec![0.0f32; entropy.len()];
    for (i, e) in entropy.iter().enumerate() {
        positives += f64::from(truth[i] * mask[i]);
        negatives += if (1.0 - truth[i]) * mask[i] > 0.0 { 1.0 } else { 0.0 };
        sum += f64::from(e * truth[i] * mask[i]);
        candidates[i] = e * (1.0 - truth[i]) * mask[i];
    }
    let positives = positives.floor();
    let count = (negatives as usize).min((positives * negative_ratio) as usize);
    let mut weight: Vec<f32> = truth.iter().zip(mask).map(|(t, m)| t * m).collect();
    for i in hardest(&candidates, count) {
        sum += f64::from(candidates[i]);
        weight[i] += (1.0 - truth[i]) * mask[i];
    }
    let total = positives + count as f64 + EPS;
    let slope = |i: usize| {
        if weight[i] == 0.0 {
            return 0.0;
        }
        let (p, t) = (pred[i], truth[i]);
        (f64::from(weight[i] * ((p - t) / (p * (1.0 - p)).max(MIN_VARIANCE))) / total) as f32
    };
    Slope { loss: sum / total, slope: (0..pred.len()).map(slope).collect() }
}

/// A saturated pixel (exactly 0 or 1) would turn the gradient of a logarithm into 0/0; value and gradient are
/// bounded as PyTorch bounds them.
fn cross_entropy(pred: f32, truth: f32) -> f32 {
    // Truth is 0 or 1: one of the logarithms counts.
    let p = if truth > 0.0 { pred } else { 1.0 - pred };
    -p.ln().max(MIN_LOG)
}

/// The places of the `count` largest elements, of equal ones the first.
fn hardest(losses: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<u32> = (0..losses.len() as u32).collect();
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, |a, b| {
            losses[*b as usize].total_cmp(&losses[*a as usize]).then(a.cmp(b))
        });
    }
    order.truncate(count);
    order.into_iter().map(|i| i as usize).collect()
}

/// `1 - 2 * sum(p * t * m) / (sum(p * m) + sum(t * m) + eps)`: no squares.
fn dice(pred: &[f32], truth: &[f32], mask: &[f32]) -> Slope {
    let (mut both, mut either) = (0.0, EPS);
    for ((p, t), m) in pred.iter().zip(truth).zip(mask) {
        both += f64::from(p * m * t * m);
        either += f64::from(p * m) + f64::from(t * m);
    }
    let (of_both, of_either) = (-2.0 / either, 2.0 * both / (either * either));
    let slope = |(t, m): (&f32, &f32)| (f64::from(*m) * (f64::from(t * m) * of_both + of_either)) as f32;
    Slope { loss: 1.0 - 2.0 * both / either, slope: truth.iter().zip(mask).map(slope).collect() }
}

/// Mean absolute difference over the pixels of a mask, `sum(|p - t| * m) / (sum(m) + eps)`.
fn masked_l1(pred: &[f32], truth: &[f32], mask: &[f32]) -> Slope {
    let total = mask.iter().map(|m| f64::from(*m)).sum::<f64>() + EPS;
    let (mut sum, mut slope) = (0.0, Vec::with_capacity(pred.len()));
    for ((p, t), m) in pred.iter().zip(truth).zip(mask) {
        let difference = p - t;
        sum += f64::from(difference.abs() * m);
        let sign = if difference == 0.0 { 0.0 } else { difference.signum() };
        slope.push((f64::from(sign * m) / total) as f32);
    }
    Slope { loss: sum / total, slope }
}

/// Cross-entropy of logits `[N]` against 0 for words and 1 for lines, `[1]`.
fn level_loss(logits: Tensor<1>, truth: Tensor<1>) -> Tensor<1> {
    (softplus(logits.clone(), 1.0) - logits * truth).mean()
}
