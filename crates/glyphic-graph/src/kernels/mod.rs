//! Kernels on plain slices: what the executor runs networks with.
//!
//! Maps are channel-last, `[N, H, W, C]`, within a frame of zeros that convolutions read as their padding ([`Map`]).
//! Each output is summed in an order that depends on the operator's shapes alone, never on threads or on the other
//! members of a batch.

mod activation;
mod conv;
mod depthwise;
mod layout;
mod lstm;
mod map;
pub(crate) mod math;
mod pool;
mod product;
mod rows;
mod scratch;
mod shuffle;
mod vector;
mod winograd;

#[cfg(test)]
pub(crate) mod reference;

pub use activation::Activation;
pub use conv::{Conv, ConvShape};
pub use depthwise::Depthwise;
pub use layout::transpose;
pub use lstm::LstmDirection;
pub use map::{Map, Residual, Target};
pub use pool::{PoolShape, Pooling, global_mean};
pub use product::{Packed, product};
pub use rows::{layer_norm, softmax};
pub use shuffle::Shuffle;
