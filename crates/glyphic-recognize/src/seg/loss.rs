use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::targets::PADDING;
use crate::{Error, Result};

/// The cross-entropy of a map of classes: MMOCR's `SegLoss`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegLoss {
    /// Size of the logits against the targets.
    pub downsample: f64,
    /// Whether characters weigh more the fewer of the pixels are theirs.
    pub weighted: bool,
}

impl Default for SegLoss {
    /// MMOCR's `seg_r31_1by16_fpnocr_academic`.
    fn default() -> Self {
        Self { downsample: 1.0, weighted: true }
    }
}

impl SegLoss {
    /// The loss of logits `[N, classes, h, w]` against N maps of classes of `size` (height, width), row by row, with 255 where
    /// nothing counts: `[1]`.
    ///
    /// # Errors
    /// [`Error::BatchSize`] where there are not N maps of that size, or where that size at the loss's scale is not the
    /// logits', [`Error::Target`] for a class that the logits do not have.
    pub fn forward(&self, logits: Tensor<4>, maps: &[Vec<u8>], size: [usize; 2]) -> Result<Tensor<1>> {
        let [batch, classes, height, width] = logits.dims();
        if maps.len() != batch {
            return Err(Error::BatchSize { what: "maps", batch, got: maps.len() });
        }
        if let Some(map) = maps.iter().find(|map| map.len() != size[0] * size[1]) {
            return Err(Error::BatchSize { what: "a map", batch: size[0] * size[1], got: map.len() });
        }
        let scaled = size.map(|side| (side as f64 * self.downsample + 0.5) as usize);
        if scaled != [height, width] {
            let got = scaled[0] * scaled[1];
            return Err(Error::BatchSize { what: "a map at the logits' scale", batch: height * width, got });
        }
        // The nearest pixel, rounded down.
        let source = |i: usize, from: usize, to: usize| (i * from / to.max(1)).min(from.saturating_sub(1));
        let mut targets: Vec<u8> = Vec::with_capacity(batch * height * width);
        for (sample, map) in maps.iter().enumerate() {
            for y in 0..height {
                for x in 0..width {
                    let position = source(y, size[0], height) * size[1] + source(x, size[1], width);
                    let class = map[position];
                    if class != PADDING && usize::from(class) >= classes {
                        return Err(Error::Target { sample, position, class: class.into(), classes });
                    }
                    targets.push(class);
                }
            }
        }
        let counted = targets.iter().filter(|class| **class != PADDING).count();
        let background = targets.iter().filter(|class| **class == 0).count();
        let weight = match counted - background {
            characters if self.weighted && characters > 0 => background as f32 / characters as f32,
            _ => 1.0,
        };
        let weight_of = |class: u8| match class {
            PADDING => 0.0,
            0 => 1.0,
            _ => weight,
        };
        let device = logits.device();
        let rows = targets.len();
        let weights: Vec<f32> = targets.iter().map(|class| weight_of(*class)).collect();
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let indices: Vec<i64> =
            targets.iter().map(|c| if *c == PADDING { 0 } else { i64::from(*c) }).collect();
        let indices = Tensor::<2, Int>::from_data(TensorData::new(indices, [rows, 1]), &device);
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &device);
        let logits = logits.permute([0, 2, 3, 1]).reshape([rows, classes]);
        let chosen = log_softmax(logits, 1).gather(1, indices).reshape([rows]);
        Ok((chosen.neg() * weights).sum() / total.max(f64::MIN_POSITIVE))
    }
}
