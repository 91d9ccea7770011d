use glyphic_core::Detected;
use glyphic_graph::Tensor;
use serde::{Deserialize, Serialize};

use super::PanDecodeConfig;
use super::targets::PanetTargets;
use crate::backbone::{Depth, ResnetConfig};
use crate::engine::{DetectorModel, Frame, Network};
use crate::{Error, InputConfig, MaskOutline, Reduction, ResizeConfig, Result};

/// A PANet and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanNetConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// The neck, which fuses the features of the backbone.
    pub neck: PanNeckConfig,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the maps.
    pub decode: PanDecodeConfig,
    /// How the target maps of text and kernel are drawn.
    pub targets: PanetTargets,
    /// The training loss.
    pub loss: PanLossConfig,
}

impl Default for PanNetConfig {
    /// MMOCR's `panet_r18_fpem_ffm_600e_icdar2015`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                stride_on_first: true,
                ..ResnetConfig::new(Depth::D18)
            },
            neck: PanNeckConfig::default(),
            input: InputConfig::default(),
            decode: PanDecodeConfig { outline: MaskOutline::Quad, ..PanDecodeConfig::default() },
            targets: PanetTargets::default(),
            loss: PanLossConfig::default(),
        }
    }
}

impl PanNetConfig {
    /// MMOCR's `panet_r18_fpem_ffm_600e_ctw1500`.
    pub fn ctw1500() -> Self {
        let mut config = Self { decode: PanDecodeConfig::default(), ..Self::default() };
        config.input.resize = ResizeConfig { long_side: 3000, short_side: 640, ..ResizeConfig::default() };
        config.targets.shrink_ratio = vec![1.0, 0.7];
        config
    }

    /// MMOCR's `panet_r50_fpem_ffm_600e_icdar2017`.
    pub fn r50() -> Self {
        let mut config = Self { decode: PanDecodeConfig::default(), ..Self::default() };
        config.backbone.depth = Depth::D50;
        config.backbone.frozen_stages = Some(1);
        config.loss.max_instances = Some(32);
        config.input.resize = ResizeConfig { long_side: 1333, short_side: 800, ..ResizeConfig::default() };
        config
    }
}

/// The neck's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanNeckConfig {
    /// Channels of each level.
    pub channels: usize,
    /// How many enhancement modules follow each other.
    pub repeat: usize,
    /// Whether the fusion's resizing aligns corner pixels.
    pub align_corners: bool,
}

impl Default for PanNeckConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { channels: 128, repeat: 2, align_corners: false }
    }
}

/// The loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanLossConfig {
    /// Weight of the kernels' loss.
    pub alpha: f64,
    /// Weight of the embeddings' losses.
    pub beta: f64,
    /// Embeddings of a text may be this far from its kernel's mean.
    pub delta_aggregation: f64,
    /// Means of kernels should be at least this far from each other.
    pub delta_discrimination: f64,
    /// Hard negatives kept for each pixel of text.
    pub ohem_ratio: f64,
    /// How losses of pictures become one.
    pub reduction: Reduction,
    /// Texts of a picture whose embeddings are looked at, drawn at random; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instances: Option<usize>,
}

impl Default for PanLossConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self {
            alpha: 0.5,
            beta: 0.25,
            delta_aggregation: 0.5,
            delta_discrimination: 3.0,
            ohem_ratio: 3.0,
            reduction: Reduction::Mean,
            max_instances: None,
        }
    }
}

impl DetectorModel for PanNetConfig {
    fn validate(&self) -> Result<()> {
        self.backbone.validate()?;
        if !(1..=4096).contains(&self.neck.channels) {
            return Err(Error::config("neck.channels", self.neck.channels, "1 to 4096 channels"));
        }
        if !(1..=16).contains(&self.neck.repeat) {
            return Err(Error::config("neck.repeat", self.neck.repeat, "1 to 16 modules"));
        }
        if self.targets.shrink_ratio.len() != 2 {
            let count = self.targets.shrink_ratio.len();
            return Err(Error::config("targets.shrink_ratio", count, "2 ratios, of text and kernel"));
        }
        self.input.validate()?;
        self.decode.validate()?;
        let numbers = [
            ("loss.alpha", self.loss.alpha),
            ("loss.beta", self.loss.beta),
            ("loss.delta_aggregation", self.loss.delta_aggregation),
            ("loss.delta_discrimination", self.loss.delta_discrimination),
            ("loss.ohem_ratio", self.loss.ohem_ratio),
        ];
        match numbers.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 on")),
            None => Ok(()),
        }
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        let cropped = frame.crop_only("PAN", outputs)?;
        Ok(self.decode.decode_counted(&cropped.maps()?, cropped.scale)?)
    }
}
