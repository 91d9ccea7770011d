use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{InputConfig, LabelConfig, ResizeConfig, Result, Search};

/// Columns of the input in one column of the features.
pub(super) const STRIDE: u32 = 4;

/// MMOCR's two decoders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SarDecoderKind {
    /// Two stacked recurrent layers.
    #[default]
    Parallel,
    /// Two recurrent cells. From the first character on an LSTM's cell state is its output, as in MMOCR, whose
    /// checkpoints are trained so.
    Sequential,
}

/// SAR and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SarConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop.
    pub input: InputConfig,
    /// Channels of ResNet-31's first two convolutions and four stages.
    pub channels: [usize; 6],
    /// Features of the encoder a direction.
    pub features: usize,
    /// Whether the encoder reads the columns backwards too.
    pub encoder_bidirectional: bool,
    /// Whether the encoder is a GRU; else it is an LSTM.
    pub encoder_gru: bool,
    /// Share of the features between the encoder's layers that are dropped in training.
    pub encoder_dropout: f64,
    /// The decoder.
    pub decoder: SarDecoderKind,
    /// Whether the decoder is a GRU; else it is an LSTM.
    pub decoder_gru: bool,
    /// Features of the attention's keys and queries.
    pub attention: usize,
    /// Whether a class is read off the decoder's state and the encoder's vector too; else off what is looked at alone.
    pub concat: bool,
    /// Share of the logits that are dropped in training.
    pub dropout: f64,
    /// Whether padding is not looked at.
    pub mask: bool,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for SarConfig {
    /// MMOCR's `sar_r31_parallel_decoder_academic`.
    fn default() -> Self {
        Self {
            labels: LabelConfig { max_length: 30, ..LabelConfig::default() },
            input: InputConfig::rows_48(4),
            channels: [64, 128, 256, 256, 512, 512],
            features: 512,
            encoder_bidirectional: false,
            encoder_gru: false,
            encoder_dropout: 0.1,
            decoder: SarDecoderKind::Parallel,
            decoder_gru: false,
            attention: 512,
            concat: true,
            dropout: 0.1,
            mask: true,
            search: Search::Greedy,
        }
    }
}

impl SarConfig {
    /// MMOCR's `sar_r31_sequential_decoder_academic`.
    pub fn sequential() -> Self {
        Self { decoder: SarDecoderKind::Sequential, ..Self::default() }
    }
}

impl AttentionModel for SarConfig {
    const NAME: &'static str = "sar";
    const NETWORK_KEYS: &'static [&'static str] = &[
        "labels",
        "channels",
        "features",
        "encoder_bidirectional",
        "encoder_gru",
        "decoder",
        "decoder_gru",
        "attention",
        "concat",
    ];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: STRIDE, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        check.size("features", self.features, 1..=4096, "1 to 4096")?;
        check.size("attention", self.attention, 1..=4096, "1 to 4096")?;
        check.channels(&self.channels)?;
        check.share("encoder_dropout", self.encoder_dropout)?;
        check.share("dropout", self.dropout)
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }
}
