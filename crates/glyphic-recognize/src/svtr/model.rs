#![allow(non_snake_case, reason = "fields are the checkpoint's names")]

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, hard_sigmoid};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use glyphic_core::Symbol;
use glyphic_graph::Graph;
use glyphic_nn::capture::capture;
use glyphic_nn::layers::{
    ConvBlock, ConvBlockConfig, DropPath, Mlp, QkvAttention, Stn, StnConfig, conv2d, linear_rows,
};
use glyphic_nn::ops::convolve;

use super::SvtrConfig;
use super::config::PATCH;
use crate::attention::positions;
use crate::model::{Learn, LineBatch};
use crate::network::DeviceNetwork;
use crate::{CtcLoss, Reduction, Result, Width};

/// Features inside a block's network for each of its channels.
const RATIO: usize = 4;

/// SVTR.
#[derive(Module, Debug)]
pub struct Svtr {
    /// What rectifies crops before it, if anything.
    pub preprocessor: Option<Stn>,
    /// From pictures to columns of features.
    pub encoder: SvtrEncoder,
    decoder: Classes,
}

/// MMOCR's `SVTRDecoder`.
#[derive(Module, Debug)]
struct Classes {
    decoder: Linear,
}

/// MMOCR's `SVTREncoder`.
#[derive(Module, Debug)]
pub struct SvtrEncoder {
    patch_embed: Patches,
    absolute_pos_embed: Param<Tensor<3>>,
    blocks1: Vec<MixingBlock>,
    downsample1: Merging,
    blocks2: Vec<MixingBlock>,
    downsample2: Merging,
    blocks3: Vec<MixingBlock>,
    layer_norm: LayerNorm,
    last_conv: Conv2d,
    dropout: Dropout,
    /// Rows and columns of patches.
    size: [usize; 2],
    columns: usize,
}

#[derive(Module, Debug)]
struct Patches {
    net: Convs,
}

/// Two convolutions that halve each side, with GELU behind each.
#[derive(Module, Debug)]
struct Convs {
    ConvModule0: ConvBlock,
    ConvModule1: ConvBlock,
}

/// Half the rows and more channels, between two stages.
#[derive(Module, Debug)]
struct Merging {
    conv: Conv2d,
    norm: LayerNorm,
}

/// Attention among patches, and a network for each of them.
#[derive(Module, Debug)]
pub struct MixingBlock {
    norm1: LayerNorm,
    mixer: QkvAttention,
    norm2: LayerNorm,
    mlp: Mlp,
    drop_path: DropPath,
}

impl MixingBlock {
    /// `[N, h * w, C] -> [N, h * w, C]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mixed = self.mixer.forward(self.norm1.forward(x.clone()));
        let x = x + self.drop_path.forward(mixed);
        let inner = self.mlp.forward(self.norm2.forward(x.clone()));
        x + self.drop_path.forward(inner)
    }
}

impl Merging {
    fn init(from: usize, to: usize, device: &Device) -> Self {
        Self {
            conv: conv2d([from, to], [3, 3], [2, 1], [1, 1], true, device),
            norm: LayerNormConfig::new(to).with_epsilon(1e-5).init(device),
        }
    }

    /// `[N, h * w, from] -> [N, h / 2 * w, to]`
    fn forward(&self, x: Tensor<3>, size: [usize; 2]) -> Tensor<3> {
        self.norm.forward(positions(convolve(&self.conv, map(x, size))))
    }
}

/// Positions in row-major order as a map: `[N, h * w, C] -> [N, C, h, w]`.
fn map(x: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, _, channels] = x.dims();
    x.swap_dims(1, 2).reshape([batch, channels, height, width])
}

/// What a patch's attention adds to its logits: 0 for those around it and minus infinity elsewhere, `[1, 1, h * w, h * w]`.
fn around([height, width]: [usize; 2], window: [usize; 2], device: &Device) -> Tensor<4> {
    let count = height * width;
    let [up, left] = window.map(|side| side / 2);
    let seen = |(from, to): (usize, usize)| {
        let near = |a: usize, b: usize, reach: usize| a.abs_diff(b) <= reach;
        near(from / width, to / width, up) && near(from % width, to % width, left)
    };
    let mask: Vec<f32> = (0..count)
        .flat_map(|from| (0..count).map(move |to| (from, to)))
        .map(|pair| if seen(pair) { 0.0 } else { f32::NEG_INFINITY })
        .collect();
    Tensor::from_data(TensorData::new(mask, [1, 1, count, count]), device)
}

impl SvtrConfig {
    /// A network with random weights for `classes` classes, the blank included.
    pub fn init(&self, classes: usize, device: &Device) -> Svtr {
        let channels = self.input.channels.count();
        let stn = StnConfig { channels, size: self.size, ..StnConfig::default() };
        Svtr {
            preprocessor: self.rectify.then(|| stn.init(device)),
            encoder: self.encoder(channels, device),
            // Burn's initialization of linear layers, even within 1 / sqrt(from), is the reference's.
            decoder: Classes { decoder: LinearConfig::new(self.features, classes).init(device) },
        }
    }

    fn encoder(&self, channels: usize, device: &Device) -> SvtrEncoder {
        let norm = |features: usize| LayerNormConfig::new(features).with_epsilon(1e-6).init(device);
        let [height, width] = self.size.map(|side| side / PATCH);
        let total: usize = self.depths.iter().sum();
        let stage = |stage: usize| -> Vec<MixingBlock> {
            let first: usize = self.depths[..stage].iter().sum();
            let features = self.channels[stage];
            let size = [height >> stage, width];
            let block = |i: usize| {
                let number = first + i;
                let mask = (number < self.local).then(|| around(size, self.window, device));
                MixingBlock {
                    norm1: norm(features),
                    mixer: QkvAttention::init(features, self.heads[stage], mask, device),
                    norm2: norm(features),
                    mlp: Mlp::init(features, RATIO * features, device),
                    drop_path: DropPath::init(self.drop_path * number as f64 / (total - 1).max(1) as f64),
                }
            };
            (0..self.depths[stage]).map(block).collect()
        };
        let [first, second, third] = self.channels;
        let halve =
            |from, to| ConvBlockConfig::new([from, to], [3, 3]).stride([2, 2]).relu(false).init(device);
        let places = Tensor::random([1, height * width, first], Distribution::Normal(0.0, 0.02), device);
        SvtrEncoder {
            patch_embed: Patches {
                net: Convs { ConvModule0: halve(channels, first / 2), ConvModule1: halve(first / 2, first) },
            },
            absolute_pos_embed: Param::from_tensor(places),
            blocks1: stage(0),
            downsample1: Merging::init(first, second, device),
            blocks2: stage(1),
            downsample2: Merging::init(second, third, device),
            blocks3: stage(2),
            layer_norm: norm(third),
            last_conv: conv2d([third, self.features], [1, 1], [1, 1], [0, 0], false, device),
            dropout: DropoutConfig::new(self.dropout).init(),
            size: [height, width],
            columns: self.columns,
        }
    }
}

impl SvtrEncoder {
    /// `[N, channels, H, W] -> [N, features, 1, columns]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let net = &self.patch_embed.net;
        let x = gelu(net.ConvModule1.forward(gelu(net.ConvModule0.forward(image))));
        let x = positions(x) + self.absolute_pos_embed.val();
        let mixed = |x, blocks: &[MixingBlock]| blocks.iter().fold(x, |x, block| block.forward(x));
        let [height, width] = self.size;
        let x = self.downsample1.forward(mixed(x, &self.blocks1), [height, width]);
        let x = self.downsample2.forward(mixed(x, &self.blocks2), [height / 2, width]);
        let x = map(self.layer_norm.forward(mixed(x, &self.blocks3)), [height / 4, width]);
        let [batch, channels, _, _] = x.dims();
        let x = x.mean_dim(2).reshape([batch, channels, self.columns, width / self.columns]).mean_dim(3);
        let x = convolve(&self.last_conv, x.reshape([batch, channels, 1, self.columns]));
        self.dropout.forward(x.clone() * hard_sigmoid(x, 1.0 / 6.0, 0.5))
    }
}

impl Svtr {
    /// Logits: `[N, channels, H, W] -> [N, columns, classes]`, H and W as the configuration's input gives them.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let image = match &self.preprocessor {
            Some(stn) => stn.forward(image),
            None => image,
        };
        let x = self.encoder.forward(image).squeeze_dim::<3>(2).swap_dims(1, 2);
        linear_rows(&self.decoder.decoder, x)
    }
}

impl Learn for SvtrConfig {
    type Net = Svtr;

    fn init(&self, classes: usize, device: &Device) -> Svtr {
        self.init(classes, device)
    }

    fn graph(&self, net: &Svtr) -> glyphic_nn::Result<Graph> {
        capture("svtr", net, |net, tape| {
            let image = tape.input("image", self.input.fixed_axes());
            tape.output("logits", net.forward(image));
        })
    }

    fn on_device(&self, net: Svtr) -> DeviceNetwork {
        DeviceNetwork::Whole(Box::new(move |image| net.forward(image)))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.codec()?.target(text, self.columns)?)
    }

    /// MMOCR's `CTCModuleLoss`: over all time steps, padding included.
    fn loss(&self, net: &Svtr, batch: &LineBatch) -> Result<Tensor<1>> {
        let blank = crate::Model::vocab(self)?.special(Symbol::Blank).unwrap_or(0);
        let loss = CtcLoss { blank, reduction: Reduction::Mean, zero_infinity: true };
        let steps = vec![self.columns; batch.targets.len()];
        loss.forward(net.forward(batch.image.clone()), batch.targets, &steps, &[])
    }
}
