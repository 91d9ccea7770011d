use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Distribution, Tensor};

use glyphic_capture as capture;

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
    /// `[T, N, input] -> [T, N, hidden]`, or `[T, N, 2 * hidden]` when bidirectional: forwards, then backwards. States
    /// start at 0.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        if let Some(recorded) = capture::lstm(&x, &self.recorded()) {
            return recorded;
        }
        let mut directions = vec![Direction {
            ih: self.weight_ih_l0.val(),
            hh: self.weight_hh_l0.val(),
            bias: self.bias_ih_l0.val() + self.bias_hh_l0.val(),
            reverse: false,
        }];
        if let (Some(ih), Some(hh), Some(bias_ih), Some(bias_hh)) = (
            &self.weight_ih_l0_reverse,
            &self.weight_hh_l0_reverse,
            &self.bias_ih_l0_reverse,
            &self.bias_hh_l0_reverse,
        ) {
            let bias = bias_ih.val() + bias_hh.val();
            directions.push(Direction { ih: ih.val(), hh: hh.val(), bias, reverse: true });
        }
        let outputs = directions.into_iter().map(|d| d.forward(x.clone())).collect();
        Tensor::cat(outputs, 2)
    }
}

impl Lstm {
    /// The weights as they are recorded, forwards and, where there is one, backwards.
    fn recorded(&self) -> Vec<capture::Direction> {
        let direction = |ih: &Param<Tensor<2>>, hh: &Param<Tensor<2>>, bias: [&Param<Tensor<1>>; 2]| {
            capture::Direction { input: ih.val(), hidden: hh.val(), bias: bias.map(Param::val) }
        };
        let biases = [&self.bias_ih_l0, &self.bias_hh_l0];
        let mut directions = vec![direction(&self.weight_ih_l0, &self.weight_hh_l0, biases)];
        if let (Some(ih), Some(hh), Some(bias_ih), Some(bias_hh)) = (
            &self.weight_ih_l0_reverse,
            &self.weight_hh_l0_reverse,
            &self.bias_ih_l0_reverse,
            &self.bias_hh_l0_reverse,
        ) {
            directions.push(direction(ih, hh, [bias_ih, bias_hh]));
        }
        directions
    }
}

/// The weights of one direction.
struct Direction {
    ih: Tensor<2>,
    hh: Tensor<2>,
    bias: Tensor<1>,
    reverse: bool,
}

impl Direction {
    /// What the input adds to the gates of all steps, `[T, N, input] -> [T * N, 4 * hidden]`.
    fn gates(&self, x: Tensor<3>) -> Tensor<2> {
        let [steps, batch, input] = x.dims();
        x.reshape([steps * batch, input]).matmul(self.ih.clone().transpose()) + self.bias.clone().unsqueeze()
    }

    /// `[T, N, input] -> [T, N, hidden]` by tensor operations.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [steps, batch, _] = x.dims();
        let [_, hidden] = self.hh.dims();
        let mut gates = Vec::with_capacity(steps);
        split(self.gates(x), steps, &mut gates);
        if self.reverse {
            gates.reverse();
        }
        let hh = self.hh.clone().transpose();
        let mut state: Option<[Tensor<2>; 2]> = None;
        let mut outputs = Vec::with_capacity(steps);
        for gate in gates {
            let gate = match &state {
                Some([h, _]) => gate + h.clone().matmul(hh.clone()),
                None => gate,
            };
            let part = |x: &Tensor<2>, k: usize| x.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);
            let open = sigmoid(gate.clone());
            let (i, f, g, o) = (part(&open, 0), part(&open, 1), part(&gate, 2).tanh(), part(&open, 3));
            let c = match state {
                Some([_, c]) => f * c + i * g,
                None => i * g,
            };
            let h = o * c.clone().tanh();
            outputs.push(h.clone());
            state = Some([h, c]);
        }
        if self.reverse {
            outputs.reverse();
        }
        Tensor::stack(outputs, 0)
    }
}

/// The rows of each step, by halving: the gradient of a slice is as large as what it was cut from, so cutting every
/// step from the whole would make training quadratic in the number of steps.
pub(super) fn split(x: Tensor<2>, steps: usize, out: &mut Vec<Tensor<2>>) {
    let [rows, columns] = x.dims();
    match steps {
        0 => {}
        1 => out.push(x),
        _ => {
            let half = steps / 2;
            let cut = rows / steps * half;
            split(x.clone().slice([0..cut, 0..columns]), half, out);
            split(x.slice([cut..rows, 0..columns]), steps - half, out);
        }
    }
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
