//! SVTR: Du, Chen, Jia, Yin, Zheng, Li, Du, Jiang, "SVTR: Scene Text Recognition with a Single Visual Model", IJCAI 2022.
//!
//! [`SvtrConfig::tiny`] (the default), [`SvtrConfig::small`] and [`SvtrConfig::base`] equal MMOCR 1.x's `svtr-tiny_20e_st_mj`,
//! `svtr-small_20e_st_mj` and `svtr-base_20e_st_mj`; the names of the weights are MMOCR's. Input `[N, 3, 64, 256]`, BGR from -1
//! to 1, which ASTER's rectification brings to 32x100 (base: 48x160). [`SvtrConfig::line`] reads lines of 32x320 without a
//! rectification, as PaddleOCR's configuration for Chinese does.
//!
//! Patches of 4x4 pixels are mixed with those around them and with all others in three stages, each of which has half the rows
//! of the one before; the mean over what is left of the height gives the classes of each column, for CTC. Position embeddings are
//! learnt for one size, so every crop is brought to it. MMOCR's variants with convolutions as mixers, with pooling between the
//! stages and with norms behind the sums, which none of its configurations uses, are not here.

mod config;
#[cfg(feature = "train")]
mod model;
mod preprocess;

pub use config::SvtrConfig;
#[cfg(feature = "train")]
pub use model::{MixingBlock, Svtr, SvtrEncoder};
