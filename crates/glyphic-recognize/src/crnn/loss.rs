use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use serde::{Deserialize, Serialize};

use super::{Crnn, CrnnConfig};
use crate::model::{Learn, LineBatch};
use crate::network::DeviceNetwork;
use crate::{CtcLoss, Error, Reduction, Result, Width, valid_steps};

/// Pixels of width in one time step.
const STRIDE: u32 = 4;

/// CRNN's loss: MMOCR's `CTCLoss`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrnnLossConfig {
    /// How the losses of a batch become one.
    pub reduction: Reduction,
    /// Whether a label that is too long for its time steps costs nothing instead of infinitely much.
    pub zero_infinity: bool,
    /// Whether padding counts as content, which is what MMOCR's `flatten = true` comes to.
    pub full_width: bool,
}

impl CrnnLossConfig {
    /// The loss of logits `[N, T, classes]` with the blank at 0 against N labels; `valid_ratios` are the shares of the
    /// width that hold content. `[N]` for [`Reduction::None`], else `[1]`.
    ///
    /// # Errors
    /// Those of [`CtcLoss::forward`], and [`Error::BatchSize`] where there are not N ratios.
    pub fn forward(
        &self,
        logits: Tensor<3>,
        labels: &[Vec<usize>],
        valid_ratios: &[f64],
    ) -> Result<Tensor<1>> {
        let [batch, time, _] = logits.dims();
        if valid_ratios.len() != batch {
            return Err(Error::BatchSize { what: "valid_ratios", batch, got: valid_ratios.len() });
        }
        let steps: Vec<usize> = valid_ratios
            .iter()
            .map(|&ratio| if self.full_width { time } else { valid_steps(time, ratio) })
            .collect();
        let ctc = CtcLoss { blank: 0, reduction: self.reduction, zero_infinity: self.zero_infinity };
        ctc.forward(logits, labels, &steps, &[])
    }
}

impl Learn for CrnnConfig {
    type Net = Crnn;

    fn init(&self, classes: usize, device: &Device) -> Crnn {
        self.init(classes, device)
    }

    fn graph(&self, net: &Crnn) -> glyphic_nn::Result<Graph> {
        net.graph()
    }

    fn on_device(&self, net: Crnn) -> DeviceNetwork {
        DeviceNetwork::Whole(Box::new(move |x| net.forward(x)))
    }

    fn target(&self, text: &str, width: Width) -> Result<Vec<usize>> {
        // There is one time step more than the width has strides.
        let steps = valid_steps((width.padded / STRIDE + 1) as usize, width.ratio());
        Ok(self.codec()?.target(text, steps)?)
    }

    fn pixels_per_class(&self) -> u32 {
        STRIDE
    }

    fn loss(&self, net: &Crnn, batch: &LineBatch) -> Result<Tensor<1>> {
        let ratios: Vec<f64> = batch.widths.iter().map(|width| width.ratio()).collect();
        CrnnLossConfig::default().forward(net.forward(batch.image.clone()), batch.targets, &ratios)
    }
}
