//! The configuration of a training run, as TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use glyphic_core::{deserialize_over_default, from_toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::batches::{DetectionBatches, ExtractionBatches, RecognitionBatches, SentenceBatches};
use crate::init::Init;
use crate::model::{ModelConfig, Task};
use crate::schedule::{Decay, Schedule};
use crate::sources::{SourceConfig, ValidationSet};
use crate::{Error, Result};

/// A whole training run: in TOML `[run]`, `[model.NAME]`, `[batches]`, `[[train]]` and `[[validate]]`. A key that is set
/// changes that key and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Length, optimisation and bookkeeping.
    pub run: RunConfig,
    /// The model.
    pub model: ModelConfig,
    /// How batches are made.
    pub batches: Batches,
    /// Training data.
    pub train: Vec<SourceConfig>,
    /// Data to validate on.
    pub validate: Vec<ValidationSet>,
}

/// How batches are made, by the model's task.
#[derive(Debug, Clone, PartialEq)]
pub enum Batches {
    /// For detectors.
    Detection(DetectionBatches),
    /// For recognizers.
    Recognition(RecognitionBatches),
    /// For extractors.
    Extraction(ExtractionBatches),
    /// For finders of entities.
    Sentences(SentenceBatches),
}

/// The file of a run whose batches are of type `B`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "B: Default + Serialize + DeserializeOwned")]
struct File<B> {
    #[serde(default, deserialize_with = "deserialize_over_default")]
    run: RunConfig,
    model: ModelConfig,
    #[serde(default, deserialize_with = "deserialize_over_default")]
    batches: B,
    train: Vec<SourceConfig>,
    #[serde(default)]
    validate: Vec<ValidationSet>,
}

/// The model's name, which tells the task.
#[derive(Deserialize)]
struct Head {
    model: Option<toml::Table>,
    task: Option<toml::Value>,
}

/// Length, optimisation and bookkeeping of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Seed of weights, data order, augmentation and synthetic text.
    pub seed: u64,
    /// Folder of the run. A run that is started again resumes from its newest checkpoint.
    pub out: PathBuf,
    /// Optimiser steps in all.
    pub steps: u64,
    /// `cpu`, `vulkan:0`, `wgpu:0` or `cuda:0`.
    pub device: String,
    /// Threads that prepare batches; 0 for one less than the machine has.
    pub workers: usize,
    /// Initial weights (safetensors, ONNX or `.pth`): a file for the whole network, loaded strictly, or `init.backbone` with one
    /// for the backbone alone.
    pub init: Option<Init>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// Factors of the learning rate for parts of the network, by the start of their names in a checkpoint: `backbone = 0.1`. Of
    /// several that fit the longest counts. 0 or more; 0 keeps the weights as they are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_factors: BTreeMap<String, f64>,
    /// Gradients are clipped to this global norm.
    pub max_gradient_norm: f64,
    /// Decay of the moving average of the weights. The averaged weights are validated and exported.
    pub average_decay: f64,
    /// Steps between rows of the log.
    pub log_every: u64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Share of samples, 0 to 1, that may be skipped because they cannot be trained on (damaged pictures, labels that cannot
    /// be read, texts outside the vocabulary). Beyond it the run stops. Counted over at least 200 samples.
    pub max_skipped: f64,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            out: PathBuf::from("runs/default"),
            steps: 10_000,
            device: "cpu".to_owned(),
            workers: 0,
            init: None,
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            rate_factors: BTreeMap::new(),
            max_gradient_norm: 5.0,
            average_decay: 0.999,
            log_every: 100,
            validate_every: 1000,
            checkpoint_every: 500,
            max_skipped: 0.1,
        }
    }
}

/// The optimisers there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw(Adamw),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adamw(Adamw::default())
    }
}

impl Optimizer {
    pub(crate) fn learning_rate(&self) -> f64 {
        match self {
            Self::Adamw(c) => c.learning_rate,
            Self::Sgd(c) => c.learning_rate,
        }
    }
}

/// AdamW's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adamw {
    /// The base rate.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta_1: f32,
    /// Decay of the mean of their squares.
    pub beta_2: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
}

impl Default for Adamw {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.99, weight_decay: 0.02 }
    }
}

/// SGD's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// The base rate.
    pub learning_rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// L2 penalty.
    pub weight_decay: f32,
}

impl Default for Sgd {
    /// MMOCR's DBNet schedule.
    fn default() -> Self {
        Self { learning_rate: 0.007, momentum: 0.9, weight_decay: 1e-4 }
    }
}

impl TrainConfig {
    /// Reads a TOML file. Relative paths in it are taken from the working directory.
    ///
    /// # Errors
    /// [`Error::Config`] with the line of a typo or of a value out of its range; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let fail = |reason: String| Error::Config { path: path.to_owned(), reason };
        let config = Self::parse(&text).map_err(fail)?;
        config.check().map_err(fail)?;
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, String> {
        fn file<B: Default + Serialize + DeserializeOwned>(text: &str) -> Result<File<B>, String> {
            from_toml(text).map_err(|e| e.to_string())
        }
        let head: Head = toml::from_str(text).map_err(|e| e.to_string())?;
        if let Some(task) = head.task {
            return Err(moved(&task));
        }
        let name = head.model.as_ref().and_then(|model| model.keys().next());
        Ok(match name.and_then(|name| ModelConfig::task_of(name)) {
            Some(Task::Detect) => {
                let File { run, model, batches, train, validate } = file(text)?;
                Self { run, model, batches: Batches::Detection(batches), train, validate }
            }
            Some(Task::Extract) => {
                let File { run, model, batches, train, validate } = file(text)?;
                Self { run, model, batches: Batches::Extraction(batches), train, validate }
            }
            Some(Task::Entities) => {
                let File { run, model, batches, train, validate } = file(text)?;
                Self { run, model, batches: Batches::Sentences(batches), train, validate }
            }
            // A model that is missing or unknown is named by the parser, with its line.
            Some(Task::Recognize) | None => {
                let File { run, model, batches, train, validate } = file(text)?;
                Self { run, model, batches: Batches::Recognition(batches), train, validate }
            }
        })
    }

    fn check(&self) -> Result<(), String> {
        self.run.check()?;
        self.model.validate().map_err(|e| e.to_string())?;
        let size = match &self.batches {
            Batches::Detection(batches) => {
                batches.check()?;
                batches.batch_size
            }
            Batches::Recognition(batches) => {
                if !(1..=1024).contains(&batches.pool) {
                    return Err(format!("invalid batches.pool = {}; expected 1 to 1024", batches.pool));
                }
                batches.batch_size
            }
            Batches::Extraction(batches) => {
                batches.check()?;
                batches.batch_size
            }
            Batches::Sentences(batches) => {
                batches.check()?;
                batches.batch_size
            }
        };
        if !(1..=65_536).contains(&size) {
            return Err(format!("invalid batches.batch_size = {size}; expected 1 to 65536"));
        }
        if self.train.is_empty() {
            return Err("no training data; expected at least one [[train]]".to_owned());
        }
        for source in &self.train {
            let weight = source.weight;
            if !(weight.is_finite() && weight > 0.0) {
                return Err(format!("invalid train.weight = {weight}; expected a number above 0"));
            }
        }
        Ok(())
    }

    /// The whole resolved configuration as TOML.
    ///
    /// # Errors
    /// [`Error::Config`] where it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        fn text<B: Default + Serialize + DeserializeOwned + Clone>(
            config: &TrainConfig,
            batches: &B,
        ) -> Result<String, toml::ser::Error> {
            let TrainConfig { run, model, train, validate, .. } = config.clone();
            toml::to_string_pretty(&File { run, model, batches: batches.clone(), train, validate })
        }
        let text = match &self.batches {
            Batches::Detection(batches) => text(self, batches),
            Batches::Recognition(batches) => text(self, batches),
            Batches::Extraction(batches) => text(self, batches),
            Batches::Sentences(batches) => text(self, batches),
        };
        text.map_err(|e| Error::Config { path: self.run.out.clone(), reason: e.to_string() })
    }
}

/// What has become of the keys of earlier versions, those of `[task.*]`.
fn moved(task: &toml::Value) -> String {
    let mut lines = vec!["[task] is no longer a table; its keys are now:".to_owned()];
    for (name, keys) in task.as_table().into_iter().flatten() {
        for key in keys.as_table().into_iter().flatten().map(|(key, _)| key.as_str()) {
            let (old, new) = (
                format!("task.{name}.{key}"),
                match key {
                    "batches" => "[batches]".to_owned(),
                    "train" | "validate" => format!("[[{key}]]"),
                    "dbnet" => "[model.dbnet_lite], or [model.dbnet] for MMOCR's values".to_owned(),
                    model => format!("[model.{model}]"),
                },
            );
            lines.push(format!("  {old}: {new}"));
        }
        let model = match name.as_str() {
            "detection" => "dbnet_lite",
            _ => "crnn_lite",
        };
        lines.push(format!("  the default of task.{name}: [model.{model}]"));
    }
    lines.join("\n")
}

impl RunConfig {
    fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("run.steps", self.steps),
            ("run.log_every", self.log_every),
            ("run.validate_every", self.validate_every),
            ("run.checkpoint_every", self.checkpoint_every),
        ] {
            if value == 0 {
                return Err(format!("invalid {name} = 0; expected at least 1"));
            }
        }
        let rate = self.optimizer.learning_rate();
        if !(rate.is_finite() && rate > 0.0) {
            return Err(format!("invalid learning_rate = {rate}; expected a number above 0"));
        }
        for (name, factor) in &self.rate_factors {
            if !(factor.is_finite() && *factor >= 0.0) {
                return Err(format!(
                    "invalid run.rate_factors.{name} = {factor}; expected a number from 0 on"
                ));
            }
        }
        if !(self.max_gradient_norm.is_finite() && self.max_gradient_norm > 0.0) {
            let norm = self.max_gradient_norm;
            return Err(format!("invalid run.max_gradient_norm = {norm}; expected a number above 0"));
        }
        if !(0.0..1.0).contains(&self.average_decay) {
            let decay = self.average_decay;
            return Err(format!("invalid run.average_decay = {decay}; expected 0 to below 1"));
        }
        let (power, ratio) = (self.schedule.power, self.schedule.final_ratio);
        if !(power.is_finite() && power > 0.0) {
            return Err(format!("invalid run.schedule.power = {power}; expected a number above 0"));
        }
        if !(0.0..=1.0).contains(&ratio) {
            return Err(format!("invalid run.schedule.final_ratio = {ratio}; expected 0 to 1"));
        }
        if (self.schedule.decay == Decay::Step) == self.schedule.milestones.is_empty() {
            let milestones = &self.schedule.milestones;
            return Err(format!(
                "invalid run.schedule.milestones = {milestones:?}; expected steps where `decay` is `step`, else none"
            ));
        }
        if !(0.0..=1.0).contains(&self.max_skipped) {
            return Err(format!("invalid run.max_skipped = {}; expected 0 to 1", self.max_skipped));
        }
        Ok(())
    }
}
