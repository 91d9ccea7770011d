//! ABINet: Fang, Xie, Wang, Mao, Zhang, "Read Like Humans: Autonomous, Bidirectional and Iterative Language Modeling for
//! Scene Text Recognition", CVPR 2021.
//!
//! [`AbinetConfig::default`] equals MMOCR's `abinet_academic`, [`AbinetConfig::vision_only`] its
//! `abinet_vision_only_academic`; the names of the weights are MMOCR's. Input `[N, 3, 32, 128]`, BGR, normalised by
//! ImageNet's mean and deviation.
//!
//! A residual network, a transformer and position attention read all characters at once; a language model of the characters
//! around each corrects them, and what both say is fused, three times over.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::AbinetConfig;
#[cfg(feature = "train")]
pub use model::{Abinet, AbinetOutput, Fuser, LanguageBranch, Reading, VisionDecoder, VisionModel};
