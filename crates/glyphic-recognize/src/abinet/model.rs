use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{TextResNet, TextResNetConfig};
use glyphic_nn::capture::{Axis, capture};
use glyphic_nn::layers::{
    ConvBlock, ConvBlockConfig, PositionalEncoding, TorchLayer, TorchLayerConfig, TorchNorm, attention_bias,
    linear_rows, upsample_nearest,
};

use super::AbinetConfig;
use super::config::STRIDE;
use crate::attention::positions;
use crate::model::{Learn, LineBatch};
use crate::network::DeviceNetwork;
use crate::{Reduction, Result, SequenceLoss, Width};

/// Channels inside position attention.
const CHANNELS: usize = 64;

/// ABINet.
#[derive(Module, Debug)]
pub struct Abinet {
    /// From crops to maps.
    pub backbone: TextResNet,
    /// Reads all characters at once.
    pub encoder: VisionModel,
    /// Corrects them by those around them.
    pub decoder: Option<LanguageBranch>,
    /// Fuses what both say.
    pub fuser: Option<Fuser>,
    iterations: usize,
}

/// MMOCR's `ABIVisionModel`.
#[derive(Module, Debug)]
pub struct VisionModel {
    encoder: VisionTransformer,
    decoder: VisionDecoder,
}

#[derive(Module, Debug)]
struct VisionTransformer {
    pos_encoder: PositionalEncoding,
    transformer: Vec<TorchLayer>,
}

/// MMOCR's `ABIVisionDecoder`: each character attends to where it stands, by keys of a small U-Net.
#[derive(Module, Debug)]
pub struct VisionDecoder {
    k_encoder: Vec<ConvBlock>,
    k_decoder: Vec<Vec<Option<ConvBlock>>>,
    pos_encoder: PositionalEncoding,
    project: Linear,
    cls: Linear,
}

/// MMOCR's `ABILanguageDecoder`.
#[derive(Module, Debug)]
pub struct LanguageBranch {
    proj: Linear,
    token_encoder: PositionalEncoding,
    pos_encoder: PositionalEncoding,
    decoder_layers: Vec<TorchLayer>,
    cls: Linear,
    dropout: Dropout,
    /// The class behind a text.
    end: usize,
}

/// MMOCR's `ABIFuser`.
#[derive(Module, Debug)]
pub struct Fuser {
    w_att: Linear,
    cls: Linear,
}

/// What a part of the network reads.
#[derive(Debug, Clone)]
pub struct Reading {
    /// `[N, T, features]`
    pub feature: Tensor<3>,
    /// `[N, T, classes]`
    pub logits: Tensor<3>,
}

/// What all parts read.
#[derive(Debug, Clone)]
pub struct AbinetOutput {
    /// The vision model.
    pub vision: Reading,
    /// Its attention, `[N, T, h * w]`.
    pub attention: Tensor<3>,
    /// The language model in each iteration.
    pub language: Vec<Reading>,
    /// Logits of the fusion in each iteration, `[N, T, classes]`.
    pub fused: Vec<Tensor<3>>,
}

impl AbinetOutput {
    /// What counts: the last logits, `[N, T, classes]`.
    pub fn logits(self) -> Tensor<3> {
        self.fused.into_iter().next_back().unwrap_or(self.vision.logits)
    }
}

impl AbinetConfig {
    /// A network with random weights for a vocabulary of `classes`, of which it writes all but the last, padding.
    pub fn init(&self, classes: usize, device: &Device) -> Abinet {
        let (written, features) = (classes - 1, self.features);
        let layer = TorchLayerConfig {
            features,
            inner: self.inner,
            heads: self.heads,
            attentions: 1,
            norm: TorchNorm::Behind,
            dropout: self.dropout,
        };
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let positions = |count| PositionalEncoding::init(count, features, device);
        let [height, width] = self.size().map(|side| side / STRIDE as usize);
        let conv = |from, to, stride| ConvBlockConfig::new([from, to], [3, 3]).stride(stride).init(device);
        let up = |to| vec![None, Some(conv(CHANNELS, to, [1, 1]))];
        let language = || LanguageBranch {
            proj: LinearConfig::new(written, features).with_bias(false).init(device),
            token_encoder: positions(self.length()),
            pos_encoder: positions(self.length()),
            decoder_layers: (0..self.language_layers).map(|_| layer.init(device)).collect(),
            cls: linear(features, written),
            dropout: DropoutConfig::new(self.dropout).init(),
            // The last class but padding.
            end: written - 1,
        };
        let fuser = || Fuser { w_att: linear(2 * features, features), cls: linear(features, written) };
        Abinet {
            backbone: TextResNetConfig::abinet().scaled(features).init(device),
            encoder: VisionModel {
                encoder: VisionTransformer {
                    pos_encoder: positions(height * width),
                    transformer: (0..self.vision_layers).map(|_| layer.init(device)).collect(),
                },
                decoder: VisionDecoder {
                    k_encoder: vec![
                        conv(features, CHANNELS, [1, 2]),
                        conv(CHANNELS, CHANNELS, [2, 2]),
                        conv(CHANNELS, CHANNELS, [2, 2]),
                        conv(CHANNELS, CHANNELS, [2, 2]),
                    ],
                    k_decoder: vec![up(CHANNELS), up(CHANNELS), up(CHANNELS), up(features)],
                    pos_encoder: positions(self.length()),
                    project: linear(features, features),
                    cls: linear(features, written),
                },
            },
            decoder: self.language.then(language),
            fuser: self.language.then(fuser),
            iterations: self.iterations,
        }
    }
}

impl VisionModel {
    /// A map `[N, features, h, w]` -> what is read and the attention, `[N, T, h * w]`.
    fn forward(&self, map: Tensor<4>) -> (Reading, Tensor<3>) {
        let [batch, features, height, width] = map.dims();
        let x = self.encoder.pos_encoder.forward(positions(map));
        let x = self.encoder.transformer.iter().fold(x, |x, layer| layer.forward(x, None, None));
        self.decoder.forward(x.swap_dims(1, 2).reshape([batch, features, height, width]))
    }
}

impl VisionDecoder {
    fn forward(&self, map: Tensor<4>) -> (Reading, Tensor<3>) {
        let [batch, features, height, width] = map.dims();
        let mut key = map.clone();
        let mut levels = Vec::with_capacity(self.k_encoder.len());
        for conv in &self.k_encoder {
            levels.push(key.clone());
            key = conv.forward(key);
        }
        for (i, layers) in self.k_decoder.iter().enumerate() {
            let finer = levels.pop().unwrap_or_else(|| map.clone());
            let [_, _, h, w] = finer.dims();
            key = layers.iter().flatten().fold(upsample_nearest(key, [h, w]), |x, conv| conv.forward(x));
            if i + 1 < self.k_decoder.len() {
                key = key + finer;
            }
        }
        let query = linear_rows(&self.project, self.pos_encoder.position_table.val()); // [1, T, features]
        let logits = query.matmul(key.reshape([batch, features, height * width]));
        let attention = softmax(logits.div_scalar((features as f64).sqrt()), 2); // [N, T, h * w]
        let feature = attention.clone().matmul(positions(map));
        let logits = linear_rows(&self.cls, feature.clone());
        (Reading { feature, logits }, attention)
    }
}

impl LanguageBranch {
    /// Logits `[N, T, classes]` of what was read -> what stands there by the characters around it. Nothing is learnt through
    /// the logits.
    fn forward(&self, logits: Tensor<3>) -> Reading {
        let [batch, length, _] = logits.dims();
        let device = logits.device();
        // 1 behind the first end. The first two positions are always looked at.
        let ends = logits.clone().argmax(2).equal_elem(self.end as i64).float().reshape([batch, length]);
        let before = |from: usize, to: usize| f32::from(u8::from(from < to && to >= 2));
        let before: Vec<f32> = (0..length * length).map(|i| before(i / length, i % length)).collect();
        let square = |values| Tensor::<2>::from_data(TensorData::new(values, [length, length]), &device);
        let behind = ends.matmul(square(before)).clamp(0.0, 1.0).reshape([batch, 1, 1, length]);
        // No character sees itself.
        let own = (0..length * length).map(|i| f32::from(u8::from(i / length == i % length))).collect();
        let own = square(own).reshape([1, 1, length, length]);
        let bias = attention_bias(behind + own);

        let tokens = softmax(logits, 2).detach();
        let tokens = self.dropout.forward(self.token_encoder.forward(linear_rows(&self.proj, tokens)));
        let query = self.pos_encoder.position_table.val(); // [1, T, features]
        let [_, _, features] = query.dims();
        let query = query.expand([batch, length, features]);
        let layers = self.decoder_layers.iter();
        let feature =
            layers.fold(query, |x, layer| layer.forward(x, Some(tokens.clone()), Some(bias.clone())));
        let logits = linear_rows(&self.cls, feature.clone());
        Reading { feature, logits }
    }
}

impl Fuser {
    /// Features `[N, T, features]` of both -> logits `[N, T, classes]`.
    fn forward(&self, vision: Tensor<3>, language: Tensor<3>) -> Tensor<3> {
        let both = Tensor::cat(vec![vision.clone(), language.clone()], 2);
        let share = sigmoid(linear_rows(&self.w_att, both));
        linear_rows(&self.cls, share * (language - vision.clone()) + vision)
    }
}

impl Abinet {
    /// `[N, 3, H, W]` to what all parts read.
    pub fn forward(&self, image: Tensor<4>) -> AbinetOutput {
        let (vision, attention) = self.encoder.forward(self.backbone.forward(image));
        let mut out = AbinetOutput { vision, attention, language: Vec::new(), fused: Vec::new() };
        if let (Some(language), Some(fuser)) = (&self.decoder, &self.fuser) {
            let mut logits = out.vision.logits.clone();
            for _ in 0..self.iterations {
                let reading = language.forward(logits);
                logits = fuser.forward(out.vision.feature.clone(), reading.feature.clone());
                out.language.push(reading);
                out.fused.push(logits.clone());
            }
        }
        out
    }
}

impl Learn for AbinetConfig {
    type Net = Abinet;

    fn init(&self, classes: usize, device: &Device) -> Abinet {
        self.init(classes, device)
    }

    fn graph(&self, net: &Abinet) -> glyphic_nn::Result<Graph> {
        let [height, width] = self.size().map(Axis::Fixed);
        capture("abinet", net, |net, tape| {
            let image = tape.input("image", [Axis::BATCH, Axis::Fixed(3), height, width]);
            tape.output("logits", net.forward(image).logits());
        })
    }

    fn on_device(&self, net: Abinet) -> DeviceNetwork {
        DeviceNetwork::Whole(Box::new(move |image| net.forward(image).logits()))
    }

    /// The text and its end, without a start.
    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.codec()?.target(text)?.split_off(1))
    }

    /// MMOCR's `ABILoss`: the means of vision model, language model and fusion over the positions that hold text and all
    /// iterations, added up.
    fn loss(&self, net: &Abinet, batch: &LineBatch) -> Result<Tensor<1>> {
        let pad = self.codec()?.pad();
        let padded = |target: &Vec<usize>| {
            let mut target = target.clone();
            target.resize(self.length(), pad);
            target
        };
        let targets: Vec<Vec<usize>> = batch.targets.iter().map(padded).collect();
        let loss = SequenceLoss { ignore: Some(pad), shifted: false, reduction: Reduction::Mean };
        let out = net.forward(batch.image.clone());
        let mut sum = loss.forward(out.vision.logits, &targets)?;
        let share = 1.0 / out.fused.len().max(1) as f64;
        for logits in out.language.into_iter().map(|reading| reading.logits).chain(out.fused) {
            sum = sum + loss.forward(logits, &targets)?.mul_scalar(share);
        }
        Ok(sum)
    }
}
