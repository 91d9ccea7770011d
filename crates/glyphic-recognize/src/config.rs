use std::sync::Arc;

#[cfg(feature = "train")]
use burn::{module::Module, tensor::Device};
use glyphic_core::{Recognizer, Vocab, deserialize_over_default};
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_names};
use serde::{Deserialize, Serialize};

use crate::codec::CtcDecoder;
#[cfg(feature = "train")]
use crate::engine::Forward;
use crate::engine::{Engine, LineNetwork, Preprocess};
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
    #[cfg(feature = "train")]
    pub fn build(
        &self,
        weights: &StateDict,
        language: Option<Arc<LanguageModel>>,
        device: &Device,
    ) -> Result<Box<dyn Recognizer>> {
        let device = device.clone().without_autodiff();
        if device == glyphic_nn::device::cpu() {
            return self.from_graph(&self.graph(weights)?, language);
        }
        let forward = self.forward(weights, &device)?;
        self.engine(LineNetwork::Device(forward, device), language)
    }

    /// What the network does with these weights on a device: crops `[N, channels, height, W]` -> scores
    /// `[N, T, classes]`.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::build`].
    #[cfg(feature = "train")]
    pub fn forward(&self, weights: &StateDict, device: &Device) -> Result<Box<Forward>> {
        self.validate()?;
        let classes = self.vocab()?.len();
        Ok(match self {
            Self::Crnn(config) => {
                let net = loaded(config.init(classes, device), weights)?;
                Box::new(move |x| net.forward(x))
            }
            Self::CrnnLite(config) => {
                let net = loaded(config.init(classes, device), weights)?;
                Box::new(move |x| net.forward(x))
            }
        })
    }

    fn engine(
        &self,
        network: LineNetwork,
        language: Option<Arc<LanguageModel>>,
    ) -> Result<Box<dyn Recognizer>> {
        self.validate()?;
        let (preprocess, codec, turn_vertical): (Box<dyn Preprocess>, _, _) = match self {
            Self::Crnn(config) => (Box::new(config.clone()), config.codec()?, false),
            Self::CrnnLite(config) => (Box::new(config.clone()), config.codec()?, config.turn_vertical),
        };
        let codec = Box::new(CtcDecoder::new(codec, self.decoding(), language));
        Ok(Box::new(Engine { preprocess, network, codec, turn_vertical }))
    }

    /// The recognizer of this configuration and its network's graph, as [`RecognizerConfig::graph`] makes it, on the
    /// processor.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::build`], and [`Error::Graph`](crate::Error::Graph) for another network's graph.
    pub fn from_graph(
        &self,
        graph: &Graph,
        language: Option<Arc<LanguageModel>>,
    ) -> Result<Box<dyn Recognizer>> {
        self.engine(LineNetwork::from_graph(graph)?, language)
    }

    /// The graph of the network with these weights: what a file of it holds.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        self.validate()?;
        let (classes, device) = (self.vocab()?.len(), glyphic_nn::device::cpu());
        Ok(match self {
            Self::Crnn(config) => loaded(config.init(classes, &device), weights)?.graph()?,
            Self::CrnnLite(config) => loaded(config.init(classes, &device), weights)?.graph()?,
        })
    }

    /// Names and shapes of the network's weights, in its order.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::vocab`].
    #[cfg(feature = "train")]
    pub fn state_names(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let (classes, device) = (self.vocab()?.len(), glyphic_nn::device::cpu());
        Ok(match self {
            Self::Crnn(config) => state_names(&config.init(classes, &device)),
            Self::CrnnLite(config) => state_names(&config.init(classes, &device)),
        })
    }

    /// Every model by name, with the configuration that is its default.
    pub fn all() -> Vec<(&'static str, Self)> {
        let all =
            [Self::CrnnLite(crnn_lite::CrnnLiteConfig::default()), Self::Crnn(crnn::CrnnConfig::default())];
        all.into_iter().map(|config| (config.name(), config)).collect()
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

/// The network with these weights, all of them and no others.
#[cfg(feature = "train")]
fn loaded<M: Module>(mut network: M, weights: &StateDict) -> Result<M> {
    load_into(&mut network, weights, &LoadOptions::default())?;
    Ok(network)
}
