use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use super::{BatchNorm2d, BatchNorm2dConfig};
use crate::ops::{After, convolve};

/// A convolution `[N, from, H, W] -> [N, to, H', W']` with Kaiming-normal weights over the fan-out (for ReLU) and zero bias.
pub fn conv2d(
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    bias: bool,
    device: &Device,
) -> Conv2d {
    let mut conv = Conv2dConfig::new(channels, kernel)
        .with_stride(stride)
        .with_padding(PaddingConfig2d::Explicit(padding[0], padding[1], padding[0], padding[1]))
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: true })
        .init(device);
    if bias {
        conv.bias = Some(Initializer::Zeros.init([channels[1]], device));
    }
    conv
}

/// Configuration of [`ConvBlock`].
#[derive(Debug, Clone, PartialEq)]
pub struct ConvBlockConfig {
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    bias: bool,
    norm: bool,
    relu: bool,
}

impl ConvBlockConfig {
    /// A convolution from `channels[0]` to `channels[1]` with stride 1, "same" padding for odd kernels, no bias,
    /// then batch normalization and ReLU.
    pub fn new(channels: [usize; 2], kernel: [usize; 2]) -> Self {
        let padding = [kernel[0] / 2, kernel[1] / 2];
        Self { channels, kernel, stride: [1, 1], padding, bias: false, norm: true, relu: true }
    }

    /// Sets the stride (vertical, horizontal).
    pub fn stride(mut self, stride: [usize; 2]) -> Self {
        self.stride = stride;
        self
    }

    /// Sets the padding on both sides (vertical, horizontal).
    pub fn padding(mut self, padding: [usize; 2]) -> Self {
        self.padding = padding;
        self
    }

    /// Sets whether the convolution has a bias.
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// Sets whether batch normalization follows.
    pub fn norm(mut self, norm: bool) -> Self {
        self.norm = norm;
        self
    }

    /// Sets whether ReLU comes last.
    pub fn relu(mut self, relu: bool) -> Self {
        self.relu = relu;
        self
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> ConvBlock {
        ConvBlock {
            conv: conv2d(self.channels, self.kernel, self.stride, self.padding, self.bias, device),
            bn: self.norm.then(|| BatchNorm2dConfig::new(self.channels[1]).init(device)),
            relu: self.relu,
        }
    }
}

/// Convolution, batch normalization, ReLU; the last two where configured. Names: `conv`, `bn`.
#[derive(Module, Debug)]
pub struct ConvBlock {
    /// The convolution.
    pub conv: Conv2d,
    /// `None` where not configured.
    pub bn: Option<BatchNorm2d>,
    relu: bool,
}

impl ConvBlock {
    /// `[N, from, H, W] -> [N, to, H', W']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv_bn(&self.conv, self.bn.as_ref(), x, if self.relu { After::Relu } else { After::Nothing })
    }
}

/// Convolution, then batch normalization if it is there, then the rest. `[N, from, H, W] -> [N, to, H', W']`
pub fn conv_bn(conv: &Conv2d, bn: Option<&BatchNorm2d>, x: Tensor<4>, after: After) -> Tensor<4> {
    let x = convolve(conv, x);
    match bn {
        Some(bn) => bn.forward_then(x, after),
        None => after.apply(x),
    }
}
