//! The training loss: balanced cross-entropy on text, cross-entropy on centre lines inside texts, smooth L1 on the rest.

use burn::tensor::Tensor;
use glyphic_nn::loss::{balanced_cross_entropy, binary_cross_entropy, masked_mean, smooth_l1};

use super::SnakeLossConfig;

/// Added to radii before the ratio is taken.
const MIN_RADIUS: f64 = 1e-2;

/// Keeps the length of a direction above 0.
const MIN_SQUARE: f64 = 1e-8;

/// Keeps the quotient of the balanced loss finite.
const EPS: f64 = 1e-5;

/// What the maps should be, `[N, H, W]` each and as large as the maps.
#[derive(Debug, Clone)]
pub struct SnakeTargets {
    /// 1 inside texts.
    pub text: Tensor<3>,
    /// 1 inside centre regions.
    pub centre: Tensor<3>,
    /// 0 where ignored texts stand, else 1.
    pub mask: Tensor<3>,
    /// Half the text's height, on centre regions.
    pub radius: Tensor<3>,
    /// Sine of the direction, on centre regions.
    pub sin: Tensor<3>,
    /// Its cosine.
    pub cos: Tensor<3>,
}

/// The loss's parts, `[1]` each.
#[derive(Debug, Clone)]
pub struct SnakeLosses {
    /// Of the text map.
    pub text: Tensor<1>,
    /// Of the centre lines.
    pub centre: Tensor<1>,
    /// Of the radius.
    pub radius: Tensor<1>,
    /// Of the direction's sine.
    pub sin: Tensor<1>,
    /// Of its cosine.
    pub cos: Tensor<1>,
}

impl SnakeLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        self.text.clone() + self.centre.clone() + self.radius.clone() + self.sin.clone() + self.cos.clone()
    }
}

/// A map of `[N, C, H, W]`, `[N, H, W]`.
pub(crate) fn plane(maps: &Tensor<4>, index: usize) -> Tensor<3> {
    maps.clone().narrow(1, index, 1).squeeze_dim(1)
}

/// Sine and cosine of length 1.
pub(crate) fn direction(sin: Tensor<3>, cos: Tensor<3>) -> [Tensor<3>; 2] {
    let length = (sin.clone().square() + cos.clone().square() + MIN_SQUARE).sqrt();
    [sin / length.clone(), cos / length]
}

/// Balanced cross-entropy of the text map.
pub(crate) fn of_text(logits: Tensor<3>, text: &Tensor<3>, mask: &Tensor<3>, ratio: f64) -> Tensor<1> {
    let count = |positives, negatives| (positives + negatives) as f64 + EPS;
    balanced_cross_entropy(logits, text.clone(), mask.clone(), ratio, count)
}

/// How far a length is from the true one, as a ratio.
pub(crate) fn of_ratio(length: Tensor<3>, truth: &Tensor<3>) -> Tensor<3> {
    smooth_l1(length / (truth.clone() + MIN_RADIUS) - 1.0)
}

impl SnakeLossConfig {
    /// The loss of maps `[N, 5, H, W]`. Sums run over the whole batch.
    pub fn forward(&self, maps: &Tensor<4>, targets: &SnakeTargets) -> SnakeLosses {
        let SnakeTargets { text, centre, mask, radius, sin, cos } = targets;
        let inside = text.clone() * mask.clone();
        let on_line = centre.clone() * mask.clone();
        let of_centre = binary_cross_entropy(plane(maps, 1), centre.clone());
        let [s, c] = direction(plane(maps, 2), plane(maps, 3));
        SnakeLosses {
            text: of_text(plane(maps, 0), text, mask, self.negative_ratio),
            centre: masked_mean(of_centre, inside),
            radius: masked_mean(of_ratio(plane(maps, 4), radius), on_line.clone()),
            sin: masked_mean(smooth_l1(s - sin.clone()), on_line.clone()),
            cos: masked_mean(smooth_l1(c - cos.clone()), on_line),
        }
    }
}
