//! The models glyphic knows by name: what each reads, what it scores, its licence, its configuration, and the
//! weights of the default ones.
//!
//! A row of `catalog.toml`, a file in `configs/` and, where weights are shipped, a file in `weights/` make a
//! model. The weights are part of the program, so that reading needs no network.

mod embedded;

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize};

/// The detector that is used where none is named.
pub const DEFAULT_DETECTOR: &str = "dbnet_lite";

/// The recognizer that is used where none is named.
pub const DEFAULT_RECOGNIZER: &str = "crnn_lite";

/// The extractor of fields that is used where none is named.
pub const DEFAULT_EXTRACTOR: &str = "sdmgr_wildreceipt";

/// What can go wrong with the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is not in the catalog.
    #[error("unknown model {name:?}; expected one of {}", known.join(", "))]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A language model that is not in the catalog.
    #[error("unknown language model {name:?}; expected one of {}", known.join(", "))]
    UnknownLanguageModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A model whose weights are not shipped.
    #[error("{name} comes without weights: give an ONNX, .safetensors or .pth file")]
    NoWeights {
        /// The model.
        name: &'static str,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Finds text.
    Detect,
    /// Reads a crop.
    Recognize,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Detect => "detect",
            Self::Recognize => "recognize",
        })
    }
}

/// Shipped weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The file in `weights/`, ONNX with weights in half precision, as `glyphic export --f16` writes it. Its model card stands
    /// beside it, `.md`.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The licence of the weights, an SPDX expression.
    pub licence: String,
    /// What they were trained on.
    pub data: String,
    /// Measured scores, by data set and metric.
    pub scores: BTreeMap<String, f64>,
    /// The same network in 8 bits, which processors with AVX-512 VNNI read with.
    pub int8: Option<Int8>,
}

/// A shipped network in 8 bits, as `glyphic quantize` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Int8 {
    /// The file in `weights/`.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// A row of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that `--model` takes.
    pub name: String,
    /// What it does: one task, or both for a pair of models that belong together.
    #[serde(deserialize_with = "one_or_more")]
    pub task: Vec<Task>,
    /// What it is, in a line.
    pub summary: String,
    /// The paper's title and number.
    pub paper: Option<String>,
    /// The characters it reads. `None` for a detector.
    pub vocabulary: Option<String>,
    /// What is done to a picture before the network sees it.
    pub preprocessing: String,
    /// The weights, where they are shipped.
    pub weights: Option<Weights>,
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Task>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Tasks {
        One(Task),
        More(Vec<Task>),
    }
    Ok(match Tasks::deserialize(deserializer)? {
        Tasks::One(task) => vec![task],
        Tasks::More(tasks) => tasks,
    })
}

impl Model {
    /// Its tasks, for people to read.
    pub fn tasks(&self) -> String {
        self.task.iter().map(Task::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Its configuration, TOML as in `configs/`: a `[detector.*]` or `[recognizer.*]` table with what differs
    /// from the defaults.
    pub fn config(&self) -> &'static str {
        embedded::of(&self.name).map_or("", |e| e.config)
    }

    /// The content of its weight file.
    ///
    /// # Errors
    /// [`Error::NoWeights`] where none are shipped.
    pub fn weights(&'static self) -> Result<&'static [u8]> {
        embedded::of(&self.name).and_then(|e| e.weights).ok_or(Error::NoWeights { name: &self.name })
    }

    /// The content of its network in 8 bits, where it is shipped.
    pub fn int8(&'static self) -> Option<&'static [u8]> {
        embedded::of(&self.name).and_then(|e| e.int8)
    }
}

/// A shipped language model, which a recognizer's search for the best text looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModel {
    /// The name that `--language-model` takes.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The file in `weights/`. Its card stands beside it, `.md`.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The licence, an SPDX expression.
    pub licence: String,
    /// The texts it has read.
    pub data: String,
}

impl LanguageModel {
    /// The content of its file.
    pub fn bytes(&self) -> &'static [u8] {
        embedded::language_model(&self.name).unwrap_or_default()
    }
}

/// A shipped extractor, which finds the fields of pages that are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extractor {
    /// The name that `glyphic extract --model` takes.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The paper's title and number.
    pub paper: String,
    /// The weights.
    pub weights: Weights,
}

impl Extractor {
    /// Its configuration, TOML as in `configs/`: an `[extractor.*]` table with what differs from the defaults.
    pub fn config(&self) -> &'static str {
        embedded::extractor(&self.name).map_or("", |(config, _)| config)
    }

    /// The content of its weight file.
    pub fn bytes(&self) -> &'static [u8] {
        embedded::extractor(&self.name).map_or(&[], |(_, weights)| weights)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    model: Vec<Model>,
    extractor: Vec<Extractor>,
    language_model: Vec<LanguageModel>,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    // The catalog is part of the program; a test reads it.
    toml::from_str(include_str!("../catalog.toml")).expect("catalog.toml is valid")
});

/// Every model, in the catalog's order.
pub fn models() -> &'static [Model] {
    &CATALOG.model
}

/// Every language model, in the catalog's order.
pub fn language_models() -> &'static [LanguageModel] {
    &CATALOG.language_model
}

/// Every extractor, in the catalog's order.
pub fn extractors() -> &'static [Extractor] {
    &CATALOG.extractor
}

/// The extractor of a name.
///
/// # Errors
/// [`Error::UnknownModel`], which lists the names there are.
pub fn extractor(name: &str) -> Result<&'static Extractor> {
    extractors().iter().find(|m| m.name == name).ok_or_else(|| Error::UnknownModel {
        name: name.to_owned(),
        known: extractors().iter().map(|m| m.name.as_str()).collect(),
    })
}

/// The content of the weight file of a model or an extractor.
///
/// # Errors
/// [`Error::UnknownModel`], [`Error::NoWeights`].
pub fn weights(name: &str) -> Result<&'static [u8]> {
    extractor(name).map_or_else(|_| model(name)?.weights(), |extractor| Ok(extractor.bytes()))
}

/// The language model of a name.
///
/// # Errors
/// [`Error::UnknownLanguageModel`], which lists the names there are.
pub fn language_model(name: &str) -> Result<&'static LanguageModel> {
    language_models().iter().find(|m| m.name == name).ok_or_else(|| Error::UnknownLanguageModel {
        name: name.to_owned(),
        known: language_models().iter().map(|m| m.name.as_str()).collect(),
    })
}

/// The model of a name.
///
/// # Errors
/// [`Error::UnknownModel`], which lists the names there are.
pub fn model(name: &str) -> Result<&'static Model> {
    models().iter().find(|m| m.name == name).ok_or_else(|| Error::UnknownModel {
        name: name.to_owned(),
        known: models().iter().map(|m| m.name.as_str()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_configuration_and_every_shipped_weight_file_its_hash() {
        assert_eq!(models().len(), embedded::ALL.len());
        for model in models() {
            let embedded =
                embedded::of(&model.name).unwrap_or_else(|| panic!("{} is not embedded", model.name));
            for task in &model.task {
                let stage = match task {
                    Task::Detect => "[detector.",
                    Task::Recognize => "[recognizer.",
                };
                assert!(model.config().contains(stage), "configs/{}.toml has no {stage}…]", model.name);
            }
            assert_eq!(model.weights.is_some(), embedded.weights.is_some(), "{}", model.name);
            if let (Some(row), Some(bytes)) = (&model.weights, embedded.weights) {
                let hash = hash(bytes);
                assert_eq!(row.sha256, hash, "catalog.toml has another hash than weights/{}", row.file);
                let int8 = row.int8.as_ref().map(|row| row.sha256.clone());
                assert_eq!(int8, embedded.int8.map(self::hash), "{} in 8 bits", row.file);
            }
        }
        for extractor in extractors() {
            assert!(extractor.config().contains("[extractor."), "{}", extractor.name);
            assert_eq!(extractor.weights.sha256, hash(extractor.bytes()), "{}", extractor.name);
            assert_eq!(weights(&extractor.name).unwrap(), extractor.bytes());
        }
        for model in language_models() {
            assert_eq!(model.sha256, hash(model.bytes()), "catalog.toml and weights/{}", model.file);
        }
    }

    fn hash(bytes: &[u8]) -> String {
        use sha2::Digest;
        sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn the_defaults_are_in_the_catalog_with_their_tasks() {
        assert_eq!(model(DEFAULT_DETECTOR).unwrap().task, [Task::Detect]);
        assert_eq!(model(DEFAULT_RECOGNIZER).unwrap().task, [Task::Recognize]);
        assert!(extractor(DEFAULT_EXTRACTOR).is_ok());
    }

    #[test]
    fn an_unknown_name_lists_the_names_there_are() {
        let message = model("dbnet_light").unwrap_err().to_string();
        assert!(message.contains("dbnet_light") && message.contains("dbnet_lite"), "{message}");
        let message = extractor("sdmgr").unwrap_err().to_string();
        assert!(message.contains(DEFAULT_EXTRACTOR), "{message}");
        let message = language_model("latein").unwrap_err().to_string();
        assert!(message.contains("latein") && message.contains("latin"), "{message}");
    }
}
