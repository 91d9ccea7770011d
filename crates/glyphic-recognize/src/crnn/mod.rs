//! CRNN: Shi, Bai, Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition and Its
//! Application to Scene Text Recognition", TPAMI 2017.
//!
//! [`CrnnConfig::default`] equals MMOCR's `crnn_academic_dataset` and loads its weights. Input
//! `[N, 1, 32, W]`, `(gray - 127) / 127`; W / 4 + 1 time steps. The names of the weights are MMOCR's.
//! [`CrnnConfig::tps`] equals its `crnn_tps_academic_dataset`: crops are rectified first, by a thin-plate spline (Shi et al.,
//! "Robust Scene Text Recognition with Automatic Rectification", CVPR 2016).

mod config;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;
mod preprocess;

pub use config::CrnnConfig;

pub use crate::Channels;
#[cfg(feature = "train")]
pub use loss::CrnnLossConfig;
#[cfg(feature = "train")]
pub use model::{Crnn, CrnnDecoder, CrnnHead, VeryDeepVgg, VggLayers};
