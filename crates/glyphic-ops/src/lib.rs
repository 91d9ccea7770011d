//! The operators of ONNX, on tensors in row-major order: the general path, for every type, rank and size.
//!
//! [`Op`] is an operator with its attributes, [`run`] computes it. The fast path of networks is in `glyphic-kernels`.

mod args;
pub mod conv;
mod dispatch;
mod elementwise;
mod gather;
mod matmul;
#[expect(clippy::unnecessary_cast, reason = "the type is the macro's")]
pub mod movement;
mod norm;
mod op;
mod pool;
mod quant;
#[expect(clippy::unnecessary_cast, reason = "the type is the macro's")]
pub mod reduce;
pub mod resize;
mod rnn;
mod sample;
mod scalar;
mod tensor;
pub mod window;

pub use args::{Args, OpResult, Reason, axes, axis};
pub use dispatch::run;
pub use op::{
    Arity, BinaryOp, CoordinateMode, GridPadding, Interpolation, LogicalOp, NearestMode, Op, PadMode,
    Padding, ReduceOp, RnnActivation, RnnDirection, RoiMode, UnaryOp,
};
pub use tensor::{DType, Data, Element, LengthError, Tensor};

pub(crate) use args::{
    MAX_ELEMENTS, PARALLEL, any_type, around, each_row, each_rows, elements, float_type, number_type,
    sized_type, strides, typed, zeros,
};
pub(crate) use scalar::{Float, Scalar};
pub(crate) use tensor::Bits;
