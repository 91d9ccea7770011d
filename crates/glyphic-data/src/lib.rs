//! Samples from folders, what is wrong with them, augmentation, training targets and batches.
//!
//! ```text
//! folder ─▶ LazyPack ─▶ Sample ──────────────▶ augment ─▶ targets ─▶ DetectionPlan ─┐
//!              └──────▶ TextCrops ─▶ TextSample ─▶ augment ─▶ encode ─▶ RecognitionPlan ─┴▶ Loader ─▶ batches
//! ```
//!
//! Everything random is a pure function of a seed and an index, so that a run can be repeated, resumed and
//! spread over any number of threads.

pub mod augment;
pub mod batch;
mod crop;
pub mod dataset;
mod error;
#[cfg(test)]
mod fixtures;
pub mod formats;
mod line_input;
pub mod lint;
pub mod lmdb;
pub mod pack;
mod random;
mod source;
pub mod stats;
pub mod targets;
mod text;
pub mod transforms;
mod warp;

pub use batch::{
    DetectionBatch, DetectionOptions, DetectionPlan, Loader, LoaderOptions, PixelFormat, Pixels, Plan,
    RecognitionBatch, RecognitionOptions, RecognitionPlan, StreamState, WaitReport,
};
pub use error::{Error, Location, Result};
pub use glyphic_core::{Page, Sample};
pub use line_input::LineInput;
pub use pack::{LazyPack, PackKind, PackOptions, Warning};
pub use source::{Draw, FnSource, Mixture, Source};
pub use text::{CropOptions, LabelRules, TextCrops, TextSample};
