/// What can go wrong in a pipeline or data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An index at or beyond the end.
    #[error("sample {index} was asked for, but {name} has {len}")]
    Index {
        /// What was asked.
        name: String,
        /// The index.
        index: usize,
        /// The number of samples.
        len: usize,
    },
    /// An outline or box that nothing can be drawn of.
    #[error("{list}[{index}]: {reason}")]
    Outline {
        /// The list it stands in, such as `texts`.
        list: &'static str,
        /// Its place there, counted from 0.
        index: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A step of a pipeline that cannot take what it is given.
    #[error("{step}: {reason}")]
    Step {
        /// The step's name.
        step: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A data set, loader or step that cannot work.
    #[error("{what}: {reason}")]
    Setup {
        /// What was being set up.
        what: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// No usable sample was found in a row of draws.
    #[error(
        "{attempts} samples in a row cannot be trained on, the last: {last}; run the lint, it names every one"
    )]
    NothingUsable {
        /// How many were drawn.
        attempts: u32,
        /// Why the last was refused.
        last: String,
    },
    /// Labels or their pictures cannot be used.
    #[error(transparent)]
    Labels(#[from] glyphic_labels::Error),
    /// Training targets cannot be drawn.
    #[error(transparent)]
    Targets(#[from] glyphic_data::Error),
    /// An operation on an image or polygon failed.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// An operation on pixels failed.
    #[error(transparent)]
    Pixels(#[from] glyphic_imgproc::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
