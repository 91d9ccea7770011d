//! What the modules of `glyphic.mmocr` compute with. Outlines are flat lists of numbers there: `x1, y1, x2, y2, ...`.

pub(crate) mod boxes;
pub(crate) mod datasets;
mod draws;
pub(crate) mod evaluation;
pub(crate) mod files;
pub(crate) mod mask;
pub(crate) mod polygon;
pub(crate) mod postprocess;
pub(crate) mod targets;
pub(crate) mod transforms;
pub(crate) mod visualize;

use glyphic_core::Point;
use pyo3::prelude::*;

use crate::error::GlyphicError;

/// A list of numbers as points.
pub(crate) fn points(numbers: &[f64]) -> PyResult<Vec<Point>> {
    if !numbers.len().is_multiple_of(2) {
        let message = format!("{} numbers do not pair up as x, y", numbers.len());
        return Err(GlyphicError::new_err(message));
    }
    Ok(numbers.as_chunks::<2>().0.iter().map(|[x, y]| Point::new(*x, *y)).collect())
}

/// The points of the outlines of one picture.
pub(crate) fn outlines(flat: &[Vec<f64>]) -> PyResult<Vec<Vec<Point>>> {
    flat.iter().map(|numbers| points(numbers)).collect()
}

pub(crate) fn flat(points: &[Point]) -> Vec<f64> {
    points.iter().flat_map(|p| [p.x, p.y]).collect()
}
