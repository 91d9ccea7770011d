//! The parts of vision transformers (Dosovitskiy et al. 2021, "An image is worth 16x16 words") under the names that timm and,
//! after it, PaddleOCR and MMOCR give them.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

use super::linear_rows;

/// A linear layer with normal weights of deviation 0.02 and zero bias.
pub fn normal_linear(from: usize, to: usize, device: &Device) -> Linear {
    let weights = Initializer::Normal { mean: 0.0, std: 0.02 };
    let mut linear = LinearConfig::new(from, to).with_initializer(weights).init(device);
    linear.bias = Some(Initializer::Zeros.init([to], device));
    linear
}

/// Self-attention over several heads; queries, keys and values are one linear layer. Names: `qkv`, `proj` and, where some
/// positions do not see others, `mask`.
#[derive(Module, Debug)]
pub struct QkvAttention {
    qkv: Linear,
    proj: Linear,
    /// What is added to the logits, `[1, 1, T, T]`; it is computed, not learnt.
    mask: Option<Param<Tensor<4>>>,
    heads: usize,
}

impl QkvAttention {
    /// Attention of `features` over `heads`. `mask` `[1, 1, T, T]` is added to the logits.
    pub fn init(features: usize, heads: usize, mask: Option<Tensor<4>>, device: &Device) -> Self {
        Self {
            qkv: normal_linear(features, 3 * features, device),
            proj: normal_linear(features, features, device),
            mask: mask.map(|mask| Param::from_tensor(mask).set_require_grad(false)),
            heads,
        }
    }

    /// `[N, T, features] -> [N, T, features]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let (heads, depth) = (self.heads, width / self.heads);
        let all = linear_rows(&self.qkv, x);
        let part = |i: usize| {
            let part = all.clone().slice([0..batch, 0..length, i * width..(i + 1) * width]);
            part.reshape([batch, length, heads, depth])
        };
        let q = part(0).mul_scalar((depth as f64).powf(-0.5)).swap_dims(1, 2);
        let k = part(1).permute([0, 2, 3, 1]);
        let v = part(2).swap_dims(1, 2);
        let logits = q.matmul(k); // [N, heads, T, T]
        let logits = match &self.mask {
            Some(mask) => logits + mask.val(),
            None => logits,
        };
        let seen = softmax(logits, 3).matmul(v).swap_dims(1, 2).reshape([batch, length, width]);
        linear_rows(&self.proj, seen)
    }
}

/// Two linear layers with GELU between them. Names: `fc1`, `fc2`.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// For so many features, `inner` of them inside.
    pub fn init(features: usize, inner: usize, device: &Device) -> Self {
        Self { fc1: normal_linear(features, inner, device), fc2: normal_linear(inner, features, device) }
    }

    /// `[N, T, features] -> [N, T, features]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        linear_rows(&self.fc2, gelu(linear_rows(&self.fc1, x)))
    }
}

/// Stochastic depth (Huang et al. 2016): in training a layer's result is left out for some samples of the batch.
#[derive(Module, Debug)]
pub struct DropPath {
    samples: Dropout,
}

impl DropPath {
    /// Leaves out this share of the samples.
    pub fn init(share: f64) -> Self {
        Self { samples: DropoutConfig::new(share).init() }
    }

    /// `[N, T, features] -> [N, T, features]`; in training each sample is 0 or divided by the share that is kept.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        if self.samples.prob == 0.0 || !x.device().is_autodiff() {
            return x;
        }
        let [batch, _, _] = x.dims();
        let kept = self.samples.forward(Tensor::ones([batch, 1, 1], &x.device()));
        x * kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu;

    #[test]
    fn paths_are_dropped_by_sample_and_in_training_alone() {
        let drop = DropPath::init(0.5);
        let values = |x: Tensor<3>| x.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values(drop.forward(Tensor::ones([4, 2, 3], &cpu()))), vec![1.0; 24]);
        let dropped = values(drop.forward(Tensor::ones([64, 2, 3], &cpu().autodiff())));
        for sample in dropped.chunks_exact(6) {
            assert!(sample.iter().all(|v| *v == sample[0]) && [0.0, 2.0].contains(&sample[0]), "{sample:?}");
        }
        assert!(dropped.contains(&0.0) && dropped.contains(&2.0));
    }
}
