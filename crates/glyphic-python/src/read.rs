use std::path::PathBuf;

use glyphic::Models;
use glyphic_zoo::Task;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;
use crate::image::{Order, images};
use crate::models::{add, open_device, set_level};
use crate::page;

/// Reads pages: `glyphic.Reader` wraps it.
#[pyclass(frozen, module = "glyphic._glyphic")]
pub(crate) struct Reader(glyphic::Reader);

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (detector=None, recognizer=None, detector_weights=None, recognizer_weights=None, device="cpu", crop_margin=None, min_text_score=None, level=None, language_model=None, n_best=1))]
    // One for each keyword of the Python class.
    #[expect(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        detector: Option<&str>,
        recognizer: Option<&str>,
        detector_weights: Option<PathBuf>,
        recognizer_weights: Option<PathBuf>,
        device: &str,
        crop_margin: Option<f64>,
        min_text_score: Option<f32>,
        level: Option<&str>,
        language_model: Option<&str>,
        n_best: usize,
    ) -> PyResult<Self> {
        let device = open_device(device)?;
        let mut models = Models::default();
        // A model may set both stages and their weights: files of weights count after all models.
        add(&mut models, Task::Detect, detector, None)?;
        add(&mut models, Task::Recognize, recognizer, None)?;
        add(&mut models, Task::Detect, None, detector_weights)?;
        add(&mut models, Task::Recognize, None, recognizer_weights)?;
        let detector_weights = models.weights(Task::Detect).map_err(raise)?;
        let recognizer_weights = models.weights(Task::Recognize).map_err(raise)?;
        let mut config = models.config;
        config.reading.crop_margin = crop_margin.unwrap_or(config.reading.crop_margin);
        if let Some(score) = min_text_score {
            config.reading.set_min_text_score(score);
        }
        set_level(&mut config, level)?;
        if let Some(name) = language_model {
            config.set_language_model(name).map_err(raise)?;
        }
        config.set_n_best(n_best).map_err(raise)?;
        let builder = glyphic::Reader::builder()
            .config(config)
            .detector_weights(detector_weights)
            .recognizer_weights(recognizer_weights)
            .device(device);
        py.detach(|| builder.build()).map(Self).map_err(raise)
    }

    /// A page for each picture; a page alone for a picture alone.
    #[pyo3(signature = (image, bgr=false))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        image: &Bound<'py, PyAny>,
        bgr: bool,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let (images, _) = images(image, Order::of(bgr))?;
        let read = || images.iter().map(|i| self.0.read(i)).collect::<Result<Vec<_>, _>>();
        let pages = py.detach(read).map_err(raise)?;
        pages.iter().map(|p| page::page(py, p)).collect()
    }
    /// Of each picture how its text stands: degrees clockwise, and how sure that is.
    #[pyo3(signature = (image, bgr=false))]
    fn orientation(&self, py: Python<'_>, image: &Bound<'_, PyAny>, bgr: bool) -> PyResult<Vec<(u16, f32)>> {
        let (images, _) = images(image, Order::of(bgr))?;
        let look = || images.iter().map(|i| self.0.standing(i)).collect::<Result<Vec<_>, _>>();
        let found = py.detach(look).map_err(raise)?;
        Ok(found.iter().map(|s| (s.degrees, s.confidence)).collect())
    }
}
