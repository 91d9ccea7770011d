use std::path::PathBuf;

use glyphic_nn::{checkpoint, checkpoint::StateDict};

use crate::{Error, Result};

/// Where a network's weights come from.
#[derive(Debug, Clone)]
pub enum Weights {
    /// The weights shipped for a model of the catalog.
    Catalog(String),
    /// A safetensors file, or a PyTorch checkpoint as MMOCR writes it.
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

    pub(crate) fn load(&self) -> Result<StateDict> {
        let failed = |e: glyphic_nn::Error| self.does_not_fit(e);
        match self {
            Self::Catalog(name) => {
                let bytes = glyphic_zoo::model(name)?.weights()?;
                checkpoint::from_bytes(name, bytes.to_vec()).map_err(failed)
            }
            Self::File(path) => checkpoint::read(path).map_err(failed),
        }
    }

    pub(crate) fn does_not_fit(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Weights { weights: self.name(), source: Box::new(error) }
    }
}
