use glyphic_core::DICT36;
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::{CtcCodec, Decoding, InputConfig, ResizeConfig, Result};

/// SVTR and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SvtrConfig {
    /// The characters it reads, in class order: a text, or `{ file = "PATH" }` for a dictionary with one a line. Behind them stand
    /// the blank and the unknown one.
    #[serde(deserialize_with = "glyphic_codec::characters")]
    pub characters: String,
    /// Whether a class for any other character stands behind the blank.
    pub unknown: bool,
    /// Whether texts are lowered before training.
    pub lower: bool,
    /// What is done to a crop; all are brought to one size.
    pub input: InputConfig,
    /// Whether crops are rectified, which brings them to `size`; else `input` does.
    pub rectify: bool,
    /// Rows and columns that the network sees: multiples of 16 and 4.
    pub size: [usize; 2],
    /// Channels of the three stages.
    pub channels: [usize; 3],
    /// Blocks of the three stages.
    pub depths: [usize; 3],
    /// Attention heads of the three stages, which share the channels.
    pub heads: [usize; 3],
    /// Blocks, counted from the first, in which a patch sees those around it alone.
    pub local: usize,
    /// Rows and columns of patches that it sees there; odd.
    pub window: [usize; 2],
    /// Features of a column.
    pub features: usize,
    /// Time steps; the map's columns, a quarter of the size's, are a multiple of them.
    pub columns: usize,
    /// Share of the columns' features that are dropped in training.
    pub dropout: f64,
    /// Share of the samples for which the last block is left out in training; earlier ones are left out less.
    pub drop_path: f64,
    /// How text is read off the network's output.
    pub decoding: Decoding,
}

impl Default for SvtrConfig {
    /// [`SvtrConfig::tiny`].
    fn default() -> Self {
        Self {
            characters: DICT36.to_owned(),
            unknown: true,
            lower: true,
            input: InputConfig {
                resize: ResizeConfig {
                    height: 64,
                    min_width: Some(256),
                    max_width: Some(256),
                    keep_aspect_ratio: false,
                    width_divisor: 4,
                },
                ..InputConfig::default()
            },
            rectify: true,
            size: [32, 100],
            channels: [64, 128, 256],
            depths: [3, 6, 3],
            heads: [2, 4, 8],
            local: 6,
            window: [7, 11],
            features: 192,
            columns: 25,
            dropout: 0.1,
            drop_path: 0.1,
            decoding: Decoding::Greedy,
        }
    }
}

/// Rows and columns of the network's input in one patch.
pub(super) const PATCH: usize = 4;

/// Rows of the network's input in one row of the last stage.
const ROWS: usize = 16;

impl SvtrConfig {
    /// SVTR-T, MMOCR's `svtr-tiny_20e_st_mj`.
    pub fn tiny() -> Self {
        Self::default()
    }

    /// SVTR-S, MMOCR's `svtr-small_20e_st_mj`.
    pub fn small() -> Self {
        Self { channels: [96, 192, 256], depths: [3, 6, 6], heads: [3, 6, 8], local: 8, ..Self::default() }
    }

    /// SVTR-B, MMOCR's `svtr-base_20e_st_mj`.
    pub fn base() -> Self {
        Self {
            size: [48, 160],
            channels: [128, 256, 384],
            depths: [3, 6, 9],
            heads: [4, 8, 12],
            local: 8,
            features: 256,
            columns: 40,
            ..Self::default()
        }
    }

    /// SVTR-T over lines of 32x320 with their aspect kept, without a rectification.
    pub fn line() -> Self {
        let resize = ResizeConfig {
            height: 32,
            min_width: Some(320),
            max_width: Some(320),
            keep_aspect_ratio: true,
            width_divisor: 1,
        };
        Self {
            input: InputConfig { resize, ..InputConfig::default() },
            rectify: false,
            size: [32, 320],
            columns: 40,
            ..Self::default()
        }
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn codec(&self) -> Result<CtcCodec> {
        Ok(CtcCodec::new(crate::Model::vocab(self)?)?.with_lower(self.lower))
    }

    /// Checks that it describes a network.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range.
    pub fn validate(&self) -> Result<()> {
        let check = Check("svtr");
        if self.characters.is_empty() {
            return check.wrong("characters", "\"\"", "at least one character");
        }
        self.decoding.validate("svtr")?;
        self.input.validate("svtr", 1).map_err(|error| error.inside("input"))?;
        let [height, width] = self.input.size("svtr").map_err(|error| error.inside("input"))?;
        let [rows, columns] = self.size;
        let shown = format!("{:?}", self.size);
        if !(ROWS..=512).contains(&rows) || !rows.is_multiple_of(ROWS) {
            return check.wrong("size", shown, "rows from 16 to 512, a multiple of 16");
        }
        if !(PATCH..=2048).contains(&columns) || !columns.is_multiple_of(PATCH) {
            return check.wrong("size", shown, "columns from 4 to 2048, a multiple of 4");
        }
        if !self.rectify && [height, width] != self.size {
            return check.wrong("size", shown, "the size of the input, because rectify is false");
        }
        if self.columns == 0 || !(columns / PATCH).is_multiple_of(self.columns) {
            return check.wrong("columns", self.columns, "a divisor of a quarter of the size's columns");
        }
        check.channels(&self.channels)?;
        if !self.depths.iter().all(|depth| (1..=64).contains(depth)) {
            return check.wrong("depths", format!("{:?}", self.depths), "1 to 64 each");
        }
        let shared = |(heads, channels): (&usize, &usize)| *heads > 0 && channels.is_multiple_of(*heads);
        if !self.heads.iter().zip(&self.channels).all(shared) {
            return check.wrong(
                "heads",
                format!("{:?}", self.heads),
                "a divisor of the stage's channels each",
            );
        }
        if !self.channels[0].is_multiple_of(2) {
            return check.wrong("channels", format!("{:?}", self.channels), "an even number at first");
        }
        if !self.window.iter().all(|side| side % 2 == 1) {
            return check.wrong("window", format!("{:?}", self.window), "two odd numbers");
        }
        check.size("features", self.features, 1..=4096, "1 to 4096")?;
        check.share("dropout", self.dropout)?;
        check.share("drop_path", self.drop_path)
    }
}
