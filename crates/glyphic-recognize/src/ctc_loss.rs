//! The CTC loss of every recognizer here.
//!
//! Graves et al., "Connectionist Temporal Classification", ICML 2006. Own code instead of burn-nn's: that one
//! unrolls the recursion into a graph of tensor operations, and it cannot merge classes. Here the forward-backward
//! recursion runs on plain slices and gives the gradient in closed form.

use burn::tensor::{Tensor, TensorData};
use glyphic_core::{Symbol, Vocab};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How the losses of a batch become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// One loss a sample.
    None,
    /// Each sample's loss divided by the length of its target (at least 1), then the mean over the batch.
    #[default]
    Mean,
    /// The sum over the batch.
    Sum,
}

/// The CTC loss of logits against class sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtcLoss {
    /// The blank class.
    pub blank: usize,
    /// How the losses of a batch become one.
    pub reduction: Reduction,
    /// Whether a target that is too long for its time steps costs nothing instead of infinitely much. It moves no
    /// weight either way.
    pub zero_infinity: bool,
}

/// Which classes count as one, for labels that do not tell them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMerge {
    /// For each class the one that stands for it and its partners.
    representative: Vec<usize>,
}

impl ClassMerge {
    /// Each upper-case character with its lower-case one, where both are classes: for labels without case.
    pub fn ignoring_case(vocab: &Vocab) -> Self {
        let lower = |symbol: &Symbol| {
            let Symbol::Char(c) = symbol else { return None };
            let mut lower = c.to_lowercase();
            let first = lower.next()?;
            if lower.next().is_some() { None } else { vocab.index_of(first) }
        };
        Self {
            representative: vocab
                .symbols()
                .iter()
                .enumerate()
                .map(|(class, symbol)| lower(symbol).unwrap_or(class))
                .collect(),
        }
    }

    /// The space with the blank, where both are classes: for labels that have lost their spaces.
    pub fn ignoring_spaces(vocab: &Vocab) -> Self {
        let mut representative: Vec<usize> = (0..vocab.len()).collect();
        if let (Some(space), Some(blank)) = (vocab.index_of(' '), vocab.special(Symbol::Blank)) {
            representative[space] = blank;
        }
        Self { representative }
    }
}

impl CtcLoss {
    /// The mean loss, infinite where a target is too long.
    pub fn new(blank: usize) -> Self {
        Self { blank, reduction: Reduction::Mean, zero_infinity: false }
    }

    /// The loss: `[N]` for [`Reduction::None`], else `[1]`.
    ///
    /// - `logits`: `[N, T, C]`, before log-softmax
    /// - `targets`: N texts as classes, without blanks; an empty one wants blanks alone
    /// - `steps`: the time steps of each sample that count, at most T
    /// - `merges`: for each sample the classes that its label does not tell apart; empty for none. Their
    ///   probabilities are added up before anything else.
    ///
    /// # Errors
    /// [`Error::BatchSize`] where a list does not have N entries, [`Error::Target`] for a class that cannot be one,
    /// [`Error::Device`] where the logits cannot be read.
    pub fn forward(
        &self,
        logits: Tensor<3>,
        targets: &[Vec<usize>],
        steps: &[usize],
        merges: &[Option<&ClassMerge>],
    ) -> Result<Tensor<1>> {
        let [batch, time, classes] = logits.dims();
        for (what, got) in [("targets", targets.len()), ("steps", steps.len())] {
            if got != batch {
                return Err(Error::BatchSize { what, batch, got });
            }
        }
        if !merges.is_empty() && merges.len() != batch {
            return Err(Error::BatchSize { what: "merges", batch, got: merges.len() });
        }
        for (sample, target) in targets.iter().enumerate() {
            if let Some(position) = target.iter().position(|&c| c == self.blank || c >= classes) {
                return Err(Error::Target { sample, position, class: target[position], classes });
            }
        }

        let data = logits.clone().inner().try_into_data_as::<f32>();
        let data = data.map_err(|e| Error::Device { reason: e.to_string() })?;
        let values = data.as_slice::<f32>().map_err(|e| Error::Device { reason: e.to_string() })?;
        let mut gradient = vec![0.0_f32; values.len()];
        let mut losses: Vec<f32> = gradient
            .par_chunks_mut((time * classes).max(1))
            .zip(values.par_chunks((time * classes).max(1)))
            .enumerate()
            .map(|(n, (gradient, values))| {
                let steps = steps[n].min(time);
                let merge = merges.get(n).copied().flatten();
                sample_loss(values, classes, steps, &targets[n], self.blank, merge, gradient) as f32
            })
            .collect();
        if self.zero_infinity {
            losses.iter_mut().filter(|loss| loss.is_infinite()).for_each(|loss| *loss = 0.0);
        }

        let device = logits.device();
        let inner = device.clone().inner();
        let constant = |data: TensorData| Tensor::<1>::from_data(data, &inner);
        let losses = constant(TensorData::new(losses, [batch]));
        let losses = if device.is_autodiff() {
            // Nothing in value, the gradient in derivative.
            let gradient = Tensor::<3>::from_data(TensorData::new(gradient, [batch, time, classes]), &inner);
            let carrier =
                (logits * gradient.autodiff()).reshape([batch as i32, -1]).sum_dim(1).reshape([batch]);
            carrier.clone() - carrier.detach() + losses.autodiff()
        } else {
            losses
        };
        Ok(match self.reduction {
            Reduction::None => losses,
            Reduction::Sum => losses.sum(),
            Reduction::Mean => {
                let lengths = targets.iter().map(|t| t.len().max(1) as f32).collect();
                let lengths = constant(TensorData::new(lengths, [batch]));
                (losses / if device.is_autodiff() { lengths.autodiff() } else { lengths }).mean()
            }
        })
    }
}

/// One sample's negative log-likelihood; writes its derivative by the logits to `gradient` (`[T, C]`, zero before;
/// it stays zero where the loss is infinite).
fn sample_loss(
    logits: &[f32],
    classes: usize,
    steps: usize,
    target: &[usize],
    blank: usize,
    merge: Option<&ClassMerge>,
    gradient: &mut [f32],
) -> f64 {
    let stands_for = |class: usize| merge.map_or(class, |m| m.representative[class]);
    // Blank, first, blank, second, ..., blank: the states of the recursion.
    let mut states = vec![blank; 2 * target.len() + 1];
    for (i, &class) in target.iter().enumerate() {
        states[2 * i + 1] = stands_for(class);
    }
    let width = states.len();
    // A state is entered from itself, from the one before, and over a blank where the characters differ.
    let skips: Vec<bool> = (0..width).map(|s| s >= 2 && s % 2 == 1 && states[s] != states[s - 2]).collect();

    let mut log_p = vec![0.0_f64; steps * classes];
    for (row, out) in logits.chunks_exact(classes).zip(log_p.chunks_exact_mut(classes)) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let log_sum = row.iter().map(|&v| f64::from(v - max).exp()).sum::<f64>().ln() + f64::from(max);
        for (out, &v) in out.iter_mut().zip(row) {
            *out = f64::from(v) - log_sum;
        }
    }
    let mut merged = log_p.clone();
    if let Some(merge) = merge {
        for row in merged.chunks_exact_mut(classes) {
            for (class, &partner) in merge.representative.iter().enumerate() {
                if partner != class {
                    row[partner] = log_add(&[row[partner], row[class]]);
                }
            }
        }
    }
    let at = |t: usize, s: usize| merged[t * classes + states[s]];

    if steps == 0 {
        return if target.is_empty() { 0.0 } else { f64::INFINITY };
    }
    let mut alpha = vec![f64::NEG_INFINITY; steps * width];
    alpha[0] = at(0, 0);
    if width > 1 {
        alpha[1] = at(0, 1);
    }
    for t in 1..steps {
        let (before, now) = alpha.split_at_mut(t * width);
        let before = &before[(t - 1) * width..];
        for s in 0..width {
            let from = [
                before[s],
                if s >= 1 { before[s - 1] } else { f64::NEG_INFINITY },
                if skips[s] { before[s - 2] } else { f64::NEG_INFINITY },
            ];
            now[s] = log_add(&from) + at(t, s);
        }
    }
    let end = &alpha[(steps - 1) * width..];
    let log_likelihood =
        log_add(&[end[width - 1], if width > 1 { end[width - 2] } else { f64::NEG_INFINITY }]);
    if log_likelihood == f64::NEG_INFINITY {
        return f64::INFINITY;
    }

    // beta[s]: the rest of the way after this step; it holds the last step first.
    let mut beta = vec![f64::NEG_INFINITY; width];
    beta[width - 1] = 0.0;
    if width > 1 {
        beta[width - 2] = 0.0;
    }
    let mut occupied = vec![0.0_f64; classes];
    for t in (0..steps).rev() {
        if t + 1 < steps {
            let ahead: Vec<f64> = (0..width).map(|s| beta[s] + at(t + 1, s)).collect();
            for s in 0..width {
                beta[s] = log_add(&[
                    ahead[s],
                    if s + 1 < width { ahead[s + 1] } else { f64::NEG_INFINITY },
                    if s + 2 < width && skips[s + 2] { ahead[s + 2] } else { f64::NEG_INFINITY },
                ]);
            }
        }
        occupied.fill(0.0);
        for s in 0..width {
            occupied[states[s]] += (alpha[t * width + s] + beta[s] - log_likelihood).exp();
        }
        for class in 0..classes {
            let i = t * classes + class;
            let partner = stands_for(class);
            // A class has its share of what the pair it belongs to is responsible for.
            let share = if merge.is_some() { (log_p[i] - merged[t * classes + partner]).exp() } else { 1.0 };
            gradient[i] = (log_p[i].exp() - occupied[partner] * share) as f32;
        }
    }
    -log_likelihood
}

/// `ln` of the sum of exponentials.
fn log_add(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + values.iter().filter(|&&v| v != f64::NEG_INFINITY).map(|v| (v - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1 << 23) as f32 * 4.0 - 4.0
            })
            .collect()
    }

    /// The probability of a text, by adding up every path that reads so.
    fn by_enumeration(
        logits: &[f32],
        classes: usize,
        steps: usize,
        wanted: &dyn Fn(&[usize]) -> bool,
    ) -> f64 {
        let p: Vec<f64> = logits
            .chunks_exact(classes)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|&v| f64::from(v).exp()).sum();
                row.iter().map(move |&v| f64::from(v).exp() / sum)
            })
            .collect();
        let mut total = 0.0;
        for code in 0..classes.pow(steps as u32) {
            let path: Vec<usize> = (0..steps).map(|t| code / classes.pow(t as u32) % classes).collect();
            let mut read = path.clone();
            read.dedup();
            read.retain(|&c| c != 0);
            if wanted(&read) {
                total += path.iter().enumerate().map(|(t, &c)| p[t * classes + c]).product::<f64>();
            }
        }
        -total.ln()
    }

    fn loss(
        logits: &[f32],
        classes: usize,
        steps: usize,
        target: &[usize],
        fold: Option<&ClassMerge>,
    ) -> f64 {
        sample_loss(logits, classes, steps, target, 0, fold, &mut vec![0.0; logits.len()])
    }

    #[test]
    fn the_loss_is_that_of_all_paths_added_up() {
        let logits = random(5 * 4, 1);
        for target in [&[1, 2][..], &[1, 1], &[3], &[], &[1, 2, 1], &[2, 2, 2]] {
            let all = by_enumeration(&logits, 4, 5, &|read| read == target);
            assert!((loss(&logits, 4, 5, target, None) - all).abs() < 1e-9, "{target:?}");
        }
        assert_eq!(loss(&logits, 4, 5, &[1, 1, 1, 1], None), f64::INFINITY);
    }

    #[test]
    fn folded_case_adds_the_probabilities_of_a_pair_at_each_step() {
        // a A b: "a" may be read off any path of a and A, even a mixed one.
        let vocab = Vocab::ctc("aAb").unwrap();
        let fold = ClassMerge::ignoring_case(&vocab);
        let logits = random(4 * 4, 7);
        let folded = |c: usize| if c == 2 { 1 } else { c };
        let mut total = 0.0;
        let p: Vec<f64> = logits
            .chunks_exact(4)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|&v| f64::from(v).exp()).sum();
                row.iter().map(move |&v| f64::from(v).exp() / sum)
            })
            .collect();
        for code in 0..256_usize {
            let path: Vec<usize> = (0..4).map(|t| code / 4_usize.pow(t) % 4).collect();
            let mut read: Vec<usize> = path.iter().map(|&c| folded(c)).collect();
            read.dedup();
            read.retain(|&c| c != 0);
            if read == [1, 3] {
                total += path.iter().enumerate().map(|(t, &c)| p[t * 4 + c]).product::<f64>();
            }
        }
        for target in [[1, 3], [2, 3]] {
            assert!((loss(&logits, 4, 4, &target, Some(&fold)) + total.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let vocab = Vocab::ctc("aAbB").unwrap();
        let fold = ClassMerge::ignoring_case(&vocab);
        let logits = random(6 * 5, 3);
        for (target, fold, steps) in
            [(&[1, 1, 4][..], None, 6), (&[2, 3], Some(&fold), 6), (&[], Some(&fold), 6), (&[1], None, 3)]
        {
            let mut gradient = vec![0.0; logits.len()];
            sample_loss(&logits, 5, steps, target, 0, fold, &mut gradient);
            for i in 0..logits.len() {
                let mut shifted = logits.clone();
                let mut at = |delta: f32| {
                    shifted[i] = logits[i] + delta;
                    loss(&shifted, 5, steps, target, fold)
                };
                let slope = (at(1.0 / 64.0) - at(-1.0 / 64.0)) * 32.0;
                assert!(
                    (slope - f64::from(gradient[i])).abs() < 1e-3,
                    "{target:?} {i}: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn very_sure_logits_do_not_underflow() {
        let mut logits = vec![0.0_f32; 40 * 3];
        logits.chunks_exact_mut(3).for_each(|row| row[0] = 100.0);
        let loss = loss(&logits, 3, 40, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2], None);
        assert!(loss.is_finite() && loss > 900.0, "{loss}");
    }
}
