//! FCENet: Zhu et al. 2021, "Fourier Contour Embedding for Arbitrary-Shaped Text Detection".
//!
//! [`FceDecodeConfig::default`] reads the maps as MMOCR's `fcenet_r50dcnv2_fpn_1500e_ctw1500` does;
//! `fcenet_r50_fpn_1500e_icdar2015` has `alpha` 1.2.

mod decode;
mod fourier;
mod nms;

pub use decode::{FceDecodeConfig, FceLevel, FceOutline};
pub use fourier::FourierBasis;
pub use nms::{ScoredOutline, poly_nms};
