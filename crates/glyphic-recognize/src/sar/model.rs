use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{ResNet31, ResNet31Config};
use glyphic_nn::capture::Axis;
use glyphic_nn::layers::{Rnn, RnnCell, RnnConfig, RnnKind, attention_bias, blocked_columns, conv2d};
use glyphic_nn::ops::convolve;

use super::config::STRIDE;
use super::{SarConfig, SarDecoderKind};
use crate::attention::{positions, step_loss, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, Width};

/// SAR.
#[derive(Module, Debug)]
pub struct Sar {
    /// From crops to maps.
    pub backbone: ResNet31,
    /// From a map to one vector.
    pub encoder: SarEncoder,
    /// Writes class by class.
    pub decoder: SarDecoder,
}

/// MMOCR's `SAREncoder`: recurrent layers over the columns of a map, each its rows' largest values.
#[derive(Module, Debug)]
pub struct SarEncoder {
    rnn_encoder: Rnn,
    linear: Linear,
    mask: bool,
}

impl SarEncoder {
    /// An encoder of maps with this many channels.
    pub fn init(config: &SarConfig, channels: usize, device: &Device) -> Self {
        let bidirectional = config.encoder_bidirectional;
        let rnn = RnnConfig {
            kind: kind(config.encoder_gru),
            input: channels,
            hidden: config.features,
            stacked: true,
            bidirectional,
            dropout: config.encoder_dropout,
        };
        let features = config.encoded();
        Self {
            rnn_encoder: rnn.init(device),
            linear: LinearConfig::new(features, features).init(device),
            mask: config.mask,
        }
    }

    /// `[N, C, h, w]`, of whose columns the first `valid` `[N, 1]` hold content -> `[N, D]`
    pub fn forward(&self, map: Tensor<4>, valid: Tensor<2>) -> Tensor<2> {
        let [batch, _, _, width] = map.dims();
        let columns = map.max_dim(2).squeeze_dim::<3>(2); // [N, C, w]
        let x = self.rnn_encoder.forward(columns.permute([2, 0, 1])); // [w, N, D]
        let [_, _, features] = x.dims();
        let last = if self.mask {
            // 1 at the last column of content.
            let behind = blocked_columns(valid.clone(), 1, width);
            let from = blocked_columns(valid - 1.0, 1, width);
            let at = (from - behind).swap_dims(0, 1).reshape([width, batch, 1]);
            (x * at).sum_dim(0)
        } else {
            x.slice([width - 1..width, 0..batch, 0..features])
        };
        self.linear.forward(last.squeeze_dim::<2>(0))
    }
}

fn kind(gru: bool) -> RnnKind {
    if gru { RnnKind::Gru } else { RnnKind::Lstm }
}

/// A linear layer over the features of a position, stored as such or as a 1x1 convolution.
#[derive(Module, Debug)]
pub enum Pointwise {
    /// A matrix.
    Linear(Linear),
    /// A convolution.
    Conv(Conv2d),
}

impl Pointwise {
    fn init(kind: SarDecoderKind, from: usize, to: usize, device: &Device) -> Self {
        match kind {
            SarDecoderKind::Parallel => Self::Linear(LinearConfig::new(from, to).init(device)),
            SarDecoderKind::Sequential => {
                Self::Conv(conv2d([from, to], [1, 1], [1, 1], [0, 0], true, device))
            }
        }
    }

    /// `[.., from] -> [.., to]`
    fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Linear(layer) => layer.forward(x),
            Self::Conv(conv) => {
                let [to, from, _, _] = conv.weight.dims();
                let weight = conv.weight.val().reshape([to, from]).transpose();
                linear(x, weight, conv.bias.as_ref().map(|bias| bias.val()))
            }
        }
    }
}

/// MMOCR's `ParallelSARDecoder` and `SequentialSARDecoder`.
#[derive(Module, Debug)]
pub struct SarDecoder {
    conv1x1_1: Pointwise,
    conv3x3_1: Conv2d,
    conv1x1_2: Pointwise,
    rnn_decoder: Option<Rnn>,
    rnn_decoder_layer1: Option<RnnCell>,
    rnn_decoder_layer2: Option<RnnCell>,
    embedding: Embedding,
    pred_dropout: Dropout,
    prediction: Linear,
    concat: bool,
    mask: bool,
    #[module(skip)]
    kind: RnnKind,
}

/// What a decoder looks at.
struct Looked {
    /// `[N, h * w, C]`
    map: Tensor<3>,
    /// `[N, h * w, attention]`
    keys: Tensor<3>,
    /// Added to the attention's logits, `[N, 1, h * w]`.
    bias: Tensor<3>,
    /// The encoder's vector, `[N, 1, D]`.
    holistic: Tensor<3>,
}

impl SarDecoder {
    fn init(config: &SarConfig, channels: usize, classes: usize, device: &Device) -> Self {
        let (features, attention) = (config.encoded(), config.attention);
        let kind = kind(config.decoder_gru);
        let parallel = config.decoder == SarDecoderKind::Parallel;
        let rnn = RnnConfig {
            kind,
            input: features,
            hidden: features,
            stacked: true,
            bidirectional: false,
            dropout: 0.0,
        };
        let cell = || (!parallel).then(|| RnnCell::init(kind, features, features, device));
        let read = if config.concat { 2 * features + channels } else { channels };
        Self {
            conv1x1_1: Pointwise::init(config.decoder, features, attention, device),
            conv3x3_1: conv2d([channels, attention], [3, 3], [1, 1], [1, 1], true, device),
            conv1x1_2: Pointwise::init(config.decoder, attention, 1, device),
            rnn_decoder: parallel.then(|| rnn.init(device)),
            rnn_decoder_layer1: cell(),
            rnn_decoder_layer2: cell(),
            embedding: EmbeddingConfig::new(classes, features).init(device),
            pred_dropout: DropoutConfig::new(config.dropout).init(),
            prediction: LinearConfig::new(read, classes - 1).init(device),
            concat: config.concat,
            mask: config.mask,
            kind,
        }
    }

    fn look(&self, map: Tensor<4>, holistic: Tensor<2>, valid: Tensor<2>) -> Looked {
        let [batch, _, height, width] = map.dims();
        let keys = convolve(&self.conv3x3_1, map.clone());
        let blocked = blocked_columns(valid, height, width).reshape([batch, 1, height * width]);
        Looked {
            map: positions(map),
            keys: positions(keys),
            bias: if self.mask { attention_bias(blocked) } else { blocked.mul_scalar(0.0) },
            holistic: holistic.unsqueeze_dim(1),
        }
    }

    /// Logits `[N, T, classes - 1]` of the recurrent layers' outputs `[N, T, D]`.
    fn read(&self, y: Tensor<3>, looked: &Looked) -> Tensor<3> {
        let [_, steps, _] = y.dims();
        let query = self.conv1x1_1.forward(y.clone()); // [N, T, attention]
        let both = looked.keys.clone().unsqueeze_dim::<4>(1) + query.unsqueeze_dim::<4>(2);
        let logits = self.conv1x1_2.forward(both.tanh()).squeeze_dim::<3>(3); // [N, T, h * w]
        let weights = softmax(logits + looked.bias.clone(), 2);
        let seen = weights.matmul(looked.map.clone()); // [N, T, C]
        self.prediction.forward(if self.concat {
            let [batch, _, features] = looked.holistic.dims();
            let holistic = looked.holistic.clone().expand([batch, steps, features]);
            Tensor::cat(vec![y, seen, holistic], 2)
        } else {
            seen
        })
    }

    /// One step of the recurrent layers; `first` is that of the encoder's vector.
    fn advance(&self, x: Tensor<2>, state: &[Tensor<2>], first: bool) -> (Tensor<2>, Vec<Tensor<2>>) {
        match (&self.rnn_decoder, &self.rnn_decoder_layer1, &self.rnn_decoder_layer2) {
            (_, Some(layer1), Some(layer2)) => {
                let (one, two) = state.split_at(state.len() / 2);
                let one = layer1.step(x, one);
                let two = layer2.step(one[0].clone(), two);
                let y = two[0].clone();
                let kept = |state: Vec<Tensor<2>>| match (first, &state[..]) {
                    (false, [h, _]) => vec![h.clone(), h.clone()],
                    _ => state,
                };
                (y, [kept(one), kept(two)].concat())
            }
            (Some(rnn), _, _) => rnn.step(x, state),
            _ => unreachable!("a decoder has recurrent layers"),
        }
    }

    /// All positions of padded targets `[N][T]` at once: logits `[N, T, classes - 1]`.
    fn forward(
        &self,
        targets: &[Vec<usize>],
        map: Tensor<4>,
        holistic: Tensor<2>,
        valid: Tensor<2>,
    ) -> Tensor<3> {
        let classes = target_classes(targets, &map.device());
        let x = self.embedding.forward(classes).swap_dims(0, 1); // [T, N, D]
        let y = match &self.rnn_decoder {
            Some(rnn) => {
                let x = Tensor::cat(vec![holistic.clone().unsqueeze_dim(0), x], 0);
                let y = rnn.forward(x); // [T + 1, N, D]
                let [steps, batch, features] = y.dims();
                y.slice([1..steps, 0..batch, 0..features])
            }
            None => {
                let [length, batch, features] = x.dims();
                let (_, mut state) = self.advance(holistic.clone(), &[], true);
                let mut outputs = Vec::with_capacity(length);
                for step in 0..length {
                    let x = x.clone().slice([step..step + 1, 0..batch, 0..features]).squeeze_dim::<2>(0);
                    let (y, next) = self.advance(x, &state, false);
                    outputs.push(y);
                    state = next;
                }
                Tensor::stack(outputs, 0)
            }
        };
        let looked = self.look(map, holistic, valid);
        self.pred_dropout.forward(self.read(y.swap_dims(0, 1), &looked))
    }

    fn states(&self) -> usize {
        2 * self.kind.states()
    }
}

impl SarConfig {
    /// Features of the encoder's vector.
    fn encoded(&self) -> usize {
        self.features * if self.encoder_bidirectional { 2 } else { 1 }
    }

    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> Sar {
        let [.., channels] = self.channels;
        let backbone = ResNet31Config {
            input: self.input.channels.count(),
            channels: self.channels,
            ..ResNet31Config::default()
        };
        Sar {
            backbone: backbone.init(device),
            encoder: SarEncoder::init(self, channels, device),
            decoder: SarDecoder::init(self, channels, classes, device),
        }
    }
}

impl Sar {
    /// Logits of all positions of padded targets at once, as in training: `[N, T, classes - 1]`.
    pub fn forward(&self, image: Tensor<4>, valid: Tensor<2>, targets: &[Vec<usize>]) -> Tensor<3> {
        let map = self.backbone.forward(image);
        let holistic = self.encoder.forward(map.clone(), valid.clone());
        self.decoder.forward(targets, map, holistic, valid)
    }
}

impl Stepwise for Sar {
    fn encode(&self, image: Tensor<4>, valid: Tensor<2>) -> Encoded {
        let map = self.backbone.forward(image);
        let holistic = self.encoder.forward(map.clone(), valid.clone());
        let (_, state) = self.decoder.advance(holistic.clone(), &[], true);
        let Looked { map, keys, bias, holistic } = self.decoder.look(map, holistic, valid);
        Encoded {
            memory: vec![map, keys, bias, holistic],
            state: state.into_iter().map(|state| state.unsqueeze_dim(1)).collect(),
        }
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        _: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let [map, keys, bias, holistic] = [0, 1, 2, 3].map(|i| memory[i].clone());
        let state: Vec<Tensor<2>> = state.into_iter().map(|state| state.squeeze_dim(1)).collect();
        let x = self.decoder.embedding.forward(token.int()).squeeze_dim::<2>(1);
        let (y, next) = self.decoder.advance(x, &state, false);
        let logits = self.decoder.read(y.unsqueeze_dim(1), &Looked { map, keys, bias, holistic });
        (logits.squeeze_dim(1), next.into_iter().map(|state| state.unsqueeze_dim(1)).collect())
    }
}

impl Learn for SarConfig {
    type Net = Sar;

    fn init(&self, classes: usize, device: &Device) -> Sar {
        self.init(classes, device)
    }

    fn graph(&self, net: &Sar) -> glyphic_nn::Result<Graph> {
        let (fixed, positions) = (Axis::Fixed, Axis::free("positions", 1));
        let [.., features] = self.channels;
        let axes = StepAxes {
            image: self.input.axes(STRIDE),
            memory: vec![
                [Axis::BATCH, positions, fixed(features)],
                [Axis::BATCH, positions, fixed(self.attention)],
                [Axis::BATCH, fixed(1), positions],
                [Axis::BATCH, fixed(1), fixed(self.encoded())],
            ],
            state: vec![[Axis::BATCH, fixed(1), fixed(self.encoded())]; net.decoder.states()],
            refined: None,
        };
        capture_steps("sar", net, &axes)
    }

    fn on_device(&self, net: Sar) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `SARLoss`: the mean over all positions but those of padding.
    fn loss(&self, net: &Sar, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::Mean, |image, valid, targets, _| net.forward(image, valid, targets))
    }
}
