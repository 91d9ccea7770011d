//! The ResNet that detectors share, as configurations name it.

#[cfg(feature = "train")]
use glyphic_nn::backbones::{self, ResNetConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The depths of ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// 18 layers.
    #[serde(rename = "18")]
    D18,
    /// 34 layers.
    #[serde(rename = "34")]
    D34,
    /// 50 layers.
    #[serde(rename = "50")]
    D50,
    /// 101 layers.
    #[serde(rename = "101")]
    D101,
}

impl Depth {
    fn has_bottlenecks(self) -> bool {
        matches!(self, Self::D50 | Self::D101)
    }
}

/// A ResNet backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResnetConfig {
    /// How many layers: 18, 34, 50 or 101.
    pub depth: Depth,
    /// Keep to the running statistics of batch normalization while training.
    pub norm_eval: bool,
    /// Put a bottleneck's stride on its first convolution instead of the 3x3 one (mmdet's style "caffe").
    pub stride_on_first: bool,
    /// Which of the four stages have modulated deformable convolutions in place of the bottlenecks' 3x3 ones.
    pub deformable: [bool; 4],
    /// Groups of channels with offsets of their own in those, 1 to 64, a power of 2.
    pub deform_groups: usize,
    /// What is neither trained nor normalised by the batch: the stem and so many stages, 0 to 4. `None` for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_stages: Option<usize>,
}

impl Default for ResnetConfig {
    fn default() -> Self {
        Self::new(Depth::D18)
    }
}

impl ResnetConfig {
    /// The plain network of a depth.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            norm_eval: false,
            stride_on_first: false,
            deformable: [false; 4],
            deform_groups: 1,
            frozen_stages: None,
        }
    }

    /// Channels of the four features, fine to coarse.
    pub fn channels(&self) -> [usize; 4] {
        let expansion = if self.depth.has_bottlenecks() { 4 } else { 1 };
        [64, 128, 256, 512].map(|channels| channels * expansion)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub(crate) fn validate(&self) -> Result<()> {
        if self.deformable.contains(&true) && !self.depth.has_bottlenecks() {
            let value = format!("{:?}", self.deformable);
            return Err(Error::config(
                "backbone.deformable",
                value,
                "none, as 18 and 34 layers have no bottlenecks",
            ));
        }
        if !(1..=64).contains(&self.deform_groups) || !self.deform_groups.is_power_of_two() {
            return Err(Error::config(
                "backbone.deform_groups",
                self.deform_groups,
                "a power of 2 from 1 to 64",
            ));
        }
        match self.frozen_stages {
            Some(stages) if stages > 4 => {
                Err(Error::config("backbone.frozen_stages", stages, "0 to 4 stages"))
            }
            _ => Ok(()),
        }
    }

    #[cfg(feature = "train")]
    pub(crate) fn network(&self) -> ResNetConfig {
        ResNetConfig {
            norm_eval: self.norm_eval,
            stride_on_first: self.stride_on_first,
            deformable: self.deformable,
            deform_groups: self.deform_groups,
            frozen_stages: self.frozen_stages,
            ..ResNetConfig::new(match self.depth {
                Depth::D18 => backbones::Depth::D18,
                Depth::D34 => backbones::Depth::D34,
                Depth::D50 => backbones::Depth::D50,
                Depth::D101 => backbones::Depth::D101,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_make_no_backbone_are_refused() {
        let fine =
            ResnetConfig { deformable: [true; 4], frozen_stages: Some(4), ..ResnetConfig::new(Depth::D50) };
        fine.validate().unwrap();
        let shallow = ResnetConfig { depth: Depth::D34, ..fine.clone() };
        let frozen = ResnetConfig { frozen_stages: Some(5), ..fine };
        for (config, field) in [(shallow, "backbone.deformable"), (frozen, "backbone.frozen_stages")] {
            assert!(config.validate().unwrap_err().to_string().contains(field));
        }
    }
}
