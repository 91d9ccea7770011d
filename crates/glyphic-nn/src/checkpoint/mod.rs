//! Weights on disk: safetensors, PyTorch's `.pth` and the weights of an ONNX model, read into a [`StateDict`] and loaded by name into modules.
//!
//! Loading is strict: a name that is missing, left over or of another shape is an error that lists every one of them.

mod dtype;
mod module;
mod pth;
mod safetensors;
mod state_dict;

use std::path::Path as FilePath;

pub use dtype::DType;
pub use module::{LoadOptions, Mismatch, Report, gradients, load_into, state_dict, state_names};
pub(crate) use module::{Path, transpose};
pub use pth::{pth_from_bytes, read_pth};
pub use safetensors::{read_safetensors, safetensors_from_bytes, save_safetensors};
pub use state_dict::{StateDict, TensorValue};

use glyphic_graph::Graph;

use crate::{Error, Result};

/// What can be wrong with a checkpoint's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end too early or contradict themselves.
    #[error("broken {what}: {reason}")]
    Broken {
        /// The part that is broken.
        what: &'static str,
        /// How.
        reason: String,
    },
    /// Neither safetensors nor a PyTorch checkpoint.
    #[error(
        "not a checkpoint: expected safetensors, an ONNX model, or a PyTorch file in zip or legacy layout"
    )]
    Unknown,
    /// A pickle that names something outside the small list a checkpoint needs. Nothing of it has been run.
    #[error("refused: the file asks for `{global}`, which a checkpoint does not need; it may be malicious")]
    Refused {
        /// Module and name, such as `posix.system`.
        global: String,
    },
    /// Something a checkpoint may hold but that is not supported.
    #[error("unsupported: {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A file without a single named tensor.
    #[error("holds no state dict: expected named tensors, or a dict with them under `state_dict`")]
    NoTensors,
}

impl FormatError {
    pub(crate) fn broken(what: &'static str, reason: impl ToString) -> Self {
        Self::Broken { what, reason: reason.to_string() }
    }
}

/// Reads a checkpoint of any supported format; the content decides, not the extension.
///
/// # Errors
/// [`Error::Read`] and [`Error::Checkpoint`].
pub fn read(path: impl AsRef<FilePath>) -> Result<StateDict> {
    let path = path.as_ref();
    from_bytes(&path.display().to_string(), read_file(path)?)
}

/// [`read`] for bytes; `name` stands in errors.
pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<StateDict> {
    if is_onnx(&bytes) {
        let broken = |e| FormatError::broken("ONNX file", e);
        let graph = Graph::from_onnx(&bytes).map_err(broken);
        let source = match graph.map(|graph| StateDict::from_graph(&graph)) {
            Ok(dict) if !dict.is_empty() => return Ok(dict),
            Ok(_) => FormatError::NoTensors,
            Err(source) => source,
        };
        return Err(Error::Checkpoint { name: name.to_owned(), source });
    }
    if pth::is_pth(&bytes) { pth_from_bytes(name, bytes) } else { safetensors_from_bytes(name, bytes) }
}

/// Whether bytes are an ONNX model, as far as their start tells.
pub fn is_onnx(bytes: &[u8]) -> bool {
    // The field `ir_version`, a number below 128; safetensors have a brace at byte 8.
    matches!(bytes, [0x08, 1..=127, ..]) && bytes.get(8) != Some(&b'{')
}

fn read_file(path: &FilePath) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

#[cfg(test)]
pub(crate) mod test_support {
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::{Distribution, Tensor};

    struct Random;

    impl ModuleMapper for Random {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|t| {
                let random = Tensor::random(t.dims(), Distribution::Uniform(0.1, 0.9), &t.device());
                random.set_require_grad(t.is_require_grad())
            })
        }
    }

    /// The module with every parameter and running statistic uniform in [0.1, 0.9].
    pub(crate) fn randomize<M: Module>(module: M) -> M {
        module.map(&mut Random)
    }
}
