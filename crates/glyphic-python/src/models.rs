use std::path::{Path, PathBuf};

use glyphic::{DbLevel, Device, ReaderConfig, Weights, device};
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
        dict.set_item("task", model.task.to_string())?;
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
    let mut config = ReaderConfig::default();
    let default = match task {
        Task::Detect => glyphic_zoo::DEFAULT_DETECTOR,
        Task::Recognize => glyphic_zoo::DEFAULT_RECOGNIZER,
    };
    let name = add(&mut config, task, model.unwrap_or(default))?;
    let weights = match (weights, name) {
        (Some(path), _) => Weights::File(path),
        (None, Some(name)) => Weights::Catalog(name),
        (None, None) => {
            let message = format!(
                "{} configures a network without weights: give a .safetensors or .pth file",
                model.unwrap_or(default)
            );
            return Err(GlyphicError::new_err(message));
        }
    };
    Ok(Stage { config, weights })
}

/// Takes over what a model's name or a TOML file sets; the name where it was one.
pub(crate) fn add(config: &mut ReaderConfig, task: Task, model: &str) -> PyResult<Option<String>> {
    let wrong_stage = || GlyphicError::new_err(format!("{model} does not configure a model that can {task}"));
    let (applied, name) = match glyphic_zoo::model(model) {
        Ok(row) => (config.apply(row.config(), &row.name).map_err(raise)?, Some(row.name.clone())),
        Err(unknown) if !Path::new(model).exists() => {
            return Err(GlyphicError::new_err(format!("{unknown}; or name a TOML file that exists")));
        }
        Err(_) => (config.apply_file(model).map_err(raise)?, None),
    };
    let sets = match task {
        Task::Detect => applied.detector,
        Task::Recognize => applied.recognizer,
    };
    if sets { Ok(name) } else { Err(wrong_stage()) }
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
    let mut config = ReaderConfig::default();
    let task = if add(&mut config, Task::Detect, model).is_ok() {
        Task::Detect
    } else {
        add(&mut config, Task::Recognize, model)?;
        Task::Recognize
    };
    Ok(task.to_string())
}
