//! ResNet (He et al. 2016, "Deep residual learning for image recognition") with the state-dict names that torchvision and
//! mmdet share.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layers::{
    BatchNorm2d, BatchNorm2dConfig, DeformConv2d, DeformConv2dConfig, conv_bn, conv2d, max_pool,
};
use crate::ops::After;

/// The depths in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// Basic blocks 2, 2, 2, 2.
    #[serde(rename = "18")]
    D18,
    /// Basic blocks 3, 4, 6, 3.
    #[serde(rename = "34")]
    D34,
    /// Bottlenecks 3, 4, 6, 3.
    #[serde(rename = "50")]
    D50,
    /// Bottlenecks 3, 4, 23, 3.
    #[serde(rename = "101")]
    D101,
}

impl Depth {
    fn blocks(self) -> [usize; 4] {
        match self {
            Depth::D18 => [2, 2, 2, 2],
            Depth::D34 | Depth::D50 => [3, 4, 6, 3],
            Depth::D101 => [3, 4, 23, 3],
        }
    }

    fn has_bottlenecks(self) -> bool {
        matches!(self, Depth::D50 | Depth::D101)
    }
}

/// Configuration of [`ResNet`].
#[derive(Debug, Clone, PartialEq)]
pub struct ResNetConfig {
    /// How many layers.
    pub depth: Depth,
    /// Keep to the running statistics of batch normalization while training.
    pub norm_eval: bool,
    /// Put a bottleneck's stride on its first (1x1) convolution instead of the 3x3 one (mmdet's style "caffe").
    pub stride_on_first: bool,
    /// Which of the four stages have modulated deformable convolutions in place of the bottlenecks' 3x3 ones; those of
    /// networks without bottlenecks have none.
    pub deformable: [bool; 4],
    /// Groups of channels with offsets of their own in those.
    pub deform_groups: usize,
    /// What is neither trained nor normalised by the batch: the stem and so many stages. `None` for nothing.
    pub frozen_stages: Option<usize>,
}

impl ResNetConfig {
    /// The plain network of a depth.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            norm_eval: false,
            stride_on_first: false,
            deformable: [false; 4],
            deform_groups: 1,
            frozen_stages: None,
        }
    }

    /// Channels of each feature, fine to coarse.
    pub fn channels(&self) -> [usize; 4] {
        let expansion = if self.depth.has_bottlenecks() { Bottleneck::EXPANSION } else { 1 };
        [64, 128, 256, 512].map(|c| c * expansion)
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> ResNet {
        let mut from = 64;
        let mut layer = |stage: usize| -> Vec<Block> {
            let planes = 64 << stage;
            let frozen = self.frozen_stages.is_some_and(|stages| stage < stages);
            let norm_eval = self.norm_eval || frozen;
            let blocks = (0..self.depth.blocks()[stage]).map(|b| {
                let stride = if stage > 0 && b == 0 { 2 } else { 1 };
                if self.depth.has_bottlenecks() {
                    let block = BottleneckConfig {
                        input: from,
                        planes,
                        stride,
                        stride_on_first: self.stride_on_first,
                        deformable: self.deformable[stage],
                        deform_groups: self.deform_groups,
                        norm_eval,
                    };
                    from = planes * Bottleneck::EXPANSION;
                    Block::Bottleneck(block.init(device))
                } else {
                    let block = BasicBlockConfig { input: from, planes, stride, norm_eval };
                    from = planes;
                    Block::Basic(block.init(device))
                }
            });
            blocks.map(|block| if frozen { block.no_grad() } else { block }).collect()
        };
        let frozen = self.frozen_stages.is_some();
        let conv1 = conv2d([3, 64], [7, 7], [2, 2], [3, 3], false, device);
        let bn1 = norm(64, self.norm_eval || frozen, device);
        ResNet {
            conv1: if frozen { conv1.no_grad() } else { conv1 },
            bn1: if frozen { bn1.no_grad() } else { bn1 },
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            layer4: layer(3),
        }
    }
}

/// The network without its classifier.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
}

impl ResNet {
    /// `[N, 3, H, W]` to four features of 1/4, 1/8, 1/16, 1/32 of the size, `[N, C_i, H_i, W_i]` each.
    pub fn forward(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let x = conv_bn(&self.conv1, self.bn1.as_ref(), x, After::Relu);
        let mut x = max_pool(x, [3, 3], [2, 2], [1, 1]);
        let mut features = Vec::with_capacity(4);
        for layer in [&self.layer1, &self.layer2, &self.layer3, &self.layer4] {
            x = layer.iter().fold(x, |x, block| block.forward(x));
            features.push(x.clone());
        }
        features
    }
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network holds a few dozen of them")]
enum Block {
    Basic(BasicBlock),
    Bottleneck(Bottleneck),
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Block::Basic(block) => block.forward(x),
            Block::Bottleneck(block) => block.forward(x),
        }
    }
}

/// Configuration of [`BasicBlock`].
#[derive(Debug, Clone, PartialEq)]
pub struct BasicBlockConfig {
    /// Input channels.
    pub input: usize,
    /// Output channels.
    pub planes: usize,
    /// Stride of the first convolution.
    pub stride: usize,
    /// See [`ResNetConfig::norm_eval`].
    pub norm_eval: bool,
}

impl BasicBlockConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> BasicBlock {
        let Self { input, planes, stride, norm_eval } = *self;
        BasicBlock {
            conv1: conv2d([input, planes], [3, 3], [stride; 2], [1, 1], false, device),
            bn1: norm(planes, norm_eval, device),
            conv2: conv2d([planes, planes], [3, 3], [1, 1], [1, 1], false, device),
            bn2: norm(planes, norm_eval, device),
            downsample: projection(input, planes, stride, norm_eval, device),
        }
    }
}

/// Two 3x3 convolutions beside a shortcut. Names: `conv1`, `bn1`, `conv2`, `bn2`, `downsample.{0,1}`.
#[derive(Module, Debug)]
pub struct BasicBlock {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    conv2: Conv2d,
    bn2: Option<BatchNorm2d>,
    downsample: Option<(Conv2d, Option<BatchNorm2d>)>,
}

impl BasicBlock {
    /// `[N, input, H, W] -> [N, planes, H / stride, W / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = conv_bn(&self.conv1, self.bn1.as_ref(), x.clone(), After::Relu);
        let x = shortcut(self.downsample.as_ref(), x);
        conv_bn(&self.conv2, self.bn2.as_ref(), y, After::AddRelu(x))
    }
}

/// A bottleneck's 3x3 convolution.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network holds a few dozen of them")]
enum Middle {
    Plain(Conv2d),
    Deformable(DeformConv2d),
}

/// Configuration of [`Bottleneck`].
#[derive(Debug, Clone, PartialEq)]
pub struct BottleneckConfig {
    /// Input channels.
    pub input: usize,
    /// Inner channels; the output has four times as many.
    pub planes: usize,
    /// Stride of the block.
    pub stride: usize,
    /// See [`ResNetConfig::stride_on_first`].
    pub stride_on_first: bool,
    /// Whether the 3x3 convolution is deformable.
    pub deformable: bool,
    /// See [`ResNetConfig::deform_groups`].
    pub deform_groups: usize,
    /// See [`ResNetConfig::norm_eval`].
    pub norm_eval: bool,
}

impl BottleneckConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> Bottleneck {
        let Self { input, planes, stride, stride_on_first, deformable, deform_groups: groups, norm_eval } =
            *self;
        let output = planes * Bottleneck::EXPANSION;
        let (first, second) = if stride_on_first { (stride, 1) } else { (1, stride) };
        Bottleneck {
            conv1: conv2d([input, planes], [1, 1], [first; 2], [0, 0], false, device),
            bn1: norm(planes, norm_eval, device),
            conv2: if deformable {
                let conv = DeformConv2dConfig { channels: [planes; 2], kernel: 3, stride: second, groups };
                Middle::Deformable(conv.init(device))
            } else {
                Middle::Plain(conv2d([planes, planes], [3, 3], [second; 2], [1, 1], false, device))
            },
            bn2: norm(planes, norm_eval, device),
            conv3: conv2d([planes, output], [1, 1], [1, 1], [0, 0], false, device),
            bn3: norm(output, norm_eval, device),
            downsample: projection(input, output, stride, norm_eval, device),
        }
    }
}

/// 1x1, 3x3 and 1x1 convolutions beside a shortcut. Names: `conv1..3`, `conv2.conv_offset` where that is deformable, `bn1..3`,
/// `downsample.{0,1}`.
#[derive(Module, Debug)]
pub struct Bottleneck {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    conv2: Middle,
    bn2: Option<BatchNorm2d>,
    conv3: Conv2d,
    bn3: Option<BatchNorm2d>,
    downsample: Option<(Conv2d, Option<BatchNorm2d>)>,
}

impl Bottleneck {
    const EXPANSION: usize = 4;

    /// `[N, input, H, W] -> [N, 4 * planes, H / stride, W / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = conv_bn(&self.conv1, self.bn1.as_ref(), x.clone(), After::Relu);
        let y = match &self.conv2 {
            Middle::Plain(conv) => conv_bn(conv, self.bn2.as_ref(), y, After::Relu),
            Middle::Deformable(conv) => {
                let y = conv.forward(y);
                match &self.bn2 {
                    Some(bn) => bn.forward_then(y, After::Relu),
                    None => After::Relu.apply(y),
                }
            }
        };
        let x = shortcut(self.downsample.as_ref(), x);
        conv_bn(&self.conv3, self.bn3.as_ref(), y, After::AddRelu(x))
    }
}

fn norm(channels: usize, frozen: bool, device: &Device) -> Option<BatchNorm2d> {
    Some(BatchNorm2dConfig::new(channels).frozen(frozen).init(device))
}

fn projection(
    from: usize,
    to: usize,
    stride: usize,
    norm_eval: bool,
    device: &Device,
) -> Option<(Conv2d, Option<BatchNorm2d>)> {
    (from != to || stride != 1).then(|| {
        (conv2d([from, to], [1, 1], [stride; 2], [0, 0], false, device), norm(to, norm_eval, device))
    })
}

fn shortcut(downsample: Option<&(Conv2d, Option<BatchNorm2d>)>, x: Tensor<4>) -> Tensor<4> {
    match downsample {
        Some((conv, bn)) => conv_bn(conv, bn.as_ref(), x, After::Nothing),
        None => x,
    }
}
