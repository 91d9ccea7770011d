//! The training loss: balanced cross-entropy on text, cross-entropy on centres, smooth L1 between contours.

use std::f64::consts::TAU;

use burn::tensor::{Int, Tensor, TensorData};
use glyphic_nn::loss::{balanced_cross_entropy, binary_cross_entropy, masked_mean, smooth_l1};

use super::model::FceMaps;
use super::{FceLossConfig, FceLossRule};

/// Weight of the background in the loss of the centres.
const BACKGROUND: f64 = 0.5;

/// What a level's mean divides by in the reference where it has no text.
const LONELY_COUNT: usize = 100;

/// The loss's parts, `[1]` each, summed over the levels.
#[derive(Debug, Clone)]
pub struct FceLosses {
    /// Of the text maps.
    pub text: Tensor<1>,
    /// Of the centre maps.
    pub centre: Tensor<1>,
    /// Of the contours' x.
    pub x: Tensor<1>,
    /// Of their y.
    pub y: Tensor<1>,
}

impl FceLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        self.text.clone() + self.centre.clone() + self.x.clone() + self.y.clone()
    }

    fn plus(self, other: Self) -> Self {
        Self {
            text: self.text + other.text,
            centre: self.centre + other.centre,
            x: self.x + other.x,
            y: self.y + other.y,
        }
    }
}

/// Two maps of logits as the logit of the second, `[N, h, w]`.
fn logit(classes: &Tensor<4>, first: usize) -> Tensor<3> {
    let map = |i: usize| classes.clone().narrow(1, i, 1).squeeze_dim::<3>(1);
    map(first + 1) - map(first)
}

impl FceLossConfig {
    /// The loss of all levels against targets `[N, 3 + 2 * (2 * degree + 1), h, w]` each, in the channels of
    /// `FcenetTargets`. Counts and sums run over a level of the whole batch.
    ///
    /// # Panics
    /// Without a level.
    pub fn forward(&self, levels: &[FceMaps], targets: &[Tensor<4>]) -> FceLosses {
        let losses = levels.iter().zip(targets).map(|(maps, targets)| self.level(maps, targets));
        losses.reduce(FceLosses::plus).unwrap_or_else(|| panic!("a loss of no level"))
    }

    fn level(&self, maps: &FceMaps, targets: &Tensor<4>) -> FceLosses {
        let target = |i: usize| targets.clone().narrow(1, i, 1).squeeze_dim::<3>(1);
        let [text, centre, mask] = [0, 1, 2].map(target);
        let inside = text.clone() * mask.clone();
        let reference = self.rule == FceLossRule::Mmocr021;
        let count = |positives: usize, negatives: usize| match (positives, reference) {
            (0, true) => LONELY_COUNT as f64,
            _ => (positives + negatives).max(1) as f64,
        };
        let of_text = balanced_cross_entropy(
            logit(&maps.classes, 0),
            text.clone(),
            mask.clone(),
            self.negative_ratio,
            count,
        );

        let is_inside: Vec<f32> = inside.to_data().iter::<f32>().collect();
        let places: Vec<i64> = (0..).zip(&is_inside).filter(|(_, v)| **v > 0.0).map(|(i, _)| i).collect();
        if places.is_empty() {
            let zero = || Tensor::zeros([1], &text.device());
            return FceLosses { text: of_text, centre: zero(), x: zero(), y: zero() };
        }
        let outside = match reference {
            true => inside.clone().neg() + 1.0,
            false => (text.clone().neg() + 1.0) * mask,
        };
        let entropy = binary_cross_entropy(logit(&maps.classes, 2), centre.clone());
        let of_centre = masked_mean(entropy.clone(), inside) + masked_mean(entropy, outside) * BACKGROUND;

        let device = text.device();
        let count = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &device);
        let rows = |maps: Tensor<4>, first: usize, channels: usize| -> Tensor<2> {
            let maps = maps.narrow(1, first, channels);
            maps.permute([0, 2, 3, 1]).reshape([-1, channels as i32]).select(0, places.clone())
        };
        let harmonics = maps.signatures.dims()[1] / 2;
        let pick = |map: &Tensor<3>| map.clone().reshape([-1]).select(0, places.clone());
        let weight: Tensor<1> = (pick(&text) + pick(&centre)) * 0.5;
        let weight: Tensor<2> = weight.unsqueeze_dim(1);
        let [cos, sin] = self.harmonics(harmonics, &text);
        let contour = |maps: &Tensor<4>, first: usize| {
            let re = rows(maps.clone(), first, harmonics);
            let im = rows(maps.clone(), first + harmonics, harmonics);
            let x = re.clone().matmul(cos.clone()) - im.clone().matmul(sin.clone());
            let y = re.matmul(sin.clone()) + im.matmul(cos.clone());
            [x, y]
        };
        let [x, y] = contour(&maps.signatures, 0);
        let [true_x, true_y] = contour(targets, 3);
        let mean = |difference: Tensor<2>| (smooth_l1(difference) * weight.clone()).mean();
        FceLosses { text: of_text, centre: of_centre, x: mean(x - true_x), y: mean(y - true_y) }
    }

    /// Cosines and sines of the harmonics at a contour's points, `[harmonics, points]` each.
    fn harmonics(&self, harmonics: usize, like: &Tensor<3>) -> [Tensor<2>; 2] {
        let degree = (harmonics / 2) as f64;
        let angle = |k: usize, i: usize| TAU / self.points as f64 * (k as f64 - degree) * i as f64;
        let table = |of: fn(f64) -> f64| {
            let values = (0..harmonics).flat_map(|k| (0..self.points).map(move |i| of(angle(k, i)) as f32));
            let data = TensorData::new(values.collect::<Vec<f32>>(), [harmonics, self.points]);
            Tensor::from_data(data, &like.device())
        };
        [table(f64::cos), table(f64::sin)]
    }
}
