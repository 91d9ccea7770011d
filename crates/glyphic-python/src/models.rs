use std::path::PathBuf;

use glyphic::{DbLevel, Device, Models, ReaderConfig, Weights, device};
use glyphic_zoo::Task;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{GlyphicError, raise};

/// The models of the catalog: a dict for each.
#[pyfunction]
pub(crate) fn models(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let row = |model: &glyphic_zoo::Model| {
        let dict = PyDict::new(py);
        dict.set_item("name", &model.name)?;
        dict.set_item("task", model.tasks())?;
        dict.set_item("summary", &model.summary)?;
        dict.set_item("weights", model.weights.is_some())?;
        Ok(dict)
    };
    glyphic_zoo::models().iter().map(row).collect()
}

/// What a stage is built from.
pub(crate) struct Stage {
    /// The configuration with the model's part.
    pub(crate) config: ReaderConfig,
    /// The weights given, else those shipped.
    pub(crate) weights: Weights,
}

/// A stage of a model's name or TOML file (the default model where there is none) and of a file of weights (the shipped
/// ones where there is none).
pub(crate) fn stage(task: Task, model: Option<&str>, weights: Option<PathBuf>) -> PyResult<Stage> {
    let mut models = Models::default();
    add(&mut models, task, model, weights)?;
    let weights = models.weights(task).map_err(raise)?;
    Ok(Stage { config: models.config, weights })
}

/// Takes over the model and the weights of a stage, where they are given.
pub(crate) fn add(
    models: &mut Models,
    task: Task,
    model: Option<&str>,
    weights: Option<PathBuf>,
) -> PyResult<()> {
    if let Some(model) = model {
        models.add_for(task, model).map_err(raise)?;
    }
    if let Some(weights) = weights {
        models.set_weights(task, weights);
    }
    Ok(())
}

/// Sets what one region of the detector is, where it is said.
pub(crate) fn set_level(config: &mut ReaderConfig, level: Option<&str>) -> PyResult<()> {
    let level = match level {
        None => return Ok(()),
        Some("auto") => DbLevel::Auto,
        Some("word") => DbLevel::Word,
        Some("line") => DbLevel::Line,
        Some(other) => {
            let message = format!("level {other:?}: expected auto, word or line");
            return Err(GlyphicError::new_err(message));
        }
    };
    config.set_level(level).map_err(raise)
}

pub(crate) fn open_device(name: &str) -> PyResult<Device> {
    device::parse(name).map_err(raise)
}

/// What a model of the catalog or a TOML file configures: `detect` or `recognize`.
#[pyfunction]
pub(crate) fn task_of(model: &str) -> PyResult<String> {
    let applied = Models::default().add(model).map_err(raise)?;
    let task = if applied.detector { Task::Detect } else { Task::Recognize };
    if task == Task::Recognize && !applied.recognizer {
        return Err(GlyphicError::new_err(format!("{model} configures neither a detector nor a recognizer")));
    }
    Ok(task.to_string())
}
