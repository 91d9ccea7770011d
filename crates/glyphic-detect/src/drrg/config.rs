use serde::{Deserialize, Serialize};

use super::targets::DrrgTargets;
use super::{DrrgDecodeConfig, DrrgGraphConfig, DrrgProposalConfig};
use crate::backbone::{Depth, ResnetConfig};
use crate::{Error, InputConfig, ResizeConfig, Result};

/// A DRRG and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// Channels of the neck's output, from which the maps are made; 1 to 256.
    pub neck_channels: usize,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How components are proposed.
    pub propose: DrrgProposalConfig,
    /// How local graphs are built around them; the lengths of its features are also the network's.
    pub graph: DrrgGraphConfig,
    /// How components are strung together.
    pub decode: DrrgDecodeConfig,
    /// How the target maps are drawn.
    pub targets: DrrgTargets,
    /// The training loss.
    pub loss: DrrgLossConfig,
}

impl Default for DrrgConfig {
    /// MMOCR's `drrg_r50_fpn_unet_1200e_ctw1500`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                stride_on_first: true,
                ..ResnetConfig::new(Depth::D50)
            },
            neck_channels: 32,
            input: InputConfig {
                resize: ResizeConfig { long_side: 1024, short_side: 640, ..ResizeConfig::default() },
                ..InputConfig::default()
            },
            propose: DrrgProposalConfig {
                text_threshold: 0.3,
                centre_threshold: 0.4,
                ..DrrgProposalConfig::default()
            },
            graph: DrrgGraphConfig::default(),
            decode: DrrgDecodeConfig { link_threshold: 0.8, ..DrrgDecodeConfig::default() },
            targets: DrrgTargets::default(),
            loss: DrrgLossConfig::default(),
        }
    }
}

impl DrrgConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(1..=256).contains(&self.neck_channels) {
            return Err(Error::config("neck_channels", self.neck_channels, "1 to 256 channels"));
        }
        self.backbone.validate()?;
        self.input.validate()?;
        self.propose.validate()?;
        self.graph.validate()?;
        self.decode.validate()?;
        self.loss.validate()
    }

    /// Features of a node of the graphs.
    pub fn node_length(&self) -> usize {
        let [rows, columns] = self.graph.pooled;
        (self.neck_channels + MAPS) * rows * columns + self.graph.geometry_length
    }
}

/// Maps of the head: text, centre line, sine, cosine, heights to the top and to the bottom.
pub(super) const MAPS: usize = 6;

/// The training loss of DRRG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgLossConfig {
    /// Hard negatives kept for each positive pixel of the batch.
    pub negative_ratio: f64,
    /// Of two local graphs around neighbours of one text that share more than this of their nodes (intersection over
    /// union, 0 to 1) the first is learnt from.
    pub graph_overlap: f64,
}

impl Default for DrrgLossConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { negative_ratio: 3.0, graph_overlap: 0.7 }
    }
}

impl DrrgLossConfig {
    fn validate(&self) -> Result<()> {
        let ratio = self.negative_ratio;
        if !(ratio.is_finite() && ratio >= 0.0) {
            return Err(Error::config("loss.negative_ratio", ratio, "a number from 0 on"));
        }
        if !(0.0..=1.0).contains(&self.graph_overlap) {
            return Err(Error::config("loss.graph_overlap", self.graph_overlap, "a number from 0 to 1"));
        }
        Ok(())
    }
}
