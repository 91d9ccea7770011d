use glyphic_ops::LengthError;

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with a graph or its inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Values and shape of a tensor do not fit each other.
    #[error(transparent)]
    TensorLength(#[from] LengthError),
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
}
