//! What is done to a row of numbers as a whole.

use pulp::{Simd, WithSimd};

use crate::math;
use crate::vector::arch;

/// `e^x / sum(e^x)`
pub fn softmax(row: &mut [f32]) {
    arch().dispatch(Softmax { row });
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + bias`
///
/// # Panics
/// Where scale or bias are shorter than the row.
pub fn layer_norm(row: &mut [f32], epsilon: f32, scale: &[f32], bias: Option<&[f32]>) {
    let length = row.len();
    arch().dispatch(LayerNorm { row, epsilon, scale: &scale[..length], bias: bias.map(|b| &b[..length]) });
}

struct Softmax<'a> {
    row: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (vectors, rest) = S::as_mut_simd_f32s(self.row);
        let mut most = simd.splat_f32s(f32::NEG_INFINITY);
        for v in vectors.iter() {
            most = simd.max_f32s(most, *v);
        }
        let most = rest.iter().fold(simd.reduce_max_f32s(most), |m, v| m.max(*v));
        if most == f32::NEG_INFINITY {
            // Nothing is possible; as the definition has it, 0 / 0.
            vectors.fill(simd.splat_f32s(f32::NAN));
            rest.fill(f32::NAN);
            return;
        }
        let shift = simd.splat_f32s(most);
        let mut sum = simd.splat_f32s(0.0);
        for v in vectors.iter_mut() {
            *v = math::exp(simd, simd.sub_f32s(*v, shift));
            sum = simd.add_f32s(sum, *v);
        }
        let mut sum = simd.reduce_sum_f32s(sum);
        if !rest.is_empty() {
            let v = math::exp(simd, simd.sub_f32s(simd.partial_load_f32s(rest), shift));
            simd.partial_store_f32s(rest, v);
            sum += rest.iter().sum::<f32>();
        }
        let share = 1.0 / sum;
        let by = simd.splat_f32s(share);
        for v in vectors.iter_mut() {
            *v = simd.mul_f32s(*v, by);
        }
        rest.iter_mut().for_each(|v| *v *= share);
    }
}

struct LayerNorm<'a> {
    row: &'a mut [f32],
    epsilon: f32,
    scale: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl WithSimd for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let count = self.row.len().max(1) as f32;
        let (vectors, rest) = S::as_simd_f32s(self.row);
        let mean = sum::<S>(simd, vectors, rest) / count;
        let shift = simd.splat_f32s(mean);
        // Loops and no closures: those are compiled without the vectors' instructions where they are not inlined.
        let mut squares = simd.splat_f32s(0.0);
        for v in vectors {
            let d = simd.sub_f32s(*v, shift);
            squares = simd.mul_add_e_f32s(d, d, squares);
        }
        let mut variance = simd.reduce_sum_f32s(squares);
        for v in rest {
            variance += (v - mean) * (v - mean);
        }
        let variance = variance / count;
        let share = 1.0 / (variance + self.epsilon).sqrt();
        let by = simd.splat_f32s(share);
        let (vectors, rest) = S::as_mut_simd_f32s(self.row);
        let (scales, scale_rest) = S::as_simd_f32s(self.scale);
        let (biases, bias_rest) = self.bias.map_or((&[][..], &[][..]), |b| S::as_simd_f32s(b));
        for (i, (v, scale)) in vectors.iter_mut().zip(scales).enumerate() {
            let normed = simd.mul_f32s(simd.mul_f32s(simd.sub_f32s(*v, shift), by), *scale);
            *v = if biases.is_empty() { normed } else { simd.add_f32s(normed, biases[i]) };
        }
        for (i, (v, scale)) in rest.iter_mut().zip(scale_rest).enumerate() {
            *v = (*v - mean) * share * scale + bias_rest.get(i).copied().unwrap_or(0.0);
        }
    }
}

/// The sum of a row.
#[inline(always)]
fn sum<S: Simd>(simd: S, vectors: &[S::f32s], rest: &[f32]) -> f32 {
    let mut sum = simd.splat_f32s(0.0);
    for v in vectors {
        sum = simd.add_f32s(sum, *v);
    }
    let mut sum = simd.reduce_sum_f32s(sum);
    for v in rest {
        sum += v;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::numbers;

    #[test]
    fn softmax_equals_the_definition_whatever_the_length() {
        for length in [1, 5, 16, 37, 200] {
            let x = numbers(length, length as u64);
            let mut got = x.clone();
            softmax(&mut got);
            let total: f64 = x.iter().map(|v| f64::from(*v).exp()).sum();
            for (got, x) in got.iter().zip(&x) {
                assert!((f64::from(*got) - f64::from(*x).exp() / total).abs() < 1e-6);
            }
        }
        let mut row = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY];
        softmax(&mut row);
        assert_eq!(row, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn layer_norm_equals_the_definition_whatever_the_length() {
        for length in [1, 5, 16, 37, 200] {
            let (x, scale, bias) = (numbers(length, 1), numbers(length, 2), numbers(length, 3));
            for bias in [None, Some(&bias[..])] {
                let mut got = x.clone();
                layer_norm(&mut got, 1e-3, &scale, bias);
                let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / length as f64;
                let variance = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / length as f64;
                for i in 0..length {
                    let expected = (f64::from(x[i]) - mean) / (variance + 1e-3f32 as f64).sqrt()
                        * f64::from(scale[i])
                        + bias.map_or(0.0, |b| f64::from(b[i]));
                    assert!((f64::from(got[i]) - expected).abs() < 1e-5, "{} is not {expected}", got[i]);
                }
            }
        }
    }
}
