//! Arguments that several commands share.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
};

use anyhow::Context;
use glyphic::{DbLevel, ReaderConfig, Weights};
use glyphic_nn::{Device, device};
use glyphic_zoo::{DEFAULT_DETECTOR, DEFAULT_RECOGNIZER, Task};

use crate::exit::{Exit, Failure, OrExit};

/// Where networks run.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Where networks run: cpu, vulkan:0, wgpu:0, cuda:0
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
    /// Processor threads [default: one a core]
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
    /// A model that `glyphic models` lists, or a TOML file [default: the shipped one]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Weights: ONNX, safetensors, or a .pth checkpoint of MMOCR; STAGE=FILE, as `read` takes it, will do too
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
            models.add(model)?;
            if !models.sets(task) {
                return Err(Failure::new(Exit::Usage, format!("{model} is no model to {task}")));
            }
        }
        if let Some((stage, path)) = &self.weights {
            if stage.is_some_and(|stage| stage != task) {
                let message =
                    format!("--weights {} is of another stage: only {task} runs here", path.display());
                return Err(Failure::new(Exit::Usage, message));
            }
            models.set_weights(task, path.clone());
        }
        let weights = models.weights(task);
        Ok((models.config, weights))
    }
}

/// What one region of the detector is.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Level {
    /// Words of a scene, lines of a page: whichever the picture is taken for
    Auto,
    /// Words
    Word,
    /// Lines, up to a wide gap
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
    /// The language model that settles what the picture leaves open: one that `glyphic models` lists, a file that
    /// `glyphic language-model` wrote, or none to take the best class of each step [default: the model's own]
    #[arg(long, value_name = "NAME|FILE|none")]
    language_model: Option<String>,
}

impl LanguageArgs {
    /// Sets it in a configuration.
    pub(crate) fn apply(&self, config: &mut ReaderConfig) {
        if let Some(name) = &self.language_model {
            config.set_language_model(name);
        }
    }
}

/// The models of both stages.
#[derive(Debug, clap::Args)]
pub(crate) struct ReaderArgs {
    /// A model that `glyphic models` lists, or a TOML file; may be given for each stage
    #[arg(long, value_name = "NAME|FILE")]
    model: Vec<String>,
    /// Weights of a stage: detect=FILE or recognize=FILE, ONNX, safetensors or a .pth checkpoint of MMOCR
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
            models.add(model)?;
        }
        for (task, path) in &self.weights {
            models.set_weights(*task, path.clone());
        }
        Ok(models)
    }
}

/// A reader's configuration and where its weights come from.
#[derive(Debug, Default)]
pub(crate) struct Models {
    pub(crate) config: ReaderConfig,
    detector: Choice,
    recognizer: Choice,
}

/// What was said of a stage.
#[derive(Debug, Default)]
struct Choice {
    /// A `--model` set its configuration.
    configured: bool,
    weights: Option<Weights>,
}

impl Models {
    /// Takes over what a name of the catalog or a TOML file sets.
    pub(crate) fn add(&mut self, model: &str) -> Result<(), Failure> {
        let applied = match glyphic_zoo::model(model) {
            Ok(row) => {
                self.choice(row.task).weights = Some(Weights::Catalog(row.name.clone()));
                self.config.apply(row.config(), &row.name).or_exit(Exit::Usage)?
            }
            Err(unknown) if !Path::new(model).exists() => {
                return Err(unknown).context("or name a TOML file that exists").or_exit(Exit::Usage);
            }
            Err(_) => self.config.apply_file(model).or_exit(Exit::Usage)?,
        };
        self.detector.configured |= applied.detector;
        self.recognizer.configured |= applied.recognizer;
        Ok(())
    }

    /// The weights of a stage: those given, those of the model named, those of the default model.
    pub(crate) fn weights(&self, task: Task) -> Weights {
        let (choice, default) = match task {
            Task::Detect => (&self.detector, DEFAULT_DETECTOR),
            Task::Recognize => (&self.recognizer, DEFAULT_RECOGNIZER),
        };
        choice.weights.clone().unwrap_or_else(|| Weights::Catalog(default.to_owned()))
    }

    pub(crate) fn sets(&self, task: Task) -> bool {
        match task {
            Task::Detect => self.detector.configured,
            Task::Recognize => self.recognizer.configured,
        }
    }

    pub(crate) fn set_weights(&mut self, task: Task, path: PathBuf) {
        self.choice(task).weights = Some(Weights::File(path));
    }

    fn choice(&mut self, task: Task) -> &mut Choice {
        match task {
            Task::Detect => &mut self.detector,
            Task::Recognize => &mut self.recognizer,
        }
    }
}
