use std::path::PathBuf;

use glyphic_zoo::Task;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;
use crate::image::{Order, images};
use crate::models::{open_device, stage};
use crate::page;

/// Reads crops: `glyphic.Recognizer` wraps it.
#[pyclass(frozen, module = "glyphic._glyphic")]
pub(crate) struct Recognizer(Box<dyn glyphic::Recognizer>);

#[pymethods]
impl Recognizer {
    #[new]
    #[pyo3(signature = (model=None, weights=None, device="cpu", language_model=None, n_best=1))]
    fn new(
        py: Python<'_>,
        model: Option<&str>,
        weights: Option<PathBuf>,
        device: &str,
        language_model: Option<&str>,
        n_best: usize,
    ) -> PyResult<Self> {
        let device = open_device(device)?;
        let mut stage = stage(Task::Recognize, model, weights)?;
        if let Some(name) = language_model {
            stage.config.set_language_model(name).map_err(raise)?;
        }
        stage.config.set_n_best(n_best).map_err(raise)?;
        py.detach(|| glyphic::load_recognizer(&stage.config.recognizer, &stage.weights, &device))
            .map(Self)
            .map_err(raise)
    }

    /// The transcript of each crop.
    #[pyo3(signature = (image, bgr=false))]
    fn recognize<'py>(
        &self,
        py: Python<'py>,
        image: &Bound<'py, PyAny>,
        bgr: bool,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let (images, _) = images(image, Order::of(bgr))?;
        let read = py.detach(|| self.0.recognize(&images)).map_err(raise)?;
        read.iter().map(|t| page::transcript(py, t)).collect()
    }
}
