use burn::module::Module;
use burn::nn::Initializer;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::{Device, Tensor};

use crate::ops::{After, convolve, convolve_transposed};

/// Blocks have at most this many output channels.
const MOST_CHANNELS: usize = 256;

/// Configuration of [`FpnUnet`].
#[derive(Debug, Clone, PartialEq)]
pub struct FpnUnetConfig {
    /// Channels of the four input features, fine to coarse.
    pub in_channels: [usize; 4],
    /// Channels of the output.
    pub out_channels: usize,
}

impl FpnUnetConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> FpnUnet {
        let [c2, c3, c4, c5] = self.in_channels;
        let out = self.out_channels;
        let [b1, b2, b3, b4] = [1, 2, 4, 8].map(|times| (out * times).min(MOST_CHANNELS));
        let block = |from, to| UpBlock {
            conv1x1: conv([from, from], 1, device),
            conv3x3: conv([from, to], 3, device),
            deconv: double([to, to], device),
        };
        FpnUnet {
            up4: double([c5, b4], device),
            up_block3: block(c4 + b4, b3),
            up_block2: block(c3 + b3, b2),
            up_block1: block(c2 + b2, b1),
            up_block0: block(b1, out),
        }
    }
}

/// A convolution of stride 1 that keeps the size.
fn conv(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    let pad = kernel / 2;
    Conv2dConfig::new(channels, [kernel; 2])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_initializer(Initializer::XavierUniform { gain: 1.0 })
        .init(device)
}

/// A transposed convolution that doubles the size.
fn double(channels: [usize; 2], device: &Device) -> ConvTranspose2d {
    ConvTranspose2dConfig::new(channels, [4, 4]).with_stride([2, 2]).with_padding([1, 1]).init(device)
}

/// Feature pyramid in the manner of a U-Net, whose output is as large as the picture (TextSnake, Long et al. 2018; DRRG,
/// Zhang et al. 2020). Names: `up4`, `up_block{3,2,1,0}.{conv1x1,conv3x3,deconv}`.
#[derive(Module, Debug)]
pub struct FpnUnet {
    up4: ConvTranspose2d,
    up_block3: UpBlock,
    up_block2: UpBlock,
    up_block1: UpBlock,
    up_block0: UpBlock,
}

impl FpnUnet {
    /// Features `[N, in_channels[i], H / 4, W / 4]` to `[.., H / 32, W / 32]`, fine to coarse -> `[N, out_channels, H, W]`.
    ///
    /// # Panics
    /// Where there are not four features.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        let [c2, c3, c4, c5]: [Tensor<4>; 4] = features
            .try_into()
            .unwrap_or_else(|f: Vec<_>| panic!("four features are needed, not {}", f.len()));
        let mut x = After::Relu.apply(convolve_transposed(&self.up4, c5));
        for (block, finer) in [(&self.up_block3, c4), (&self.up_block2, c3), (&self.up_block1, c2)] {
            x = After::Relu.apply(block.forward(Tensor::cat(vec![x, finer], 1)));
        }
        self.up_block0.forward(x)
    }
}

/// 1x1 and 3x3 convolutions with ReLU, then a transposed convolution.
#[derive(Module, Debug)]
struct UpBlock {
    conv1x1: Conv2d,
    conv3x3: Conv2d,
    deconv: ConvTranspose2d,
}

impl UpBlock {
    /// `[N, from, H, W] -> [N, to, 2H, 2W]`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = After::Relu.apply(convolve(&self.conv1x1, x));
        let x = After::Relu.apply(convolve(&self.conv3x3, x));
        convolve_transposed(&self.deconv, x)
    }
}
