use burn::Tensor;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use glyphic_core::Page;
use glyphic_nn::Device;
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::conv2d;
use glyphic_nn::necks::{Fpnf, FpnfConfig, FpnfFusion};
use glyphic_nn::ops::convolve;

use super::{PseFusion, PseNetConfig};
use crate::Result;
use crate::engine::{DetectorNetwork, TrainableDetector};
use crate::targets::KernelMaps;

/// Backbone, neck and head. Names: `backbone.*`, `neck.*`, `bbox_head.out_conv`.
#[derive(Module, Debug)]
pub struct PseNet {
    backbone: ResNet,
    neck: Fpnf,
    bbox_head: Head,
}

#[derive(Module, Debug)]
struct Head {
    out_conv: Conv2d,
}

impl PseNet {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the backbone's features at 1/4, 1/8, 1/16 and 1/32.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.backbone.forward(x)
    }

    /// Features -> the neck's output `[N, out_channels, H/4, W/4]`.
    pub fn fuse(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        self.neck.forward(features)
    }

    /// The neck's output -> logits of the kernels `[N, kernels, H/4, W/4]`, the whole text first.
    pub fn kernels(&self, x: Tensor<4>) -> Tensor<4> {
        convolve(&self.bbox_head.out_conv, x)
    }

    /// `[N, 3, H, W]` -> logits of the kernels `[N, kernels, H/4, W/4]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.kernels(self.fuse(self.features(x)))
    }
}

impl DetectorNetwork for PseNetConfig {
    type Net = PseNet;

    fn init(&self, device: &Device) -> PseNet {
        let neck = FpnfConfig {
            out_channels: self.neck.out_channels,
            fusion: match self.neck.fusion {
                PseFusion::Concat => FpnfFusion::Concat,
                PseFusion::Add => FpnfFusion::Add,
            },
            ..FpnfConfig::new(&self.backbone.channels())
        };
        let kernels = self.targets.shrink_ratio.len();
        let out_conv = conv2d([self.neck.out_channels, kernels], [1, 1], [1, 1], [0, 0], true, device);
        PseNet {
            backbone: self.backbone.network().init(device),
            neck: neck.init(device),
            bbox_head: Head { out_conv },
        }
    }

    fn forward(&self, net: &PseNet, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
        vec![("kernels", net.forward(image))]
    }
}

impl TrainableDetector for PseNetConfig {
    type Targets = KernelMaps;

    fn targets(&self, page: &Page, _: &mut dyn rand::Rng) -> Result<KernelMaps, String> {
        self.targets.maps(page).map_err(|e| e.to_string())
    }

    fn loss(&self, net: &PseNet, images: Tensor<4>, targets: &[KernelMaps]) -> Result<Tensor<1>> {
        Ok(self.loss.forward(&net.forward(images), targets).total())
    }
}
