//! Training DBNet.

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::Sample;
use glyphic_data::augment::DetectionAugment;
use glyphic_data::{Drawn, Mixture, PlanOptions, Recipe, SampleRng};
use glyphic_detect::dbnet::targets::{Canvas, DbnetMaps, DbnetTargets};
use glyphic_detect::dbnet::{DbNet, DbTargets};
use glyphic_detect::{DbNetConfig, DetectorConfig};

use super::detect::{self, Validation};
use super::source;
use crate::Result;
use crate::batches::DetectionBatches;
use crate::config::TrainConfig;
use crate::observer::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::trainable::{Scores, Trainable};

struct DbnetTraining {
    config: DbNetConfig,
    detector: DetectorConfig,
    augment: DetectionAugment,
    targets: DbnetTargets,
    /// Of each source of the mixture, whether it outlines lines and whether it shows pages.
    levels: Vec<[bool; 2]>,
    validation: Validation,
}

pub(super) fn train(
    model: &DbNetConfig,
    detector: DetectorConfig,
    batches: &DetectionBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let run = &config.run;
    detect::tell_what_is_kept(&detector, run, observer);
    let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let parts = detect::open(&config.train, run.seed, model.level.is_some(), &mut skipped, observer)?;
    let training = DbnetTraining {
        config: model.clone(),
        detector,
        augment: batches.augment.clone(),
        targets: batches.targets.clone(),
        levels: parts.iter().map(|part| [part.line, part.page]).collect(),
        validation: Validation::open(&config.validate)?,
    };
    let mixture = Mixture::new(parts.into_iter().map(|part| (part.pictures, part.weight)).collect())?;
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: 1 };
    source::train(training, mixture, options, run, skipped, observer)
}

/// Square pictures with their target maps.
struct DbnetBatch {
    /// `[N, 3, size, size]`, normalised.
    pixels: Vec<f32>,
    size: usize,
    maps: DbnetMaps,
    sources: Vec<usize>,
}

impl Recipe for DbnetTraining {
    type Sample = Sample;
    type Item = (Sample, usize);
    type Batch = DbnetBatch;

    fn item(&self, sample: Sample, drawn: Drawn, rng: &mut SampleRng) -> Result<Self::Item, String> {
        Ok((self.augment.apply_drawn(&sample, drawn, rng), drawn.source))
    }

    fn batch(&self, items: Vec<Self::Item>) -> glyphic_data::Result<DbnetBatch> {
        let size = self.augment.size as usize;
        let mut pixels = vec![0.0; items.len() * 3 * size * size];
        let mut maps = DbnetMaps::with_capacity(items.len(), size, size);
        let mut canvas = Canvas::new(size, size);
        let mut sources = Vec::with_capacity(items.len());
        for ((sample, source), pixels) in items.into_iter().zip(pixels.chunks_exact_mut(3 * size * size)) {
            self.config.input.planes(&sample.image, [size, size], pixels);
            self.targets.draw(&sample.truth, &mut canvas, &mut maps);
            sources.push(source);
        }
        Ok(DbnetBatch { pixels, size, maps, sources })
    }
}

impl DbnetTraining {
    /// 1 for pictures whose source says yes to the first (lines) or second (pages) question, `[N]`.
    fn level(&self, batch: &DbnetBatch, question: usize, device: &Device) -> Tensor<1> {
        let answers: Vec<f32> =
            batch.sources.iter().map(|&s| f32::from(u8::from(self.levels[s][question]))).collect();
        Tensor::from_floats(answers.as_slice(), device)
    }
}

impl Trainable for DbnetTraining {
    type Net = DbNet;

    fn init(&self, device: &Device) -> DbNet {
        self.config.init(device)
    }

    fn loss(&self, net: &DbNet, batch: &DbnetBatch, device: &Device) -> Result<Tensor<1>> {
        let (n, size) = (batch.sources.len(), batch.size);
        let input = TensorData::new(batch.pixels.clone(), [n, 3, size, size]);
        let input = Tensor::<4>::from_data(input, device);
        let plane =
            |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, [n, size, size]), device);
        let bytes = |map: &[u8]| plane(map.iter().map(|v| f32::from(*v)).collect());
        let maps = &batch.maps;
        let targets = DbTargets {
            shrink: bytes(&maps.shrink),
            shrink_mask: bytes(&maps.shrink_mask),
            threshold: plane(maps.thr.clone()),
            threshold_mask: bytes(&maps.thr_mask),
            level: Some(self.level(batch, 1, device)),
        };
        let maps = net.forward(input, Some(&self.level(batch, 0, device)));
        Ok(self.config.loss.forward(&maps, &targets).total())
    }

    fn validate(&self, net: &DbNet, device: &Device) -> Result<Scores> {
        self.validation.score(&self.detector, net, device)
    }
}
