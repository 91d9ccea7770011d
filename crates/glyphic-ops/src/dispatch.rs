//! Computes an operator, whichever it is.

use crate::args::{Args, OpResult};
use crate::op::Op;
use crate::tensor::Tensor;
use crate::{
    conv, elementwise, ensure, gather, matmul, movement, norm, pool, quant, reduce, resize, rnn, sample,
};

/// Computes an operator. Operands are in the order of ONNX; those whose elements nobody else holds may be overwritten. As
/// many results come back as the operator makes, at least `outputs`, as far as it has so many.
///
/// # Errors
/// Where operands do not fit the operator.
pub fn run(op: &Op, operands: Vec<Option<Tensor>>, outputs: usize) -> OpResult<Vec<Tensor>> {
    let arity = op.arity();
    ensure!(operands.len() <= arity.inputs, "{} operands; expected {} at most", operands.len(), arity.inputs);
    run_op(op, Args(operands), outputs)
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
