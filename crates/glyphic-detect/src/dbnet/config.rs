#[cfg(feature = "train")]
use glyphic_nn::backbones::LiteConfig;
use serde::{Deserialize, Serialize};

use super::{DbDecodeConfig, DbLevel};
pub use crate::backbone::{Depth, ResnetConfig as DbResnet};
use crate::{Error, InputConfig, ResizeConfig, Result};

/// A DBNet and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbNetConfig {
    /// The backbone.
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

/// Scales of the detector's passes over an image. A scale multiplies the limits of the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbZoom {
    /// Scale of the pass over an image of words, 0.25 to 4; 1 for a network without levels.
    pub words: f64,
    /// Height that the median region of an image of lines is enlarged to in a second pass, in pixels of the network's
    /// input. There is no second pass where the scale would be below 1.15, and none at all for 0.
    pub line_height: f64,
    /// The largest scale of the second pass, 1 to 4; less where the input would get more than [`DbZoom::MAX_PIXELS`].
    pub max_scale: f64,
    /// Factor between further passes at smaller scales, for text too large for the network's receptive field, down to a
    /// side of 32 pixels. 1 for none, up to 8.
    pub coarse: f64,
}

impl Default for DbZoom {
    /// One pass, as in MMOCR.
    fn default() -> Self {
        Self { words: 1.0, line_height: 0.0, max_scale: 2.0, coarse: 1.0 }
    }
}

impl DbZoom {
    /// A second pass at a smaller scale is skipped.
    const LEAST: f64 = 1.15;

    /// The most pixels of an enlarged picture of lines: a page of A4 at twice 1280 pixels.
    pub const MAX_PIXELS: f64 = 4.0 * 1280.0 * 905.0;

    /// The scale of a second pass, for the heights of the regions and the number of pixels of the first pass, both of the
    /// network's input.
    pub(super) fn again(&self, mut heights: Vec<f64>, pixels: usize) -> Option<f64> {
        if heights.is_empty() {
            return None;
        }
        let middle = heights.len() / 2;
        let (_, median, _) = heights.select_nth_unstable_by(middle, f64::total_cmp);
        let room = (Self::MAX_PIXELS / pixels.max(1) as f64).sqrt();
        let zoom = (self.line_height / *median).min(self.max_scale).min(room);
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
        if !(1.0..=4.0).contains(&self.max_scale) {
            return Err(Error::config("zoom.max_scale", self.max_scale, "a number from 1 to 4"));
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
    /// Adaptive scale fusion: each level is weighed at every pixel (DBNet++).
    pub scale_fusion: bool,
}

impl Default for DbNeckConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { lateral_channels: 256, out_channels: 64, scale_fusion: false }
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
            Self::Resnet(config) => config.channels().to_vec(),
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
    /// MMOCR's `dbnet_r50dcnv2_fpnc_1200e_icdar2015`.
    pub fn r50dcnv2() -> Self {
        let backbone = DbResnet {
            stride_on_first: true,
            deformable: [false, true, true, true],
            ..DbResnet::new(Depth::D50)
        };
        let mut config = Self { backbone: DbBackbone::Resnet(backbone), ..Self::default() };
        config.input.resize = ResizeConfig { long_side: 4068, short_side: 1024, ..ResizeConfig::default() };
        config.input.mean = [122.678_91, 116.668_77, 104.006_99];
        config
    }

    /// DBNet++ (Liao et al. 2022, "Real-Time Scene Text Detection with Differentiable Binarization and Adaptive Scale
    /// Fusion"), MMOCR's `dbnetpp_r50dcnv2_fpnc_1200e_icdar2015`.
    pub fn plus_plus() -> Self {
        let backbone = DbResnet { deformable: [false, true, true, true], ..DbResnet::new(Depth::D50) };
        let mut config = Self { backbone: DbBackbone::Resnet(backbone), ..Self::r50dcnv2() };
        config.neck.scale_fusion = true;
        config.decode.simplification = 0.002;
        config
    }

    /// The default detector: the small backbone and a narrow neck, for processors.
    pub fn lite() -> Self {
        Self {
            backbone: DbBackbone::Lite(DbLite::default()),
            neck: DbNeckConfig { lateral_channels: 48, out_channels: 12, scale_fusion: false },
            level: Some(DbLevel::Auto),
            zoom: DbZoom { words: 1.5, line_height: 26.0, max_scale: 3.0, coarse: 4.0 },
            input: InputConfig {
                resize: ResizeConfig {
                    long_side: 1280,
                    short_side: 1280,
                    enlarge: false,
                    least_pixels: 800_000,
                    antialias: true,
                    ..ResizeConfig::default()
                },
                ..InputConfig::default()
            },
            decode: DbDecodeConfig::lite(),
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
        if let DbBackbone::Resnet(resnet) = &self.backbone {
            resnet.validate()?;
        }
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
        let zoom = DbZoom { words: 1.0, line_height: 26.0, max_scale: 2.0, coarse: 1.0 };
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
