//! SegOCR: a map of character classes, after Liao et al., "Scene Text Recognition from Two-Dimensional Perspective", AAAI
//! 2019.
//!
//! [`SegConfig::default`] equals MMOCR's `seg_r31_1by16_fpnocr_academic`; the names of the weights are MMOCR's. Input
//! `[N, 3, 64, W]`, BGR, normalised by ImageNet's mean and deviation.
//!
//! The reference is trained on boxes of characters. Crops whose characters have none are trained on as if each character took
//! an equal part of the width.

mod config;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;
mod targets;

pub use config::SegConfig;
#[cfg(feature = "train")]
pub use loss::SegLoss;
#[cfg(feature = "train")]
pub use model::{Seg, SegHead};
pub use targets::equal_parts;
