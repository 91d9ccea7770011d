use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layers::{ConvBlock, ConvBlockConfig, upsample_bilinear};

/// Configuration of [`FpnOcr`].
#[derive(Debug, Clone, PartialEq)]
pub struct FpnOcrConfig {
    /// Channels of the input features, fine to coarse; at least one.
    pub in_channels: Vec<usize>,
    /// Channels of the output.
    pub out_channels: usize,
}

impl FpnOcrConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> FpnOcr {
        let out = self.out_channels;
        let conv = |from, kernel| ConvBlockConfig::new([from, out], kernel).init(device);
        let smooth = |from, kernel| (1..self.in_channels.len()).map(|_| conv(from, kernel)).collect();
        FpnOcr {
            lateral_convs: self.in_channels.iter().map(|&from| conv(from, [1, 1])).collect(),
            smooth_convs_1x1: smooth(2 * out, [1, 1]),
            smooth_convs_3x3: smooth(out, [3, 3]),
        }
    }
}

/// Feature pyramid of segmentation-based recognition (MMOCR's `FPNOCR`): each level is joined to the one above it, twice as
/// large. Names: `lateral_convs.<i>.{conv,bn}`, `smooth_convs_1x1.<i>.{conv,bn}`, `smooth_convs_3x3.<i>.{conv,bn}`.
#[derive(Module, Debug)]
pub struct FpnOcr {
    lateral_convs: Vec<ConvBlock>,
    smooth_convs_1x1: Vec<ConvBlock>,
    smooth_convs_3x3: Vec<ConvBlock>,
}

impl FpnOcr {
    /// Features `[N, in_channels[i], H / 2^i, W / 2^i]` to `[N, out_channels, H, W]`.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        let mut laterals: Vec<Tensor<4>> =
            self.lateral_convs.iter().zip(features).map(|(conv, x)| conv.forward(x)).collect();
        let mut above = laterals.pop().unwrap_or_else(|| panic!("a pyramid without features"));
        for (i, lateral) in laterals.into_iter().enumerate().rev() {
            let [_, _, height, width] = above.dims();
            let upsampled = upsample_bilinear(above, [2 * height, 2 * width], false);
            let x = self.smooth_convs_1x1[i].forward(Tensor::cat(vec![upsampled, lateral], 1));
            above = self.smooth_convs_3x3[i].forward(x);
        }
        above
    }
}
