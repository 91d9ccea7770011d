#![expect(non_snake_case, reason = "`LayerNorm` is the checkpoint's name")]

use burn::module::{Module, Param};
use burn::nn::{
    Dropout, DropoutConfig, Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear,
    LinearConfig,
};
use burn::tensor::activation::{softmax, tanh};
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::capture::{Axis, Tape, capture};
use glyphic_nn::checkpoint::{StateDict, load_into};

use super::{NerConfig, Tokens, keys, loss};
use crate::Result;

/// What the mask takes from scores of attention.
const MASKED: f64 = -10_000.0;

impl NerConfig {
    /// Makes the network of a configuration that [`NerConfig::validate`] accepts.
    pub fn init(&self, device: &Device) -> BertSoftmax {
        let normal = || Initializer::Normal { mean: 0.0, std: 0.02 };
        let width = self.hidden_size;
        let linear = |from, to| {
            let mut linear = LinearConfig::new(from, to).with_initializer(normal()).init(device);
            linear.bias = Some(Param::from_tensor(Tensor::zeros([to], device)));
            linear
        };
        let table = |rows| EmbeddingConfig::new(rows, width).with_initializer(normal()).init(device);
        let norm = || LayerNormConfig::new(width).with_epsilon(self.layer_norm_eps).init(device);
        let output = |from| Output { dense: linear(from, width), LayerNorm: norm() };
        let layer = |_| Layer {
            attention: Attention {
                self_: SelfAttention {
                    query: linear(width, width),
                    key: linear(width, width),
                    value: linear(width, width),
                },
                output: output(width),
            },
            intermediate: Dense { dense: linear(width, self.intermediate_size) },
            output: output(self.intermediate_size),
        };
        BertSoftmax {
            encoder: Encoder {
                bert: Bert {
                    embeddings: Embeddings {
                        word_embeddings: table(self.vocab_size),
                        position_embeddings: table(self.max_position_embeddings),
                        token_type_embeddings: table(self.type_vocab_size),
                        LayerNorm: norm(),
                    },
                    encoder: Layers { layer: (0..self.num_hidden_layers).map(layer).collect() },
                    pooler: Dense { dense: linear(width, width) },
                },
            },
            decoder: Decoder { classifier: linear(width, self.num_labels()) },
            dropout: DropoutConfig::new(self.dropout).init(),
            heads: self.num_attention_heads,
        }
    }

    /// The network with these weights, MMOCR's or HuggingFace's, all of them and no others.
    ///
    /// # Errors
    /// [`crate::Error::Config`]; [`crate::Error::Weights`] with every name that does not fit.
    pub fn load(&self, weights: &StateDict, device: &Device) -> Result<BertSoftmax> {
        self.validate()?;
        let mut net = self.init(device);
        load_into(&mut net, weights, &keys::load_options(weights))?;
        Ok(net)
    }

    /// The network with an encoder's pre-trained weights and a fresh classifier.
    ///
    /// # Errors
    /// As [`NerConfig::load`].
    pub fn load_encoder(&self, weights: &StateDict, device: &Device) -> Result<BertSoftmax> {
        self.validate()?;
        let mut net = self.init(device);
        load_into(&mut net, weights, &keys::load_options(weights).ignore("decoder.classifier.*"))?;
        Ok(net)
    }
}

/// BERT and a linear layer. Names: `encoder.bert.*`, `decoder.classifier.*`.
#[derive(Module, Debug)]
pub struct BertSoftmax {
    encoder: Encoder,
    decoder: Decoder,
    dropout: Dropout,
    heads: usize,
}

#[derive(Module, Debug)]
struct Encoder {
    bert: Bert,
}

#[derive(Module, Debug)]
struct Decoder {
    classifier: Linear,
}

#[derive(Module, Debug)]
struct Bert {
    embeddings: Embeddings,
    encoder: Layers,
    pooler: Dense,
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    LayerNorm: LayerNorm,
}

#[derive(Module, Debug)]
struct Layers {
    layer: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    attention: Attention,
    intermediate: Dense,
    output: Output,
}

#[derive(Module, Debug)]
struct Attention {
    /// `self` in checkpoints.
    self_: SelfAttention,
    output: Output,
}

#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
}

#[derive(Module, Debug)]
struct Output {
    dense: Linear,
    LayerNorm: LayerNorm,
}

#[derive(Module, Debug)]
struct Dense {
    dense: Linear,
}

/// What the network makes of texts.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Features of each token, `[N, T, hidden]`.
    pub tokens: Tensor<3>,
    /// Scores of each token's tags, `[N, T, tags]`.
    pub logits: Tensor<3>,
}

impl BertSoftmax {
    /// Texts as tokens.
    pub fn forward(&self, texts: &[Tokens], device: &Device) -> Encoded {
        let steps = texts.first().map_or(1, |t| t.ids.len());
        let ids: Vec<i64> = texts.iter().flat_map(|t| t.ids.iter().map(|id| *id as i64)).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [texts.len(), steps]), device);
        let lengths: Vec<usize> = texts.iter().map(|t| t.length).collect();
        self.run(ids, Tensor::from_data(loss::mask(&lengths, steps), device))
    }

    /// Tokens `[N, T]` and the mask of those that count, `[N, T]`.
    pub fn run(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Encoded {
        let bert = &self.encoder.bert;
        let [n, t] = ids.dims();
        let barrier = ((mask - 1.0) * -MASKED).reshape([n, 1, 1, t]);
        let mut x = bert.embeddings.forward(ids, &self.dropout);
        for layer in &bert.encoder.layer {
            x = layer.forward(x, barrier.clone(), self.heads, &self.dropout);
        }
        let logits = linear(&self.decoder.classifier, self.dropout.forward(x.clone()));
        Encoded { tokens: x, logits }
    }

    /// The features of a text as a whole, `[N, hidden]`, of its first token's.
    pub fn pool(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [n, _, width] = tokens.dims();
        tanh(self.encoder.bert.pooler.dense.forward(tokens.narrow(1, 0, 1).reshape([n, width])))
    }

    /// The network as a graph: inputs `tokens` and `mask` `[N, T]`, numbers in floats; output `logits` `[N, T, tags]`.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] where it cannot be recorded.
    pub fn graph(&self) -> Result<Graph> {
        let graph = capture("bert_softmax", self, |net, tape: &mut Tape| {
            let axes = [Axis::BATCH, Axis::free("length", 1)];
            let (ids, mask) = (tape.input("tokens", axes).int(), tape.input("mask", axes));
            tape.output("logits", net.run(ids, mask).logits);
        });
        Ok(graph?)
    }
}

impl Embeddings {
    /// `[N, T] -> [N, T, hidden]`
    fn forward(&self, ids: Tensor<2, Int>, dropout: &Dropout) -> Tensor<3> {
        let [n, t] = ids.dims();
        let words = self.word_embeddings.weight.val();
        let [_, width] = words.dims();
        let mut x = words.select(0, ids.clone().reshape([n * t])).reshape([n, t, width]);
        if x.device().is_autodiff() {
            // Padding is not learned.
            let known = ids.clamp(0, 1).float().reshape([n, t, 1]);
            let padding = x.clone().detach() * (known.clone() * -1.0 + 1.0);
            x = x * known + padding;
        }
        let index = Tensor::<1, Int>::arange(0..t as i64, &x.device());
        let positions = self.position_embeddings.weight.val().select(0, index).reshape([1, t, width]);
        let kinds = self.token_type_embeddings.weight.val().narrow(0, 0, 1).reshape([1, 1, width]);
        dropout.forward(self.LayerNorm.forward(x + positions + kinds))
    }
}

impl Layer {
    /// `[N, T, hidden] -> [N, T, hidden]`
    fn forward(&self, x: Tensor<3>, barrier: Tensor<4>, heads: usize, dropout: &Dropout) -> Tensor<3> {
        let [n, t, width] = x.dims();
        let SelfAttention { query, key, value } = &self.attention.self_;
        let depth = width / heads;
        // [N, heads, T, depth]
        let split = |linear: &Linear| linear.forward(x.clone()).reshape([n, t, heads, depth]).swap_dims(1, 2);
        let scores = split(query).matmul(split(key).swap_dims(2, 3)) / (depth as f64).sqrt() + barrier;
        let mixed = dropout.forward(softmax(scores, 3)).matmul(split(value));
        let mixed = mixed.swap_dims(1, 2).reshape([n, t, width]);
        let x = self.attention.output.forward(mixed, x, dropout);
        let inner = gelu(linear(&self.intermediate.dense, x.clone()));
        self.output.forward(inner, x, dropout)
    }
}

impl Output {
    fn forward(&self, y: Tensor<3>, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        self.LayerNorm.forward(dropout.forward(linear(&self.dense, y)) + x)
    }
}

/// A linear layer of each token, `[N, T, from] -> [N, T, to]`, as one of a matrix: burn's of three dimensions takes another path
/// at other sizes, which a graph could not follow.
fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let [n, t, from] = x.dims();
    let y = layer.forward(x.reshape([n * t, from]));
    let [_, to] = y.dims();
    y.reshape([n, t, to])
}

/// GELU by tanh (Hendrycks and Gimpel, arXiv:1606.08415).
fn gelu(x: Tensor<3>) -> Tensor<3> {
    let cubic = x.clone() * x.clone() * x.clone() * 0.044_715 + x.clone();
    (tanh(cubic * (2.0 / std::f64::consts::PI).sqrt()) + 1.0) * x * 0.5
}
