//! Cross-entropy over the classes of a text: MMOCR's `CELoss`, `SARLoss` and `TFLoss`.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

use crate::{Error, Reduction, Result};

/// The cross-entropy of a text's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceLoss {
    /// The class, such as padding, whose positions cost nothing.
    pub ignore: Option<usize>,
    /// Whether the output at a position is held against the target behind it, as where the network is given the target up to
    /// that position.
    pub shifted: bool,
    /// How the losses of the positions become one: [`Reduction::Mean`] is over those that are not ignored.
    pub reduction: Reduction,
}

impl SequenceLoss {
    /// The loss of logits `[N, T, classes]` against N targets of T classes each: `[N * T]` (`[N * (T - 1)]` where shifted)
    /// for [`Reduction::None`], else `[1]`.
    ///
    /// # Errors
    /// [`Error::BatchSize`] where there are not N targets of T classes, [`Error::Target`] for a class that the logits do not
    /// have and that is not ignored.
    pub fn forward(&self, logits: Tensor<3>, targets: &[Vec<usize>]) -> Result<Tensor<1>> {
        let [batch, length, classes] = logits.dims();
        if targets.len() != batch {
            return Err(Error::BatchSize { what: "targets", batch, got: targets.len() });
        }
        if let Some(target) = targets.iter().find(|target| target.len() != length) {
            return Err(Error::BatchSize { what: "a target", batch: length, got: target.len() });
        }
        let skip = usize::from(self.shifted);
        let steps = length - skip;
        let mut indices: Vec<i64> = Vec::with_capacity(batch * steps);
        let mut counted: Vec<f32> = Vec::with_capacity(batch * steps);
        for (sample, target) in targets.iter().enumerate() {
            for (position, &class) in target.iter().enumerate().skip(skip) {
                let ignored = self.ignore == Some(class);
                if class >= classes && !ignored {
                    return Err(Error::Target { sample, position, class, classes });
                }
                indices.push(if ignored { 0 } else { class as i64 });
                counted.push(if ignored { 0.0 } else { 1.0 });
            }
        }
        let device = logits.device();
        let count = counted.iter().sum::<f32>();
        let rows = batch * steps;
        let indices = Tensor::<2, Int>::from_data(TensorData::new(indices, [rows, 1]), &device);
        let counted = Tensor::<1>::from_floats(counted.as_slice(), &device);
        let logits = logits.slice([0..batch, 0..steps, 0..classes]).reshape([rows, classes]);
        let chosen = log_softmax(logits, 1).gather(1, indices).reshape([rows]);
        let losses = chosen.neg() * counted;
        Ok(match self.reduction {
            Reduction::None => losses,
            Reduction::Sum => losses.sum(),
            Reduction::Mean => losses.sum() / count.max(1.0),
        })
    }
}
