//! Prediction files in the shapes of our own that [`crate::read_predicted_pages`] and its siblings read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use glyphic_core::Point;
use serde::{Serialize, Serializer};

use crate::{Error, Result};

/// Writes predictions, a JSON object a line: [`PredictedPage`](crate::PredictedPage)s,
/// [`PredictedCrop`](crate::PredictedCrop)s, [`ClassifiedPage`](crate::ClassifiedPage)s or
/// [`EntityText`](crate::EntityText)s. The file appears whole or not at all.
///
/// # Errors
/// [`Error::Write`].
pub fn write_predictions<T: Serialize>(
    path: impl AsRef<Path>,
    entries: impl IntoIterator<Item = T>,
) -> Result<()> {
    let path = path.as_ref();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(&partial)?);
        for entry in entries {
            serde_json::to_writer(&mut file, &entry)?;
            file.write_all(b"\n")?;
        }
        file.into_inner()?.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&partial);
        Error::Write { path: path.to_owned(), source }
    })
}

/// An outline as `x1, y1, x2, y2, ...`.
pub(crate) fn flat<S: Serializer>(outline: &[Point], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(outline.iter().flat_map(|p| [p.x, p.y]))
}
