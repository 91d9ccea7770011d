use glyphic_core::Detector;
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::{
    Device,
    checkpoint::{StateDict, state_names},
};
use serde::{Deserialize, Serialize};

use crate::{DbNetConfig, DbNetDetector, Result};

/// The detectors there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DetectorConfig {
    /// DBNet.
    Dbnet(DbNetConfig),
}

impl Default for DetectorConfig {
    /// The default detector, [`DbNetConfig::lite`].
    fn default() -> Self {
        Self::Dbnet(DbNetConfig::lite())
    }
}

impl DetectorConfig {
    /// A detector with these weights on this device.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that makes no network, [`crate::Error::Weights`] where the weights
    /// are not exactly the network's.
    #[cfg(feature = "train")]
    pub fn build(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>> {
        match self {
            Self::Dbnet(config) => Ok(Box::new(DbNetDetector::new(config.clone(), weights, device)?)),
        }
    }

    /// The detector of this configuration and its network's graph, as [`DetectorConfig::graph`] makes it, on the processor.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that makes no detector, [`crate::Error::Graph`] for another network's
    /// graph.
    pub fn from_graph(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
        match self {
            Self::Dbnet(config) => Ok(Box::new(DbNetDetector::from_graph(config.clone(), graph)?)),
        }
    }

    /// The graph of the network with these weights: what a file of it holds.
    ///
    /// # Errors
    /// Those of [`DetectorConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        match self {
            Self::Dbnet(config) => config.graph(weights),
        }
    }

    /// Names and shapes of the network's weights, in its order.
    #[cfg(feature = "train")]
    pub fn state_names(&self) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Dbnet(config) => state_names(&config.init(&glyphic_nn::device::cpu())),
        }
    }

    /// Every model by name, with the configuration that is its default.
    pub fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("dbnet_lite", Self::Dbnet(DbNetConfig::lite())),
            ("dbnet_r18", Self::Dbnet(DbNetConfig::default())),
        ]
    }
}
