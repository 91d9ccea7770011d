//! TextSnake: Long et al. 2018, "TextSnake: A Flexible Representation for Detecting Text of Arbitrary Shapes".
//!
//! [`SnakeDecodeConfig::default`] reads the maps as MMOCR's `textsnake_r50_fpn_unet_1200e_ctw1500` does.

mod decode;
mod disks;

pub use decode::{SnakeDecodeConfig, SnakeRule};
pub use disks::{Disk, merge_disks};
