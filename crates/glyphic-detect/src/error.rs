use glyphic_regions::Error as OfRegions;

/// What can go wrong while a detector is built or runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration that makes no detector.
    #[error("invalid {field} = {value}; expected {expected}")]
    Config {
        /// The field, with dots.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Weights that do not fit the network.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Weights(#[from] glyphic_nn::Error),
    /// A graph that is not this network's, or cannot be run.
    #[error(transparent)]
    Graph(#[from] glyphic_graph::Error),
    /// A network that is not defined here: only a file of its graph runs it.
    #[error(
        "{model} runs from the ONNX files of its makers; it is neither trained nor loaded from other weights here"
    )]
    Foreign {
        /// The model, as the configuration names it.
        model: &'static str,
    },
    /// Maps that no regions can be read off, or targets that cannot be drawn.
    #[error(transparent)]
    Regions(OfRegions),
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

impl From<OfRegions> for Error {
    fn from(error: OfRegions) -> Self {
        match error {
            OfRegions::Config { field, value, expected } => Self::Config { field, value, expected },
            OfRegions::Map(error) => Self::Picture(error),
            error => Self::Regions(error),
        }
    }
}

impl From<glyphic_graph::LengthError> for Error {
    fn from(error: glyphic_graph::LengthError) -> Self {
        glyphic_graph::Error::from(error).into()
    }
}
