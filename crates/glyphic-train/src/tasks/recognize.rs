//! What all recognizers share: sources of crops, samples with their targets, and validation by word accuracy.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Image, Vocab};
use glyphic_data::augment::RecognitionAugment;
use glyphic_data::{
    CropOptions, Drawn, FnSource, LabelRules, Mixture, PlanOptions, Recipe, SampleRng, Source, TextCrops,
    TextSample, lint_texts,
};
use glyphic_labels::{LazyPack, LineInput, PackOptions};
use glyphic_nn::checkpoint::state_dict;
use glyphic_recognize::{LabelKind, Learn, LineBatch, Preprocess, RecognizerConfig, Visitor, Width};
use glyphic_synth::LineSynth;

use super::source::{self, open_pack};
use crate::batches::RecognitionBatches;
use crate::config::TrainConfig;
use crate::observer::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::sources::{SourceConfig, SourceKind, ValidationSet};
use crate::trainable::{Scores, Trainable};
use crate::{Error, Result};

/// A source of crops and how much it counts.
type Weighted = (Arc<dyn Source<Item = TextSample>>, f64);

/// Opens the sources and reports what is wrong with them for a recognizer of these classes and this input.
fn open(
    sources: &[SourceConfig],
    seed: u64,
    vocab: &Vocab,
    input: LineInput,
    skipped: &mut SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<Vec<Weighted>> {
    let mut parts: Vec<Weighted> = Vec::new();
    for source in sources {
        if source.outlines.is_some() {
            let reason = "`train.outlines` is for detectors; a recognizer takes `train.rules`".to_owned();
            return Err(Error::Config { path: "train".into(), reason });
        }
        let rules = source.rules.unwrap_or_default();
        let crops: Arc<dyn Source<Item = TextSample>> = match &source.source {
            SourceKind::Pack(path) => {
                let options = CropOptions {
                    case_insensitive: rules.case_insensitive,
                    no_spaces: rules.no_spaces,
                    ..CropOptions::default()
                };
                let crops = TextCrops::new(open_pack(path, skipped, observer)?, &options)?;
                observer.message(&format!("{}: {}", path.display(), lint_texts(&crops, vocab, input)?));
                Arc::new(crops)
            }
            SourceKind::Synth(config) => {
                let synth = LineSynth::new(config.clone().reseeded(seed))?;
                Arc::new(FnSource::new("synthetic lines", true, move |i| {
                    let sample = synth.line(i);
                    let text =
                        sample.truth.instances.first().map(|t| t.text().to_owned()).unwrap_or_default();
                    Ok::<_, glyphic_data::Error>(TextSample { rules, ..TextSample::new(sample.image, text) })
                }))
            }
        };
        parts.push((crops, source.weight));
    }
    Ok(parts)
}

/// Trains a recognizer of any kind.
pub(super) struct Train<'a> {
    pub(super) batches: &'a RecognitionBatches,
    pub(super) config: &'a TrainConfig,
    pub(super) observer: &'a mut dyn Observer,
}

impl Visitor for Train<'_> {
    type Output = Result<Summary>;

    fn visit<M: Learn + Into<RecognizerConfig>>(self, model: &M) -> Result<Summary> {
        let Self { batches, config, observer } = self;
        let run = &config.run;
        let vocab = model.vocab()?;
        let in_training = match batches.resize {
            None => model.clone(),
            Some(resize) => model.resized(resize).ok_or_else(|| Error::Config {
                path: "batches".into(),
                reason: format!("`batches.resize` is not for `{}`; set the model's own size", model.name()),
            })?,
        };
        in_training.validate()?;
        let preprocess = in_training.preprocess();
        let input = line_input(&in_training, &*preprocess);
        let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
        let parts = open(&config.train, run.seed, &vocab, input, &mut skipped, observer)?;
        let training = LineTraining {
            model: in_training,
            preprocess,
            recognizer: model.clone().into(),
            augment: batches.augment.clone(),
            classes: vocab.len(),
            validation: Validation::open(&config.validate)?,
        };
        let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: batches.pool };
        source::train(training, Mixture::new(parts)?, options, run, skipped, observer)
    }

    fn foreign(self, name: &'static str) -> Result<Summary> {
        Err(source::foreign(name))
    }
}

/// How labels are held against widths before training.
fn line_input<M: Learn>(model: &M, preprocess: &dyn Preprocess) -> LineInput {
    let (_, height) = preprocess.input();
    let (narrow, wide) = (preprocess.width(1, height), preprocess.width(1 << 16, height));
    // Where the width does not bound a text, no text is too long for it.
    let stride = model.pixels_per_class().max(1);
    let (min_width, max_width) = (narrow.content, wide.content);
    LineInput { height, min_width, max_width, margin: 2 * stride, multiple: 1, stride }
}

/// A recognizer in training: its preprocessing, targets and loss.
struct LineTraining<M: Learn> {
    /// With the size of the input in training.
    model: M,
    preprocess: Box<dyn Preprocess>,
    /// As it is used.
    recognizer: RecognizerConfig,
    augment: RecognitionAugment,
    classes: usize,
    validation: Validation,
}

/// One crop with its target.
struct TextItem {
    crop: Image,
    width: Width,
    /// Classes of the text.
    target: Vec<usize>,
    kind: LabelKind,
}

/// Crops padded to one width.
struct TextBatch {
    /// `[N, channels, height, width]`, normalised.
    pixels: Vec<f32>,
    shape: [usize; 4],
    targets: Vec<Vec<usize>>,
    widths: Vec<Width>,
    kinds: Vec<LabelKind>,
}

impl<M: Learn> Recipe for LineTraining<M> {
    type Sample = TextSample;
    type Item = TextItem;
    type Batch = TextBatch;

    fn item(&self, sample: TextSample, drawn: Drawn, rng: &mut SampleRng) -> Result<TextItem, String> {
        let crop = if drawn.augmented { self.augment.apply(&sample, rng) } else { sample.crop() };
        let width = self.preprocess.width(crop.width(), crop.height());
        let target = self.model.target(&sample.text, width).map_err(|e| e.to_string())?;
        Ok(TextItem { crop, width, target, kind: kind(&sample.rules) })
    }

    fn width(&self, item: &TextItem) -> u32 {
        item.width.content
    }

    fn batch(&self, items: Vec<TextItem>) -> glyphic_data::Result<TextBatch> {
        let padded = items.iter().map(|item| item.width.padded).max().unwrap_or(1);
        let (channels, height) = self.preprocess.input();
        let shape = [items.len(), channels, height as usize, padded as usize];
        let mut pixels = vec![0.0; shape.iter().product()];
        for (item, pixels) in items.iter().zip(pixels.chunks_exact_mut(shape[1..].iter().product())) {
            let failed = |e: glyphic_recognize::Error| glyphic_data::Error::Setup {
                what: "batch of crops",
                reason: e.to_string(),
            };
            let width = Width { padded, ..item.width };
            self.preprocess.prepare(&item.crop, width, pixels).map_err(failed)?;
        }
        let mut batch =
            TextBatch { pixels, shape, targets: Vec::new(), widths: Vec::new(), kinds: Vec::new() };
        for item in items {
            batch.targets.push(item.target);
            batch.widths.push(Width { padded, ..item.width });
            batch.kinds.push(item.kind);
        }
        Ok(batch)
    }
}

impl<M: Learn> Trainable for LineTraining<M> {
    type Net = M::Net;

    fn init(&self, device: &Device) -> M::Net {
        self.model.init(self.classes, device)
    }

    fn loss(&self, net: &M::Net, batch: &TextBatch, device: &Device) -> Result<Tensor<1>> {
        let image = Tensor::<4>::from_data(TensorData::new(batch.pixels.clone(), batch.shape), device);
        let TextBatch { targets, widths, kinds, .. } = batch;
        Ok(self.model.loss(net, &LineBatch { image, targets, widths, kinds })?)
    }

    fn validate(&self, net: &M::Net, device: &Device) -> Result<Scores> {
        self.validation.score(&self.recognizer, net, device)
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

/// One set to validate on, in memory.
struct Set {
    name: String,
    crops: Vec<Image>,
    texts: Vec<String>,
}

/// The sets to validate on.
struct Validation(Vec<Set>);

impl Validation {
    fn open(sets: &[ValidationSet]) -> Result<Self> {
        let open = |set: &ValidationSet| {
            let options = CropOptions { limit: set.limit, margin: 0.0, ..CropOptions::default() };
            let crops = TextCrops::new(LazyPack::open(&set.pack, &PackOptions::default())?, &options)?;
            let mut out = Set { name: set.name.clone(), crops: Vec::new(), texts: Vec::new() };
            for i in 0..crops.len() {
                let sample = crops.get(i)?;
                out.crops.push(sample.crop());
                out.texts.push(sample.text);
            }
            Ok(out)
        };
        sets.iter().map(open).collect::<Result<_>>().map(Self)
    }

    /// Word accuracy and 1-N.E.D of a recognizer with a network's weights, decoded greedily: the network's own score.
    fn score<M: Module>(&self, config: &RecognizerConfig, net: &M, device: &Device) -> Result<Scores> {
        let mut scores = BTreeMap::new();
        let mut decisive = Vec::new();
        if self.0.is_empty() {
            return Ok(Scores::default());
        }
        let recognizer = config.build(&state_dict(net), None, &device.clone().without_autodiff())?;
        for set in &self.0 {
            let read = recognizer.recognize(&set.crops)?;
            let pairs: Vec<(&str, &str)> =
                read.iter().zip(&set.texts).map(|(r, t)| (r.text.as_str(), t.as_str())).collect();
            let score = glyphic_eval::RecognitionScore::new(&pairs);
            let name = &set.name;
            scores.insert(format!("{name}/word_acc"), score.word_acc);
            scores.insert(format!("{name}/word_acc_ignore_case_symbol"), score.word_acc_ignore_case_symbol);
            scores.insert(format!("{name}/1-N.E.D"), score.one_minus_ned);
            decisive.push(score.word_acc_ignore_case_symbol);
        }
        Ok(Scores::new(scores, &decisive))
    }
}
