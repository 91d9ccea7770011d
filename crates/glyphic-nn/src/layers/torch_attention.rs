//! Transformer layers (Vaswani et al. 2017) under the names of PyTorch's `MultiheadAttention` and of mmcv's
//! `BaseTransformerLayer`, which later recognizers of MMOCR are made of.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Distribution, Tensor};

/// A matrix `[rows, columns]` drawn evenly from +- sqrt(6 / (rows + columns)) (Glorot & Bengio 2010).
pub fn xavier_uniform(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    let bound = (6.0 / (rows + columns) as f64).sqrt();
    Tensor::random([rows, columns], Distribution::Uniform(-bound, bound), device)
}

/// A linear layer over all positions as rows of one matrix, `[N, T, in] -> [N, T, out]`: the same operations at every batch,
/// where burn chooses by its size.
pub fn linear_rows(linear: &Linear, x: Tensor<3>) -> Tensor<3> {
    let [batch, length, features] = x.dims();
    let y = linear.forward(x.reshape([batch * length, features]));
    let [_, outputs] = y.dims();
    y.reshape([batch, length, outputs])
}

/// Attention over several heads whose three projections are one matrix. Names: `in_proj_weight`, `in_proj_bias`,
/// `out_proj`.
#[derive(Module, Debug)]
pub struct TorchAttention {
    in_proj_weight: Param<Tensor<2>>,
    in_proj_bias: Param<Tensor<1>>,
    out_proj: Linear,
    dropout: Dropout,
    heads: usize,
}

impl TorchAttention {
    /// Attention of `features` over `heads`; `dropout` is the share of weights that are dropped in training.
    pub fn init(features: usize, heads: usize, dropout: f64, device: &Device) -> Self {
        let mut out_proj = LinearConfig::new(features, features).init(device);
        out_proj.bias = Some(Param::from_tensor(Tensor::zeros([features], device)));
        Self {
            in_proj_weight: Param::from_tensor(xavier_uniform(3 * features, features, device)),
            in_proj_bias: Param::from_tensor(Tensor::zeros([3 * features], device)),
            out_proj,
            dropout: DropoutConfig::new(dropout).init(),
            heads,
        }
    }

    /// The projection of `[N, T, features]` by `count` of the three matrices from `first` on, `[N, T, count * features]`.
    fn project(&self, x: Tensor<3>, first: usize, count: usize) -> Tensor<3> {
        let [_, features] = self.in_proj_weight.dims();
        let rows = first * features..(first + count) * features;
        let weight = self.in_proj_weight.val().slice([rows.clone(), 0..features]);
        let bias = self.in_proj_bias.val().slice([rows]);
        x.matmul(weight.transpose().unsqueeze()) + bias.unsqueeze()
    }

    /// Keys and values of `[N, K, features]`, the same shape each.
    pub fn keys_values(&self, x: Tensor<3>) -> [Tensor<3>; 2] {
        let both = self.project(x, 1, 2);
        let [batch, count, width] = both.dims();
        let part =
            |from: usize| both.clone().slice([0..batch, 0..count, from * width / 2..(from + 1) * width / 2]);
        [part(0), part(1)]
    }

    /// Queries from `[N, Q, features]` over keys and values `[N, K, features]`: `[N, Q, features]`. `bias` is added to the
    /// logits, `[N or 1, 1, Q or 1, K]`.
    pub fn attend(
        &self,
        q: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        bias: Option<Tensor<4>>,
    ) -> Tensor<3> {
        let q = self.project(q, 0, 1);
        let ([batch, queries, width], [_, count, _]) = (q.dims(), keys.dims());
        let (heads, depth) = (self.heads, width / self.heads);
        let q =
            q.mul_scalar((depth as f64).powf(-0.5)).reshape([batch, queries, heads, depth]).swap_dims(1, 2);
        let k = keys.reshape([batch, count, heads, depth]).permute([0, 2, 3, 1]);
        let v = values.reshape([batch, count, heads, depth]).swap_dims(1, 2);
        let logits = q.matmul(k); // [N, heads, Q, K]
        let logits = match bias {
            Some(bias) => logits + bias,
            None => logits,
        };
        let weights = self.dropout.forward(softmax(logits, 3));
        linear_rows(&self.out_proj, weights.matmul(v).swap_dims(1, 2).reshape([batch, queries, width]))
    }

    /// [`TorchAttention::attend`] over `[N, K, features]`.
    pub fn forward(&self, q: Tensor<3>, over: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let [keys, values] = self.keys_values(over);
        self.attend(q, keys, values, bias)
    }
}

/// Where a layer's norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorchNorm {
    /// Before attention and network, whose results are added to what was not normed.
    Before,
    /// Behind each sum.
    Behind,
}

/// Configuration of [`TorchLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct TorchLayerConfig {
    /// Features of the input and output.
    pub features: usize,
    /// Features inside the network of two linear layers.
    pub inner: usize,
    /// Attention heads.
    pub heads: usize,
    /// Attention layers: one, or self-attention and then attention over another sequence.
    pub attentions: usize,
    /// Where the norms stand.
    pub norm: TorchNorm,
    /// Share of weights and features that are dropped in training.
    pub dropout: f64,
}

impl TorchLayerConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> TorchLayer {
        let norm = |_| LayerNormConfig::new(self.features).with_epsilon(1e-5).init(device);
        TorchLayer {
            attentions: (0..self.attentions)
                .map(|_| Attention {
                    attn: TorchAttention::init(self.features, self.heads, self.dropout, device),
                })
                .collect(),
            ffns: vec![FeedForward {
                layers: (
                    vec![LinearConfig::new(self.features, self.inner).init(device)],
                    LinearConfig::new(self.inner, self.features).init(device),
                ),
            }],
            norms: (0..=self.attentions).map(norm).collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
            before: self.norm == TorchNorm::Before,
        }
    }
}

/// Attention and a network of two linear layers. Names: `attentions.<i>.attn`, `ffns.0.layers`, `norms.<i>`.
#[derive(Module, Debug)]
pub struct TorchLayer {
    attentions: Vec<Attention>,
    ffns: Vec<FeedForward>,
    norms: Vec<LayerNorm>,
    dropout: Dropout,
    before: bool,
}

#[derive(Module, Debug)]
struct Attention {
    attn: TorchAttention,
}

#[derive(Module, Debug)]
struct FeedForward {
    layers: (Vec<Linear>, Linear),
}

/// Keys and values, `[N, K, features]` each.
pub type KeysValues = [Tensor<3>; 2];

impl TorchLayer {
    /// One attention over `over` (without one, over the input itself): `[N, T, features] -> [N, T, features]`. `bias` is
    /// added to its logits.
    pub fn forward(&self, x: Tensor<3>, over: Option<Tensor<3>>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let x = self.part(0, x, |layer, normed| {
            let over = over.unwrap_or_else(|| normed.clone());
            layer.attentions[0].attn.forward(normed, over, bias)
        });
        self.finish(1, x)
    }

    /// Self-attention, then attention over `memory`'s keys and values: `[N, T, features] -> [N, T, features]`.
    pub fn decode(&self, x: Tensor<3>, bias: Option<Tensor<4>>, memory: KeysValues) -> Tensor<3> {
        let x =
            self.part(0, x, |layer, normed| layer.attentions[0].attn.forward(normed.clone(), normed, bias));
        self.read(x, memory)
    }

    /// Keys and values of an encoder's output `[N, K, features]`, which are the same at every step.
    pub fn memory(&self, memory: Tensor<3>) -> KeysValues {
        self.attentions[1].attn.keys_values(memory)
    }

    /// [`TorchLayer::decode`] of one position `[N, 1, features]` behind the keys and values of those before it, of which
    /// `bias` blocks some: its output, and keys and values with its own at the end.
    pub fn step(
        &self,
        x: Tensor<3>,
        [past_keys, past_values]: KeysValues,
        bias: Option<Tensor<4>>,
        memory: KeysValues,
    ) -> (Tensor<3>, KeysValues) {
        let mut all = None;
        let x = self.part(0, x, |layer, normed| {
            let attn = &layer.attentions[0].attn;
            let [own_keys, own_values] = attn.keys_values(normed.clone());
            let keys = Tensor::cat(vec![past_keys, own_keys], 1);
            let values = Tensor::cat(vec![past_values, own_values], 1);
            all = Some([keys.clone(), values.clone()]);
            attn.attend(normed, keys, values, bias)
        });
        let all = all.unwrap_or_else(|| unreachable!("the part has run"));
        (self.read(x, memory), all)
    }

    fn read(&self, x: Tensor<3>, [keys, values]: KeysValues) -> Tensor<3> {
        let x = self.part(1, x, |layer, normed| layer.attentions[1].attn.attend(normed, keys, values, None));
        self.finish(2, x)
    }

    fn finish(&self, norm: usize, x: Tensor<3>) -> Tensor<3> {
        self.part(norm, x, |layer, normed| {
            let (first, second) = &layer.ffns[0].layers;
            let x =
                first.iter().fold(normed, |x, linear| layer.dropout.forward(relu(linear_rows(linear, x))));
            linear_rows(second, x)
        })
    }

    /// A part of the layer with its norm and the sum around it.
    fn part(&self, norm: usize, x: Tensor<3>, part: impl FnOnce(&Self, Tensor<3>) -> Tensor<3>) -> Tensor<3> {
        if self.before {
            let normed = self.norms[norm].forward(x.clone());
            return x + self.dropout.forward(part(self, normed));
        }
        let sum = x.clone() + self.dropout.forward(part(self, x));
        self.norms[norm].forward(sum)
    }
}
