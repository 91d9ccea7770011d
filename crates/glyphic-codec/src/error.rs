/// What can go wrong between text and classes.
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
    /// A vocabulary without a class that an attention network needs.
    #[error("the network's vocabulary needs a class for {symbol}; none of the {classes} classes is one")]
    NoClass {
        /// What the class is for.
        symbol: &'static str,
        /// The number of classes.
        classes: usize,
    },
    /// A label that the network cannot write.
    #[error("the label {text:?} cannot be trained on: {reason}")]
    Label {
        /// The label.
        text: String,
        /// Why, and what would be right.
        reason: String,
    },
    /// An invalid value of a configuration.
    #[error("invalid {owner}.{field} = {got}; expected {expected}")]
    Config {
        /// The configuration that the field is a part of.
        owner: &'static str,
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
    /// A step's logits that are not rows of equal length, one a text.
    #[error("a step gave {got} logits for {rows} texts; expected as many for each, at least one")]
    Logits {
        /// The texts that are being written.
        rows: usize,
        /// The numbers given.
        got: usize,
    },
    /// A core type refused its input.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// [`Error::Config`] for a field of `owner`.
pub(crate) fn invalid<T>(
    owner: &'static str,
    field: &'static str,
    got: impl std::fmt::Display,
    expected: &'static str,
) -> Result<T> {
    Err(Error::Config { owner, field, got: got.to_string(), expected })
}
