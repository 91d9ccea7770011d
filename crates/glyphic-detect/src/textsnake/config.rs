use serde::{Deserialize, Serialize};

use super::SnakeDecodeConfig;
use super::targets::TextsnakeTargets;
use crate::backbone::{Depth, ResnetConfig};
use crate::{Error, InputConfig, Result};

/// A TextSnake and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextSnakeConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// Channels of the neck's output, from which the maps are made; 1 to 256.
    pub neck_channels: usize,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the maps.
    pub decode: SnakeDecodeConfig,
    /// How the target maps are drawn.
    pub targets: TextsnakeTargets,
    /// The training loss.
    pub loss: SnakeLossConfig,
}

impl Default for TextSnakeConfig {
    /// MMOCR's `textsnake_r50_fpn_unet_1200e_ctw1500`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                stride_on_first: true,
                ..ResnetConfig::new(Depth::D50)
            },
            neck_channels: 32,
            input: InputConfig::default(),
            decode: SnakeDecodeConfig::default(),
            targets: TextsnakeTargets::default(),
            loss: SnakeLossConfig::default(),
        }
    }
}

impl TextSnakeConfig {
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
        self.decode.validate()?;
        self.loss.validate()
    }
}

/// The training loss of TextSnake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnakeLossConfig {
    /// Hard negatives kept for each positive pixel of the batch.
    pub negative_ratio: f64,
}

impl Default for SnakeLossConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { negative_ratio: 3.0 }
    }
}

impl SnakeLossConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let ratio = self.negative_ratio;
        if !(ratio.is_finite() && ratio >= 0.0) {
            return Err(Error::config("loss.negative_ratio", ratio, "a number from 0 on"));
        }
        Ok(())
    }
}
