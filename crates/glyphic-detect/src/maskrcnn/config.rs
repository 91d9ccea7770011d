use serde::{Deserialize, Serialize};

use super::{MaskAnchorConfig, MaskDecodeConfig, MaskLossRule, MaskProposalConfig};
use crate::backbone::{Depth, ResnetConfig};
use crate::{Error, InputConfig, ResizeConfig, Result};

/// A Mask R-CNN and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskRcnnConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// Channels of each level of the pyramid, 1 to 1024.
    pub neck_channels: usize,
    /// Which boxes are asked about at every pixel of a level.
    pub anchors: MaskAnchorConfig,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// Which anchors become proposals.
    pub propose: MaskProposalConfig,
    /// Which proposals become regions, and their outlines.
    pub decode: MaskDecodeConfig,
    /// The training loss.
    pub loss: MaskLossConfig,
}

impl Default for MaskRcnnConfig {
    /// MMOCR's `mask_rcnn_r50_fpn_160e_icdar2015`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                frozen_stages: Some(1),
                ..ResnetConfig::new(Depth::D50)
            },
            neck_channels: 256,
            anchors: MaskAnchorConfig::default(),
            input: InputConfig {
                resize: ResizeConfig { long_side: 1920, short_side: 1920, ..ResizeConfig::default() },
                ..InputConfig::default()
            },
            propose: MaskProposalConfig::default(),
            decode: MaskDecodeConfig::default(),
            loss: MaskLossConfig::default(),
        }
    }
}

/// The training loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskLossConfig {
    /// Anchors of a picture that are learnt from.
    pub anchors: usize,
    /// The largest share of them that stand for texts.
    pub anchor_share: f64,
    /// Proposals of a picture that are learnt from, the hardest ones.
    pub boxes: usize,
    /// The largest share of them that stand for texts.
    pub box_share: f64,
    /// What is done where the reference goes wrong.
    pub rule: MaskLossRule,
}

impl Default for MaskLossConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { anchors: 256, anchor_share: 0.5, boxes: 512, box_share: 0.25, rule: MaskLossRule::Right }
    }
}

impl MaskRcnnConfig {
    /// Pixels of the picture a pixel of each level is.
    pub const STRIDES: [usize; 5] = [4, 8, 16, 32, 64];

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(1..=1024).contains(&self.neck_channels) {
            return Err(Error::config("neck_channels", self.neck_channels, "1 to 1024 channels"));
        }
        if !(0.1..=1000.0).contains(&self.anchors.scale) {
            return Err(Error::config("anchors.scale", self.anchors.scale, "a number from 0.1 to 1000"));
        }
        let ratios = &self.anchors.ratios;
        if !(1..=64).contains(&ratios.len()) || ratios.iter().any(|r| !(0.001..=1000.0).contains(r)) {
            let value = format!("{ratios:?}");
            return Err(Error::config("anchors.ratios", value, "1 to 64 numbers from 0.001 to 1000"));
        }
        let counts = [
            ("propose.per_level", self.propose.per_level),
            ("propose.most", self.propose.most),
            ("decode.max_regions", self.decode.max_regions),
            ("loss.anchors", self.loss.anchors),
            ("loss.boxes", self.loss.boxes),
        ];
        if let Some((field, value)) = counts.into_iter().find(|(_, v)| !(1..=100_000).contains(v)) {
            return Err(Error::config(field, value, "1 to 100000"));
        }
        let shares = [
            ("propose.overlap_threshold", self.propose.overlap_threshold),
            ("decode.overlap_threshold", self.decode.overlap_threshold),
            ("decode.min_score", self.decode.min_score),
            ("decode.mask_threshold", self.decode.mask_threshold),
        ];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        let shares = [("loss.anchor_share", self.loss.anchor_share), ("loss.box_share", self.loss.box_share)];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        self.backbone.validate()?;
        self.input.validate()
    }
}
