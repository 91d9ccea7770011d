use glyphic_core::Point;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ic13::{self, Ic13Options};
use crate::measure::scores_above;
use crate::outline::share;
use crate::plot::best_threshold;
use crate::{Error, Outline, OutlineRule, Result};

/// Recall, precision and their harmonic mean, with the counts they come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Truths that count (ignored ones do not).
    pub truths: usize,
    /// Predictions that count (those on ignored truths do not).
    pub predictions: usize,
    /// Truths found. A whole number but for the ICDAR 2013 metric, which gives part credit.
    pub recall_hits: f64,
    /// Predictions that found something.
    pub precision_hits: f64,
    /// `recall_hits / truths`; 1 without truths.
    pub recall: f64,
    /// `precision_hits / predictions`; without truths 1 where nothing is predicted, else 0.
    pub precision: f64,
    /// Harmonic mean of both (F1), 0 where both are 0.
    pub hmean: f64,
}

impl Score {
    /// The ratios of these counts.
    pub fn new(recall_hits: f64, precision_hits: f64, truths: usize, predictions: usize) -> Self {
        let (recall, precision, hmean) = hmean_of(recall_hits, precision_hits, truths, predictions);
        Self { truths, predictions, recall_hits, precision_hits, recall, precision, hmean }
    }

    /// The score of a data set from those of its images, summed in their order.
    pub fn total<'a>(images: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut recall_hits, mut precision_hits, mut truths, mut predictions) = (0.0, 0.0, 0, 0);
        for image in images {
            recall_hits += image.recall_hits;
            precision_hits += image.precision_hits;
            truths += image.truths;
            predictions += image.predictions;
        }
        Self::new(recall_hits, precision_hits, truths, predictions)
    }
}

/// (recall, precision, hmean) of counts; see [`Score`] for what holds without truths or predictions.
pub fn hmean_of(recall_hits: f64, precision_hits: f64, truths: usize, predictions: usize) -> (f64, f64, f64) {
    let (recall, precision) = if truths == 0 {
        (1.0, if predictions == 0 { 1.0 } else { 0.0 })
    } else {
        let precision = if predictions == 0 { 0.0 } else { precision_hits / predictions as f64 };
        (recall_hits / truths as f64, precision)
    };
    let sum = recall + precision;
    (recall, precision, if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum })
}

/// How hmean-iou matches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IouOptions {
    /// A pair matches above (not at) this intersection over union, 0 to 1.
    pub iou_threshold: f64,
    /// A prediction of which more than this share lies on one ignored truth does not count, 0 to 1.
    pub ignore_threshold: f64,
    /// What the inside of a self-crossing outline is.
    pub rule: OutlineRule,
}

impl Default for IouOptions {
    /// 0.5 and 0.5, as ICDAR 2015.
    fn default() -> Self {
        Self { iou_threshold: 0.5, ignore_threshold: 0.5, rule: OutlineRule::EvenOdd }
    }
}

/// A way to match predictions with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// One to one by intersection over union (ICDAR 2015).
    HmeanIou(IouOptions),
    /// One to one, one to many and many to one by area recall and precision (ICDAR 2013).
    HmeanIc13(Ic13Options),
}

impl Default for Metric {
    fn default() -> Self {
        Self::HmeanIou(IouOptions::default())
    }
}

impl Metric {
    /// `hmean-iou` or `hmean-ic13`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HmeanIou(_) => "hmean-iou",
            Self::HmeanIc13(_) => "hmean-ic13",
        }
    }

    pub(crate) fn rule(&self) -> OutlineRule {
        match self {
            Self::HmeanIou(o) => o.rule,
            Self::HmeanIc13(o) => o.rule,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::HmeanIou(o) => {
                fraction("iou_threshold", o.iou_threshold)?;
                fraction("ignore_threshold", o.ignore_threshold)
            }
            Self::HmeanIc13(o) => o.check(),
        }
    }

    /// The score of an image whose predictions `kept` take part, and what matched.
    pub(crate) fn match_image(
        &self,
        image: usize,
        overlaps: &Overlaps<'_>,
        kept: &[usize],
    ) -> Result<Matched> {
        match self {
            Self::HmeanIou(o) => overlaps.match_by_iou(o, image, kept),
            Self::HmeanIc13(o) => ic13::match_image(overlaps, o, image, kept),
        }
    }

    /// The share of a prediction on an ignored truth above which it does not count.
    pub(crate) fn ignore_threshold(&self) -> f64 {
        match self {
            Self::HmeanIou(o) => o.ignore_threshold,
            Self::HmeanIc13(o) => o.precision_threshold,
        }
    }
}

pub(crate) fn fraction(name: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Option { name, value, low: 0.0, high: 1.0 })
}

/// The score of an image and its (truth, prediction) pairs: indices, ignored truths behind the others.
pub(crate) type Matched = (Score, Vec<(usize, usize)>);

/// The score of a data set and of each of its images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HmeanReport {
    /// All images together.
    pub dataset: Score,
    /// Each image, in the order given.
    pub images: Vec<Score>,
}

/// Indices of the images from the worst hmean to the best; equal ones keep their order.
pub fn rank(images: &[Score]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by(|&a, &b| images[a].hmean.total_cmp(&images[b].hmean));
    order
}

/// Everything the metrics ask of one image, computed once: areas, and the pairs that share some area.
pub(crate) struct Overlaps<'a> {
    /// Truths that count; the ignored ones follow them in `truth_areas` and `pairs`.
    pub(crate) cared: usize,
    pub(crate) truths: Vec<&'a [Point]>,
    pub(crate) predictions: Vec<&'a [Point]>,
    pub(crate) truth_areas: Vec<f64>,
    pub(crate) prediction_areas: Vec<f64>,
    /// For each truth, the predictions that share area with it, ascending, and that area.
    pub(crate) pairs: Vec<Vec<(usize, f64)>>,
}

impl<'a> Overlaps<'a> {
    pub(crate) fn new(
        predictions: impl IntoIterator<Item = &'a [Point]>,
        truths: impl IntoIterator<Item = &'a [Point]>,
        ignored: impl IntoIterator<Item = &'a [Point]>,
        rule: OutlineRule,
    ) -> Self {
        let mut truths: Vec<&[Point]> = truths.into_iter().collect();
        let cared = truths.len();
        truths.extend(ignored);
        let predictions: Vec<&[Point]> = predictions.into_iter().collect();
        let prepare = |all: &[&[Point]]| all.iter().map(|p| Outline::new(p, rule)).collect::<Vec<_>>();
        let (truth_outlines, prediction_outlines) = (prepare(&truths), prepare(&predictions));
        let pairs = truth_outlines
            .iter()
            .map(|t| {
                let shared = prediction_outlines.iter().map(|p| t.intersection(p)).enumerate();
                shared.filter(|&(_, area)| area > 0.0).collect()
            })
            .collect();
        let areas = |all: &[Outline]| all.iter().map(Outline::area).collect();
        Self {
            cared,
            truth_areas: areas(&truth_outlines),
            prediction_areas: areas(&prediction_outlines),
            truths,
            predictions,
            pairs,
        }
    }

    /// Intersection over union of a pair, 0 where the union is empty.
    pub(crate) fn iou(&self, truth: usize, prediction: usize) -> f64 {
        let pair = self.pairs[truth].iter().find(|(p, _)| *p == prediction);
        pair.map_or(0.0, |&(_, shared)| {
            let union = self.truth_areas[truth] + self.prediction_areas[prediction] - shared;
            share(shared, union)
        })
    }

    /// For each prediction, whether more than `threshold` of it lies on one ignored truth.
    pub(crate) fn ignored(&self, threshold: f64) -> Vec<bool> {
        let mut ignored = vec![false; self.predictions.len()];
        for &(p, shared) in self.pairs[self.cared..].iter().flatten() {
            let area = self.prediction_areas[p];
            ignored[p] |= share(shared, area) > threshold;
        }
        ignored
    }

    /// Greedy one-to-one matching of the kept predictions; also gives the (truth, prediction) pairs.
    pub(crate) fn match_by_iou(&self, options: &IouOptions, image: usize, kept: &[usize]) -> Result<Matched> {
        if options.rule == OutlineRule::Mmocr021 {
            self.check_unions(image, kept)?;
        }
        let ignored = self.ignored(options.ignore_threshold);
        let mut free = vec![false; self.predictions.len()];
        for &p in kept {
            free[p] = !ignored[p];
        }
        let counted = free.iter().filter(|f| **f).count();
        let mut matched = Vec::new();
        for (t, pairs) in self.pairs[..self.cared].iter().enumerate() {
            let hit = pairs.iter().find(|&&(p, shared)| {
                let union = self.truth_areas[t] + self.prediction_areas[p] - shared;
                free[p] && share(shared, union) > options.iou_threshold
            });
            if let Some(&(p, _)) = hit {
                free[p] = false;
                matched.push((t, p));
            }
        }
        let hits = matched.len() as f64;
        Ok((Score::new(hits, hits, self.cared, counted), matched))
    }

    /// The reference divides by every union, those of ignored pairs too.
    fn check_unions(&self, image: usize, kept: &[usize]) -> Result<()> {
        for (truth, pairs) in self.pairs.iter().enumerate() {
            for &prediction in kept {
                let shared = pairs.iter().find(|(p, _)| *p == prediction).map_or(0.0, |(_, area)| *area);
                let sum = self.truth_areas[truth] + self.prediction_areas[prediction];
                // A shoelace area of 0 leaves a union of rounding noise, where its other half is all there is.
                if (sum - shared).abs() <= sum.max(shared) * 1e-12 {
                    return Err(Error::EmptyUnion { image, truth, prediction });
                }
            }
        }
        Ok(())
    }
}

/// Indices of the predictions of which more than `threshold` (0 to 1) lies on one of the ignored outlines.
///
/// # Errors
/// [`Error::Option`] for a threshold outside 0 to 1.
pub fn ignored_predictions<P: AsRef<[Point]>, T: AsRef<[Point]>>(
    predictions: &[P],
    ignored: &[T],
    threshold: f64,
    rule: OutlineRule,
) -> Result<Vec<usize>> {
    fraction("threshold", threshold)?;
    let overlaps =
        Overlaps::new(predictions.iter().map(AsRef::as_ref), [], ignored.iter().map(AsRef::as_ref), rule);
    Ok(overlaps.ignored(threshold).iter().enumerate().filter(|(_, i)| **i).map(|(p, _)| p).collect())
}

/// The overlaps of every image.
pub(crate) fn prepare<'a, P, T, I>(
    predictions: &'a [Vec<I>],
    outline: impl Fn(&'a I) -> &'a P + Sync,
    truths: &'a [Vec<T>],
    ignored: &'a [Vec<T>],
    rule: OutlineRule,
) -> Result<Vec<Overlaps<'a>>>
where
    P: AsRef<[Point]> + 'a,
    T: AsRef<[Point]> + Sync,
    I: Sync,
{
    for (what, got) in [("predictions", predictions.len()), ("ignored truth", ignored.len())] {
        if got != truths.len() {
            return Err(Error::Count { what, expected: truths.len(), got });
        }
    }
    let image = |i: usize| {
        Overlaps::new(
            predictions[i].iter().map(|p| outline(p).as_ref()),
            truths[i].iter().map(AsRef::as_ref),
            ignored[i].iter().map(AsRef::as_ref),
            rule,
        )
    };
    Ok((0..truths.len()).into_par_iter().map(image).collect())
}

/// Runs `f` on every image and gives the results in their order, or the error of the first image that has one:
/// whichever thread is the quickest.
pub(crate) fn for_each_image<T: Sync, R: Send>(
    images: &[T],
    f: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let all: Vec<Result<R>> = images.par_iter().enumerate().map(|(i, image)| f(i, image)).collect();
    all.into_iter().collect()
}

fn score_all(overlaps: &[Overlaps<'_>], metric: &Metric) -> Result<HmeanReport> {
    let images = for_each_image(overlaps, |i, o| {
        let every: Vec<usize> = (0..o.predictions.len()).collect();
        metric.match_image(i, o, &every).map(|(score, _)| score)
    })?;
    Ok(HmeanReport { dataset: Score::total(&images), images })
}

/// hmean-iou of a data set: predictions, truths that count and ignored truths of each image.
///
/// Truths are taken in order; each takes the first free prediction above the threshold. A prediction on an ignored
/// truth leaves the count, even where it also matches a truth.
///
/// # Errors
/// [`Error::Count`] for lists of different length, [`Error::Option`] for a threshold outside 0 to 1; under
/// [`OutlineRule::Mmocr021`] also [`Error::EmptyUnion`].
pub fn eval_hmean_iou<P: AsRef<[Point]> + Sync, T: AsRef<[Point]> + Sync>(
    predictions: &[Vec<P>],
    truths: &[Vec<T>],
    ignored: &[Vec<T>],
    options: &IouOptions,
) -> Result<HmeanReport> {
    let metric = Metric::HmeanIou(*options);
    metric.check()?;
    score_all(&prepare(predictions, |p| p, truths, ignored, options.rule)?, &metric)
}

/// hmean-ic13 of a data set: predictions, truths that count and ignored truths of each image. See [`Ic13Options`].
///
/// # Errors
/// [`Error::Count`] for lists of different length, [`Error::Option`] for an option outside its range; under
/// [`OutlineRule::Mmocr021`] also [`Error::NotAQuad`].
pub fn eval_hmean_ic13<P: AsRef<[Point]> + Sync, T: AsRef<[Point]> + Sync>(
    predictions: &[Vec<P>],
    truths: &[Vec<T>],
    ignored: &[Vec<T>],
    options: &Ic13Options,
) -> Result<HmeanReport> {
    let metric = Metric::HmeanIc13(*options);
    metric.check()?;
    score_all(&prepare(predictions, |p| p, truths, ignored, options.rule)?, &metric)
}

/// Which score thresholds are tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// Predictions must lie above (not at) this score to take part at all.
    pub min_score: f64,
    /// At each of these, predictions at or above it are kept. Ascending.
    pub thresholds: Vec<f64>,
}

impl Default for Sweep {
    /// Above 0.3, then `i * 0.1` for i in 3 to 9: in doubles the fourth is 0.6000000000000001.
    fn default() -> Self {
        Self { min_score: 0.3, thresholds: (3..=9).map(|i| f64::from(i) * 0.1).collect() }
    }
}

impl Sweep {
    /// These thresholds in ascending order, and nothing below them cut off.
    pub fn at(mut thresholds: Vec<f64>) -> Self {
        thresholds.sort_by(f64::total_cmp);
        Self { min_score: f64::NEG_INFINITY, thresholds }
    }

    /// 0 to 1 in steps of 0.01, for a curve.
    pub fn fine() -> Self {
        Self::at((0..=100).map(|i| f64::from(i) / 100.0).collect())
    }
}

/// The score of a data set at one score threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdScore {
    /// The threshold.
    pub threshold: f64,
    /// All images together.
    #[serde(flatten)]
    pub score: Score,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// The threshold of the highest hmean, the lowest of equals.
    pub best: ThresholdScore,
    /// Every threshold, in order.
    pub thresholds: Vec<ThresholdScore>,
    /// Each image at the best threshold. [`rank`] orders them.
    pub images: Vec<Score>,
    /// Each image at each threshold: `image_scores[threshold][image]`.
    pub image_scores: Vec<Vec<Score>>,
}

/// The best of a sweep over score thresholds; each prediction comes with its score. `None` without thresholds.
///
/// # Errors
/// As [`eval_hmean_iou`] and [`eval_hmean_ic13`].
pub fn eval_hmean<P: AsRef<[Point]> + Sync, T: AsRef<[Point]> + Sync>(
    predictions: &[Vec<(P, f64)>],
    truths: &[Vec<T>],
    ignored: &[Vec<T>],
    metric: &Metric,
    sweep: &Sweep,
) -> Result<Option<SweepReport>> {
    metric.check()?;
    let overlaps = prepare(predictions, |p| &p.0, truths, ignored, metric.rule())?;
    let scores: Vec<Vec<f64>> = predictions.iter().map(|p| p.iter().map(|p| p.1).collect()).collect();
    sweep_overlaps(&overlaps, &scores, metric, sweep)
}

/// [`eval_hmean`] of images whose overlaps are known; `scores` has a list for each.
pub(crate) fn sweep_overlaps(
    overlaps: &[Overlaps<'_>],
    scores: &[Vec<f64>],
    metric: &Metric,
    sweep: &Sweep,
) -> Result<Option<SweepReport>> {
    let per_image = for_each_image(overlaps, |i, o| {
        let above = scores_above(&scores[i], sweep.min_score);
        let at = |&threshold: &f64| {
            let kept: Vec<usize> = above.iter().copied().filter(|&p| scores[i][p] >= threshold).collect();
            metric.match_image(i, o, &kept).map(|(score, _)| score)
        };
        sweep.thresholds.iter().map(at).collect::<Result<Vec<Score>>>()
    })?;
    let image_scores: Vec<Vec<Score>> =
        (0..sweep.thresholds.len()).map(|k| per_image.iter().map(|s| s[k]).collect()).collect();
    let thresholds: Vec<ThresholdScore> = (sweep.thresholds.iter().zip(&image_scores))
        .map(|(&threshold, images)| ThresholdScore { threshold, score: Score::total(images) })
        .collect();
    Ok(best_threshold(&thresholds).map(|k| SweepReport {
        best: thresholds[k],
        images: image_scores[k].clone(),
        thresholds,
        image_scores,
    }))
}
