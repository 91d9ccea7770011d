use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{InputConfig, LabelConfig, ResizeConfig, Result, Search};

/// Columns of the input in one column of the features.
pub(super) const STRIDE: u32 = 4;

/// RobustScanner and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RobustScannerConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop.
    pub input: InputConfig,
    /// Channels of ResNet-31's first two convolutions and four stages.
    pub channels: [usize; 6],
    /// Features of keys, queries and recurrent layers.
    pub features: usize,
    /// Whether what is looked at has as few features as the keys; else it is the map itself.
    pub encode_value: bool,
    /// Share of the features between the hybrid branch's layers that are dropped in training.
    pub dropout: f64,
    /// Whether padding is not looked at.
    pub mask: bool,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for RobustScannerConfig {
    /// MMOCR's `robustscanner_r31_academic`.
    fn default() -> Self {
        Self {
            labels: LabelConfig { max_length: 30, ..LabelConfig::default() },
            input: InputConfig::rows_48(4),
            channels: [64, 128, 256, 256, 512, 512],
            features: 128,
            encode_value: false,
            dropout: 0.0,
            mask: true,
            search: Search::Greedy,
        }
    }
}

impl AttentionModel for RobustScannerConfig {
    const NAME: &'static str = "robust_scanner";
    const NETWORK_KEYS: &'static [&'static str] = &["labels", "channels", "features", "encode_value"];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: STRIDE, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        check.size("features", self.features, 1..=4096, "1 to 4096")?;
        check.channels(&self.channels)?;
        check.share("dropout", self.dropout)
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }
}
