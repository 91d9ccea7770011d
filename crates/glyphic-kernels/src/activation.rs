use pulp::{Simd, WithSimd};

use crate::vector::arch;
use crate::{Grid, math};

/// What is applied to each output of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `x` above 0, `alpha x` below.
    LeakyRelu(f32),
    /// Within these bounds.
    Clip(f32, f32),
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `alpha x + beta` within 0 to 1.
    HardSigmoid(f32, f32),
    /// `x` times its hard sigmoid of 1/6 and 1/2.
    HardSwish,
    /// `x sigmoid(alpha x)`
    Swish(f32),
    /// Hyperbolic tangent.
    Tanh,
    /// `x (1 + erf(x / sqrt 2)) / 2`
    Gelu,
    /// GELU by its approximation with the hyperbolic tangent.
    GeluTanh,
    /// The error function.
    Erf,
    /// `e^x`
    Exp,
    /// `a x + b`
    Linear(f32, f32),
    /// The nearest number of a grid.
    Round(Grid),
}

impl Activation {
    /// Whether it is cheap enough to be applied while the outputs are in registers.
    pub(crate) fn is_light(self) -> bool {
        matches!(self, Self::None | Self::Relu)
    }

    /// Applies it to every number.
    pub fn apply(self, values: &mut [f32]) {
        if self != Self::None {
            arch().dispatch(InPlace { activation: self, values });
        }
    }

    /// The value of one vector.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let splat = |v: f32| simd.splat_f32s(v);
        let clip = |x, a: f32, b: f32| simd.min_f32s(simd.max_f32s(x, splat(a)), splat(b));
        match self {
            Self::None => x,
            Self::Relu => simd.max_f32s(x, splat(0.0)),
            Self::LeakyRelu(alpha) => {
                simd.select_f32s(simd.less_than_f32s(x, splat(0.0)), simd.mul_f32s(x, splat(alpha)), x)
            }
            Self::Clip(least, most) => clip(x, least, most),
            Self::Sigmoid => math::sigmoid(simd, x),
            Self::HardSigmoid(alpha, beta) => {
                clip(simd.mul_add_e_f32s(x, splat(alpha), splat(beta)), 0.0, 1.0)
            }
            Self::HardSwish => {
                simd.mul_f32s(x, clip(simd.mul_add_e_f32s(x, splat(1.0 / 6.0), splat(0.5)), 0.0, 1.0))
            }
            Self::Swish(alpha) => simd.mul_f32s(x, math::sigmoid(simd, simd.mul_f32s(x, splat(alpha)))),
            Self::Tanh => math::tanh(simd, x),
            Self::Gelu => {
                let half = simd.mul_f32s(x, splat(0.5));
                let erf = math::erf(simd, simd.mul_f32s(x, splat(std::f32::consts::FRAC_1_SQRT_2)));
                simd.mul_add_e_f32s(half, erf, half)
            }
            Self::GeluTanh => {
                // (1 + tanh(u)) / 2 is sigmoid(2u).
                let square = simd.mul_f32s(x, x);
                let inner = simd.mul_add_e_f32s(square, splat(0.071_354_82), splat(1.595_769));
                simd.mul_f32s(x, math::sigmoid(simd, simd.mul_f32s(x, inner)))
            }
            Self::Erf => math::erf(simd, x),
            Self::Exp => math::exp(simd, x),
            Self::Linear(a, b) => simd.mul_add_e_f32s(x, splat(a), splat(b)),
            Self::Round(grid) => {
                let [least, most] = grid.steps();
                let steps = clip(simd.mul_f32s(x, splat(1.0 / grid.scale)), least, most);
                let whole = simd.sub_f32s(simd.add_f32s(steps, splat(Grid::ROUND)), splat(Grid::ROUND));
                simd.mul_f32s(whole, splat(grid.scale))
            }
        }
    }
}

struct InPlace<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { activation, values } = self;
        macro_rules! each {
            ($($case:pat => $value:expr),*) => {
                match activation {
                    // Each branch has a loop of its own, so that nothing is decided in it.
                    $($case => {
                        let (vectors, rest) = S::as_mut_simd_f32s(values);
                        for v in vectors {
                            *v = $value.of(simd, *v);
                        }
                        if !rest.is_empty() {
                            let v = simd.partial_load_f32s(rest);
                            simd.partial_store_f32s(rest, $value.of(simd, v));
                        }
                    })*
                }
            };
        }
        each!(
            Activation::None => Activation::None,
            Activation::Relu => Activation::Relu,
            Activation::LeakyRelu(a) => Activation::LeakyRelu(a),
            Activation::Clip(a, b) => Activation::Clip(a, b),
            Activation::Sigmoid => Activation::Sigmoid,
            Activation::HardSigmoid(a, b) => Activation::HardSigmoid(a, b),
            Activation::HardSwish => Activation::HardSwish,
            Activation::Swish(a) => Activation::Swish(a),
            Activation::Tanh => Activation::Tanh,
            Activation::Gelu => Activation::Gelu,
            Activation::GeluTanh => Activation::GeluTanh,
            Activation::Erf => Activation::Erf,
            Activation::Exp => Activation::Exp,
            Activation::Linear(a, b) => Activation::Linear(a, b),
            Activation::Round(grid) => Activation::Round(grid)
        );
    }
}
