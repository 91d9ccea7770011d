//! The operators, on tensors in row-major order: the general path, for every type, rank and size.

pub(crate) mod conv;
mod elementwise;
mod gather;
mod matmul;
#[expect(clippy::unnecessary_cast, reason = "the type is the macro's")]
pub(crate) mod movement;
mod norm;
mod pool;
mod quant;
#[expect(clippy::unnecessary_cast, reason = "the type is the macro's")]
pub(crate) mod reduce;
mod resize;
mod rnn;
mod sample;
pub(crate) mod window;

use crate::{Error, Node, Op, Result, Tensor, tensor::Element};

/// What is wrong with a node's operands; the caller knows which node it is.
#[derive(Debug)]
pub(crate) struct Reason(pub(crate) String);

impl From<String> for Reason {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<&str> for Reason {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

pub(crate) type OpResult<T> = std::result::Result<T, Reason>;

/// Stops with a [`Reason`] unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err($crate::ops::Reason(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Runs `$body` with `$type` standing for the type of the elements, whatever it is.
macro_rules! any_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F16 => {
                type $type = half::f16;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            $crate::DType::I32 => {
                type $type = i32;
                $body
            }
            $crate::DType::I8 => {
                type $type = i8;
                $body
            }
            $crate::DType::U8 => {
                type $type = u8;
                $body
            }
            $crate::DType::Bool => {
                type $type = bool;
                $body
            }
        }
    };
}
pub(crate) use any_type;

/// Runs `$body` for 32- and 64-bit floats; fails for the others.
macro_rules! float_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            other => {
                return Err($crate::ops::Reason(format!("elements of type {other:?}; expected F32 or F64")))
            }
        }
    };
}
pub(crate) use float_type;

/// Runs `$body` for floats and integers; fails for the others.
macro_rules! number_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            $crate::DType::I32 => {
                type $type = i32;
                $body
            }
            $crate::DType::I8 => {
                type $type = i8;
                $body
            }
            $crate::DType::U8 => {
                type $type = u8;
                $body
            }
            other => return Err($crate::ops::Reason(format!("elements of type {other:?}; expected numbers"))),
        }
    };
}
pub(crate) use number_type;

/// Elements that one tensor may have: a limit for sizes that come from files.
pub(crate) const MAX_ELEMENTS: usize = 1 << 30;

/// Fewest elements that are worth another thread.
pub(crate) const PARALLEL: usize = 1 << 14;

/// The number of elements of a shape, where memory may be asked for them. Axes beside an empty one are limited too, so that
/// no product of some of them overflows.
pub(crate) fn elements(shape: &[usize]) -> OpResult<usize> {
    match shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1))) {
        Some(n) if n <= MAX_ELEMENTS => Ok(if shape.contains(&0) { 0 } else { n }),
        _ => Err(format!("a result of shape {shape:?} is larger than {MAX_ELEMENTS} elements").into()),
    }
}

/// Defaults for a shape.
pub(crate) fn zeros<T: Element>(shape: &[usize]) -> OpResult<Vec<T>> {
    Ok(vec![T::default(); elements(shape)?])
}

/// The axis that a number means, counted from the end where negative; `rank` itself only where `past` is set.
pub(crate) fn axis(axis: i64, rank: usize) -> OpResult<usize> {
    let positive = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match positive.map(usize::try_from) {
        Some(Ok(a)) if a < rank => Ok(a),
        _ => Err(format!("axis {axis}; expected one of the {rank} axes").into()),
    }
}

/// Axes in rising order, each once.
pub(crate) fn axes(values: &[i64], rank: usize) -> OpResult<Vec<usize>> {
    let mut axes = values.iter().map(|a| axis(*a, rank)).collect::<OpResult<Vec<_>>>()?;
    axes.sort_unstable();
    ensure!(axes.windows(2).all(|w| w[0] != w[1]), "axes {values:?} name an axis twice");
    Ok(axes)
}

/// Elements before, along and after an axis.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// A node's operands.
pub(crate) struct Args(Vec<Option<Tensor>>);

impl Args {
    pub(crate) fn new(operands: Vec<Tensor>) -> Self {
        Self(operands.into_iter().map(Some).collect())
    }

    pub(crate) fn get(&self, i: usize) -> OpResult<&Tensor> {
        self.opt(i).ok_or_else(|| Reason(format!("operand {i} is missing")))
    }

    pub(crate) fn opt(&self, i: usize) -> Option<&Tensor> {
        self.0.get(i).and_then(Option::as_ref)
    }

    /// The operand itself, whose elements may be changed in place where nobody else holds them.
    pub(crate) fn take(&mut self, i: usize) -> OpResult<Tensor> {
        self.0.get_mut(i).and_then(Option::take).ok_or_else(|| Reason(format!("operand {i} is missing")))
    }

    /// An operand's elements.
    pub(crate) fn slice<T: Element>(&self, i: usize) -> OpResult<&[T]> {
        typed(self.get(i)?, i)
    }

    /// An operand of integers.
    pub(crate) fn ints(&self, i: usize) -> OpResult<Vec<i64>> {
        let t = self.get(i)?;
        t.to_i64s().ok_or_else(|| Reason(format!("operand {i} is {:?}; expected I64", t.dtype())))
    }

    /// An optional operand of integers.
    pub(crate) fn opt_ints(&self, i: usize) -> OpResult<Option<Vec<i64>>> {
        self.opt(i).map(|_| self.ints(i)).transpose()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// A tensor's elements, or that they are of another type.
pub(crate) fn typed<T: Element>(t: &Tensor, i: usize) -> OpResult<&[T]> {
    t.slice().ok_or_else(|| Reason(format!("operand {i} is {:?}; expected {:?}", t.dtype(), T::DTYPE)))
}

/// Computes one node. Operands are in the order of ONNX; those whose elements nobody else holds may be overwritten.
/// As many results come back as the operator makes, at least as many as the node names.
///
/// # Errors
/// [`Error::Node`] where operands do not fit the operator.
pub fn run_node(node: &Node, inputs: Vec<Option<Tensor>>) -> Result<Vec<Tensor>> {
    let wrong =
        |reason: String| Error::Node { node: node.name.clone(), op: node.op.name().to_owned(), reason };
    let arity = node.op.arity();
    if inputs.len() > arity.inputs {
        return Err(wrong(format!("{} operands; expected {} at most", inputs.len(), arity.inputs)));
    }
    let outputs = run_op(&node.op, Args(inputs), node.outputs.len()).map_err(|r| wrong(r.0))?;
    match node.outputs.iter().enumerate().find(|(i, o)| o.is_some() && *i >= outputs.len()) {
        Some((i, _)) => Err(wrong(format!("result {i} is not computed; expected {} at most", outputs.len()))),
        None => Ok(outputs),
    }
}

fn run_op(op: &Op, mut args: Args, outputs: usize) -> OpResult<Vec<Tensor>> {
    let one = match op {
        Op::Conv { strides, dilations, padding, groups } => {
            conv::conv(&args, strides, dilations, padding, *groups)?
        }
        Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups } => {
            let window = conv::Transposed {
                strides,
                dilations,
                padding,
                output_padding,
                output_shape: output_shape.as_deref(),
            };
            conv::transposed(&args, &window, *groups)?
        }
        Op::DeformConv { strides, dilations, padding, groups, offset_groups } => {
            conv::deformable(&args, strides, dilations, padding, *groups, *offset_groups)?
        }
        Op::MatMul => matmul::matmul(&args)?,
        Op::Gemm { alpha, beta, trans_a, trans_b } => matmul::gemm(&args, *alpha, *beta, *trans_a, *trans_b)?,
        Op::BatchNorm { epsilon } => norm::batch(&mut args, *epsilon)?,
        Op::InstanceNorm { epsilon } => norm::instance(&args, *epsilon)?,
        Op::GroupNorm { epsilon, groups } => norm::group(&args, *epsilon, *groups)?,
        Op::LayerNorm { axis, epsilon } => return norm::layer(&args, *axis, *epsilon),
        Op::Lstm { direction, hidden, activations, batch_first } => {
            return rnn::lstm(&args, *direction, *hidden, activations, *batch_first);
        }
        Op::Gru { direction, hidden, activations, linear_before_reset, batch_first } => {
            return rnn::gru(&args, *direction, *hidden, activations, *linear_before_reset, *batch_first);
        }
        Op::Unary(op) => elementwise::unary(*op, args.take(0)?)?,
        Op::Binary(op) => elementwise::binary(*op, args.take(0)?, args.take(1)?)?,
        Op::Logical(op) => elementwise::logical(*op, &args)?,
        Op::Where => elementwise::choose(&args)?,
        Op::Clip => elementwise::clip(&mut args)?,
        Op::Softmax { axis } => norm::softmax(args.take(0)?, *axis, false)?,
        Op::LogSoftmax { axis } => norm::softmax(args.take(0)?, *axis, true)?,
        Op::Reduce { op, keep_dims, noop_with_empty_axes } => {
            reduce::reduce(&args, *op, *keep_dims, *noop_with_empty_axes)?
        }
        Op::ArgReduce { axis, max, keep_dims, select_last } => {
            reduce::arg(&args, *axis, *max, *keep_dims, *select_last)?
        }
        Op::TopK { axis, largest, sorted: _ } => return reduce::top_k(&args, *axis, *largest),
        Op::MaxPool { kernel, strides, dilations, padding, ceil } => {
            let pool = pool::Pool { kernel, strides, dilations, padding, ceil: *ceil };
            return pool::max(&args, &pool, outputs > 1);
        }
        Op::AveragePool { kernel, strides, dilations, padding, ceil, count_include_pad } => {
            let pool = pool::Pool { kernel, strides, dilations, padding, ceil: *ceil };
            pool::average(&args, &pool, *count_include_pad)?
        }
        Op::GlobalAveragePool => pool::global(&args, false)?,
        Op::GlobalMaxPool => pool::global(&args, true)?,
        Op::AdaptiveAveragePool { output } => pool::adaptive(&args, *output)?,
        Op::Resize { mode, coordinates, nearest, cubic_a, exclude_outside, extrapolation } => {
            let how = resize::How {
                mode: *mode,
                coordinates: *coordinates,
                nearest: *nearest,
                cubic_a: *cubic_a,
                exclude_outside: *exclude_outside,
                extrapolation: *extrapolation,
            };
            resize::resize(&args, &how)?
        }
        Op::GridSample { mode, padding, align_corners } => {
            sample::grid(&args, *mode, *padding, *align_corners)?
        }
        Op::RoiAlign { mode, output, sampling_ratio, spatial_scale, half_pixel } => {
            sample::roi_align(&args, *mode, *output, *sampling_ratio, *spatial_scale, *half_pixel)?
        }
        Op::Reshape { allow_zero } => {
            let shape = args.ints(1)?;
            movement::reshape(args.take(0)?, &shape, *allow_zero)?
        }
        Op::Transpose { perm } => movement::transpose(args.take(0)?, perm)?,
        Op::Flatten { axis } => movement::flatten(args.take(0)?, *axis)?,
        Op::Squeeze => {
            let axes = args.opt_ints(1)?;
            movement::squeeze(args.take(0)?, axes.as_deref())?
        }
        Op::Unsqueeze => {
            let axes = args.ints(1)?;
            movement::unsqueeze(args.take(0)?, &axes)?
        }
        Op::Concat { axis } => movement::concat(&args, *axis)?,
        Op::Split { axis, num_outputs } => {
            return movement::split(&args, *axis, num_outputs.unwrap_or(outputs));
        }
        Op::Slice => movement::slice(&args)?,
        Op::Gather { axis } => gather::gather(&args, *axis)?,
        Op::GatherElements { axis } => gather::gather_elements(&args, *axis)?,
        Op::GatherNd { batch_dims } => gather::gather_nd(&args, *batch_dims)?,
        Op::ScatterNd => gather::scatter_nd(&mut args)?,
        Op::ScatterElements { axis } => gather::scatter_elements(&mut args, *axis)?,
        Op::Expand => movement::expand(&args)?,
        Op::Tile => movement::tile(&args)?,
        Op::Pad { mode } => movement::pad(&args, *mode)?,
        Op::CumSum { exclusive, reverse } => reduce::cum_sum(&args, *exclusive, *reverse)?,
        Op::Shape { start, end } => movement::shape(args.get(0)?, *start, *end),
        Op::Size => Tensor::of(&[], vec![args.get(0)?.len() as i64]),
        Op::NonZero => gather::non_zero(&args)?,
        Op::Cast { to } => elementwise::cast(args.take(0)?, *to),
        Op::ConstantOfShape { value } => movement::constant_of_shape(&args, value)?,
        Op::Range => movement::range(&args)?,
        Op::OneHot { axis } => gather::one_hot(&args, *axis)?,
        Op::Identity => args.take(0)?,
        Op::QuantizeLinear { axis } => quant::quantize(&args, *axis)?,
        Op::DequantizeLinear { axis } => quant::dequantize(&args, *axis)?,
        Op::DynamicQuantizeLinear => return quant::dynamic(&args),
        Op::MatMulInteger => quant::matmul(&args)?,
        Op::ConvInteger { strides, dilations, padding, groups } => {
            quant::conv(&args, strides, dilations, padding, *groups)?
        }
    };
    Ok(vec![one])
}

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
