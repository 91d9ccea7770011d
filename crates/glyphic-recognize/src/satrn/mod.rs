//! SATRN: Lee, Park, Baek, Oh, Kim, Lee, "On Recognizing Texts of Arbitrary Shapes with 2D Self-Attention", CVPR Workshops
//! 2020.
//!
//! [`SatrnConfig::default`] equals MMOCR's `satrn_academic`, [`SatrnConfig::small`] its `satrn_small`; the names of the
//! weights are MMOCR's. Input `[N, 3, 32, 100]`, BGR, normalised by ImageNet's mean and deviation.
//!
//! Two convolutions, a transformer over all positions of the map whose networks are convolutions, and NRTR's decoder.
//! Where a crop is padded, the encoder leaves out the padding's columns and the decoder as many of the last positions, row by
//! row, as in the reference; crops that are stretched, as both configurations do it, have no padding.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::SatrnConfig;
#[cfg(feature = "train")]
pub use model::{PositionScales, Satrn, SatrnEncoder, ShallowCnn};
