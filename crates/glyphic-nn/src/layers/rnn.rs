//! Stacked recurrent layers and single cells, LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014), with PyTorch's
//! names, layouts and gate orders.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Distribution, Tensor};

use super::recurrent::split;
use glyphic_capture as capture;

/// What a recurrent layer is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RnnKind {
    /// Gates i, f, g, o; two states a layer.
    #[default]
    Lstm,
    /// Gates r, z, n; one state a layer.
    Gru,
}

impl RnnKind {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// Tensors of a layer's state.
    pub fn states(self) -> usize {
        match self {
            Self::Lstm => 2,
            Self::Gru => 1,
        }
    }

    /// One step of one layer: `[N, input]` and the states `[N, hidden]` (without any, zeros) -> the states, of which the
    /// first is the output.
    fn step(self, x: Tensor<2>, state: &[Tensor<2>], weights: &capture::Direction) -> Vec<Tensor<2>> {
        let from_input = x.matmul(weights.input.clone().transpose()) + weights.bias[0].clone().unsqueeze();
        self.advance(from_input, state, weights)
    }

    /// [`RnnKind::step`] behind the product of the input: gates `[N, gates * hidden]`.
    fn advance(
        self,
        from_input: Tensor<2>,
        state: &[Tensor<2>],
        weights: &capture::Direction,
    ) -> Vec<Tensor<2>> {
        let [batch, rows] = from_input.dims();
        let hidden = rows / self.gates();
        let part = |x: &Tensor<2>, k: usize| x.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);
        let bias = weights.bias[1].clone().unsqueeze::<2>();
        let from_state = match state.first() {
            Some(h) => h.clone().matmul(weights.hidden.clone().transpose()) + bias,
            None => bias,
        };
        match self {
            Self::Lstm => {
                let gates = from_input + from_state;
                let open = sigmoid(gates.clone());
                let (i, f, g, o) = (part(&open, 0), part(&open, 1), part(&gates, 2).tanh(), part(&open, 3));
                let c = match state.get(1) {
                    Some(c) => f * c.clone() + i * g,
                    None => i * g,
                };
                vec![o * c.clone().tanh(), c]
            }
            Self::Gru => {
                // The reset gate acts behind the state's product, so the two parts of the candidate stay apart.
                let [x_n, h_n] = [&from_input, &from_state].map(|t| {
                    let [rows, _] = t.dims();
                    t.clone().slice([0..rows, 2 * hidden..3 * hidden])
                });
                let open = sigmoid(from_input + from_state);
                let (r, z) = (part(&open, 0), part(&open, 1));
                let n = (x_n + r * h_n).tanh();
                let kept = n.clone() - z.clone() * n;
                vec![match state.first() {
                    Some(h) => kept + z * h.clone(),
                    None => kept,
                }]
            }
        }
    }

    /// `[T, N, input] -> [T, N, hidden]` in one direction, by tensor operations.
    fn run(self, x: Tensor<3>, reverse: bool, weights: &capture::Direction) -> Tensor<3> {
        let [steps, batch, input] = x.dims();
        let from_input = x.reshape([steps * batch, input]).matmul(weights.input.clone().transpose())
            + weights.bias[0].clone().unsqueeze();
        let mut gates = Vec::with_capacity(steps);
        split(from_input, steps, &mut gates);
        if reverse {
            gates.reverse();
        }
        let mut state: Vec<Tensor<2>> = Vec::new();
        let mut outputs = Vec::with_capacity(steps);
        for gates in gates {
            state = self.advance(gates, &state, weights);
            outputs.push(state[0].clone());
        }
        if reverse {
            outputs.reverse();
        }
        Tensor::stack(outputs, 0)
    }
}

/// Configuration of [`Rnn`].
#[derive(Debug, Clone, PartialEq)]
pub struct RnnConfig {
    /// What it is made of.
    pub kind: RnnKind,
    /// Input features.
    pub input: usize,
    /// Hidden features a direction.
    pub hidden: usize,
    /// Two layers instead of one.
    pub stacked: bool,
    /// Read the sequence backwards too.
    pub bidirectional: bool,
    /// Share of the first layer's outputs that are dropped in training.
    pub dropout: f64,
}

impl RnnConfig {
    /// Makes the module with PyTorch's initialization, uniform in +-1/sqrt(hidden).
    pub fn init(&self, device: &Device) -> Rnn {
        let bound = 1.0 / (self.hidden as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        let rows = self.kind.gates() * self.hidden;
        let matrix = |columns| Param::from_tensor(Tensor::random([rows, columns], uniform, device));
        let vector = || Param::from_tensor(Tensor::random([rows], uniform, device));
        let (two, reverse) = (self.stacked, self.bidirectional);
        let between = self.hidden * if reverse { 2 } else { 1 };
        Rnn {
            weight_ih_l0: matrix(self.input),
            weight_hh_l0: matrix(self.hidden),
            bias_ih_l0: vector(),
            bias_hh_l0: vector(),
            weight_ih_l0_reverse: reverse.then(|| matrix(self.input)),
            weight_hh_l0_reverse: reverse.then(|| matrix(self.hidden)),
            bias_ih_l0_reverse: reverse.then(vector),
            bias_hh_l0_reverse: reverse.then(vector),
            weight_ih_l1: two.then(|| matrix(between)),
            weight_hh_l1: two.then(|| matrix(self.hidden)),
            bias_ih_l1: two.then(vector),
            bias_hh_l1: two.then(vector),
            weight_ih_l1_reverse: (two && reverse).then(|| matrix(between)),
            weight_hh_l1_reverse: (two && reverse).then(|| matrix(self.hidden)),
            bias_ih_l1_reverse: (two && reverse).then(vector),
            bias_hh_l1_reverse: (two && reverse).then(vector),
            dropout: DropoutConfig::new(self.dropout).init(),
            kind: self.kind,
        }
    }
}

/// One or two recurrent layers.
///
/// All time steps share one multiplication by the input weights; only the hidden part runs step by step.
#[derive(Module, Debug)]
pub struct Rnn {
    weight_ih_l0: Param<Tensor<2>>,
    weight_hh_l0: Param<Tensor<2>>,
    bias_ih_l0: Param<Tensor<1>>,
    bias_hh_l0: Param<Tensor<1>>,
    weight_ih_l0_reverse: Option<Param<Tensor<2>>>,
    weight_hh_l0_reverse: Option<Param<Tensor<2>>>,
    bias_ih_l0_reverse: Option<Param<Tensor<1>>>,
    bias_hh_l0_reverse: Option<Param<Tensor<1>>>,
    weight_ih_l1: Option<Param<Tensor<2>>>,
    weight_hh_l1: Option<Param<Tensor<2>>>,
    bias_ih_l1: Option<Param<Tensor<1>>>,
    bias_hh_l1: Option<Param<Tensor<1>>>,
    weight_ih_l1_reverse: Option<Param<Tensor<2>>>,
    weight_hh_l1_reverse: Option<Param<Tensor<2>>>,
    bias_ih_l1_reverse: Option<Param<Tensor<1>>>,
    bias_hh_l1_reverse: Option<Param<Tensor<1>>>,
    dropout: Dropout,
    #[module(skip)]
    kind: RnnKind,
}

type Matrix = Option<Param<Tensor<2>>>;
type Vector = Option<Param<Tensor<1>>>;

fn direction(ih: &Matrix, hh: &Matrix, bias_ih: &Vector, bias_hh: &Vector) -> Option<capture::Direction> {
    Some(capture::Direction {
        input: ih.as_ref()?.val(),
        hidden: hh.as_ref()?.val(),
        bias: [bias_ih.as_ref()?.val(), bias_hh.as_ref()?.val()],
    })
}

impl Rnn {
    /// The weights of each layer, forwards and, where there is one, backwards.
    fn layers(&self) -> Vec<Vec<capture::Direction>> {
        let first = capture::Direction {
            input: self.weight_ih_l0.val(),
            hidden: self.weight_hh_l0.val(),
            bias: [self.bias_ih_l0.val(), self.bias_hh_l0.val()],
        };
        let first_reverse = direction(
            &self.weight_ih_l0_reverse,
            &self.weight_hh_l0_reverse,
            &self.bias_ih_l0_reverse,
            &self.bias_hh_l0_reverse,
        );
        let second = direction(&self.weight_ih_l1, &self.weight_hh_l1, &self.bias_ih_l1, &self.bias_hh_l1);
        let second_reverse = direction(
            &self.weight_ih_l1_reverse,
            &self.weight_hh_l1_reverse,
            &self.bias_ih_l1_reverse,
            &self.bias_hh_l1_reverse,
        );
        let mut layers = vec![std::iter::once(first).chain(first_reverse).collect()];
        layers.extend(second.map(|second| std::iter::once(second).chain(second_reverse).collect::<Vec<_>>()));
        layers
    }

    /// `[T, N, input] -> [T, N, hidden]`, or `[T, N, 2 * hidden]` when bidirectional: forwards, then backwards. States
    /// start at 0.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let layers = self.layers();
        let mut x = x;
        for (i, layer) in layers.iter().enumerate() {
            if i > 0 {
                x = self.dropout.forward(x);
            }
            let recorded = match self.kind {
                RnnKind::Lstm => capture::lstm(&x, layer),
                RnnKind::Gru => capture::gru(&x, layer),
            };
            x = recorded.unwrap_or_else(|| {
                let run = |(d, weights)| self.kind.run(x.clone(), d == 1, weights);
                Tensor::cat(layer.iter().enumerate().map(run).collect(), 2)
            });
        }
        x
    }

    /// Tensors of the state of all layers: for each layer the output, and for an LSTM the cell.
    pub fn states(&self) -> usize {
        self.kind.states() * if self.weight_ih_l1.is_some() { 2 } else { 1 }
    }

    /// One step forwards: `[N, input]` and the states `[N, hidden]` of the last one (none stands for zeros) -> the output
    /// `[N, hidden]` and the states. A layer backwards is left out.
    pub fn step(&self, x: Tensor<2>, state: &[Tensor<2>]) -> (Tensor<2>, Vec<Tensor<2>>) {
        let mut x = x;
        let mut after = Vec::with_capacity(self.states());
        for (i, layer) in self.layers().iter().enumerate() {
            let of_layer = state.chunks(self.kind.states()).nth(i).unwrap_or_default();
            let new = self.kind.step(x, of_layer, &layer[0]);
            x = new[0].clone();
            after.extend(new);
        }
        (x, after)
    }
}

/// One recurrent layer that is run step by step: PyTorch's `LSTMCell` and `GRUCell`.
#[derive(Module, Debug)]
pub struct RnnCell {
    weight_ih: Param<Tensor<2>>,
    weight_hh: Param<Tensor<2>>,
    bias_ih: Param<Tensor<1>>,
    bias_hh: Param<Tensor<1>>,
    #[module(skip)]
    kind: RnnKind,
}

impl RnnCell {
    /// A cell with PyTorch's initialization.
    pub fn init(kind: RnnKind, input: usize, hidden: usize, device: &Device) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        let rows = kind.gates() * hidden;
        Self {
            weight_ih: Param::from_tensor(Tensor::random([rows, input], uniform, device)),
            weight_hh: Param::from_tensor(Tensor::random([rows, hidden], uniform, device)),
            bias_ih: Param::from_tensor(Tensor::random([rows], uniform, device)),
            bias_hh: Param::from_tensor(Tensor::random([rows], uniform, device)),
            kind,
        }
    }

    /// `[N, input]` and the states `[N, hidden]` (none stands for zeros) -> the states, of which the first is the output.
    pub fn step(&self, x: Tensor<2>, state: &[Tensor<2>]) -> Vec<Tensor<2>> {
        let weights = capture::Direction {
            input: self.weight_ih.val(),
            hidden: self.weight_hh.val(),
            bias: [self.bias_ih.val(), self.bias_hh.val()],
        };
        self.kind.step(x, state, &weights)
    }
}
