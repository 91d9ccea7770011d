//! PSENet: Wang et al. 2019, "Shape Robust Text Detection with Progressive Scale Expansion Network".
//!
//! [`PseNetConfig::default`] is MMOCR's `psenet_r50_fpnf_600e_icdar2015`, [`PseNetConfig::ctw1500`] its
//! `psenet_r50_fpnf_600e_ctw1500`. Field names are MMOCR's, so its checkpoints load as they are.

mod config;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{PseFusion, PseLossConfig, PseNeckConfig, PseNetConfig, PseSampling};
pub use glyphic_regions::psenet::{PseDecodeConfig, PseExpansion, targets};
#[cfg(feature = "train")]
pub use loss::PseLosses;
#[cfg(feature = "train")]
pub use model::PseNet;
