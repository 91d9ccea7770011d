//! Neural networks as graphs, and their execution on CPUs.
//!
//! A [`Graph`] has the operators and the semantics of ONNX, with typed attributes ([`Op`]). It comes from a burn module
//! (captured by `glyphic-nn`) or from an ONNX file.

mod cut;
mod error;
mod graph;
pub mod infer;
pub mod kernels;
mod onnx;
mod op;
pub mod ops;
pub mod passes;
mod plan;
pub mod quantize;
mod session;
mod tensor;

pub use error::{Error, Result};
pub use graph::{Dim, Graph, Input, Node, Observer, Output, ValueId};
pub use op::{
    Arity, BinaryOp, CoordinateMode, GridPadding, Interpolation, LogicalOp, NearestMode, Op, PadMode,
    Padding, ReduceOp, RnnActivation, RnnDirection, RoiMode, UnaryOp,
};
pub use session::Session;
pub use tensor::{DType, Data, Tensor};
