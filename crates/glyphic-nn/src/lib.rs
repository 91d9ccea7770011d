//! Devices, layers, backbones, necks, shared losses, and checkpoints, on [burn].
//!
//! Field names of every module here are the state-dict names of PyTorch checkpoints, so weights load by name:
//! see [`checkpoint`]. Shapes are `[N, C, H, W]` throughout.

pub mod backbones;
pub mod capture;
pub mod checkpoint;
pub mod device;
mod error;
pub mod layers;
pub mod loss;
pub mod necks;
pub mod ops;

pub use burn;
pub use burn::tensor::Device;
pub use error::{Error, Result};
