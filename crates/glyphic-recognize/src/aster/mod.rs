//! ASTER: Shi, Yang, Wang, Lyu, Yao, Bai, "ASTER: An Attentional Scene Text Recognizer with Flexible Rectification", TPAMI 2019.
//!
//! [`AsterConfig::default`] equals MMOCR 1.x's `aster_resnet45_6e_st_mj`; the names of the weights are MMOCR's. Input
//! `[N, 3, 64, 256]`, BGR from -1 to 1, which a thin-plate spline brings to 32x100.
//!
//! A residual network makes one row of the rectified picture, two recurrent layers read it both ways, and a GRU writes class by
//! class from what it looks at. The paper searches with a beam of five texts: `search.beam`.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::AsterConfig;
#[cfg(feature = "train")]
pub use model::{Aster, AsterDecoder, AsterEncoder};
