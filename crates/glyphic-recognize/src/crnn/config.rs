use glyphic_core::DICT36;
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::{Channels, Decoding, ResizeConfig, Result};

/// CRNN and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrnnConfig {
    /// The characters it reads, in class order after the blank: a text, or `{ file = "PATH" }` for a dictionary with one a
    /// line.
    #[serde(deserialize_with = "glyphic_codec::characters")]
    pub characters: String,
    /// Whether a class for any other character stands behind them.
    pub unknown: bool,
    /// Whether texts are lowered before training.
    pub lower: bool,
    /// The channels that it is given.
    pub channels: Channels,
    /// Whether activations leak (slope 0.2) where they would be negative.
    pub leaky_relu: bool,
    /// Whether two bidirectional LSTMs stand before the classes; else a 1x1 convolution alone.
    pub rnn: bool,
    /// Control points of a thin-plate spline that rectifies crops to 32x100 before the backbone; 0 for none. MMOCR's
    /// `TPSPreprocessor`.
    pub rectify: usize,
    /// The size of its input.
    pub resize: ResizeConfig,
    /// Subtracted from the channels' values (0 to 255): one value for all, or one a channel.
    pub mean: Vec<f32>,
    /// What the channels' values are divided by then: one value for all, or one a channel.
    pub std: Vec<f32>,
    /// Whether crops taller than 1.5 times their width are also read turned by 90 degrees either way; the surest
    /// reading counts.
    pub turn_vertical: bool,
    /// How text is read off the network's output.
    pub decoding: Decoding,
}

impl Default for CrnnConfig {
    /// MMOCR's `crnn_academic_dataset`.
    fn default() -> Self {
        Self {
            characters: DICT36.to_owned(),
            unknown: false,
            lower: true,
            channels: Channels::Gray,
            leaky_relu: false,
            rnn: true,
            rectify: 0,
            resize: ResizeConfig::default(),
            mean: vec![127.0],
            std: vec![127.0],
            turn_vertical: false,
            decoding: Decoding::Greedy,
        }
    }
}

impl CrnnConfig {
    /// MMOCR's `crnn_tps_academic_dataset`.
    pub fn tps() -> Self {
        Self {
            rectify: 20,
            resize: ResizeConfig {
                min_width: Some(100),
                max_width: Some(100),
                keep_aspect_ratio: false,
                ..ResizeConfig::default()
            },
            mean: vec![127.5],
            std: vec![127.5],
            ..Self::default()
        }
    }

    /// Checks that it describes a network.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field, got: String, expected| Check("crnn").wrong(field, got, expected);
        if self.characters.is_empty() {
            return wrong("characters", "\"\"".to_owned(), "at least one character");
        }
        self.decoding.validate("crnn")?;
        if self.resize.height != 32 {
            return wrong(
                "resize.height",
                self.resize.height.to_string(),
                "32, which the backbone makes one row of",
            );
        }
        if self.rectify != 0 && !((4..=256).contains(&self.rectify) && self.rectify.is_multiple_of(2)) {
            return wrong("rectify", self.rectify.to_string(), "0, or an even number from 4 to 256");
        }
        // Its first poolings round down, so that any width will do.
        self.input().validate("crnn", 1)
    }
}
