//! The residual networks of later text recognizers: ABINet's and ASTER's with 45 layers (Fang et al. 2021, "ABINet"; Shi et
//! al. 2019, "ASTER") and MASTER's with 31 layers and global context (Lu et al. 2021, "MASTER"), with MMOCR's names.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};

use crate::layers::{BatchNorm2d, BatchNorm2dConfig, ConvBlock, ConvBlockConfig, conv_bn, conv2d, max_pool};
use crate::ops::{After, convolve};

/// Which of the networks it is, and so what its parts are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Abinet,
    Aster,
    Master,
}

/// Configuration of [`TextResNet`].
#[derive(Debug, Clone, PartialEq)]
pub struct TextResNetConfig {
    family: Family,
    stem: Vec<usize>,
    blocks: Vec<usize>,
    channels: Vec<usize>,
    strides: Vec<[usize; 2]>,
    pools: Vec<Option<[usize; 2]>>,
}

impl TextResNetConfig {
    /// ABINet's: `[N, 3, H, W] -> [N, 512, H / 4, W / 4]`.
    pub fn abinet() -> Self {
        Self {
            family: Family::Abinet,
            stem: vec![32],
            blocks: vec![3, 4, 6, 6, 3],
            channels: vec![32, 64, 128, 256, 512],
            strides: vec![[2, 2], [1, 1], [2, 2], [1, 1], [1, 1]],
            pools: vec![None; 5],
        }
    }

    /// ASTER's: `[N, 3, H, W] -> [N, 512, H / 32, W / 4]`.
    pub fn aster() -> Self {
        Self {
            family: Family::Aster,
            strides: vec![[2, 2], [2, 2], [2, 1], [2, 1], [2, 1]],
            ..Self::abinet()
        }
    }

    /// MASTER's: `[N, 3, H, W] -> [N, 512, H / 8, W / 4]`.
    pub fn master() -> Self {
        Self {
            family: Family::Master,
            stem: vec![64, 128],
            blocks: vec![1, 2, 5, 3],
            channels: vec![256, 256, 512, 512],
            strides: vec![[1, 1]; 4],
            pools: vec![Some([2, 2]), Some([2, 2]), Some([2, 1]), None],
        }
    }

    /// With `features` channels in the end in place of 512, and the others in proportion: a multiple of 16 from 32 on.
    #[must_use]
    pub fn scaled(mut self, features: usize) -> Self {
        let last = self.channels.last().copied().unwrap_or(features);
        for channels in self.stem.iter_mut().chain(&mut self.channels) {
            *channels = *channels * features / last;
        }
        self
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> TextResNet {
        let mut from = 3;
        let mut stem_layers = Vec::new();
        let (mut conv1, mut bn1) = (None, None);
        for &to in &self.stem {
            if self.family == Family::Abinet {
                conv1 = Some(conv2d([from, to], [3, 3], [1, 1], [1, 1], true, device));
                bn1 = Some(BatchNorm2dConfig::new(to).init(device));
            } else {
                stem_layers.push(ConvBlockConfig::new([from, to], [3, 3]).init(device));
            }
            from = to;
        }
        let mut stages = Vec::new();
        for ((&blocks, &to), &stride) in self.blocks.iter().zip(&self.channels).zip(&self.strides) {
            let stage: Vec<TextBlock> = (0..blocks)
                .map(|i| {
                    self.block(
                        if i == 0 { from } else { to },
                        to,
                        if i == 0 { stride } else { [1, 1] },
                        device,
                    )
                })
                .collect();
            stages.push(stage);
            from = to;
        }
        let mut stages = stages.into_iter();
        let mut stage = || stages.next().unwrap_or_default();
        let after = |i: usize| {
            let channels = *self.channels.get(i).filter(|_| self.family == Family::Master)?;
            Some(ConvBlockConfig::new([channels, channels], [3, 3]).init(device))
        };
        TextResNet {
            stem_layers,
            conv1,
            bn1,
            layer1: stage(),
            layer2: stage(),
            layer3: stage(),
            layer4: stage(),
            layer5: stage(),
            conv_block_after_stage_1: after(0),
            conv_block_after_stage_2: after(1),
            conv_block_after_stage_3: after(2),
            conv_block_after_stage_4: after(3),
            pools: self.pools.clone(),
        }
    }

    fn block(&self, from: usize, to: usize, stride: [usize; 2], device: &Device) -> TextBlock {
        let norm = || Some(BatchNorm2dConfig::new(to).init(device));
        let first = if self.family == Family::Master { [3, 3] } else { [1, 1] };
        let shortcut = || match self.family {
            Family::Abinet => {
                Shortcut::Pair((conv2d([from, to], [1, 1], stride, [0, 0], false, device), norm()))
            }
            Family::Aster | Family::Master => Shortcut::Block(
                ConvBlockConfig::new([from, to], [1, 1]).stride(stride).relu(false).init(device),
            ),
        };
        TextBlock {
            conv1: conv2d([from, to], first, [1, 1], [first[0] / 2, first[1] / 2], false, device),
            bn1: norm(),
            conv2: conv2d([to, to], [3, 3], stride, [1, 1], false, device),
            bn2: norm(),
            downsample: (from != to || stride != [1, 1]).then(shortcut),
            gca_module: (self.family == Family::Master).then(|| GlobalContext::init(to, device)),
        }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct TextResNet {
    stem_layers: Vec<ConvBlock>,
    conv1: Option<Conv2d>,
    bn1: Option<BatchNorm2d>,
    layer1: Vec<TextBlock>,
    layer2: Vec<TextBlock>,
    layer3: Vec<TextBlock>,
    layer4: Vec<TextBlock>,
    layer5: Vec<TextBlock>,
    conv_block_after_stage_1: Option<ConvBlock>,
    conv_block_after_stage_2: Option<ConvBlock>,
    conv_block_after_stage_3: Option<ConvBlock>,
    conv_block_after_stage_4: Option<ConvBlock>,
    #[module(skip)]
    pools: Vec<Option<[usize; 2]>>,
}

impl TextResNet {
    /// `[N, 3, H, W] -> [N, C, H', W']` as the configuration says.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut x = self.stem_layers.iter().fold(image, |x, layer| layer.forward(x));
        if let Some(conv) = &self.conv1 {
            x = conv_bn(conv, self.bn1.as_ref(), x, After::Relu);
        }
        let stages = [
            (&self.layer1, &self.conv_block_after_stage_1),
            (&self.layer2, &self.conv_block_after_stage_2),
            (&self.layer3, &self.conv_block_after_stage_3),
            (&self.layer4, &self.conv_block_after_stage_4),
            (&self.layer5, &None),
        ];
        for ((blocks, after), pool) in stages.into_iter().zip(&self.pools) {
            if let Some(pool) = *pool {
                x = max_pool(x, pool, pool, [0, 0]);
            }
            x = blocks.iter().fold(x, |x, block| block.forward(x));
            if let Some(conv) = after {
                x = conv.forward(x);
            }
        }
        x
    }
}

/// Two convolutions beside a shortcut; the second has the stride.
#[derive(Module, Debug)]
struct TextBlock {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    conv2: Conv2d,
    bn2: Option<BatchNorm2d>,
    downsample: Option<Shortcut>,
    gca_module: Option<GlobalContext>,
}

#[derive(Module, Debug)]
enum Shortcut {
    /// Named `0` and `1`.
    Pair((Conv2d, Option<BatchNorm2d>)),
    /// Named `conv` and `bn`.
    Block(ConvBlock),
}

impl TextBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(Shortcut::Pair((conv, bn))) => conv_bn(conv, bn.as_ref(), x.clone(), After::Nothing),
            Some(Shortcut::Block(block)) => block.forward(x.clone()),
            None => x.clone(),
        };
        let x = conv_bn(&self.conv1, self.bn1.as_ref(), x, After::Relu);
        match &self.gca_module {
            Some(context) => {
                let x = conv_bn(&self.conv2, self.bn2.as_ref(), x, After::Nothing);
                relu(context.forward(x) + shortcut)
            }
            None => conv_bn(&self.conv2, self.bn2.as_ref(), x, After::AddRelu(shortcut)),
        }
    }
}

/// Global context (Cao et al. 2019, "GCNet"): one weighted mean over the map, added to each of its places.
#[derive(Module, Debug)]
struct GlobalContext {
    conv_mask: Conv2d,
    channel_add_conv: Vec<Option<ContextLayer>>,
}

#[derive(Module, Debug)]
enum ContextLayer {
    Conv(Conv2d),
    Norm(ChannelNorm),
}

/// Layer normalization over the channels of `[N, C, 1, 1]`; weights `[C, 1, 1]`.
#[derive(Module, Debug)]
struct ChannelNorm {
    weight: Param<Tensor<3>>,
    bias: Param<Tensor<3>>,
}

/// Channels of the map to one channel inside the context.
const CONTEXT_RATIO: usize = 16;

impl GlobalContext {
    fn init(channels: usize, device: &Device) -> Self {
        let inner = channels / CONTEXT_RATIO;
        let conv = |from, to| conv2d([from, to], [1, 1], [1, 1], [0, 0], true, device);
        let norm = ChannelNorm {
            weight: Param::from_tensor(Tensor::ones([inner, 1, 1], device)),
            bias: Param::from_tensor(Tensor::zeros([inner, 1, 1], device)),
        };
        Self {
            conv_mask: conv(channels, 1),
            channel_add_conv: vec![
                Some(ContextLayer::Conv(conv(channels, inner))),
                Some(ContextLayer::Norm(norm)),
                // The place of the activation.
                None,
                Some(ContextLayer::Conv(conv(inner, channels))),
            ],
        }
    }

    /// `[N, C, H, W] -> [N, C, H, W]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let weights = convolve(&self.conv_mask, x.clone()).reshape([batch, height * width, 1]);
        let flat = x.clone().reshape([batch, channels, height * width]);
        let mut context = flat.matmul(softmax(weights, 1)).reshape([batch, channels, 1, 1]);
        for layer in &self.channel_add_conv {
            context = match layer {
                Some(ContextLayer::Conv(conv)) => convolve(conv, context),
                Some(ContextLayer::Norm(norm)) => norm.forward(context),
                None => relu(context),
            };
        }
        x + context
    }
}

impl ChannelNorm {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        let normed = centred / (variance + 1e-5).sqrt();
        normed * self.weight.val().unsqueeze::<4>() + self.bias.val().unsqueeze::<4>()
    }
}
