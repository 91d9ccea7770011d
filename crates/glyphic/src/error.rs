use std::path::PathBuf;

/// What can go wrong while a reader is built or reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A configuration that is no TOML, or with keys or values that there are not. The source names the line.
    #[error("{name}: {source}")]
    Config {
        /// The file.
        name: String,
        /// What is wrong and where.
        source: glyphic_core::TomlError,
    },
    /// A value of `[reading]` outside its range.
    #[error("invalid reading.{field} = {value}; expected {expected}")]
    Reading {
        /// The field.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// Weights that do not fit the network.
    #[error("weights {weights}: {source}")]
    Weights {
        /// The file or model they come from.
        weights: String,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A level was asked of a detector that has none.
    #[error(
        "this detector has a single level; `level` needs a model that knows words and lines, such as dbnet_lite"
    )]
    Level,
    /// A language model was given to a recognizer that reads without one.
    #[error("{model} is decoded without a language model; crnn and crnn_lite take one")]
    NoLanguageModel {
        /// The recognizer.
        model: &'static str,
    },
    /// Several texts of a recognizer that gives one.
    #[error(
        "{model} gives one text of each crop: several come from a beam search with a language model, as crnn_lite, crnn and svtr \
         have it (and not with the language model none)"
    )]
    NoAlternatives {
        /// The recognizer.
        model: &'static str,
    },
    /// A language model that cannot be used.
    #[error("language model {name}: {source}")]
    LanguageModel {
        /// The file or name.
        name: String,
        /// What is wrong with it.
        source: glyphic_recognize::Error,
    },
    /// A name that is neither a model of the catalog nor a file.
    #[error("{source}; or name a TOML file that exists")]
    UnknownModel {
        /// The names there are.
        source: glyphic_zoo::Error,
    },
    /// A model of another stage than the one asked for.
    #[error("{model} configures no model to {task}")]
    WrongStage {
        /// The model's name, or the TOML file.
        model: String,
        /// The stage.
        task: glyphic_zoo::Task,
    },
    /// A model of both stages, named for one of them, where another is named for the other.
    #[error("{model} configures both stages, but {named} is named for one of them: name one model for both")]
    BothStages {
        /// The model's name, or the TOML file.
        model: String,
        /// The model named for the other stage.
        named: String,
    },
    /// A TOML file that configures a network whose weights are not shipped.
    #[error(
        "{model} configures {network}, whose weights are not shipped: give an ONNX, .safetensors or .pth file"
    )]
    NoWeights {
        /// The TOML file.
        model: String,
        /// The network, as in `[detector.NAME]`.
        network: &'static str,
    },
    /// The catalog does not have what was asked for.
    #[error(transparent)]
    Zoo(#[from] glyphic_zoo::Error),
    /// A picture that cannot be read, or a stage that failed.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
