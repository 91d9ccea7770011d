use burn::Tensor;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use glyphic_core::Page;
use glyphic_nn::Device;
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::conv2d;
use glyphic_nn::necks::{FpemFfm, FpemFfmConfig};
use glyphic_nn::ops::convolve;

use super::PanNetConfig;
use crate::Result;
use crate::engine::{DetectorNetwork, TrainableDetector};
use crate::targets::KernelMaps;

/// Text, kernel and an embedding of four values.
const MAPS: usize = 6;

/// Backbone, neck and head. Names: `backbone.*`, `neck.*`, `bbox_head.out_conv`.
#[derive(Module, Debug)]
pub struct PanNet {
    backbone: ResNet,
    neck: FpemFfm,
    bbox_head: Head,
}

#[derive(Module, Debug)]
struct Head {
    out_conv: Conv2d,
}

impl PanNet {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the backbone's features at 1/4, 1/8, 1/16 and 1/32.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.backbone.forward(x)
    }

    /// Features -> the neck's four outputs `[N, channels, H/4, W/4]`.
    pub fn fuse(&self, features: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.neck.forward(features)
    }

    /// The neck's outputs -> `[N, 6, H/4, W/4]`: the logits of text and kernel and an embedding of four values.
    pub fn maps(&self, levels: Vec<Tensor<4>>) -> Tensor<4> {
        convolve(&self.bbox_head.out_conv, Tensor::cat(levels, 1))
    }

    /// `[N, 3, H, W]` -> `[N, 6, H/4, W/4]`, as [`PanNet::maps`].
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.maps(self.fuse(self.features(x)))
    }
}

impl DetectorNetwork for PanNetConfig {
    type Net = PanNet;

    fn init(&self, device: &Device) -> PanNet {
        let neck = FpemFfmConfig {
            channels: self.neck.channels,
            repeat: self.neck.repeat,
            align_corners: self.neck.align_corners,
            ..FpemFfmConfig::new(self.backbone.channels())
        };
        let out_conv = conv2d([4 * self.neck.channels, MAPS], [1, 1], [1, 1], [0, 0], true, device);
        PanNet {
            backbone: self.backbone.network().init(device),
            neck: neck.init(device),
            bbox_head: Head { out_conv },
        }
    }

    fn forward(&self, net: &PanNet, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
        vec![("maps", net.forward(image))]
    }
}

impl TrainableDetector for PanNetConfig {
    type Targets = KernelMaps;

    fn targets(&self, page: &Page, _: &mut dyn rand::Rng) -> Result<KernelMaps, String> {
        self.targets.maps(page).map_err(|e| e.to_string())
    }

    fn loss(&self, net: &PanNet, images: Tensor<4>, targets: &[KernelMaps]) -> Result<Tensor<1>> {
        Ok(self.loss.forward(&net.forward(images), targets).total())
    }
}
