use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, LayerNorm, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{ResNet31, ResNet31Config};
use glyphic_nn::capture::Axis;
use glyphic_nn::layers::{
    BatchNorm2d, BatchNorm2dConfig, PositionalEncoding, TransformerConfig, TransformerDecoderLayer,
    TransformerEncoderLayer, attention_bias, blocked_columns, blocked_future, conv2d,
};
use glyphic_nn::ops::convolve;

use super::config::POSITIONS;
use super::{NrtrBackbone, NrtrConfig};
use crate::attention::{positions, step_loss, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, Width};

/// NRTR.
#[derive(Module, Debug)]
pub struct Nrtr {
    /// From crops to maps.
    pub backbone: Backbone,
    /// Over the positions of a map.
    pub encoder: TfEncoder,
    /// Writes class by class.
    pub decoder: TfDecoder,
}

/// The two kinds of backbone.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has one of it")]
pub enum Backbone {
    /// ResNet-31.
    Residual(ResNet31),
    /// NRTR's own.
    Modality(ModalityTransform),
}

impl Backbone {
    /// `[N, channels, H, W] -> [N, model, h, w]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Residual(net) => net.forward(image),
            Self::Modality(net) => net.forward(image),
        }
    }
}

/// NRTR's modality transform: two convolutions, and a linear layer over each column.
#[derive(Module, Debug)]
pub struct ModalityTransform {
    conv_1: Conv2d,
    bn_1: BatchNorm2d,
    conv_2: Conv2d,
    bn_2: BatchNorm2d,
    linear: Linear,
}

impl ModalityTransform {
    /// For pictures of this many channels and rows.
    pub fn init(channels: usize, height: usize, model: usize, device: &Device) -> Self {
        let conv = |from, to| conv2d([from, to], [3, 3], [2, 2], [1, 1], true, device);
        Self {
            conv_1: conv(channels, 32),
            bn_1: BatchNorm2dConfig::new(32).init(device),
            conv_2: conv(32, 64),
            bn_2: BatchNorm2dConfig::new(64).init(device),
            linear: LinearConfig::new(64 * (height / 4), model).init(device),
        }
    }

    /// `[N, channels, H, W] -> [N, model, 1, W / 4]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let x = self.bn_1.forward(relu(convolve(&self.conv_1, image)));
        let x = self.bn_2.forward(relu(convolve(&self.conv_2, x)));
        let [batch, channels, height, width] = x.dims();
        let x = x.permute([0, 3, 2, 1]).reshape([batch, width, height * channels]);
        self.linear.forward(x).swap_dims(1, 2).unsqueeze_dim(2)
    }
}

/// MMOCR's `TFEncoder`: transformer layers over the positions of a map.
#[derive(Module, Debug)]
pub struct TfEncoder {
    layer_stack: Vec<TransformerEncoderLayer>,
    layer_norm: LayerNorm,
}

impl TfEncoder {
    /// An encoder with random weights.
    pub fn init(config: &TransformerConfig, layers: usize, device: &Device) -> Self {
        Self {
            layer_stack: (0..layers).map(|_| config.encoder_layer(device)).collect(),
            layer_norm: config.norm(1e-5, device),
        }
    }

    /// A map `[N, model, h, w]` of which the first `valid` `[N, 1]` columns hold content: its positions
    /// `[N, h * w, model]`, and what attention over them adds to its logits, `[N, 1, 1, h * w]`.
    pub fn forward(&self, map: Tensor<4>, valid: Tensor<2>) -> (Tensor<3>, Tensor<4>) {
        let [batch, _, height, width] = map.dims();
        let blocked = blocked_columns(valid, height, width).reshape([batch, 1, 1, height * width]);
        let bias = attention_bias(blocked);
        let x = self.layer_stack.iter().fold(positions(map), |x, layer| layer.forward(x, Some(bias.clone())));
        (self.layer_norm.forward(x), bias)
    }
}

/// MMOCR's `TFDecoder`: transformer layers over the classes so far and an encoder's output.
#[derive(Module, Debug)]
pub struct TfDecoder {
    trg_word_emb: Embedding,
    position_enc: PositionalEncoding,
    dropout: Dropout,
    layer_stack: Vec<TransformerDecoderLayer>,
    layer_norm: LayerNorm,
    classifier: Linear,
}

impl TfDecoder {
    /// A decoder with random weights for `classes` classes, of which it writes all but the last, padding.
    pub fn init(config: &TransformerConfig, layers: usize, classes: usize, device: &Device) -> Self {
        Self {
            trg_word_emb: EmbeddingConfig::new(classes, config.model).init(device),
            position_enc: PositionalEncoding::init(POSITIONS, config.model, device),
            dropout: DropoutConfig::new(config.dropout).init(),
            layer_stack: (0..layers).map(|_| config.decoder_layer(device)).collect(),
            layer_norm: config.norm(1e-6, device),
            classifier: LinearConfig::new(config.model, classes - 1).init(device),
        }
    }

    /// All positions of texts at once, each from those up to it: classes `[N][T]` -> logits `[N, T, classes - 1]`. Positions
    /// of the class `pad` are not looked at.
    pub fn forward(
        &self,
        targets: &[Vec<usize>],
        pad: usize,
        memory: Tensor<3>,
        bias: Tensor<4>,
    ) -> Tensor<3> {
        let device = memory.device();
        let classes = target_classes(targets, &device);
        let [batch, length] = classes.dims();
        let padding: Vec<f32> = targets.iter().flatten().map(|c| f32::from(u8::from(*c == pad))).collect();
        let padding = Tensor::<4>::from_data(TensorData::new(padding, [batch, 1, 1, length]), &device);
        let blocked = (padding + blocked_future(length, &device)).clamp_max(1.0); // [N, 1, T, T]
        let own = attention_bias(blocked);
        let x = self.dropout.forward(self.position_enc.forward(self.trg_word_emb.forward(classes)));
        let x = self
            .layer_stack
            .iter()
            .fold(x, |x, layer| layer.forward(x, memory.clone(), Some(own.clone()), Some(bias.clone())));
        self.classifier.forward(self.layer_norm.forward(x))
    }

    /// What every step reads, keys and values of each layer and the bias `[N, 1, positions]`, and the state before the first
    /// step: for each layer keys and values of one position, which is blocked, and which positions are, `[N, 1, 1]`.
    pub fn start(&self, memory: Tensor<3>, bias: Tensor<4>) -> Encoded {
        let ([batch, positions, model], device) = (memory.dims(), memory.device());
        let mut read = vec![bias.reshape([batch, 1, positions])];
        let mut state = vec![Tensor::ones([batch, 1, 1], &device)];
        for layer in &self.layer_stack {
            read.extend(layer.memory(memory.clone()));
            state.extend([(); 2].map(|()| Tensor::zeros([batch, 1, model], &device)));
        }
        Encoded { memory: read, state }
    }

    /// One step, as [`Stepwise::step`].
    pub fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let [batch, _] = token.dims();
        let x = self.trg_word_emb.forward(token.int()); // [N, 1, model]
        let mut x = x + self.position_enc.at(position.int());
        let open = Tensor::zeros([batch, 1, 1], &x.device());
        let mut state = state.into_iter();
        let blocked = state.next().map(|blocked| Tensor::cat(vec![blocked, open.clone()], 2));
        let blocked = blocked.unwrap_or(open); // [N, 1, T + 1]
        let bias = attention_bias(blocked.clone()).unsqueeze_dim::<4>(1);
        let memory_bias = memory[0].clone().unsqueeze_dim::<4>(1);
        let mut next = vec![blocked];
        for (layer, read) in self.layer_stack.iter().zip(memory[1..].chunks_exact(2)) {
            let (Some(keys), Some(values)) = (state.next(), state.next()) else { break };
            let read = [read[0].clone(), read[1].clone()];
            let (out, past) = layer.step(x, [keys, values], bias.clone(), read, Some(memory_bias.clone()));
            x = out;
            next.extend(past);
        }
        let x = self.layer_norm.forward(x).squeeze_dim::<2>(1);
        (self.classifier.forward(x), next)
    }

    /// The axes of [`TfDecoder::start`]'s memory and state.
    pub fn axes(layers: usize, model: usize) -> (Vec<[Axis; 3]>, Vec<[Axis; 3]>) {
        let (positions, past) = (Axis::free("positions", 1), Axis::free("past", 1));
        let mut memory = vec![[Axis::BATCH, Axis::Fixed(1), positions]];
        let mut state = vec![[Axis::BATCH, Axis::Fixed(1), past]];
        for _ in 0..2 * layers {
            memory.push([Axis::BATCH, positions, Axis::Fixed(model)]);
            state.push([Axis::BATCH, past, Axis::Fixed(model)]);
        }
        (memory, state)
    }
}

impl NrtrConfig {
    fn transformer(&self) -> TransformerConfig {
        let head = self.model / self.heads;
        TransformerConfig {
            model: self.model,
            inner: self.inner,
            heads: self.heads,
            key: head,
            value: head,
            dropout: self.dropout,
            ..TransformerConfig::default()
        }
    }

    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> Nrtr {
        let channels = self.input.channels.count();
        let residual = |last_pool| {
            let [a, b, c, d, e] = self.channels;
            let channels_of = [a, b, c, d, e, self.model];
            let config = ResNet31Config {
                input: channels,
                channels: channels_of,
                last_pool,
                ..ResNet31Config::default()
            };
            Backbone::Residual(config.init(device))
        };
        let transformer = self.transformer();
        Nrtr {
            backbone: match self.backbone {
                NrtrBackbone::R31By16By8 => residual(true),
                NrtrBackbone::R31By8By4 => residual(false),
                NrtrBackbone::Modality => {
                    let height = self.input.resize.height as usize;
                    Backbone::Modality(ModalityTransform::init(channels, height, self.model, device))
                }
            },
            encoder: TfEncoder::init(&transformer, self.layers, device),
            decoder: TfDecoder::init(&transformer, self.layers, classes, device),
        }
    }
}

/// A network whose encoder gives positions, which a [`TfDecoder`] looks at.
pub trait TfNetwork: Send + Sync {
    /// The positions `[N, P, model]` of crops `[N, channels, H, W]`, of whose feature columns the first `valid` `[N, 1]` hold
    /// content, and what the decoder's attention over them adds to its logits, `[N, 1, 1, P]`.
    fn positions(&self, image: Tensor<4>, valid: Tensor<2>) -> (Tensor<3>, Tensor<4>);

    /// The decoder.
    fn decoder(&self) -> &TfDecoder;

    /// Logits of all positions of padded targets at once, as in training: `[N, T, classes - 1]`. `image` and `valid` as for
    /// [`TfNetwork::positions`].
    fn forward(&self, image: Tensor<4>, valid: Tensor<2>, targets: &[Vec<usize>], pad: usize) -> Tensor<3> {
        let (memory, bias) = self.positions(image, valid);
        self.decoder().forward(targets, pad, memory, bias)
    }
}

impl<N: TfNetwork> Stepwise for N {
    fn encode(&self, image: Tensor<4>, valid: Tensor<2>) -> Encoded {
        let (memory, bias) = self.positions(image, valid);
        self.decoder().start(memory, bias)
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        self.decoder().step(memory, state, token, position)
    }
}

impl TfNetwork for Nrtr {
    fn positions(&self, image: Tensor<4>, valid: Tensor<2>) -> (Tensor<3>, Tensor<4>) {
        self.encoder.forward(self.backbone.forward(image), valid)
    }

    fn decoder(&self) -> &TfDecoder {
        &self.decoder
    }
}

impl Learn for NrtrConfig {
    type Net = Nrtr;

    fn init(&self, classes: usize, device: &Device) -> Nrtr {
        self.init(classes, device)
    }

    fn graph(&self, net: &Nrtr) -> glyphic_nn::Result<Graph> {
        let (memory, state) = TfDecoder::axes(self.layers, self.model);
        capture_steps(
            "nrtr",
            net,
            &StepAxes { image: self.input.axes(self.stride()), memory, state, refined: None },
        )
    }

    fn on_device(&self, net: Nrtr) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `TFLoss`: the mean over all positions, those of padding, which cost nothing, included.
    fn loss(&self, net: &Nrtr, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::None, |image, valid, targets, pad| {
            net.forward(image, valid, targets, pad)
        })
    }
}
