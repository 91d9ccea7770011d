//! The part of the network that knows words from lines.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};

/// Judges what a picture's regions are and tells the neck, whose laterals' channels it scales and shifts for lines
/// (feature-wise linear modulation, Perez et al. 2018). Names: `level.judge.{weight,bias}`, `level.scale.<i>`,
/// `level.shift.<i>`.
#[derive(Module, Debug)]
pub(super) struct Level {
    judge: Linear,
    scale: Vec<Param<Tensor<1>>>,
    shift: Vec<Param<Tensor<1>>>,
}

impl Level {
    /// For features with `coarsest` channels at the last of `laterals` laterals of `channels` channels.
    pub(super) fn new(coarsest: usize, laterals: usize, channels: usize, device: &Device) -> Self {
        let zeros = || (0..laterals).map(|_| Param::from_tensor(Tensor::zeros([channels], device))).collect();
        Self { judge: LinearConfig::new(coarsest, 1).init(device), scale: zeros(), shift: zeros() }
    }

    /// The coarsest features `[N, C, h, w]` -> logits `[N]`, above 0 for lines.
    pub(super) fn judge(&self, coarsest: Tensor<4>) -> Tensor<1> {
        let [n, channels, _, _] = coarsest.dims();
        let means = coarsest.mean_dim(3).mean_dim(2).reshape([n, channels]);
        self.judge.forward(means).reshape([n])
    }

    /// Lateral `i`, `[N, C, h, w]`, where `line` `[N]` says 0 for words and 1 for lines.
    pub(super) fn lean(&self, i: usize, x: Tensor<4>, line: &Tensor<1>) -> Tensor<4> {
        let [n, channels, _, _] = x.dims();
        let line = line.clone().reshape([n, 1, 1, 1]);
        let of = |p: &Param<Tensor<1>>| line.clone() * p.val().reshape([1, channels, 1, 1]);
        x * (of(&self.scale[i]) + 1.0) + of(&self.shift[i])
    }
}

/// Cross-entropy of logits `[N]` against 0 for words and 1 for lines, `[1]`.
pub(super) fn level_loss(judged: Tensor<1>, truth: Tensor<1>) -> Tensor<1> {
    (softplus(judged.clone(), 1.0) - judged * truth).mean()
}
