//! How batches are made, by the model's task.

use std::path::PathBuf;

use glyphic_data::augment::{DetectionAugment, RecognitionAugment};
use glyphic_detect::dbnet::targets::DbnetTargets;
use glyphic_recognize::ResizeConfig;
use serde::{Deserialize, Serialize};

/// How batches for detectors are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionBatches {
    /// Pictures in a batch.
    pub batch_size: usize,
    /// Random changes, and the size of the crop. Of rendered pages only the crop is taken.
    pub augment: DetectionAugment,
    /// How DBNet's target maps are drawn.
    pub targets: DbnetTargets,
}

impl Default for DetectionBatches {
    fn default() -> Self {
        Self { batch_size: 8, augment: DetectionAugment::default(), targets: DbnetTargets::default() }
    }
}

impl DetectionBatches {
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let size = self.augment.size;
        if !(32..=4096).contains(&size) || !size.is_multiple_of(32) {
            return Err(format!(
                "invalid batches.augment.size = {size}; expected a multiple of 32 up to 4096"
            ));
        }
        self.targets.check().map_err(|e| e.to_string())
    }
}

/// How batches for recognizers are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecognitionBatches {
    /// Crops in a batch.
    pub batch_size: usize,
    /// This many batches are drawn together and divided by width, so that little of a batch is padding.
    pub pool: usize,
    /// Random changes of packs' crops.
    pub augment: RecognitionAugment,
    /// Size of the input in training, where it differs from the model's. Not for `crnn_lite`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeConfig>,
}

impl Default for RecognitionBatches {
    fn default() -> Self {
        Self { batch_size: 64, pool: 8, augment: RecognitionAugment::default(), resize: None }
    }
}

/// How batches for extractors are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractionBatches {
    /// Pages in a batch.
    pub batch_size: usize,
    /// Random changes of pages.
    pub augment: PageAugment,
}

impl Default for ExtractionBatches {
    fn default() -> Self {
        Self { batch_size: 4, augment: PageAugment::default() }
    }
}

/// Random changes of a page's boxes and texts. The default changes nothing, as MMOCR trains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageAugment {
    /// The largest share by which width and height of all boxes change, each by itself. 0 to 0.5.
    pub stretch: f64,
    /// The largest distance, in heights of a box, by which it moves. 0 to 1.
    pub jitter: f64,
    /// Probability that a box is left out. 0 to 0.5.
    pub drop: f64,
    /// Probability that a character is lost or becomes another one of the page, as readers misread it. 0 to 0.5.
    pub misread: f64,
}

impl ExtractionBatches {
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let PageAugment { stretch, jitter, drop, misread } = self.augment;
        for (name, value, most) in [
            ("stretch", stretch, 0.5),
            ("jitter", jitter, 1.0),
            ("drop", drop, 0.5),
            ("misread", misread, 0.5),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(format!("invalid batches.augment.{name} = {value}; expected 0 to {most}"));
            }
        }
        Ok(())
    }
}

/// How batches of sentences are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentenceBatches {
    /// Sentences in a batch.
    pub batch_size: usize,
    /// This many batches are drawn together and divided by length, so that little of a batch is padding.
    pub pool: usize,
    /// The vocabulary, a token a line, as BERT's `vocab.txt`. Unless given it is made of the characters of the training
    /// sentences; the run's folder gets it as `vocab.txt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<PathBuf>,
}

impl Default for SentenceBatches {
    fn default() -> Self {
        Self { batch_size: 24, pool: 8, vocabulary: None }
    }
}

impl SentenceBatches {
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        match self.pool {
            1..=1024 => Ok(()),
            pool => Err(format!("invalid batches.pool = {pool}; expected 1 to 1024")),
        }
    }
}
