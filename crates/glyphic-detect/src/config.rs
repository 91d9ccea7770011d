use glyphic_core::Detector;
use glyphic_nn::Device;
use glyphic_nn::checkpoint::StateDict;
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
    pub fn build(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>> {
        match self {
            Self::Dbnet(config) => Ok(Box::new(DbNetDetector::new(config.clone(), weights, device)?)),
        }
    }
}
