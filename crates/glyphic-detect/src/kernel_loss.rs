//! What the losses of PSENet and PAN share, on plain slices: dice of logits, a picture at a time, and the choice of the
//! pixels that count.

use burn::tensor::{Tensor, TensorData};

/// Added to each of the sums in the denominator of dice.
const SMOOTH: f64 = 0.001;

/// A loss and its derivative by each value that it was computed from.
pub(crate) struct Slope {
    pub(crate) loss: f64,
    pub(crate) slope: Vec<f32>,
}

impl Slope {
    /// As a tensor `[1]` times `weight`, through which gradients reach `map`.
    pub(crate) fn attach<const D: usize>(mut self, map: &Tensor<D>, weight: f64) -> Tensor<1> {
        let device = map.device();
        let loss = Tensor::<1>::from_floats([(self.loss * weight) as f32], &device);
        if !device.is_autodiff() {
            return loss;
        }
        self.slope.iter_mut().for_each(|s| *s *= weight as f32);
        // Nothing in value, the gradient in derivative.
        let slope = Tensor::<D>::from_data(TensorData::new(self.slope, map.dims()), &device);
        let carrier = (map.clone() * slope).sum();
        carrier.clone() - carrier.detach() + loss
    }
}

/// A tensor's numbers in order, without their history.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    let data = tensor.clone().inner().into_data();
    match data.as_slice::<f32>() {
        Ok(values) => values.to_vec(),
        Err(_) => data.iter::<f32>().collect(),
    }
}

/// A map of `[height, width]` at another size; the source of pixel i is `floor(i * from / to)`.
pub(crate) fn shrunk<T: Copy>(map: &[T], from: [usize; 2], to: [usize; 2]) -> Vec<T> {
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for y in 0..to[0] {
        let row = &map[y * from[0] / to[0] * from[1]..][..from[1]];
        out.extend((0..to[1]).map(|x| row[x * from[1] / to[1]]));
    }
    out
}

/// The pixels that count in the loss of the text map: all text, and of the rest the `ratio` times as many with the highest
/// scores, of which ties add some; without what the mask leaves out. The whole mask where there is no text or nothing else.
pub(crate) fn sampled(scores: &[f32], text: &[bool], mask: &[bool], ratio: f64) -> Vec<bool> {
    let positives = text.iter().zip(mask).filter(|(text, mask)| **text && **mask).count();
    let mut negatives: Vec<f32> =
        scores.iter().zip(text).filter(|(_, text)| !**text).map(|(score, _)| *score).collect();
    let count = ((positives as f64 * ratio) as usize).min(negatives.len());
    if positives == 0 || count == 0 {
        return mask.to_vec();
    }
    let (_, least, _) = negatives.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    let least = *least;
    let counts = scores.iter().zip(text).zip(mask);
    counts.map(|((score, text), mask)| *mask && (*text || *score >= least)).collect()
}

/// `1 - 2 sum(p t) / (sum(p p) + sum(t t) + 2 s)` over the pixels of a mask, for probabilities p of logits; the
/// derivative times `weight` is added to `slope`.
pub(crate) fn dice(logits: &[f32], truth: &[bool], mask: &[bool], weight: f64, slope: &mut [f32]) -> f64 {
    let probability = |logit: f32| 1.0 / (1.0 + (-f64::from(logit)).exp());
    let (mut both, mut either) = (0.0, 2.0 * SMOOTH);
    for ((logit, truth), _) in logits.iter().zip(truth).zip(mask).filter(|(_, mask)| **mask) {
        let (p, t) = (probability(*logit), f64::from(u8::from(*truth)));
        both += p * t;
        either += p * p + t;
    }
    for (((logit, truth), _), slope) in
        logits.iter().zip(truth).zip(mask).zip(slope).filter(|((_, mask), _)| **mask)
    {
        let (p, t) = (probability(*logit), f64::from(u8::from(*truth)));
        let by_p = -2.0 * (t * either - 2.0 * both * p) / (either * either);
        *slope += (weight * by_p * p * (1.0 - p)) as f32;
    }
    1.0 - 2.0 * both / either
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_negatives_and_their_ties_count_beside_all_text() {
        let scores = [0.9, 0.1, 0.5, 0.5, 0.3, 0.8];
        let text = [true, false, false, false, false, false];
        let all = [true; 6];
        assert_eq!(sampled(&scores, &text, &all, 2.0), [true, false, true, true, false, true]);
        let mut masked = all;
        masked[5] = false;
        assert_eq!(sampled(&scores, &text, &masked, 1.0), [true, false, false, false, false, false]);
        assert_eq!(sampled(&scores, &[false; 6], &masked, 3.0), masked);
    }

    #[test]
    fn maps_are_shrunk_to_the_first_pixel_of_each_block() {
        let map: Vec<u8> = (0..24).collect();
        assert_eq!(shrunk(&map, [4, 6], [2, 3]), [0, 2, 4, 12, 14, 16]);
        assert_eq!(shrunk(&map, [4, 6], [4, 6]), map);
    }
}
