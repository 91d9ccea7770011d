//! Evaluation of text detection, recognition and end-to-end reading.
//!
//! Three levels: the metrics on plain outlines and strings ([`eval_hmean_iou`], [`eval_hmean_ic13`],
//! [`eval_hmean`], [`match_pair`], [`RecognitionScore`]), the geometry below them ([`Outline`]), and the
//! evaluation of whole prediction files against whole data sets ([`evaluate_detection`],
//! [`evaluate_recognition`], [`evaluate_end_to_end`]), whose reports print as a table and serialise.
//!
//! Work is spread over rayon's threads; the result never depends on their number.

mod end_to_end;
mod error;
mod evaluate;
mod hmean;
mod ic13;
mod outline;
mod recognition;
mod sequence;
mod table;

pub use end_to_end::{
    EndToEndLevel, EndToEndOptions, EndToEndReport, Protocol, ProtocolChoice, evaluate_end_to_end,
};
pub use error::{Error, Result};
pub use evaluate::{
    DetectionLevel, DetectionOptions, DetectionReport, ImageScore, Mistake, NamedPage, RecognitionReport,
    Warning, evaluate_detection, evaluate_recognition,
};
pub use hmean::{
    HmeanReport, IouOptions, Metric, Score, Sweep, SweepReport, ThresholdScore, eval_hmean, eval_hmean_ic13,
    eval_hmean_iou, hmean_of, ignored_predictions, rank,
};
pub use ic13::{Ic13Options, Ratios, many_to_one, one_to_many, one_to_one};
pub use outline::{Outline, OutlineRule};
pub use recognition::{PairMatch, RecognitionScore, character_edits, match_pair, word_edits};
