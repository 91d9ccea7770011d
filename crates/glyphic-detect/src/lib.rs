//! Text detectors: pictures in, regions out. One folder a model.

mod backbone;
mod config;
pub mod dbnet;
pub mod drrg;
pub mod engine;
mod error;
pub mod fcenet;
mod input;
#[cfg(feature = "train")]
mod kernel_loss;
pub mod maskrcnn;
pub mod panet;
mod ppocr;
pub mod psenet;
mod reduction;
pub mod textsnake;

pub use backbone::{Depth, ResnetConfig};
pub use config::DetectorConfig;
pub use dbnet::{DbNetConfig, DbNetDetector};
pub use drrg::DrrgConfig;
pub use engine::{DetectorModel, Engine};
#[cfg(feature = "train")]
pub use engine::{DetectorNetwork, TrainableDetector};
pub use error::{Error, Result};
pub use fcenet::FceNetConfig;
pub use glyphic_regions::{Maps, MaskOutline, targets};
pub use input::{InputConfig, ResizeConfig, ResizeRule};
pub use maskrcnn::MaskRcnnConfig;
pub use panet::PanNetConfig;
pub use ppocr::PpOcrDetectorConfig;
pub use psenet::PseNetConfig;
pub use reduction::Reduction;
pub use textsnake::TextSnakeConfig;
