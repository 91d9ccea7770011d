use std::path::{Path, PathBuf};

/// What can stop a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the run cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The configuration is not one of a training run.
    #[error("{path}: {reason}")]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong, with its line, and what would be right.
        reason: String,
    },
    /// A checkpoint that does not fit the configuration, or is damaged.
    #[error(
        "{path}: {reason}; a run goes on only with the model it was started with (choose another `out` for a new one)"
    )]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Batch after batch whose loss or gradient is no number.
    #[error(
        "step {step}: the loss is {loss} and the gradient's norm {norm}, for {count} steps in a row; the last batch: {batch}. A lower learning rate or the samples named may be the cure"
    )]
    NotFinite {
        /// The step.
        step: u64,
        /// Its loss.
        loss: f64,
        /// The norm of its gradient.
        norm: f64,
        /// Steps in a row.
        count: u32,
        /// The names of its samples.
        batch: String,
    },
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] glyphic_data::Error),
    /// Labels cannot be read.
    #[error(transparent)]
    Labels(#[from] glyphic_labels::Error),
    /// Synthetic text cannot be made.
    #[error(transparent)]
    Synth(#[from] glyphic_synth::Error),
    /// The recognizer cannot be built or trained.
    #[error(transparent)]
    Recognize(#[from] glyphic_recognize::Error),
    /// The detector cannot be built or trained.
    #[error(transparent)]
    Detect(#[from] glyphic_detect::Error),
    /// Weights cannot be read or written, or the device is not there.
    #[error(transparent)]
    Nn(#[from] glyphic_nn::Error),
    /// A validation cannot be scored.
    #[error(transparent)]
    Eval(#[from] glyphic_eval::Error),
    /// A stage failed during validation.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
