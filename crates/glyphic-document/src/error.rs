use std::path::PathBuf;

/// What can go wrong when pages are written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line of a prediction file that is no record.
    #[error("{name}, line {line}: {reason}")]
    Record {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and where in the line.
        reason: String,
    },
    /// A line of text that names an instance its page has not.
    #[error("{name}, line {line}: lines[{text_line}] names instance {instance}, but there are {instances}")]
    Instance {
        /// The file.
        name: String,
        /// The line of the file, from 1.
        line: usize,
        /// The line of text, from 0.
        text_line: usize,
        /// The index it names.
        instance: usize,
        /// Number of instances.
        instances: usize,
    },
}

/// The result of reading.
pub type Result<T, E = Error> = std::result::Result<T, E>;
