use std::borrow::Cow;
use std::ops::RangeInclusive;

/// What can go wrong while a recognizer is built, trained or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration that describes no working network.
    #[error("invalid {model}.{field} = {got}; expected {expected}")]
    Config {
        /// The model, as the configuration names it.
        model: &'static str,
        /// The field.
        field: Cow<'static, str>,
        /// Its value.
        got: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A network that is not defined here: only a file of its graph runs it.
    #[error(
        "{model} runs from the ONNX files of its makers; it is neither trained nor loaded from other weights here"
    )]
    Foreign {
        /// The model, as the configuration names it.
        model: &'static str,
    },
    /// Losses were asked for with lists that do not fit the batch.
    #[error("the batch holds {batch} samples but {what} has {got} entries")]
    BatchSize {
        /// The list that does not fit.
        what: &'static str,
        /// The number of samples in the batch.
        batch: usize,
        /// The length of the list.
        got: usize,
    },
    /// A training target that is no class of the network.
    #[error("sample {sample}, target {position}: class {class} is blank or beyond the {classes} classes")]
    Target {
        /// The sample's place in the batch.
        sample: usize,
        /// The target's place in its text.
        position: usize,
        /// The class given.
        class: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A text and classes that do not fit, or a language model that cannot be read.
    #[error(transparent)]
    Codec(glyphic_codec::Error),
    /// A core type refused its input.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// A crop could not be resized.
    #[error(transparent)]
    Image(#[from] glyphic_imgproc::Error),
    /// Weights that do not fit the network.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Weights(#[from] glyphic_nn::Error),
    /// A graph that is not this network's, or cannot be run.
    #[error(transparent)]
    Graph(#[from] glyphic_graph::Error),
    /// A network whose scores do not fit the vocabulary.
    #[error(
        "the network gives scores of the shape {shape:?}, where [crops, steps, {classes}] is needed: a class a symbol of the vocabulary"
    )]
    Scores {
        /// The shape.
        shape: Vec<usize>,
        /// Classes of the vocabulary.
        classes: usize,
    },
    /// A graph that lacks a part of its network.
    #[error("the network's graph has no part `{part}`: it was made for another way of reading")]
    Part {
        /// The part.
        part: &'static str,
    },
    /// Reading a tensor back from the device failed.
    #[error("the device did not give a result back: {reason}")]
    Device {
        /// The device's reason.
        reason: String,
    },
}

impl Error {
    /// An invalid field named from the configuration that it is a part of: `resize.height` of `input` is
    /// `input.resize.height`.
    pub(crate) fn inside(self, part: &str) -> Self {
        match self {
            Self::Config { model, field, got, expected } => {
                Self::Config { model, field: format!("{part}.{field}").into(), got, expected }
            }
            error => error,
        }
    }
}

/// Checks the values of the configuration of a model of this name.
#[derive(Clone, Copy)]
pub(crate) struct Check(pub(crate) &'static str);

impl Check {
    /// [`Error::Config`] for a field.
    pub(crate) fn wrong<T>(
        self,
        field: &'static str,
        got: impl std::fmt::Display,
        expected: &'static str,
    ) -> Result<T> {
        Err(Error::Config { model: self.0, field: field.into(), got: got.to_string(), expected })
    }

    /// A number inside a range.
    pub(crate) fn size(
        self,
        field: &'static str,
        got: usize,
        range: RangeInclusive<usize>,
        expected: &'static str,
    ) -> Result<()> {
        if range.contains(&got) { Ok(()) } else { self.wrong(field, got, expected) }
    }

    /// Attention heads that share `features`.
    pub(crate) fn heads(self, got: usize, features: usize, expected: &'static str) -> Result<()> {
        self.size("heads", got, 1..=64, expected)?;
        if features.is_multiple_of(got) { Ok(()) } else { self.wrong("heads", got, expected) }
    }

    /// Features of a position, to which all channels of the backbone are in proportion.
    pub(crate) fn features(self, got: usize) -> Result<()> {
        let expected = "a multiple of 16 from 32 to 2048";
        if !got.is_multiple_of(16) {
            return self.wrong("features", got, expected);
        }
        self.size("features", got, 32..=2048, expected)
    }

    /// Channels of a backbone's layers.
    pub(crate) fn channels(self, got: &[usize]) -> Result<()> {
        if got.iter().all(|channels| (1..=4096).contains(channels)) {
            return Ok(());
        }
        self.wrong("channels", format!("{got:?}"), "1 to 4096 each")
    }

    /// A share of features that are dropped.
    pub(crate) fn share(self, field: &'static str, got: f64) -> Result<()> {
        if (0.0..1.0).contains(&got) { Ok(()) } else { self.wrong(field, got, "0 to below 1") }
    }
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<glyphic_codec::Error> for Error {
    fn from(error: glyphic_codec::Error) -> Self {
        match error {
            glyphic_codec::Error::Config { owner, field, got, expected } => {
                Self::Config { model: owner, field: field.into(), got, expected }
            }
            glyphic_codec::Error::Core(error) => Self::Core(error),
            error => Self::Codec(error),
        }
    }
}

impl From<Error> for glyphic_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::Stage { stage: "recognize", source: Box::new(error) },
        }
    }
}

impl From<glyphic_graph::LengthError> for Error {
    fn from(error: glyphic_graph::LengthError) -> Self {
        glyphic_graph::Error::from(error).into()
    }
}
