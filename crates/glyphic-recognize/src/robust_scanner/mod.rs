//! RobustScanner: Yue, Kuang, Lin, Sun, Zhang, "RobustScanner: Dynamically Enhancing Positional Clues for Robust Text
//! Recognition", ECCV 2020.
//!
//! [`RobustScannerConfig::default`] equals MMOCR's `robustscanner_r31_academic`; the names of the weights are MMOCR's. Input
//! `[N, 3, 48, W]`, BGR, values from -1 to 1.
//!
//! ResNet-31 with fewer channels for the keys. The hybrid branch asks for what comes behind the classes so far, the position
//! branch for what stands at a position; a gate takes of each what it needs. What the position branch sees does not depend on
//! the text, so it is part of the encoder.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::RobustScannerConfig;
#[cfg(feature = "train")]
pub use model::{
    ChannelReduction, Fusion, HybridDecoder, Mixer, PositionAware, PositionDecoder, RobustDecoder,
    RobustScanner, dot_attention,
};
