//! ONNX files, opsets 6 to 24, read into the graphs of `glyphic-graph` and written from them.
//!
//! A file is untrusted: sizes are checked before memory is asked for, and nothing recurses without bound.

mod attributes;
mod error;
mod proto;
mod read;
mod tensor;
mod write;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use read::{from_bytes, open};
pub use tensor::{tensor_from_bytes, tensor_to_bytes};
pub use write::to_bytes;
