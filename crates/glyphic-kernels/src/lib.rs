//! Kernels of neural networks on plain slices: what the executor of `glyphic-graph` runs networks with.
//!
//! Maps are channel-last, `[N, H, W, C]`, within a frame of zeros that convolutions read as their padding ([`Map`]).
//! Each output is summed in an order that depends on the operator's shapes alone, never on threads or on the other
//! members of a batch.

mod activation;
mod attention;
mod bytes;
mod conv;
mod deform;
mod depthwise;
mod grid;
mod layout;
mod lstm;
mod map;
mod math;
mod pool;
mod product;
mod quantized;
mod resize;
mod rows;
mod scratch;
mod shuffle;
mod transposed;
mod vector;
mod winograd;

#[cfg(test)]
pub(crate) mod reference;

pub use activation::Activation;
pub use attention::{Attention, Stack};
pub use bytes::has_byte_products;
pub use conv::{Conv, ConvShape};
pub use deform::{Deform, Source};
pub use depthwise::Depthwise;
pub use grid::Grid;
pub use layout::transpose;
pub use lstm::LstmDirection;
pub use map::{Map, Residual, Target, each_rows};
pub use pool::{PoolShape, Pooling, global_mean};
pub use product::{Packed, multiply, product};
pub use quantized::{QuantizedConv, QuantizedInput, QuantizedOutput, QuantizedProduct};
pub use resize::{Mix, bilinear};
pub use rows::{layer_norm, softmax};
pub use shuffle::Shuffle;
pub use transposed::{Transposed, TransposedShape};
