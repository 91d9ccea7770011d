//! Text detectors: pictures in, regions out. One folder a model.

mod config;
pub mod dbnet;
mod error;
mod input;

pub use config::DetectorConfig;
pub use dbnet::{DbNetConfig, DbNetDetector};
pub use error::{Error, Result};
pub use input::{InputConfig, ResizeConfig};
