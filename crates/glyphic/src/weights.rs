use std::{fs, path::PathBuf};

use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::{checkpoint, checkpoint::StateDict};

use crate::{Error, Result};

/// Where a network's weights come from.
#[derive(Debug, Clone)]
pub enum Weights {
    /// The weights shipped for a model of the catalog.
    Catalog(String),
    /// An ONNX model as `glyphic export` writes it, a safetensors file, or a PyTorch checkpoint as MMOCR writes it.
    File(PathBuf),
}

impl Weights {
    /// The name for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Catalog(name) => format!("of {name}"),
            Self::File(path) => path.display().to_string(),
        }
    }

    pub(crate) fn load(&self) -> Result<Loaded> {
        let (name, bytes) = match self {
            Self::Catalog(name) => (name.clone(), glyphic_zoo::model(name)?.weights()?.to_vec()),
            Self::File(path) => {
                let failed = |source| Error::Read { path: path.clone(), source };
                (path.display().to_string(), fs::read(path).map_err(failed)?)
            }
        };
        #[cfg(feature = "train")]
        if !checkpoint::is_onnx(&bytes) {
            let weights = checkpoint::from_bytes(&name, bytes);
            return Ok(Loaded::State(weights.map_err(|e| self.does_not_fit(e))?));
        }
        let graph = Graph::from_onnx(&bytes);
        graph.map(Loaded::Graph).map_err(|source| self.does_not_fit(Unreadable { name, source }))
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

/// A file that is no ONNX model, where nothing else can be read.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}{}", if cfg!(feature = "train") { "" } else { "; other weights than ONNX need a build with the feature `train`" })]
struct Unreadable {
    name: String,
    source: glyphic_graph::Error,
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
