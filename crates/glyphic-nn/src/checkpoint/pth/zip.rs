//! The zip layout: `<name>/data.pkl` with the pickle and `<name>/data/<key>` with each storage, never compressed.

use std::io::{Cursor, Read};
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use super::Storages;
use super::pickle::{Pickle, unpickle};
use crate::checkpoint::FormatError;

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages), FormatError> {
    let broken = |e: zip::result::ZipError| {
        FormatError::broken("PyTorch file (zip layout)", format!("{e}; it may be cut off"))
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut storages = Storages::new();
    let mut pickle = None;
    // Records are stored plainly and side by side, so all of them together are no longer than the file.
    let mut budget = bytes.len() as u64;
    for i in 0..archive.len() {
        let mut record = archive.by_index(i).map_err(broken)?;
        let name = record.name().map_err(broken)?.into_owned();
        // The first part is the archive's own name.
        let Some((_, path)) = name.split_once('/') else { continue };
        let key = path.strip_prefix("data/");
        if key.is_none() && path != "data.pkl" && path != "byteorder" {
            continue;
        }
        if record.compression() != CompressionMethod::Stored {
            return Err(FormatError::Unsupported { what: format!("compressed record {name}") });
        }
        budget = budget.checked_sub(record.size()).ok_or_else(|| {
            FormatError::broken("PyTorch file (zip layout)", format!("{name} overlaps other records"))
        })?;
        let mut content = Vec::with_capacity(record.size() as usize);
        // Also compares the checksum.
        record
            .read_to_end(&mut content)
            .map_err(|e| FormatError::broken("PyTorch file (zip layout)", format!("{name}: {e}")))?;
        if let Some(key) = key {
            let range = 0..content.len();
            storages.insert(key.to_owned(), (Arc::new(content), range));
        } else if path == "byteorder" {
            if content.trim_ascii() != b"little" {
                return Err(FormatError::Unsupported { what: "big-endian PyTorch file".to_owned() });
            }
        } else {
            pickle = Some(unpickle(&content)?.0);
        }
    }
    let pickle = pickle
        .ok_or_else(|| FormatError::broken("PyTorch file (zip layout)", "it has no record data.pkl"))?;
    Ok((pickle, storages))
}
