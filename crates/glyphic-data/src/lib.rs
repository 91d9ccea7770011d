//! Batches for training: sources of samples, mixtures of them, augmentation, training targets, and a loader that prepares
//! batches ahead; and what a data set is like in numbers ([`stats`]).
//!
//! ```text
//! LazyPack ─▶ Sample ───────────────────▶ augment ─▶ targets ─▶ SamplePlan ─┐
//!    └──────▶ TextCrops ─▶ TextSample ──▶ augment ─▶ encode ─▶ SamplePlan ─┴▶ Loader ─▶ batches
//! ```
//!
//! Everything random is a pure function of a seed and an index, so that a run can be repeated, resumed and
//! spread over any number of threads.

pub mod augment;
pub mod batch;
mod error;
mod lint;
mod random;
mod source;
pub mod stats;
pub mod targets;
mod text;
mod warp;

pub use batch::{
    Drawn, Loader, LoaderOptions, Plan, PlanOptions, Prepared, Recipe, SamplePlan, StreamState, WaitReport,
};
pub use error::{Error, Result};
pub use lint::lint_texts;
pub use random::{SampleRng, rng};
pub use source::{Draw, FnSource, Mixture, Source};
pub use text::{CropOptions, LabelRules, TextCrops, TextSample};
