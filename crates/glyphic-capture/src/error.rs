/// Why a network cannot be recorded as a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// burn's recorder refused.
    #[error("recording the network: {0}")]
    Scope(burn::tensor::CaptureError),
    /// The recordings at several input sizes do not agree.
    #[error("operation {index} ({op}) differs between input sizes: {reason}")]
    Diverges {
        /// Its place in the recording.
        index: usize,
        /// The operation.
        op: String,
        /// How.
        reason: String,
    },
    /// An operation that graphs do not have.
    #[error("operation {index} ({op}) has no counterpart in a graph: {reason}")]
    Unsupported {
        /// Its place in the recording.
        index: usize,
        /// The operation.
        op: String,
        /// What about it.
        reason: String,
    },
    /// A size that differs between input sizes and does not follow from them.
    #[error(
        "operation {index} ({op}): the sizes {sizes:?} of the recordings are no size of a tensor, nor a multiple or \
         a fraction of one"
    )]
    Size {
        /// Its place in the recording.
        index: usize,
        /// The operation.
        op: String,
        /// The size in each recording.
        sizes: Vec<i64>,
    },
    /// The graph that came out is not well formed.
    #[error(transparent)]
    Graph(#[from] glyphic_graph::Error),
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
