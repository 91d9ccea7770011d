//! What is asked of elements.

use crate::tensor::Element;

/// The element types that convolution and product are computed in; integers wrap around.
pub(crate) trait Scalar: Element {
    /// `self + a`.
    fn plus(self, a: Self) -> Self;
    /// `self + a * b`.
    fn plus_product(self, a: Self, b: Self) -> Self;
}

macro_rules! scalar {
    ($($t:ty, $plus:expr, $plus_product:expr;)*) => {$(impl Scalar for $t {
        #[inline(always)]
        fn plus(self, a: Self) -> Self {
            $plus(self, a)
        }
        #[inline(always)]
        fn plus_product(self, a: Self, b: Self) -> Self {
            $plus_product(self, a, b)
        }
    })*};
}
scalar! {
    f32, |x: f32, a: f32| x + a, |x: f32, a: f32, b: f32| x + a * b;
    f64, |x: f64, a: f64| x + a, |x: f64, a: f64, b: f64| x + a * b;
    i32, i32::wrapping_add, |x: i32, a: i32, b: i32| x.wrapping_add(a.wrapping_mul(b));
    i64, i64::wrapping_add, |x: i64, a: i64, b: i64| x.wrapping_add(a.wrapping_mul(b));
}

/// 32- or 64-bit floats.
pub(crate) trait Float: Scalar + num_traits::Float + std::ops::AddAssign + std::iter::Sum {
    fn of(value: f64) -> Self;
    fn error_function(self) -> Self;
    fn wide(self) -> f64;
}

impl Float for f32 {
    fn of(value: f64) -> Self {
        value as Self
    }
    fn error_function(self) -> Self {
        libm::erff(self)
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn error_function(self) -> Self {
        libm::erf(self)
    }
    fn wide(self) -> f64 {
        self
    }
}
