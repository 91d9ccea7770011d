use burn::module::Module;

use super::{Conv, Lstm, Recurrence, Window};
use crate::{
    checkpoint::{StateDict, state_dict},
    layers::Fold,
};

/// The weights of a network whose batch norms are folded into its convolutions, by their state-dict names.
pub struct FoldedWeights(StateDict);

impl FoldedWeights {
    /// The weights of `network` as they stand.
    pub fn new<M: Fold + Module>(network: M) -> Self {
        Self(state_dict(&network.fold()))
    }

    /// Whether there is a layer of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.shape(&format!("{name}.weight")).is_some()
    }

    /// The convolution (or, with a window of one pixel, the linear layer) of this name.
    ///
    /// # Panics
    /// Where the network has no such layer.
    pub fn conv(&self, name: &str, window: Window, relu: bool) -> Conv {
        let (shape, weight) = self.weight(name);
        Conv::new(&weight, &self.bias(name, shape[0]), window, relu)
    }

    /// A transposed convolution of 2x2 and stride 2 as a convolution of 1x1 with outputs `(dy, dx, channel)`.
    ///
    /// # Panics
    /// Where the network has no such layer.
    pub fn double(&self, name: &str, relu: bool) -> Conv {
        let (shape, weight) = self.weight(name);
        let (inputs, outputs) = (shape[0], shape[1]);
        let transposed: Vec<f32> = (0..4)
            .flat_map(|corner| (0..outputs).map(move |o| (corner, o)))
            .flat_map(|(corner, o)| (0..inputs).map(move |i| (i * outputs + o) * 4 + corner))
            .map(|at| weight[at])
            .collect();
        Conv::new(&transposed, &self.bias(name, outputs).repeat(4), Window::square(1, 1), relu)
    }

    /// The convolution of this name whose outputs are scaled by `1 + scale` and shifted by `shift`, parameters of one
    /// number an output.
    ///
    /// # Panics
    /// Where the network has no such layer or parameters.
    pub fn leaning_conv(&self, name: &str, scale: &str, shift: &str, window: Window) -> Conv {
        let (shape, mut weight) = self.weight(name);
        let mut bias = self.bias(name, shape[0]);
        let (scale, shift) = (self.parameter(scale).1, self.parameter(shift).1);
        let taps = weight.len() / shape[0];
        for (weights, scale) in weight.chunks_exact_mut(taps).zip(&scale) {
            weights.iter_mut().for_each(|w| *w *= 1.0 + scale);
        }
        for ((bias, scale), shift) in bias.iter_mut().zip(&scale).zip(shift) {
            *bias = *bias * (1.0 + scale) + shift;
        }
        Conv::new(&weight, &bias, window, false)
    }

    /// The LSTM of this name, of one layer, with PyTorch's names.
    ///
    /// # Panics
    /// Where the network has no such layer.
    pub fn lstm(&self, name: &str) -> Lstm {
        let direction = |suffix: &str| {
            let part = |part: &str| self.parameter(&format!("{name}.{part}_l0{suffix}"));
            let (hidden_shape, hidden_weight) = part("weight_hh");
            let bias: Vec<f32> =
                part("bias_ih").1.iter().zip(&part("bias_hh").1).map(|(ih, hh)| ih + hh).collect();
            let input = Conv::new(&part("weight_ih").1, &bias, Window::square(1, 1), false);
            (input, Recurrence::new(&hidden_weight, hidden_shape[1], !suffix.is_empty()))
        };
        let mut directions = vec![direction("")];
        if self.0.shape(&format!("{name}.weight_ih_l0_reverse")).is_some() {
            directions.push(direction("_reverse"));
        }
        Lstm::new(directions)
    }

    fn weight(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        self.parameter(&format!("{name}.weight"))
    }

    fn parameter(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let value = self.0.get(name).unwrap_or_else(|| panic!("the network has no {name}"));
        (value.shape, value.data)
    }

    fn bias(&self, name: &str, outputs: usize) -> Vec<f32> {
        self.0.get(&format!("{name}.bias")).map_or_else(|| vec![0.0; outputs], |bias| bias.data)
    }
}
