use std::sync::Arc;

#[cfg(feature = "train")]
use burn::tensor::Device;
use glyphic_core::{Recognizer, Vocab, deserialize_over_default};
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::checkpoint::StateDict;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Network};
use crate::model::Model;
#[cfg(feature = "train")]
use crate::model::{AnyModel, Learn};
#[cfg(feature = "train")]
use crate::network::DeviceNetwork;
use crate::network::{StepNetwork, WholeNetwork};
use crate::ppocr::PpOcrRecognizerConfig;
use crate::{
    Decoding, LanguageModel, Result, abinet, aster, crnn, crnn_lite, master, nrtr, parseq, robust_scanner,
    sar, satrn, seg, svtr,
};

/// Declares [`RecognizerConfig`] and what has an arm for each model.
macro_rules! recognizers {
    ($($(#[doc = $doc:literal])* $variant:ident($config:ty),)*) => {
        /// The recognizers there are, with their configurations. A key that is set inside a model changes that key of the
        /// model's default and nothing else.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RecognizerConfig {
            $(
                $(#[doc = $doc])*
                $variant(#[serde(deserialize_with = "deserialize_over_default")] $config),
            )*
            /// A recognizer of PaddleOCR, from its ONNX file; it is not trained here.
            Ppocr(#[serde(deserialize_with = "deserialize_over_default")] PpOcrRecognizerConfig),
        }

        impl RecognizerConfig {
            /// Every model whose network is defined here by name, with the configuration that is its default.
            pub fn all() -> Vec<(&'static str, Self)> {
                let all = [$(Self::$variant(<$config>::default())),*];
                all.into_iter().map(|config| (config.name(), config)).collect()
            }

            /// What the configuration gives.
            pub fn model(&self) -> &dyn Model {
                match self { $(Self::$variant(config) => config,)* Self::Ppocr(config) => config }
            }

            /// As [`RecognizerConfig::model`], to be changed.
            pub fn model_mut(&mut self) -> &mut dyn Model {
                match self { $(Self::$variant(config) => config,)* Self::Ppocr(config) => config }
            }

            #[cfg(feature = "train")]
            fn network(&self) -> &dyn AnyModel {
                match self { $(Self::$variant(config) => config,)* Self::Ppocr(config) => config }
            }

            /// Lets a visitor do something with the configuration's own type.
            #[cfg(feature = "train")]
            pub fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant(config) => visitor.visit(config),)*
                    Self::Ppocr(config) => visitor.foreign(config.name()),
                }
            }
        }

        $(
            impl From<$config> for RecognizerConfig {
                fn from(config: $config) -> Self {
                    Self::$variant(config)
                }
            }
        )*
    };
}

recognizers! {
    /// glyphic's own convolutional line recognizer.
    CrnnLite(crnn_lite::CrnnLiteConfig),
    /// CRNN with MMOCR's backbone and decoder.
    Crnn(crnn::CrnnConfig),
    /// NRTR: a transformer over a map, and one that writes class by class.
    Nrtr(nrtr::NrtrConfig),
    /// SAR: recurrent layers that look at the map for each character.
    Sar(sar::SarConfig),
    /// RobustScanner: a recurrent branch and one of positions.
    RobustScanner(robust_scanner::RobustScannerConfig),
    /// SATRN: a transformer over the whole map with convolutions inside, and one that writes class by class.
    Satrn(satrn::SatrnConfig),
    /// SegOCR: a map of character classes.
    Seg(seg::SegConfig),
    /// MASTER: global context in the backbone, and a transformer that writes class by class.
    Master(master::MasterConfig),
    /// ABINet: all characters at once, corrected by a language model of its own.
    Abinet(abinet::AbinetConfig),
    /// SVTR: patches mixed with those around them and with all others, for CTC.
    Svtr(svtr::SvtrConfig),
    /// PARSeq: a vision transformer, and a decoder that writes class by class and reads once more what it wrote.
    Parseq(parseq::ParseqConfig),
    /// ASTER: a rectification, and a recurrent decoder that looks at the columns for each character.
    Aster(aster::AsterConfig),
}

/// Something done with a configuration of any type.
#[cfg(feature = "train")]
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<M: Learn + Into<RecognizerConfig>>(self, model: &M) -> Self::Output;

    /// What comes of a model whose network is not defined here.
    fn foreign(self, name: &'static str) -> Self::Output;
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
        let network = match (self.device_network(weights, &device)?, self.model().steps()?) {
            (DeviceNetwork::Steps(steps), Some(options)) => {
                Network::Steps(StepNetwork::Device(steps, device), options)
            }
            (DeviceNetwork::Whole(forward), _) => Network::Whole(WholeNetwork::Device(forward, device)),
            (DeviceNetwork::Steps(_), None) => unreachable!("a network of steps says how they are made"),
        };
        self.engine(network, language)
    }

    /// The network with these weights as a burn module.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::build`].
    #[cfg(feature = "train")]
    pub fn device_network(&self, weights: &StateDict, device: &Device) -> Result<DeviceNetwork> {
        self.network().device_network(weights, device)
    }

    fn engine(&self, network: Network, language: Option<Arc<LanguageModel>>) -> Result<Box<dyn Recognizer>> {
        self.validate()?;
        let model = self.model();
        let (preprocess, codec) = (model.preprocess(), model.codec(language)?);
        let reread = model.reread().filter(|reread| reread.below > 0.0).cloned();
        Ok(Box::new(Engine { preprocess, network, codec, turn_vertical: model.turn_vertical(), reread }))
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
        self.validate()?;
        if let Self::Ppocr(config) = self {
            let (config, graph) = config.with_file(graph)?;
            return Self::Ppocr(config).engine(Network::Whole(WholeNetwork::from_graph(&graph)?), language);
        }
        let network = match self.model().steps()? {
            Some(options) => Network::Steps(StepNetwork::from_graph(graph)?, options),
            None => Network::Whole(WholeNetwork::from_graph(graph)?),
        };
        self.engine(network, language)
    }

    /// The graph of the network with these weights: what a file of it holds. A network that writes class by class has its
    /// encoder and one step in it, see [`RecognizerConfig::parts`].
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        self.network().graph_of(weights)
    }

    /// The parts of a network that writes class by class, each with its name: `encoder` (crops to `memory_*` and the
    /// state before the first step, `initial_*`), `step` (those, `token` and `position` to `logits` and `next_*`) and, where it
    /// reads once more what it wrote, `refine` (`memory_*` and `tokens` to `refined`). Empty for a network that gives all scores
    /// at once.
    ///
    /// # Errors
    /// [`Error::Graph`](crate::Error::Graph) for another network's graph.
    pub fn parts(&self, graph: &Graph) -> Result<Vec<(&'static str, Graph)>> {
        if self.model().steps()?.is_none() {
            return Ok(Vec::new());
        }
        crate::network::parts(graph)
    }

    /// Names and shapes of the network's weights, in its order.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::vocab`].
    #[cfg(feature = "train")]
    pub fn state_names(&self) -> Result<Vec<(String, Vec<usize>)>> {
        self.network().state_names()
    }

    /// Weights as they are before training.
    ///
    /// # Errors
    /// Those of [`RecognizerConfig::vocab`].
    #[cfg(feature = "train")]
    pub fn fresh_weights(&self) -> Result<StateDict> {
        self.network().fresh_weights()
    }

    /// The classes of the network.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        self.model().vocab()
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        self.model().validate()
    }

    /// How a language model is used; greedily, so not at all, by networks that are read without one.
    pub fn decoding(&self) -> &Decoding {
        self.model().decoding().unwrap_or(&Decoding::Greedy)
    }

    /// The same recognizer that reads every crop once: for readers that look again themselves, with what stands around.
    #[must_use]
    pub fn reading_once(&self) -> Self {
        let mut once = self.clone();
        if let Some(reread) = once.model_mut().reread_mut() {
            reread.below = 0.0;
        }
        once
    }

    /// As [`RecognizerConfig::decoding`], to be changed; `None` for a network that is read without a language model.
    pub fn decoding_mut(&mut self) -> Option<&mut Decoding> {
        self.model_mut().decoding_mut()
    }

    /// The keys that shape the network. Weights that were made with other values of them do not fit; every other key may
    /// change.
    pub fn network_keys(&self) -> &'static [&'static str] {
        self.model().network_keys()
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        self.model().name()
    }
}
