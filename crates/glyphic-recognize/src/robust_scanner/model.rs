use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, Relu};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{ResNet31, ResNet31Config};
use glyphic_nn::capture::Axis;
use glyphic_nn::layers::{Rnn, RnnConfig, RnnKind, attention_bias, blocked_columns, conv2d};
use glyphic_nn::ops::convolve;

use super::RobustScannerConfig;
use super::config::STRIDE;
use crate::attention::{positions, step_loss, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, Width};

/// RobustScanner.
#[derive(Module, Debug)]
pub struct RobustScanner {
    /// From crops to maps.
    pub backbone: ResNet31,
    /// Fewer channels.
    pub encoder: ChannelReduction,
    /// Writes class by class.
    pub decoder: RobustDecoder,
}

/// MMOCR's `ChannelReductionEncoder`: a 1x1 convolution.
#[derive(Module, Debug)]
pub struct ChannelReduction {
    layer: Conv2d,
}

impl ChannelReduction {
    /// From this many channels to that.
    pub fn init(channels: [usize; 2], device: &Device) -> Self {
        Self { layer: conv2d(channels, [1, 1], [1, 1], [0, 0], true, device) }
    }

    /// `[N, from, h, w] -> [N, to, h, w]`
    pub fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        convolve(&self.layer, map)
    }
}

/// MMOCR's `PositionAwareLayer`: a recurrent layer along each row of a map, and two convolutions.
#[derive(Module, Debug)]
pub struct PositionAware {
    rnn: Rnn,
    mixer: Vec<Mixer>,
}

/// What a [`PositionAware`] mixes with.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has three of it")]
pub enum Mixer {
    /// A 3x3 convolution.
    Conv(Conv2d),
    /// ReLU.
    Relu(Relu),
}

fn recurrent(features: usize, dropout: f64, device: &Device) -> Rnn {
    let (kind, input, hidden) = (RnnKind::Lstm, features, features);
    RnnConfig { kind, input, hidden, stacked: true, bidirectional: false, dropout }.init(device)
}

impl PositionAware {
    /// For maps of this many channels.
    pub fn init(features: usize, device: &Device) -> Self {
        let conv = || Mixer::Conv(conv2d([features, features], [3, 3], [1, 1], [1, 1], true, device));
        Self { rnn: recurrent(features, 0.0, device), mixer: vec![conv(), Mixer::Relu(Relu::new()), conv()] }
    }

    /// `[N, C, h, w] -> [N, C, h, w]`
    pub fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = map.dims();
        let rows = map.permute([3, 0, 2, 1]).reshape([width, batch * height, channels]);
        let rows = self.rnn.forward(rows).reshape([width, batch, height, channels]);
        self.mixer.iter().fold(rows.permute([1, 3, 2, 0]), |x, layer| match layer {
            Mixer::Conv(conv) => convolve(conv, x),
            Mixer::Relu(relu) => relu.forward(x),
        })
    }
}

/// What queries `[N, Q, C]` see at positions with keys `[N, P, C]` and values `[N, P, V]`: `[N, Q, V]`. `bias` `[N, 1, P]` is
/// added to the logits, which are dot products. MMOCR's `DotProductAttentionLayer`.
pub fn dot_attention(query: Tensor<3>, keys: Tensor<3>, values: Tensor<3>, bias: Tensor<3>) -> Tensor<3> {
    softmax(query.matmul(keys.swap_dims(1, 2)) + bias, 2).matmul(values)
}

/// MMOCR's `SequenceAttentionDecoder` as RobustScanner's branch.
#[derive(Module, Debug)]
pub struct HybridDecoder {
    embedding: Embedding,
    sequence_layer: Rnn,
}

/// MMOCR's `PositionAttentionDecoder` as RobustScanner's branch.
#[derive(Module, Debug)]
pub struct PositionDecoder {
    embedding: Embedding,
    position_aware_module: PositionAware,
}

/// MMOCR's `RobustScannerFusionLayer`: a gated linear unit.
#[derive(Module, Debug)]
pub struct Fusion {
    linear_layer: Linear,
}

impl Fusion {
    /// For two inputs of this many features each.
    pub fn init(features: usize, device: &Device) -> Self {
        Self { linear_layer: LinearConfig::new(2 * features, 2 * features).init(device) }
    }

    /// Two `[N, T, C] -> [N, T, C]`
    pub fn forward(&self, a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
        let [batch, steps, features] = a.dims();
        let both = self.linear_layer.forward(Tensor::cat(vec![a, b], 2));
        let value = both.clone().slice([0..batch, 0..steps, 0..features]);
        let gate = both.slice([0..batch, 0..steps, features..2 * features]);
        value * sigmoid(gate)
    }
}

/// MMOCR's `RobustScannerDecoder`.
#[derive(Module, Debug)]
pub struct RobustDecoder {
    hybrid_decoder: HybridDecoder,
    position_decoder: PositionDecoder,
    fusion_module: Fusion,
    prediction: Linear,
    encode_value: bool,
    mask: bool,
    length: usize,
}

/// What the decoder looks at.
struct Looked {
    /// `[N, h * w, features]`
    keys: Tensor<3>,
    /// `[N, h * w, V]`
    values: Tensor<3>,
    /// `[N, 1, h * w]`
    bias: Tensor<3>,
    /// What the position branch sees, `[N, length, V]`.
    places: Tensor<3>,
}

impl RobustDecoder {
    fn init(config: &RobustScannerConfig, classes: usize, device: &Device) -> Self {
        let (features, length) = (config.features, config.labels.max_length);
        let values = config.values();
        Self {
            hybrid_decoder: HybridDecoder {
                embedding: EmbeddingConfig::new(classes, features).init(device),
                sequence_layer: recurrent(features, config.dropout, device),
            },
            position_decoder: PositionDecoder {
                embedding: EmbeddingConfig::new(length + 1, features).init(device),
                position_aware_module: PositionAware::init(features, device),
            },
            fusion_module: Fusion::init(values, device),
            prediction: LinearConfig::new(values, classes - 1).init(device),
            encode_value: config.encode_value,
            mask: config.mask,
            length,
        }
    }

    /// `map` of the backbone and its `reduced` form.
    fn look(&self, map: Tensor<4>, reduced: Tensor<4>, valid: Tensor<2>) -> Looked {
        let [batch, features, height, width] = reduced.dims();
        let count = height * width;
        let blocked = blocked_columns(valid, height, width).reshape([batch, 1, count]);
        let bias = if self.mask { attention_bias(blocked) } else { blocked.mul_scalar(0.0) };
        let values = positions(if self.encode_value { reduced.clone() } else { map });
        let decoder = &self.position_decoder;
        let place_keys = positions(decoder.position_aware_module.forward(reduced.clone()));
        let table = decoder.embedding.weight.val().slice([0..self.length, 0..features]);
        let query = table.unsqueeze::<3>().expand([batch, self.length, features]);
        let places = dot_attention(query, place_keys, values.clone(), bias.clone());
        Looked { keys: positions(reduced), values, bias, places }
    }

    /// Logits of the recurrent layers' outputs `[N, T, features]` and what the position branch sees, `[N, T, V]`.
    fn read(&self, query: Tensor<3>, places: Tensor<3>, looked: &Looked) -> Tensor<3> {
        let Looked { keys, values, bias, .. } = looked;
        let seen = dot_attention(query, keys.clone(), values.clone(), bias.clone());
        self.prediction.forward(self.fusion_module.forward(seen, places))
    }

    /// All positions of padded targets `[N][T]` at once: logits `[N, T, classes - 1]`.
    fn forward(&self, targets: &[Vec<usize>], looked: &Looked) -> Tensor<3> {
        let classes = target_classes(targets, &looked.keys.device());
        let hybrid = &self.hybrid_decoder;
        let x = hybrid.embedding.forward(classes).swap_dims(0, 1);
        let query = hybrid.sequence_layer.forward(x).swap_dims(0, 1);
        self.read(query, looked.places.clone(), looked)
    }
}

impl RobustScannerConfig {
    /// Features of what is looked at.
    fn values(&self) -> usize {
        let [.., channels] = self.channels;
        if self.encode_value { self.features } else { channels }
    }

    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> RobustScanner {
        let [.., channels] = self.channels;
        let backbone = ResNet31Config {
            input: self.input.channels.count(),
            channels: self.channels,
            ..ResNet31Config::default()
        };
        RobustScanner {
            backbone: backbone.init(device),
            encoder: ChannelReduction::init([channels, self.features], device),
            decoder: RobustDecoder::init(self, classes, device),
        }
    }
}

impl RobustScanner {
    fn look(&self, image: Tensor<4>, valid: Tensor<2>) -> Looked {
        let map = self.backbone.forward(image);
        let reduced = self.encoder.forward(map.clone());
        self.decoder.look(map, reduced, valid)
    }

    /// Logits of all positions of padded targets at once, as in training: `[N, T, classes - 1]`.
    pub fn forward(&self, image: Tensor<4>, valid: Tensor<2>, targets: &[Vec<usize>]) -> Tensor<3> {
        self.decoder.forward(targets, &self.look(image, valid))
    }
}

impl Stepwise for RobustScanner {
    fn encode(&self, image: Tensor<4>, valid: Tensor<2>) -> Encoded {
        let Looked { keys, values, bias, places } = self.look(image, valid);
        let ([batch, _, features], device) = (keys.dims(), keys.device());
        let states = self.decoder.hybrid_decoder.sequence_layer.states();
        Encoded {
            memory: vec![keys, values, bias, places],
            state: (0..states).map(|_| Tensor::zeros([batch, 1, features], &device)).collect(),
        }
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let [keys, values, bias, places] = [0, 1, 2, 3].map(|i| memory[i].clone());
        let hybrid = &self.decoder.hybrid_decoder;
        let state: Vec<Tensor<2>> = state.into_iter().map(|state| state.squeeze_dim(1)).collect();
        let x = hybrid.embedding.forward(token.int()).squeeze_dim::<2>(1);
        let (query, next) = hybrid.sequence_layer.step(x, &state);
        let place = places.clone().select(1, position.int());
        let looked = Looked { keys, values, bias, places };
        let logits = self.decoder.read(query.unsqueeze_dim(1), place, &looked);
        (logits.squeeze_dim(1), next.into_iter().map(|state| state.unsqueeze_dim(1)).collect())
    }
}

impl Learn for RobustScannerConfig {
    type Net = RobustScanner;

    fn init(&self, classes: usize, device: &Device) -> RobustScanner {
        self.init(classes, device)
    }

    fn graph(&self, net: &RobustScanner) -> glyphic_nn::Result<Graph> {
        let (fixed, positions) = (Axis::Fixed, Axis::free("positions", 1));
        let axes = StepAxes {
            image: self.input.axes(STRIDE),
            memory: vec![
                [Axis::BATCH, positions, fixed(self.features)],
                [Axis::BATCH, positions, fixed(self.values())],
                [Axis::BATCH, fixed(1), positions],
                [Axis::BATCH, fixed(self.labels.max_length), fixed(self.values())],
            ],
            state: vec![
                [Axis::BATCH, fixed(1), fixed(self.features)];
                net.decoder.hybrid_decoder.sequence_layer.states()
            ],
            refined: None,
        };
        capture_steps("robust_scanner", net, &axes)
    }

    fn on_device(&self, net: RobustScanner) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `SARLoss`: the mean over all positions but those of padding.
    fn loss(&self, net: &RobustScanner, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::Mean, |image, valid, targets, _| net.forward(image, valid, targets))
    }
}
