//! Reads text in pictures.
//!
//! ```text
//! Image ─▶ detect ─▶ crop ─▶ recognize ─▶ words ─▶ lines ─▶ Page
//! ```
//!
//! ```no_run
//! use glyphic::{Image, Reader};
//!
//! let reader = Reader::builder().build()?;
//! let page = reader.read(&Image::open("receipt.jpg")?)?;
//! println!("{}", page.text());
//! # Ok::<(), glyphic::Error>(())
//! ```

mod config;
mod crop;
mod detect;
pub mod device;
mod error;
#[cfg(feature = "train")]
mod export;
mod lines;
mod models;
mod quad;
mod read;
mod recognize;
mod rules;
mod weights;
mod words;

pub use config::{Applied, ReaderConfig, ReadingConfig};
pub use detect::load_detector;
pub use device::Device;
pub use error::{Error, Result};
#[cfg(feature = "train")]
pub use export::{export_detector, export_recognizer};
pub use glyphic_core::{
    Confidence, Detector, Image, Line, Page, Recognizer, Region, TextInstance, Transcript,
};
pub use glyphic_detect::{DetectorConfig, dbnet::DbLevel};
pub use glyphic_recognize::{BeamConfig, Decoding, LanguageModel, LanguageModelTrainer, RecognizerConfig};
pub use lines::order_into_lines;
pub use models::Models;
pub use quad::Quad;
pub use read::{Reader, ReaderBuilder};
pub use recognize::{load_language_model, load_recognizer};
pub use weights::Weights;
