use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Joined, NamedPage, Sides, Warning, worst_first};
use crate::hmean::{Overlaps, for_each_image, sweep_overlaps};
use crate::table::{Table, list};
use crate::{Found, Metric, Predicted, Result, Score, Sweep, ThresholdScore};

/// How detection is evaluated.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionOptions {
    /// How predictions match the truth.
    pub metric: Metric,
    /// The score thresholds that are tried.
    pub sweep: Sweep,
}

/// A prediction that matches a truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Index among all instances of the truth's page.
    pub truth: usize,
    /// Index of the prediction.
    pub prediction: usize,
    /// Their intersection over union.
    pub iou: f64,
}

/// One image with every prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionImage {
    /// Its file name in the truth.
    pub file_name: String,
    /// Its score.
    #[serde(flatten)]
    pub score: Score,
    /// What matched.
    pub matches: Vec<Match>,
    /// Truths that count and were not found: indices among all instances of the truth's page.
    pub missed: Vec<usize>,
    /// Predictions that count and match nothing.
    pub wrong: Vec<usize>,
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
    pub images: Vec<DetectionImage>,
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
/// [`crate::Error::UnknownImage`] for a prediction without truth, [`crate::Error::DuplicateImage`] for two entries of
/// one image, [`crate::Error::Order`] and [`crate::Error::UnnamedPrediction`] where names are missing, and those of
/// [`crate::eval_hmean`].
pub fn evaluate_detection<P: Predicted>(
    truth: &[NamedPage],
    predictions: &[P],
    options: &DetectionOptions,
) -> Result<DetectionReport> {
    options.metric.check()?;
    let joined = Joined::new(truth, predictions)?;
    let lines = if joined.has_lines() { Some(level(&joined, &joined.lines, options)?) } else { None };
    Ok(DetectionReport {
        images: truth.len(),
        metric: options.metric.name().to_owned(),
        instances: level(&joined, &joined.instances, options)?,
        lines,
        warnings: joined.warnings,
    })
}

fn level(
    joined: &Joined<'_>,
    predicted: &[Vec<Found<'_>>],
    options: &DetectionOptions,
) -> Result<DetectionLevel> {
    let metric = &options.metric;
    let sides: Vec<Sides<'_>> =
        joined.truth.iter().map(|(_, page)| Sides::new(page, |i| !i.ignore)).collect();
    let overlaps: Vec<Overlaps<'_>> = (sides.par_iter().zip(predicted))
        .map(|(sides, predicted)| {
            let (counted, ignored) = (&sides.counted_outlines, &sides.ignored_outlines);
            let predicted = predicted.iter().map(|f| f.outline);
            Overlaps::new(predicted, counted.iter().copied(), ignored.iter().copied(), metric.rule())
        })
        .collect();
    let images = for_each_image(&overlaps, |i, overlaps| {
        image(&joined.truth[i].0, i, overlaps, &sides[i].counted, metric)
    })?;
    let scores: Vec<Vec<f64>> = predicted.iter().map(|p| p.iter().map(|f| f.score).collect()).collect();
    let swept = sweep_overlaps(&overlaps, &scores, metric, &options.sweep)?;
    Ok(DetectionLevel {
        all: Score::total(images.iter().map(|i| &i.score)),
        best: swept.as_ref().map(|s| s.best),
        thresholds: swept.map_or_else(Vec::new, |s| s.thresholds),
        images: worst_first(images, |i| &i.score),
    })
}

fn image(
    file_name: &str,
    index: usize,
    overlaps: &Overlaps<'_>,
    counted: &[usize],
    metric: &Metric,
) -> Result<DetectionImage> {
    let every: Vec<usize> = (0..overlaps.predictions.len()).collect();
    let (score, matched) = metric.match_image(index, overlaps, &every)?;
    let ignored = overlaps.ignored(metric.ignore_threshold());
    let mut missed = vec![true; counted.len()];
    let mut wrong: Vec<bool> = ignored.iter().map(|ignored| !ignored).collect();
    let mut matches: Vec<Match> = Vec::with_capacity(matched.len());
    for (t, prediction) in matched {
        missed[t] = false;
        wrong[prediction] = false;
        matches.push(Match { truth: counted[t], prediction, iou: overlaps.iou(t, prediction) });
    }
    let indices = |flags: Vec<bool>| flags.into_iter().enumerate().filter(|(_, f)| *f).map(|(i, _)| i);
    Ok(DetectionImage {
        file_name: file_name.to_owned(),
        score,
        matches,
        missed: indices(missed).map(|t| counted[t]).collect(),
        wrong: indices(wrong).collect(),
    })
}

impl fmt::Display for DetectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} images", self.metric, self.images)?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "hmean"]);
        let mut level = |name: &str, level: &DetectionLevel| {
            table.score(name, &level.all);
            let best = level.best.as_ref().map(|b| b.threshold);
            for t in &level.thresholds {
                let mark = if Some(t.threshold) == best { ", best" } else { "" };
                table.score(&format!("{name}, score >= {:.2}{mark}", t.threshold), &t.score);
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
