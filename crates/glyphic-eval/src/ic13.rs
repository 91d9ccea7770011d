use glyphic_core::Point;
use serde::{Deserialize, Serialize};

use crate::hmean::{Matched, Overlaps, fraction};
use crate::measure::{box_diagonal, centre_distance};
use crate::outline::share;
use crate::{Error, OutlineRule, Result, Score};

/// How hmean-ic13 matches (Wolf and Jolion, "Object count/area graphs for the evaluation of object detection and
/// segmentation algorithms", 2006, as ICDAR 2013 set it up).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ic13Options {
    /// Share of the prediction that must lie on the truth, 0 to 1; also the share on an ignored truth above which a
    /// prediction does not count.
    pub precision_threshold: f64,
    /// Share of the truth that must be covered, 0 to 1.
    pub recall_threshold: f64,
    /// One-to-one matches must have their centres closer than this many mean diagonals, above 0.
    pub centre_distance: f64,
    /// Credit of a one-to-one match, 0 to 1.
    pub one_to_one: f64,
    /// Credit where several predictions share a truth, for the truth and for each of them, 0 to 1.
    pub one_to_many: f64,
    /// Credit where a prediction covers several truths, for each of them and for it, 0 to 1.
    pub many_to_one: f64,
    /// What the inside of a self-crossing outline is. Under [`OutlineRule::Mmocr021`] a one-to-one match of a polygon
    /// that has not four vertices is an error; else its diagonal is the distance of its farthest vertices.
    pub rule: OutlineRule,
}

impl Default for Ic13Options {
    fn default() -> Self {
        Self {
            precision_threshold: 0.4,
            recall_threshold: 0.8,
            centre_distance: 1.0,
            one_to_one: 1.0,
            one_to_many: 0.8,
            many_to_one: 1.0,
            rule: OutlineRule::EvenOdd,
        }
    }
}

impl Ic13Options {
    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in [
            ("precision_threshold", self.precision_threshold),
            ("recall_threshold", self.recall_threshold),
            ("one_to_one", self.one_to_one),
            ("one_to_many", self.one_to_many),
            ("many_to_one", self.many_to_one),
        ] {
            fraction(name, value)?;
        }
        if self.centre_distance > 0.0 {
            return Ok(());
        }
        Err(Error::Option {
            name: "centre_distance",
            value: self.centre_distance,
            low: f64::MIN_POSITIVE,
            high: f64::INFINITY,
        })
    }
}

/// Area recall and precision of every pair of an image, and the thresholds on them.
#[derive(Debug, Clone)]
pub struct Ratios {
    /// `recall[truth][prediction]`: the share of the truth that the prediction covers.
    pub recall: Vec<Vec<f64>>,
    /// `precision[truth][prediction]`: the share of the prediction that lies on the truth.
    pub precision: Vec<Vec<f64>>,
    /// Threshold on the recall.
    pub recall_threshold: f64,
    /// Threshold on the precision.
    pub precision_threshold: f64,
}

impl Ratios {
    fn both_above(&self, truth: usize, prediction: usize) -> bool {
        self.recall[truth][prediction] > self.recall_threshold
            && self.precision[truth][prediction] > self.precision_threshold
    }
}

/// Whether the pair matches and is the only one of its row and of its column that does; both tests are strict.
pub fn one_to_one(ratios: &Ratios, truth: usize, prediction: usize) -> bool {
    let alone_in_row =
        || (0..ratios.recall[truth].len()).filter(|&p| ratios.both_above(truth, p)).count() == 1;
    let alone_in_column =
        || (0..ratios.recall.len()).filter(|&t| ratios.both_above(t, prediction)).count() == 1;
    ratios.both_above(truth, prediction) && alone_in_row() && alone_in_column()
}

/// The free predictions that lie on the truth, where together they cover it; both tests allow equality.
pub fn one_to_many(
    ratios: &Ratios,
    truth: usize,
    truth_taken: bool,
    prediction_free: &[bool],
) -> Option<Vec<usize>> {
    let (recall, precision) = (&ratios.recall[truth], &ratios.precision[truth]);
    let parts: Vec<usize> = (0..recall.len())
        .filter(|&p| !truth_taken && prediction_free[p] && precision[p] >= ratios.precision_threshold)
        .collect();
    let sum = parts.iter().fold(0.0, |sum, &p| sum + recall[p]);
    (sum >= ratios.recall_threshold).then_some(parts)
}

/// The free truths that the prediction covers, where together they fill it; both tests allow equality.
pub fn many_to_one(
    ratios: &Ratios,
    prediction: usize,
    prediction_taken: bool,
    truth_free: &[bool],
) -> Option<Vec<usize>> {
    let parts: Vec<usize> = (0..ratios.recall.len())
        .filter(|&t| {
            !prediction_taken && truth_free[t] && ratios.recall[t][prediction] >= ratios.recall_threshold
        })
        .collect();
    let sum = parts.iter().fold(0.0, |sum, &t| sum + ratios.precision[t][prediction]);
    (sum >= ratios.precision_threshold).then_some(parts)
}

pub(crate) fn match_image(
    overlaps: &Overlaps<'_>,
    options: &Ic13Options,
    image: usize,
    kept: &[usize],
) -> Result<Matched> {
    let all_ignored = overlaps.ignored(options.precision_threshold);
    let mut prediction_free: Vec<bool> = kept.iter().map(|&p| !all_ignored[p]).collect();
    let counted: Vec<bool> = prediction_free.clone();
    let predictions = counted.iter().filter(|c| **c).count();
    let cared = overlaps.cared;
    let (mut recall_hits, mut precision_hits) = (0.0, 0.0);
    if kept.is_empty() || overlaps.truths.is_empty() {
        return Ok((Score::new(0.0, 0.0, cared, predictions), Vec::new()));
    }
    let mut matched = Vec::new();
    let ratios = ratios(overlaps, options, kept);
    let mut truth_free: Vec<bool> = (0..overlaps.truths.len()).map(|t| t < cared).collect();
    let all_truths = 0..cared;
    for t in all_truths.clone() {
        for p in 0..kept.len() {
            if !truth_free[t] || !prediction_free[p] || !one_to_one(&ratios, t, p) {
                continue;
            }
            let (truth, prediction) = (overlaps.truths[t], overlaps.predictions[kept[p]]);
            let not_a_quad = |vertices| Error::NotAQuad { image, truth: t, prediction: kept[p], vertices };
            let size = diagonal(prediction, options.rule).map_err(not_a_quad)?
                + diagonal(truth, options.rule).map_err(not_a_quad)?;
            if centre_distance(prediction, truth) / size * 2.0 < options.centre_distance {
                truth_free[t] = false;
                prediction_free[p] = false;
                matched.push((t, kept[p]));
                recall_hits += options.one_to_one;
                precision_hits += options.one_to_one;
            }
        }
    }
    for t in all_truths {
        if let Some(parts) = one_to_many(&ratios, t, !truth_free[t], &prediction_free) {
            truth_free[t] = false;
            recall_hits += options.one_to_many;
            precision_hits += options.one_to_many * parts.len() as f64;
            for p in parts {
                prediction_free[p] = false;
                matched.push((t, kept[p]));
            }
        }
    }
    for p in (0..kept.len()).filter(|&p| counted[p]) {
        if let Some(parts) = many_to_one(&ratios, p, !prediction_free[p], &truth_free) {
            prediction_free[p] = false;
            recall_hits += options.many_to_one * parts.len() as f64;
            precision_hits += options.many_to_one;
            for t in parts {
                truth_free[t] = false;
                matched.push((t, kept[p]));
            }
        }
    }
    Ok((Score::new(recall_hits, precision_hits, cared, predictions), matched))
}

fn ratios(overlaps: &Overlaps<'_>, options: &Ic13Options, kept: &[usize]) -> Ratios {
    let column: Vec<Option<usize>> = {
        let mut column = vec![None; overlaps.predictions.len()];
        kept.iter().enumerate().for_each(|(k, &p)| column[p] = Some(k));
        column
    };
    let zeros = vec![vec![0.0; kept.len()]; overlaps.truths.len()];
    let (mut recall, mut precision) = (zeros.clone(), zeros);
    for (t, pairs) in overlaps.pairs.iter().enumerate() {
        for &(p, shared) in pairs {
            let Some(k) = column[p] else { continue };
            recall[t][k] = share(shared, overlaps.truth_areas[t]);
            precision[t][k] = share(shared, overlaps.prediction_areas[p]);
        }
    }
    Ratios {
        recall,
        precision,
        recall_threshold: options.recall_threshold,
        precision_threshold: options.precision_threshold,
    }
}

/// The distance of vertices 0 and 2; for other than four vertices that of the farthest two, or their count as error.
fn diagonal(points: &[Point], rule: OutlineRule) -> Result<f64, usize> {
    match (points, rule) {
        ([a, b, c, d], _) => Ok(box_diagonal(&[*a, *b, *c, *d])),
        (_, OutlineRule::Mmocr021) => Err(points.len()),
        (_, OutlineRule::EvenOdd) => {
            Ok(points.iter().flat_map(|a| points.iter().map(|b| a.distance(*b))).fold(0.0, f64::max))
        }
    }
}
