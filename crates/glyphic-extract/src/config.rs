use glyphic_core::deserialize_over_default;
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::checkpoint::StateDict;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::kie::sdmgr::{PageExtractor, SdmgrConfig};
use crate::ner::bert_softmax::{EntityFinder, NerConfig};

/// The extractors there are, with their configurations. A key that is set inside a model changes that key of the model's
/// default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtractorConfig {
    /// SDMGR with MMOCR's values.
    Sdmgr(#[serde(deserialize_with = "deserialize_over_default")] SdmgrConfig),
}

impl Default for ExtractorConfig {
    fn default() -> Self {
        Self::Sdmgr(SdmgrConfig::default())
    }
}

impl ExtractorConfig {
    /// The extractor of this configuration and its weights, on the processor.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a configuration that describes no network,
    /// [`Error::Weights`](crate::Error::Weights) for weights that do not fit, with every name that does not.
    #[cfg(feature = "train")]
    pub fn build(&self, weights: &StateDict) -> Result<PageExtractor> {
        self.from_graph(&self.graph(weights)?)
    }

    /// The extractor of this configuration and its network's graph, as [`ExtractorConfig::graph`] makes it.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config), [`Error::Count`](crate::Error::Count) for lists that do not fit the weights, and
    /// [`Error::Graph`](crate::Error::Graph) for another network's graph.
    pub fn from_graph(&self, graph: &Graph) -> Result<PageExtractor> {
        match self {
            Self::Sdmgr(config) => PageExtractor::from_graph(config.clone(), graph),
        }
    }

    /// The graph of the network with these weights: what a file of it holds.
    ///
    /// # Errors
    /// Those of [`ExtractorConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        self.validate()?;
        match self {
            Self::Sdmgr(config) => config.load(weights, &glyphic_nn::device::cpu())?.graph(config),
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Sdmgr(config) => config.validate(),
        }
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sdmgr(_) => "sdmgr",
        }
    }
}

/// The finders of named entities there are, with their configurations, as [`ExtractorConfig`] has extractors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityConfig {
    /// BERT with softmax, with MMOCR's values.
    BertSoftmax(#[serde(deserialize_with = "deserialize_over_default")] NerConfig),
}

impl Default for EntityConfig {
    fn default() -> Self {
        Self::BertSoftmax(NerConfig::default())
    }
}

impl EntityConfig {
    /// The finder of this configuration, a vocabulary with one token a line, and weights.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config), [`Error::Vocabulary`](crate::Error::Vocabulary), and
    /// [`Error::Weights`](crate::Error::Weights) for weights that do not fit, with every name that does not.
    #[cfg(feature = "train")]
    pub fn build(&self, vocabulary: &str, weights: &StateDict) -> Result<EntityFinder> {
        let Self::BertSoftmax(config) = self;
        let graph = config.load(weights, &glyphic_nn::device::cpu())?.graph()?;
        self.from_graph(vocabulary, &graph)
    }

    /// The finder of this configuration, a vocabulary and its network's graph.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config), [`Error::Vocabulary`](crate::Error::Vocabulary), and
    /// [`Error::Graph`](crate::Error::Graph) for another network's graph.
    pub fn from_graph(&self, vocabulary: &str, graph: &Graph) -> Result<EntityFinder> {
        let Self::BertSoftmax(config) = self;
        EntityFinder::from_graph(config, vocabulary, graph)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let Self::BertSoftmax(config) = self;
        config.validate()
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        "bert_softmax"
    }
}
