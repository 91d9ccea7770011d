use serde::{Deserialize, Serialize};

use crate::attention::{AttentionModel, Parts};
use crate::error::Check;
use crate::{Channels, InputConfig, LabelConfig, LabelOrder, ResizeConfig, Result, Search};

/// ASTER and its preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AsterConfig {
    /// The classes.
    pub labels: LabelConfig,
    /// What is done to a crop; all are brought to one size.
    pub input: InputConfig,
    /// Rows and columns of the rectified picture: 32 rows, columns a multiple of 4.
    pub size: [usize; 2],
    /// Features of a column. The backbone's channels are in proportion, 32 to 512 at 512.
    pub features: usize,
    /// Features of the attention and of a class.
    pub attention: usize,
    /// Features of the decoder's state.
    pub hidden: usize,
    /// How classes are chosen.
    pub search: Search,
}

impl Default for AsterConfig {
    /// MMOCR's `aster_resnet45_6e_st_mj`.
    fn default() -> Self {
        Self {
            labels: LabelConfig { order: LabelOrder::UnknownLast, max_length: 25, ..LabelConfig::default() },
            input: InputConfig {
                resize: ResizeConfig {
                    height: 64,
                    min_width: Some(256),
                    max_width: Some(256),
                    keep_aspect_ratio: false,
                    width_divisor: 4,
                },
                ..InputConfig::default()
            },
            size: [32, 100],
            features: 512,
            attention: 512,
            hidden: 512,
            search: Search::Greedy,
        }
    }
}

/// Columns of the rectified picture in one column of the features.
pub(super) const STRIDE: usize = 4;

/// Rows of the rectified picture, which the backbone makes one of.
const ROWS: usize = 32;

impl AttentionModel for AsterConfig {
    const NAME: &'static str = "aster";
    const NETWORK_KEYS: &'static [&'static str] =
        &["labels", "input", "size", "features", "attention", "hidden"];

    fn parts(&self) -> Parts<'_> {
        // The rectified picture is full of content, whatever the input's columns hold.
        Parts { labels: &self.labels, input: &self.input, stride: 1, search: Some(self.search) }
    }

    fn check(&self) -> Result<()> {
        let check = Check(Self::NAME);
        self.input.size(Self::NAME).map_err(|error| error.inside("input"))?;
        if self.input.channels == Channels::Gray {
            return check.wrong("input.channels", "gray", "rgb or bgr");
        }
        let [rows, columns] = self.size;
        if rows != ROWS || !(STRIDE..=2048).contains(&columns) || !columns.is_multiple_of(STRIDE) {
            let expected = "32 rows, and 4 to 2048 columns, a multiple of 4";
            return check.wrong("size", format!("{:?}", self.size), expected);
        }
        check.features(self.features)?;
        check.size("attention", self.attention, 1..=4096, "1 to 4096")?;
        check.size("hidden", self.hidden, 1..=4096, "1 to 4096")
    }

    /// The rectification is learnt for one size.
    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        None
    }
}
