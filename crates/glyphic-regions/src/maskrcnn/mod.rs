//! Mask R-CNN: He et al. 2017, "Mask R-CNN", as MMOCR trains it on text with hard examples (Shrivastava et al. 2016).
//!
//! Anchors are scored and moved to proposals, each proposal is classified and moved again, and a mask is drawn in each box
//! that stays: [`MaskProposalConfig::propose`], [`MaskDecodeConfig::boxes`], [`MaskDecodeConfig::outline`].

mod boxes;
mod decode;
pub mod learn;

pub use boxes::{MaskAnchorConfig, Rect, anchors};
pub use decode::{BOX_SPREAD, InstanceMask, MaskDecodeConfig, MaskProposalConfig, MaskRule, RpnLevel};
pub use learn::{MaskLossRule, MaskTargets};
