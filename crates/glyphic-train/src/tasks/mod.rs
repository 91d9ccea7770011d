//! What can be trained.
//!
//! [`Trainable`] is what a model brings; [`ModelConfig`] lists the models and builds them. What all detectors share
//! (sources of pages, validation by hmean) lies in `detect`, what all recognizers share in `recognize`.

mod dbnet;
mod detect;
mod detector;
mod extract;
mod ner;
mod recognize;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use glyphic_data::{Mixture, PlanOptions, Recipe, SamplePlan};
use glyphic_detect::DetectorConfig;
use glyphic_extract::{EntityConfig, ExtractorConfig};
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_nn::checkpoint::{DType, save_safetensors};
use glyphic_recognize::RecognizerConfig;
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};

pub use detect::DetectionBatches;
pub use extract::{ExtractionBatches, PageAugment};
pub use ner::SentenceBatches;
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
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ModelConfig {
    /// A detector.
    Detector(DetectorConfig),
    /// A recognizer.
    Recognizer(RecognizerConfig),
    /// An extractor of key information.
    Extractor(ExtractorConfig),
    /// A finder of named entities.
    Entities(EntityConfig),
}

impl<'de> Deserialize<'de> for ModelConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = ModelConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a model: one of {}", quoted(&ModelConfig::names()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<ModelConfig, A::Error> {
                let name: Option<String> = map.next_key()?;
                let name = name.ok_or_else(|| A::Error::custom(format!("no model; expected {self:?}")))?;
                let task = ModelConfig::task_of(&name).ok_or_else(|| {
                    let names = quoted(&ModelConfig::names());
                    A::Error::custom(format!("unknown variant `{name}`, expected one of {names}"))
                })?;
                let keyed = Keyed { name, map: &mut map };
                let model = match task {
                    Task::Detect => ModelConfig::Detector(DetectorConfig::deserialize(keyed)?),
                    Task::Recognize => ModelConfig::Recognizer(RecognizerConfig::deserialize(keyed)?),
                    Task::Extract => ModelConfig::Extractor(ExtractorConfig::deserialize(keyed)?),
                    Task::Entities => ModelConfig::Entities(EntityConfig::deserialize(keyed)?),
                };
                match map.next_key::<String>()? {
                    Some(second) => {
                        Err(A::Error::custom(format!("`{second}` is a second model; expected one")))
                    }
                    None => Ok(model),
                }
            }
        }
        impl std::fmt::Debug for Named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.expecting(f)
            }
        }
        deserializer.deserialize_map(Named)
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The rest of a map whose key has been read, as an enum's variant of that name.
struct Keyed<'a, A> {
    name: String,
    map: &'a mut A,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Keyed<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Keyed<'_, A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> std::result::Result<(S::Value, Self), A::Error> {
        let name: StringDeserializer<A::Error> = self.name.clone().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Keyed<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> std::result::Result<(), A::Error> {
        self.map.next_value()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> std::result::Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> std::result::Result<V::Value, A::Error> {
        Err(A::Error::custom("a model is a table"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> std::result::Result<V::Value, A::Error> {
        Err(A::Error::custom("a model is a table"))
    }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Detect,
    Recognize,
    Extract,
    Entities,
}

impl ModelConfig {
    /// The names of all models, as `[model.NAME]` writes them.
    pub fn names() -> Vec<&'static str> {
        let detectors = DetectorConfig::all().into_iter().map(|(_, config)| config.name());
        let recognizers = RecognizerConfig::all().into_iter().map(|(_, config)| config.name());
        let mut names = Vec::new();
        let others = [ExtractorConfig::default().name(), EntityConfig::default().name()];
        for name in detectors.chain(recognizers).chain(others) {
            // Variants of a model share its name.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The task of a model's name.
    pub(crate) fn task_of(name: &str) -> Option<Task> {
        if DetectorConfig::all().iter().any(|(_, config)| config.name() == name) {
            return Some(Task::Detect);
        }
        if name == ExtractorConfig::default().name() {
            return Some(Task::Extract);
        }
        if name == EntityConfig::default().name() {
            return Some(Task::Entities);
        }
        RecognizerConfig::all().iter().any(|(_, config)| config.name() == name).then_some(Task::Recognize)
    }

    /// Checks every value of the model.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Detector(config) => Ok(config.validate()?),
            Self::Recognizer(config) => Ok(config.validate()?),
            Self::Extractor(config) => Ok(config.validate()?),
            Self::Entities(config) => Ok(config.validate()?),
        }
    }

    /// Builds the model with its data and trains it.
    pub(crate) fn train(&self, config: &TrainConfig, observer: &mut dyn Observer) -> Result<Summary> {
        self.validate()?;
        match (self, &config.batches) {
            (Self::Detector(detector), Batches::Detection(batches)) => match detector {
                DetectorConfig::Dbnet(model) | DetectorConfig::DbnetLite(model) => {
                    dbnet::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::Psenet(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::Panet(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::Ppocr(_) => Err(foreign(detector.name())),
                DetectorConfig::Textsnake(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::Fcenet(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::Drrg(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
                DetectorConfig::MaskRcnn(model) => {
                    detector::train(model, detector.clone(), batches, config, observer)
                }
            },
            (Self::Recognizer(recognizer), Batches::Recognition(batches)) => {
                recognizer.visit(recognize::Train { batches, config, observer })
            }
            (Self::Extractor(ExtractorConfig::Sdmgr(model)), Batches::Extraction(batches)) => {
                extract::train(model, batches, config, observer)
            }
            (Self::Entities(EntityConfig::BertSoftmax(model)), Batches::Sentences(batches)) => {
                ner::train(model, batches, config, observer)
            }
            _ => Err(Error::Config {
                path: config.run.out.clone(),
                reason: "`batches` are those of another task than the model's".to_owned(),
            }),
        }
    }
}

/// A model that cannot be trained.
fn foreign(name: &'static str) -> Error {
    let reason = format!("the network of `{name}` is not defined here, so that it cannot be trained");
    Error::Config { path: "model".into(), reason }
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
    if run.steps <= run.schedule.warmup_steps {
        observer.message(&format!(
            "warning: run.schedule.warmup_steps = {} is not less than run.steps = {}: the learning rate only rises",
            run.schedule.warmup_steps, run.steps
        ));
    }
    let mut net = seeded(&device, run.seed, || model.init(&device));
    if let Some(init) = &run.init {
        init.load(&mut net, observer)?;
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
        for name in ModelConfig::names() {
            let text = format!("[{name}]\n");
            let model: ModelConfig = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
            model.validate().unwrap();
            assert!(ModelConfig::task_of(name).is_some(), "{name}");
        }
        let error = toml::from_str::<ModelConfig>("[dbnett]\n").unwrap_err().to_string();
        assert!(ModelConfig::names().iter().all(|name| error.contains(&format!("`{name}`"))), "{error}");
    }
}
