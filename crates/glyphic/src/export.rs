use std::fmt::Write;

use glyphic_core::Symbol;
use glyphic_detect::DetectorConfig;
use glyphic_extract::ExtractorConfig;
use glyphic_graph::{Data, Graph};
use glyphic_recognize::RecognizerConfig;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Result, Weights, device, weights::Loaded};

/// A detector's network with its weights. Its metadata say how to use it: `config`, the TOML with the preprocessing, and
/// `sha256`, the hash of the weights.
///
/// # Errors
/// Those of [`load_detector`](crate::load_detector).
pub fn export_detector(config: &DetectorConfig, weights: &Weights) -> Result<Graph> {
    let graph = config.graph(&weights.load()?.into_state()).map_err(|e| weights.does_not_fit(e))?;
    Ok(described(graph, "detector", config))
}

/// A recognizer's network with its weights. Its metadata are those of [`export_detector`], and `character`: the symbols of
/// the classes behind the blank, one a line.
///
/// # Errors
/// Those of [`load_recognizer`](crate::load_recognizer).
pub fn export_recognizer(config: &RecognizerConfig, weights: &Weights) -> Result<Graph> {
    let failed = |e| weights.does_not_fit(e);
    let graph = config.graph(&weights.load()?.into_state()).map_err(failed)?;
    let mut graph = described(graph, "recognizer", config);
    let vocab = config.vocab().map_err(failed)?;
    let symbols: Vec<String> = (0..vocab.len())
        .filter_map(|class| match vocab.symbol(class)? {
            Symbol::Char(char) => Some(char.to_string()),
            Symbol::Blank => None,
            other => Some(format!("{other:?}").to_lowercase()),
        })
        .collect();
    graph.metadata.insert("character".to_owned(), symbols.join("\n"));
    Ok(graph)
}

/// An extractor's network with its weights. Its metadata are those of [`export_detector`].
///
/// # Errors
/// Those of [`load_extractor`](crate::load_extractor).
pub fn export_extractor(config: &ExtractorConfig, weights: &Weights) -> Result<Graph> {
    let graph = config.graph(&weights.load()?.into_state()).map_err(|e| weights.does_not_fit(e))?;
    Ok(described(graph, "extractor", config))
}

/// A detector's network as it runs on the processor: the weights' own graph, or the configured network with these weights.
/// Its metadata are those of [`export_detector`].
///
/// # Errors
/// Those of [`load_detector`](crate::load_detector).
pub fn detector_network(config: &DetectorConfig, weights: &Weights) -> Result<Graph> {
    match weights.for_device(&device::cpu(), config, config.network_keys())? {
        Loaded::Graph(graph) => Ok(graph),
        Loaded::State(_) => export_detector(config, weights),
    }
}

/// As [`detector_network`], for a recognizer.
///
/// # Errors
/// Those of [`load_recognizer`](crate::load_recognizer).
pub fn recognizer_network(config: &RecognizerConfig, weights: &Weights) -> Result<Graph> {
    match weights.for_device(&device::cpu(), config, config.network_keys())? {
        Loaded::Graph(graph) => Ok(graph),
        Loaded::State(_) => export_recognizer(config, weights),
    }
}

/// Says in a network's metadata what its weights are now: `sha256`.
pub fn set_hash(graph: &mut Graph) {
    graph.metadata.insert("sha256".to_owned(), hash(graph));
}

fn described(mut graph: Graph, stage: &str, config: &impl Serialize) -> Graph {
    /// A configuration file's part of a stage.
    #[derive(Serialize)]
    struct File<'a, C> {
        #[serde(flatten)]
        stage: std::collections::BTreeMap<&'a str, &'a C>,
    }
    let file = File { stage: [(stage, config)].into() };
    // Every configuration is a table of plain values.
    let config = toml::to_string(&file).unwrap_or_default();
    graph.metadata.insert("config".to_owned(), config);
    set_hash(&mut graph);
    graph
}

/// Of names and values of all weights, in the order of names.
fn hash(graph: &Graph) -> String {
    let mut weights: Vec<_> =
        graph.names.iter().filter_map(|(value, name)| Some((name, graph.constants.get(value)?))).collect();
    weights.sort_by_key(|(name, _)| *name);
    let mut sha = Sha256::new();
    for (name, tensor) in weights {
        sha.update(name.as_bytes());
        for value in tensor.as_f32().unwrap_or_default() {
            sha.update(value.to_le_bytes());
        }
        if let Data::I8(values) = tensor.data() {
            values.iter().for_each(|value| sha.update(value.to_le_bytes()));
        }
    }
    let mut text = String::new();
    for byte in sha.finalize() {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
