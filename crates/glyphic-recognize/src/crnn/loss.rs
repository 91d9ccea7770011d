use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{CtcLoss, Error, Reduction, Result, valid_steps};

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
