use std::sync::Arc;

use burn::tensor::Device;
use glyphic_core::{Recognizer, Vocab, deserialize_over_default};
use glyphic_nn::checkpoint::StateDict;
use serde::{Deserialize, Serialize};

use crate::{Decoding, LanguageModel, Result, crnn, crnn_lite};

/// The recognizers there are, with their configurations. A key that is set inside a model changes that key of the model's
/// default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecognizerConfig {
    /// CRNN with MMOCR's backbone and decoder.
    Crnn(#[serde(deserialize_with = "deserialize_over_default")] crnn::CrnnConfig),
    /// glyphic's own convolutional line recognizer.
    CrnnLite(#[serde(deserialize_with = "deserialize_over_default")] crnn_lite::CrnnLiteConfig),
}

impl Default for RecognizerConfig {
    /// The recognizer of the shipped weights.
    fn default() -> Self {
        Self::CrnnLite(crnn_lite::CrnnLiteConfig::default())
    }
}

impl RecognizerConfig {
    /// The recognizer of this configuration and its weights, on a device. `language` is the model that
    /// [`RecognizerConfig::decoding`] names; without one the best class of each step is read, whatever that says.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a configuration that describes no network,
    /// [`Error::Core`](crate::Error::Core) for a character that stands twice,
    /// [`Error::Weights`](crate::Error::Weights) for weights that do not fit, with every name that does not.
    pub fn build(
        &self,
        weights: &StateDict,
        language: Option<Arc<LanguageModel>>,
        device: &Device,
    ) -> Result<Box<dyn Recognizer>> {
        match self {
            Self::Crnn(config) => crnn::build(config.clone(), weights, language, device),
            Self::CrnnLite(config) => crnn_lite::build(config.clone(), weights, language, device),
        }
    }

    /// The classes of the network.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        match self {
            Self::Crnn(config) => config.vocab(),
            Self::CrnnLite(config) => config.vocab(),
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Crnn(config) => config.validate(),
            Self::CrnnLite(config) => config.validate(),
        }
    }

    /// How text is read off the network's output.
    pub fn decoding(&self) -> &Decoding {
        match self {
            Self::Crnn(config) => &config.decoding,
            Self::CrnnLite(config) => &config.decoding,
        }
    }

    /// As [`RecognizerConfig::decoding`], to be changed.
    pub fn decoding_mut(&mut self) -> &mut Decoding {
        match self {
            Self::Crnn(config) => &mut config.decoding,
            Self::CrnnLite(config) => &mut config.decoding,
        }
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crnn(_) => "crnn",
            Self::CrnnLite(_) => "crnn_lite",
        }
    }
}
