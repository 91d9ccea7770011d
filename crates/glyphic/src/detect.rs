use glyphic_core::Detector;
use glyphic_detect::DetectorConfig;

use crate::{Device, Result, Weights, device, weights::Loaded};

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
    let detector = match weights.load()? {
        Loaded::Graph(graph) if device::is_cpu(device) => config.from_graph(&graph),
        #[cfg(not(feature = "train"))]
        Loaded::Graph(_) => unreachable!("without burn there is no device but the processor"),
        #[cfg(feature = "train")]
        loaded => config.build(&loaded.into_state(), device),
    };
    detector.map_err(|e| weights.does_not_fit(e))
}
