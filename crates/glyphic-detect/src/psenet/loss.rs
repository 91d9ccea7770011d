//! The training loss: dice of the text map over hard pixels, dice of each kernel over the pixels of texts.

use burn::Tensor;

use super::{PseLossConfig, PseSampling};
use crate::kernel_loss::{Slope, dice, sampled, shrunk, values};
use crate::targets::KernelMaps;

/// The loss's parts, weighted: each is `[1]`.
#[derive(Debug, Clone)]
pub struct PseLosses {
    /// Of the text map, times `alpha`.
    pub text: Tensor<1>,
    /// Of the kernels, times `1 - alpha`.
    pub kernel: Tensor<1>,
}

impl PseLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        self.text.clone() + self.kernel.clone()
    }
}

impl PseLossConfig {
    /// The loss of logits `[N, kernels, h, w]` against the targets of each picture, which are brought to that size.
    ///
    /// Computed on plain numbers, with the gradient in closed form.
    ///
    /// # Panics
    /// Where there are not as many targets as pictures, or kernels.
    pub fn forward(&self, kernels: &Tensor<4>, targets: &[KernelMaps]) -> PseLosses {
        let [n, count, height, width] = kernels.dims();
        assert_eq!(n, targets.len(), "a target for each picture is needed");
        let area = height * width;
        let logits = values(kernels);
        let share = self.reduction.share(n);
        let mut of_text = Slope { loss: 0.0, slope: vec![0.0; logits.len()] };
        let mut of_kernel = Slope { loss: 0.0, slope: vec![0.0; logits.len()] };
        for (i, maps) in targets.iter().enumerate() {
            assert_eq!(count, maps.kernels.len(), "a target for each kernel is needed");
            let (from, to) = ([maps.height, maps.width], [height, width]);
            let mask: Vec<bool> = shrunk(&maps.mask, from, to).into_iter().map(|v| v != 0).collect();
            let truth = |k: usize| -> Vec<bool> {
                shrunk(&maps.kernels[k], from, to).into_iter().map(|v| v != 0).collect()
            };
            let place = |k: usize| (i * count + k) * area..(i * count + k + 1) * area;
            let (text, scores) = (truth(0), &logits[place(0)]);
            let counts = sampled(scores, &text, &mask, self.ohem_ratio);
            of_text.loss += share * dice(scores, &text, &counts, share, &mut of_text.slope[place(0)]);
            let inside: Vec<bool> = match self.kernel_sample_type {
                PseSampling::Adaptive => scores.iter().zip(&mask).map(|(v, m)| *v > 0.0 && *m).collect(),
                PseSampling::Hard => text.iter().zip(&mask).map(|(t, m)| *t && *m).collect(),
            };
            let share = share / (count - 1).max(1) as f64;
            for k in 1..count {
                let slope = &mut of_kernel.slope[place(k)];
                of_kernel.loss += share * dice(&logits[place(k)], &truth(k), &inside, share, slope);
            }
        }
        PseLosses {
            text: of_text.attach(kernels, self.alpha),
            kernel: of_kernel.attach(kernels, 1.0 - self.alpha),
        }
    }
}
