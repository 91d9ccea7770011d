use glyphic_core::Point;
use glyphic_eval::{
    Entity, Ic13Options, IouOptions, Metric, NerRule, Ratios, RecognitionScore, Score, Sweep, hmean_of,
    ignored_predictions, many_to_one, match_pair, most_probable, one_to_many, one_to_one,
};
use numpy::PyReadonlyArray2;
use pyo3::exceptions::PyZeroDivisionError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{GlyphicError, raise};
use crate::mmocr::polygon::{Polygon, rule};
use crate::mmocr::{outlines, points};

/// Flat outlines of every picture.
type Boxes = Vec<Vec<Vec<f64>>>;

fn all_outlines(boxes: &Boxes) -> PyResult<Vec<Vec<Vec<Point>>>> {
    boxes.iter().map(|image| outlines(image)).collect()
}

/// `num_gts`, `num_dets`, the hits under the metric's names, `recall`, `precision`, `hmean`.
fn whole<'py>(py: Python<'py>, score: &Score, part_credit: bool) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("num_gts", score.truths)?;
    dict.set_item("num_dets", score.predictions)?;
    if part_credit {
        dict.set_item("num_recall", score.recall_hits)?;
        dict.set_item("num_precision", score.precision_hits)?;
    } else {
        dict.set_item("num_match", score.recall_hits as u64)?;
    }
    ratios(&dict, score)?;
    Ok(dict)
}

fn ratios(dict: &Bound<'_, PyDict>, score: &Score) -> PyResult<()> {
    dict.set_item("recall", score.recall)?;
    dict.set_item("precision", score.precision)?;
    dict.set_item("hmean", score.hmean)
}

fn each<'py>(py: Python<'py>, scores: &[Score]) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let one = |score: &Score| {
        let dict = PyDict::new(py);
        ratios(&dict, score)?;
        Ok(dict)
    };
    scores.iter().map(one).collect()
}

type Report<'py> = (Bound<'py, PyDict>, Vec<Bound<'py, PyDict>>);

#[pyfunction]
pub(crate) fn eval_hmean_iou<'py>(
    py: Python<'py>,
    pred: Boxes,
    truth: Boxes,
    ignored: Boxes,
    iou_thr: f64,
    precision_thr: f64,
    compat: bool,
) -> PyResult<Report<'py>> {
    let (pred, truth, ignored) = (all_outlines(&pred)?, all_outlines(&truth)?, all_outlines(&ignored)?);
    let options = IouOptions { iou_threshold: iou_thr, ignore_threshold: precision_thr, rule: rule(compat) };
    let report =
        py.detach(|| glyphic_eval::eval_hmean_iou(&pred, &truth, &ignored, &options)).map_err(raise)?;
    Ok((whole(py, &report.dataset, false)?, each(py, &report.images)?))
}

/// Thresholds and scores of hmean-ic13 in MMOCR's order.
fn ic13(numbers: [f64; 6], compat: bool) -> Ic13Options {
    let [precision_threshold, recall_threshold, centre_distance, one_to_one, one_to_many, many_to_one] =
        numbers;
    Ic13Options {
        precision_threshold,
        recall_threshold,
        centre_distance,
        one_to_one,
        one_to_many,
        many_to_one,
        rule: rule(compat),
    }
}

#[pyfunction]
pub(crate) fn eval_hmean_ic13<'py>(
    py: Python<'py>,
    pred: Boxes,
    truth: Boxes,
    ignored: Boxes,
    numbers: [f64; 6],
    compat: bool,
) -> PyResult<Report<'py>> {
    let (pred, truth, ignored) = (all_outlines(&pred)?, all_outlines(&truth)?, all_outlines(&ignored)?);
    let options = ic13(numbers, compat);
    let report =
        py.detach(|| glyphic_eval::eval_hmean_ic13(&pred, &truth, &ignored, &options)).map_err(raise)?;
    Ok((whole(py, &report.dataset, true)?, each(py, &report.images)?))
}

/// Recall, precision and hmean at each of MMOCR's seven score thresholds; which of them is best; each picture there.
#[pyfunction]
#[expect(clippy::type_complexity, clippy::too_many_arguments)]
pub(crate) fn eval_hmean<'py>(
    py: Python<'py>,
    boxes: Boxes,
    scores: Vec<Vec<f64>>,
    truth: Boxes,
    ignored: Boxes,
    metric: &str,
    score_thr: f64,
    compat: bool,
) -> PyResult<(Vec<(f64, Bound<'py, PyDict>)>, usize, Vec<Bound<'py, PyDict>>)> {
    let part_credit = metric == "hmean-ic13";
    let metric = match metric {
        "hmean-iou" => Metric::HmeanIou(IouOptions { rule: rule(compat), ..Default::default() }),
        "hmean-ic13" => Metric::HmeanIc13(Ic13Options { rule: rule(compat), ..Default::default() }),
        other => {
            let message = format!("there is no metric {other:?}; there are hmean-iou and hmean-ic13");
            return Err(GlyphicError::new_err(message));
        }
    };
    let (truth, ignored) = (all_outlines(&truth)?, all_outlines(&ignored)?);
    let mut pred = Vec::with_capacity(boxes.len());
    for (image, scores) in all_outlines(&boxes)?.into_iter().zip(scores) {
        if image.len() != scores.len() {
            let message =
                format!("picture {}: {} boxes have {} scores", pred.len(), image.len(), scores.len());
            return Err(GlyphicError::new_err(message));
        }
        pred.push(image.into_iter().zip(scores).collect::<Vec<_>>());
    }
    let sweep = Sweep { min_score: score_thr, ..Sweep::default() };
    let report = py
        .detach(|| glyphic_eval::eval_hmean(&pred, &truth, &ignored, &metric, &sweep))
        .map_err(raise)?
        .ok_or_else(|| GlyphicError::new_err("no thresholds"))?;
    let thresholds = report.thresholds.iter().map(|t| Ok((t.threshold, whole(py, &t.score, part_credit)?)));
    let best = report.thresholds.iter().position(|t| t.threshold == report.best.threshold).unwrap_or(0);
    Ok((thresholds.collect::<PyResult<_>>()?, best, each(py, &report.images)?))
}

#[pyfunction]
pub(crate) fn compute_hmean(
    recall: f64,
    precision: f64,
    truths: usize,
    predictions: usize,
) -> (f64, f64, f64) {
    hmean_of(recall, precision, truths, predictions)
}

/// Indices of the predictions on one of the ignored truths.
#[pyfunction]
pub(crate) fn ignore_pred(
    predictions: Vec<Polygon>,
    ignored: Vec<Polygon>,
    precision_thr: f64,
    compat: bool,
) -> PyResult<Vec<usize>> {
    let predictions: Vec<&[Point]> = predictions.iter().map(Polygon::points).collect::<PyResult<_>>()?;
    let ignored: Vec<&[Point]> = ignored.iter().map(Polygon::points).collect::<PyResult<_>>()?;
    ignored_predictions(&predictions, &ignored, precision_thr, rule(compat)).map_err(raise)
}

#[pyfunction]
pub(crate) fn boundary_iou(a: Vec<f64>, b: Vec<f64>, compat: bool) -> PyResult<f64> {
    match glyphic_eval::boundary_iou(&points(&a)?, &points(&b)?, rule(compat)) {
        Some(iou) => Ok(iou),
        None if compat => Err(PyZeroDivisionError::new_err("float division by zero")),
        None => Ok(0.0),
    }
}

fn matrices(
    recall: &PyReadonlyArray2<'_, f64>,
    precision: &PyReadonlyArray2<'_, f64>,
    recall_threshold: f64,
    precision_threshold: f64,
) -> PyResult<Ratios> {
    let rows = |m: &PyReadonlyArray2<'_, f64>| -> Vec<Vec<f64>> {
        m.as_array().rows().into_iter().map(|r| r.to_vec()).collect()
    };
    if recall.as_array().dim() != precision.as_array().dim() {
        return Err(GlyphicError::new_err("recall_mat and precision_mat have different shapes"));
    }
    Ok(Ratios { recall: rows(recall), precision: rows(precision), recall_threshold, precision_threshold })
}

fn within(what: &str, index: usize, count: usize) -> PyResult<()> {
    if index < count {
        return Ok(());
    }
    Err(GlyphicError::new_err(format!("{what} {index} is not among the {count} of the matrices")))
}

/// The numbers of truths and predictions.
fn size(recall: &PyReadonlyArray2<'_, f64>) -> (usize, usize) {
    recall.as_array().dim()
}

#[pyfunction]
pub(crate) fn one2one(
    truth: usize,
    prediction: usize,
    recall: PyReadonlyArray2<'_, f64>,
    precision: PyReadonlyArray2<'_, f64>,
    recall_thr: f64,
    precision_thr: f64,
) -> PyResult<bool> {
    within("truth", truth, size(&recall).0)?;
    within("detection", prediction, size(&recall).1)?;
    Ok(one_to_one(&matrices(&recall, &precision, recall_thr, precision_thr)?, truth, prediction))
}

#[pyfunction]
pub(crate) fn one2many(
    truth: usize,
    recall: PyReadonlyArray2<'_, f64>,
    precision: PyReadonlyArray2<'_, f64>,
    recall_thr: f64,
    precision_thr: f64,
    truth_taken: bool,
    prediction_free: Vec<bool>,
) -> PyResult<Option<Vec<usize>>> {
    within("truth", truth, size(&recall).0)?;
    flags("detection", &prediction_free, size(&recall).1)?;
    let ratios = matrices(&recall, &precision, recall_thr, precision_thr)?;
    Ok(one_to_many(&ratios, truth, truth_taken, &prediction_free))
}

#[pyfunction]
pub(crate) fn many2one(
    prediction: usize,
    recall: PyReadonlyArray2<'_, f64>,
    precision: PyReadonlyArray2<'_, f64>,
    recall_thr: f64,
    precision_thr: f64,
    prediction_taken: bool,
    truth_free: Vec<bool>,
) -> PyResult<Option<Vec<usize>>> {
    within("detection", prediction, size(&recall).1)?;
    flags("truth", &truth_free, size(&recall).0)?;
    let ratios = matrices(&recall, &precision, recall_thr, precision_thr)?;
    Ok(many_to_one(&ratios, prediction, prediction_taken, &truth_free))
}

fn flags(what: &str, flags: &[bool], count: usize) -> PyResult<()> {
    if flags.len() == count {
        return Ok(());
    }
    Err(GlyphicError::new_err(format!("{} flags for {count} of {what}", flags.len())))
}

/// `word_acc` and its five siblings, rounded to four decimals.
#[pyfunction]
pub(crate) fn eval_ocr_metric(
    py: Python<'_>,
    pred: Vec<String>,
    truth: Vec<String>,
) -> PyResult<Bound<'_, PyDict>> {
    let pairs: Vec<(String, String)> = pred.into_iter().zip(truth).collect();
    let score = py.detach(|| RecognitionScore::new(&pairs).rounded());
    let dict = PyDict::new(py);
    for (name, value) in &score.values()[..6] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// The counts that the recognition metric is made of.
#[pyfunction]
pub(crate) fn count_matches(
    py: Python<'_>,
    pred: Vec<String>,
    truth: Vec<String>,
) -> PyResult<Bound<'_, PyDict>> {
    let matches: Vec<_> = py.detach(|| pred.iter().zip(&truth).map(|(p, t)| match_pair(p, t)).collect());
    let count = |f: fn(&glyphic_eval::PairMatch) -> usize| matches.iter().map(f).sum::<usize>();
    let dict = PyDict::new(py);
    dict.set_item("gt_char_num", count(|m| m.truth_chars))?;
    dict.set_item("pred_char_num", count(|m| m.predicted_chars))?;
    dict.set_item("true_positive_char_num", count(|m| m.true_positive_chars))?;
    dict.set_item("gt_word_num", matches.len())?;
    dict.set_item("match_word_num", count(|m| usize::from(m.word)))?;
    dict.set_item("match_word_ignore_case", count(|m| usize::from(m.ignore_case)))?;
    dict.set_item("match_word_ignore_case_symbol", count(|m| usize::from(m.ignore_case_symbol)))?;
    let distance: f64 = matches.iter().map(|m| m.normalised_distance).sum();
    dict.set_item("ned", distance / matches.len().max(1) as f64)?;
    Ok(dict)
}

/// F1 of each class that is not ignored, ascending.
#[pyfunction]
pub(crate) fn eval_kie_f1<'py>(
    py: Python<'py>,
    preds: PyReadonlyArray2<'py, f32>,
    truths: Vec<usize>,
    ignores: Vec<usize>,
) -> PyResult<Bound<'py, numpy::PyArray1<f32>>> {
    let preds = preds.as_array();
    let classes = preds.ncols();
    let predicted: Vec<usize> =
        preds.rows().into_iter().map(|row| most_probable(&row.to_vec()).unwrap_or(0)).collect();
    let score =
        py.detach(|| glyphic_eval::eval_kie_f1(&predicted, &truths, classes, &ignores)).map_err(raise)?;
    Ok(numpy::PyArray1::from_iter(py, score.classes.iter().map(|c| c.f1)))
}

type Entities = Vec<Vec<(String, i64, i64)>>;

/// Precision, recall and F1 of each category, then of all.
#[pyfunction]
pub(crate) fn eval_ner_f1(
    py: Python<'_>,
    predicted: Entities,
    truths: Entities,
    compat: bool,
) -> PyResult<Bound<'_, PyDict>> {
    let entities = |lists: Entities| -> Vec<Vec<Entity>> {
        let list = |l: Vec<(String, i64, i64)>| l.into_iter().map(|(c, s, e)| Entity::new(c, s, e)).collect();
        lists.into_iter().map(list).collect()
    };
    let (predicted, truths) = (entities(predicted), entities(truths));
    let rule = if compat { NerRule::Mmocr021 } else { NerRule::default() };
    let score = py.detach(|| glyphic_eval::eval_ner_f1(&predicted, &truths, rule)).map_err(raise)?;
    let report = PyDict::new(py);
    let all = [("all".to_owned(), score.all)];
    for (category, score) in score.categories.iter().chain(&all) {
        let row = PyDict::new(py);
        row.set_item("precision", score.precision)?;
        row.set_item("recall", score.recall)?;
        row.set_item("f1-score", score.f1)?;
        report.set_item(category, row)?;
    }
    Ok(report)
}

/// The mean of the vertices.
#[pyfunction]
pub(crate) fn points_center(numbers: Vec<f64>) -> PyResult<(f64, f64)> {
    let centre = glyphic_eval::centre(&points(&numbers)?);
    Ok((centre.x, centre.y))
}

#[pyfunction]
pub(crate) fn point_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    Point::new(a[0], a[1]).distance(Point::new(b[0], b[1]))
}

#[pyfunction]
pub(crate) fn box_center_distance(a: Vec<f64>, b: Vec<f64>) -> PyResult<f64> {
    Ok(glyphic_eval::centre_distance(&points(&a)?, &points(&b)?))
}

#[pyfunction]
pub(crate) fn box_diag(numbers: [f64; 8]) -> f64 {
    let corner = |i: usize| Point::new(numbers[2 * i], numbers[2 * i + 1]);
    glyphic_eval::box_diagonal(&[corner(0), corner(1), corner(2), corner(3)])
}

/// Indices of the scores above a threshold.
#[pyfunction]
pub(crate) fn scores_above(scores: Vec<f64>, threshold: f64) -> Vec<usize> {
    glyphic_eval::scores_above(&scores, threshold)
}

/// Indices of the scores at or above a threshold.
#[pyfunction]
pub(crate) fn scores_from(scores: Vec<f64>, threshold: f64) -> Vec<usize> {
    glyphic_eval::scores_from(&scores, threshold)
}

/// Row by row, the share of each truth and of each prediction that the two have in common.
#[pyfunction]
pub(crate) fn recall_precision(
    truths: Vec<Polygon>,
    predictions: Vec<Polygon>,
) -> PyResult<(Vec<f64>, Vec<f64>)> {
    let (mut recall, mut precision) = (Vec::new(), Vec::new());
    let share = |shared: f64, area: f64| if area == 0.0 { 0.0 } else { shared / area };
    for truth in &truths {
        for prediction in &predictions {
            let (truth, prediction) = (truth.outline()?, prediction.outline()?);
            let shared = truth.intersection(prediction);
            recall.push(share(shared, truth.area()));
            precision.push(share(shared, prediction.area()));
        }
    }
    Ok((recall, precision))
}
