//! Text detectors: pictures in, regions out. One folder a model.

mod config;
pub mod dbnet;
pub mod drrg;
mod error;
pub mod fcenet;
mod input;
mod maps;
mod outline;
pub mod panet;
pub mod psenet;
pub mod textsnake;
mod window;

pub use config::DetectorConfig;
pub use dbnet::{DbNetConfig, DbNetDetector};
pub use error::{Error, Result};
pub use input::{InputConfig, ResizeConfig};
pub use maps::Maps;
pub use outline::MaskOutline;
