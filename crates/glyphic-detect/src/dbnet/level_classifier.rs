//! Classifies an image as one of words or one of lines and conditions the neck on the class.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};

/// A linear classifier on the mean of the coarsest features, and feature-wise linear modulation (FiLM, Perez et al. 2018)
/// of the neck's laterals where the class is "lines". Names in checkpoints: `level.judge.{weight,bias}`,
/// `level.scale.<i>`, `level.shift.<i>`.
#[derive(Module, Debug)]
pub(super) struct LevelClassifier {
    judge: Linear,
    scale: Vec<Param<Tensor<1>>>,
    shift: Vec<Param<Tensor<1>>>,
}

impl LevelClassifier {
    /// For features with `coarsest` channels at the last of `laterals` laterals of `channels` channels.
    pub(super) fn new(coarsest: usize, laterals: usize, channels: usize, device: &Device) -> Self {
        let zeros = || (0..laterals).map(|_| Param::from_tensor(Tensor::zeros([channels], device))).collect();
        Self { judge: LinearConfig::new(coarsest, 1).init(device), scale: zeros(), shift: zeros() }
    }

    /// The coarsest features `[N, C, h, w]` -> logits `[N]`, above 0 for lines.
    pub(super) fn classify(&self, coarsest: Tensor<4>) -> Tensor<1> {
        let [n, channels, _, _] = coarsest.dims();
        let means = coarsest.mean_dim(3).mean_dim(2).reshape([n, channels]);
        self.judge.forward(means).reshape([n])
    }

    /// Lateral `i`, `[N, C, h, w]`, scaled and shifted where `line` `[N]` is 1; unchanged where it is 0.
    pub(super) fn film(&self, i: usize, x: Tensor<4>, line: &Tensor<1>) -> Tensor<4> {
        let [n, channels, _, _] = x.dims();
        let line = line.clone().reshape([n, 1, 1, 1]);
        let of = |p: &Param<Tensor<1>>| line.clone() * p.val().reshape([1, channels, 1, 1]);
        x * (of(&self.scale[i]) + 1.0) + of(&self.shift[i])
    }
}

/// Cross-entropy of logits `[N]` against 0 for words and 1 for lines, `[1]`.
pub(super) fn level_loss(logits: Tensor<1>, truth: Tensor<1>) -> Tensor<1> {
    (softplus(logits.clone(), 1.0) - logits * truth).mean()
}
