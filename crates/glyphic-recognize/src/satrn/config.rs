use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::nrtr::POSITIONS as DECODED;
use crate::{InputConfig, LabelConfig, ResizeConfig, Result, Search};

/// SATRN and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SatrnConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop.
    pub input: InputConfig,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Features of a position; even.
    pub model: usize,
    /// Features inside the layers' networks.
    pub inner: usize,
    /// Attention heads, which share the features.
    pub heads: usize,
    /// Share of weights and activations that are dropped in training.
    pub dropout: f64,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for SatrnConfig {
    /// MMOCR's `satrn_academic`.
    fn default() -> Self {
        Self {
            labels: LabelConfig::default(),
            input: InputConfig::imagenet(ResizeConfig {
                height: 32,
                min_width: Some(100),
                max_width: Some(100),
                keep_aspect_ratio: false,
                width_divisor: 4,
            }),
            encoder_layers: 12,
            decoder_layers: 6,
            model: 512,
            inner: 2048,
            heads: 8,
            dropout: 0.1,
            search: Search::Greedy,
        }
    }
}

/// Rows and columns of the input in one position of the map.
pub(super) const STRIDE: u32 = 4;

/// Rows, and columns, of a map that the encoder tells apart.
pub(super) const POSITIONS: usize = 100;

impl SatrnConfig {
    /// MMOCR's `satrn_small`.
    pub fn small() -> Self {
        let config = Self { encoder_layers: 6, model: 256, inner: 1024, ..Self::default() };
        Self { labels: LabelConfig { max_length: 25, ..config.labels }, ..config }
    }
}

impl AttentionModel for SatrnConfig {
    const NAME: &'static str = "satrn";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "encoder_layers", "decoder_layers", "model", "inner", "heads"];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: STRIDE, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        let resize = &self.input.resize;
        let longest = POSITIONS as u32 * STRIDE;
        if !resize.height.is_multiple_of(STRIDE) || resize.height > longest {
            return check.wrong("input.resize.height", resize.height, "a multiple of 4, at most 400");
        }
        if resize.max_width.is_none_or(|width| width > longest) {
            let got = resize.max_width.map_or("nothing".to_owned(), |width| width.to_string());
            let expected = "at most 400, the columns that the encoder tells apart";
            return check.wrong("input.resize.max_width", got, expected);
        }
        check.size("labels.max_length", self.labels.max_length, 2..=DECODED, "2 to 200")?;
        check.size("encoder_layers", self.encoder_layers, 1..=64, "1 to 64")?;
        check.size("decoder_layers", self.decoder_layers, 1..=64, "1 to 64")?;
        check.size("heads", self.heads, 1..=64, "1 to 64")?;
        let fits = self.model.is_multiple_of(self.heads) && self.model.is_multiple_of(2);
        if !(2..=4096).contains(&self.model) || !fits {
            return check.wrong("model", self.model, "2 to 4096, even and a multiple of the heads");
        }
        check.size("inner", self.inner, 1..=16384, "1 to 16384")?;
        check.share("dropout", self.dropout)
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }
}
