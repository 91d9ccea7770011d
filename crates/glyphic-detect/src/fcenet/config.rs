use serde::{Deserialize, Serialize};

use super::targets::FcenetTargets;
use super::{FceDecodeConfig, FceOutline};
use crate::backbone::{Depth, ResnetConfig};
use crate::{Error, InputConfig, ResizeConfig, Result};

/// An FCENet and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FceNetConfig {
    /// The backbone.
    pub backbone: ResnetConfig,
    /// Channels of each of the three levels, 1 to 4096.
    pub neck_channels: usize,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the maps; `decode.degree` is also the network's.
    pub decode: FceDecodeConfig,
    /// How the target maps are drawn.
    pub targets: FcenetTargets,
    /// The training loss.
    pub loss: FceLossConfig,
}

impl Default for FceNetConfig {
    /// MMOCR's `fcenet_r50_fpn_1500e_icdar2015`.
    fn default() -> Self {
        Self {
            backbone: ResnetConfig::new(Depth::D50),
            neck_channels: 256,
            input: InputConfig {
                resize: ResizeConfig { long_side: 2260, short_side: 2260, ..ResizeConfig::default() },
                ..InputConfig::default()
            },
            decode: FceDecodeConfig { alpha: 1.2, outline: FceOutline::Quad, ..FceDecodeConfig::default() },
            targets: FcenetTargets::default(),
            loss: FceLossConfig::default(),
        }
    }
}

impl FceNetConfig {
    /// MMOCR's `fcenet_r50dcnv2_fpn_1500e_ctw1500`: deformable convolutions, and for smaller pictures.
    pub fn deformable() -> Self {
        Self {
            backbone: ResnetConfig {
                norm_eval: true,
                deformable: [false, true, true, true],
                deform_groups: 2,
                ..ResnetConfig::new(Depth::D50)
            },
            input: InputConfig {
                resize: ResizeConfig { long_side: 1080, short_side: 736, ..ResizeConfig::default() },
                ..InputConfig::default()
            },
            targets: FcenetTargets {
                level_proportion_range: vec![[0.0, 0.25], [0.2, 0.65], [0.55, 1.0]],
                ..FcenetTargets::default()
            },
            decode: FceDecodeConfig::default(),
            ..Self::default()
        }
    }

    /// Pixels of the picture a pixel of each level is.
    pub const STRIDES: [usize; 3] = [8, 16, 32];

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(1..=4096).contains(&self.neck_channels) {
            return Err(Error::config("neck_channels", self.neck_channels, "1 to 4096 channels"));
        }
        self.backbone.validate()?;
        self.input.validate()?;
        if self.targets.fourier_degree != self.decode.degree {
            let value = self.targets.fourier_degree;
            return Err(Error::config("targets.fourier_degree", value, "the same as decode.degree"));
        }
        if self.targets.level_size_divisors != Self::STRIDES {
            let value = format!("{:?}", self.targets.level_size_divisors);
            return Err(Error::config(
                "targets.level_size_divisors",
                value,
                "[8, 16, 32], as the network has them",
            ));
        }
        self.decode.validate()?;
        self.loss.validate()
    }
}

/// What is done where MMOCR 0.2.1's loss goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FceLossRule {
    /// Ignored texts do not count as background of the centre map, and the mean of a level without text divides by the
    /// number of pixels that were summed.
    #[default]
    Right,
    /// Ignored texts count as background of the centre map, and the sum of a level without text is divided by 100
    /// whatever the number of its pixels.
    Mmocr021,
}

/// The training loss of FCENet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FceLossConfig {
    /// Points of the contours that are compared, 4 to 1000.
    pub points: usize,
    /// Hard negatives kept for each positive pixel of a level.
    pub negative_ratio: f64,
    /// What is done where the reference goes wrong.
    pub rule: FceLossRule,
}

impl Default for FceLossConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self { points: 50, negative_ratio: 3.0, rule: FceLossRule::Right }
    }
}

impl FceLossConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if !(4..=1000).contains(&self.points) {
            return Err(Error::config("loss.points", self.points, "4 to 1000 points"));
        }
        let ratio = self.negative_ratio;
        if !(ratio.is_finite() && ratio >= 0.0) {
            return Err(Error::config("loss.negative_ratio", ratio, "a number from 0 on"));
        }
        Ok(())
    }
}
