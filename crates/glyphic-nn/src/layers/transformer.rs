//! Transformer layers (Vaswani et al. 2017, "Attention is all you need") with the names that MMOCR's layers have: pre-norm,
//! attention over projected heads, a position-wise network.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Sizes that all layers of a transformer share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformerConfig {
    /// Features of the layers' input and output.
    pub model: usize,
    /// Features inside the position-wise network.
    pub inner: usize,
    /// Attention heads.
    pub heads: usize,
    /// Features of a head's keys and queries.
    pub key: usize,
    /// Features of a head's values.
    pub value: usize,
    /// Whether the projections of attention have a bias.
    pub bias: bool,
    /// ReLU instead of GELU in the position-wise network.
    pub relu: bool,
    /// Share of weights, projections and activations that are dropped in training.
    pub dropout: f64,
}

impl Default for TransformerConfig {
    /// MMOCR's: 512 features, 8 heads of 64, 256 inside.
    fn default() -> Self {
        Self { model: 512, inner: 256, heads: 8, key: 64, value: 64, bias: false, relu: false, dropout: 0.1 }
    }
}

impl TransformerConfig {
    /// Makes an attention layer.
    pub fn attention(&self, device: &Device) -> MultiHeadAttention {
        let (key, value) = (self.heads * self.key, self.heads * self.value);
        let linear = |from, to| LinearConfig::new(from, to).with_bias(self.bias).init(device);
        MultiHeadAttention {
            linear_q: linear(self.model, key),
            linear_k: linear(self.model, key),
            linear_v: linear(self.model, value),
            fc: linear(value, self.model),
            attn_drop: DropoutConfig::new(self.dropout).init(),
            proj_drop: DropoutConfig::new(self.dropout).init(),
            heads: self.heads,
        }
    }

    /// Makes a position-wise network.
    pub fn feed_forward(&self, device: &Device) -> PositionwiseFeedForward {
        PositionwiseFeedForward {
            w_1: LinearConfig::new(self.model, self.inner).init(device),
            w_2: LinearConfig::new(self.inner, self.model).init(device),
            dropout: DropoutConfig::new(self.dropout).init(),
            relu: self.relu,
        }
    }

    /// Makes a layer norm.
    pub fn norm(&self, epsilon: f64, device: &Device) -> LayerNorm {
        LayerNormConfig::new(self.model).with_epsilon(epsilon).init(device)
    }

    /// Makes an encoder layer.
    pub fn encoder_layer(&self, device: &Device) -> TransformerEncoderLayer {
        TransformerEncoderLayer {
            norm1: self.norm(EPSILON, device),
            attn: self.attention(device),
            norm2: self.norm(EPSILON, device),
            mlp: self.feed_forward(device),
        }
    }

    /// Makes a decoder layer.
    pub fn decoder_layer(&self, device: &Device) -> TransformerDecoderLayer {
        TransformerDecoderLayer {
            self_attn: self.attention(device),
            norm1: self.norm(EPSILON, device),
            norm2: self.norm(EPSILON, device),
            norm3: self.norm(EPSILON, device),
            enc_attn: self.attention(device),
            mlp: self.feed_forward(device),
        }
    }
}

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// What is added to the logits of blocked keys: their weights are exactly 0 in single precision.
const BLOCKED: f32 = -1e30;

/// What attention adds to its logits, from a mask that is 1 where keys are blocked and 0 elsewhere.
pub fn attention_bias<const D: usize>(blocked: Tensor<D>) -> Tensor<D> {
    blocked.mul_scalar(BLOCKED)
}

/// 1 at the columns of a map from `valid` `[N, 1]` on, in row-major order: `[N, height * width]`.
pub fn blocked_columns(valid: Tensor<2>, height: usize, width: usize) -> Tensor<2> {
    let [batch, _] = valid.dims();
    let columns = Tensor::<1, Int>::arange(0..width as i64, &valid.device()).float().unsqueeze::<2>();
    // Whole numbers: 1 from `valid` on, 0 before it.
    let blocked = (columns - valid + 1.0).clamp(0.0, 1.0); // [N, width]
    if height == 1 {
        return blocked;
    }
    blocked.reshape([batch, 1, width]).repeat_dim(1, height).reshape([batch, height * width])
}

/// 1 above the diagonal, `[1, 1, length, length]`: what a position must not see of those behind it.
pub fn blocked_future(length: usize, device: &Device) -> Tensor<4> {
    let above = |i: usize| (i % length > i / length) as u8 as f32;
    let values: Vec<f32> = (0..length * length).map(above).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, length, length]), device)
}

/// Attention over several heads.
#[derive(Module, Debug)]
pub struct MultiHeadAttention {
    /// To queries.
    pub linear_q: Linear,
    /// To keys.
    pub linear_k: Linear,
    /// To values.
    pub linear_v: Linear,
    /// From values to the output.
    pub fc: Linear,
    attn_drop: Dropout,
    proj_drop: Dropout,
    heads: usize,
}

impl MultiHeadAttention {
    /// Queries from `[N, Q, model]` over `[N, K, model]`, of which keys and values are made: `[N, Q, model]`. `bias` is
    /// added to the logits, `[N or 1, 1, Q or 1, K]`.
    pub fn forward(&self, q: Tensor<3>, k: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let [keys, values] = self.project(k);
        self.attend(q, keys, values, bias)
    }

    /// Keys and values of `[N, K, model]`: `[N, K, heads * key]` and `[N, K, heads * value]`.
    pub fn project(&self, x: Tensor<3>) -> [Tensor<3>; 2] {
        [self.linear_k.forward(x.clone()), self.linear_v.forward(x)]
    }

    /// [`MultiHeadAttention::forward`] over keys and values that [`MultiHeadAttention::project`] made.
    pub fn attend(
        &self,
        q: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        bias: Option<Tensor<4>>,
    ) -> Tensor<3> {
        let q = self.linear_q.forward(q);
        let ([batch, queries, width], [_, count, _]) = (q.dims(), keys.dims());
        let [_, _, value_width] = values.dims();
        let (heads, depth) = (self.heads, width / self.heads);
        let q = q.reshape([batch, queries, heads, depth]).swap_dims(1, 2); // [N, heads, Q, key]
        let k = keys.reshape([batch, count, heads, depth]).permute([0, 2, 3, 1]); // [N, heads, key, K]
        let v = values.reshape([batch, count, heads, value_width / heads]).swap_dims(1, 2);
        let logits = q.matmul(k).mul_scalar((depth as f64).powf(-0.5)); // [N, heads, Q, K]
        let logits = match bias {
            Some(bias) => logits + bias,
            None => logits,
        };
        let weights = self.attn_drop.forward(softmax(logits, 3));
        let out = weights.matmul(v).swap_dims(1, 2).reshape([batch, queries, value_width]);
        self.proj_drop.forward(self.fc.forward(out))
    }
}

/// Two linear layers with an activation between, the same at each position.
#[derive(Module, Debug)]
pub struct PositionwiseFeedForward {
    w_1: Linear,
    w_2: Linear,
    dropout: Dropout,
    relu: bool,
}

impl PositionwiseFeedForward {
    /// `[N, T, model] -> [N, T, model]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.w_1.forward(x);
        let x = if self.relu { relu(x) } else { gelu(x) };
        self.dropout.forward(self.w_2.forward(self.dropout.forward(x)))
    }
}

/// Self-attention and a position-wise network, each on its normed input and added to it.
#[derive(Module, Debug)]
pub struct TransformerEncoderLayer {
    norm1: LayerNorm,
    attn: MultiHeadAttention,
    norm2: LayerNorm,
    mlp: PositionwiseFeedForward,
}

impl TransformerEncoderLayer {
    /// `[N, T, model] -> [N, T, model]`; `bias` as in [`MultiHeadAttention::forward`].
    pub fn forward(&self, x: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let normed = self.norm1.forward(x.clone());
        let x = x + self.attn.forward(normed.clone(), normed, bias);
        x.clone() + self.mlp.forward(self.norm2.forward(x))
    }
}

/// Self-attention, attention over an encoder's output and a position-wise network.
#[derive(Module, Debug)]
pub struct TransformerDecoderLayer {
    self_attn: MultiHeadAttention,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
    enc_attn: MultiHeadAttention,
    mlp: PositionwiseFeedForward,
}

impl TransformerDecoderLayer {
    /// `[N, T, model]` over `memory` `[N, K, model]` -> `[N, T, model]`. The biases are those of the two attentions.
    pub fn forward(
        &self,
        x: Tensor<3>,
        memory: Tensor<3>,
        bias: Option<Tensor<4>>,
        memory_bias: Option<Tensor<4>>,
    ) -> Tensor<3> {
        let normed = self.norm1.forward(x.clone());
        let x = x + self.self_attn.forward(normed.clone(), normed, bias);
        let [keys, values] = self.memory(memory);
        self.read(x, keys, values, memory_bias)
    }

    /// Keys and values of an encoder's output, which are the same at every step.
    pub fn memory(&self, memory: Tensor<3>) -> [Tensor<3>; 2] {
        self.enc_attn.project(memory)
    }

    /// One position `[N, 1, model]` behind the keys and values of those before it, `[N, T, ..]` each, of which `bias` blocks
    /// some: the output `[N, 1, model]`, and keys and values with its own at the end.
    pub fn step(
        &self,
        x: Tensor<3>,
        [past_keys, past_values]: [Tensor<3>; 2],
        bias: Tensor<4>,
        [keys, values]: [Tensor<3>; 2],
        memory_bias: Option<Tensor<4>>,
    ) -> (Tensor<3>, [Tensor<3>; 2]) {
        let normed = self.norm1.forward(x.clone());
        let [own_keys, own_values] = self.self_attn.project(normed.clone());
        let all_keys = Tensor::cat(vec![past_keys, own_keys], 1);
        let all_values = Tensor::cat(vec![past_values, own_values], 1);
        let x = x + self.self_attn.attend(normed, all_keys.clone(), all_values.clone(), Some(bias));
        (self.read(x, keys, values, memory_bias), [all_keys, all_values])
    }

    /// What comes behind self-attention.
    fn read(&self, x: Tensor<3>, keys: Tensor<3>, values: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let x = x.clone() + self.enc_attn.attend(self.norm2.forward(x), keys, values, bias);
        x.clone() + self.mlp.forward(self.norm3.forward(x))
    }
}

/// Sines and cosines of the position, added to the features.
#[derive(Module, Debug)]
pub struct PositionalEncoding {
    /// `[1, positions, features]`; it is computed, not learnt, and part of the checkpoints.
    pub position_table: Param<Tensor<3>>,
}

impl PositionalEncoding {
    /// The table for this many positions and features.
    pub fn init(positions: usize, features: usize, device: &Device) -> Self {
        let table = sinusoids(positions, features);
        let table = Tensor::from_data(TensorData::new(table, [1, positions, features]), device);
        Self { position_table: Param::from_tensor(table).set_require_grad(false) }
    }

    /// `[N, T, features] -> [N, T, features]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [_, length, features] = x.dims();
        x + self.position_table.val().slice([0..1, 0..length, 0..features])
    }

    /// The encodings of positions `[K]`, `[1, K, features]`.
    pub fn at(&self, positions: Tensor<1, Int>) -> Tensor<3> {
        self.position_table.val().select(1, positions)
    }
}

/// `[positions, features]`: sine at even features, cosine at odd ones, of `position / 10000^(2 * (feature / 2) / features)`.
pub fn sinusoids(positions: usize, features: usize) -> Vec<f32> {
    let rate = |j: usize| (1.0 / 10_000_f64.powf(2.0 * (j / 2) as f64 / features as f64)) as f32;
    let rates: Vec<f32> = (0..features).map(rate).collect();
    let value = |position: usize, j: usize| {
        let angle = position as f32 * rates[j];
        if j.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    (0..positions).flat_map(|p| (0..features).map(move |j| (p, j))).map(|(p, j)| value(p, j)).collect()
}
