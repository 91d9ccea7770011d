use std::{fs, path::PathBuf, sync::Arc};

use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::{checkpoint, checkpoint::StateDict};
use serde::Serialize;

use crate::{Device, Error, Result, device};

/// Where a network's weights come from.
#[derive(Debug, Clone)]
pub enum Weights {
    /// The weights shipped for a model of the catalog.
    Catalog(String),
    /// An ONNX model as `glyphic export` writes it, a safetensors file, or a PyTorch checkpoint as MMOCR writes it.
    File(PathBuf),
    /// A network in memory, with its weights.
    Network(Arc<Graph>),
}

impl Weights {
    /// The name for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Catalog(name) => format!("of {name}"),
            Self::File(path) => path.display().to_string(),
            Self::Network(graph) => format!("of the network {}", graph.name),
        }
    }

    pub(crate) fn load(&self) -> Result<Loaded> {
        let (name, bytes) = match self {
            Self::Catalog(name) => (name.clone(), glyphic_zoo::weights(name)?.to_vec()),
            Self::File(path) => {
                let failed = |source| Error::Read { path: path.clone(), source };
                (path.display().to_string(), fs::read(path).map_err(failed)?)
            }
            Self::Network(graph) => return Ok(Loaded::Graph(Graph::clone(graph))),
        };
        #[cfg(feature = "train")]
        if !checkpoint::is_onnx(&bytes) {
            let weights = checkpoint::from_bytes(&name, bytes);
            return Ok(Loaded::State(weights.map_err(|e| self.does_not_fit(e))?));
        }
        let graph = glyphic_onnx::from_bytes(&bytes);
        graph.map(Loaded::Graph).map_err(|source| self.does_not_fit(Unreadable { name, source }))
    }

    /// The weights for a network on a device: a graph where the file holds the configured network and the device is the
    /// processor, else values by name, for the network to be built with.
    pub(crate) fn for_device(
        &self,
        device: &Device,
        config: &impl Serialize,
        keys: &[&'static str],
    ) -> Result<Loaded> {
        let loaded = self.load()?;
        let differing = match &loaded {
            Loaded::Graph(graph) => differing_keys(graph, config, keys),
            #[cfg(feature = "train")]
            Loaded::State(_) => return Ok(loaded),
        };
        match device::is_cpu(device) && differing.is_empty() {
            true => Ok(loaded),
            #[cfg(feature = "train")]
            false => Ok(Loaded::State(loaded.into_state())),
            #[cfg(not(feature = "train"))]
            false => Err(self.does_not_fit(OtherNetwork { keys: differing })),
        }
    }

    /// As [`Weights::for_device`], to read with: on the processor the shipped network in 8 bits, where there is one for this
    /// configuration and the processor multiplies bytes fast.
    pub(crate) fn to_read_with(
        &self,
        device: &Device,
        config: &impl Serialize,
        keys: &[&'static str],
    ) -> Result<Loaded> {
        if let Self::Catalog(name) = self
            && device::is_cpu(device)
            && glyphic_kernels::has_byte_products()
            && let Some(bytes) = glyphic_zoo::model(name).ok().and_then(glyphic_zoo::Model::int8)
        {
            let unreadable = |source| self.does_not_fit(Unreadable { name: name.clone(), source });
            let graph = glyphic_onnx::from_bytes(bytes).map_err(unreadable)?;
            if differing_keys(&graph, config, keys).is_empty() {
                return Ok(Loaded::Graph(graph));
            }
        }
        self.for_device(device, config, keys)
    }

    pub(crate) fn does_not_fit(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Weights { weights: self.name(), source: Box::new(error) }
    }
}

/// Weights as a file holds them.
pub(crate) enum Loaded {
    /// With their network.
    Graph(Graph),
    /// By name.
    #[cfg(feature = "train")]
    State(StateDict),
}

/// Keys that shape the network, of those given, in which a configuration differs from the one that made a graph, as its file
/// says. None for a graph whose file says nothing.
pub(crate) fn differing_keys(
    graph: &Graph,
    config: &impl Serialize,
    keys: &[&'static str],
) -> Vec<&'static str> {
    let of_file = graph.metadata.get("config").and_then(|text| text.parse::<toml::Table>().ok());
    // `[detector.NAME]`, `[recognizer.NAME]`: the table of the model, whatever its name.
    let of_file = of_file.as_ref().and_then(|file| inner(file.values().next()?.as_table()?));
    let wanted = toml::Table::try_from(config).ok();
    match (of_file, wanted.as_ref().and_then(inner)) {
        (Some(of_file), Some(wanted)) => {
            keys.iter().copied().filter(|key| of_file.get(*key) != wanted.get(*key)).collect()
        }
        _ => Vec::new(),
    }
}

fn inner(table: &toml::Table) -> Option<&toml::Table> {
    table.values().next()?.as_table()
}

/// A graph of another network than the one that is configured.
#[cfg(not(feature = "train"))]
#[derive(Debug, thiserror::Error)]
#[error(
    "the network was made with other values of {}; a build with the feature `train` makes the configured network of them, if \
     they fit", keys.join(", ")
)]
pub(crate) struct OtherNetwork {
    pub(crate) keys: Vec<&'static str>,
}

/// A file that is no ONNX model, where nothing else can be read.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}{}", if cfg!(feature = "train") { "" } else { "; other weights than ONNX need a build with the feature `train`" })]
struct Unreadable {
    name: String,
    source: glyphic_onnx::Error,
}

#[cfg(feature = "train")]
impl Loaded {
    /// By name, whatever the file was.
    pub(crate) fn into_state(self) -> StateDict {
        match self {
            Self::Graph(graph) => StateDict::from_graph(&graph),
            Self::State(weights) => weights,
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_detect::DetectorConfig;
    use glyphic_recognize::RecognizerConfig;

    use super::*;

    fn shipped(name: &str) -> Graph {
        glyphic_onnx::from_bytes(glyphic_zoo::model(name).unwrap().weights().unwrap()).unwrap()
    }

    #[test]
    fn the_shipped_graphs_are_those_of_the_default_configurations() {
        let (detector, recognizer) = (DetectorConfig::default(), RecognizerConfig::default());
        assert!(differing_keys(&shipped("dbnet_lite"), &detector, detector.network_keys()).is_empty());
        assert!(differing_keys(&shipped("crnn_lite"), &recognizer, recognizer.network_keys()).is_empty());
    }

    #[test]
    fn keys_that_shape_the_network_are_compared_and_others_are_not() {
        let mut detector = DetectorConfig::default();
        let DetectorConfig::DbnetLite(config) = &mut detector else { panic!("the default is dbnet_lite") };
        config.decode.min_score = 0.9;
        let keys =
            |config: &DetectorConfig| differing_keys(&shipped("dbnet_lite"), config, config.network_keys());
        assert!(keys(&detector).is_empty());
        let DetectorConfig::DbnetLite(config) = &mut detector else { panic!("the default is dbnet_lite") };
        config.neck = glyphic_detect::DbNetConfig::default().neck;
        assert_eq!(keys(&detector), ["neck"]);
        let device = crate::device::cpu();
        let loaded = Weights::Catalog("dbnet_lite".to_owned());
        let loaded = loaded.for_device(&device, &detector, detector.network_keys());
        #[cfg(feature = "train")]
        assert!(matches!(loaded, Ok(Loaded::State(_))));
        #[cfg(not(feature = "train"))]
        assert!(loaded.err().unwrap().to_string().contains("neck"));
    }
}
