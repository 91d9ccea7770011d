/// What can go wrong with samples and batches.
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
    /// A mixture, plan or loader that cannot work.
    #[error("{what}: {reason}")]
    Setup {
        /// What was being set up.
        what: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A source could not make a sample.
    #[error("{name}, sample {index}: {source}")]
    Source {
        /// The source's name.
        name: String,
        /// The index of the sample in the source.
        index: u64,
        /// The source's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
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
    /// A thread that prepares batches ended by a panic, which is a defect of glyphic.
    #[error("a worker panicked while it prepared batches {unit}: {message}")]
    Worker {
        /// The unit of batches it worked on.
        unit: u64,
        /// The panic's message.
        message: String,
    },
    /// Labels or their pictures cannot be used.
    #[error(transparent)]
    Labels(#[from] glyphic_labels::Error),
    /// An operation on an image or polygon failed.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// An operation on pixels failed.
    #[error(transparent)]
    Pixels(#[from] glyphic_imgproc::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
