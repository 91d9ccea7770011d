use glyphic_core::Detector;
use glyphic_detect::DetectorConfig;
use glyphic_nn::Device;

use crate::{Result, Weights};

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
    config.build(&weights.load()?, device).map_err(|e| weights.does_not_fit(e))
}
