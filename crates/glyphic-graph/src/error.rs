/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with a graph or its inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Values and shape of a tensor do not fit each other.
    #[error("a tensor of shape {shape:?} has {expected} elements, but {got} were given")]
    TensorLength {
        /// The shape.
        shape: Vec<usize>,
        /// Elements that it has.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A node cannot be computed with these inputs.
    #[error("node {node:?} ({op}): {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The graph itself is not well formed.
    #[error("invalid graph: {reason}")]
    Graph {
        /// What is wrong.
        reason: String,
    },
    /// An input of a run is missing, unknown, or of another type or shape.
    #[error("input {name:?}: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An ONNX file is not well formed.
    #[error("invalid ONNX file: {reason}")]
    Onnx {
        /// What is wrong.
        reason: String,
    },
    /// An ONNX file needs what this engine does not have.
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
}
