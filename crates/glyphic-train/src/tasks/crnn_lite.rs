//! Training the default recognizer.

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::Vocab;
use glyphic_data::augment::RecognitionAugment;
use glyphic_data::{Drawn, LabelRules, Mixture, PlanOptions, Recipe, SampleRng, TextSample};
use glyphic_labels::LineInput;
use glyphic_recognize::RecognizerConfig;
use glyphic_recognize::crnn_lite::{CrnnLite, CrnnLiteConfig, CrnnLiteLoss, HEIGHT, LabelKind};

use super::recognize::{self, TextBatch, TextItem, Validation};
use super::{RecognitionBatches, Scores, Trainable};
use crate::config::TrainConfig;
use crate::run::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::{Error, Result};

struct CrnnLiteTraining {
    config: CrnnLiteConfig,
    recognizer: RecognizerConfig,
    augment: RecognitionAugment,
    vocab: Vocab,
    loss: CrnnLiteLoss,
    validation: Validation,
}

pub(super) fn train(
    model: &CrnnLiteConfig,
    recognizer: RecognizerConfig,
    batches: &RecognitionBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    if batches.resize.is_some() {
        let reason = "`batches.resize` is for `crnn`; set `model.crnn_lite.max_width`".to_owned();
        return Err(Error::Config { path: "batches".into(), reason });
    }
    let run = &config.run;
    let vocab = model.vocab()?;
    let input = LineInput { max_width: model.max_width, ..LineInput::default() };
    let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let parts = recognize::open(&config.train, run.seed, &vocab, input, &mut skipped, observer)?;
    let training = CrnnLiteTraining {
        config: model.clone(),
        recognizer,
        augment: batches.augment.clone(),
        loss: CrnnLiteLoss::new(&vocab)?,
        vocab,
        validation: Validation::open(&config.validate)?,
    };
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: batches.pool };
    super::train(training, Mixture::new(parts)?, options, run, skipped, observer)
}

impl Recipe for CrnnLiteTraining {
    type Sample = TextSample;
    type Item = TextItem;
    type Batch = TextBatch;

    fn item(&self, sample: TextSample, drawn: Drawn, rng: &mut SampleRng) -> Result<TextItem, String> {
        recognize::item(sample, drawn, rng, &self.augment, &self.vocab, |crop| {
            let (content, padded) = self.config.widths(crop.width(), crop.height());
            (padded, self.config.steps(content, padded))
        })
    }

    fn width(&self, item: &TextItem) -> u32 {
        self.config.widths(item.crop.width(), item.crop.height()).0
    }

    fn batch(&self, items: Vec<TextItem>) -> glyphic_data::Result<TextBatch> {
        let width = items.iter().map(|item| item.padded).max().unwrap_or(1);
        let shape = [items.len(), 3, HEIGHT as usize, width as usize];
        let mut pixels = vec![0.0; shape.iter().product()];
        let mut batch = TextBatch {
            pixels: Vec::new(),
            shape,
            targets: Vec::with_capacity(items.len()),
            steps: Vec::with_capacity(items.len()),
            rules: Vec::with_capacity(items.len()),
        };
        for (item, pixels) in items.into_iter().zip(pixels.chunks_exact_mut(shape[1..].iter().product())) {
            let (content, padded) = self.config.widths(item.crop.width(), item.crop.height());
            let failed = |e: glyphic_recognize::Error| glyphic_data::Error::Setup {
                what: "batch of crops",
                reason: e.to_string(),
            };
            self.config.prepare(&item.crop, content, width, pixels).map_err(failed)?;
            batch.steps.push(self.config.steps(content, padded));
            batch.targets.push(item.target);
            batch.rules.push(item.rules);
        }
        Ok(TextBatch { pixels, ..batch })
    }
}

impl Trainable for CrnnLiteTraining {
    type Net = CrnnLite;

    fn init(&self, device: &Device) -> CrnnLite {
        self.config.init(self.vocab.len(), device)
    }

    fn loss(&self, net: &CrnnLite, batch: &TextBatch, device: &Device) -> Result<Tensor<1>> {
        let input = Tensor::<4>::from_data(TensorData::new(batch.pixels.clone(), batch.shape), device);
        let kinds: Vec<LabelKind> = batch.rules.iter().map(kind).collect();
        Ok(self.loss.forward(net.forward(input), &batch.targets, &batch.steps, &kinds)?)
    }

    fn validate(&self, net: &CrnnLite, device: &Device) -> Result<Scores> {
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
