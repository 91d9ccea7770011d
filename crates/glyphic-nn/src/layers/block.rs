use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::{BatchNorm2d, BatchNorm2dConfig, ConvBlock, ConvBlockConfig, conv_bn, conv2d};
use crate::ops::After;

/// Configuration of [`LiteBlock`].
#[derive(Debug, Clone, PartialEq)]
pub struct LiteBlockConfig {
    channels: [usize; 2],
    stride: [usize; 2],
}

impl LiteBlockConfig {
    /// A block from `channels[0]` to `channels[1]` with stride 1.
    pub fn new(channels: [usize; 2]) -> Self {
        Self { channels, stride: [1, 1] }
    }

    /// Sets the stride (vertical, horizontal).
    pub fn stride(mut self, stride: [usize; 2]) -> Self {
        self.stride = stride;
        self
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> LiteBlock {
        let [from, to] = self.channels;
        let changes = from != to || self.stride != [1, 1];
        LiteBlock {
            conv1: conv2d([from, to], [3, 3], self.stride, [1, 1], false, device),
            bn1: Some(BatchNorm2dConfig::new(to).init(device)),
            conv2: conv2d([to, to], [3, 3], [1, 1], [1, 1], false, device),
            bn2: Some(BatchNorm2dConfig::new(to).init(device)),
            down: changes.then(|| {
                ConvBlockConfig::new([from, to], [1, 1]).stride(self.stride).relu(false).init(device)
            }),
        }
    }
}

/// The residual block of the lite networks: two 3x3 convolutions, ReLU after the sum (He et al. 2016, "Deep residual
/// learning"). Names: `conv1`, `bn1`, `conv2`, `bn2` and, where the shape changes, `down.conv`, `down.bn`.
#[derive(Module, Debug)]
pub struct LiteBlock {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    conv2: Conv2d,
    bn2: Option<BatchNorm2d>,
    down: Option<ConvBlock>,
}

impl LiteBlock {
    /// `[N, from, H, W] -> [N, to, H / sy, W / sx]`, halves rounded up.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = conv_bn(&self.conv1, self.bn1.as_ref(), x.clone(), After::Relu);
        let x = match &self.down {
            Some(down) => down.forward(x),
            None => x,
        };
        conv_bn(&self.conv2, self.bn2.as_ref(), y, After::AddRelu(x))
    }
}
