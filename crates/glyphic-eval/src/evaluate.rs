use std::collections::HashMap;
use std::fmt;

use glyphic_core::{Page, Point};
use serde::{Deserialize, Serialize};

use crate::hmean::{Metric, Score, Sweep, SweepReport, ThresholdScore, eval_hmean};
use crate::table::{Table, list};
use crate::{Error, RecognitionScore, Result, match_pair, rank};

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
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrediction { file_name } => {
                write!(f, "no prediction for {file_name}: counted as if nothing had been found")
            }
        }
    }
}

/// For each truth the index of its prediction.
///
/// Names are compared whole; a prediction whose whole name is unknown is looked up by its last path component, where
/// that is unique in the truth (predictions often hold the path that was read).
pub(crate) fn join<'a>(
    truth: impl ExactSizeIterator<Item = &'a str>,
    predictions: impl Iterator<Item = &'a str>,
) -> Result<(Vec<Option<usize>>, Vec<Warning>)> {
    fn base(name: &str) -> &str {
        name.rsplit(['/', '\\']).next().unwrap_or(name)
    }
    let names: Vec<&str> = truth.collect();
    let mut whole = HashMap::new();
    let mut by_base: HashMap<&str, Option<usize>> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if whole.insert(*name, i).is_some() {
            return Err(Error::DuplicateImage { file_name: (*name).to_owned(), side: "truth" });
        }
        by_base.entry(base(name)).and_modify(|e| *e = None).or_insert(Some(i));
    }
    let mut found = vec![None; names.len()];
    for (k, name) in predictions.enumerate() {
        let i = whole.get(name).copied().or_else(|| by_base.get(base(name)).copied().flatten());
        let Some(i) = i else {
            return Err(Error::UnknownImage { file_name: name.to_owned(), images: names.len() });
        };
        if found[i].replace(k).is_some() {
            return Err(Error::DuplicateImage { file_name: name.to_owned(), side: "predictions" });
        }
    }
    let missing = names.iter().zip(&found).filter(|(_, f)| f.is_none());
    let warnings = missing.map(|(name, _)| Warning::NoPrediction { file_name: (*name).to_owned() }).collect();
    Ok((found, warnings))
}

/// How detection is evaluated.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionOptions {
    /// How predictions match the truth.
    pub metric: Metric,
    /// The score thresholds that are tried.
    pub sweep: Sweep,
}

/// The score of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageScore {
    /// Its file name in the truth.
    pub file_name: String,
    /// Its score.
    #[serde(flatten)]
    pub score: Score,
}

/// Detection at one level: words or lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionLevel {
    /// Every prediction as it stands.
    pub all: Score,
    /// The score threshold of the highest hmean; `None` where no threshold was tried.
    pub best: Option<ThresholdScore>,
    /// Every threshold tried, ascending.
    pub thresholds: Vec<ThresholdScore>,
    /// Each image with every prediction, from the worst hmean to the best.
    pub images: Vec<ImageScore>,
}

/// What [`evaluate_detection`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionReport {
    /// Images of the truth.
    pub images: usize,
    /// `hmean-iou` or `hmean-ic13`.
    pub metric: String,
    /// The predicted instances against the truth.
    pub instances: DetectionLevel,
    /// The predicted lines against the truth, where there are any.
    pub lines: Option<DetectionLevel>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Detection of a data set: predicted instances, and predicted lines where there are any, against the instances
/// of the truth. An image without prediction counts as one where nothing was found, with a warning.
///
/// # Errors
/// [`Error::UnknownImage`] for a prediction without truth, [`Error::DuplicateImage`] for two entries of one image,
/// and those of [`crate::eval_hmean`].
pub fn evaluate_detection(
    truth: &[NamedPage],
    predictions: &[NamedPage],
    options: &DetectionOptions,
) -> Result<DetectionReport> {
    let (found, warnings) =
        join(truth.iter().map(|(n, _)| n.as_str()), predictions.iter().map(|(n, _)| n.as_str()))?;
    let empty = Page::default();
    let predicted: Vec<&Page> = found.iter().map(|f| f.map_or(&empty, |k| &predictions[k].1)).collect();
    let outlines = |ignore| truth.iter().map(|(_, page)| page_outlines(page, ignore)).collect::<Vec<_>>();
    let (counted, ignored) = (outlines(false), outlines(true));
    let level = |predictions: Vec<Vec<(&[Point], f64)>>| -> Result<DetectionLevel> {
        let everything = Sweep { min_score: f64::NEG_INFINITY, thresholds: vec![f64::NEG_INFINITY] };
        let sweep = |sweep| eval_hmean(&predictions, &counted, &ignored, &options.metric, sweep);
        let (all, images) = match sweep(&everything)? {
            Some(SweepReport { best, images, .. }) => (best.score, images),
            None => (Score::total([]), Vec::new()),
        };
        let named = |i: usize| ImageScore { file_name: truth[i].0.clone(), score: images[i] };
        let swept = sweep(&options.sweep)?;
        Ok(DetectionLevel {
            all,
            best: swept.as_ref().map(|s| s.best),
            thresholds: swept.map_or_else(Vec::new, |s| s.thresholds),
            images: rank(&images).into_iter().map(named).collect(),
        })
    };
    let instances = predicted.iter().map(|page| {
        let scored = page.instances.iter().map(|i| (i.region.polygon.points(), f64::from(i.region.score)));
        scored.collect()
    });
    let lines = predicted.iter().map(|page| {
        let scored = page.lines.iter().map(|l| (l.polygon.points(), f64::from(l.score)));
        scored.collect()
    });
    let has_lines = predicted.iter().any(|page| !page.lines.is_empty());
    Ok(DetectionReport {
        images: truth.len(),
        metric: options.metric.name().to_owned(),
        instances: level(instances.collect())?,
        lines: if has_lines { Some(level(lines.collect())?) } else { None },
        warnings,
    })
}

/// Outlines of the instances that are ignored, or of those that are not.
pub(crate) fn page_outlines(page: &Page, ignore: bool) -> Vec<&[Point]> {
    page.instances.iter().filter(|i| i.ignore == ignore).map(|i| i.region.polygon.points()).collect()
}

impl fmt::Display for DetectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} images", self.metric, self.images)?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "hmean"]);
        let mut level = |name: &str, level: &DetectionLevel| {
            table.score(name, &level.all);
            if let Some(best) = &level.best {
                table.score(&format!("{name}, best (score >= {:.2})", best.threshold), &best.score);
            }
        };
        level("instances", &self.instances);
        if let Some(lines) = &self.lines {
            level("lines", lines);
        }
        write!(f, "{table}")?;
        list(f, &self.warnings)
    }
}

/// A text that was read wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The crop.
    pub file_name: String,
    /// What it says.
    pub truth: String,
    /// What was read.
    pub prediction: String,
    /// Normalised edit distance in lower case without symbols, 0 to 1.
    pub normalised_distance: f64,
}

/// What [`evaluate_recognition`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecognitionReport {
    /// The metrics.
    #[serde(flatten)]
    pub score: RecognitionScore,
    /// Every text that is not equal to its truth, the farthest first.
    pub mistakes: Vec<Mistake>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Recognition of a data set: (file name, text) of truth and predictions. A crop without prediction counts as read
/// empty, with a warning.
///
/// # Errors
/// [`Error::UnknownImage`] for a prediction without truth, [`Error::DuplicateImage`] for two entries of one crop.
pub fn evaluate_recognition(
    truth: &[(String, String)],
    predictions: &[(String, String)],
) -> Result<RecognitionReport> {
    let (found, warnings) =
        join(truth.iter().map(|(n, _)| n.as_str()), predictions.iter().map(|(n, _)| n.as_str()))?;
    let pairs: Vec<(&str, &str)> = (truth.iter().zip(&found))
        .map(|((_, text), f)| (f.map_or("", |k| predictions[k].1.as_str()), text.as_str()))
        .collect();
    let mut mistakes: Vec<Mistake> = (truth.iter().zip(&pairs))
        .filter(|(_, (p, t))| p != t)
        .map(|((name, _), (p, t))| Mistake {
            file_name: name.clone(),
            truth: (*t).to_owned(),
            prediction: (*p).to_owned(),
            normalised_distance: match_pair(p, t).normalised_distance,
        })
        .collect();
    mistakes.sort_by(|a, b| b.normalised_distance.total_cmp(&a.normalised_distance));
    Ok(RecognitionReport { score: RecognitionScore::new(&pairs), mistakes, warnings })
}

impl fmt::Display for RecognitionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "recognition of {} texts", self.score.pairs)?;
        let mut table = Table::new(["", "value"]);
        for (name, value) in self.score.values() {
            table.row([name.to_owned(), format!("{value:.4}")]);
        }
        write!(f, "{table}")?;
        list(f, &self.warnings)
    }
}
