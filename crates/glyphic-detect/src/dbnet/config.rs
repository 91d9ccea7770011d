#[cfg(feature = "train")]
use glyphic_nn::backbones::{self, LiteConfig, ResNetConfig};
use serde::{Deserialize, Serialize};

use super::{DbDecodeConfig, DbLevel, DbUnclip};
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
    /// When a picture is looked at larger than [`DbNetConfig::input`] says.
    pub zoom: DbZoom,
    /// What is done to a picture first.
    pub input: InputConfig,
    /// How regions are read off the probability map.
    pub decode: DbDecodeConfig,
    /// What `decode.min_score` is of lines, for a network that knows levels: lines are easier to be sure of than words, so that
    /// one number does not fit both. `None` for the same as of words.
    pub line_min_score: Option<f64>,
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
            zoom: DbZoom::default(),
            input: InputConfig::default(),
            decode: DbDecodeConfig::default(),
            line_min_score: None,
            loss: DbLossConfig::default(),
        }
    }
}

/// When a picture is looked at larger: limits of its size are as many times as large, and where nothing is enlarged, it
/// is up to so many times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbZoom {
    /// How many times a picture of words is enlarged: the words of scenes are small. 0.25 to 4, and 1 for a network
    /// without levels.
    pub words: f64,
    /// A picture of lines is looked at again where half of the regions found are lower than this, as many times larger
    /// as brings the middle one to it; not where that is less than 1.15 times. In pixels of the network's input, 0 for
    /// never.
    pub line_height: f64,
    /// The largest enlargement of lines, 1 to 4; less where the picture would get more than [`DbZoom::MOST_PIXELS`].
    pub most: f64,
    /// A picture is also looked at this many times smaller, for text too large to be seen whole, and at a picture so many times
    /// smaller again as long as that has anything to show; 1 for never, up to 8.
    pub coarse: f64,
}

impl Default for DbZoom {
    /// Every picture is looked at once, as MMOCR does.
    fn default() -> Self {
        Self { words: 1.0, line_height: 0.0, most: 2.0, coarse: 1.0 }
    }
}

impl DbZoom {
    /// A second look that would enlarge less is not worth its time.
    const LEAST: f64 = 1.15;

    /// The most pixels of an enlarged picture of lines: a page of A4 at twice 1280 pixels.
    pub const MOST_PIXELS: f64 = 4.0 * 1280.0 * 905.0;

    /// How many times larger to look again where regions are of these heights and the first look had so many pixels, both
    /// of the network's input.
    pub(super) fn again(&self, mut heights: Vec<f64>, pixels: usize) -> Option<f64> {
        if heights.is_empty() {
            return None;
        }
        let middle = heights.len() / 2;
        let (_, median, _) = heights.select_nth_unstable_by(middle, f64::total_cmp);
        let room = (Self::MOST_PIXELS / pixels.max(1) as f64).sqrt();
        let zoom = (self.line_height / *median).min(self.most).min(room);
        (zoom >= Self::LEAST).then_some(zoom)
    }

    fn validate(&self, levels: bool) -> Result<()> {
        if !(0.25..=4.0).contains(&self.words) {
            return Err(Error::config("zoom.words", self.words, "a number from 0.25 to 4"));
        }
        if !levels && self.words != 1.0 {
            return Err(Error::config("zoom.words", self.words, "1, as this network has no `level`"));
        }
        if !(0.0..=1024.0).contains(&self.line_height) {
            return Err(Error::config("zoom.line_height", self.line_height, "0 to 1024 pixels"));
        }
        if !(1.0..=4.0).contains(&self.most) {
            return Err(Error::config("zoom.most", self.most, "a number from 1 to 4"));
        }
        if !(1.0..=8.0).contains(&self.coarse) {
            return Err(Error::config("zoom.coarse", self.coarse, "a number from 1 to 8"));
        }
        Ok(())
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

#[cfg(feature = "train")]
impl DbResnet {
    pub(super) fn network(&self) -> ResNetConfig {
        ResNetConfig {
            norm_eval: self.norm_eval,
            stride_on_first: self.stride_on_first,
            ..ResNetConfig::new(match self.depth {
                Depth::D18 => backbones::Depth::D18,
                Depth::D34 => backbones::Depth::D34,
                Depth::D50 => backbones::Depth::D50,
                Depth::D101 => backbones::Depth::D101,
            })
        }
    }
}

#[cfg(feature = "train")]
impl DbLite {
    pub(super) fn network(&self) -> LiteConfig {
        LiteConfig { stem: self.stem, fine: self.fine, stages: self.stages.to_vec() }
    }
}

#[cfg(feature = "train")]
impl DbBackbone {
    /// Channels of the four features, fine to coarse.
    pub(super) fn channels(&self) -> Vec<usize> {
        match self {
            Self::Resnet(config) => config.network().channels().to_vec(),
            Self::Lite(config) => config.network().channels(),
        }
    }
}

/// Weights of the loss's parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbLossConfig {
    /// Weight of the probability map's loss.
    pub alpha: f64,
    /// Weight of the threshold map's loss.
    pub beta: f64,
    /// Balanced cross-entropy on the probability map; dice where `false`.
    pub balanced_bce: bool,
    /// Weight of the loss of the level, for networks that know words from lines.
    pub gamma: f64,
    /// Hard negatives kept for each positive pixel of the batch.
    pub negative_ratio: f64,
}

impl Default for DbLossConfig {
    /// MMOCR's ICDAR 2015 configuration: 5, 10, balanced cross-entropy with 3 negatives a positive.
    fn default() -> Self {
        Self { alpha: 5.0, beta: 10.0, gamma: 0.5, balanced_bce: true, negative_ratio: 3.0 }
    }
}

impl DbLossConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let weights = [
            ("loss.alpha", self.alpha),
            ("loss.beta", self.beta),
            ("loss.gamma", self.gamma),
            ("loss.negative_ratio", self.negative_ratio),
        ];
        match weights.into_iter().find(|(_, w)| !(w.is_finite() && *w >= 0.0)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 on")),
            None => Ok(()),
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
            zoom: DbZoom { words: 1.5, line_height: 26.0, most: 3.0, coarse: 4.0 },
            input: InputConfig {
                resize: ResizeConfig {
                    long_side: 1280,
                    short_side: 1280,
                    enlarge: false,
                    least_pixels: 800_000,
                    antialias: true,
                },
                ..InputConfig::default()
            },
            decode: DbDecodeConfig {
                // At MMOCR's 0.01 the kernels of lines longer than some twenty times their height collapse.
                simplification: 0.002,
                unclip: DbUnclip::Shrunk(0.4),
                // Of scores from 0.60 to 0.66 the best for words (validation packs).
                mask_threshold: 0.4,
                min_score: 0.66,
                ..DbDecodeConfig::default()
            },
            // Tilted lines of clean print score 0.55; what is no text is read with little confidence and dropped then.
            line_min_score: Some(0.5),
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
        self.zoom.validate(self.level.is_some())?;
        self.input.validate()?;
        self.decode.validate()?;
        if let Some(score) = self.line_min_score {
            if self.level.is_none() {
                return Err(Error::config("line_min_score", score, "none, as this network has no `level`"));
            }
            if !(0.0..=1.0).contains(&score) {
                return Err(Error::config("line_min_score", score, "a number from 0 to 1"));
            }
        }
        self.loss.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_lines_ask_for_a_second_look_and_high_ones_do_not() {
        let zoom = DbZoom { words: 1.0, line_height: 26.0, most: 2.0, coarse: 1.0 };
        let table = [
            (vec![], None),
            (vec![13.0], Some(2.0)),
            (vec![5.0, 6.0, 50.0], Some(2.0)),
            (vec![40.0, 20.0, 10.0], Some(1.3)),
            (vec![24.0, 25.0, 26.0], None),
            (vec![40.0], None),
        ];
        for (heights, expected) in table {
            assert_eq!(zoom.again(heights.clone(), 1_000_000), expected, "{heights:?}");
        }
        assert_eq!(zoom.again(vec![13.0], 4_000_000), None, "there is no room");
        assert_eq!(DbZoom::default().again(vec![3.0], 1), None);
    }
}
