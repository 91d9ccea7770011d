//! Neural networks as graphs, and their execution on CPUs.
//!
//! A [`Graph`] has the operators and the semantics of ONNX, with typed attributes ([`Op`]). It comes from a burn module
//! (captured by `glyphic-nn`) or from an ONNX file (`glyphic-onnx`).

mod cut;
mod error;
mod graph;
pub mod infer;
pub mod passes;
mod plan;
mod session;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
pub use glyphic_ops::{
    Arity, BinaryOp, CoordinateMode, DType, Data, Element, GridPadding, Interpolation, LengthError,
    LogicalOp, NearestMode, Op, PadMode, Padding, ReduceOp, RnnActivation, RnnDirection, RoiMode, Tensor,
    UnaryOp,
};
pub use graph::{Dim, Graph, Input, Node, Observer, Output, ValueId};
pub use session::{Carried, Session, validate};
