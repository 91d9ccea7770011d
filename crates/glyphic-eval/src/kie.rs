use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How well one class is told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub class: usize,
    /// Boxes that are of it.
    pub truths: usize,
    /// Boxes that were said to be of it.
    pub predictions: usize,
    /// Boxes that are and were.
    pub hits: usize,
    /// `hits / truths`, 0 without truths.
    pub recall: f32,
    /// `hits / predictions`, 0 without predictions.
    pub precision: f32,
    /// Harmonic mean of both, 0 where both are 0.
    pub f1: f32,
}

/// Classification of boxes, each of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KieScore {
    /// Number of boxes, those of ignored classes too.
    pub boxes: usize,
    /// Share of the boxes whose class is right, 0 to 1; 0 without boxes.
    pub accuracy: f64,
    /// Plain mean of the F1 of the classes that are not ignored; one that occurs nowhere counts as 0.
    pub macro_f1: f32,
    /// The same without the classes that have no box in the truth; 0 where none has.
    pub macro_f1_present: f32,
    /// The classes that are not ignored, ascending.
    pub classes: Vec<ClassScore>,
}

/// F1 of each class of `0..classes`, and their means, in single precision as they are published.
///
/// `ignored` classes are left out of the report and the means; their boxes still count as mistakes of the others.
///
/// # Errors
/// [`Error::Count`] for lists of different length, [`Error::Class`] for a class beyond the last.
pub fn eval_kie_f1(
    predicted: &[usize],
    truths: &[usize],
    classes: usize,
    ignored: &[usize],
) -> Result<KieScore> {
    if predicted.len() != truths.len() {
        return Err(Error::Count { what: "classes", expected: truths.len(), got: predicted.len() });
    }
    let all = [("prediction", predicted), ("truth", truths), ("ignored classes", ignored)];
    for (side, list) in all {
        if let Some((index, &class)) = list.iter().enumerate().find(|(_, c)| **c >= classes) {
            return Err(Error::Class { side, index, class, classes });
        }
    }
    let mut counts = vec![(0usize, 0usize, 0usize); classes];
    for (&p, &t) in predicted.iter().zip(truths) {
        counts[t].0 += 1;
        counts[p].1 += 1;
        counts[t].2 += usize::from(p == t);
    }
    let score = |class: usize| {
        let (truths, predictions, hits) = counts[class];
        let recall = hits as f32 / truths.max(1) as f32;
        let precision = hits as f32 / predictions.max(1) as f32;
        let f1 = 2.0 * recall * precision / (recall + precision).max(1e-8);
        ClassScore { class, truths, predictions, hits, recall, precision, f1 }
    };
    let kept: Vec<ClassScore> = (0..classes).filter(|c| !ignored.contains(c)).map(score).collect();
    let f1s: Vec<f32> = kept.iter().map(|c| c.f1).collect();
    let present: Vec<f32> = kept.iter().filter(|c| c.truths > 0).map(|c| c.f1).collect();
    let hits: usize = counts.iter().map(|c| c.2).sum();
    Ok(KieScore {
        boxes: truths.len(),
        accuracy: hits as f64 / truths.len().max(1) as f64,
        macro_f1: mean(&f1s),
        macro_f1_present: mean(&present),
        classes: kept,
    })
}

/// The class of a row of probabilities: the first of the greatest, NaN being greater than all. `None` for no classes.
pub fn most_probable(row: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if !row[best].is_nan() && (v.is_nan() || *v > row[best]) {
            best = i;
        }
    }
    (!row.is_empty()).then_some(best)
}

/// Mean in single precision; 0 for none.
fn mean(values: &[f32]) -> f32 {
    pairwise_sum(values) / values.len().max(1) as f32
}

/// numpy's order of summation, on which the last bit of the published mean hangs.
fn pairwise_sum(values: &[f32]) -> f32 {
    match values.len() {
        0..8 => values.iter().fold(0.0, |sum, v| sum + v),
        8..=128 => {
            let (blocks, rest) = values.as_chunks::<8>();
            let r = blocks[1..].iter().fold(blocks[0], |mut r, block| {
                r.iter_mut().zip(block).for_each(|(r, v)| *r += v);
                r
            });
            let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
            rest.iter().fold(sum, |sum, v| sum + v)
        }
        n => {
            let half = n / 2 - n / 2 % 8;
            pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_of_the_greatest_wins() {
        for (row, class) in [
            (&[][..], None),
            (&[0.3], Some(0)),
            (&[0.1, 0.7, 0.7], Some(1)),
            (&[-2.0, -1.0], Some(1)),
            (&[0.5, f32::NAN, 0.9, f32::NAN], Some(1)),
            (&[f32::NAN, f32::NAN], Some(0)),
        ] {
            assert_eq!(most_probable(row), class, "{row:?}");
        }
    }

    #[test]
    fn means_are_summed_in_numpys_order() {
        // numpy.float32([0.1 * i for i in range(n)]).mean(), to the last bit.
        for (n, expected) in [(7usize, 0.29999998f32), (8, 0.34999996), (24, 1.1500001), (130, 6.45)] {
            let values: Vec<f32> = (0..n).map(|i| (0.1 * i as f64) as f32).collect();
            assert_eq!(mean(&values), expected, "{n}");
        }
    }

    #[test]
    fn a_class_that_occurs_nowhere_lowers_only_the_published_mean() {
        let score = eval_kie_f1(&[0, 1, 1, 3], &[0, 1, 0, 3], 5, &[3]).unwrap();
        let f1s: Vec<f32> = score.classes.iter().map(|c| c.f1).collect();
        assert_eq!(score.classes.iter().map(|c| c.class).collect::<Vec<_>>(), [0, 1, 2, 4]);
        assert_eq!(f1s, [2.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        assert_eq!((score.boxes, score.accuracy), (4, 0.75));
        assert_eq!((score.macro_f1, score.macro_f1_present), (1.0 / 3.0, 2.0 / 3.0));
    }

    #[test]
    fn lists_that_do_not_fit_are_errors_that_name_the_place() {
        let short = eval_kie_f1(&[0], &[0, 1], 2, &[]).unwrap_err();
        assert!(matches!(short, Error::Count { expected: 2, got: 1, .. }), "{short}");
        let beyond = eval_kie_f1(&[0, 7], &[0, 1], 2, &[]).unwrap_err();
        assert!(
            matches!(beyond, Error::Class { side: "prediction", index: 1, class: 7, classes: 2 }),
            "{beyond}"
        );
        let ignored = eval_kie_f1(&[], &[], 2, &[2]).unwrap_err();
        assert!(matches!(ignored, Error::Class { side: "ignored classes", .. }), "{ignored}");
        assert_eq!(eval_kie_f1(&[], &[], 0, &[]).unwrap().macro_f1, 0.0);
    }

    proptest! {
        #[test]
        fn the_order_of_boxes_does_not_matter(
            mut pairs in prop::collection::vec((0..6usize, 0..6usize), 1..60), by in 0..60usize
        ) {
            let score = |pairs: &[(usize, usize)]| {
                let (p, t): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
                eval_kie_f1(&p, &t, 6, &[2]).unwrap()
            };
            let before = score(&pairs);
            let n = pairs.len();
            pairs.rotate_left(by % n);
            prop_assert_eq!(before, score(&pairs));
        }

        #[test]
        fn swapping_truth_and_prediction_swaps_recall_and_precision(
            pairs in prop::collection::vec((0..5usize, 0..5usize), 0..60)
        ) {
            let (p, t): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let (one, other) = (eval_kie_f1(&p, &t, 5, &[]).unwrap(), eval_kie_f1(&t, &p, 5, &[]).unwrap());
            for (a, b) in one.classes.iter().zip(&other.classes) {
                prop_assert_eq!((a.recall, a.precision, a.hits), (b.precision, b.recall, b.hits));
                prop_assert!((a.f1 - b.f1).abs() < 1e-6);
            }
        }
    }
}
