//! The training loss: balanced cross-entropy (or dice) on the probability map, dice on the binary map, L1 on
//! the threshold map.

use burn::tensor::{Tensor, TensorData};
use glyphic_nn::loss::{dice, masked_l1};
use serde::{Deserialize, Serialize};

use super::model::DbMaps;
use crate::{Error, Result};

/// Keeps a quotient finite where its denominator counts nothing.
const EPS: f64 = 1e-6;

/// The smallest logarithm that cross-entropy uses, so that a saturated pixel costs 100 instead of infinity.
const MIN_LOG: f64 = -100.0;

/// The smallest p(1-p) that the gradient of cross-entropy divides by.
const MIN_VARIANCE: f64 = 1e-12;

/// Weights of the loss's parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbLossConfig {
    /// Weight of the probability map's loss.
    pub alpha: f64,
    /// Weight of the threshold map's loss.
    pub beta: f64,
    /// Balanced cross-entropy on the probability map; dice where `false`.
    pub balanced_bce: bool,
    /// Hard negatives kept for each positive pixel of the batch.
    pub negative_ratio: f64,
}

impl Default for DbLossConfig {
    /// MMOCR's ICDAR 2015 configuration: 5, 10, balanced cross-entropy with 3 negatives a positive.
    fn default() -> Self {
        Self { alpha: 5.0, beta: 10.0, balanced_bce: true, negative_ratio: 3.0 }
    }
}

/// What the maps should be, one plane an image: each tensor is `[N, H, W]` and as large as the maps.
#[derive(Debug, Clone)]
pub struct DbTargets {
    /// The shrunk texts; above 0 inside.
    pub shrink: Tensor<3>,
    /// 1 where the probability map counts, 0 over ignored text.
    pub shrink_mask: Tensor<3>,
    /// The threshold map, 0.3 to 0.7.
    pub threshold: Tensor<3>,
    /// 1 around texts, where the threshold map counts.
    pub threshold_mask: Tensor<3>,
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
}

impl DbLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        self.prob.clone() + self.binary.clone() + self.threshold.clone()
    }
}

impl DbLossConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let weights = [
            ("loss.alpha", self.alpha),
            ("loss.beta", self.beta),
            ("loss.negative_ratio", self.negative_ratio),
        ];
        match weights.into_iter().find(|(_, w)| !(w.is_finite() && *w >= 0.0)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 on")),
            None => Ok(()),
        }
    }

    /// The loss of maps `[N, 1, H, W]` against targets `[N, H, W]`. Counts and sums run over the whole batch.
    pub fn forward(&self, maps: &DbMaps, targets: &DbTargets) -> DbLosses {
        let plane = |map: &Tensor<4>| map.clone().squeeze_dim::<3>(1);
        let (prob, threshold, binary) = (plane(&maps.prob), plane(&maps.threshold), plane(&maps.binary));
        let text = targets.shrink.clone().greater_elem(0.0).float();
        let mask = targets.shrink_mask.clone();

        let prob_loss = if self.balanced_bce {
            balanced_cross_entropy(prob, text.clone(), mask.clone(), self.negative_ratio)
        } else {
            dice(prob, text.clone(), Some(mask.clone()), EPS)
        };
        let threshold_loss =
            masked_l1(threshold, targets.threshold.clone(), targets.threshold_mask.clone(), EPS);
        DbLosses {
            prob: prob_loss * self.alpha,
            binary: dice(binary, text, Some(mask), EPS),
            threshold: threshold_loss * self.beta,
        }
    }
}

/// Cross-entropy over the positive pixels and as many hard negatives as `negative_ratio` allows:
/// `[N, H, W]` -> `[1]`.
fn balanced_cross_entropy(
    pred: Tensor<3>,
    truth: Tensor<3>,
    mask: Tensor<3>,
    negative_ratio: f64,
) -> Tensor<1> {
    let positive = truth.clone() * mask.clone();
    let negative = (truth.clone() * -1.0 + 1.0) * mask;
    let entropy = cross_entropy(pred, truth);

    let positives = sum_of(&positive) as usize;
    let negatives = (sum_of(&negative) as usize).min((positives as f64 * negative_ratio) as usize);
    let negative_entropy = entropy.clone() * negative;
    let hard = hardest(&negative_entropy, negatives);
    let sum = (entropy * positive).sum() + (negative_entropy * hard).sum();
    sum / (positives as f64 + negatives as f64 + EPS)
}

/// Cross-entropy of each pixel. A saturated pixel (exactly 0 or 1) would turn the gradient of a logarithm into
/// 0/0, so the gradient is written out, with the bound PyTorch has.
fn cross_entropy(pred: Tensor<3>, truth: Tensor<3>) -> Tensor<3> {
    let p = pred.clone().detach();
    let not_p = p.clone() * -1.0 + 1.0;
    let not_truth = truth.clone() * -1.0 + 1.0;
    let log = |p: &Tensor<3>| p.clone().log().clamp_min(MIN_LOG);
    let value = -(truth.clone() * log(&p) + not_truth * log(&not_p));
    let slope = (p.clone() - truth) / (p.clone() * not_p).clamp_min(MIN_VARIANCE);
    value + slope * (pred - p)
}

fn sum_of(mask: &Tensor<3>) -> f64 {
    mask.to_data().iter::<f32>().map(f64::from).sum()
}

/// 1 at the `count` largest elements, 0 elsewhere. Chosen on plain numbers: a sort inside the graph would
/// cost more than the network's head.
fn hardest(losses: &Tensor<3>, count: usize) -> Tensor<3> {
    let values: Vec<f32> = losses.to_data().iter::<f32>().collect();
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, |a, b| {
            values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b))
        });
    }
    let mut mask = vec![0.0f32; values.len()];
    for i in &order[..count.min(order.len())] {
        mask[*i as usize] = 1.0;
    }
    Tensor::from_data(TensorData::new(mask, losses.dims()), &losses.device())
}
