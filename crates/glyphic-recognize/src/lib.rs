//! Text recognizers: crops of one word or line each in, [transcripts](glyphic_core::Transcript) out.
//!
//! One folder per model: its configuration, network, loss and the names of its weights. [`RecognizerConfig`] lists
//! them; [`RecognizerConfig::build`] makes a [`Recognizer`](glyphic_core::Recognizer) of one and its weights.

pub mod abinet;
pub mod aster;
mod attention;
mod bend;
mod config;
pub mod crnn;
pub mod crnn_lite;
#[cfg(feature = "train")]
mod ctc_loss;
mod engine;
mod error;
mod input;
pub mod master;
mod model;
mod network;
pub mod nrtr;
pub mod parseq;
mod ppocr;
mod reread;
mod resize;
pub mod robust_scanner;
pub mod sar;
pub mod satrn;
pub mod seg;
#[cfg(feature = "train")]
mod sequence_loss;
pub mod svtr;

pub use bend::BentConfig;
pub use config::RecognizerConfig;
#[cfg(feature = "train")]
pub use config::Visitor;
#[cfg(feature = "train")]
pub use ctc_loss::{ClassMerge, CtcLoss, Reduction};
pub use error::{Error, Result};
pub use glyphic_codec::{
    AttentionCodec, BeamConfig, BeamScore, Codec, CtcCodec, CtcRun, Decoding, Extent, LabelConfig,
    LabelOrder, LanguageModel, LanguageModelTrainer, Refine, Search, Segment, SegmentCodec, StepBeam,
    StepOptions,
};
pub use input::{Channels, InputConfig, Preprocess, valid_steps};
pub use model::{LabelKind, Model};
#[cfg(feature = "train")]
pub use model::{Learn, LineBatch};
#[cfg(feature = "train")]
pub use network::{DeviceNetwork, Encoded, Forward, Stepwise, write};
pub use ppocr::PpOcrRecognizerConfig;
pub use reread::{RereadConfig, View};
pub use resize::{ResizeConfig, Width};
#[cfg(feature = "train")]
pub use sequence_loss::SequenceLoss;
