//! The training loss: dice of text and kernel, and what brings the embeddings of a text together (aggregation) and kernels apart
//! (discrimination).

use burn::Tensor;
use glyphic_regions::random::mix;

use super::PanLossConfig;
use crate::kernel_loss::{Slope, dice, sampled, shrunk, values};
use crate::targets::KernelMaps;

/// Values of an embedding.
const EMBEDDING: usize = 4;

/// The loss's parts, weighted: each is `[1]`.
#[derive(Debug, Clone)]
pub struct PanLosses {
    /// Of the text map.
    pub text: Tensor<1>,
    /// Of the kernel map, times `alpha`.
    pub kernel: Tensor<1>,
    /// Of embeddings far from their kernel's mean, times `beta`.
    pub aggregation: Tensor<1>,
    /// Of kernels whose means are near each other, times `beta`.
    pub discrimination: Tensor<1>,
}

impl PanLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        self.text.clone() + self.kernel.clone() + self.aggregation.clone() + self.discrimination.clone()
    }
}

impl PanLossConfig {
    /// The loss of maps `[N, 6, h, w]` against the targets of each picture, which are brought to that size.
    ///
    /// Computed on plain numbers, with the gradient in closed form.
    ///
    /// # Panics
    /// Where there are not as many targets as pictures, not six maps or not two kernels.
    pub fn forward(&self, maps: &Tensor<4>, targets: &[KernelMaps]) -> PanLosses {
        let [n, channels, height, width] = maps.dims();
        assert_eq!((n, channels), (targets.len(), 2 + EMBEDDING), "pictures and maps");
        let area = height * width;
        let numbers = values(maps);
        let share = self.reduction.share(n);
        let empty = || Slope { loss: 0.0, slope: vec![0.0; numbers.len()] };
        let (mut text, mut kernel, mut together, mut apart) = (empty(), empty(), empty(), empty());
        for (i, target) in targets.iter().enumerate() {
            assert_eq!(target.kernels.len(), 2, "text and kernel are needed");
            let (from, to) = ([target.height, target.width], [height, width]);
            let mask: Vec<bool> = shrunk(&target.mask, from, to).into_iter().map(|v| v != 0).collect();
            let [texts, kernels] = [0, 1].map(|k| shrunk(&target.kernels[k], from, to));
            let inside = |map: &[u16]| -> Vec<bool> { map.iter().map(|v| *v != 0).collect() };
            let (of_text, of_kernel) = (inside(&texts), inside(&kernels));
            let place = |k: usize| (i * channels + k) * area..(i * channels + k + 1) * area;
            let scores = &numbers[place(0)];
            let counts = sampled(scores, &of_text, &mask, self.ohem_ratio);
            text.loss += share * dice(scores, &of_text, &counts, share, &mut text.slope[place(0)]);
            let counts: Vec<bool> = of_text.iter().zip(&mask).map(|(t, m)| *t && *m).collect();
            let slope = &mut kernel.slope[place(1)];
            kernel.loss += share * dice(&numbers[place(1)], &of_kernel, &counts, share, slope);
            let embeddings = (i * channels + 2) * area..(i + 1) * channels * area;
            let texts = self.instances(&texts, &kernels, &numbers[embeddings.clone()]);
            together.loss += share * self.aggregate(&texts, share, &mut together.slope[embeddings.clone()]);
            apart.loss += share * self.discriminate(&texts, share, &mut apart.slope[embeddings]);
        }
        PanLosses {
            text: text.attach(maps, 1.0),
            kernel: kernel.attach(maps, self.alpha),
            aggregation: together.attach(maps, self.beta),
            discrimination: apart.attach(maps, self.beta),
        }
    }

    /// The texts of a picture that have pixels of both kinds, by their number, of which at most `max_instances` are kept.
    fn instances<'a>(&self, texts: &[u16], kernels: &[u16], embeddings: &'a [f32]) -> Instances<'a> {
        let area = texts.len();
        let most = texts.iter().max().map_or(0, |most| usize::from(*most));
        let mut list = vec![Instance::default(); most];
        for (at, (text, kernel)) in texts.iter().zip(kernels).enumerate() {
            if let Some(instance) = usize::from(*text).checked_sub(1).and_then(|i| list.get_mut(i)) {
                instance.text.push(at);
            }
            if let Some(instance) = usize::from(*kernel).checked_sub(1).and_then(|i| list.get_mut(i)) {
                instance.kernel.push(at);
            }
        }
        if let Some(limit) = self.max_instances.filter(|limit| *limit < most) {
            // The embeddings themselves are the seed: other texts in every step, the same in every run.
            let bits = embeddings.iter().take(64).fold(0u64, |h, v| mix(h ^ u64::from(v.to_bits())));
            let mut order: Vec<(u64, usize)> = (0..most).map(|i| (mix(bits ^ i as u64), i)).collect();
            order.sort_unstable();
            let mut kept: Vec<usize> = order.into_iter().take(limit).map(|(_, i)| i).collect();
            kept.sort_unstable();
            list = kept.into_iter().map(|i| std::mem::take(&mut list[i])).collect();
        }
        list.retain(|instance| !instance.text.is_empty() && !instance.kernel.is_empty());
        for instance in &mut list {
            for (c, mean) in instance.mean.iter_mut().enumerate() {
                let sum: f64 = instance.kernel.iter().map(|at| f64::from(embeddings[c * area + at])).sum();
                *mean = sum / instance.kernel.len() as f64;
            }
        }
        Instances { list, embeddings, area }
    }

    /// The mean over texts of the mean over their pixels of `ln(1 + max(|e - mean| - delta, 0)^2)`; the derivative times
    /// `weight` is added to `slope`.
    fn aggregate(&self, texts: &Instances<'_>, weight: f64, slope: &mut [f32]) -> f64 {
        let count = texts.list.len().max(1) as f64;
        let mut total = 0.0;
        for instance in &texts.list {
            let share = 1.0 / (count * instance.text.len() as f64);
            let mut of_mean = [0.0; EMBEDDING];
            for at in &instance.text {
                let away: [f64; EMBEDDING] = std::array::from_fn(|c| texts.value(c, *at) - instance.mean[c]);
                let norm = length(&away);
                let beyond = norm - self.delta_aggregation;
                if beyond <= 0.0 {
                    continue;
                }
                total += share * (1.0 + beyond * beyond).ln();
                let by_norm = weight * share * 2.0 * beyond / (1.0 + beyond * beyond);
                for c in 0..EMBEDDING {
                    // Where delta is 0 and they agree, nothing moves them.
                    let by = if norm > 0.0 { by_norm * away[c] / norm } else { 0.0 };
                    slope[c * texts.area + at] += by as f32;
                    of_mean[c] -= by;
                }
            }
            texts.spread(instance, &of_mean, slope);
        }
        total
    }

    /// The sum over pairs of `ln(1 + max(delta - |mean - mean|, 0)^2)` over `n (n - 1)`; the derivative times `weight` is added
    /// to `slope`.
    fn discriminate(&self, texts: &Instances<'_>, weight: f64, slope: &mut [f32]) -> f64 {
        let count = texts.list.len();
        if count < 2 {
            return 0.0;
        }
        // MMOCR's divisor, twice the number of pairs.
        let share = 1.0 / (count * (count - 1)) as f64;
        let mut of_means = vec![[0.0; EMBEDDING]; count];
        let mut total = 0.0;
        for i in 0..count {
            for j in i + 1..count {
                let (a, b) = (&texts.list[i].mean, &texts.list[j].mean);
                let away: [f64; EMBEDDING] = std::array::from_fn(|c| a[c] - b[c]);
                let norm = length(&away);
                let short = self.delta_discrimination - norm;
                if short <= 0.0 {
                    continue;
                }
                total += share * (1.0 + short * short).ln();
                if norm > 0.0 {
                    let by_norm = -weight * share * 2.0 * short / (1.0 + short * short);
                    for c in 0..EMBEDDING {
                        of_means[i][c] += by_norm * away[c] / norm;
                        of_means[j][c] -= by_norm * away[c] / norm;
                    }
                }
            }
        }
        for (instance, of_mean) in texts.list.iter().zip(&of_means) {
            texts.spread(instance, of_mean, slope);
        }
        total
    }
}

/// A text of a picture.
#[derive(Debug, Clone, Default)]
struct Instance {
    /// Places of its pixels.
    text: Vec<usize>,
    /// Places of its kernel's pixels.
    kernel: Vec<usize>,
    /// Mean of the embeddings of its kernel.
    mean: [f64; EMBEDDING],
}

struct Instances<'a> {
    list: Vec<Instance>,
    /// `[4, height, width]`
    embeddings: &'a [f32],
    area: usize,
}

impl Instances<'_> {
    fn value(&self, channel: usize, at: usize) -> f64 {
        f64::from(self.embeddings[channel * self.area + at])
    }

    /// Adds the derivative by a kernel's mean to its pixels.
    fn spread(&self, instance: &Instance, of_mean: &[f64; EMBEDDING], slope: &mut [f32]) {
        let count = instance.kernel.len() as f64;
        for (c, by) in of_mean.iter().enumerate() {
            for at in &instance.kernel {
                slope[c * self.area + at] += (by / count) as f32;
            }
        }
    }
}

fn length(v: &[f64; EMBEDDING]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}
