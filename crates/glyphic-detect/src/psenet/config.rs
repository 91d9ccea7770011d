use glyphic_core::Detected;
use glyphic_graph::Tensor;
use serde::{Deserialize, Serialize};

use super::PseDecodeConfig;
use super::targets::PsenetTargets;
use crate::backbone::{Depth, ResnetConfig};
use crate::engine::{DetectorModel, Frame, Network};
use crate::{Error, InputConfig, MaskOutline, Reduction, ResizeConfig, Result};

/// A PSENet and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PseNetConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// The neck, which fuses the features of the backbone.
    pub neck: PseNeckConfig,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the kernels.
    pub decode: PseDecodeConfig,
    /// How the target maps of the kernels are drawn, one for each ratio.
    pub targets: PsenetTargets,
    /// The training loss.
    pub loss: PseLossConfig,
}

impl Default for PseNetConfig {
    /// MMOCR's `psenet_r50_fpnf_600e_icdar2015`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                stride_on_first: true,
                ..ResnetConfig::new(Depth::D50)
            },
            neck: PseNeckConfig::default(),
            input: InputConfig {
                resize: ResizeConfig { long_side: 2240, short_side: 2240, ..ResizeConfig::default() },
                ..InputConfig::default()
            },
            decode: PseDecodeConfig { outline: MaskOutline::Quad, ..PseDecodeConfig::default() },
            targets: PsenetTargets::default(),
            loss: PseLossConfig::default(),
        }
    }
}

impl PseNetConfig {
    /// MMOCR's `psenet_r50_fpnf_600e_ctw1500`.
    pub fn ctw1500() -> Self {
        let mut config = Self { decode: PseDecodeConfig::default(), ..Self::default() };
        config.input.resize = ResizeConfig { long_side: 1280, short_side: 1280, ..ResizeConfig::default() };
        config
    }
}

/// The neck's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PseNeckConfig {
    /// Channels of each level and of the output.
    pub out_channels: usize,
    /// How levels are joined.
    pub fusion: PseFusion,
}

impl Default for PseNeckConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { out_channels: 256, fusion: PseFusion::Concat }
    }
}

/// How the neck joins its levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PseFusion {
    /// One behind the other.
    #[default]
    Concat,
    /// Their sum.
    Add,
}

/// The loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PseLossConfig {
    /// Weight of the text map, 0 to 1; the kernels have the rest.
    pub alpha: f64,
    /// Hard negatives kept for each pixel of text.
    pub ohem_ratio: f64,
    /// How losses of pictures become one.
    pub reduction: Reduction,
    /// Which pixels count in the kernels' loss.
    pub kernel_sample_type: PseSampling,
}

impl Default for PseLossConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self {
            alpha: 0.7,
            ohem_ratio: 3.0,
            reduction: Reduction::Mean,
            kernel_sample_type: PseSampling::Adaptive,
        }
    }
}

/// Which pixels count in the kernels' loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PseSampling {
    /// Those that the network takes for text.
    #[default]
    Adaptive,
    /// Those of texts.
    Hard,
}

impl DetectorModel for PseNetConfig {
    fn validate(&self) -> Result<()> {
        self.backbone.validate()?;
        if !(1..=4096).contains(&self.neck.out_channels) {
            return Err(Error::config("neck.out_channels", self.neck.out_channels, "1 to 4096 channels"));
        }
        if !(2..=64).contains(&self.targets.shrink_ratio.len()) {
            let count = self.targets.shrink_ratio.len();
            return Err(Error::config("targets.shrink_ratio", count, "2 to 64 ratios, the whole text first"));
        }
        self.input.validate()?;
        self.decode.validate()?;
        if !(0.0..=1.0).contains(&self.loss.alpha) {
            return Err(Error::config("loss.alpha", self.loss.alpha, "a number from 0 to 1"));
        }
        let ratio = self.loss.ohem_ratio;
        if !(ratio.is_finite() && ratio >= 0.0) {
            return Err(Error::config("loss.ohem_ratio", ratio, "a number from 0 on"));
        }
        Ok(())
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        let cropped = frame.crop_only("PSENet", outputs)?;
        Ok(self.decode.decode_counted(&cropped.maps()?, cropped.scale)?)
    }
}
