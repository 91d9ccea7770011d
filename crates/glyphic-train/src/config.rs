//! The configuration of a training run, as TOML.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;
use crate::tasks::{DetectionConfig, RecognitionConfig};
use crate::{Error, Result};

/// A whole training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// What holds for every task.
    pub run: RunConfig,
    /// What is trained, on what.
    pub task: TaskConfig,
}

/// The tasks there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskConfig {
    /// Finding text.
    Detection(DetectionConfig),
    /// Reading crops.
    Recognition(RecognitionConfig),
}

/// Length, optimisation and bookkeeping of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Seed of weights, data order, augmentation and synthetic text.
    pub seed: u64,
    /// The run's folder; a run that is started again goes on from its newest checkpoint.
    pub out: PathBuf,
    /// Optimiser steps in all.
    pub steps: u64,
    /// `cpu`, `vulkan:0`, `wgpu:0` or `cuda:0`.
    pub device: String,
    /// Threads that make batches; 0 for all but one of the machine's.
    pub workers: usize,
    /// Weights to begin with (safetensors or `.pth`), loaded strictly.
    pub init: Option<PathBuf>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// Gradients are clipped to this norm, taken over all of them together.
    pub max_gradient_norm: f64,
    /// Decay of the moving average of the weights, which is what is validated and exported.
    pub average_decay: f64,
    /// Steps between rows of the log.
    pub log_every: u64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
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
            max_gradient_norm: 5.0,
            average_decay: 0.999,
            log_every: 100,
            validate_every: 1000,
            checkpoint_every: 500,
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
        let config: Self = toml::from_str(&text).map_err(|e| fail(e.to_string()))?;
        config.run.check().map_err(fail)?;
        Ok(config)
    }

    /// The whole resolved configuration as TOML.
    ///
    /// # Errors
    /// [`Error::Config`] where it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|e| Error::Config { path: self.run.out.clone(), reason: e.to_string() })
    }
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
                return Err(format!("{name} is 0, it must be at least 1"));
            }
        }
        let rate = self.optimizer.learning_rate();
        if !(rate.is_finite() && rate > 0.0) {
            return Err(format!("the learning rate is {rate}, it must be above 0"));
        }
        if !(self.max_gradient_norm.is_finite() && self.max_gradient_norm > 0.0) {
            return Err(format!("run.max_gradient_norm is {}, it must be above 0", self.max_gradient_norm));
        }
        if !(0.0..1.0).contains(&self.average_decay) {
            return Err(format!("run.average_decay is {}, it must lie in 0..1", self.average_decay));
        }
        Ok(())
    }
}
