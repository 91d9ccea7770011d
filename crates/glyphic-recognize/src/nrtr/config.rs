use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{InputConfig, LabelConfig, ResizeConfig, Result, Search};

/// What makes a map of features of a crop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NrtrBackbone {
    /// ResNet-31 whose last stage halves the map: 1/16 of the height, 1/8 of the width.
    #[default]
    #[serde(rename = "r31_1by16_1by8")]
    R31By16By8,
    /// ResNet-31: 1/8 of the height, 1/4 of the width.
    #[serde(rename = "r31_1by8_1by4")]
    R31By8By4,
    /// The paper's modality transform: one row, 1/4 of the width.
    Modality,
}

/// NRTR and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NrtrConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop.
    pub input: InputConfig,
    /// What makes a map of features of it.
    pub backbone: NrtrBackbone,
    /// Channels of a ResNet-31's first two convolutions and first three stages.
    pub channels: [usize; 5],
    /// Layers of encoder and decoder each.
    pub layers: usize,
    /// Features of a position; the backbone gives as many.
    pub model: usize,
    /// Features inside the position-wise networks.
    pub inner: usize,
    /// Attention heads, which share the features.
    pub heads: usize,
    /// Share of weights and activations that are dropped in training.
    pub dropout: f64,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for NrtrConfig {
    /// MMOCR's `nrtr_r31_1by16_1by8_academic`.
    fn default() -> Self {
        Self {
            labels: LabelConfig { lower: true, ..LabelConfig::default() },
            input: InputConfig::imagenet(ResizeConfig {
                max_width: Some(160),
                width_divisor: 4,
                ..ResizeConfig::default()
            }),
            backbone: NrtrBackbone::default(),
            channels: [32, 64, 128, 256, 512],
            layers: 6,
            model: 512,
            inner: 256,
            heads: 8,
            dropout: 0.1,
            search: Search::Greedy,
        }
    }
}

impl NrtrConfig {
    /// MMOCR's `nrtr_r31_1by8_1by4_academic`.
    pub fn r31_1by8_1by4() -> Self {
        Self { backbone: NrtrBackbone::R31By8By4, ..Self::default() }
    }

    /// MMOCR's `nrtr_modality_transform_academic`, which writes DICT36.
    pub fn modality_transform() -> Self {
        let mut config = Self { backbone: NrtrBackbone::Modality, ..Self::default() };
        config.labels.characters = glyphic_core::DICT36.to_owned();
        config
    }

    /// Columns of the input in one column of the features.
    pub fn stride(&self) -> u32 {
        match self.backbone {
            NrtrBackbone::R31By16By8 => 8,
            NrtrBackbone::R31By8By4 | NrtrBackbone::Modality => 4,
        }
    }
}

impl AttentionModel for NrtrConfig {
    const NAME: &'static str = "nrtr";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "backbone", "channels", "layers", "model", "inner", "heads"];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: self.stride(), search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        check.size("labels.max_length", self.labels.max_length, 2..=POSITIONS, "2 to 200")?;
        if self.backbone == NrtrBackbone::Modality && !self.input.resize.height.is_multiple_of(4) {
            return check.wrong("input.resize.height", self.input.resize.height, "a multiple of 4");
        }
        check.size("layers", self.layers, 1..=64, "1 to 64")?;
        check.size("heads", self.heads, 1..=64, "1 to 64")?;
        if !(2..=4096).contains(&self.model) || !self.model.is_multiple_of(self.heads) {
            return check.wrong("model", self.model, "2 to 4096, a multiple of the heads");
        }
        check.size("inner", self.inner, 1..=16384, "1 to 16384")?;
        check.channels(&self.channels)?;
        check.share("dropout", self.dropout)
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }
}

/// Positions that the decoder knows.
pub(crate) const POSITIONS: usize = 200;
