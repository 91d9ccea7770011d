//! FCENet: Zhu et al. 2021, "Fourier Contour Embedding for Arbitrary-Shaped Text Detection".
//!
//! [`FceNetConfig::default`] is MMOCR's `fcenet_r50_fpn_1500e_icdar2015`. Field names are MMOCR's, so its checkpoints load
//! as they are.

mod config;
mod engine;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{FceLossConfig, FceLossRule, FceNetConfig};
pub use glyphic_regions::fcenet::{
    FceDecodeConfig, FceLevel, FceOutline, FourierBasis, ScoredOutline, poly_nms, targets,
};
#[cfg(feature = "train")]
pub use loss::FceLosses;
#[cfg(feature = "train")]
pub use model::{FceMaps, FceNet};
