use glyphic_core::DICT36;
use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{AttentionCodec, Channels, InputConfig, LabelConfig, ResizeConfig, Result};

/// ABINet and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AbinetConfig {
    /// The classes. The network writes all positions of `labels.max_length` but the start.
    pub labels: LabelConfig,
    /// What is done to a crop; all are brought to one size.
    pub input: InputConfig,
    /// Whether a language model corrects what the vision model reads.
    pub language: bool,
    /// How often it does.
    pub iterations: usize,
    /// Layers of the vision model's transformer.
    pub vision_layers: usize,
    /// Layers of the language model.
    pub language_layers: usize,
    /// Features of a position. The backbone's channels are in proportion, 32 to 512 at 512.
    pub features: usize,
    /// Attention heads, which share the features.
    pub heads: usize,
    /// Features inside the layers' networks.
    pub inner: usize,
    /// Share of weights and features that are dropped in training.
    pub dropout: f64,
}

impl Default for AbinetConfig {
    /// MMOCR's `abinet_academic`.
    fn default() -> Self {
        Self {
            labels: LabelConfig {
                characters: DICT36.to_owned(),
                unknown: false,
                lower: true,
                max_length: 27,
                ..LabelConfig::default()
            },
            input: InputConfig::imagenet(ResizeConfig {
                height: 32,
                min_width: Some(128),
                max_width: Some(128),
                keep_aspect_ratio: false,
                width_divisor: 4,
            }),
            language: true,
            iterations: 3,
            vision_layers: 3,
            language_layers: 4,
            features: 512,
            heads: 8,
            inner: 2048,
            dropout: 0.1,
        }
    }
}

/// Rows and columns of the input in one position of the map.
pub(super) const STRIDE: u32 = 4;

impl AbinetConfig {
    /// MMOCR's `abinet_vision_only_academic`.
    pub fn vision_only() -> Self {
        Self { language: false, ..Self::default() }
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn codec(&self) -> Result<AttentionCodec> {
        Ok(self.labels.codec()?.with_logits())
    }

    /// Positions that the network writes.
    pub fn length(&self) -> usize {
        self.labels.max_length - 1
    }

    /// Height and width of the input.
    #[cfg(feature = "train")]
    pub(super) fn size(&self) -> [usize; 2] {
        let resize = &self.input.resize;
        [resize.height as usize, resize.max_width.unwrap_or(128) as usize]
    }
}

impl AttentionModel for AbinetConfig {
    const NAME: &'static str = "abinet";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "language", "vision_layers", "language_layers", "features", "heads", "inner", "input"];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: STRIDE, search: None }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        if self.input.channels == Channels::Gray {
            return check.wrong("input.channels", "gray", "rgb or bgr");
        }
        let resize = &self.input.resize;
        if !resize.height.is_multiple_of(32) {
            return check.wrong("input.resize.height", resize.height, "a multiple of 32");
        }
        match resize.max_width {
            Some(width) if width.is_multiple_of(64) => {}
            width => {
                let got = width.map_or("nothing".to_owned(), |width| width.to_string());
                return check.wrong(
                    "input.resize.max_width",
                    got,
                    "a multiple of 64, the width of every input",
                );
            }
        }
        check.size("vision_layers", self.vision_layers, 1..=64, "1 to 64")?;
        check.size("language_layers", self.language_layers, 1..=64, "1 to 64")?;
        check.size("iterations", self.iterations, 1..=16, "1 to 16")?;
        check.features(self.features)?;
        check.heads(self.heads, self.features, "1 to 64, a divisor of `features`")?;
        check.size("inner", self.inner, 1..=16384, "1 to 16384")?;
        check.share("dropout", self.dropout)
    }

    fn label_codec(&self) -> Result<AttentionCodec> {
        self.codec()
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        None
    }
}
