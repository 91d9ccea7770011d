//! Neural networks as graphs, and their execution on CPUs.
//!
//! A [`Graph`] has the operators and the semantics of ONNX, with typed attributes ([`Op`]). It comes from a burn module
//! (captured by `glyphic-nn`) or from an ONNX file.

mod error;
mod graph;
mod op;
mod tensor;

pub use error::{Error, Result};
pub use graph::{Dim, Graph, Input, Node, Output, ValueId};
pub use op::{
    BinaryOp, CoordinateMode, GridPadding, Interpolation, LogicalOp, NearestMode, Op, PadMode, Padding,
    ReduceOp, RnnActivation, RnnDirection, RoiMode, UnaryOp,
};
pub use tensor::{DType, Data, Tensor};
