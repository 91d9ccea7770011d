//! PSENet: Wang et al. 2019, "Shape Robust Text Detection with Progressive Scale Expansion Network".
//!
//! [`PseDecodeConfig::default`] reads the maps as MMOCR's `psenet_r50_fpnf_600e_ctw1500` does; its ICDAR configurations
//! ask for [`crate::MaskOutline::Quad`].

mod decode;

pub use decode::{PseDecodeConfig, PseExpansion};
