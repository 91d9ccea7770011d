//! Whole prediction sets against whole data sets.

mod dataset;
mod detection;
mod end_to_end;
mod kie;
mod ner;
mod recognition;

use std::collections::HashMap;
use std::fmt;

use glyphic_core::{Page, Point, TextInstance};
use serde::{Deserialize, Serialize};

use crate::{Error, Found, Predicted, Result, Score};

pub use dataset::{evaluate_detection_set, evaluate_kie_set, evaluate_ner_set, evaluate_recognition_set};
pub use detection::{
    DetectionImage, DetectionLevel, DetectionOptions, DetectionReport, Match, evaluate_detection,
};
pub use end_to_end::{
    EndToEndImage, EndToEndLevel, EndToEndOptions, EndToEndReport, Misread, Protocol, ProtocolChoice,
    evaluate_end_to_end, sweep_end_to_end,
};
pub use kie::{ClassList, ClassifiedPage, KieImage, KieMistake, KieOptions, KieReport, evaluate_kie};
pub use ner::{NerReport, NerText, evaluate_ner};
pub use recognition::{
    Mistake, PredictedCrop, RecognitionReport, RecognizedText, evaluate_recognition, sweep_recognition,
};

/// A page and the file name of its picture.
pub type NamedPage = (String, Page);

/// Something the reader of a report should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// The truth has this image, the predictions have not: it was counted as read and found empty.
    NoPrediction {
        /// The image.
        file_name: String,
    },
    /// Predicted outlines that enclose nothing. They count as predictions that match nothing.
    NoArea {
        /// The image.
        file_name: String,
        /// How many of its outlines.
        outlines: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrediction { file_name } => {
                write!(f, "no prediction for {file_name}: counted as if nothing had been found")
            }
            Self::NoArea { file_name, outlines } => {
                write!(f, "{file_name}: {outlines} predicted outlines without area: counted as wrong")
            }
        }
    }
}

/// For each truth the index of its prediction.
///
/// Names are compared whole; a prediction whose whole name is unknown is looked up by its last path component, then by
/// that without its extension, where it is unique in the truth (predictions often hold the path that was read, or the
/// bare stem). Predictions without names are those of the truth in its order.
fn join<'a>(
    truth: impl ExactSizeIterator<Item = &'a str>,
    predictions: impl ExactSizeIterator<Item = Option<&'a str>>,
) -> Result<(Vec<Option<usize>>, Vec<Warning>)> {
    let names: Vec<&str> = truth.collect();
    let predictions: Vec<Option<&str>> = predictions.collect();
    if !predictions.is_empty() && predictions.iter().all(Option::is_none) {
        if predictions.len() != names.len() {
            return Err(Error::Order { expected: names.len(), got: predictions.len() });
        }
        return Ok(((0..names.len()).map(Some).collect(), Vec::new()));
    }
    let mut whole = HashMap::new();
    let mut by_base: HashMap<&str, Option<usize>> = HashMap::new();
    let mut by_stem: HashMap<&str, Option<usize>> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if whole.insert(*name, i).is_some() {
            return Err(Error::DuplicateImage { file_name: (*name).to_owned(), side: "truth" });
        }
        by_base.entry(base(name)).and_modify(|e| *e = None).or_insert(Some(i));
        by_stem.entry(stem(name)).and_modify(|e| *e = None).or_insert(Some(i));
    }
    let mut found = vec![None; names.len()];
    for (index, name) in predictions.into_iter().enumerate() {
        let name = name.ok_or(Error::UnnamedPrediction { index })?;
        let i = whole
            .get(name)
            .copied()
            .or_else(|| by_base.get(base(name)).copied().flatten())
            .or_else(|| by_stem.get(stem(name)).copied().flatten());
        let Some(i) = i else {
            return Err(Error::UnknownImage { file_name: name.to_owned(), images: names.len() });
        };
        if found[i].replace(index).is_some() {
            return Err(Error::DuplicateImage { file_name: name.to_owned(), side: "predictions" });
        }
    }
    let missing = names.iter().zip(&found).filter(|(_, f)| f.is_none());
    let warnings = missing.map(|(name, _)| Warning::NoPrediction { file_name: (*name).to_owned() }).collect();
    Ok((found, warnings))
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn stem(name: &str) -> &str {
    let base = base(name);
    base.rsplit_once('.').map_or(base, |(stem, _)| if stem.is_empty() { base } else { stem })
}

/// The truth's pages with what was predicted for each.
struct Joined<'a> {
    truth: &'a [NamedPage],
    instances: Vec<Vec<Found<'a>>>,
    lines: Vec<Vec<Found<'a>>>,
    warnings: Vec<Warning>,
}

impl<'a> Joined<'a> {
    fn new<P: Predicted>(truth: &'a [NamedPage], predictions: &'a [P]) -> Result<Self> {
        let names = truth.iter().map(|(name, _)| name.as_str());
        let (found, mut warnings) = join(names, predictions.iter().map(Predicted::file_name))?;
        let each = |of: fn(&'a P) -> Vec<Found<'a>>| -> Vec<Vec<Found<'a>>> {
            found.iter().map(|f| f.map_or_else(Vec::new, |k| of(&predictions[k]))).collect()
        };
        let (instances, lines) = (each(P::instances), each(P::lines));
        for ((name, _), (instances, lines)) in truth.iter().zip(instances.iter().zip(&lines)) {
            let all = instances.iter().chain(lines);
            let outlines = all.filter(|f| crate::predicted::is_empty(f.outline)).count();
            if outlines > 0 {
                warnings.push(Warning::NoArea { file_name: name.clone(), outlines });
            }
        }
        Ok(Self { truth, instances, lines, warnings })
    }

    fn has_lines(&self) -> bool {
        self.lines.iter().any(|l| !l.is_empty())
    }
}

/// Which instances of a page count, and which are ignored: their indices and outlines.
struct Sides<'a> {
    counted: Vec<usize>,
    counted_outlines: Vec<&'a [Point]>,
    ignored_outlines: Vec<&'a [Point]>,
}

impl<'a> Sides<'a> {
    fn new(page: &'a Page, counts: impl Fn(&TextInstance) -> bool) -> Self {
        let outline = |i: usize| page.instances[i].region.polygon.points();
        let (counted, ignored): (Vec<usize>, Vec<usize>) =
            (0..page.instances.len()).partition(|&i| counts(&page.instances[i]));
        Self {
            counted_outlines: counted.iter().map(|&i| outline(i)).collect(),
            ignored_outlines: ignored.into_iter().map(outline).collect(),
            counted,
        }
    }
}

/// Reorders images from the worst hmean to the best; equal ones keep their order.
fn worst_first<T>(mut images: Vec<T>, score: impl Fn(&T) -> &Score) -> Vec<T> {
    images.sort_by(|a, b| score(a).hmean.total_cmp(&score(b).hmean));
    images
}
