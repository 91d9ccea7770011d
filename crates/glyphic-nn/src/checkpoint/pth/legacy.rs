//! The layout before PyTorch 1.6: five pickles one after the other (magic number, version, system, object, storage
//! keys), then each storage as an i64 count and its elements, in the order of the keys.

use std::collections::HashMap;
use std::sync::Arc;

use super::Storages;
use super::pickle::{Pickle, Value, unpickle};
use crate::checkpoint::FormatError;

/// Protocol 2, LONG1 of ten bytes: 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn read(bytes: Vec<u8>) -> Result<(Pickle, Storages), FormatError> {
    let broken = |reason: String| FormatError::broken("PyTorch file (legacy layout)", reason);
    let mut at = MAGIC.len();
    let mut next = || {
        let (pickle, used) = unpickle(&bytes[at..])?;
        at += used;
        Ok::<_, FormatError>(pickle)
    };
    let version = next()?;
    if version.root.int() != Some(1001) {
        return Err(FormatError::Unsupported {
            what: "this version of the legacy PyTorch layout".to_owned(),
        });
    }
    let system = next()?;
    let little = system.dict(&system.root).and_then(|d| {
        d.iter()
            .find(|(k, _)| system.text(k) == Some("little_endian"))
            .map(|(_, v)| matches!(v, Value::Bool(true)))
    });
    if little == Some(false) {
        return Err(FormatError::Unsupported { what: "big-endian PyTorch file".to_owned() });
    }
    let object = next()?;
    let keys = next()?;
    let keys: Vec<&str> = keys
        .list(&keys.root)
        .and_then(|list| list.iter().map(|k| keys.text(k)).collect())
        .ok_or_else(|| broken("its storage keys are no list of text".to_owned()))?;
    let sizes: HashMap<&str, (usize, usize)> =
        object.storages.iter().map(|s| (s.key.as_str(), (s.count, s.dtype.size()))).collect();
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let cut = || broken(format!("it ends within storage {key:?}; it may be cut off"));
        let (count, size) = *sizes.get(key).ok_or_else(|| broken(format!("storage {key:?} has no type")))?;
        let head: [u8; 8] =
            bytes.get(at..).and_then(|b| b.get(..8)).and_then(|b| b.try_into().ok()).ok_or_else(cut)?;
        if usize::try_from(i64::from_le_bytes(head)) != Ok(count) {
            return Err(broken(format!("storage {key:?} does not hold the {count} elements it should")));
        }
        at += head.len();
        let end = count.checked_mul(size).and_then(|n| at.checked_add(n)).ok_or_else(cut)?;
        if end > bytes.len() {
            return Err(cut());
        }
        found.push((key.to_owned(), at..end));
        at = end;
    }
    let bytes = Arc::new(bytes);
    let storages = found.into_iter().map(|(key, range)| (key, (bytes.clone(), range))).collect();
    Ok((object, storages))
}
