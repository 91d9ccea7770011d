//! Losses that more than one model uses. All return a scalar as `[1]`.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Int, Tensor, TensorData};

/// Dice loss over the whole batch, `1 - 2 * sum(p*t*m) / (sum(p*m) + sum(t*m) + eps)`: no squares (DBNet, Liao et al. 2020).
///
/// `pred` in [0, 1], `target` 0 or 1, `mask` 0 or 1 where given; all of one shape.
pub fn dice<const D: usize>(
    pred: Tensor<D>,
    target: Tensor<D>,
    mask: Option<Tensor<D>>,
    eps: f64,
) -> Tensor<1> {
    let (pred, target) = match mask {
        Some(mask) => (pred * mask.clone(), target * mask),
        None => (pred, target),
    };
    let both = (pred.clone() * target.clone()).sum();
    let either = pred.sum() + target.sum() + eps;
    both.mul_scalar(-2.0) / either + 1.0
}

/// Mean absolute difference over the pixels of a mask, `sum(|p - t| * m) / (sum(m) + eps)`.
pub fn masked_l1<const D: usize>(pred: Tensor<D>, target: Tensor<D>, mask: Tensor<D>, eps: f64) -> Tensor<1> {
    ((pred - target).abs() * mask.clone()).sum() / (mask.sum() + eps)
}

/// The mean cross entropy of rows `[n, classes]` whose target is not `ignore`; 0 where there is none.
///
/// # Panics
/// Where there is not one target a row, or a target that counts is no class.
pub fn cross_entropy(logits: Tensor<2>, targets: &[i64], ignore: i64) -> Tensor<1> {
    focal(logits, targets, 0.0, None, ignore)
}

/// The focal loss, `-w (1 - p)^gamma log p` of each row's target, over the sum of the weights `w` (Lin et al. 2017,
/// arXiv:1708.02002). `weight` has a number a class. Rows whose target is `ignore` cost nothing; without others the loss is 0.
///
/// # Panics
/// Where there is not one target a row, or a target that counts is no class.
pub fn focal(
    logits: Tensor<2>,
    targets: &[i64],
    gamma: f64,
    weight: Option<&[f32]>,
    ignore: i64,
) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    assert_eq!(rows, targets.len(), "a target a row");
    let class = |target: i64| {
        let class = usize::try_from(target).ok().filter(|class| *class < classes);
        class.unwrap_or_else(|| panic!("target {target} is not below {classes}"))
    };
    let own = |target: &i64| match *target {
        target if target == ignore => 0.0,
        target => weight.map_or(1.0, |weight| weight[class(target)]),
    };
    let weights: Vec<f32> = targets.iter().map(own).collect();
    let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    if sum == 0.0 {
        return logits.sum() * 0.0;
    }
    let device = logits.device();
    let index: Vec<i64> = targets.iter().map(|t| if *t == ignore { 0 } else { *t }).collect();
    let index = Tensor::<2, Int>::from_data(TensorData::new(index, [rows, 1]), &device);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [rows, 1]), &device);
    let mut log = log_softmax(logits, 1).gather(1, index);
    if gamma != 0.0 {
        let rest = (log.clone().exp() - 1.0).neg().clamp_min(0.0);
        log = log * rest.powf_scalar(gamma);
    }
    (log * weights).sum() / -sum
}

/// Cross-entropy of logits with targets 0 or 1, element by element.
pub fn binary_cross_entropy<const D: usize>(logits: Tensor<D>, target: Tensor<D>) -> Tensor<D> {
    let no = log_sigmoid(logits.clone().neg());
    let yes = log_sigmoid(logits);
    (yes * target.clone() + no * (target.neg() + 1.0)).neg()
}

/// `d^2 / 2` where `|d| < 1`, else `|d| - 1/2`, element by element (Girshick 2015, "Fast R-CNN").
pub fn smooth_l1<const D: usize>(difference: Tensor<D>) -> Tensor<D> {
    let size = difference.abs();
    let inner = size.clone().clamp_max(1.0);
    inner.clone() * (size - inner * 0.5)
}

/// `sum(values * mask) / sum(mask)`, and 0 where the mask is empty.
pub fn masked_mean<const D: usize>(values: Tensor<D>, mask: Tensor<D>) -> Tensor<1> {
    let count = mask.clone().sum();
    let empty = count.clone().equal_elem(0.0).float();
    (values * mask).sum() / (count + empty)
}

/// How many negatives are kept where there are no positives.
const LONELY_NEGATIVES: usize = 100;

/// Cross-entropy of logits over all positives and the hardest negatives, `ratio` times as many, and 100 where there are
/// no positives: `(sum(positives) + sum(negatives)) / (count + eps)`.
///
/// `target` and `mask` are 0 or 1 and decide on the processor which pixels count; `count` is told the number of positives
/// and of negatives that are kept, and gives the denominator.
pub fn balanced_cross_entropy<const D: usize>(
    logits: Tensor<D>,
    target: Tensor<D>,
    mask: Tensor<D>,
    ratio: f64,
    count: impl Fn(usize, usize) -> f64,
) -> Tensor<1> {
    let entropy = binary_cross_entropy(logits, target.clone());
    let numbers = |t: &Tensor<D>| -> Vec<f32> { t.to_data().iter::<f32>().collect() };
    let (loss, truth, counts) = (numbers(&entropy), numbers(&target), numbers(&mask));
    let is_positive = |i: &usize| truth[*i] > 0.0 && counts[*i] > 0.0;
    let positives = (0..loss.len()).filter(is_positive).count();
    let mut negatives: Vec<usize> = (0..loss.len()).filter(|&i| truth[i] == 0.0 && counts[i] > 0.0).collect();
    let wanted = if positives > 0 { (positives as f64 * ratio) as usize } else { LONELY_NEGATIVES };
    let wanted = wanted.min(negatives.len());
    if (1..negatives.len()).contains(&wanted) {
        // Of equal ones the first.
        let harder = |a: &usize, b: &usize| loss[*b].total_cmp(&loss[*a]).then(a.cmp(b));
        negatives.select_nth_unstable_by(wanted - 1, harder);
    }
    negatives.truncate(wanted);
    let mut weight = vec![0.0f32; loss.len()];
    (0..loss.len()).filter(is_positive).for_each(|i| weight[i] = 1.0);
    negatives.iter().for_each(|&i| weight[i] = 1.0);
    let weight = Tensor::from_data(TensorData::new(weight, entropy.shape()), &entropy.device());
    (entropy * weight).sum() / count(positives, wanted)
}
