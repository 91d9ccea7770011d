use burn::module::Module;
use burn::nn::conv::{Conv2d, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::{ConvBlock, ConvBlockConfig, conv2d};
use glyphic_nn::necks::{Fpn, FpnConfig};
use glyphic_nn::ops::{convolve, convolve_transposed};

use super::MaskRcnnConfig;
use super::engine::{BOX_CELLS, CLASSES};

/// Channels of the box head's hidden layers.
const HIDDEN: usize = 1024;

/// Convolutions of the mask head.
const MASK_CONVS: usize = 4;

/// Backbone, neck and heads. Names: `backbone.*`, `neck.*`, `rpn_head.rpn_{conv,cls,reg}`,
/// `roi_head.bbox_head.{shared_fcs.<i>,fc_cls,fc_reg}`, `roi_head.mask_head.{convs.<i>.conv,upsample,conv_logits}`.
#[derive(Module, Debug)]
pub struct MaskRcnn {
    backbone: ResNet,
    neck: Fpn,
    rpn_head: RpnHead,
    roi_head: RoiHead,
}

#[derive(Module, Debug)]
struct RpnHead {
    rpn_conv: Conv2d,
    rpn_cls: Conv2d,
    rpn_reg: Conv2d,
}

#[derive(Module, Debug)]
struct RoiHead {
    bbox_head: BoxHead,
    mask_head: MaskHead,
}

#[derive(Module, Debug)]
struct BoxHead {
    shared_fcs: Vec<Linear>,
    fc_cls: Linear,
    fc_reg: Linear,
}

#[derive(Module, Debug)]
struct MaskHead {
    convs: Vec<ConvBlock>,
    upsample: ConvTranspose2d,
    conv_logits: Conv2d,
}

/// What is said of the anchors of a level.
#[derive(Debug, Clone)]
pub struct RpnMaps {
    /// Logits of "there is something", `[N, anchors, h, w]`.
    pub scores: Tensor<4>,
    /// How each is moved, `[N, 4 * anchors, h, w]`: x, y, width and height of the first, and so on.
    pub deltas: Tensor<4>,
}

impl MaskRcnnConfig {
    /// Makes the network with fresh weights.
    pub fn init(&self, device: &Device) -> MaskRcnn {
        let backbone = self.backbone.network();
        let channels = self.neck_channels;
        let neck = FpnConfig {
            in_channels: backbone.channels().to_vec(),
            out_channels: channels,
            outputs: Self::STRIDES.len(),
        };
        let conv =
            |to, kernel: usize| conv2d([channels, to], [kernel; 2], [1, 1], [kernel / 2; 2], true, device);
        let anchors = self.anchors.ratios.len();
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let [rows, columns] = BOX_CELLS;
        let block = || ConvBlockConfig::new([channels; 2], [3, 3]).bias(true).norm(false).init(device);
        MaskRcnn {
            backbone: backbone.init(device),
            neck: neck.init(device),
            rpn_head: RpnHead {
                rpn_conv: conv(channels, 3),
                rpn_cls: conv(anchors, 1),
                rpn_reg: conv(4 * anchors, 1),
            },
            roi_head: RoiHead {
                bbox_head: BoxHead {
                    shared_fcs: vec![linear(channels * rows * columns, HIDDEN), linear(HIDDEN, HIDDEN)],
                    fc_cls: linear(HIDDEN, CLASSES),
                    fc_reg: linear(HIDDEN, 4),
                },
                mask_head: MaskHead {
                    convs: (0..MASK_CONVS).map(|_| block()).collect(),
                    upsample: ConvTranspose2dConfig::new([channels; 2], [2, 2])
                        .with_stride([2, 2])
                        .init(device),
                    conv_logits: conv(1, 1),
                },
            },
        }
    }
}

impl MaskRcnn {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the levels of the pyramid, 1/4 to 1/64 of the size.
    pub fn levels(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.neck.forward(self.backbone.forward(x))
    }

    /// A level `[N, C, h, w]` -> what is said of its anchors.
    pub fn rpn(&self, level: Tensor<4>) -> RpnMaps {
        let head = &self.rpn_head;
        let x = relu(convolve(&head.rpn_conv, level));
        RpnMaps { scores: convolve(&head.rpn_cls, x.clone()), deltas: convolve(&head.rpn_reg, x) }
    }

    /// Levels under proposals, `[proposals, C, 7, 7]` -> logits of text and of background `[proposals, 2]`, and how each
    /// proposal is moved `[proposals, 4]`.
    pub fn boxes(&self, features: Tensor<4>) -> [Tensor<2>; 2] {
        let head = &self.roi_head.bbox_head;
        let x: Tensor<2> = features.flatten(1, 3);
        let x = head.shared_fcs.iter().fold(x, |x, layer| relu(layer.forward(x)));
        [head.fc_cls.forward(x.clone()), head.fc_reg.forward(x)]
    }

    /// Levels under boxes, `[boxes, C, 14, 14]` -> logits of the masks in the boxes, `[boxes, 1, 28, 28]`.
    pub fn masks(&self, features: Tensor<4>) -> Tensor<4> {
        let head = &self.roi_head.mask_head;
        let x = head.convs.iter().fold(features, |x, conv| conv.forward(x));
        convolve(&head.conv_logits, relu(convolve_transposed(&head.upsample, x)))
    }
}
