use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::conv2d;
use glyphic_nn::necks::{Fpn, FpnConfig};
use glyphic_nn::ops::convolve;
use glyphic_regions::fcenet::CLASSES;

use super::FceNetConfig;

/// Backbone, neck and head. Names: `backbone.*`, `neck.*`, `bbox_head.out_conv_{cls,reg}`.
#[derive(Module, Debug)]
pub struct FceNet {
    backbone: ResNet,
    neck: Fpn,
    bbox_head: FceHead,
}

/// One head for all levels.
#[derive(Module, Debug)]
struct FceHead {
    out_conv_cls: Conv2d,
    out_conv_reg: Conv2d,
}

/// The maps of a level.
#[derive(Debug, Clone)]
pub struct FceMaps {
    /// Logits `[N, 4, h, w]`: not text, text, not centre, centre.
    pub classes: Tensor<4>,
    /// Fourier signatures `[N, 2 * (2 * degree + 1), h, w]`: all x, then all y.
    pub signatures: Tensor<4>,
}

impl FceNetConfig {
    /// Makes the network with fresh weights.
    pub fn init(&self, device: &Device) -> FceNet {
        let backbone = self.backbone.network();
        let neck = FpnConfig {
            in_channels: backbone.channels()[1..].to_vec(),
            out_channels: self.neck_channels,
            outputs: Self::STRIDES.len(),
        };
        let conv = |to| conv2d([self.neck_channels, to], [3, 3], [1, 1], [1, 1], true, device);
        let bbox_head =
            FceHead { out_conv_cls: conv(CLASSES), out_conv_reg: conv(2 * (2 * self.decode.degree + 1)) };
        FceNet { backbone: backbone.init(device), neck: neck.init(device), bbox_head }
    }
}

impl FceNet {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the backbone's features at 1/8, 1/16 and 1/32 of the size.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.backbone.forward(x).split_off(1)
    }

    /// Features -> as many levels `[N, C, h, w]`.
    pub fn neck(&self, features: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.neck.forward(features)
    }

    /// A level of the neck -> its maps.
    pub fn maps(&self, x: Tensor<4>) -> FceMaps {
        FceMaps {
            classes: convolve(&self.bbox_head.out_conv_cls, x.clone()),
            signatures: convolve(&self.bbox_head.out_conv_reg, x),
        }
    }

    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the maps of three levels, 1/8, 1/16 and 1/32 of the size.
    pub fn forward(&self, x: Tensor<4>) -> Vec<FceMaps> {
        self.neck(self.features(x)).into_iter().map(|level| self.maps(level)).collect()
    }
}
