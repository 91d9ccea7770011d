//! FCENet: Zhu et al. 2021, "Fourier Contour Embedding for Arbitrary-Shaped Text Detection".

mod decode;
mod fourier;
mod nms;
pub mod targets;

pub use decode::{CLASSES, FceDecodeConfig, FceLevel, FceOutline};
pub use fourier::FourierBasis;
pub use nms::{ScoredOutline, poly_nms};
