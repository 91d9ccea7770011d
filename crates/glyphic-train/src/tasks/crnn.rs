//! Training MMOCR's CRNN.

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Image, Vocab};
use glyphic_data::augment::RecognitionAugment;
use glyphic_data::{Drawn, Mixture, PlanOptions, Recipe, SampleRng, TextSample};
use glyphic_labels::LineInput;
use glyphic_recognize::crnn::{Crnn, CrnnConfig, CrnnLossConfig};
use glyphic_recognize::{RecognizerConfig, ResizedWidth, valid_steps};

use super::recognize::{self, TextBatch, TextItem, Validation};
use super::{RecognitionBatches, Scores, Trainable};
use crate::Result;
use crate::config::TrainConfig;
use crate::run::{Observer, Summary};
use crate::skipped::SkippedSamples;

/// Pixels of width in one time step; there is one step more.
const STRIDE: u32 = 4;

struct CrnnTraining {
    /// With the size of the input in training.
    config: CrnnConfig,
    /// As it is used.
    recognizer: RecognizerConfig,
    augment: RecognitionAugment,
    vocab: Vocab,
    loss: CrnnLossConfig,
    validation: Validation,
}

pub(super) fn train(
    model: &CrnnConfig,
    recognizer: RecognizerConfig,
    batches: &RecognitionBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let run = &config.run;
    let vocab = model.vocab()?;
    let model = CrnnConfig { resize: batches.resize.unwrap_or(model.resize), ..model.clone() };
    model.validate()?;
    let resize = &model.resize;
    let input = LineInput {
        height: resize.height,
        min_width: resize.min_width.unwrap_or(1),
        max_width: resize.max_width.unwrap_or(8192),
        margin: 0,
        multiple: resize.width_divisor,
        stride: STRIDE,
    };
    let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let parts = recognize::open(&config.train, run.seed, &vocab, input, &mut skipped, observer)?;
    let training = CrnnTraining {
        config: model,
        recognizer,
        augment: batches.augment.clone(),
        vocab,
        loss: CrnnLossConfig::default(),
        validation: Validation::open(&config.validate)?,
    };
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: batches.pool };
    super::train(training, Mixture::new(parts)?, options, run, skipped, observer)
}

impl CrnnTraining {
    fn size(&self, crop: &Image) -> ResizedWidth {
        self.config.resize.width(crop.width(), crop.height())
    }
}

/// Time steps that are read of a crop whose content is this share of an input of `width` pixels.
fn steps(width: u32, ratio: f64) -> usize {
    valid_steps((width / STRIDE + 1) as usize, ratio)
}

impl Recipe for CrnnTraining {
    type Sample = TextSample;
    type Item = TextItem;
    type Batch = TextBatch;

    fn item(&self, sample: TextSample, drawn: Drawn, rng: &mut SampleRng) -> Result<TextItem, String> {
        recognize::item(sample, drawn, rng, &self.augment, &self.vocab, |crop| {
            let size = self.size(crop);
            (size.padded, steps(size.padded, size.valid_ratio))
        })
    }

    fn width(&self, item: &TextItem) -> u32 {
        item.padded
    }

    fn batch(&self, items: Vec<TextItem>) -> glyphic_data::Result<TextBatch> {
        let width = items.iter().map(|item| item.padded).max().unwrap_or(1);
        let (channels, height) = (self.config.channels.count(), self.config.resize.height as usize);
        let shape = [items.len(), channels, height, width as usize];
        let mut batch = TextBatch {
            pixels: Vec::with_capacity(shape.iter().product()),
            shape,
            targets: Vec::with_capacity(items.len()),
            steps: Vec::with_capacity(items.len()),
            rules: Vec::with_capacity(items.len()),
        };
        for item in items {
            let failed = |e: glyphic_recognize::Error| glyphic_data::Error::Setup {
                what: "batch of crops",
                reason: e.to_string(),
            };
            let ratio = self.size(&item.crop).valid_ratio * f64::from(item.padded) / f64::from(width);
            let (pixels, own) = self.config.preprocess(&item.crop).map_err(failed)?;
            let own = own as usize;
            for (row, values) in pixels.chunks_exact(own).enumerate() {
                let channel = row / height;
                let of = |values: &[f32]| values[channel.min(values.len() - 1)];
                // Padding is black, as `resize` pads.
                let black = -of(&self.config.mean) / of(&self.config.std);
                batch.pixels.extend_from_slice(values);
                batch.pixels.resize(batch.pixels.len() + width as usize - own, black);
            }
            batch.steps.push(steps(width, ratio));
            batch.targets.push(item.target);
            batch.rules.push(item.rules);
        }
        Ok(batch)
    }
}

impl Trainable for CrnnTraining {
    type Net = Crnn;

    fn init(&self, device: &Device) -> Crnn {
        self.config.init(self.vocab.len(), device)
    }

    fn loss(&self, net: &Crnn, batch: &TextBatch, device: &Device) -> Result<Tensor<1>> {
        let input = Tensor::<4>::from_data(TensorData::new(batch.pixels.clone(), batch.shape), device);
        let logits = net.forward(input);
        let [_, time, _] = logits.dims();
        let ratios: Vec<f64> = batch.steps.iter().map(|&steps| steps as f64 / time as f64).collect();
        Ok(self.loss.forward(logits, &batch.targets, &ratios)?)
    }

    fn validate(&self, net: &Crnn, device: &Device) -> Result<Scores> {
        self.validation.score(&self.recognizer, net, device)
    }
}
