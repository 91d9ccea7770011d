use burn::module::Module;
use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
};
use burn::tensor::{Device, Int, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{TextResNet, TextResNetConfig};
use glyphic_nn::capture::Axis;
use glyphic_nn::layers::{
    PositionalEncoding, TorchLayer, TorchLayerConfig, TorchNorm, attention_bias, blocked_future, linear_rows,
};

use super::MasterConfig;
use super::config::STRIDE;
use crate::attention::{positions, step_loss, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, Width};

/// MASTER.
#[derive(Module, Debug)]
pub struct Master {
    /// From crops to maps.
    pub backbone: TextResNet,
    /// Writes class by class.
    pub decoder: MasterDecoder,
}

/// MMOCR's `MasterDecoder`.
#[derive(Module, Debug)]
pub struct MasterDecoder {
    decoder_layers: Vec<TorchLayer>,
    cls: Linear,
    embedding: Embeddings,
    positional_encoding: PositionalEncoding,
    feat_positional_encoding: PositionalEncoding,
    norm: LayerNorm,
    dropout: Dropout,
}

/// Classes as features, times the root of their number.
#[derive(Module, Debug)]
struct Embeddings {
    lut: Embedding,
}

impl MasterConfig {
    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> Master {
        let features = self.features;
        let layer = TorchLayerConfig {
            features,
            inner: self.inner,
            heads: self.heads,
            attentions: 2,
            norm: TorchNorm::Before,
            dropout: 0.0,
        };
        let positions = |count| PositionalEncoding::init(count, features, device);
        Master {
            backbone: TextResNetConfig::master().scaled(features).init(device),
            decoder: MasterDecoder {
                decoder_layers: (0..self.layers).map(|_| layer.init(device)).collect(),
                cls: LinearConfig::new(features, classes).init(device),
                embedding: Embeddings { lut: EmbeddingConfig::new(classes, features).init(device) },
                positional_encoding: positions(self.labels.max_length + 1),
                feat_positional_encoding: positions(self.positions),
                norm: LayerNormConfig::new(features).with_epsilon(1e-5).init(device),
                dropout: DropoutConfig::new(self.dropout).init(),
            },
        }
    }
}

impl MasterDecoder {
    /// The positions of a map `[N, features, h, w]` in row-major order, `[N, h * w, features]`.
    fn memory(&self, map: Tensor<4>) -> Tensor<3> {
        self.dropout.forward(self.feat_positional_encoding.forward(positions(map)))
    }

    fn embed(&self, classes: Tensor<2, Int>) -> Tensor<3> {
        let x = self.embedding.lut.forward(classes);
        let [_, _, features] = x.dims();
        x.mul_scalar((features as f64).sqrt())
    }

    /// All positions of texts at once, each from those up to it: classes `[N][T]` and a map `[N, features, h, w]` ->
    /// logits `[N, T, classes]`.
    pub fn forward(&self, targets: &[Vec<usize>], map: Tensor<4>) -> Tensor<3> {
        let device = map.device();
        let memory = self.memory(map);
        let classes = target_classes(targets, &device);
        let [_, length] = classes.dims();
        let bias = attention_bias(blocked_future(length, &device));
        let x = self.positional_encoding.forward(self.embed(classes));
        let x = self
            .decoder_layers
            .iter()
            .fold(x, |x, layer| layer.decode(x, Some(bias.clone()), layer.memory(memory.clone())));
        linear_rows(&self.cls, self.norm.forward(x))
    }
}

impl Master {
    /// Logits of all positions of padded targets at once, as in training: `[N, 3, H, W] -> [N, T, classes]`.
    pub fn forward(&self, image: Tensor<4>, targets: &[Vec<usize>]) -> Tensor<3> {
        self.decoder.forward(targets, self.backbone.forward(image))
    }
}

impl Stepwise for Master {
    /// Padding counts as content, as in the reference. The state starts with keys and values of one position, which is
    /// blocked.
    fn encode(&self, image: Tensor<4>, _: Tensor<2>) -> Encoded {
        let positions = self.decoder.memory(self.backbone.forward(image));
        let ([batch, _, features], device) = (positions.dims(), positions.device());
        let mut memory = Vec::new();
        let mut state = vec![Tensor::ones([batch, 1, 1], &device)];
        for layer in &self.decoder.decoder_layers {
            memory.extend(layer.memory(positions.clone()));
            state.extend([(); 2].map(|()| Tensor::zeros([batch, 1, features], &device)));
        }
        Encoded { memory, state }
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let decoder = &self.decoder;
        let [batch, _] = token.dims();
        let mut x = decoder.embed(token.int()) + decoder.positional_encoding.at(position.int());
        let open = Tensor::zeros([batch, 1, 1], &x.device());
        let blocked = Tensor::cat(vec![state[0].clone(), open], 2); // [N, 1, past + 1]
        let bias = attention_bias(blocked.clone().unsqueeze_dim::<4>(1));
        let mut next = vec![blocked];
        let pairs = state[1..].chunks_exact(2).zip(memory.chunks_exact(2));
        for (layer, (past, memory)) in decoder.decoder_layers.iter().zip(pairs) {
            let past = [past[0].clone(), past[1].clone()];
            let memory = [memory[0].clone(), memory[1].clone()];
            let (out, own) = layer.step(x, past, Some(bias.clone()), memory);
            x = out;
            next.extend(own);
        }
        let x = decoder.norm.forward(x).squeeze_dim::<2>(1);
        (decoder.cls.forward(x), next)
    }
}

impl Learn for MasterConfig {
    type Net = Master;

    fn init(&self, classes: usize, device: &Device) -> Master {
        self.init(classes, device)
    }

    fn graph(&self, net: &Master) -> glyphic_nn::Result<Graph> {
        let (positions, past) = (Axis::free("positions", 1), Axis::free("past", 1));
        let pair = |axis| [[Axis::BATCH, axis, Axis::Fixed(self.features)]; 2];
        let mut state = vec![[Axis::BATCH, Axis::Fixed(1), past]];
        state.extend((0..self.layers).flat_map(|_| pair(past)));
        let memory = (0..self.layers).flat_map(|_| pair(positions)).collect();
        capture_steps(
            "master",
            net,
            &StepAxes { image: self.input.axes(STRIDE), memory, state, refined: None },
        )
    }

    fn on_device(&self, net: Master) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `TFLoss` with the mean over the positions that hold text.
    fn loss(&self, net: &Master, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::Mean, |image, _, targets, _| net.forward(image, targets))
    }
}
