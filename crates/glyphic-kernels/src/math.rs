//! Functions of vectors. Errors are absolute ones of about 2e-7 where the values are at most 1.

use pulp::Simd;

/// `e^x`, with a relative error of 2e-7; 0 below -87.3, and the largest finite power above 88.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // 1.5 * 2^23: adding it rounds to a whole number that stands in the low bits.
    let magic = simd.splat_f32s(12_582_912.0);
    let least = simd.splat_f32s(-87.3);
    let clamped = simd.min_f32s(simd.max_f32s(x, least), simd.splat_f32s(88.0));
    let shifted = simd.mul_add_e_f32s(clamped, simd.splat_f32s(std::f32::consts::LOG2_E), magic);
    let whole = simd.sub_f32s(shifted, magic);
    // ln 2 in two parts, the first of which is exact times a whole number.
    let rest = simd.mul_add_e_f32s(whole, simd.splat_f32s(-0.693_359_4), clamped);
    let rest = simd.mul_add_e_f32s(whole, simd.splat_f32s(2.121_944_4e-4), rest);
    // Taylor's series on |rest| <= ln 2 / 2: the first term left out is 1.2e-7 of the value.
    let mut sum = simd.splat_f32s(1.0 / 720.0);
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = simd.mul_add_e_f32s(sum, rest, simd.splat_f32s(c));
    }
    let bits = simd.transmute_u32s_f32s(shifted);
    let power =
        simd.add_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)), simd.splat_u32s(0x3F80_0000));
    let value = simd.mul_f32s(sum, simd.transmute_f32s_u32s(power));
    simd.select_f32s(simd.less_than_f32s(x, least), simd.splat_f32s(0.0), value)
}

/// `-x`. pulp's own negation, absolute value and bitwise operators are calls, several times as slow.
#[inline(always)]
fn negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.sub_f32s(simd.splat_f32s(0.0), x)
}

/// `1 / (1 + e^-x)`
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, negative(simd, x))))
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let two = simd.splat_f32s(2.0);
    simd.mul_add_e_f32s(two, sigmoid(simd, simd.mul_f32s(two, x)), simd.splat_f32s(-1.0))
}

/// The error function, by Abramowitz and Stegun's 7.1.26.
#[inline(always)]
pub(crate) fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let size = simd.max_f32s(x, negative(simd, x));
    let t = simd.div_f32s(one, simd.mul_add_e_f32s(size, simd.splat_f32s(0.327_591_1), one));
    let mut sum = simd.splat_f32s(1.061_405_4);
    for c in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        sum = simd.mul_add_e_f32s(sum, t, simd.splat_f32s(c));
    }
    let tail = simd.mul_f32s(simd.mul_f32s(sum, t), exp(simd, negative(simd, simd.mul_f32s(x, x))));
    let value = simd.sub_f32s(one, tail);
    simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(0.0)), negative(simd, value), value)
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct All<'a>(&'a [f32], usize);

    impl WithSimd for All<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let mut out = vec![0.0; self.0.len()];
            for (x, y) in self.0.chunks(S::F32_LANES).zip(out.chunks_mut(S::F32_LANES)) {
                let x = simd.partial_load_f32s(x);
                let value = match self.1 {
                    0 => exp(simd, x),
                    1 => sigmoid(simd, x),
                    2 => tanh(simd, x),
                    _ => erf(simd, x),
                };
                simd.partial_store_f32s(y, value);
            }
            out
        }
    }

    #[test]
    fn functions_equal_those_of_double_precision() {
        let xs: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.0217 + 1e-4).collect();
        let erf64 = |x: f64| {
            // Maclaurin's series, which double precision carries to 4.
            if x.abs() > 4.0 {
                return x.signum();
            }
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        };
        for (which, f) in [
            (0, &(|x: f64| x.exp()) as &dyn Fn(f64) -> f64),
            (1, &|x: f64| 1.0 / (1.0 + (-x).exp())),
            (2, &f64::tanh),
            (3, &erf64),
        ] {
            for (x, got) in xs.iter().zip(Arch::new().dispatch(All(&xs, which))) {
                let expected = f(f64::from(*x));
                if !(1e-37..1e37).contains(&expected.abs()) {
                    continue;
                }
                let off = (f64::from(got) - expected).abs()
                    / expected.abs().max(if which == 0 { 0.0 } else { 1.0 });
                assert!(off < 6e-7, "function {which} of {x}: {got} is not {expected}");
            }
        }
        assert_eq!(Arch::new().dispatch(All(&[f32::NEG_INFINITY, -100.0, 0.0], 0)), [0.0, 0.0, 1.0]);
    }
}
