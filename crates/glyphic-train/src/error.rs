use std::path::{Path, PathBuf};

/// What can stop a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Initial weights that are not a backbone's.
    #[error("{}: {reason}", path.display())]
    Init {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
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
        "cannot resume from {path}: {reason}; a run resumes only with the model that it was started with, so set another `run.out` for a new run"
    )]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Batch after batch whose loss or gradient is no number.
    #[error(
        "step {step}: loss {loss}, gradient norm {norm}; these or the batch statistics are not finite, {count} steps in a row. Lower the learning rate, or check the samples of this batch: {batch}"
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
    /// Another process trains in the run's folder.
    #[error("{path} is in use by another training run; set another `run.out`, or stop that run first")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// More samples than allowed cannot be trained on.
    #[error(
        "{skipped} of {drawn} samples cannot be trained on, more than run.max_skipped = {limit} allows; the last: {last}. {list} lists them: correct them, or raise run.max_skipped"
    )]
    Skipped {
        /// How many.
        skipped: u64,
        /// Of how many.
        drawn: u64,
        /// The share allowed.
        limit: f64,
        /// The last of them, with its file and the reason.
        last: String,
        /// The file that lists them.
        list: PathBuf,
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
    /// The extractor cannot be built or trained.
    #[error(transparent)]
    Extract(#[from] glyphic_extract::Error),
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
