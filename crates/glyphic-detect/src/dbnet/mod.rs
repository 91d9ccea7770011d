//! DBNet: Liao et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization".
//!
//! [`DbNetConfig::default`] is MMOCR's `dbnet_r18_fpnc_1200e_icdar2015`; [`DbNetConfig::lite`] is the default
//! detector, the same neck and head over a small backbone: 540 thousand parameters and, for 640 by 640 pixels, 1.36
//! thousand million multiply-adds without the threshold branch. Field names are MMOCR's, so its checkpoints load as
//! they are.

mod config;
mod detector;
mod level;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;
mod once;

pub use config::{DbBackbone, DbLite, DbLossConfig, DbNeckConfig, DbNetConfig, DbResnet, DbZoom, Depth};
pub use detector::DbNetDetector;
pub use glyphic_regions::dbnet::{DbDecodeConfig, DbOutline, DbRule, DbUnclip, ProbabilityMap, targets};
pub use level::DbLevel;
#[cfg(feature = "train")]
pub use loss::{DbLosses, DbTargets};
#[cfg(feature = "train")]
pub use model::{DbMaps, DbNet};

/// Names of the backbone's features in the network's graph.
const FEATURES: [&str; 4] = ["feature.0", "feature.1", "feature.2", "feature.3"];
