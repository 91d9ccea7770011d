use std::path::PathBuf;

use glyphic_core::{Image, Point};
use glyphic_imgproc::{Approximation, Map, Retrieval, draw_polygon, fill_polygon, find_contours};
use numpy::{IntoPyArray, PyArray3, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::error::{GlyphicError, raise};
use crate::image::{Order, image};
use crate::mmocr::points;

type Bgr<'py> = Bound<'py, PyArray3<u8>>;

fn bgr<'py>(py: Python<'py>, image: &Image) -> PyResult<Bgr<'py>> {
    let mut values = image.rgb().to_vec();
    values.as_chunks_mut::<3>().0.iter_mut().for_each(|p| p.swap(0, 2));
    values.into_pyarray(py).reshape([image.height() as usize, image.width() as usize, 3])
}

fn turned([b, g, r]: [u8; 3]) -> [u8; 3] {
    [r, g, b]
}

/// A BGR picture with flat outlines drawn on it, each in its BGR colour: as lines, or filled at an opacity.
#[pyfunction]
#[pyo3(signature = (img, outlines, colours, thickness=1.0, fill=None))]
pub(crate) fn draw_outlines<'py>(
    img: &Bound<'py, PyAny>,
    outlines: Vec<Vec<f64>>,
    colours: Vec<[u8; 3]>,
    thickness: f64,
    fill: Option<f64>,
) -> PyResult<Bgr<'py>> {
    if outlines.len() != colours.len() {
        let message = format!("{} outlines but {} colours", outlines.len(), colours.len());
        return Err(GlyphicError::new_err(message));
    }
    let mut picture = image(img, Order::Bgr)?;
    for (outline, colour) in outlines.iter().zip(colours) {
        let outline = points(outline)?;
        match fill {
            Some(opacity) => fill_polygon(&mut picture, &outline, turned(colour), opacity),
            None => draw_polygon(&mut picture, &outline, thickness, turned(colour)),
        }
    }
    bgr(img.py(), &picture)
}

/// The outer borders of a mask's components, flat, clockwise.
#[pyfunction]
pub(crate) fn mask_borders(mask: PyReadonlyArray2<'_, bool>) -> PyResult<Vec<Vec<f64>>> {
    let mask = mask.as_array();
    let (height, width) = mask.dim();
    let map = Map::new(width, height, mask.iter().map(|v| u8::from(*v)).collect()).map_err(raise)?;
    let borders = find_contours(&map, Retrieval::External, Approximation::Simple);
    let flat = |border: &[[i32; 2]]| border.iter().flatten().map(|v| f64::from(*v)).collect();
    Ok(borders.iter().map(|border| flat(&border.points)).collect())
}

/// Writes a BGR picture; the name's end says the format.
#[pyfunction]
pub(crate) fn imwrite(py: Python<'_>, img: &Bound<'_, PyAny>, file: PathBuf) -> PyResult<()> {
    let picture = image(img, Order::Bgr)?;
    py.detach(|| picture.save(&file)).map_err(raise)
}

/// Corners `x1, y1, ..., x4, y4` moved at random: see MMOCR's `box_jitter`.
#[pyfunction]
pub(crate) fn jitter_corners(
    corners: [f64; 8],
    ratio_x: f64,
    ratio_y: f64,
    draws: &Bound<'_, PyAny>,
) -> PyResult<Vec<f64>> {
    let mut draws = crate::mmocr::draws::NumpyDraws::new(draws);
    let corners = [0, 1, 2, 3].map(|i| Point::new(corners[2 * i], corners[2 * i + 1]));
    let moved = glyphic_mmocr::transforms::jitter(corners, ratio_x, ratio_y, &mut draws);
    draws.finish(|| Ok(crate::mmocr::flat(&moved)))
}
