use std::sync::Arc;

use glyphic_core::{DICT36, Image, Symbol, Vocab};
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::input::Preprocess;
use crate::model::Model;
use crate::{InputConfig, LanguageModel, ResizeConfig, Result, SegmentCodec, Width};
use glyphic_codec::Codec;

/// SegOCR and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegConfig {
    /// The characters it reads, in class order after the background: a text, or `{ file = "PATH" }` for a dictionary with one
    /// a line.
    #[serde(deserialize_with = "glyphic_codec::characters")]
    pub characters: String,
    /// Whether a class for any other character stands behind them.
    pub unknown: bool,
    /// Whether texts are lowered before training.
    pub lower: bool,
    /// What is done to a crop.
    pub input: InputConfig,
    /// Channels of the backbone's two first convolutions and four stages.
    pub channels: [usize; 6],
    /// Channels of the neck.
    pub neck: usize,
}

impl Default for SegConfig {
    /// MMOCR's `seg_r31_1by16_fpnocr_academic`.
    fn default() -> Self {
        Self {
            characters: DICT36.to_owned(),
            unknown: true,
            lower: true,
            input: InputConfig {
                turn_vertical: false,
                ..InputConfig::imagenet(ResizeConfig {
                    height: 64,
                    min_width: Some(64),
                    ..ResizeConfig::default()
                })
            },
            channels: [32, 64, 128, 256, 512, 512],
            neck: 256,
        }
    }
}

/// Rows and columns of the input in one position of the coarsest map.
pub(super) const STRIDE: u32 = 16;

impl SegConfig {
    /// The codec of the classes.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn codec(&self) -> Result<SegmentCodec> {
        Ok(SegmentCodec::new(Model::vocab(self)?)?.with_lower(self.lower))
    }
}

/// The columns of the map that count are one more than the content's.
struct SegInput(InputConfig);

impl Preprocess for SegInput {
    fn input(&self) -> (usize, u32) {
        self.0.input()
    }

    fn width(&self, width: u32, height: u32) -> Width {
        self.0.width(width, height)
    }

    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()> {
        self.0.prepare(crop, width, out)
    }

    fn steps(&self, width: Width, total: usize) -> usize {
        ((total as f64 * width.ratio()) as usize + 1).min(total)
    }
}

impl Model for SegConfig {
    fn name(&self) -> &'static str {
        "seg"
    }

    fn validate(&self) -> Result<()> {
        let check = Check("seg");
        let count = self.characters.chars().count();
        // Targets are maps of bytes, whose 255 is padding.
        if !(1..=253).contains(&count) {
            return check.wrong("characters", format!("{count} characters"), "1 to 253 characters");
        }
        self.input.validate("seg", STRIDE).map_err(|error| error.inside("input"))?;
        if !self.input.resize.height.is_multiple_of(STRIDE) {
            return check.wrong("input.resize.height", self.input.resize.height, "a multiple of 16");
        }
        check.channels(&self.channels)?;
        check.size("neck", self.neck, 1..=4096, "1 to 4096")
    }

    fn vocab(&self) -> Result<Vocab> {
        let chars = self.characters.chars().map(Symbol::Char);
        let unknown = self.unknown.then_some(Symbol::Unknown);
        Ok(Vocab::new(std::iter::once(Symbol::Blank).chain(chars).chain(unknown).collect())?)
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(SegInput(self.input.clone()))
    }

    fn codec(&self, _: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        Ok(Box::new(self.codec()?))
    }

    fn turn_vertical(&self) -> bool {
        self.input.turn_vertical
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }

    fn network_keys(&self) -> &'static [&'static str] {
        &["characters", "unknown", "channels", "neck"]
    }
}
