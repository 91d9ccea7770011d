use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Distribution, Tensor};

/// Configuration of [`Lstm`].
#[derive(Debug, Clone, PartialEq)]
pub struct LstmConfig {
    /// Input features.
    pub input: usize,
    /// Hidden features a direction.
    pub hidden: usize,
    /// Read the sequence backwards too.
    pub bidirectional: bool,
}

impl LstmConfig {
    /// Makes the module with PyTorch's initialization, uniform in +-1/sqrt(hidden).
    pub fn init(&self, device: &Device) -> Lstm {
        let bound = 1.0 / (self.hidden as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        let rows = 4 * self.hidden;
        let matrix = |columns| Param::from_tensor(Tensor::random([rows, columns], uniform, device));
        let vector = || Param::from_tensor(Tensor::random([rows], uniform, device));
        let reverse = self.bidirectional;
        Lstm {
            weight_ih_l0: matrix(self.input),
            weight_hh_l0: matrix(self.hidden),
            bias_ih_l0: vector(),
            bias_hh_l0: vector(),
            weight_ih_l0_reverse: reverse.then(|| matrix(self.input)),
            weight_hh_l0_reverse: reverse.then(|| matrix(self.hidden)),
            bias_ih_l0_reverse: reverse.then(vector),
            bias_hh_l0_reverse: reverse.then(vector),
        }
    }
}

/// One layer of LSTM (Hochreiter & Schmidhuber 1997) with PyTorch's names, layouts and gate order i, f, g, o.
///
/// All time steps share one multiplication by the input weights; only the hidden part runs step by step.
#[derive(Module, Debug)]
pub struct Lstm {
    weight_ih_l0: Param<Tensor<2>>,
    weight_hh_l0: Param<Tensor<2>>,
    bias_ih_l0: Param<Tensor<1>>,
    bias_hh_l0: Param<Tensor<1>>,
    weight_ih_l0_reverse: Option<Param<Tensor<2>>>,
    weight_hh_l0_reverse: Option<Param<Tensor<2>>>,
    bias_ih_l0_reverse: Option<Param<Tensor<1>>>,
    bias_hh_l0_reverse: Option<Param<Tensor<1>>>,
}

impl Lstm {
    /// `[T, N, input] -> [T, N, hidden]`, or `[T, N, 2 * hidden]` when bidirectional: forwards, then backwards. States start at 0.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let ahead = direction(
            x.clone(),
            [self.weight_ih_l0.val(), self.weight_hh_l0.val()],
            self.bias_ih_l0.val() + self.bias_hh_l0.val(),
            false,
        );
        match (
            &self.weight_ih_l0_reverse,
            &self.weight_hh_l0_reverse,
            &self.bias_ih_l0_reverse,
            &self.bias_hh_l0_reverse,
        ) {
            (Some(ih), Some(hh), Some(bias_ih), Some(bias_hh)) => {
                let back = direction(x, [ih.val(), hh.val()], bias_ih.val() + bias_hh.val(), true);
                Tensor::cat(vec![ahead, back], 2)
            }
            _ => ahead,
        }
    }
}

/// One direction, `[T, N, input] -> [T, N, hidden]`.
fn direction(x: Tensor<3>, [ih, hh]: [Tensor<2>; 2], bias: Tensor<1>, reverse: bool) -> Tensor<3> {
    let [steps, batch, input] = x.dims();
    let [rows, hidden] = hh.dims();
    // [T * N, 4 * hidden]
    let gates = x.reshape([steps * batch, input]).matmul(ih.transpose()) + bias.unsqueeze();
    let hh = hh.transpose();
    let device = gates.device();
    let mut c = Tensor::<2>::zeros([batch, hidden], &device);
    let mut h = Tensor::<2>::zeros([batch, hidden], &device);
    let mut outputs = Vec::with_capacity(steps);
    for step in 0..steps {
        let t = if reverse { steps - 1 - step } else { step };
        let mut gate = gates.clone().slice([t * batch..(t + 1) * batch, 0..rows]);
        if step > 0 {
            gate = gate + h.matmul(hh.clone());
        }
        let part = |k: usize| gate.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);
        let (i, f, g, o) = (sigmoid(part(0)), sigmoid(part(1)), part(2).tanh(), sigmoid(part(3)));
        c = f * c + i * g;
        h = o * c.clone().tanh();
        outputs.push(h.clone());
    }
    if reverse {
        outputs.reverse();
    }
    Tensor::stack(outputs, 0)
}

/// Configuration of [`BidirectionalLstm`].
#[derive(Debug, Clone, PartialEq)]
pub struct BidirectionalLstmConfig {
    /// Input features.
    pub input: usize,
    /// Hidden features a direction.
    pub hidden: usize,
    /// Output features.
    pub output: usize,
}

impl BidirectionalLstmConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> BidirectionalLstm {
        BidirectionalLstm {
            rnn: LstmConfig { input: self.input, hidden: self.hidden, bidirectional: true }.init(device),
            embedding: LinearConfig::new(2 * self.hidden, self.output).init(device),
        }
    }
}

/// A bidirectional LSTM and a linear layer over both directions (CRNN, Shi et al. 2015). Names: `rnn`, `embedding`.
#[derive(Module, Debug)]
pub struct BidirectionalLstm {
    rnn: Lstm,
    embedding: Linear,
}

impl BidirectionalLstm {
    /// `[T, N, input] -> [T, N, output]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.embedding.forward(self.rnn.forward(x))
    }
}
