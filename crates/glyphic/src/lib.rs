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

mod bold;
mod cells;
mod config;
mod crop;
mod detect;
pub mod device;
mod error;
#[cfg(feature = "train")]
mod export;
mod extract;
mod figures;
mod gutters;
mod large;
mod lines;
mod models;
mod orientation;
mod pitch;
mod quad;
pub mod quantize;
mod read;
mod recognize;
mod reread;
mod rules;
mod vertical;
mod weights;
mod words;

pub use config::{Applied, ReaderConfig, ReadingConfig, model_of_training};
pub use detect::load_detector;
pub use device::Device;
pub use error::{Error, Result};
#[cfg(feature = "train")]
pub use export::{
    detector_network, export_detector, export_extractor, export_recognizer, recognizer_network, set_hash,
};
pub use extract::{
    Extracted, extract, load_entity_finder, load_extractor, parse_entity_finder, parse_extractor,
};
pub use figures::find_layout;
pub use glyphic_core::{
    Confidence, Detector, Image, Line, Page, Recognizer, Region, TextInstance, Transcript,
};
pub use glyphic_detect::{DetectorConfig, dbnet::DbLevel};
pub use glyphic_extract::kie::sdmgr::{Extraction, Link as ExtractedLink};
pub use glyphic_extract::kie::{Field, Fields, Item, Value};
pub use glyphic_extract::ner::bert_softmax::{EntityFinder, FoundEntity};
pub use glyphic_extract::{EntityConfig, ExtractorConfig, PageExtractor};
pub use glyphic_recognize::{BeamConfig, Decoding, LanguageModel, LanguageModelTrainer, RecognizerConfig};
pub use lines::order_into_lines;
pub use models::Models;
pub use orientation::{Orientation, Standing};
pub use quad::Quad;
pub use read::{Reader, ReaderBuilder};
pub use recognize::{load_language_model, load_recognizer};
pub use weights::Weights;
