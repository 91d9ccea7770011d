use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Warning, join};
use crate::table::{Table, list};
use crate::{PairMatch, RecognitionScore, Result, Score, ThresholdScore, match_pair};

/// The prediction for one crop.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PredictedCrop {
    /// The crop; `None` where the predictions stand in the truth's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// What was read.
    pub text: String,
    /// The recognizer's confidence, 1 where none is given.
    pub score: f64,
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

/// A crop, what it says and what was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecognizedText {
    /// The crop.
    pub file_name: String,
    /// What it says.
    pub truth: String,
    /// What was read.
    pub prediction: String,
    /// The recognizer's confidence.
    pub score: f64,
    /// How both compare.
    #[serde(flatten)]
    pub pair: PairMatch,
}

/// What [`evaluate_recognition`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecognitionReport {
    /// The metrics.
    #[serde(flatten)]
    pub score: RecognitionScore,
    /// Every text that is not equal to its truth, the farthest first.
    pub mistakes: Vec<Mistake>,
    /// Every crop in the truth's order. Left out where the report is serialised: it is the whole data set.
    #[serde(skip)]
    pub texts: Vec<RecognizedText>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Recognition of a data set: file name and text of the truth, and the predictions. A crop without prediction counts as
/// read empty, with a warning.
///
/// # Errors
/// [`crate::Error::UnknownImage`] for a prediction without truth, [`crate::Error::DuplicateImage`] for two entries of
/// one crop, [`crate::Error::Order`] and [`crate::Error::UnnamedPrediction`] where names are missing.
pub fn evaluate_recognition(
    truth: &[(String, String)],
    predictions: &[PredictedCrop],
) -> Result<RecognitionReport> {
    let (found, warnings) = join_crops(truth, predictions)?;
    let read =
        |i: usize| found[i].map_or(("", 0.0), |k| (predictions[k].text.as_str(), predictions[k].score));
    let pairs: Vec<(&str, &str)> = (0..truth.len()).map(|i| (read(i).0, truth[i].1.as_str())).collect();
    let texts: Vec<RecognizedText> = (truth.par_iter().enumerate())
        .with_min_len(256)
        .map(|(i, (file_name, text))| RecognizedText {
            file_name: file_name.clone(),
            truth: text.clone(),
            prediction: read(i).0.to_owned(),
            score: read(i).1,
            pair: match_pair(read(i).0, text),
        })
        .collect();
    let wrong = texts.iter().filter(|t| !t.pair.word);
    let mut mistakes: Vec<Mistake> = wrong
        .map(|t| Mistake {
            file_name: t.file_name.clone(),
            truth: t.truth.clone(),
            prediction: t.prediction.clone(),
            normalised_distance: t.pair.normalised_distance,
        })
        .collect();
    mistakes.sort_by(|a, b| b.normalised_distance.total_cmp(&a.normalised_distance));
    Ok(RecognitionReport { score: RecognitionScore::new(&pairs), mistakes, texts, warnings })
}

/// What a reject threshold does to recognition: at each threshold, texts of at least that confidence are kept. Recall is
/// the share of all crops that are kept and right, precision the share of the kept ones.
///
/// # Errors
/// As [`evaluate_recognition`].
pub fn sweep_recognition(
    truth: &[(String, String)],
    predictions: &[PredictedCrop],
    thresholds: &[f64],
) -> Result<Vec<ThresholdScore>> {
    let (found, _) = join_crops(truth, predictions)?;
    let read: Vec<(f64, bool)> = (truth.iter().zip(&found))
        .filter_map(|((_, text), f)| f.map(|k| (predictions[k].score, predictions[k].text == *text)))
        .collect();
    let at = |&threshold: &f64| {
        let kept = || read.iter().filter(|(score, _)| *score >= threshold);
        let hits = kept().filter(|(_, right)| *right).count() as f64;
        ThresholdScore { threshold, score: Score::new(hits, hits, truth.len(), kept().count()) }
    };
    Ok(thresholds.iter().map(at).collect())
}

fn join_crops(
    truth: &[(String, String)],
    predictions: &[PredictedCrop],
) -> Result<(Vec<Option<usize>>, Vec<Warning>)> {
    join(truth.iter().map(|(n, _)| n.as_str()), predictions.iter().map(|p| p.file_name.as_deref()))
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
