use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear,
};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::capture::Axis;
use glyphic_nn::checkpoint::StateDict;
use glyphic_nn::layers::{
    KeysValues, Mlp, QkvAttention, TorchAttention, attention_bias, conv2d, linear_rows, normal_linear,
};
use glyphic_nn::ops::convolve;

use super::ParseqConfig;
use super::permutation::{blocked, draws, permutations};
use crate::attention::{positions, target_classes};
use crate::model::{Learn, LineBatch};
use crate::network::{DeviceNetwork, Encoded, StepAxes, Stepwise, capture_steps};
use crate::{Reduction, Result, SequenceLoss, Width};

/// Deviation of embeddings before training.
const DEVIATION: f64 = 0.02;

/// PARSeq.
#[derive(Module, Debug)]
pub struct Parseq {
    /// Over the patches of a picture.
    pub encoder: VisionTransformer,
    /// From positions to what they hold.
    pub decoder: ParseqDecoder,
    head: Linear,
    text_embed: Classes,
    pos_queries: Param<Tensor<3>>,
    dropout: Dropout,
    end: usize,
}

/// timm's `VisionTransformer` without a class token.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    pos_embed: Param<Tensor<3>>,
    patch_embed: Patches,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

#[derive(Module, Debug)]
struct Patches {
    proj: Conv2d,
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: QkvAttention,
    norm2: LayerNorm,
    mlp: Mlp,
}

/// PARSeq's decoder of one layer.
#[derive(Module, Debug)]
pub struct ParseqDecoder {
    layers: Vec<QueryLayer>,
    norm: LayerNorm,
}

/// Queries that look at the classes of other positions, then at the picture.
#[derive(Module, Debug)]
struct QueryLayer {
    self_attn: TorchAttention,
    cross_attn: TorchAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm_q: LayerNorm,
    norm_c: LayerNorm,
    dropout: Dropout,
}

/// Classes as features, times the root of their number.
#[derive(Module, Debug)]
struct Classes {
    embedding: Embedding,
}

impl VisionTransformer {
    fn init(config: &ParseqConfig, size: [usize; 2], device: &Device) -> Self {
        let features = config.features;
        let norm = || LayerNormConfig::new(features).with_epsilon(1e-6).init(device);
        let count = size[0] / config.patch[0] * (size[1] / config.patch[1]);
        let places = Tensor::random([1, count, features], Distribution::Normal(0.0, DEVIATION), device);
        let block = |_| Block {
            norm1: norm(),
            attn: QkvAttention::init(features, config.heads, None, device),
            norm2: norm(),
            mlp: Mlp::init(features, config.ratio * features, device),
        };
        let channels = [config.input.channels.count(), features];
        Self {
            pos_embed: Param::from_tensor(places),
            patch_embed: Patches { proj: conv2d(channels, config.patch, config.patch, [0, 0], true, device) },
            blocks: (0..config.layers).map(block).collect(),
            norm: norm(),
        }
    }

    /// `[N, channels, H, W] -> [N, patches, features]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let x = positions(convolve(&self.patch_embed.proj, image)) + self.pos_embed.val();
        let x = self.blocks.iter().fold(x, |x, block| {
            let x = x.clone() + block.attn.forward(block.norm1.forward(x));
            x.clone() + block.mlp.forward(block.norm2.forward(x))
        });
        self.norm.forward(x)
    }
}

impl ParseqDecoder {
    fn init(config: &ParseqConfig, device: &Device) -> Self {
        let features = config.features;
        let norm = || LayerNormConfig::new(features).with_epsilon(1e-5).init(device);
        let attention = || TorchAttention::init(features, config.decoder_heads, config.dropout, device);
        let layer = QueryLayer {
            self_attn: attention(),
            cross_attn: attention(),
            linear1: normal_linear(features, config.ratio * features, device),
            linear2: normal_linear(config.ratio * features, features, device),
            norm1: norm(),
            norm2: norm(),
            norm_q: norm(),
            norm_c: norm(),
            dropout: DropoutConfig::new(config.dropout).init(),
        };
        Self { layers: vec![layer], norm: norm() }
    }

    fn layer(&self) -> &QueryLayer {
        &self.layers[0]
    }

    /// Keys and values of classes as features, `[N, T, features]`.
    fn content(&self, classes: Tensor<3>) -> KeysValues {
        let layer = self.layer();
        layer.self_attn.keys_values(layer.norm_c.forward(classes))
    }

    /// Keys and values of an encoder's output, `[N, patches, features]`.
    fn memory(&self, patches: Tensor<3>) -> KeysValues {
        self.layer().cross_attn.keys_values(patches)
    }

    /// Queries `[N, Q, features]` over classes, of which `bias` `[N or 1, 1, Q, T]` blocks some, and the picture:
    /// `[N, Q, features]`.
    fn read(&self, query: Tensor<3>, content: KeysValues, bias: Tensor<4>, memory: KeysValues) -> Tensor<3> {
        let layer = self.layer();
        let dropped = |x| layer.dropout.forward(x);
        let [keys, values] = content;
        let normed = layer.norm_q.forward(query.clone());
        let x = query + dropped(layer.self_attn.attend(normed, keys, values, Some(bias)));
        let [keys, values] = memory;
        let normed = layer.norm1.forward(x.clone());
        let x = x + dropped(layer.cross_attn.attend(normed, keys, values, None));
        let inner = dropped(gelu(linear_rows(&layer.linear1, layer.norm2.forward(x.clone()))));
        self.norm.forward(x + dropped(linear_rows(&layer.linear2, inner)))
    }
}

impl ParseqConfig {
    /// A network with random weights for `classes` classes, of which it writes all but the last two.
    pub fn init(&self, classes: usize, device: &Device) -> Parseq {
        let features = self.features;
        let normal = Initializer::Normal { mean: 0.0, std: DEVIATION };
        let resize = &self.input.resize;
        let size = [resize.height as usize, resize.max_width.unwrap_or_default() as usize];
        let queries = [1, self.length(), features];
        Parseq {
            encoder: VisionTransformer::init(self, size, device),
            decoder: ParseqDecoder::init(self, device),
            head: normal_linear(features, classes - 2, device),
            text_embed: Classes {
                embedding: EmbeddingConfig::new(classes, features).with_initializer(normal).init(device),
            },
            pos_queries: Param::from_tensor(Tensor::random(
                queries,
                Distribution::Normal(0.0, DEVIATION),
                device,
            )),
            dropout: DropoutConfig::new(self.dropout).init(),
            // The order of the classes has it first.
            end: 0,
        }
    }
}

impl Parseq {
    /// What stands for the positions of classes, the start's first: nothing for the start, then the queries of the places,
    /// `[1, T + 1, features]`.
    fn places(&self) -> Tensor<3> {
        let queries = self.pos_queries.val();
        let [_, _, features] = queries.dims();
        Tensor::cat(vec![Tensor::zeros([1, 1, features], &queries.device()), queries], 1)
    }

    fn embed(&self, classes: Tensor<2, Int>) -> Tensor<3> {
        let [_, _, features] = self.pos_queries.dims();
        self.text_embed.embedding.forward(classes).mul_scalar((features as f64).sqrt())
    }

    /// Logits of all positions: classes `[N, L]`, the start and those behind it, of which `bias` `[N, 1, L, L]` blocks some for
    /// the queries, -> `[N, L, classes - 2]`.
    fn decode(&self, classes: Tensor<2, Int>, bias: Tensor<4>, memory: KeysValues) -> Tensor<3> {
        let [batch, length] = classes.dims();
        let [_, _, features] = self.pos_queries.dims();
        let places = self.places().slice([0..1, 0..length, 0..features]);
        let content = self.decoder.content(self.dropout.forward(self.embed(classes) + places));
        let query = self.pos_queries.val().slice([0..1, 0..length, 0..features]);
        let query = self.dropout.forward(query.expand([batch, length, features]));
        linear_rows(&self.head, self.decoder.read(query, content, bias, memory))
    }

    /// The keys and values of a picture's patches: `[N, channels, H, W] -> [N, patches, features]` each.
    pub fn memory(&self, image: Tensor<4>) -> KeysValues {
        self.decoder.memory(self.encoder.forward(image))
    }

    /// Logits of all positions of padded targets as they are read in one order, as in training: `[N, L, classes - 2]`, of the
    /// targets `[N][L]` from the start on. Positions of the end and behind it are not looked at. `order` as
    /// [`permutations`] gives it for texts of L - 1 characters.
    pub fn forward(
        &self,
        memory: KeysValues,
        targets: &[Vec<usize>],
        pad: usize,
        order: &[usize],
    ) -> Tensor<3> {
        let device = memory[0].device();
        let (batch, length) = (targets.len(), targets.first().map_or(0, Vec::len));
        let order = Tensor::<4>::from_data(TensorData::new(blocked(order), [1, 1, length, length]), &device);
        let behind = |class: &usize| f32::from(*class == pad || *class == self.end);
        let padding: Vec<f32> = targets.iter().flatten().map(behind).collect();
        let padding = Tensor::<4>::from_data(TensorData::new(padding, [batch, 1, 1, length]), &device);
        let bias = attention_bias((order + padding).clamp_max(1.0));
        self.decode(target_classes(targets, &device), bias, memory)
    }
}

impl Stepwise for Parseq {
    /// The state starts with keys and values of one position, which is blocked.
    fn encode(&self, image: Tensor<4>, _: Tensor<2>) -> Encoded {
        let memory = self.memory(image);
        let ([batch, _, features], device) = (memory[0].dims(), memory[0].device());
        let mut state = vec![Tensor::ones([batch, 1, 1], &device)];
        state.extend([(); 2].map(|()| Tensor::zeros([batch, 1, features], &device)));
        Encoded { memory: memory.to_vec(), state }
    }

    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>) {
        let ([batch, _], [_, _, features]) = (token.dims(), self.pos_queries.dims());
        let position = position.int();
        let class = self.embed(token.int()) + self.places().select(1, position.clone());
        let [own_keys, own_values] = self.decoder.content(class);
        let open = Tensor::zeros([batch, 1, 1], &own_keys.device());
        let behind = |i: usize, own| Tensor::cat(vec![state[i].clone(), own], 1);
        let blocked = Tensor::cat(vec![state[0].clone(), open], 2); // [N, 1, past + 1]
        let (keys, values) = (behind(1, own_keys), behind(2, own_values));
        let query = self.pos_queries.val().select(1, position).expand([batch, 1, features]);
        let bias = attention_bias(blocked.clone()).unsqueeze_dim::<4>(1);
        let memory = [memory[0].clone(), memory[1].clone()];
        let read = self.decoder.read(query, [keys.clone(), values.clone()], bias, memory);
        let logits = linear_rows(&self.head, read).squeeze_dim::<2>(1);
        (logits, vec![blocked, keys, values])
    }

    /// Each position is read with the classes of all others, up to the first end.
    fn refine(&self, memory: &[Tensor<3>], tokens: Tensor<2>) -> Option<Tensor<3>> {
        let ([batch, length], device) = (tokens.dims(), tokens.device());
        let square = |hidden: fn(usize, usize) -> bool| {
            let pairs = (0..length).flat_map(|a| (0..length).map(move |b| (a, b)));
            let values: Vec<f32> = pairs.map(|(a, b)| f32::from(hidden(a, b))).collect();
            Tensor::<2>::from_data(TensorData::new(values, [length, length]), &device)
        };
        // How many ends stand up to each position.
        let ends = tokens.clone().equal_elem(self.end as f32).float().matmul(square(|a, b| a <= b));
        let behind = ends.clamp_max(1.0).reshape([batch, 1, 1, length]);
        let own = square(|query, key| key == query + 1).reshape([1, 1, length, length]);
        let bias = attention_bias((behind + own).clamp_max(1.0));
        Some(self.decode(tokens.int(), bias, [memory[0].clone(), memory[1].clone()]))
    }
}

impl Learn for ParseqConfig {
    type Net = Parseq;

    fn init(&self, classes: usize, device: &Device) -> Parseq {
        self.init(classes, device)
    }

    fn graph(&self, net: &Parseq) -> glyphic_nn::Result<Graph> {
        let (past, features) = (Axis::free("past", 1), Axis::Fixed(self.features));
        let [_, patches, _] = net.encoder.pos_embed.dims();
        let axes = StepAxes {
            image: self.input.fixed_axes(),
            memory: vec![[Axis::BATCH, Axis::Fixed(patches), features]; 2],
            state: vec![
                [Axis::BATCH, Axis::Fixed(1), past],
                [Axis::BATCH, past, features],
                [Axis::BATCH, past, features],
            ],
            refined: Some(self.length()),
        };
        capture_steps("parseq", net, &axes)
    }

    fn on_device(&self, net: Parseq) -> DeviceNetwork {
        DeviceNetwork::Steps(Box::new(net))
    }

    fn target(&self, text: &str, _: Width) -> Result<Vec<usize>> {
        Ok(self.labels.codec()?.target(text)?)
    }

    /// The authors' files may have `model.` in front of every name.
    fn own_names(&self, weights: &StateDict) -> Option<StateDict> {
        let prefixed = weights.names().all(|name| name.starts_with("model."));
        (prefixed && weights.names().next().is_some()).then(|| weights.below("model."))
    }

    /// Permuted language modelling: the mean over all positions and orders. The end is learnt in the first two orders alone,
    /// with the whole text before it and with nothing.
    fn loss(&self, net: &Parseq, batch: &LineBatch) -> Result<Tensor<1>> {
        let codec = self.labels.codec()?;
        let (pad, end) = (codec.pad(), codec.end());
        let longest = batch.targets.iter().map(Vec::len).max().unwrap_or_default().max(2);
        let padded = |target: &Vec<usize>| {
            let mut target = target.clone();
            target.resize(longest, pad);
            target
        };
        let targets: Vec<Vec<usize>> = batch.targets.iter().map(padded).collect();
        let given: Vec<Vec<usize>> = targets.iter().map(|target| target[..longest - 1].to_vec()).collect();
        let mut wanted: Vec<Vec<usize>> = targets.iter().map(|target| target[1..].to_vec()).collect();
        let device = batch.image.device();
        let memory = net.memory(batch.image.clone());
        // From the device's numbers, so that a run with the same seed is the same.
        let draw = Tensor::<1>::random([1], Distribution::Uniform(0.0, 1.0), &device);
        let orders = permutations(longest - 2, self.permutations, draws(draw.into_scalar::<f32>()));
        let loss = SequenceLoss { ignore: Some(pad), shifted: false, reduction: Reduction::Sum };
        let (mut sum, mut counted) = (None, 0);
        for (i, order) in orders.iter().enumerate() {
            if i == 2 {
                wanted.iter_mut().flatten().filter(|class| **class == end).for_each(|class| *class = pad);
            }
            counted += wanted.iter().flatten().filter(|class| **class != pad).count();
            let value = loss.forward(net.forward(memory.clone(), &given, pad, order), &wanted)?;
            sum = Some(match sum {
                Some(sum) => sum + value,
                None => value,
            });
        }
        let sum = sum.unwrap_or_else(|| Tensor::zeros([1], &device));
        Ok(sum / counted.max(1) as f64)
    }
}
