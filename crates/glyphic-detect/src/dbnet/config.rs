use glyphic_nn::backbones::{Depth, LiteConfig, ResNetConfig};
use serde::{Deserialize, Serialize};

use super::{DbDecodeConfig, DbLevel, DbLossConfig, DbUnclip};
use crate::{Error, InputConfig, ResizeConfig, Result};

/// A DBNet and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbNetConfig {
    /// What sees.
    pub backbone: DbBackbone,
    /// What fuses the backbone's features.
    pub neck: DbNeckConfig,
    /// What one region is, for a network that knows words from lines; `None`, MMOCR's, for one that learned one kind.
    pub level: Option<DbLevel>,
    /// How many times larger than others a picture of words is looked at: scenes' words are small. 0.25 to 4, and 1
    /// for networks without levels.
    pub word_zoom: f64,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the probability map.
    pub decode: DbDecodeConfig,
    /// The training loss.
    pub loss: DbLossConfig,
}

impl Default for DbNetConfig {
    /// MMOCR's DBNet with ResNet-18.
    fn default() -> Self {
        Self {
            backbone: DbBackbone::default(),
            neck: DbNeckConfig::default(),
            level: None,
            word_zoom: 1.0,
            input: InputConfig::default(),
            decode: DbDecodeConfig::default(),
            loss: DbLossConfig::default(),
        }
    }
}

/// The backbones there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DbBackbone {
    /// ResNet.
    Resnet(DbResnet),
    /// The small backbone of the default detector.
    Lite(DbLite),
}

impl Default for DbBackbone {
    /// ResNet-18.
    fn default() -> Self {
        Self::Resnet(DbResnet::default())
    }
}

/// A ResNet backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbResnet {
    /// How many layers: 18, 34, 50 or 101.
    pub depth: Depth,
    /// Keep to the running statistics of batch normalization while training.
    pub norm_eval: bool,
    /// Put a bottleneck's stride on its first convolution instead of the 3x3 one.
    pub stride_on_first: bool,
}

impl Default for DbResnet {
    fn default() -> Self {
        Self { depth: Depth::D18, norm_eval: false, stride_on_first: false }
    }
}

/// The small backbone: two convolutions of stride 2, residual blocks of their size, then stages of such blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbLite {
    /// Channels of the two convolutions.
    pub stem: [usize; 2],
    /// Residual blocks after them, at a quarter of the picture's size.
    pub fine: usize,
    /// Channels and number of blocks of the three stages.
    pub stages: [(usize, usize); 3],
}

impl Default for DbLite {
    fn default() -> Self {
        Self { stem: [16, 24], fine: 1, stages: [(40, 1), (80, 2), (128, 1)] }
    }
}

/// The neck's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbNeckConfig {
    /// Channels in which the levels are summed.
    pub lateral_channels: usize,
    /// Channels that each of the four levels gives to the head.
    pub out_channels: usize,
}

impl Default for DbNeckConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { lateral_channels: 256, out_channels: 64 }
    }
}

impl DbResnet {
    pub(super) fn network(&self) -> ResNetConfig {
        ResNetConfig {
            norm_eval: self.norm_eval,
            stride_on_first: self.stride_on_first,
            ..ResNetConfig::new(self.depth)
        }
    }
}

impl DbLite {
    pub(super) fn network(&self) -> LiteConfig {
        LiteConfig { stem: self.stem, fine: self.fine, stages: self.stages.to_vec() }
    }
}

impl DbBackbone {
    /// Channels of the four features, fine to coarse.
    pub(super) fn channels(&self) -> Vec<usize> {
        match self {
            Self::Resnet(config) => config.network().channels().to_vec(),
            Self::Lite(config) => config.network().channels(),
        }
    }
}

impl DbNetConfig {
    /// The default detector: the small backbone and a narrow neck, for processors.
    pub fn lite() -> Self {
        Self {
            backbone: DbBackbone::Lite(DbLite::default()),
            neck: DbNeckConfig { lateral_channels: 48, out_channels: 12 },
            level: Some(DbLevel::Auto),
            word_zoom: 1.5,
            input: InputConfig {
                resize: ResizeConfig { long_side: 1280, short_side: 1280, enlarge: false, antialias: true },
                ..InputConfig::default()
            },
            decode: DbDecodeConfig {
                // At MMOCR's 0.01 the kernels of lines longer than some twenty times their height collapse.
                simplification: 0.002,
                unclip: DbUnclip::Shrunk(0.4),
                // The best sum over street scenes and receipts; each is within 0.01 of its own best (validation packs).
                mask_threshold: 0.4,
                min_score: 0.65,
                ..DbDecodeConfig::default()
            },
            ..Self::default()
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        const CHANNELS: std::ops::RangeInclusive<usize> = 1..=4096;
        let mut channels = vec![
            ("neck.lateral_channels", self.neck.lateral_channels),
            ("neck.out_channels", self.neck.out_channels),
        ];
        if let DbBackbone::Lite(lite) = &self.backbone {
            channels.extend(lite.stem.map(|c| ("backbone.lite.stem", c)));
            channels.extend(lite.stages.map(|(c, _)| ("backbone.lite.stages", c)));
            if lite.fine > 64 {
                return Err(Error::config("backbone.lite.fine", lite.fine, "0 to 64 blocks"));
            }
            if let Some((_, blocks)) = lite.stages.iter().find(|(_, blocks)| !(1..=64).contains(blocks)) {
                return Err(Error::config("backbone.lite.stages", blocks, "1 to 64 blocks a stage"));
            }
        }
        if let Some((field, value)) = channels.into_iter().find(|(_, c)| !CHANNELS.contains(c)) {
            return Err(Error::config(field, value, "1 to 4096 channels"));
        }
        if !(0.25..=4.0).contains(&self.word_zoom) {
            return Err(Error::config("word_zoom", self.word_zoom, "a number from 0.25 to 4"));
        }
        self.input.validate()?;
        self.decode.validate()?;
        self.loss.validate()
    }
}
