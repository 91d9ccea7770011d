//! Evaluation of text detection, recognition, end-to-end reading, key information and named entities.
//!
//! Three levels: the metrics on plain outlines, strings and classes ([`eval_hmean_iou`], [`eval_hmean_ic13`],
//! [`eval_hmean`], [`match_pair`], [`RecognitionScore`], [`eval_kie_f1`], [`eval_ner_f1`]), the geometry below them
//! ([`Outline`], [`boundary_iou`]), and the evaluation of whole prediction files ([`read_predicted_pages`] and its
//! siblings, written by [`write_predictions`]) against whole data sets ([`evaluate_detection`], [`evaluate_recognition`], [`evaluate_end_to_end`],
//! [`evaluate_kie`], [`evaluate_ner`]), whose reports print as a table and serialise.
//!
//! A data set that holds its own truth ([`glyphic_core::Truths`]) is evaluated by [`evaluate_detection_set`],
//! [`evaluate_recognition_set`], [`evaluate_kie_set`] and [`evaluate_ner_set`], on results in its order, as by `evaluate` of
//! MMOCR's data sets.
//!
//! Work is spread over rayon's threads; the result never depends on their number.

mod error;
mod evaluate;
mod hmean;
mod ic13;
mod kie;
mod measure;
mod ner;
mod outline;
mod plot;
mod predicted;
mod read;
mod recognition;
mod sequence;
mod table;
mod write;

pub use error::{Error, Result};
pub use evaluate::{
    ClassList, ClassifiedPage, DetectionImage, DetectionLevel, DetectionOptions, DetectionReport,
    EndToEndImage, EndToEndLevel, EndToEndOptions, EndToEndReport, KieImage, KieMistake, KieOptions,
    KieReport, Match, Misread, Mistake, NamedPage, NerReport, NerText, PredictedCrop, Protocol,
    ProtocolChoice, RecognitionReport, RecognizedText, Warning, evaluate_detection, evaluate_detection_set,
    evaluate_end_to_end, evaluate_kie, evaluate_kie_set, evaluate_ner, evaluate_ner_set,
    evaluate_recognition, evaluate_recognition_set, sweep_end_to_end, sweep_recognition,
};
pub use glyphic_core::{Entity, EntityText};
pub use hmean::{
    HmeanReport, IouOptions, Metric, Score, Sweep, SweepReport, ThresholdScore, eval_hmean, eval_hmean_ic13,
    eval_hmean_iou, hmean_of, ignored_predictions, rank,
};
pub use ic13::{Ic13Options, Ratios, many_to_one, one_to_many, one_to_one};
pub use kie::{ClassScore, KieScore, eval_kie_f1, most_probable};
pub use measure::{
    boundary_iou, box_corners, box_diagonal, centre, centre_distance, scores_above, scores_from,
};
pub use ner::{EntityScore, NerRule, NerScore, eval_ner_f1};
pub use outline::{Outline, OutlineRule};
pub use plot::plot_thresholds;
pub use predicted::{Found, Predicted, PredictedPage, PredictedText};
pub use read::{
    parse_classified_pages, parse_entity_texts, parse_predicted_crops, parse_predicted_pages,
    read_classified_pages, read_entity_texts, read_predicted_crops, read_predicted_pages,
};
pub use recognition::{PairMatch, RecognitionScore, character_edits, match_pair, word_edits};
pub use write::write_predictions;
