//! Losses that more than one model uses. All return a scalar as `[1]`.

use burn::tensor::Tensor;

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
