//! TextSnake: Long et al. 2018, "TextSnake: A Flexible Representation for Detecting Text of Arbitrary Shapes".
//!
//! [`TextSnakeConfig::default`] is MMOCR's `textsnake_r50_fpn_unet_1200e_ctw1500`. Field names are MMOCR's, so its
//! checkpoints load as they are.

mod config;
mod decode;
mod disks;
mod engine;
#[cfg(feature = "train")]
pub(crate) mod loss;
#[cfg(feature = "train")]
mod model;
pub mod targets;

pub use config::{SnakeLossConfig, TextSnakeConfig};
pub use decode::{SnakeDecodeConfig, SnakeRule};
pub use disks::{Disk, merge_disks};
#[cfg(feature = "train")]
pub use loss::{SnakeLosses, SnakeTargets};
#[cfg(feature = "train")]
pub use model::TextSnake;
