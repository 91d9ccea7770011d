use glyphic_core::{Detector, deserialize_over, deserialize_over_default};
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::{
    Device,
    checkpoint::{StateDict, state_names},
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::dbnet::DbLevel;
use crate::{DbNetConfig, DbNetDetector, Result};

/// The detectors there are. A key that is set inside a model changes that key of the model's default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DetectorConfig {
    /// DBNet with MMOCR's values, [`DbNetConfig::default`].
    Dbnet(#[serde(deserialize_with = "deserialize_over_default")] DbNetConfig),
    /// The default detector, [`DbNetConfig::lite`]: DBNet with a small backbone.
    DbnetLite(#[serde(deserialize_with = "over_lite")] DbNetConfig),
}

fn over_lite<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DbNetConfig, D::Error> {
    deserialize_over(&DbNetConfig::lite(), deserializer)
}

impl Default for DetectorConfig {
    /// The default detector, [`DbNetConfig::lite`].
    fn default() -> Self {
        Self::DbnetLite(DbNetConfig::lite())
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
            Self::Dbnet(config) | Self::DbnetLite(config) => {
                Ok(Box::new(DbNetDetector::new(config.clone(), weights, device)?))
            }
        }
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dbnet(_) => "dbnet",
            Self::DbnetLite(_) => "dbnet_lite",
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => config.validate(),
        }
    }

    /// Which regions are found, for detectors that know words from lines.
    pub fn level_mut(&mut self) -> Option<&mut DbLevel> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => config.level.as_mut(),
        }
    }

    /// The detector of this configuration and its network's graph, as [`DetectorConfig::graph`] makes it, on the processor.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that makes no detector, [`crate::Error::Graph`] for another network's
    /// graph.
    pub fn from_graph(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => {
                Ok(Box::new(DbNetDetector::from_graph(config.clone(), graph)?))
            }
        }
    }

    /// The graph of the network with these weights: what a file of it holds.
    ///
    /// # Errors
    /// Those of [`DetectorConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => config.graph(weights),
        }
    }

    /// Names and shapes of the network's weights, in its order.
    #[cfg(feature = "train")]
    pub fn state_names(&self) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => {
                state_names(&config.init(&glyphic_nn::device::cpu()))
            }
        }
    }

    /// Every model by name, with the configuration that is its default.
    pub fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("dbnet_lite", Self::DbnetLite(DbNetConfig::lite())),
            ("dbnet_r18", Self::Dbnet(DbNetConfig::default())),
        ]
    }
}
