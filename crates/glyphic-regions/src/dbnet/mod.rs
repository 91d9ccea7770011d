//! DBNet: Liao et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization".

mod decode;
pub mod targets;

pub use decode::{DbDecodeConfig, DbOutline, DbRule, DbUnclip, ProbabilityMap, add_large};
