//! Arguments that several commands share.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
};

use anyhow::Context;
use glyphic::{DbLevel, Device, Models, ReaderConfig, Weights, device};
use glyphic_zoo::Task;

use crate::exit::{Exit, Failure, OrExit};

/// Where networks run.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Device that networks run on: cpu, vulkan:0, wgpu:0 or cuda:0
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
    /// Number of CPU threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl DeviceArgs {
    /// Sets the threads and opens the device.
    pub(crate) fn open(&self) -> Result<Device, Failure> {
        if let Some(threads) = self.threads {
            device::set_threads(usize::from(threads)).or_exit(Exit::Model)?;
        }
        device::parse(&self.device).or_exit(Exit::Model)
    }
}

/// One stage's model.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelArgs {
    /// Model: a name listed by `glyphic models`, a TOML file, or the config.toml of a training [default: the shipped model]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Weights: ONNX, safetensors or a .pth checkpoint of MMOCR; the form STAGE=FILE of `read` is accepted as well
    /// [default: the model's own]
    #[arg(long, value_name = "FILE", value_parser = any_weights)]
    weights: Option<(Option<Task>, PathBuf)>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

impl ModelArgs {
    /// The configuration and the weights of the stage.
    pub(crate) fn resolve(&self, task: Task) -> Result<(ReaderConfig, Weights), Failure> {
        let mut models = Models::default();
        if let Some(model) = &self.model {
            models.add_for(task, model).or_exit(Exit::Usage)?;
        }
        if let Some((stage, path)) = &self.weights {
            if stage.is_some_and(|stage| stage != task) {
                let message =
                    format!("--weights {} is of another stage: only {task} runs here", path.display());
                return Err(Failure::new(Exit::Usage, message));
            }
            models.set_weights(task, path.clone());
        }
        let weights = models.weights(task).or_exit(Exit::Usage)?;
        Ok((models.config, weights))
    }
}

/// What one region of the detector is.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Level {
    /// Words for images of scenes, lines for images of pages; decided per image
    Auto,
    /// Single words
    Word,
    /// Text lines, split at wide gaps
    Line,
}

impl From<Level> for DbLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Auto => Self::Auto,
            Level::Word => Self::Word,
            Level::Line => Self::Line,
        }
    }
}

/// How text is read off the recognizer's output.
#[derive(Debug, clap::Args)]
pub(crate) struct LanguageArgs {
    /// Language model for beam search: a name listed by `glyphic models`, or a file written by `glyphic language-model`;
    /// `none` decodes greedily [default: the model's own]
    #[arg(long, value_name = "NAME|FILE|none")]
    language_model: Option<String>,
}

impl LanguageArgs {
    /// Sets it in a configuration.
    pub(crate) fn apply(&self, config: &mut ReaderConfig) -> Result<(), Failure> {
        match &self.language_model {
            Some(name) => config.set_language_model(name).context("--language-model").or_exit(Exit::Usage),
            None => Ok(()),
        }
    }
}

/// A confidence.
pub(crate) fn share(value: &str) -> Result<f32, String> {
    let score = value.parse::<f32>().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// The models of both stages.
#[derive(Debug, clap::Args)]
pub(crate) struct ReaderArgs {
    /// Model: a name listed by `glyphic models`, a TOML file, or the config.toml of a training; repeatable, one per stage
    #[arg(long, value_name = "NAME|FILE")]
    model: Vec<String>,
    /// Weights of one stage, detect=FILE or recognize=FILE: ONNX, safetensors or a .pth checkpoint of MMOCR; repeatable
    #[arg(long, value_name = "STAGE=FILE", value_parser = stage_weights)]
    weights: Vec<(Task, PathBuf)>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

fn stage_weights(value: &str) -> Result<(Task, PathBuf), String> {
    match value.split_once('=') {
        Some(("detect", path)) => Ok((Task::Detect, path.into())),
        Some(("recognize", path)) => Ok((Task::Recognize, path.into())),
        _ => Err("say detect=FILE or recognize=FILE".to_owned()),
    }
}

/// A file with or without its stage. A file whose own name looks like a stage's is taken as the file.
fn any_weights(value: &str) -> Result<(Option<Task>, PathBuf), Infallible> {
    Ok(match stage_weights(value) {
        Ok((task, path)) if !Path::new(value).exists() => (Some(task), path),
        _ => (None, value.into()),
    })
}

impl ReaderArgs {
    /// The models named, over the defaults.
    pub(crate) fn resolve(&self) -> Result<Models, Failure> {
        let mut models = Models::default();
        for model in &self.model {
            models.add(model).or_exit(Exit::Usage)?;
        }
        for (task, path) in &self.weights {
            models.set_weights(*task, path.clone());
        }
        Ok(models)
    }
}
