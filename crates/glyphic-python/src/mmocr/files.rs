use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use glyphic_core::{Image, ImageLimits};
use glyphic_data::lmdb::{Lmdb, LmdbWriter};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::error::{GlyphicError, raise};

/// Writes the pixels of a picture as stored to a PNG, where its EXIF data says that they are to be turned or mirrored.
#[pyfunction]
pub(crate) fn drop_orientation(py: Python<'_>, file: PathBuf, target: PathBuf) -> PyResult<bool> {
    py.detach(|| {
        let bytes = fs::read(&file)
            .map_err(|e| PyErr::from(std::io::Error::new(e.kind(), format!("{}: {e}", file.display()))))?;
        // The limits of every other picture, and its errors.
        Image::decode(&bytes, &file.display().to_string(), ImageLimits::default()).map_err(raise)?;
        let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format()?;
        let mut decoder = reader.into_decoder().map_err(raise)?;
        if decoder.orientation().unwrap_or(Orientation::NoTransforms) == Orientation::NoTransforms {
            return Ok(false);
        }
        let stored = DynamicImage::from_decoder(decoder).map_err(raise)?;
        stored.save_with_format(&target, ImageFormat::Png).map_err(raise)?;
        Ok(true)
    })
}

/// A picture as BGR `[height, width, 3]`, upright by its EXIF data.
#[pyfunction]
pub(crate) fn imread(py: Python<'_>, file: PathBuf) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let mut image = py.detach(|| Image::open(&file)).map_err(raise)?;
    image.rgb_mut().as_chunks_mut::<3>().0.iter_mut().for_each(|p| p.swap(0, 2));
    let shape = [image.height() as usize, image.width() as usize, 3];
    image.rgb().to_vec().into_pyarray(py).reshape(shape)
}

/// Writes label lines with the keys `0`, `1`, ... and `total_number` to a folder. Keys are sorted as bytes in an LMDB, so
/// the lines (not more than these) are in memory until all have come.
#[pyfunction]
pub(crate) fn write_label_lmdb(lines: &Bound<'_, PyIterator>, folder: PathBuf) -> PyResult<usize> {
    let mut rows: Vec<(String, Vec<u8>)> = Vec::new();
    for line in lines {
        rows.push((rows.len().to_string(), line?.extract()?));
    }
    let count = rows.len();
    rows.push(("total_number".to_owned(), count.to_string().into_bytes()));
    lines.py().detach(|| write(&folder, rows))?;
    Ok(count)
}

fn write(folder: &Path, mut rows: Vec<(String, Vec<u8>)>) -> PyResult<()> {
    rows.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut writer = LmdbWriter::create(folder.join("data.mdb")).map_err(raise)?;
    for (key, value) in &rows {
        writer.put(key.as_bytes(), value).map_err(raise)?;
    }
    writer.finish().map_err(raise)
}

/// Writes pictures and texts with the keys `image-000000001`, `label-000000001`, ... and `num-samples`; `samples` are
/// pairs of file and text, in order. Pictures are read one after the other.
#[pyfunction]
pub(crate) fn write_recognition_lmdb(
    py: Python<'_>,
    samples: Vec<(PathBuf, String)>,
    folder: PathBuf,
) -> PyResult<usize> {
    py.detach(|| {
        let mut writer = LmdbWriter::create(folder.join("data.mdb")).map_err(raise)?;
        let mut put = |key: String, value: &[u8]| writer.put(key.as_bytes(), value).map_err(raise);
        for (i, (file, _)) in samples.iter().enumerate() {
            let bytes = fs::read(file).map_err(|e| {
                PyErr::from(std::io::Error::new(e.kind(), format!("{}: {e}", file.display())))
            })?;
            put(format!("image-{:09}", i + 1), &bytes)?;
        }
        for (i, (_, text)) in samples.iter().enumerate() {
            put(format!("label-{:09}", i + 1), text.as_bytes())?;
        }
        put("num-samples".to_owned(), samples.len().to_string().as_bytes())?;
        writer.finish().map_err(raise)?;
        Ok(samples.len())
    })
}

/// An LMDB of label lines, read line by line: nothing stays in memory.
#[pyclass(frozen, module = "glyphic.mmocr.datasets.utils.loader")]
pub(crate) struct LabelLmdb {
    database: Lmdb,
    total: usize,
}

#[pymethods]
impl LabelLmdb {
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let database = Lmdb::open(&path).map_err(raise)?;
        let total = database.get(b"total_number").map_err(raise)?;
        let number = total.as_deref().and_then(|t| std::str::from_utf8(t).ok()?.trim().parse().ok());
        let message =
            || format!("{}: no number stands under the key total_number", database.path().display());
        let total = number.ok_or_else(|| GlyphicError::new_err(message()))?;
        Ok(Self { database, total })
    }

    fn __len__(&self) -> usize {
        self.total
    }

    /// The bytes of a line.
    fn line(&self, index: usize) -> PyResult<std::borrow::Cow<'static, [u8]>> {
        if index >= self.total {
            return Err(PyIndexError::new_err(format!("line {index} of {}", self.total)));
        }
        let value = self.database.get(index.to_string().as_bytes()).map_err(raise)?;
        let message = || format!("{}: key {index:?} is missing", self.database.path().display());
        value.map(Into::into).ok_or_else(|| GlyphicError::new_err(message()))
    }
}
