use glyphic_core::Detector;
use glyphic_detect::DetectorConfig;

use crate::{Device, Result, Weights, weights::Loaded};

/// A detector, ready to run.
///
/// # Errors
/// [`crate::Error::Zoo`] for a model without shipped weights, [`crate::Error::Weights`] for weights that cannot be
/// read or do not fit, or a configuration that makes no network.
pub fn load_detector(
    config: &DetectorConfig,
    weights: &Weights,
    device: &Device,
) -> Result<Box<dyn Detector>> {
    let detector = match weights.to_read_with(device, config, config.network_keys())? {
        Loaded::Graph(graph) => config.from_graph(&graph),
        #[cfg(feature = "train")]
        Loaded::State(weights) => config.build(&weights, device),
    };
    detector.map_err(|e| weights.does_not_fit(e))
}
