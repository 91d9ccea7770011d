//! Operators that treat each element alone.

use half::f16;

use crate::{
    Args, BinaryOp, Bits, DType, Data, Element, Float, LogicalOp, OpResult, Reason, Tensor, UnaryOp,
    any_type, each_rows, ensure, float_type, number_type, sized_type, typed, zeros,
};

/// The shape that shapes broadcast to.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> OpResult<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(Reason(format!("shapes {a:?} and {b:?} do not broadcast"))),
        })
        .collect()
}

/// How operands are walked to fill a broadcast result: rows of `inner` elements along the last (merged) axis, in each of
/// which an operand's elements follow each other (step 1) or stay (step 0).
struct Walk<const N: usize> {
    outer: Vec<(usize, [usize; N])>,
    inner: usize,
    steps: [usize; N],
}

impl<const N: usize> Walk<N> {
    fn new(shape: &[usize], operands: [&[usize]; N]) -> Self {
        let rank = shape.len();
        let mut merged: Vec<(usize, [usize; N])> = Vec::new();
        let mut running = [1usize; N];
        // From the last axis on; an axis joins the one inside it where all operands go on the same way.
        for i in (0..rank).rev() {
            let mut steps = [0; N];
            for (o, shape_o) in operands.iter().enumerate() {
                let size = (i + shape_o.len()).checked_sub(rank).map_or(1, |i| shape_o[i]);
                steps[o] = if size == 1 { 0 } else { running[o] };
                running[o] *= size;
            }
            if shape[i] == 1 {
                continue;
            }
            match merged.last_mut() {
                Some((size, inside)) if (0..N).all(|o| steps[o] == inside[o] * *size) => *size *= shape[i],
                _ => merged.push((shape[i], steps)),
            }
        }
        // The innermost axis comes first, and its steps are 0 or 1.
        let (inner, steps) = merged.first().copied().unwrap_or((1, [0; N]));
        let skip = merged.len().min(1);
        Self { outer: merged.split_off(skip), inner, steps }
    }

    /// Where a row of the result starts in each operand.
    fn offsets(&self, mut row: usize) -> [usize; N] {
        let mut offsets = [0; N];
        for (size, steps) in &self.outer {
            let i = row % size;
            row /= size;
            for o in 0..N {
                offsets[o] += i * steps[o];
            }
        }
        offsets
    }
}

/// Applies a function to two broadcast operands.
pub(crate) fn broadcast<A: Element, B: Element, O: Element>(
    a: (&[usize], &[A]),
    b: (&[usize], &[B]),
    f: impl Fn(A, B) -> O + Sync,
) -> OpResult<Tensor> {
    let shape = broadcast_shape(a.0, b.0)?;
    let mut out = zeros::<O>(&shape)?;
    let walk = Walk::new(&shape, [a.0, b.0]);
    each_rows(&mut out, walk.inner, walk.inner, &|first, rows| {
        for (row, out) in rows.chunks_mut(walk.inner).enumerate() {
            let [x, y] = walk.offsets(first + row);
            let n = out.len();
            match walk.steps {
                [0, 0] => out.fill(f(a.1[x], b.1[y])),
                [0, _] => out.iter_mut().zip(&b.1[y..y + n]).for_each(|(o, b)| *o = f(a.1[x], *b)),
                [_, 0] => out.iter_mut().zip(&a.1[x..x + n]).for_each(|(o, a)| *o = f(*a, b.1[y])),
                _ => out
                    .iter_mut()
                    .zip(a.1[x..x + n].iter().zip(&b.1[y..y + n]))
                    .for_each(|(o, (a, b))| *o = f(*a, *b)),
            }
        }
    });
    Ok(Tensor::of(&shape, out))
}

/// Elements that broadcasting repeats: what `Expand` gives.
pub(crate) fn repeated<T: Bits>(values: &[T], from: &[usize], to: &[usize]) -> OpResult<Vec<T>> {
    let mut out = zeros::<T>(to)?;
    let walk = Walk::new(to, [from]);
    each_rows(&mut out, walk.inner, walk.inner, &|first, rows| {
        for (row, out) in rows.chunks_mut(walk.inner).enumerate() {
            let [x] = walk.offsets(first + row);
            if walk.steps[0] == 0 {
                out.fill(values[x]);
            } else {
                out.copy_from_slice(&values[x..x + out.len()]);
            }
        }
    });
    Ok(out)
}

/// Applies a function to each element, in place where nobody else holds them.
fn map<T: Element>(t: Tensor, f: impl Fn(T) -> T + Sync) -> OpResult<Tensor> {
    let (shape, data) = t.into_parts();
    let found = data.dtype();
    let Some(mut values) = T::take(data) else {
        return Err(format!("elements of type {found:?}; expected {:?}", T::DTYPE).into());
    };
    each_rows(&mut values, 1, 1, &|_, values| values.iter_mut().for_each(|v| *v = f(*v)));
    Ok(Tensor::of(&shape, values))
}

/// Applies a function that makes another type.
fn convert<T: Element, O: Element>(shape: &[usize], values: &[T], f: impl Fn(T) -> O + Sync) -> Tensor {
    let mut out = vec![O::default(); values.len()];
    each_rows(&mut out, 1, 1, &|first, out| {
        out.iter_mut().zip(&values[first..]).for_each(|(o, v)| *o = f(*v));
    });
    Tensor::of(shape, out)
}

/// Rounds halves to the even neighbour.
fn round_even<T: Float>(x: T) -> T {
    let r = x.round();
    if (x - x.trunc()).abs() == T::of(0.5) { T::of(2.) * (x / T::of(2.)).round() } else { r }
}

pub(crate) fn unary(op: UnaryOp, t: Tensor) -> OpResult<Tensor> {
    match t.dtype() {
        DType::F32 | DType::F64 => unary_float(op, t),
        DType::F16 => Err("F16 is not computed with; a session widens it".into()),
        DType::Bool => Err(format!("elements of type Bool; {} expects numbers", op.name()).into()),
        _ => match op {
            UnaryOp::Relu => {
                number_type!(t.dtype(), T => map::<T>(t, |x| if x > T::default() { x } else { T::default() }))
            }
            UnaryOp::Abs => match t.dtype() {
                DType::I64 => map::<i64>(t, i64::wrapping_abs),
                DType::I32 => map::<i32>(t, i32::wrapping_abs),
                DType::I8 => map::<i8>(t, i8::wrapping_abs),
                _ => Ok(t),
            },
            UnaryOp::Neg => match t.dtype() {
                DType::I64 => map::<i64>(t, i64::wrapping_neg),
                DType::I32 => map::<i32>(t, i32::wrapping_neg),
                DType::I8 => map::<i8>(t, i8::wrapping_neg),
                other => Err(format!("elements of type {other:?}; expected a signed type").into()),
            },
            UnaryOp::Sign => match t.dtype() {
                DType::I64 => map::<i64>(t, i64::signum),
                DType::I32 => map::<i32>(t, i32::signum),
                DType::I8 => map::<i8>(t, i8::signum),
                _ => map::<u8>(t, |x| x.min(1)),
            },
            _ => Err(format!("elements of type {:?}; {} expects floats", t.dtype(), op.name()).into()),
        },
    }
}

fn unary_float(op: UnaryOp, t: Tensor) -> OpResult<Tensor> {
    if let UnaryOp::IsNan = op {
        return float_type!(t.dtype(), T => Ok(convert(t.shape(), typed::<T>(&t, 0)?, |x| x.is_nan())));
    }
    if let UnaryOp::IsInf { negative, positive } = op {
        return float_type!(t.dtype(), T => Ok(convert(t.shape(), typed::<T>(&t, 0)?, |x| {
            x.is_infinite() && if x > T::default() { positive } else { negative }
        })));
    }
    float_type!(t.dtype(), T => {
        let of = |v: f32| T::of(f64::from(v));
        let (zero, one, half) = (T::of(0.), T::of(1.), T::of(0.5));
        let sigmoid = move |x: T| one / (one + (-x).exp());
        let softplus = move |x: T| x.max(zero) + (-x.abs()).exp().ln_1p();
        match op {
            UnaryOp::Relu => map::<T>(t, |x| if x < zero { zero } else { x }),
            UnaryOp::LeakyRelu { alpha } => {
                let a = of(alpha);
                map::<T>(t, |x| if x < zero { a * x } else { x })
            }
            UnaryOp::Elu { alpha } => {
                let a = of(alpha);
                map::<T>(t, |x| if x < zero { a * x.exp_m1() } else { x })
            }
            UnaryOp::Selu { alpha, gamma } => {
                let (a, g) = (of(alpha), of(gamma));
                map::<T>(t, |x| if x <= zero { g * a * x.exp_m1() } else { g * x })
            }
            UnaryOp::Celu { alpha } => {
                let a = of(alpha);
                map::<T>(t, |x| x.max(zero) + (a * (x / a).exp_m1()).min(zero))
            }
            UnaryOp::ThresholdedRelu { alpha } => {
                let a = of(alpha);
                map::<T>(t, |x| if x > a { x } else { zero })
            }
            UnaryOp::Sigmoid => map::<T>(t, sigmoid),
            UnaryOp::HardSigmoid { alpha, beta } => {
                let (a, b) = (of(alpha), of(beta));
                map::<T>(t, |x| (a * x + b).max(zero).min(one))
            }
            UnaryOp::HardSwish => {
                let sixth = T::of(1. / 6.);
                map::<T>(t, |x| x * (sixth * x + half).max(zero).min(one))
            }
            UnaryOp::Swish { alpha } => {
                let a = of(alpha);
                map::<T>(t, |x| x * sigmoid(a * x))
            }
            UnaryOp::Mish => map::<T>(t, |x| x * softplus(x).tanh()),
            UnaryOp::Tanh => map::<T>(t, |x| x.tanh()),
            UnaryOp::Gelu { tanh: false } => {
                let root = T::of(std::f64::consts::FRAC_1_SQRT_2);
                map::<T>(t, |x| half * x * (one + (x * root).error_function()))
            }
            UnaryOp::Gelu { tanh: true } => {
                let (root, cubic) = (T::of((2. / std::f64::consts::PI).sqrt()), T::of(0.044_715));
                map::<T>(t, |x| half * x * (one + (root * (x + cubic * x * x * x)).tanh()))
            }
            UnaryOp::Softplus => map::<T>(t, softplus),
            UnaryOp::Softsign => map::<T>(t, |x| x / (one + x.abs())),
            UnaryOp::Erf => map::<T>(t, |x| x.error_function()),
            UnaryOp::Exp => map::<T>(t, |x| x.exp()),
            UnaryOp::Log => map::<T>(t, |x| x.ln()),
            UnaryOp::Sqrt => map::<T>(t, |x| x.sqrt()),
            UnaryOp::Reciprocal => map::<T>(t, |x| one / x),
            UnaryOp::Abs => map::<T>(t, |x| x.abs()),
            UnaryOp::Neg => map::<T>(t, |x| -x),
            UnaryOp::Sign => map::<T>(t, |x| if x > zero { one } else if x < zero { -one } else { x }),
            UnaryOp::Floor => map::<T>(t, |x| x.floor()),
            UnaryOp::Ceil => map::<T>(t, |x| x.ceil()),
            UnaryOp::Round => map::<T>(t, round_even),
            UnaryOp::Sin => map::<T>(t, |x| x.sin()),
            UnaryOp::Cos => map::<T>(t, |x| x.cos()),
            UnaryOp::Tan => map::<T>(t, |x| x.tan()),
            UnaryOp::Asin => map::<T>(t, |x| x.asin()),
            UnaryOp::Acos => map::<T>(t, |x| x.acos()),
            UnaryOp::Atan => map::<T>(t, |x| x.atan()),
            UnaryOp::Sinh => map::<T>(t, |x| x.sinh()),
            UnaryOp::Cosh => map::<T>(t, |x| x.cosh()),
            UnaryOp::Asinh => map::<T>(t, |x| x.asinh()),
            UnaryOp::Acosh => map::<T>(t, |x| x.acosh()),
            UnaryOp::Atanh => map::<T>(t, |x| x.atanh()),
            UnaryOp::IsNan | UnaryOp::IsInf { .. } => Err("truth values are made elsewhere".into()),
        }
    })
}

/// Both operands have one type; where shapes allow it the first one's memory takes the result.
fn pair<T: Element>(a: Tensor, b: Tensor, f: impl Fn(T, T) -> T + Sync) -> OpResult<Tensor> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    if a.shape() != shape || a.is_empty() {
        return broadcast((a.shape(), typed(&a, 0)?), (b.shape(), typed(&b, 1)?), f);
    }
    let right = typed::<T>(&b, 1)?;
    let (_, data) = a.into_parts();
    let mut out = T::take(data).ok_or_else(|| Reason("operands of different types".into()))?;
    let walk = Walk::new(&shape, [&shape, b.shape()]);
    each_rows(&mut out, walk.inner, walk.inner, &|first, rows| {
        for (row, out) in rows.chunks_mut(walk.inner).enumerate() {
            let y = walk.offsets(first + row)[1];
            if walk.steps[1] == 0 {
                let b = right[y];
                out.iter_mut().for_each(|o| *o = f(*o, b));
            } else {
                out.iter_mut().zip(&right[y..]).for_each(|(o, b)| *o = f(*o, *b));
            }
        }
    });
    Ok(Tensor::of(&shape, out))
}

trait Arithmetic: Element {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Integers: towards zero, 0 where the divisor is 0 (refused before).
    fn div(self, other: Self) -> Self;
    fn rem(self, other: Self, fmod: bool) -> Self;
    fn pow_float(self, other: f64) -> Self;
    fn pow_int(self, other: i64) -> Self;
    fn least(self, other: Self) -> Self;
    fn greatest(self, other: Self) -> Self;
    /// Whether signs differ.
    fn opposite(a: Self, b: Self) -> bool;
    const FLOAT: bool;
}

macro_rules! float_arithmetic {
    ($($t:ty)*) => {$(impl Arithmetic for $t {
        fn opposite(a: Self, b: Self) -> bool { a * b < 0. }
        fn add(self, other: Self) -> Self { self + other }
        fn sub(self, other: Self) -> Self { self - other }
        fn mul(self, other: Self) -> Self { self * other }
        fn div(self, other: Self) -> Self { self / other }
        fn rem(self, other: Self, _fmod: bool) -> Self { self % other }
        fn pow_float(self, other: f64) -> Self { self.powf(other as $t) }
        fn pow_int(self, other: i64) -> Self { self.powf(other as $t) }
        fn least(self, other: Self) -> Self {
            if self.is_nan() || self < other { self } else { other }
        }
        fn greatest(self, other: Self) -> Self {
            if self.is_nan() || self > other { self } else { other }
        }
        const FLOAT: bool = true;
    })*};
}
float_arithmetic!(f32 f64);

macro_rules! int_arithmetic {
    ($($t:ty)*) => {$(impl Arithmetic for $t {
        fn opposite(a: Self, b: Self) -> bool { (a as i64) < 0 && b as i64 > 0 || (a as i64) > 0 && (b as i64) < 0 }
        fn add(self, other: Self) -> Self { self.wrapping_add(other) }
        fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
        fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
        fn div(self, other: Self) -> Self { if other == 0 { 0 } else { self.wrapping_div(other) } }
        fn rem(self, other: Self, fmod: bool) -> Self {
            if other == 0 {
                return 0;
            }
            let r = self.wrapping_rem(other);
            // Python's sign is the divisor's.
            if !fmod && r != 0 && Self::opposite(r, other) { r.wrapping_add(other) } else { r }
        }
        fn pow_float(self, other: f64) -> Self { (self as f64).powf(other) as $t }
        fn pow_int(self, other: i64) -> Self {
            match u32::try_from(other) {
                Ok(n) => self.wrapping_pow(n),
                Err(_) => (self as f64).powf(other as f64) as $t,
            }
        }
        fn least(self, other: Self) -> Self { self.min(other) }
        fn greatest(self, other: Self) -> Self { self.max(other) }
        const FLOAT: bool = false;
    })*};
}
int_arithmetic!(i64 i32 i8 u8);

pub(crate) fn binary(op: BinaryOp, a: Tensor, b: Tensor) -> OpResult<Tensor> {
    if let BinaryOp::Pow = op {
        return pow(a, b);
    }
    ensure!(a.dtype() == b.dtype(), "operands are {:?} and {:?}; expected one type", a.dtype(), b.dtype());
    // A sum or product goes into the larger operand's memory.
    let (a, b) = match op {
        BinaryOp::Add | BinaryOp::Mul if a.len() < b.len() => (b, a),
        _ => (a, b),
    };
    number_type!(a.dtype(), T => match op {
        BinaryOp::Add => pair::<T>(a, b, T::add),
        BinaryOp::Sub => pair::<T>(a, b, T::sub),
        BinaryOp::Mul => pair::<T>(a, b, T::mul),
        BinaryOp::Div => {
            ensure!(T::FLOAT || !typed::<T>(&b, 1)?.contains(&T::default()), "division of integers by zero");
            pair::<T>(a, b, T::div)
        }
        BinaryOp::Min => pair::<T>(a, b, T::least),
        BinaryOp::Max => pair::<T>(a, b, T::greatest),
        BinaryOp::PRelu => pair::<T>(a, b, |x, slope| if x < T::default() { x.mul(slope) } else { x }),
        BinaryOp::Mod { fmod } => {
            ensure!(fmod || !T::FLOAT, "floats need fmod = 1");
            ensure!(T::FLOAT || !typed::<T>(&b, 1)?.contains(&T::default()), "division of integers by zero");
            pair::<T>(a, b, |x, y| x.rem(y, fmod))
        }
        BinaryOp::Pow => Err("computed elsewhere".into()),
    })
}

fn pow(a: Tensor, b: Tensor) -> OpResult<Tensor> {
    if let (Some(base), Some(exponent)) = (a.as_f32(), b.as_f32()) {
        // Squares and roots are what networks raise to.
        if b.len() == 1 && b.shape().len() <= a.shape().len() {
            match exponent[0] {
                2. => return Ok(convert(a.shape(), base, |x| x * x)),
                0.5 => return Ok(convert(a.shape(), base, f32::sqrt)),
                _ => {}
            }
        }
        return broadcast((a.shape(), base), (b.shape(), exponent), f32::powf);
    }
    number_type!(a.dtype(), T => {
        let base = (a.shape(), typed::<T>(&a, 0)?);
        match b.data() {
            Data::F32(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_float(f64::from(y))),
            Data::F64(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_float(y)),
            Data::I64(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_int(y)),
            Data::I32(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_int(i64::from(y))),
            Data::I8(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_int(i64::from(y))),
            Data::U8(v) => broadcast(base, (b.shape(), v), |x, y| x.pow_int(i64::from(y))),
            other => Err(format!("an exponent of type {:?}; expected numbers", other.dtype()).into()),
        }
    })
}

pub(crate) fn logical(op: LogicalOp, args: &Args) -> OpResult<Tensor> {
    let a = args.get(0)?;
    if let LogicalOp::Not = op {
        return Ok(convert(a.shape(), args.slice::<bool>(0)?, |x| !x));
    }
    let b = args.get(1)?;
    ensure!(a.dtype() == b.dtype(), "operands are {:?} and {:?}; expected one type", a.dtype(), b.dtype());
    if let LogicalOp::And | LogicalOp::Or | LogicalOp::Xor = op {
        let (x, y) = ((a.shape(), args.slice::<bool>(0)?), (b.shape(), args.slice::<bool>(1)?));
        return match op {
            LogicalOp::And => broadcast(x, y, |x, y| x & y),
            LogicalOp::Or => broadcast(x, y, |x, y| x | y),
            _ => broadcast(x, y, |x, y| x ^ y),
        };
    }
    if let LogicalOp::Equal = op {
        return any_type!(a.dtype(), T => {
            broadcast((a.shape(), args.slice::<T>(0)?), (b.shape(), args.slice::<T>(1)?), |x: T, y: T| x == y)
        });
    }
    number_type!(a.dtype(), T => {
        let (x, y) = ((a.shape(), args.slice::<T>(0)?), (b.shape(), args.slice::<T>(1)?));
        match op {
            LogicalOp::Greater => broadcast(x, y, |x: T, y: T| x > y),
            LogicalOp::GreaterOrEqual => broadcast(x, y, |x: T, y: T| x >= y),
            LogicalOp::Less => broadcast(x, y, |x: T, y: T| x < y),
            _ => broadcast(x, y, |x: T, y: T| x <= y),
        }
    })
}

/// `Where`.
pub(crate) fn choose(args: &Args) -> OpResult<Tensor> {
    let (condition, a, b) = (args.get(0)?, args.get(1)?, args.get(2)?);
    ensure!(a.dtype() == b.dtype(), "values are {:?} and {:?}; expected one type", a.dtype(), b.dtype());
    let shape = broadcast_shape(&broadcast_shape(condition.shape(), a.shape())?, b.shape())?;
    let truth = args.slice::<bool>(0)?;
    let walk = Walk::new(&shape, [condition.shape(), a.shape(), b.shape()]);
    sized_type!(a.dtype(), T => {
        let (x, y) = (T::of(a.data()), T::of(b.data()));
        let mut out = zeros::<T>(&shape)?;
        let [st, sx, sy] = walk.steps;
        each_rows(&mut out, walk.inner, walk.inner, &|first, rows| {
            for (row, out) in rows.chunks_mut(walk.inner).enumerate() {
                let [ot, ox, oy] = walk.offsets(first + row);
                for (i, o) in out.iter_mut().enumerate() {
                    *o = if truth[ot + i * st] { x[ox + i * sx] } else { y[oy + i * sy] };
                }
            }
        });
        Ok(Tensor::of_bits(a.dtype(), &shape, out))
    })
}

pub(crate) fn clip(args: &mut Args) -> OpResult<Tensor> {
    let t = args.take(0)?;
    number_type!(t.dtype(), T => {
        let bound = |i: usize| -> OpResult<Option<T>> {
            let Some(bound) = args.opt(i) else { return Ok(None) };
            ensure!(bound.len() == 1, "bound {i} has {} elements; expected a scalar", bound.len());
            Ok(typed::<T>(bound, i)?.first().copied())
        };
        match (bound(1)?, bound(2)?) {
            (Some(low), Some(high)) => map::<T>(t, |x| if x < low { low.least(high) } else if x > high { high } else { x }),
            (Some(low), None) => map::<T>(t, |x| if x < low { low } else { x }),
            (None, Some(high)) => map::<T>(t, |x| if x > high { high } else { x }),
            (None, None) => Ok(t),
        }
    })
}

/// Conversion between element types, as C and numpy do it.
trait Numeric: Element {
    fn float(self) -> f64;
    fn int(self) -> i64;
}

macro_rules! numeric {
    ($($t:ty, $x:ident => $float:expr, $int:expr;)*) => {$(
        impl Numeric for $t {
            fn float(self) -> f64 { let $x = self; $float }
            fn int(self) -> i64 { let $x = self; $int }
        }
    )*};
}
numeric! {
    f32, x => f64::from(x), x as i64;
    f64, x => x, x as i64;
    f16, x => x.to_f64(), x.to_f64() as i64;
    i64, x => x as f64, x;
    i32, x => f64::from(x), i64::from(x);
    i8, x => f64::from(x), i64::from(x);
    u8, x => f64::from(x), i64::from(x);
    bool, x => f64::from(u8::from(x)), i64::from(x);
}

/// Elements that a conversion between two types brings to one of two types that hold all others.
const CONVERTED: usize = 256;

/// Fills a slice with elements from a first one on, brought to a wide type.
type Source<'a, W> = Box<dyn Fn(usize, &mut [W]) + Sync + 'a>;

pub(crate) fn cast(t: Tensor, to: DType) -> Tensor {
    if t.dtype() == to {
        return t;
    }
    let float = |dtype: DType| matches!(dtype, DType::F32 | DType::F64 | DType::F16);
    // By way of 64 bits, so that there are no functions for pairs of types.
    if float(t.dtype()) && (float(to) || to == DType::Bool) {
        let from: Source<'_, f64> = any_type!(t.dtype(), T => {
            let values = t.slice::<T>().unwrap_or_default();
            Box::new(move |first, wide| wide.iter_mut().zip(&values[first..]).for_each(|(w, v)| *w = v.float()))
        });
        match to {
            DType::F32 => narrowed(t.shape(), &from, |x| x as f32),
            DType::F16 => narrowed(t.shape(), &from, f16::from_f64),
            DType::Bool => narrowed(t.shape(), &from, |x| x != 0.),
            _ => narrowed(t.shape(), &from, |x| x),
        }
    } else {
        let from: Source<'_, i64> = any_type!(t.dtype(), T => {
            let values = t.slice::<T>().unwrap_or_default();
            Box::new(move |first, wide| wide.iter_mut().zip(&values[first..]).for_each(|(w, v)| *w = v.int()))
        });
        match to {
            DType::F32 => narrowed(t.shape(), &from, |x| x as f32),
            DType::F64 => narrowed(t.shape(), &from, |x| x as f64),
            DType::F16 => narrowed(t.shape(), &from, |x| f16::from_f64(x as f64)),
            DType::I64 => narrowed(t.shape(), &from, |x| x),
            DType::I32 => narrowed(t.shape(), &from, |x| x as i32),
            DType::I8 => narrowed(t.shape(), &from, |x| x as i8),
            DType::U8 => narrowed(t.shape(), &from, |x| x as u8),
            DType::Bool => narrowed(t.shape(), &from, |x| x != 0),
        }
    }
}

/// Elements made from wide ones, which `from(first, wide)` gives.
fn narrowed<W: Element, O: Element>(
    shape: &[usize],
    from: &(dyn Fn(usize, &mut [W]) + Sync),
    f: impl Fn(W) -> O + Sync,
) -> Tensor {
    let mut out = vec![O::default(); shape.iter().product()];
    each_rows(&mut out, 1, 1, &|first, out| {
        let mut wide = [W::default(); CONVERTED];
        for (i, out) in out.chunks_mut(CONVERTED).enumerate() {
            let wide = &mut wide[..out.len()];
            from(first + i * CONVERTED, wide);
            out.iter_mut().zip(wide).for_each(|(o, w)| *o = f(*w));
        }
    });
    Tensor::of(shape, out)
}
