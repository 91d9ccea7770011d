/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with an ONNX file, or with a graph that is to be one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not well formed.
    #[error("invalid ONNX file: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// The file needs what this engine does not have, or the graph what ONNX does not have.
    #[error("unsupported ONNX network; {} of its parts cannot be run:\n  {}", parts.len(), parts.join("\n  "))]
    Unsupported {
        /// Each unsupported operator or attribute with the name of its node.
        parts: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The graph is not well formed.
    #[error(transparent)]
    Graph(#[from] glyphic_graph::Error),
}
