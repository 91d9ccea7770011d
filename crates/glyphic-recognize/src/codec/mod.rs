//! From text to classes and from the network's output to text.

mod beam;
mod ctc;
mod decoder;

pub use beam::{BeamConfig, Decoding};
pub use ctc::{CtcCodec, CtcRun, valid_steps};
pub(crate) use decoder::CtcDecoder;
