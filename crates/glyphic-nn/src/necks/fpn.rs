use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layers::{ConvBlock, ConvBlockConfig, max_pool, upsample_nearest};

/// Configuration of [`Fpn`].
#[derive(Debug, Clone, PartialEq)]
pub struct FpnConfig {
    /// Channels of the input features, fine to coarse.
    pub in_channels: Vec<usize>,
    /// Channels of every output.
    pub out_channels: usize,
    /// Number of outputs: those beyond the inputs' number take every second pixel of the one before.
    pub outputs: usize,
}

impl FpnConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> Fpn {
        let out = self.out_channels;
        let plain = |from, kernel: usize| {
            ConvBlockConfig::new([from, out], [kernel; 2]).bias(true).norm(false).relu(false).init(device)
        };
        Fpn {
            lateral_convs: self.in_channels.iter().map(|&from| plain(from, 1)).collect(),
            fpn_convs: self.in_channels.iter().map(|_| plain(out, 3)).collect(),
            outputs: self.outputs,
        }
    }
}

/// Feature pyramid (Lin et al. 2017, "Feature Pyramid Networks for Object Detection") with mmdet's names:
/// `lateral_convs.<i>.conv`, `fpn_convs.<i>.conv`.
#[derive(Module, Debug)]
pub struct Fpn {
    lateral_convs: Vec<ConvBlock>,
    fpn_convs: Vec<ConvBlock>,
    outputs: usize,
}

impl Fpn {
    /// Features `[N, in_channels[i], H_i, W_i]`, fine to coarse -> `[N, out_channels, H_i, W_i]` each, then the extra ones,
    /// each half as large as the one before, rounded up.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let laterals = features.into_iter().zip(&self.lateral_convs).map(|(x, conv)| conv.forward(x));
        let mut levels: Vec<Tensor<4>> = laterals.collect();
        for fine in (0..levels.len().saturating_sub(1)).rev() {
            let [_, _, height, width] = levels[fine].dims();
            let coarse = upsample_nearest(levels[fine + 1].clone(), [height, width]);
            levels[fine] = levels[fine].clone() + coarse;
        }
        let mut outputs: Vec<Tensor<4>> =
            levels.into_iter().zip(&self.fpn_convs).map(|(x, conv)| conv.forward(x)).collect();
        while outputs.len() < self.outputs {
            let Some(last) = outputs.last() else { break };
            outputs.push(max_pool(last.clone(), [1, 1], [2, 2], [0, 0]));
        }
        outputs
    }
}
