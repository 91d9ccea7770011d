//! Prediction files in the shapes of our own that [`crate::read_predicted_pages`] and its siblings read.

use std::io::{self, Write};
use std::path::Path;

use glyphic_core::{AtomicFile, Point};
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
    let write = || -> io::Result<()> {
        let mut file = AtomicFile::create(path)?;
        for entry in entries {
            serde_json::to_writer(&mut file, &entry)?;
            file.write_all(b"\n")?;
        }
        file.commit()
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// An outline as `x1, y1, x2, y2, ...`.
pub(crate) fn flat<S: Serializer>(outline: &[Point], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(outline.iter().flat_map(|p| [p.x, p.y]))
}
