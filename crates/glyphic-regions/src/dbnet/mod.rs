//! DBNet: Liao et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization".

mod decode;
mod large;
pub mod targets;

pub use decode::{DbDecodeConfig, DbOutline, DbRule, DbUnclip, ProbabilityMap};
pub use large::add_large;
