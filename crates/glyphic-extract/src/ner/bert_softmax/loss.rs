use burn::tensor::{Tensor, TensorData};
use glyphic_nn::loss::{cross_entropy, focal};

use super::{NerConfig, NerLoss};

impl NerConfig {
    /// The loss of scores `[N, T, tags]` against tags `[N * T]`, a scalar as `[1]`. Tag 0 costs nothing.
    ///
    /// # Panics
    /// Where there is not one tag a token.
    pub fn loss(&self, logits: Tensor<3>, labels: &[usize]) -> Tensor<1> {
        let [n, t, classes] = logits.dims();
        assert_eq!(n * t, labels.len(), "a tag a token");
        let logits = logits.reshape([n * t, classes]);
        let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        match self.loss {
            NerLoss::CrossEntropy => cross_entropy(logits, &labels, 0),
            NerLoss::Focal(gamma) => focal(logits, &labels, gamma, None, 0),
        }
    }
}

/// A mask `[N, T]`, 1 for tokens that count.
pub(super) fn mask(lengths: &[usize], steps: usize) -> TensorData {
    let rows = lengths.iter().flat_map(|length| (0..steps).map(move |i| f32::from(u8::from(i < *length))));
    TensorData::new(rows.collect::<Vec<f32>>(), [lengths.len(), steps])
}
