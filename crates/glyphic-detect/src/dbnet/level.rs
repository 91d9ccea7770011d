//! Words, lines or phrases: what one region of a detector is.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// What one region is. Scenes are labelled by the word, receipts by the line, and where words stand close together the
/// same pixels are a gap in the one and text in the other; a network that learns both has to know which is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbLevel {
    /// What the network takes the picture for: words of a scene, lines of a page.
    #[default]
    Auto,
    /// Words.
    Word,
    /// Lines, up to a wide gap.
    Line,
    /// Parts of lines that mean one thing, as keys and their values, or the names and prices of articles: what key
    /// information extraction works on.
    Phrase,
}

impl DbLevel {
    /// How [`super::DbNet::neck`] is told of it. `auto` has no number: the network judges.
    pub fn number(self) -> Option<f32> {
        match self {
            Self::Auto => None,
            Self::Word => Some(0.0),
            Self::Line => Some(1.0),
            Self::Phrase => Some(2.0),
        }
    }
}

/// Judges whether a picture's regions are words or lines and tells the neck, whose laterals' channels it scales and
/// shifts for lines and for phrases (feature-wise linear modulation, Perez et al. 2018). Names:
/// `level.judge.{weight,bias}`, `level.scale.<i>`, `level.shift.<i>`, `level.phrase_scale.<i>`, `level.phrase_shift.<i>`.
#[derive(Module, Debug)]
pub(super) struct Level {
    judge: Linear,
    scale: Vec<Param<Tensor<1>>>,
    shift: Vec<Param<Tensor<1>>>,
    phrase_scale: Vec<Param<Tensor<1>>>,
    phrase_shift: Vec<Param<Tensor<1>>>,
}

impl Level {
    /// For features with `coarsest` channels at the last of `laterals` laterals of `channels` channels.
    pub(super) fn new(coarsest: usize, laterals: usize, channels: usize, device: &Device) -> Self {
        let zeros = || (0..laterals).map(|_| Param::from_tensor(Tensor::zeros([channels], device))).collect();
        Self {
            judge: LinearConfig::new(coarsest, 1).init(device),
            scale: zeros(),
            shift: zeros(),
            phrase_scale: zeros(),
            phrase_shift: zeros(),
        }
    }

    /// The coarsest features `[N, C, h, w]` -> logits `[N]`, above 0 for lines.
    pub(super) fn judge(&self, coarsest: Tensor<4>) -> Tensor<1> {
        let [n, channels, _, _] = coarsest.dims();
        let means = coarsest.mean_dim(3).mean_dim(2).reshape([n, channels]);
        self.judge.forward(means).reshape([n])
    }

    /// Lateral `i`, `[N, C, h, w]`, where `level` `[N]` says 0 for words, 1 for lines and 2 for phrases.
    pub(super) fn lean(&self, i: usize, x: Tensor<4>, level: &Tensor<1>) -> Tensor<4> {
        let [n, channels, _, _] = x.dims();
        let is = |level: &Tensor<1>, number: f32| level.clone().equal_elem(number).float().reshape([n, 1, 1, 1]);
        let [line, phrase] = [1.0, 2.0].map(|number| is(level, number));
        let of = |lines: &Param<Tensor<1>>, phrases: &Param<Tensor<1>>| {
            let [lines, phrases] = [lines, phrases].map(|p| p.val().reshape([1, channels, 1, 1]));
            line.clone() * lines + phrase.clone() * phrases
        };
        x.clone() + x * of(&self.scale[i], &self.phrase_scale[i]) + of(&self.shift[i], &self.phrase_shift[i])
    }
}

/// Cross-entropy of logits `[N]` against 0 for words and 1 for lines, `[1]`.
pub(super) fn level_loss(judged: Tensor<1>, truth: Tensor<1>) -> Tensor<1> {
    (softplus(judged.clone(), 1.0) - judged * truth).mean()
}
