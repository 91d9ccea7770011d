use glyphic_core::DICT36;
use serde::{Deserialize, Serialize};

use crate::{Decoding, Error, ResizeConfig, Result};

/// The channels that a network is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Luminance alone.
    #[default]
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red: what MMOCR's colour pipelines feed.
    Bgr,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }
}

/// CRNN and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrnnConfig {
    /// The characters it reads, in class order after the blank.
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
    /// The size of its input.
    pub resize: ResizeConfig,
    /// Subtracted from the channels' values (0 to 255): one value for all, or one a channel.
    pub mean: Vec<f32>,
    /// What the channels' values are divided by then: one value for all, or one a channel.
    pub std: Vec<f32>,
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
            resize: ResizeConfig::default(),
            mean: vec![127.0],
            std: vec![127.0],
            decoding: Decoding::Greedy,
        }
    }
}

impl CrnnConfig {
    /// Checks that it describes a network.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field out of its range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |field, got: String, expected| Err(Error::Config { model: "crnn", field, got, expected });
        if self.characters.is_empty() {
            return wrong("characters", "\"\"".to_owned(), "at least one character");
        }
        self.resize.validate("crnn")?;
        self.decoding.validate("crnn")?;
        if self.resize.height != 32 {
            return wrong(
                "resize.height",
                self.resize.height.to_string(),
                "32, which the backbone makes one row of",
            );
        }
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != self.channels.count() {
                return wrong(field, format!("{values:?}"), "one value, or one a channel");
            }
        }
        if self.mean.iter().any(|m| !m.is_finite()) {
            return wrong("mean", format!("{:?}", self.mean), "finite numbers");
        }
        if self.std.iter().any(|s| !s.is_finite() || *s == 0.0) {
            return wrong("std", format!("{:?}", self.std), "numbers other than 0");
        }
        Ok(())
    }
}
