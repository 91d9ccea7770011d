//! TextSnake: Long et al. 2018, "TextSnake: A Flexible Representation for Detecting Text of Arbitrary Shapes".
//!
//! [`TextSnakeConfig::default`] is MMOCR's `textsnake_r50_fpn_unet_1200e_ctw1500`. Field names are MMOCR's, so its
//! checkpoints load as they are.

mod config;
mod engine;
#[cfg(feature = "train")]
pub(crate) mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{SnakeLossConfig, TextSnakeConfig};
pub use glyphic_regions::textsnake::{Disk, SnakeDecodeConfig, SnakeRule, merge_disks, targets};
#[cfg(feature = "train")]
pub use loss::{SnakeLosses, SnakeTargets};
#[cfg(feature = "train")]
pub use model::TextSnake;
