use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{Channels, InputConfig, LabelConfig, ResizeConfig, Result, Search};

/// MASTER and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MasterConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop.
    pub input: InputConfig,
    /// Layers of the decoder.
    pub layers: usize,
    /// Features of a position. The backbone's channels are in proportion, 64 to 512 at 512.
    pub features: usize,
    /// Attention heads, which share the features.
    pub heads: usize,
    /// Features inside the decoder's networks.
    pub inner: usize,
    /// Positions of the map, height times width, that the decoder tells apart.
    pub positions: usize,
    /// Share of the map's features that are dropped in training.
    pub dropout: f64,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for MasterConfig {
    /// MMOCR's `master_r31_12e_ST_MJ_SA`.
    fn default() -> Self {
        Self {
            labels: LabelConfig { max_length: 30, ..LabelConfig::default() },
            input: InputConfig::rows_48(16),
            layers: 3,
            features: 512,
            heads: 8,
            inner: 2048,
            positions: 240,
            dropout: 0.2,
            search: Search::Greedy,
        }
    }
}

/// Columns of the input in one column of the map.
pub(super) const STRIDE: u32 = 4;

/// Rows of the input in one row of the map.
const ROWS: u32 = 8;

impl AttentionModel for MasterConfig {
    const NAME: &'static str = "master";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "layers", "features", "heads", "inner", "positions"];

    fn parts(&self) -> Parts<'_> {
        Parts { labels: &self.labels, input: &self.input, stride: STRIDE, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        if self.input.channels == Channels::Gray {
            return check.wrong("input.channels", "gray", "rgb or bgr");
        }
        let resize = &self.input.resize;
        if !resize.height.is_multiple_of(ROWS) {
            return check.wrong("input.resize.height", resize.height, "a multiple of 8");
        }
        let Some(widest) = resize.max_width else {
            let expected = "a width, because the decoder knows a number of positions";
            return check.wrong("input.resize.max_width", "nothing", expected);
        };
        check.size("layers", self.layers, 1..=64, "1 to 64")?;
        check.features(self.features)?;
        check.heads(self.heads, self.features, "1 to 64, a divisor of `features`")?;
        check.size("inner", self.inner, 1..=16384, "1 to 16384")?;
        let needed = (resize.height / ROWS) as usize * (widest / STRIDE) as usize;
        let expected = "at least the positions of the widest map, at most 65536";
        check.size("positions", self.positions, needed..=1 << 16, expected)?;
        check.share("dropout", self.dropout)
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.input.resize)
    }
}
