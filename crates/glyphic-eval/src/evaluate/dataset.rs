//! Data sets that hold their own truth, evaluated on results in their order.

use glyphic_core::{EntityText, OutlineTruth, Point, Truths};

use super::{ClassifiedPage, KieOptions, NerReport, PredictedCrop, evaluate_ner};
use crate::{
    Error, KieScore, Metric, NerRule, Predicted, RecognitionScore, Result, Sweep, SweepReport, eval_hmean,
    eval_kie_f1,
};

/// The truth of a data set, of which there is one for each result.
fn truths<D: Truths + ?Sized>(set: &D, results: usize) -> Result<Vec<D::Truth>> {
    let truths = set.truths().map_err(|e| Error::Truth(Box::new(e)))?;
    if truths.len() != results {
        return Err(Error::Order { expected: truths.len(), got: results });
    }
    Ok(truths)
}

/// Detection on a data set: [`eval_hmean`] of the instances of its results. `None` for a sweep without thresholds.
///
/// # Errors
/// [`Error::Truth`] for a broken annotation, [`Error::Order`] for more or fewer results than samples, and those of
/// [`eval_hmean`].
pub fn evaluate_detection_set<D, P>(
    set: &D,
    results: &[P],
    metric: &Metric,
    sweep: &Sweep,
) -> Result<Option<SweepReport>>
where
    D: Truths<Truth = OutlineTruth> + ?Sized,
    P: Predicted,
{
    let truths = truths(set, results.len())?;
    let (counted, ignored): (Vec<_>, Vec<_>) = truths.into_iter().map(|t| (t.outlines, t.ignored)).unzip();
    let predictions: Vec<Vec<(Vec<Point>, f64)>> = results
        .iter()
        .map(|page| page.instances().iter().map(|found| (found.outline.to_vec(), found.score)).collect())
        .collect();
    eval_hmean(&predictions, &counted, &ignored, metric, sweep)
}

/// Recognition on a data set of crops. [`RecognitionScore::rounded`] gives the reference's digits.
///
/// # Errors
/// [`Error::Truth`] for a broken annotation, [`Error::Order`] for more or fewer results than samples.
pub fn evaluate_recognition_set<D>(set: &D, results: &[PredictedCrop]) -> Result<RecognitionScore>
where
    D: Truths<Truth = String> + ?Sized,
{
    let truths = truths(set, results.len())?;
    let pairs: Vec<(&str, &str)> =
        results.iter().zip(&truths).map(|(r, t)| (r.text.as_str(), t.as_str())).collect();
    Ok(RecognitionScore::new(&pairs))
}

/// Key information on a data set: the classes of all boxes. Without a list of classes there are as many as the largest number
/// of truth and results, or their [`ClassifiedPage::classes`], say.
///
/// # Errors
/// [`Error::Truth`] for a broken annotation, [`Error::Order`] for more or fewer results than samples, [`Error::BoxCount`] for
/// more or fewer classes than boxes, [`Error::UnknownClass`] for a class that is not listed, and those of [`eval_kie_f1`].
pub fn evaluate_kie_set<D>(set: &D, results: &[ClassifiedPage], options: &KieOptions) -> Result<KieScore>
where
    D: Truths<Truth = Vec<usize>> + ?Sized,
{
    let truths = truths(set, results.len())?;
    let list = options.classes.as_ref();
    let number = |label: &String, place: &dyn Fn() -> String| {
        let number = list.map_or_else(|| label.parse().ok(), |list| list.index(label));
        let classes = list.map_or(0, |list| list.names().len());
        number.ok_or_else(|| Error::UnknownClass { place: place(), class: label.clone(), classes })
    };
    let mut predicted = Vec::new();
    for (i, (result, boxes)) in results.iter().zip(&truths).enumerate() {
        let name = || result.file_name.clone().unwrap_or_else(|| format!("sample {i}"));
        if result.labels.len() != boxes.len() {
            let (expected, got) = (boxes.len(), result.labels.len());
            return Err(Error::BoxCount { file_name: name(), expected, got });
        }
        for (k, label) in result.labels.iter().enumerate() {
            predicted.push(number(label, &|| format!("{:?}, box {k} of the results", name()))?);
        }
    }
    let truths = truths.concat();
    let ignored = options.ignored.iter().map(|label| number(label, &|| "the classes to ignore".to_owned()));
    let ignored = ignored.collect::<Result<Vec<usize>>>()?;
    let largest = predicted.iter().chain(&truths).map(|class| class + 1);
    let said = results.iter().map(|r| r.classes);
    let classes = list.map_or_else(|| largest.chain(said).max().unwrap_or(0), |list| list.names().len());
    eval_kie_f1(&predicted, &truths, classes, &ignored)
}

/// Named entities on a data set.
///
/// # Errors
/// [`Error::Truth`] for a broken annotation, and those of [`evaluate_ner`].
pub fn evaluate_ner_set<D>(set: &D, results: &[EntityText], rule: NerRule) -> Result<NerReport>
where
    D: Truths<Truth = EntityText> + ?Sized,
{
    evaluate_ner(&truths(set, results.len())?, results, rule)
}
