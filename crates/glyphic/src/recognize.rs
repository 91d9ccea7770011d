use std::{fs, path::Path, sync::Arc};

use glyphic_core::{Image, Recognizer, Transcript};
use glyphic_recognize::{Decoding, LanguageModel, RecognizerConfig};

use crate::{Device, Error, Result, Weights, crop::Crop, weights::Loaded};

/// A language model of the catalog, or one in a file.
///
/// # Errors
/// [`Error::Zoo`] for a name that neither the catalog nor a file has, [`Error::Read`] and [`Error::LanguageModel`] for a
/// file that cannot be read or holds none.
pub fn load_language_model(name: &str) -> Result<LanguageModel> {
    let read = |bytes: &[u8]| {
        LanguageModel::from_bytes(bytes)
            .map_err(|error| Error::LanguageModel { name: name.to_owned(), source: error.into() })
    };
    let path = Path::new(name);
    match glyphic_zoo::language_model(name) {
        Ok(model) => read(model.bytes()),
        Err(_) if path.exists() => {
            read(&fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?)
        }
        Err(unknown) => Err(unknown.into()),
    }
}

/// A recognizer, ready to run, with the language model that its configuration names.
///
/// # Errors
/// [`Error::Zoo`] for a model without shipped weights, [`Error::Weights`] for weights that cannot be read or do not
/// fit, or a configuration that makes no network, and those of [`load_language_model`].
pub fn load_recognizer(
    config: &RecognizerConfig,
    weights: &Weights,
    device: &Device,
) -> Result<Box<dyn Recognizer>> {
    let (language, loaded) = rayon::join(
        || match config.decoding() {
            Decoding::Greedy => Ok(None),
            Decoding::Beam(beam) => {
                load_language_model(&beam.language_model).map(|model| Some(Arc::new(model)))
            }
        },
        || weights.to_read_with(device, config, config.network_keys()),
    );
    let language = language?;
    let recognizer = match loaded? {
        Loaded::Graph(graph) => config.from_graph(&graph, language),
        #[cfg(feature = "train")]
        Loaded::State(weights) => config.build(&weights, language, device),
    };
    recognizer.map_err(|e| weights.does_not_fit(e))
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
