use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::conv2d;
use glyphic_nn::necks::{FpnUnet, FpnUnetConfig};
use glyphic_nn::ops::convolve;

use super::TextSnakeConfig;

/// Maps of the head: text, centre line, sine, cosine, radius.
const MAPS: usize = 5;

/// Backbone, neck and head. Names: `backbone.*`, `neck.*`, `bbox_head.out_conv`.
#[derive(Module, Debug)]
pub struct TextSnake {
    backbone: ResNet,
    neck: FpnUnet,
    bbox_head: SnakeHead,
}

#[derive(Module, Debug)]
struct SnakeHead {
    out_conv: Conv2d,
}

impl TextSnakeConfig {
    /// Makes the network with fresh weights.
    pub fn init(&self, device: &Device) -> TextSnake {
        let backbone = self.backbone.network();
        let neck = FpnUnetConfig { in_channels: backbone.channels(), out_channels: self.neck_channels };
        let out_conv = conv2d([self.neck_channels, MAPS], [1, 1], [1, 1], [0, 0], true, device);
        TextSnake {
            backbone: backbone.init(device),
            neck: neck.init(device),
            bbox_head: SnakeHead { out_conv },
        }
    }
}

impl TextSnake {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> features of 1/4 to 1/32 of the size.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.backbone.forward(x)
    }

    /// Features -> the neck's output, `[N, C, H, W]`.
    pub fn neck(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        self.neck.forward(features)
    }

    /// The neck's output -> maps `[N, 5, H, W]`: logits of text and centre line, sine and cosine of the direction, radius.
    pub fn maps(&self, x: Tensor<4>) -> Tensor<4> {
        convolve(&self.bbox_head.out_conv, x)
    }

    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> maps `[N, 5, H, W]` as [`TextSnake::maps`] gives them.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.maps(self.neck(self.features(x)))
    }
}
