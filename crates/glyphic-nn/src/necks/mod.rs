//! Modules that join a pyramid of features.

mod fpem_ffm;
mod fpn;
mod fpn_ocr;
mod fpn_unet;
mod fpnc;
mod fpnf;
mod fusion;

pub use fpem_ffm::{FpemFfm, FpemFfmConfig};
pub use fpn::{Fpn, FpnConfig};
pub use fpn_ocr::{FpnOcr, FpnOcrConfig};
pub use fpn_unet::{FpnUnet, FpnUnetConfig};
pub use fpnc::{Fpnc, FpncConfig};
pub use fpnf::{Fpnf, FpnfConfig, FpnfFusion};
pub use fusion::{ScaleFusion, ScaleFusionConfig};
