/// What can go wrong while an extractor is built, trained or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A page with more boxes than the model takes: it looks at every pair.
    #[error("the page has {boxes} boxes; at most {most} can be extracted from (sdmgr.max_boxes)")]
    TooManyBoxes {
        /// Boxes of the page.
        boxes: usize,
        /// The most there may be.
        most: usize,
    },
    /// A label that is no class of the model.
    #[error(
        "box {index} has the class {label:?}, which is not among the {classes} classes of the model: {known}"
    )]
    UnknownClass {
        /// The box's place on its page.
        index: usize,
        /// Its label.
        label: String,
        /// How many classes there are.
        classes: usize,
        /// The first of them, or all of few.
        known: String,
    },
    /// A link to a box that is not on the page.
    #[error("a link leads from box {from} to box {to}, but the page has {boxes} boxes")]
    DanglingLink {
        /// Where it begins.
        from: usize,
        /// Where it ends.
        to: usize,
        /// Boxes of the page.
        boxes: usize,
    },
    /// A network whose scores do not fit the list of classes.
    #[error("the network gives {what} of the shape {got:?}, where {expected:?} is needed")]
    Scores {
        /// Which scores.
        what: &'static str,
        /// Their shape.
        got: Vec<usize>,
        /// What would be right.
        expected: Vec<usize>,
    },
    /// A list that does not fit the weights.
    #[error("the weights are of {network} {what}, but the configuration lists {listed} (sdmgr.{what})")]
    Count {
        /// What the list holds: `classes` or `characters`.
        what: &'static str,
        /// How many the weights are of.
        network: usize,
        /// How many the configuration lists.
        listed: usize,
    },
    /// A vocabulary that does not fit the network.
    #[error("the vocabulary does not fit: {reason}")]
    Vocabulary {
        /// What is wrong.
        reason: String,
    },
    /// An entity of a category that the model does not have.
    #[error("{category:?} is no category of the model; there are {known}")]
    UnknownCategory {
        /// The category.
        category: String,
        /// Those that there are.
        known: String,
    },
    /// A text that MMOCR 0.2.1 cannot read.
    #[error("a text of {chars} characters; the reference's way takes 1 to {most} (bert_softmax.reference)")]
    TextLength {
        /// Its characters.
        chars: usize,
        /// The most there may be.
        most: usize,
    },
    /// A core type refused its input.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// A picture could not be resized.
    #[error(transparent)]
    Image(#[from] glyphic_imgproc::Error),
    /// Weights that do not fit the network.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Weights(#[from] glyphic_nn::Error),
    /// A graph that is not this network's, or cannot be run.
    #[error(transparent)]
    Graph(#[from] glyphic_graph::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for glyphic_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::Stage { stage: "extract", source: Box::new(error) },
        }
    }
}

impl From<glyphic_graph::LengthError> for Error {
    fn from(error: glyphic_graph::LengthError) -> Self {
        glyphic_graph::Error::from(error).into()
    }
}
