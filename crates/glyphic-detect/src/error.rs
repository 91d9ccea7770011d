/// What can go wrong while a detector is built or runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration that makes no detector.
    #[error("{field} is {value}: it needs {expected}")]
    Config {
        /// The field, with dots.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Weights that do not fit the network.
    #[error(transparent)]
    Weights(#[from] glyphic_nn::Error),
    /// A picture that cannot be brought to the network's size.
    #[error(transparent)]
    Picture(#[from] glyphic_imgproc::Error),
}

impl Error {
    pub(crate) fn config(field: &'static str, value: impl ToString, expected: &'static str) -> Self {
        Self::Config { field, value: value.to_string(), expected }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
