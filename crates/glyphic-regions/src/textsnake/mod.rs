//! TextSnake: Long et al. 2018, "TextSnake: A Flexible Representation for Detecting Text of Arbitrary Shapes".

mod decode;
mod disks;
pub mod targets;

pub use decode::{SnakeDecodeConfig, SnakeRule};
pub use disks::{Disk, merge_disks};
