//! What can be trained.
//!
//! [`Trainable`] is what a model brings; [`ModelConfig`] lists the models and builds them. What all detectors share
//! (sources of pages, validation by hmean) lies in `detect`, what all recognizers share in `recognize`.

mod crnn;
mod crnn_lite;
mod dbnet;
mod detect;
mod recognize;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use glyphic_core::{deserialize_over, deserialize_over_default};
use glyphic_data::{Mixture, PlanOptions, Recipe, SamplePlan};
use glyphic_detect::{DbNetConfig, DetectorConfig};
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_nn::checkpoint::{self, DType, LoadOptions, save_safetensors};
use glyphic_recognize::{RecognizerConfig, crnn::CrnnConfig, crnn_lite::CrnnLiteConfig};
use serde::{Deserialize, Deserializer, Serialize};

pub use detect::DetectionBatches;
pub use recognize::RecognitionBatches;

use crate::config::{Batches, RunConfig, TrainConfig};
use crate::run::{self, Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::{Error, Result};

/// A model that can be trained: the [`Recipe`] makes targets of a sample and a batch of those, the rest is the network, its
/// loss, its metric and its export.
pub trait Trainable: Recipe {
    /// The network.
    type Net: Module;

    /// A network with fresh weights.
    fn init(&self, device: &Device) -> Self::Net;

    /// The loss of a batch, `[1]`.
    ///
    /// # Errors
    /// Those of the loss.
    fn loss(&self, net: &Self::Net, batch: &Self::Batch, device: &Device) -> Result<Tensor<1>>;

    /// The metric of a network without autodiff, on the code that serves users.
    ///
    /// # Errors
    /// Those of the model and of the data.
    fn validate(&self, net: &Self::Net, device: &Device) -> Result<Scores>;

    /// Writes weights that load strictly by the names of their state dict, in half precision: the noise of the averaged
    /// weights is far above its rounding.
    ///
    /// # Errors
    /// Those of [`save_safetensors`].
    fn export(&self, net: &Self::Net, path: &Path, metadata: &BTreeMap<String, String>) -> Result<()> {
        Ok(save_safetensors(net, path, DType::F16, metadata)?)
    }
}

/// Scores of a validation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// By `set/metric`.
    pub all: BTreeMap<String, f64>,
    /// The one that decides which weights are best: the mean over the sets. `None` where nothing was validated.
    pub decisive: Option<f64>,
}

impl Scores {
    fn new(all: BTreeMap<String, f64>, decisive: &[f64]) -> Self {
        let mean = decisive.iter().sum::<f64>() / decisive.len().max(1) as f64;
        Self { all, decisive: (!decisive.is_empty()).then_some(mean) }
    }
}

/// The models that can be trained, externally tagged as in `[model.NAME]`. A key that is set inside a model changes that
/// key of the model's default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelConfig {
    /// DBNet with MMOCR's values.
    Dbnet(#[serde(deserialize_with = "deserialize_over_default")] DbNetConfig),
    /// The default detector.
    DbnetLite(#[serde(deserialize_with = "over_lite")] DbNetConfig),
    /// CRNN with MMOCR's values.
    Crnn(#[serde(deserialize_with = "deserialize_over_default")] CrnnConfig),
    /// The default recognizer.
    CrnnLite(#[serde(deserialize_with = "deserialize_over_default")] CrnnLiteConfig),
}

fn over_lite<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DbNetConfig, D::Error> {
    deserialize_over(&DbNetConfig::lite(), deserializer)
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Detect,
    Recognize,
}

impl ModelConfig {
    /// The names of all models, as `[model.NAME]` writes them.
    pub const NAMES: [&'static str; 4] = ["dbnet", "dbnet_lite", "crnn", "crnn_lite"];

    /// The task of a model's name.
    pub(crate) fn task_of(name: &str) -> Option<Task> {
        match name {
            "dbnet" | "dbnet_lite" => Some(Task::Detect),
            "crnn" | "crnn_lite" => Some(Task::Recognize),
            _ => None,
        }
    }

    /// Checks every value of the model.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => Ok(config.validate()?),
            Self::Crnn(config) => Ok(config.validate()?),
            Self::CrnnLite(config) => Ok(config.validate()?),
        }
    }

    /// Builds the model with its data and trains it.
    pub(crate) fn train(&self, config: &TrainConfig, observer: &mut dyn Observer) -> Result<Summary> {
        self.validate()?;
        match (self, &config.batches) {
            (Self::Dbnet(model), Batches::Detection(batches)) => {
                let detector = DetectorConfig::Dbnet(model.clone());
                dbnet::train(model, detector, batches, config, observer)
            }
            (Self::DbnetLite(model), Batches::Detection(batches)) => {
                let detector = DetectorConfig::DbnetLite(model.clone());
                dbnet::train(model, detector, batches, config, observer)
            }
            (Self::Crnn(model), Batches::Recognition(batches)) => {
                let recognizer = RecognizerConfig::Crnn(model.clone());
                crnn::train(model, recognizer, batches, config, observer)
            }
            (Self::CrnnLite(model), Batches::Recognition(batches)) => {
                let recognizer = RecognizerConfig::CrnnLite(model.clone());
                crnn_lite::train(model, recognizer, batches, config, observer)
            }
            _ => Err(Error::Config {
                path: config.run.out.clone(),
                reason: "`batches` are those of another task than the model's".to_owned(),
            }),
        }
    }
}

/// Where training samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A folder of labelled pictures or crops.
    Pack(PathBuf),
    /// Text rendered on the fly.
    Synth(glyphic_synth::SynthConfig),
}

/// One source of training samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Where the samples come from.
    pub source: SourceKind,
    /// Its share of the mixture.
    #[serde(default = "one")]
    pub weight: f64,
    /// For detectors: granularity of a pack's regions, `word` unless given. Rendered pages know both: scenes are trained
    /// on by the word and pages by the line, and for networks that know levels 15 % of the scenes by the line and 30 % of
    /// the pages by the word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlines: Option<Outlines>,
    /// For recognizers: how far the labels can be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<glyphic_data::LabelRules>,
}

/// Granularity of a pack's regions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlines {
    /// The words of scenes.
    #[default]
    Word,
    /// The lines of pages.
    Line,
}

/// One set to validate on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSet {
    /// Its name in the scores.
    pub name: String,
    /// Its folder.
    pub pack: PathBuf,
    /// Number of samples used, from the start; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The weight of a source that names none.
fn one() -> f64 {
    1.0
}

/// Opens a pack without the samples whose labels cannot be read or whose pictures are missing; those are named, and too many
/// of them are refused.
fn open_pack(path: &Path, skipped: &mut SkippedSamples, observer: &mut dyn Observer) -> Result<LazyPack> {
    let options = PackOptions { skip_broken: true, ..PackOptions::default() };
    let pack = LazyPack::open(path, &options)?;
    let broken = pack.skipped();
    skipped.add(&broken.first, observer)?;
    if broken.count > broken.first.len() {
        let more = broken.count - broken.first.len();
        observer.message(&format!("skipped: {more} more labels of {}", path.display()));
    }
    skipped.check(broken.count as u64, (broken.count + pack.len()) as u64, broken.first.last())?;
    Ok(pack)
}

/// Runs the loop over a model and the mixture of its sources.
fn train<M: Trainable>(
    model: M,
    mixture: Mixture<M::Sample>,
    options: PlanOptions,
    run: &RunConfig,
    skipped: SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let device = glyphic_nn::device::parse(&run.device)?.autodiff();
    let model = Arc::new(model);
    let mut net = seeded(&device, run.seed, || model.init(&device));
    if let Some(path) = &run.init {
        checkpoint::load_into(&mut net, &checkpoint::read(path)?, &LoadOptions::default())?;
    }
    let plan = SamplePlan::new(mixture, Arc::clone(&model), options)?;
    run::train(&*model, plan, net, run, &device, skipped, observer)
}

/// The back-end's generator is one for the whole process; a network is drawn from it undisturbed.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A network whose weights depend on the seed alone. Burn draws weights when they are first used, so all are used here.
pub(crate) fn seeded<M: Module>(device: &Device, seed: u64, init: impl FnOnce() -> M) -> M {
    struct Touch;
    impl ModuleVisitor for Touch {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }
    let _undisturbed = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    let net = init();
    net.visit(&mut Touch);
    net
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_model_with_a_task() {
        for name in ModelConfig::NAMES {
            let text = format!("[{name}]\n");
            let model: ModelConfig = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
            model.validate().unwrap();
            assert!(ModelConfig::task_of(name).is_some(), "{name}");
        }
        let error = toml::from_str::<ModelConfig>("[dbnett]\n").unwrap_err().to_string();
        assert!(ModelConfig::NAMES.iter().all(|name| error.contains(&format!("`{name}`"))), "{error}");
    }
}
