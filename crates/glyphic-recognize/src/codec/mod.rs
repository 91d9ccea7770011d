//! From text to classes and from the network's output to text.

mod ctc;

pub use ctc::{CtcCodec, CtcRun, valid_steps};
