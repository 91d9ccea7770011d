use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use glyphic_core::{Image, ImageLimits};
use glyphic_labels::lmdb::{Lmdb, LmdbWriter};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use numpy::{Element, IntoPyArray, PyArrayMethods};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator};

use crate::error::{GlyphicError, raise};

/// A picture as stored, and how its EXIF data say that it is to be turned.
fn stored(bytes: &[u8], name: &str) -> PyResult<(DynamicImage, Orientation)> {
    let limits = ImageLimits::default();
    let read = || {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
        let mut decoder = reader.into_decoder().ok()?;
        let (width, height) = decoder.dimensions();
        let fits =
            width.max(height) <= limits.max_side && u64::from(width) * u64::from(height) <= limits.max_pixels;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        Some((fits.then(|| DynamicImage::from_decoder(decoder).ok())??, orientation))
    };
    // What is wrong is said as for every other picture.
    let failed = || match Image::decode(bytes, name, limits) {
        Err(error) => raise(error),
        Ok(_) => GlyphicError::new_err(format!("{name}: it cannot be decoded as stored")),
    };
    read().ok_or_else(failed)
}

fn read(file: &Path) -> PyResult<Vec<u8>> {
    fs::read(file).map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", file.display())).into())
}

/// Writes the pixels of a picture as stored to a PNG, where its EXIF data says that they are to be turned or mirrored.
#[pyfunction]
pub(crate) fn drop_orientation(py: Python<'_>, file: PathBuf, target: PathBuf) -> PyResult<bool> {
    py.detach(|| {
        let (image, orientation) = stored(&read(&file)?, &file.display().to_string())?;
        if orientation == Orientation::NoTransforms {
            return Ok(false);
        }
        image.save_with_format(&target, ImageFormat::Png).map_err(raise)?;
        Ok(true)
    })
}

/// A picture as BGR `[height, width, 3]`, upright by its EXIF data; with `color_ignore_orientation` as stored, and with
/// `unchanged` also with the channels (blue, green, red, alpha, or `[height, width]` of grey) and the depth it has.
#[pyfunction]
pub(crate) fn imread<'py>(py: Python<'py>, file: PathBuf, color_type: &str) -> PyResult<Bound<'py, PyAny>> {
    let name = file.display().to_string();
    let bytes = py.detach(|| read(&file))?;
    if color_type == "color" {
        let image = py.detach(|| Image::decode(&bytes, &name, ImageLimits::default())).map_err(raise)?;
        let size = [image.height() as usize, image.width() as usize, 3];
        return bgr(py, size, image.rgb().to_vec());
    }
    let (image, _) = py.detach(|| stored(&bytes, &name))?;
    let size = |channels| [image.height() as usize, image.width() as usize, channels];
    if color_type == "color_ignore_orientation" {
        return bgr(py, size(3), py.detach(|| image.to_rgb8().into_raw()));
    }
    match &image {
        DynamicImage::ImageLuma8(grey) => bgr(py, size(1), grey.to_vec()),
        DynamicImage::ImageLuma16(grey) => bgr(py, size(1), grey.to_vec()),
        DynamicImage::ImageRgb16(rgb) => bgr(py, size(3), rgb.to_vec()),
        DynamicImage::ImageLumaA16(_) | DynamicImage::ImageRgba16(_) => {
            bgr(py, size(4), image.to_rgba16().into_raw())
        }
        other if other.color().has_alpha() => bgr(py, size(4), image.to_rgba8().into_raw()),
        _ => bgr(py, size(3), image.to_rgb8().into_raw()),
    }
}

/// Red, green and blue turned around, alpha behind them; one channel as `[height, width]`.
fn bgr<T: Element>(
    py: Python<'_>,
    [height, width, channels]: [usize; 3],
    mut values: Vec<T>,
) -> PyResult<Bound<'_, PyAny>> {
    if channels == 1 {
        return Ok(values.into_pyarray(py).reshape([height, width])?.into_any());
    }
    values.chunks_exact_mut(channels).for_each(|pixel| pixel.swap(0, 2));
    Ok(values.into_pyarray(py).reshape([height, width, channels])?.into_any())
}

/// Writes an LMDB to a folder: pairs of key and value, ascending by key byte for byte. One pair after the other is taken,
/// so that they need not fit into memory. Returns how many there were.
#[pyfunction]
pub(crate) fn write_lmdb(entries: &Bound<'_, PyIterator>, folder: PathBuf) -> PyResult<usize> {
    let mut writer = LmdbWriter::create(folder.join("data.mdb")).map_err(raise)?;
    let mut count = 0;
    for entry in entries {
        let entry = entry?;
        let (key, value): (Bound<'_, PyBytes>, Bound<'_, PyBytes>) = entry.extract()?;
        writer.put(key.as_bytes(), value.as_bytes()).map_err(raise)?;
        count += 1;
    }
    writer.finish().map_err(raise)?;
    Ok(count)
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
