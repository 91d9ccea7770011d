use glyphic_core::Point;
use glyphic_core::geometry::min_area_rect;
use glyphic_imgproc::{Approximation, Map, Raster, Retrieval, find_contours};
use numpy::{IntoPyArray, PyArray3, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::error::{GlyphicError, raise};
use crate::mmocr::flat;

/// A mask of more pixels is no text's.
const MOST_PIXELS: usize = 1 << 28;

/// The outline of pixels `[n, 2]` (x, y): the corners of the least rectangle, unless its shorter side is not longer than
/// `min_width`, or the traced border of the component that comes last in raster order, as MMOCR has it.
#[pyfunction]
pub(crate) fn points2boundary(
    py: Python<'_>,
    pixels: PyReadonlyArray2<'_, i64>,
    quad: bool,
    min_width: f64,
) -> PyResult<Vec<f64>> {
    let pixels: Vec<[i64; 2]> = pixels.as_array().rows().into_iter().map(|r| [r[0], r[1]]).collect();
    py.detach(|| {
        if quad {
            let points: Vec<Point> = pixels.iter().map(|[x, y]| Point::new(*x as f64, *y as f64)).collect();
            let rect = min_area_rect(&points).filter(|r| r.width.min(r.height) > min_width);
            return Ok(rect.map(|r| flat(&r.corners)).unwrap_or_default());
        }
        border(&pixels)
    })
}

fn border(pixels: &[[i64; 2]]) -> PyResult<Vec<f64>> {
    if pixels.is_empty() {
        return Ok(Vec::new());
    }
    let range = |axis: usize| {
        let values = || pixels.iter().map(|p| p[axis]);
        (values().min().unwrap_or(0), values().max().unwrap_or(0))
    };
    let ((left, right), (top, bottom)) = (range(0), range(1));
    let side = |low: i64, high: i64| {
        usize::try_from(high.saturating_sub(low)).unwrap_or(usize::MAX).saturating_add(1)
    };
    let (width, height) = (side(left, right), side(top, bottom));
    if width.saturating_mul(height) > MOST_PIXELS {
        let message = format!("the pixels lie {width} by {height} apart: that is no picture");
        return Err(GlyphicError::new_err(message));
    }
    let mut mask = vec![0u8; width * height];
    for [x, y] in pixels {
        mask[(y - top) as usize * width + (x - left) as usize] = 1;
    }
    let mask = Map::new(width, height, mask).map_err(raise)?;
    let contours = find_contours(&mask, Retrieval::External, Approximation::Simple);
    let first = contours.first().map(|c| c.points.as_slice()).unwrap_or_default();
    Ok(first
        .iter()
        .flat_map(|[x, y]| [(i64::from(*x) + left) as f64, (i64::from(*y) + top) as f64])
        .collect())
}

/// Bitmaps `[n, height, width]` at another size, by the nearest pixel.
#[pyfunction]
pub(crate) fn resize_masks<'py>(
    py: Python<'py>,
    masks: PyReadonlyArray3<'py, f32>,
    height: usize,
    width: usize,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    let masks = masks.as_array();
    let (n, h, w) = masks.dim();
    let mut resized = Vec::with_capacity(n * height * width);
    for mask in masks.outer_iter() {
        let raster = Raster::new(h, w, 1, mask.iter().copied().collect()).map_err(raise)?;
        resized.extend(raster.resize_nearest(height, width).map_err(raise)?.into_data());
    }
    resized.into_pyarray(py).reshape([n, height, width])
}

/// The filled polygons of one text as a bitmap `[height, width]`, as COCO draws them.
#[pyfunction]
pub(crate) fn polygon_mask(polygons: Vec<Vec<f64>>, height: usize, width: usize) -> PyResult<Vec<u8>> {
    let polygons = crate::mmocr::outlines(&polygons)?;
    let mask = glyphic_mmocr::transforms::polygon_mask(&polygons, height, width).map_err(raise)?;
    Ok(mask.data().to_vec())
}
