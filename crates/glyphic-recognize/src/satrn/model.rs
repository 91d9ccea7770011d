use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig, LayerNorm, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::layers::{
    BatchNorm2d, BatchNorm2dConfig, ConvBlock, ConvBlockConfig, MultiHeadAttention, TransformerConfig,
    attention_bias, blocked_columns, conv_bn, conv2d, max_pool, sinusoids,
};
use glyphic_nn::ops::{After, convolve};

use super::SatrnConfig;
use super::config::{POSITIONS, STRIDE};
use crate::attention::{positions, step_loss};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, StepAxes, capture_steps};
use crate::nrtr::{TfDecoder, TfNetwork};
use crate::{Reduction, Result, Width};

/// SATRN.
#[derive(Module, Debug)]
pub struct Satrn {
    /// From crops to maps.
    pub backbone: ShallowCnn,
    /// Over the positions of a map.
    pub encoder: SatrnEncoder,
    /// Writes class by class.
    pub decoder: TfDecoder,
}

/// MMOCR's `ShallowCNN`.
#[derive(Module, Debug)]
pub struct ShallowCnn {
    conv1: ConvBlock,
    conv2: ConvBlock,
}

impl ShallowCnn {
    /// `[N, channels, H, W] -> [N, model, H / 4, W / 4]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let halved = |x| max_pool(x, [2, 2], [2, 2], [0, 0]);
        halved(self.conv2.forward(halved(self.conv1.forward(image))))
    }
}

/// MMOCR's `SatrnEncoder`.
#[derive(Module, Debug)]
pub struct SatrnEncoder {
    position_enc: PositionScales,
    layer_stack: Vec<SatrnLayer>,
    layer_norm: LayerNorm,
}

/// MMOCR's `Adaptive2DPositionalEncoding`: encodings of rows and columns, weighted by what the picture holds.
#[derive(Module, Debug)]
pub struct PositionScales {
    h_position_encoder: Param<Tensor<4>>,
    w_position_encoder: Param<Tensor<4>>,
    h_scale: Vec<Option<Conv2d>>,
    w_scale: Vec<Option<Conv2d>>,
    dropout: Dropout,
}

/// Self-attention, and a network of convolutions.
#[derive(Module, Debug)]
struct SatrnLayer {
    norm1: LayerNorm,
    attn: MultiHeadAttention,
    norm2: LayerNorm,
    feed_forward: LocalityAware,
}

#[derive(Module, Debug)]
struct LocalityAware {
    conv1: ConvBlock,
    depthwise_conv: Depthwise,
    conv2: ConvBlock,
}

/// A 3x3 convolution of each channel, batch normalization, ReLU.
#[derive(Module, Debug)]
struct Depthwise {
    conv: Conv2d,
    bn: Option<BatchNorm2d>,
}

impl PositionScales {
    fn init(features: usize, dropout: f64, device: &Device) -> Self {
        let table = || {
            let table = TensorData::new(sinusoids(POSITIONS, features), [POSITIONS, features]);
            Tensor::<2>::from_data(table, device).transpose()
        };
        let fixed = |shape: [usize; 4]| Param::from_tensor(table().reshape(shape)).set_require_grad(false);
        let scale = || {
            let conv = || Some(conv2d([features, features], [1, 1], [1, 1], [0, 0], true, device));
            // The place of the activation.
            vec![conv(), None, conv()]
        };
        Self {
            h_position_encoder: fixed([1, features, POSITIONS, 1]),
            w_position_encoder: fixed([1, features, 1, POSITIONS]),
            h_scale: scale(),
            w_scale: scale(),
            dropout: DropoutConfig::new(dropout).init(),
        }
    }

    /// `[N, model, h, w] -> [N, model, h, w]`
    fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let [_, features, height, width] = map.dims();
        let mean = map.clone().mean_dim(3).mean_dim(2); // [N, model, 1, 1]
        let scale = |layers: &[Option<Conv2d>]| {
            let of = |x, layer: &Option<Conv2d>| match layer {
                Some(conv) => convolve(conv, x),
                None => relu(x),
            };
            sigmoid(layers.iter().fold(mean.clone(), of))
        };
        let rows = self.h_position_encoder.val().slice([0..1, 0..features, 0..height, 0..1]);
        let columns = self.w_position_encoder.val().slice([0..1, 0..features, 0..1, 0..width]);
        self.dropout.forward(map + scale(&self.h_scale) * rows + scale(&self.w_scale) * columns)
    }
}

impl SatrnLayer {
    /// Positions `[N, h * w, model]` of a map of `size` -> the same shape.
    fn forward(&self, x: Tensor<3>, size: [usize; 2], bias: Tensor<4>) -> Tensor<3> {
        let [batch, positions, model] = x.dims();
        let [height, width] = size;
        let normed = self.norm1.forward(x.clone());
        let x = x + self.attn.forward(normed.clone(), normed, Some(bias));
        let map = self.norm2.forward(x.clone()).swap_dims(1, 2).reshape([batch, model, height, width]);
        let net = &self.feed_forward;
        let inner = net.conv1.forward(map);
        let depthwise = &net.depthwise_conv;
        let inner = conv_bn(&depthwise.conv, depthwise.bn.as_ref(), inner, After::Relu);
        x + net.conv2.forward(inner).reshape([batch, model, positions]).swap_dims(1, 2)
    }
}

impl SatrnEncoder {
    /// A map `[N, model, h, w]` of which the first `valid` `[N, 1]` columns hold content: its positions
    /// `[N, h * w, model]`, and what the decoder's attention over them adds to its logits, `[N, 1, 1, h * w]`.
    pub fn forward(&self, map: Tensor<4>, valid: Tensor<2>) -> (Tensor<3>, Tensor<4>) {
        let [batch, _, height, width] = map.dims();
        let count = height * width;
        let bias = |blocked: Tensor<2>| attention_bias(blocked.reshape([batch, 1, 1, count]));
        // The reference's decoder looks at as many positions as hold content, but at the first of them, row by row.
        let read = bias(blocked_columns(valid.clone().mul_scalar(height as f64), 1, count));
        let own = bias(blocked_columns(valid, height, width));
        // The encodings come with the map itself, and both are added to it once more, as in the reference.
        let map = map.clone() + self.position_enc.forward(map);
        let x = self
            .layer_stack
            .iter()
            .fold(positions(map), |x, layer| layer.forward(x, [height, width], own.clone()));
        (self.layer_norm.forward(x), read)
    }
}

impl SatrnConfig {
    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> Satrn {
        let head = self.model / self.heads;
        let transformer = TransformerConfig {
            model: self.model,
            inner: self.inner,
            heads: self.heads,
            key: head,
            value: head,
            dropout: self.dropout,
            ..TransformerConfig::default()
        };
        let conv = |channels, kernel| ConvBlockConfig::new(channels, kernel).init(device);
        let depthwise = || Depthwise {
            conv: Conv2dConfig::new([self.inner, self.inner], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_groups(self.inner)
                .with_bias(false)
                .init(device),
            bn: Some(BatchNorm2dConfig::new(self.inner).init(device)),
        };
        let layer = |_| SatrnLayer {
            norm1: transformer.norm(1e-5, device),
            attn: transformer.attention(device),
            norm2: transformer.norm(1e-5, device),
            feed_forward: LocalityAware {
                conv1: conv([self.model, self.inner], [1, 1]),
                depthwise_conv: depthwise(),
                conv2: conv([self.inner, self.model], [1, 1]),
            },
        };
        Satrn {
            backbone: ShallowCnn {
                conv1: conv([self.input.channels.count(), self.model / 2], [3, 3]),
                conv2: conv([self.model / 2, self.model], [3, 3]),
            },
            encoder: SatrnEncoder {
                position_enc: PositionScales::init(self.model, self.dropout, device),
                layer_stack: (0..self.encoder_layers).map(layer).collect(),
                layer_norm: transformer.norm(1e-5, device),
            },
            decoder: TfDecoder::init(&transformer, self.decoder_layers, classes, device),
        }
    }
}

impl TfNetwork for Satrn {
    fn positions(&self, image: Tensor<4>, valid: Tensor<2>) -> (Tensor<3>, Tensor<4>) {
        self.encoder.forward(self.backbone.forward(image), valid)
    }

    fn decoder(&self) -> &TfDecoder {
        &self.decoder
    }
}

impl Learn for SatrnConfig {
    type Net = Satrn;

    fn init(&self, classes: usize, device: &Device) -> Satrn {
        self.init(classes, device)
    }

    fn graph(&self, net: &Satrn) -> glyphic_nn::Result<Graph> {
        let (memory, state) = TfDecoder::axes(self.decoder_layers, self.model);
        capture_steps(
            "satrn",
            net,
            &StepAxes { image: self.input.axes(STRIDE), memory, state, refined: None },
        )
    }

    fn on_device(&self, net: Satrn) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `TFLoss`: the mean over all positions, those of padding, which cost nothing, included.
    fn loss(&self, net: &Satrn, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::None, |image, valid, targets, pad| {
            net.forward(image, valid, targets, pad)
        })
    }
}
