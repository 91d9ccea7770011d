use std::path::PathBuf;

use glyphic_zoo::Task;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;
use crate::image::{Order, images};
use crate::models::{open_device, set_level, stage};
use crate::page;

/// Finds text: `glyphic.Detector` wraps it.
#[pyclass(frozen, module = "glyphic._glyphic")]
pub(crate) struct Detector(Box<dyn glyphic::Detector>);

#[pymethods]
impl Detector {
    #[new]
    #[pyo3(signature = (model=None, weights=None, device="cpu", level=None))]
    fn new(
        py: Python<'_>,
        model: Option<&str>,
        weights: Option<PathBuf>,
        device: &str,
        level: Option<&str>,
    ) -> PyResult<Self> {
        let device = open_device(device)?;
        let mut stage = stage(Task::Detect, model, weights)?;
        set_level(&mut stage.config, level)?;
        py.detach(|| glyphic::load_detector(&stage.config.detector, &stage.weights, &device))
            .map(Self)
            .map_err(raise)
    }

    /// The regions of each picture.
    #[pyo3(signature = (image, bgr=false))]
    fn detect<'py>(
        &self,
        py: Python<'py>,
        image: &Bound<'py, PyAny>,
        bgr: bool,
    ) -> PyResult<Vec<Vec<Bound<'py, PyDict>>>> {
        let (images, _) = images(image, Order::of(bgr))?;
        let found = py.detach(|| self.0.detect(&images)).map_err(raise)?;
        found.iter().map(|regions| regions.iter().map(|r| page::region(py, r)).collect()).collect()
    }
}
