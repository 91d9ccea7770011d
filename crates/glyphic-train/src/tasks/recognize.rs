//! What all recognizers share: sources of crops, samples with their targets, and validation by word accuracy.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use glyphic_core::{Image, Vocab};
use glyphic_data::augment::RecognitionAugment;
use glyphic_data::{
    CropOptions, Drawn, FnSource, LabelRules, SampleRng, Source, TextCrops, TextSample, lint_texts,
};
use glyphic_labels::lint::encode;
use glyphic_labels::{LazyPack, LineInput, PackOptions, ctc_steps};
use glyphic_nn::checkpoint::state_dict;
use glyphic_recognize::{RecognizerConfig, ResizeConfig};
use glyphic_synth::LineSynth;
use serde::{Deserialize, Serialize};

use super::{Scores, SourceConfig, SourceKind, ValidationSet, open_pack};
use crate::run::Observer;
use crate::skipped::SkippedSamples;
use crate::{Error, Result};

/// How batches for recognizers are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecognitionBatches {
    /// Crops in a batch.
    pub batch_size: usize,
    /// This many batches are drawn together and divided by width, so that little of a batch is padding.
    pub pool: usize,
    /// Random changes of packs' crops.
    pub augment: RecognitionAugment,
    /// For `crnn`: size of its input in training, where it differs from the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeConfig>,
}

impl Default for RecognitionBatches {
    fn default() -> Self {
        Self { batch_size: 64, pool: 8, augment: RecognitionAugment::default(), resize: None }
    }
}

/// A source of crops and how much it counts.
type Weighted = (Arc<dyn Source<Item = TextSample>>, f64);

/// Opens the sources and reports what is wrong with them for a recognizer of these classes and this input.
pub(super) fn open(
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

/// One crop with its target.
pub(super) struct TextItem {
    pub(super) crop: Image,
    /// Width with padding, in pixels of the network's input.
    pub(super) padded: u32,
    /// Classes of the text.
    pub(super) target: Vec<usize>,
    pub(super) rules: LabelRules,
}

/// Crops padded to one width.
pub(super) struct TextBatch {
    /// `[N, channels, height, width]`, normalised.
    pub(super) pixels: Vec<f32>,
    pub(super) shape: [usize; 4],
    pub(super) targets: Vec<Vec<usize>>,
    /// Time steps of each crop that are read in use.
    pub(super) steps: Vec<usize>,
    pub(super) rules: Vec<LabelRules>,
}

/// A sample's crop and target, or why it cannot be trained on. `size` gives the padded width of a crop and the time steps
/// that are read of it.
pub(super) fn item(
    sample: TextSample,
    drawn: Drawn,
    rng: &mut SampleRng,
    augment: &RecognitionAugment,
    vocab: &Vocab,
    size: impl Fn(&Image) -> (u32, usize),
) -> Result<TextItem, String> {
    let target = encode(vocab, &sample.text).map_err(|(at, c)| {
        format!("the vocabulary lacks {c:?}, character {} of {:?}", at + 1, sample.text)
    })?;
    if target.is_empty() {
        return Err("the text is empty".to_owned());
    }
    let crop = if drawn.augmented { augment.apply(&sample, rng) } else { sample.crop() };
    let ((padded, steps), needed) = (size(&crop), ctc_steps(&target));
    if needed > steps {
        // The width changes with the augmentation: without it each sample has one reason.
        return Err(format!("{:?} needs {needed} time steps, more than its width gives", sample.text));
    }
    Ok(TextItem { crop, padded, target, rules: sample.rules })
}

/// One set to validate on, in memory.
struct Set {
    name: String,
    crops: Vec<Image>,
    texts: Vec<String>,
}

/// The sets to validate on.
pub(super) struct Validation(Vec<Set>);

impl Validation {
    pub(super) fn open(sets: &[ValidationSet]) -> Result<Self> {
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
    pub(super) fn score<M: Module>(
        &self,
        config: &RecognizerConfig,
        net: &M,
        device: &Device,
    ) -> Result<Scores> {
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
