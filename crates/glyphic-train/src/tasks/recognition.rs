//! Training a line recognizer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Image, Vocab};
use glyphic_data::batch::RecognitionOptions;
use glyphic_data::lint_texts;
use glyphic_data::{
    CropOptions, FnSource, LabelRules, Mixture, RecognitionBatch, RecognitionPlan, Source, TextCrops,
    TextSample,
};
use glyphic_labels::{LazyPack, LineInput, PackOptions};
use glyphic_nn::checkpoint::state_dict;
use glyphic_recognize::RecognizerConfig;
use glyphic_recognize::crnn_lite::{CrnnLite, CrnnLiteConfig, CrnnLiteLoss, LabelKind};
use glyphic_synth::LineSynth;
use serde::{Deserialize, Serialize};

use super::{Feed, SourceKind, ValidationSet, export, floats, load_init, mean, one, seeded};
use crate::Result;
use crate::config::RunConfig;
use crate::run::{Observer, Task};

/// What a recognizer is trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognitionConfig {
    /// The network.
    #[serde(default)]
    pub crnn_lite: CrnnLiteConfig,
    /// How batches are made. The seed is the run's, the input's size the network's.
    #[serde(default)]
    pub batches: RecognitionOptions,
    /// Training data.
    pub train: Vec<RecognitionSource>,
    /// Data to validate on.
    #[serde(default)]
    pub validate: Vec<ValidationSet>,
}

/// One source of training crops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognitionSource {
    /// Where the crops come from.
    pub source: SourceKind,
    /// Its share of the mix.
    #[serde(default = "one")]
    pub weight: f64,
    /// How far its labels can be trusted.
    #[serde(default)]
    pub rules: LabelRules,
}

struct Validation {
    name: String,
    crops: Vec<Image>,
    texts: Vec<String>,
}

pub(crate) struct RecognitionTask {
    config: CrnnLiteConfig,
    feed: Feed<RecognitionPlan>,
    loss: CrnnLiteLoss,
    validations: Vec<Validation>,
    device: Device,
}

impl RecognitionTask {
    /// Opens the data from batch `step` on, tells what is wrong with it, and makes the network.
    pub(crate) fn new(
        run: &RunConfig,
        config: &RecognitionConfig,
        device: &Device,
        step: u64,
        observer: &mut dyn Observer,
    ) -> Result<(Self, CrnnLite)> {
        let model = &config.crnn_lite;
        model.validate()?;
        let vocab = model.vocab()?;
        let input = LineInput {
            max_width: config.batches.input.max_width.min(model.max_width),
            ..LineInput::default()
        };
        let mut parts: Vec<(Arc<dyn Source<Item = TextSample>>, f64)> = Vec::new();
        for source in &config.train {
            parts.push((open(source, run.seed, &vocab, input, observer)?, source.weight));
        }
        let options = RecognitionOptions { seed: run.seed, input, ..config.batches.clone() };
        let plan = RecognitionPlan::new(Mixture::new(parts)?, vocab.clone(), options)?;
        let feed = Feed::new(plan, run.workers, step)?;
        let validations = config.validate.iter().map(validation).collect::<Result<_>>()?;
        let mut net = seeded(device, run.seed, || model.init(vocab.len(), device));
        load_init(&mut net, run.init.as_deref())?;
        let task = Self {
            config: model.clone(),
            feed,
            loss: CrnnLiteLoss::new(&vocab)?,
            validations,
            device: device.clone(),
        };
        Ok((task, net))
    }
}

fn open(
    source: &RecognitionSource,
    seed: u64,
    vocab: &Vocab,
    input: LineInput,
    observer: &mut dyn Observer,
) -> Result<Arc<dyn Source<Item = TextSample>>> {
    match &source.source {
        SourceKind::Pack(path) => {
            let options = CropOptions {
                case_insensitive: source.rules.case_insensitive,
                no_spaces: source.rules.no_spaces,
                ..CropOptions::default()
            };
            let crops = TextCrops::new(LazyPack::open(path, &PackOptions::default())?, &options)?;
            let report = lint_texts(&crops, vocab, input)?;
            observer.message(&format!("{}: {report}", path.display()));
            Ok(Arc::new(crops))
        }
        SourceKind::Synth(config) => {
            let rules = source.rules;
            let synth = LineSynth::new(config.clone().reseeded(seed))?;
            Ok(Arc::new(FnSource::new("synthetic lines", true, move |i| {
                let sample = synth.line(i);
                let text = sample.truth.instances.first().map(|t| t.text().to_owned()).unwrap_or_default();
                Ok::<_, glyphic_data::Error>(TextSample { rules, ..TextSample::new(sample.image, text) })
            })))
        }
    }
}

fn validation(config: &ValidationSet) -> Result<Validation> {
    let options = CropOptions { limit: config.limit, margin: 0.0, ..CropOptions::default() };
    let crops = TextCrops::new(LazyPack::open(&config.pack, &PackOptions::default())?, &options)?;
    let mut out = Validation { name: config.name.clone(), crops: Vec::new(), texts: Vec::new() };
    for i in 0..crops.len() {
        let sample = crops.get(i)?;
        out.crops.push(sample.crop());
        out.texts.push(sample.text);
    }
    Ok(out)
}

impl Task for RecognitionTask {
    type Net = CrnnLite;
    type Batch = RecognitionBatch;

    fn batch(&mut self, step: u64) -> Result<RecognitionBatch> {
        self.feed.batch(step)
    }

    fn size(batch: &RecognitionBatch) -> usize {
        batch.len
    }

    fn names(batch: &RecognitionBatch) -> String {
        let texts: Vec<String> = batch.texts.iter().map(|t| format!("{t:?}")).collect();
        texts.join(", ")
    }

    fn loss(&self, net: &CrnnLite, batch: &RecognitionBatch) -> Result<Tensor<1>> {
        let pixels = floats(&batch.pixels)?;
        let shape = [batch.len, 3, batch.height, batch.width];
        let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), &self.device);
        let kinds: Vec<LabelKind> = batch.rules.iter().map(kind).collect();
        Ok(self.loss.forward(net.forward(input), &batch.targets, &kinds)?)
    }

    fn validate(&self, net: &CrnnLite) -> Result<(BTreeMap<String, f64>, f64)> {
        let config = RecognizerConfig::CrnnLite(self.config.clone());
        let recognizer = config.build(&state_dict(net), None, &self.device.clone().without_autodiff())?;
        let mut scores = BTreeMap::new();
        let mut decisive = Vec::new();
        for set in &self.validations {
            let read = recognizer.recognize(&set.crops)?;
            let pairs: Vec<(&str, &str)> =
                read.iter().zip(&set.texts).map(|(r, t)| (r.text.as_str(), t.as_str())).collect();
            let score = glyphic_eval::RecognitionScore::new(&pairs);
            scores.insert(format!("{}/word_acc", set.name), score.word_acc);
            scores.insert(
                format!("{}/word_acc_ignore_case_symbol", set.name),
                score.word_acc_ignore_case_symbol,
            );
            scores.insert(format!("{}/1-N.E.D", set.name), score.one_minus_ned);
            decisive.push(score.word_acc_ignore_case_symbol);
        }
        Ok((scores, mean(&decisive)))
    }

    fn export(&self, net: &CrnnLite, path: &Path, metadata: BTreeMap<String, String>) -> Result<()> {
        export(net, path, metadata)
    }

    fn waited(&self) -> f64 {
        self.feed.waited
    }
}

/// Case first: the pack that folds both does not exist, and lost spaces are the lesser harm.
fn kind(rules: &LabelRules) -> LabelKind {
    match (rules.case_insensitive, rules.no_spaces) {
        (true, _) => LabelKind::IgnoreCase,
        (false, true) => LabelKind::IgnoreSpaces,
        (false, false) => LabelKind::Exact,
    }
}
