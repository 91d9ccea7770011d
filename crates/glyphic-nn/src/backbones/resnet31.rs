//! The residual network of text recognizers (Li et al. 2019, "Show, Attend and Read", its 31 layers), with MMOCR's names.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};

use super::{BasicBlock, BasicBlockConfig};
use crate::layers::{BatchNorm2d, BatchNorm2dConfig, conv_bn, conv2d};
use crate::ops::After;

/// Configuration of [`ResNet31`].
#[derive(Debug, Clone, PartialEq)]
pub struct ResNet31Config {
    /// Channels of the picture.
    pub input: usize,
    /// Blocks of the four stages.
    pub blocks: [usize; 4],
    /// Channels of the two first convolutions and of the four stages.
    pub channels: [usize; 6],
    /// Kernel and stride of the third stage's pooling, (vertical, horizontal).
    pub third_pool: [usize; 2],
    /// Whether the last stage halves the map too.
    pub last_pool: bool,
}

impl Default for ResNet31Config {
    /// MMOCR's `ResNet31OCR`.
    fn default() -> Self {
        Self {
            input: 3,
            blocks: [1, 2, 5, 3],
            channels: [64, 128, 256, 256, 512, 512],
            third_pool: [2, 1],
            last_pool: false,
        }
    }
}

impl ResNet31Config {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> ResNet31 {
        let [first, second, c2, c3, c4, c5] = self.channels;
        let conv = |from, to| conv2d([from, to], [3, 3], [1, 1], [1, 1], true, device);
        let norm = |channels| Some(BatchNorm2dConfig::new(channels).init(device));
        let stage = |from: usize, planes: usize, blocks: usize| -> Vec<BasicBlock> {
            (0..blocks)
                .map(|i| BasicBlockConfig {
                    input: if i == 0 { from } else { planes },
                    planes,
                    stride: 1,
                    norm_eval: false,
                })
                .map(|block| block.init(device))
                .collect()
        };
        ResNet31 {
            conv1_1: conv(self.input, first),
            bn1_1: norm(first),
            conv1_2: conv(first, second),
            bn1_2: norm(second),
            block2: stage(second, c2, self.blocks[0]),
            conv2: conv(c2, c2),
            bn2: norm(c2),
            block3: stage(c2, c3, self.blocks[1]),
            conv3: conv(c3, c3),
            bn3: norm(c3),
            block4: stage(c3, c4, self.blocks[2]),
            conv4: conv(c4, c4),
            bn4: norm(c4),
            block5: stage(c4, c5, self.blocks[3]),
            conv5: conv(c5, c5),
            bn5: norm(c5),
            third_pool: self.third_pool,
            last_pool: self.last_pool,
        }
    }

    /// Columns of the picture in one column of the features.
    pub fn stride(&self) -> usize {
        4 * self.third_pool[1] * if self.last_pool { 2 } else { 1 }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct ResNet31 {
    conv1_1: Conv2d,
    bn1_1: Option<BatchNorm2d>,
    conv1_2: Conv2d,
    bn1_2: Option<BatchNorm2d>,
    block2: Vec<BasicBlock>,
    conv2: Conv2d,
    bn2: Option<BatchNorm2d>,
    block3: Vec<BasicBlock>,
    conv3: Conv2d,
    bn3: Option<BatchNorm2d>,
    block4: Vec<BasicBlock>,
    conv4: Conv2d,
    bn4: Option<BatchNorm2d>,
    block5: Vec<BasicBlock>,
    conv5: Conv2d,
    bn5: Option<BatchNorm2d>,
    third_pool: [usize; 2],
    last_pool: bool,
}

impl ResNet31 {
    /// `[N, input, H, W] -> [N, C, H / 8, W / 4]` with the default poolings; odd sizes are rounded up.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let [_, _, _, last] = self.features(image);
        last
    }

    /// What each of the four stages gives, fine to coarse: `[N, C, H / 2, W / 2]`, `[N, C, H / 4, W / 4]`, and two that the
    /// configuration's poolings shape.
    pub fn features(&self, image: Tensor<4>) -> [Tensor<4>; 4] {
        let conv = |conv: &Conv2d, bn: &Option<BatchNorm2d>, x| conv_bn(conv, bn.as_ref(), x, After::Relu);
        let stage = |blocks: &[BasicBlock], x| blocks.iter().fold(x, |x, block| block.forward(x));
        let x = conv(&self.conv1_1, &self.bn1_1, image);
        let x = pool(conv(&self.conv1_2, &self.bn1_2, x), [2, 2]);
        let first = conv(&self.conv2, &self.bn2, stage(&self.block2, x));
        let x = pool(first.clone(), [2, 2]);
        let second = conv(&self.conv3, &self.bn3, stage(&self.block3, x));
        let x = pool(second.clone(), self.third_pool);
        let third = conv(&self.conv4, &self.bn4, stage(&self.block4, x));
        let x = if self.last_pool { pool(third.clone(), [2, 2]) } else { third.clone() };
        [first, second, third, conv(&self.conv5, &self.bn5, stage(&self.block5, x))]
    }
}

/// Pooling whose kernel is its stride; a part of a window at the end counts too.
fn pool(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new(size).with_ceil_mode(true))
}
