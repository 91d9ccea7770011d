/// What can go wrong in a pipeline or data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An index at or beyond the end.
    #[error("sample {index} is out of range: {name} has {len} samples")]
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
        "{attempts} consecutive samples are unusable, the last one because: {last}; `glyphic data lint` lists all of them"
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
    /// Training targets of a detector cannot be drawn.
    #[error(transparent)]
    Targets(#[from] glyphic_regions::Error),
    /// Training targets of a recognizer cannot be drawn.
    #[error(transparent)]
    CharTargets(#[from] glyphic_data::Error),
    /// An operation on an image or polygon failed.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// An operation on pixels failed.
    #[error(transparent)]
    Pixels(#[from] glyphic_imgproc::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
