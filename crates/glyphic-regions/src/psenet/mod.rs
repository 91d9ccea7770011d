//! PSENet: Wang et al. 2019, "Shape Robust Text Detection with Progressive Scale Expansion Network".

mod decode;
pub mod targets;

pub use decode::{PseDecodeConfig, PseExpansion};
