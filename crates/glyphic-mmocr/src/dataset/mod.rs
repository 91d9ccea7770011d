//! Data sets with MMOCR 0.2.1's semantics: a loader gives the annotations of an index, a data set prepares them for a
//! pipeline.
//!
//! | here | MMOCR |
//! |---|---|
//! | [`Loader::hard_disk`], [`Loader::lmdb`] | `HardDiskLoader`, `LmdbLoader` |
//! | [`LineStrParser`], [`LineJsonParser`], [`StringStrip`] | the same |
//! | [`OcrDataset`], [`OcrSegDataset`], [`TextDetDataset`], [`IcdarDataset`], [`KieDataset`], [`NerDataset`] | `OCRDataset`, ... |
//! | [`Dataset::get`] | `BaseDataset.__getitem__` |
//! | [`Concat`] | `UniformConcatDataset` |
//!
//! To evaluate results, data sets give their [`Truths`], which the crate `glyphic-eval` takes:
//! `evaluate_detection_set(&dataset, &results, ...)` and its siblings; several sources by [`Concat::evaluate`].

mod concat;
mod icdar;
mod kie;
mod loader;
mod parser;
mod tasks;

pub use concat::Concat;
pub use glyphic_extract::kie::relations;
pub use icdar::{IcdarDataset, IcdarOptions};
pub use kie::{KieAnnotations, KieDataset, KieItem, KieOptions};
pub use loader::Loader;
pub use parser::{LineJsonParser, LineStrParser, Parser, StringStrip, StripPosition};
pub use tasks::{
    CharAnnotations, DetectionAnnotations, DetectionItem, NerDataset, NerItem, OcrDataset, OcrItem,
    OcrSegDataset, OcrSegItem, TextDetDataset,
};

pub use glyphic_core::Truths;

use crate::{Error, Result};

/// What stands in one annotation, by key.
pub type Info = serde_json::Map<String, serde_json::Value>;

/// A data set.
pub trait Dataset {
    /// What its pipeline is given.
    type Item;

    /// Number of samples, those that are repeated included.
    fn len(&self) -> usize;

    /// Whether there is no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a broken sample is an error; else the next one stands in for it.
    fn test_mode(&self) -> bool;

    /// What the pipeline is given for a sample.
    ///
    /// # Errors
    /// What is wrong with its annotation.
    fn prepare(&self, index: usize) -> Result<Self::Item>;

    /// A sample behind the pipeline. Outside of the test mode a sample that is broken, or of which the pipeline makes nothing,
    /// is passed over for the next one; where all are, that is an error (the reference would search without end).
    ///
    /// # Errors
    /// In test mode those of [`Dataset::prepare`] and of the pipeline, and [`Error::NothingUsable`] where it makes nothing;
    /// else [`Error::NothingUsable`] where no sample is usable.
    fn get<T>(&self, index: usize, mut pipeline: impl FnMut(Self::Item) -> Result<Option<T>>) -> Result<T>
    where
        Self: Sized,
    {
        let nothing =
            |attempts: usize, last: String| Error::NothingUsable { attempts: attempts as u32, last };
        let len = self.len();
        let mut last = String::new();
        for attempt in 0..len.max(1) {
            let made = self.prepare((index + attempt) % len.max(1)).and_then(&mut pipeline);
            match made {
                Ok(Some(sample)) => return Ok(sample),
                Err(error) if self.test_mode() => return Err(error),
                Ok(None) if self.test_mode() => {
                    return Err(nothing(1, "the pipeline made nothing of it".to_owned()));
                }
                Ok(None) => last = "the pipeline made nothing of it".to_owned(),
                Err(error) => last = error.to_string(),
            }
        }
        Err(nothing(len, last))
    }
}

#[cfg(test)]
mod tests;
