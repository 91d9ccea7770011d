use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;

/// Relations `[n, n, 5]` of boxes whose corners go clockwise from the top-left one.
#[pyfunction]
pub(crate) fn relations<'py>(
    py: Python<'py>,
    boxes: Vec<[f32; 8]>,
    norm: f32,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    let (relations, _) = glyphic_mmocr::dataset::relations(&boxes, norm);
    relations.into_flattened().into_pyarray(py).reshape([boxes.len(), boxes.len(), 5])
}
