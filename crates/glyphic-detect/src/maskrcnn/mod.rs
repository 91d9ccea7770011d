//! Mask R-CNN: He et al. 2017, "Mask R-CNN", as MMOCR trains it on text with hard examples (Shrivastava et al. 2016).
//!
//! Anchors are scored and moved to proposals, each proposal is classified and moved again, and a mask is drawn in each box
//! that stays: three parts of the network with boxes in between. [`MaskRcnnConfig::default`] is MMOCR's
//! `mask_rcnn_r50_fpn_160e_icdar2015`. Field names are mmdet's, so MMOCR's checkpoints load as they are.

mod config;
mod engine;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{MaskLossConfig, MaskRcnnConfig};
pub use glyphic_regions::maskrcnn::{
    InstanceMask, MaskAnchorConfig, MaskDecodeConfig, MaskLossRule, MaskProposalConfig, MaskRule,
    MaskTargets, Rect, RpnLevel, anchors,
};
#[cfg(feature = "train")]
pub use loss::MaskLosses;
#[cfg(feature = "train")]
pub use model::{MaskRcnn, RpnMaps};
