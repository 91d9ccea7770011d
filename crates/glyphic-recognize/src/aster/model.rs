use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{TextResNet, TextResNetConfig};
use glyphic_nn::capture::Axis;
use glyphic_nn::layers::{Rnn, RnnConfig, RnnKind, Stn, StnConfig, linear_rows};

use super::AsterConfig;
use super::config::STRIDE;
use crate::attention::{step_loss, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, Width};

/// ASTER.
#[derive(Module, Debug)]
pub struct Aster {
    /// What rectifies crops.
    pub preprocessor: Stn,
    /// From rectified crops to a row of features.
    pub backbone: TextResNet,
    /// Reads the row both ways.
    pub encoder: AsterEncoder,
    /// Writes class by class.
    pub decoder: AsterDecoder,
}

/// MMOCR's `ASTEREncoder`: two recurrent layers, both ways.
#[derive(Module, Debug)]
pub struct AsterEncoder {
    bilstm: Rnn,
}

/// MMOCR's `ASTERDecoder`: a GRU that looks at the columns anew for each class.
#[derive(Module, Debug)]
pub struct AsterDecoder {
    proj_feat: Linear,
    proj_hidden: Linear,
    proj_sum: Linear,
    embedding: Embedding,
    gru: Rnn,
    fc: Linear,
    hidden: usize,
}

impl AsterEncoder {
    fn init(features: usize, device: &Device) -> Self {
        let bilstm = RnnConfig {
            kind: RnnKind::Lstm,
            input: features,
            hidden: features / 2,
            stacked: true,
            bidirectional: true,
            dropout: 0.0,
        };
        Self { bilstm: bilstm.init(device) }
    }

    /// `[N, features, 1, T] -> [N, T, features]`
    pub fn forward(&self, map: Tensor<4>) -> Tensor<3> {
        let columns = map.squeeze_dim::<3>(2).permute([2, 0, 1]);
        self.bilstm.forward(columns).swap_dims(0, 1)
    }
}

impl AsterDecoder {
    fn init(config: &AsterConfig, classes: usize, device: &Device) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let gru = RnnConfig {
            kind: RnnKind::Gru,
            input: config.attention + config.features,
            hidden: config.hidden,
            stacked: false,
            bidirectional: false,
            dropout: 0.0,
        };
        Self {
            proj_feat: linear(config.features, config.attention),
            proj_hidden: linear(config.hidden, config.attention),
            proj_sum: linear(config.attention, 1),
            embedding: EmbeddingConfig::new(classes, config.attention).init(device),
            gru: gru.init(device),
            fc: linear(config.hidden, classes),
            hidden: config.hidden,
        }
    }

    /// What attention compares the state with, `[N, T, features] -> [N, T, attention]`.
    fn keys(&self, columns: Tensor<3>) -> Tensor<3> {
        linear_rows(&self.proj_feat, columns)
    }

    /// The state before the first class, `[N, 1, hidden]`.
    fn start(&self, batch: usize, device: &Device) -> Tensor<3> {
        Tensor::zeros([batch, 1, self.hidden], device)
    }

    /// One class: its logits `[N, classes]` and the state behind it, `[N, 1, hidden]`. `class` `[N, 1, attention]` is the class
    /// before, as features.
    fn advance(
        &self,
        columns: Tensor<3>,
        keys: Tensor<3>,
        state: Tensor<3>,
        class: Tensor<3>,
    ) -> (Tensor<2>, Tensor<3>) {
        let compared = (keys + linear_rows(&self.proj_hidden, state.clone())).tanh();
        let weights = softmax(linear_rows(&self.proj_sum, compared), 1); // [N, T, 1]
        let seen = weights.swap_dims(1, 2).matmul(columns); // [N, 1, features]
        let x = Tensor::cat(vec![class, seen], 2).squeeze_dim::<2>(1);
        let (out, mut next) = self.gru.step(x, &[state.squeeze_dim::<2>(1)]);
        let next = next.pop().unwrap_or_else(|| out.clone());
        (self.fc.forward(out), next.unsqueeze_dim(1))
    }
}

impl AsterConfig {
    /// A network with random weights for `classes` classes.
    pub fn init(&self, classes: usize, device: &Device) -> Aster {
        Aster {
            preprocessor: StnConfig { size: self.size, ..StnConfig::default() }.init(device),
            backbone: TextResNetConfig::aster().scaled(self.features).init(device),
            encoder: AsterEncoder::init(self.features, device),
            decoder: AsterDecoder::init(self, classes, device),
        }
    }
}

impl Aster {
    /// The columns that the decoder looks at: `[N, 3, H, W] -> [N, T, features]`.
    pub fn columns(&self, image: Tensor<4>) -> Tensor<3> {
        self.encoder.forward(self.backbone.forward(self.preprocessor.forward(image)))
    }

    /// Logits of all positions of padded targets, as in training: `[N, 3, H, W] -> [N, T, classes]`.
    pub fn forward(&self, image: Tensor<4>, targets: &[Vec<usize>]) -> Tensor<3> {
        let decoder = &self.decoder;
        let columns = self.columns(image);
        let keys = decoder.keys(columns.clone());
        let ([batch, _, _], device) = (columns.dims(), columns.device());
        let classes = decoder.embedding.forward(target_classes(targets, &device)); // [N, T, attention]
        let [_, length, features] = classes.dims();
        let mut state = decoder.start(batch, &device);
        let mut rows = Vec::with_capacity(length);
        for position in 0..length {
            let class = classes.clone().slice([0..batch, position..position + 1, 0..features]);
            let (logits, next) = decoder.advance(columns.clone(), keys.clone(), state, class);
            state = next;
            rows.push(logits.unsqueeze_dim::<3>(1));
        }
        Tensor::cat(rows, 1)
    }
}

impl Stepwise for Aster {
    fn encode(&self, image: Tensor<4>, _: Tensor<2>) -> Encoded {
        let columns = self.columns(image);
        let ([batch, _, _], device) = (columns.dims(), columns.device());
        let keys = self.decoder.keys(columns.clone());
        Encoded { memory: vec![columns, keys], state: vec![self.decoder.start(batch, &device)] }
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        _: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let class = self.decoder.embedding.forward(token.int()); // [N, 1, attention]
        let (logits, next) =
            self.decoder.advance(memory[0].clone(), memory[1].clone(), state[0].clone(), class);
        (logits, vec![next])
    }
}

impl Learn for AsterConfig {
    type Net = Aster;

    fn init(&self, classes: usize, device: &Device) -> Aster {
        self.init(classes, device)
    }

    fn graph(&self, net: &Aster) -> glyphic_nn::Result<Graph> {
        let columns = Axis::Fixed(self.size[1] / STRIDE);
        let axes = StepAxes {
            image: self.input.fixed_axes(),
            memory: [self.features, self.attention].map(|f| [Axis::BATCH, columns, Axis::Fixed(f)]).to_vec(),
            state: vec![[Axis::BATCH, Axis::Fixed(1), Axis::Fixed(self.hidden)]],
            refined: None,
        };
        capture_steps("aster", net, &axes)
    }

    fn on_device(&self, net: Aster) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// MMOCR's `CEModuleLoss`: the mean over all positions, those of padding, which cost nothing, included.
    fn loss(&self, net: &Aster, batch: &LineBatch) -> Result<Tensor<1>> {
        step_loss(self, batch, Reduction::None, |image, _, targets, _| net.forward(image, targets))
    }
}
