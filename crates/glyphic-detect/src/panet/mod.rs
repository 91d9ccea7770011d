//! PAN: Wang et al. 2019, "Efficient and Accurate Arbitrary-Shaped Text Detection with Pixel Aggregation Network".
//!
//! [`PanNetConfig::default`] is MMOCR's `panet_r18_fpem_ffm_600e_icdar2015`, [`PanNetConfig::ctw1500`] its
//! `panet_r18_fpem_ffm_600e_ctw1500`, [`PanNetConfig::r50`] its `panet_r50_fpem_ffm_600e_icdar2017`. Field names are MMOCR's, so
//! its checkpoints load as they are.

mod config;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{PanLossConfig, PanNeckConfig, PanNetConfig};
pub use glyphic_regions::panet::{PanDecodeConfig, targets};
#[cfg(feature = "train")]
pub use loss::PanLosses;
#[cfg(feature = "train")]
pub use model::PanNet;
