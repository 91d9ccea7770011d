//! Weights on disk: safetensors, PyTorch's `.pth` and the weights of an ONNX model, read into a [`StateDict`] and loaded by name into modules.
//!
//! Loading is strict: a name that is missing, left over or of another shape is an error that lists every one of them.

mod dtype;
mod error;
mod file;
mod module;
mod pth;
mod safetensors;
mod state_dict;

use std::path::Path as FilePath;

pub use dtype::DType;
pub use error::{FormatError, Mismatch};
pub use module::{LoadOptions, Report, gradients, load_into, state_dict, state_names};
pub use pth::{pth_from_bytes, read_pth};
pub use safetensors::{read_safetensors, safetensors_from_bytes, save_safetensors};
pub use state_dict::{StateDict, TensorValue};

use file::read_file;

use crate::{Error, Result};

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
        let graph = glyphic_onnx::from_bytes(&bytes).map_err(broken);
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
