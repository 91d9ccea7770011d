use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{
    Channels, InputConfig, LabelConfig, LabelOrder, Refine, ResizeConfig, Result, Search, StepOptions,
};

/// The characters of PARSeq's published weights: digits, letters, ASCII punctuation.
pub const DICT94: &str =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// PARSeq and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParseqConfig {
    /// The classes; their order is `end_first`.
    pub labels: LabelConfig,
    /// What is done to a crop; all are brought to one size.
    pub input: InputConfig,
    /// Rows and columns of a patch.
    pub patch: [usize; 2],
    /// Features of a patch and of a position.
    pub features: usize,
    /// Layers of the encoder.
    pub layers: usize,
    /// Attention heads of the encoder, which share the features.
    pub heads: usize,
    /// Attention heads of the decoder, which share the features.
    pub decoder_heads: usize,
    /// Features inside the layers' networks for each of `features`.
    pub ratio: usize,
    /// Share of the decoder's weights and features that are dropped in training.
    pub dropout: f64,
    /// Orders in which a text is read in training, half of them from its end; even, or 1.
    pub permutations: usize,
    /// Whether a text is written class by class; else all positions are read at once.
    pub autoregressive: bool,
    /// How often a text is read again with what was read on both sides of each position.
    pub refine: usize,
    /// How classes are chosen where a text is written class by class.
    pub search: Search,
}

impl Default for ParseqConfig {
    /// The published `parseq`.
    fn default() -> Self {
        Self {
            labels: LabelConfig {
                characters: DICT94.to_owned(),
                unknown: false,
                lower: false,
                separate_end: true,
                order: LabelOrder::EndFirst,
                max_length: 27,
            },
            input: InputConfig {
                channels: Channels::Rgb,
                resize: ResizeConfig {
                    height: 32,
                    min_width: Some(128),
                    max_width: Some(128),
                    keep_aspect_ratio: false,
                    width_divisor: 8,
                },
                ..InputConfig::default()
            },
            patch: [4, 8],
            features: 384,
            layers: 12,
            heads: 6,
            decoder_heads: 12,
            ratio: 4,
            dropout: 0.1,
            permutations: 6,
            autoregressive: true,
            refine: 1,
            search: Search::Greedy,
        }
    }
}

impl ParseqConfig {
    /// The published `parseq-tiny`.
    pub fn tiny() -> Self {
        Self { features: 192, heads: 3, decoder_heads: 6, ..Self::default() }
    }

    /// Positions that the network writes: the characters and the end.
    pub fn length(&self) -> usize {
        self.labels.max_length - 1
    }
}

impl AttentionModel for ParseqConfig {
    const NAME: &'static str = "parseq";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "input", "patch", "features", "layers", "heads", "decoder_heads", "ratio"];

    fn parts(&self) -> Parts<'_> {
        let stride = self.patch[1] as u32;
        Parts { labels: &self.labels, input: &self.input, stride, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        if self.labels.order != LabelOrder::EndFirst {
            return check.wrong("labels.order", format!("{:?}", self.labels.order), "end_first");
        }
        let [height, width] = self.input.size(Self::NAME).map_err(|error| error.inside("input"))?;
        let [rows, columns] = self.patch;
        if rows == 0 || columns == 0 || !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
            let expected = "rows and columns that divide the input's";
            return check.wrong("patch", format!("{:?}", self.patch), expected);
        }
        check.size("features", self.features, 1..=4096, "1 to 4096")?;
        check.size("layers", self.layers, 1..=64, "1 to 64")?;
        check.heads(self.heads, self.features, "1 to 64, a divisor of the features")?;
        if !(1..=64).contains(&self.decoder_heads) || !self.features.is_multiple_of(self.decoder_heads) {
            return check.wrong("decoder_heads", self.decoder_heads, "1 to 64, a divisor of the features");
        }
        check.size("ratio", self.ratio, 1..=16, "1 to 16")?;
        if self.permutations != 1 && !(self.permutations.is_multiple_of(2) && self.permutations > 0) {
            return check.wrong("permutations", self.permutations, "1, or an even number from 2");
        }
        check.size("permutations", self.permutations, 1..=64, "1 to 64")?;
        check.size("refine", self.refine, 0..=8, "0 to 8")?;
        if !self.autoregressive && self.search != Search::Greedy {
            return check.wrong("search", "beam", "greedy, because autoregressive is false");
        }
        check.share("dropout", self.dropout)
    }

    fn stepped(&self, options: StepOptions) -> StepOptions {
        let refine = Some(Refine { iterations: self.refine, parallel: !self.autoregressive });
        StepOptions { limit: self.length(), refine, ..options }
    }

    /// Positions are learnt for one size.
    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        None
    }
}
