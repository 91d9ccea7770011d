//! Text recognizers: crops of one word or line each in, [transcripts](glyphic_core::Transcript) out.
//!
//! One folder per model: its configuration, network, loss and the names of its weights. [`RecognizerConfig`] lists
//! them; [`RecognizerConfig::build`] makes a [`Recognizer`](glyphic_core::Recognizer) of one and its weights.

mod codec;
mod config;
pub mod crnn;
pub mod crnn_lite;
#[cfg(feature = "train")]
mod ctc_loss;
mod engine;
mod error;
mod language;
mod resize;

pub use codec::{BeamConfig, CtcCodec, CtcRun, Decoding, valid_steps};
pub use config::RecognizerConfig;
#[cfg(feature = "train")]
pub use ctc_loss::{ClassMerge, CtcLoss, Reduction};
#[cfg(feature = "train")]
pub use engine::Forward;
pub use error::{Error, Result};
pub use language::{LanguageModel, LanguageModelTrainer, LanguageState, Letter, MAX_ORDER};
pub use resize::{ResizeConfig, ResizedWidth};
