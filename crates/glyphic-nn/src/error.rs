use std::path::PathBuf;

use crate::checkpoint::Mismatch;

/// What can go wrong with devices and checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device name that means nothing.
    #[error("unknown device {name:?}: use cpu, vulkan:<n>, wgpu:<n> or cuda:<n>")]
    UnknownDevice {
        /// The name as given.
        name: String,
    },
    /// A device whose back-end is not part of this build.
    #[error("device {name:?} needs a build with the cargo feature `{feature}`")]
    BackendMissing {
        /// The name as given.
        name: String,
        /// The cargo feature that brings the back-end.
        feature: &'static str,
    },
    /// A back-end without such a device on this machine.
    #[error("device {name:?} is not there: {reason}")]
    DeviceMissing {
        /// The name as given.
        name: String,
        /// What was found instead.
        reason: String,
    },
    /// A thread count that cannot be set.
    #[error("cannot use {threads} threads: {reason}")]
    Threads {
        /// The number asked for.
        threads: usize,
        /// The thread pool's reason.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that cannot be written. Nothing is left of it.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is no checkpoint, a broken one, or one that asks for code to be run.
    #[error("{name}: {source}")]
    Checkpoint {
        /// The file, or what the bytes were called.
        name: String,
        /// What is wrong with it.
        source: crate::checkpoint::FormatError,
    },
    /// A checkpoint that does not fit the network.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A network that cannot be recorded as a graph.
    #[error(transparent)]
    Capture(#[from] glyphic_capture::Error),
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
