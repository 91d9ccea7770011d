use glyphic_core::{Image, Recognizer, Transcript};
use glyphic_nn::Device;
use glyphic_recognize::RecognizerConfig;

use crate::{Result, Weights, crop::Crop};

/// A recognizer, ready to run.
///
/// # Errors
/// [`crate::Error::Zoo`] for a model without shipped weights, [`crate::Error::Weights`] for weights that cannot be
/// read or do not fit, or a configuration that makes no network.
pub fn load_recognizer(
    config: &RecognizerConfig,
    weights: &Weights,
    device: &Device,
) -> Result<Box<dyn Recognizer>> {
    config.build(&weights.load()?, device).map_err(|e| weights.does_not_fit(e))
}

/// Reads all crops; of the crops of one region (turned this way and that) the surest reading stays.
pub(crate) fn read_crops(recognizer: &dyn Recognizer, crops: Vec<Crop>) -> Result<Vec<(Crop, Transcript)>> {
    let images: Vec<Image> = crops.iter().map(|c| c.image.clone()).collect();
    let mut readings: Vec<(Crop, Transcript)> = Vec::with_capacity(crops.len());
    for (crop, transcript) in crops.into_iter().zip(recognizer.recognize(&images)?) {
        match readings.last_mut().filter(|(last, _)| last.region == crop.region) {
            // The upright reading comes first and wins a tie.
            Some(best) if transcript.score > best.1.score => *best = (crop, transcript),
            Some(_) => {}
            None => readings.push((crop, transcript)),
        }
    }
    Ok(readings)
}
