use burn::module::{Flag, Module, Param, RunningState};
use burn::tensor::module::batch_norm;
use burn::tensor::{Device, Tensor};

use crate::ops::{After, batch_norm_train};

/// Configuration of [`BatchNorm2d`].
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm2dConfig {
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// The share of a batch in the running statistics.
    pub momentum: f64,
    /// Keep to the running statistics in training too (`norm_eval`).
    pub frozen: bool,
}

impl BatchNorm2dConfig {
    /// PyTorch's defaults.
    pub fn new(channels: usize) -> Self {
        Self { channels, epsilon: 1e-5, momentum: 0.1, frozen: false }
    }

    /// Sets whether the running statistics are used and kept in training too.
    pub fn frozen(mut self, frozen: bool) -> Self {
        self.frozen = frozen;
        self
    }

    /// Makes the module with weight 1, bias 0, mean 0 and variance 1.
    pub fn init(&self, device: &Device) -> BatchNorm2d {
        let n = [self.channels];
        BatchNorm2d {
            weight: Param::from_tensor(Tensor::ones(n, device)),
            bias: Param::from_tensor(Tensor::zeros(n, device)),
            running_mean: RunningState::new(Tensor::zeros(n, device)),
            running_var: RunningState::new(Tensor::ones(n, device)),
            training: Param::<Flag>::from_bool(!self.frozen),
            momentum: self.momentum,
            epsilon: self.epsilon,
        }
    }
}

/// Batch normalization over `[N, C, H, W]` with PyTorch's names and running statistics.
///
/// burn's own module keeps the biased variance; PyTorch keeps the unbiased one, and checkpoints must agree.
#[derive(Module, Debug)]
pub struct BatchNorm2d {
    /// The scale, `[C]`.
    pub weight: Param<Tensor<1>>,
    /// The shift, `[C]`.
    pub bias: Param<Tensor<1>>,
    /// `[C]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[C]`, unbiased.
    pub running_var: RunningState<Tensor<1>>,
    training: Param<Flag>,
    momentum: f64,
    epsilon: f64,
}

impl BatchNorm2d {
    /// `[N, C, H, W] -> [N, C, H, W]`. Uses and updates batch statistics on an autodiff device, unless frozen.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_then(x, After::Nothing)
    }

    /// [`BatchNorm2d::forward`] and what comes after it, on the processor in the same pass over memory.
    pub fn forward_then(&self, x: Tensor<4>, after: After) -> Tensor<4> {
        if x.device().is_autodiff() && self.training.is_enabled() {
            return self.forward_batch(x, after);
        }
        let device = x.device();
        let mean = self.running_mean.value().to_device(&device);
        let var = self.running_var.value().to_device(&device);
        after.apply(batch_norm(x, self.weight.val(), self.bias.val(), mean, var, self.epsilon))
    }

    fn forward_batch(&self, x: Tensor<4>, after: After) -> Tensor<4> {
        let [n, _, h, w] = x.dims();
        let count = (n * h * w) as f64;
        let out = batch_norm_train(x, self.weight.val(), self.bias.val(), self.epsilon, after);
        let unbiased = out.variance.mul_scalar(count / (count - 1.0).max(1.0));
        self.track(&self.running_mean, out.mean);
        self.track(&self.running_var, unbiased);
        out.output
    }

    fn track(&self, state: &RunningState<Tensor<1>>, batch: Tensor<1>) {
        let batch = batch.detach();
        let old = state.value_sync().to_device(&batch.device());
        state.update(old.mul_scalar(1.0 - self.momentum).add(batch.mul_scalar(self.momentum)).detach());
        // Makes the update visible at once, so that a checkpoint never lags a step behind.
        state.value_sync();
    }
}
