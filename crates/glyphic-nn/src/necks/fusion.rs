use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use crate::layers::{ConvBlock, ConvBlockConfig};

/// Configuration of [`ScaleFusion`] and the convolution before it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleFusionConfig {
    /// Channels of all levels together.
    pub channels: usize,
    /// The number of levels.
    pub levels: usize,
}

impl ScaleFusionConfig {
    /// Makes the convolution and the attention.
    pub fn init(&self, device: &Device) -> (ConvBlock, ScaleFusion) {
        let Self { channels, levels } = *self;
        let block = |from, to, kernel| ConvBlockConfig::new([from, to], [kernel; 2]).norm(false);
        let relu = |from, to, kernel| block(from, to, kernel).init(device);
        let plain = |from, to, kernel| block(from, to, kernel).relu(false).init(device);
        let inner = channels / 4;
        let attention = ScaleFusion {
            channel_wise: vec![relu(channels, inner, 1), plain(inner, channels, 1)],
            spatial_wise: vec![relu(1, 1, 3), plain(1, 1, 1)],
            attention_wise: plain(channels, levels, 1),
        };
        (block(channels, channels, 3).bias(true).relu(false).init(device), attention)
    }
}

/// The attention of DBNet++ (Liao et al. 2022, "Real-Time Scene Text Detection with Differentiable Binarization and Adaptive
/// Scale Fusion"): over channels, then over pixels, then of each level. Names: `channel_wise.{0,1}.conv`,
/// `spatial_wise.{0,1}.conv`, `attention_wise.conv`.
#[derive(Module, Debug)]
pub struct ScaleFusion {
    channel_wise: Vec<ConvBlock>,
    spatial_wise: Vec<ConvBlock>,
    attention_wise: ConvBlock,
}

impl ScaleFusion {
    /// `[N, channels, H, W]` -> how much each level counts at each pixel, `[N, levels, H, W]`, 0 to 1.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let through =
            |convs: &[ConvBlock], x: Tensor<4>| sigmoid(convs.iter().fold(x, |x, conv| conv.forward(x)));
        let mean = x.clone().mean_dim(3).mean_dim(2);
        let x = x + through(&self.channel_wise, mean);
        let x = x.clone() + through(&self.spatial_wise, x.mean_dim(1));
        sigmoid(self.attention_wise.forward(x))
    }
}
