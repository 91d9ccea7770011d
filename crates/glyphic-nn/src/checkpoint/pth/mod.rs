//! PyTorch checkpoints: the zip layout of 1.6 and later, and the legacy one before it.
//!
//! A `.pth` file is a pickle, and a pickle is a program. The reader here runs none of it: it knows the few names that
//! tensors need and refuses a file that asks for any other.

mod legacy;
mod pickle;
mod zip;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use self::pickle::{Pickle, Value};
use super::file::read_file;
use super::state_dict::{Entry, MAX_REPEATED};
use super::{FormatError, StateDict};
use crate::{Error, Result};

/// Reads a PyTorch checkpoint: a state dict, or a dict that holds one under `state_dict`. Names that all start with
/// `module.` (a data-parallel wrapper) lose that prefix; everything but named tensors and the text of `meta` is dropped.
///
/// # Errors
/// [`Error::Read`] and [`Error::Checkpoint`]; a file that names anything a checkpoint does not need is refused.
pub fn read_pth(path: impl AsRef<Path>) -> Result<StateDict> {
    let path = path.as_ref();
    pth_from_bytes(&path.display().to_string(), read_file(path)?)
}

/// [`read_pth`] for bytes; `name` stands in errors.
///
/// # Errors
/// [`Error::Checkpoint`].
pub fn pth_from_bytes(name: &str, bytes: Vec<u8>) -> Result<StateDict> {
    let length = bytes.len();
    let read = || {
        let (pickle, storages) = if zip::is_zip(&bytes) {
            zip::read(&bytes)?
        } else if legacy::is_legacy(&bytes) {
            legacy::read(bytes)?
        } else {
            return Err(FormatError::Unknown);
        };
        to_state_dict(&pickle, &storages, length)
    };
    read().map_err(|source| Error::Checkpoint { name: name.to_owned(), source })
}

pub(super) fn is_pth(bytes: &[u8]) -> bool {
    zip::is_zip(bytes) || legacy::is_legacy(bytes)
}

/// Storage key -> its bytes.
type Storages = HashMap<String, (Arc<Vec<u8>>, Range<usize>)>;

/// Names and metadata may be this many times as long as the file: a text may be named again in two bytes.
const MAX_TEXT: usize = 2;

/// The tensors together may have this many elements a byte of the file: several may be views of one storage.
const MAX_ELEMENTS: usize = 4;

/// `length` is the file's, in bytes.
fn to_state_dict(pickle: &Pickle, storages: &Storages, length: usize) -> Result<StateDict, FormatError> {
    let larger = |what: &str| {
        let reason = format!("its {what} are larger than the file; it may be malicious");
        FormatError::broken("PyTorch file", reason)
    };
    let mut text = length.saturating_mul(MAX_TEXT);
    let mut spend_text = |bytes: usize| -> Result<(), FormatError> {
        text = text.checked_sub(bytes).ok_or_else(|| larger("names and metadata"))?;
        Ok(())
    };
    let mut elements = length.saturating_mul(MAX_ELEMENTS).saturating_add(MAX_REPEATED);

    let root = pickle.dict(&pickle.root).ok_or(FormatError::NoTensors)?;
    let field = |key: &str| root.iter().find(|(k, _)| pickle.text(k) == Some(key)).map(|(_, v)| v);
    let entries = ["state_dict", "model_state_dict", "model"]
        .iter()
        .find_map(|key| pickle.dict(field(key)?))
        .unwrap_or(root);
    let named: Vec<(&str, &Value)> =
        entries.iter().filter_map(|(key, value)| Some((pickle.text(key)?, value))).collect();
    let tensors: Vec<(&str, usize)> = named
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Tensor(i) => Some((*name, *i)),
            _ => None,
        })
        .collect();
    if tensors.is_empty() {
        return Err(FormatError::NoTensors);
    }
    let wrapped = tensors.iter().all(|(name, _)| name.starts_with("module."));
    let mut dict = StateDict::new();
    for (name, i) in tensors {
        spend_text(name.len())?;
        let tensor = &pickle.tensors[i];
        let storage = &pickle.storages[tensor.storage];
        let (bytes, range) = storages.get(&storage.key).ok_or_else(|| {
            FormatError::broken("PyTorch file", format!("{name}: storage {:?} is not there", storage.key))
        })?;
        let entry = Entry {
            dtype: storage.dtype,
            shape: tensor.shape.clone(),
            strides: tensor.strides.clone(),
            offset: tensor.offset,
            bytes: bytes.clone(),
            range: range.clone(),
        };
        let count = entry.check(name)?;
        elements = elements.checked_sub(count).ok_or_else(|| larger("tensors"))?;
        dict.put(name.strip_prefix("module.").filter(|_| wrapped).unwrap_or(name).to_owned(), entry);
    }
    let mut metadata = BTreeMap::new();
    for (key, value) in field("meta").and_then(|m| pickle.dict(m)).into_iter().flatten() {
        let Some(key) = pickle.text(key) else { continue };
        let value = match value {
            Value::Int(i) => i.to_string(),
            Value::Float(x) => x.to_string(),
            other => match pickle.text(other) {
                Some(value) => {
                    spend_text(value.len())?;
                    value.to_owned()
                }
                None => continue,
            },
        };
        spend_text(key.len())?;
        metadata.insert(key.to_owned(), value);
    }
    dict.set_metadata(metadata);
    Ok(dict)
}
