use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use glyphic_core::write_file;
use half::f16;
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};

use super::file::read_file;
use super::state_dict::Entry;
use super::{DType, FormatError, StateDict, state_dict};
use crate::{Error, Result};

/// Reads a safetensors file.
///
/// # Errors
/// [`Error::Read`] and [`Error::Checkpoint`].
pub fn read_safetensors(path: impl AsRef<Path>) -> Result<StateDict> {
    let path = path.as_ref();
    safetensors_from_bytes(&path.display().to_string(), read_file(path)?)
}

/// Reads safetensors from bytes; `name` stands in errors.
///
/// # Errors
/// [`Error::Checkpoint`].
pub fn safetensors_from_bytes(name: &str, bytes: Vec<u8>) -> Result<StateDict> {
    parse(bytes).map_err(|source| Error::Checkpoint { name: name.to_owned(), source })
}

fn parse(bytes: Vec<u8>) -> Result<StateDict, FormatError> {
    // A header starts with its length and a brace: anything else is no safetensors file at all.
    if bytes.get(8) != Some(&b'{') {
        return Err(FormatError::Unknown);
    }
    let broken = |e: safetensors::SafeTensorError| FormatError::broken("safetensors file", e);
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    // Checks that offsets agree with the file's length and with one another.
    SafeTensors::deserialize(&bytes).map_err(broken)?;
    let start = header + size_of::<u64>();
    let mut dict = StateDict::new();
    let bytes = Arc::new(bytes);
    let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets.0);
    for (name, info) in tensors {
        let dtype = match info.dtype {
            Dtype::BOOL => DType::Bool,
            Dtype::U8 => DType::U8,
            Dtype::I8 => DType::I8,
            Dtype::I16 => DType::I16,
            Dtype::I32 => DType::I32,
            Dtype::I64 => DType::I64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            other => return Err(FormatError::Unsupported { what: format!("{name} of type {other:?}") }),
        };
        let range = start + info.data_offsets.0..start + info.data_offsets.1;
        let entry = Entry::contiguous(dtype, info.shape.clone(), bytes.clone(), range);
        entry.check(&name)?;
        dict.put(name, entry);
    }
    let text = metadata.metadata().clone().unwrap_or_default();
    dict.set_metadata(text.into_iter().collect());
    Ok(dict)
}

/// Writes a module's weights in PyTorch's names and layouts, as f32 or f16 ([`DType::F32`], [`DType::F16`]), with text
/// entries in the header. A tensor with a value beyond f16's range (a running variance, say) stays f32.
///
/// The file appears whole or not at all: a crash, a full disk or an error leaves what was there before.
///
/// # Errors
/// [`Error::Write`]; also for a dtype other than those two.
pub fn save_safetensors<M: Module>(
    module: &M,
    path: impl AsRef<Path>,
    dtype: DType,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    write_state_dict(&state_dict(module), path.as_ref(), dtype, metadata)
}

pub(super) fn write_state_dict(
    dict: &StateDict,
    path: &Path,
    dtype: DType,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let half = match dtype {
        DType::F32 => false,
        DType::F16 => true,
        other => {
            let reason = format!("weights are written as F32 or F16, not {other:?}");
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason)));
        }
    };
    let tensors = dict.names().filter_map(|name| {
        let value = dict.get(name)?;
        let fits = value.data.iter().all(|v| v.abs() < f16::MAX.to_f32());
        let (dtype, bytes) = if half && fits {
            (Dtype::F16, value.data.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect())
        } else {
            (Dtype::F32, value.data.iter().flat_map(|v| v.to_le_bytes()).collect())
        };
        Some((name, Plain { dtype, shape: value.shape, bytes }))
    });
    let header: HashMap<String, String> = metadata.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let header = (!header.is_empty()).then_some(header);
    let bytes = safetensors::serialize(tensors, header).map_err(|e| failed(std::io::Error::other(e)))?;
    let bytes = with_sorted_header(&bytes).map_err(|e| failed(std::io::Error::other(e)))?;
    write_file(path, &bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// The same file with its header in alphabetical order: the library writes the metadata in a random one, and equal
/// weights are to be equal files.
fn with_sorted_header(file: &[u8]) -> serde_json::Result<Vec<u8>> {
    let (length, rest) = file.split_at(8);
    let length = length.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte));
    let (header, data) = rest.split_at(length);
    let header: BTreeMap<String, BTreeMap<String, serde_json::Value>> = serde_json::from_slice(header)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), &header[..], data].concat())
}

struct Plain {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Plain {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
