/// What can go wrong while a recognizer is built, trained or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text holds a character that the network has no class for.
    #[error("the vocabulary has no class for {char:?}, character {position} of {text:?}")]
    UnknownChar {
        /// Where it stands, in characters from 0.
        position: usize,
        /// The character.
        char: char,
        /// The whole text.
        text: String,
    },
    /// A vocabulary without CTC's blank.
    #[error("a CTC vocabulary needs a blank class; none of the {classes} classes is one")]
    NoBlank {
        /// The number of classes.
        classes: usize,
    },
    /// A configuration that describes no working network.
    #[error("invalid {model}.{field} = {got}; expected {expected}")]
    Config {
        /// The model, as the configuration names it.
        model: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        got: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Bytes that are no language model.
    #[error("not a language model as glyphic writes it: {reason}")]
    LanguageModel {
        /// What is wrong.
        reason: String,
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
    /// Reading a tensor back from the device failed.
    #[error("the device did not give a result back: {reason}")]
    Device {
        /// The device's reason.
        reason: String,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for glyphic_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::Stage { stage: "recognize", source: Box::new(error) },
        }
    }
}
