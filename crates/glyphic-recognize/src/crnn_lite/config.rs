use glyphic_core::LATIN;
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::{BeamConfig, Decoding, RereadConfig, Result};

/// The height that the network reads, in pixels: three halvings and a kernel two high leave one row.
pub const HEIGHT: u32 = 32;

/// The narrowest content, in pixels.
pub(super) const MIN_WIDTH: u32 = 8;

/// Blank columns added behind the content, so that the last character is seen whole.
pub(super) const MARGIN: u32 = 8;

/// Padded widths are multiples of this: few different widths make full batches.
pub(super) const WIDTH_MULTIPLE: u32 = 32;

/// Pixels of width in one time step.
pub const STRIDE: u32 = 4;

/// A small convolutional line recognizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrnnLiteConfig {
    /// The characters it reads, in class order after the blank: a text, or `{ file = "PATH" }` for a dictionary with one a
    /// line.
    #[serde(deserialize_with = "glyphic_codec::characters")]
    pub characters: String,
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the three stages.
    pub stages: [usize; 3],
    /// Channels after the rows are squeezed into one.
    pub mix: usize,
    /// Hidden units of each direction of a bidirectional LSTM along the line, whose output is added to its input; 0 for
    /// none.
    pub lstm: usize,
    /// The widest content in pixels, at height 32; longer lines are squeezed to it.
    pub max_width: u32,
    /// Whether crops taller than 1.5 times their width are also read turned by 90 degrees either way; the surest
    /// reading counts.
    pub turn_vertical: bool,
    /// Which crops are read again in other shapes. Crops alone: on pages, regions are read again as `[reading]` says.
    pub reread: RereadConfig,
    /// How text is read off the network's output.
    pub decoding: Decoding,
}

impl Default for CrnnLiteConfig {
    /// The network of the shipped weights.
    fn default() -> Self {
        Self {
            characters: LATIN.to_owned(),
            stem: 24,
            stages: [48, 96, 160],
            mix: 192,
            lstm: 128,
            max_width: 3200,
            turn_vertical: false,
            reread: RereadConfig::default(),
            decoding: Decoding::Beam(BeamConfig::default()),
        }
    }
}

impl CrnnLiteConfig {
    /// Checks that it describes a network.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field, got: String, expected| Check("crnn_lite").wrong(field, got, expected);
        if self.characters.is_empty() {
            return wrong("characters", "\"\"".to_owned(), "at least one character");
        }
        let [a, b, c] = self.stages.map(|channels| ("stages", channels));
        for (field, channels) in [("stem", self.stem), a, b, c, ("mix", self.mix)] {
            if !(1..=4096).contains(&channels) {
                return wrong(field, channels.to_string(), "1 to 4096 channels");
            }
        }
        if self.lstm > 4096 {
            return wrong("lstm", self.lstm.to_string(), "0 to 4096 units");
        }
        if !(MIN_WIDTH..=8192).contains(&self.max_width) {
            return wrong("max_width", self.max_width.to_string(), "8 to 8192");
        }
        self.reread.validate("crnn_lite")?;
        Ok(self.decoding.validate("crnn_lite")?)
    }
}
