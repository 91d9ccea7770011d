//! Training any detector that brings its targets and its loss.

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Page, Sample};
use glyphic_data::augment::DetectionAugment;
use glyphic_data::{Drawn, Mixture, PlanOptions, Recipe, SampleRng};
use glyphic_detect::dbnet::targets::DbnetTargets;
use glyphic_detect::{DetectorConfig, TrainableDetector};

use super::detect::{self, Validation};
use super::source;
use crate::batches::DetectionBatches;
use crate::config::TrainConfig;
use crate::observer::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::trainable::{Scores, Trainable};
use crate::{Error, Result};

struct DetectorTraining<M> {
    model: M,
    detector: DetectorConfig,
    augment: DetectionAugment,
    validation: Validation,
}

/// Trains a detector. `detector` is it as it is used.
pub(super) fn train<M: TrainableDetector>(
    model: &M,
    detector: DetectorConfig,
    batches: &DetectionBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    if batches.targets != DbnetTargets::default() {
        let reason = format!("`batches.targets` is for DBNet, not for `{}`", detector.name());
        return Err(Error::Config { path: "batches".into(), reason });
    }
    let run = &config.run;
    // Options that cannot be drawn are named here, before every sample is skipped for them.
    let blank = Page::new(batches.augment.size, batches.augment.size);
    model
        .targets(&blank, &mut glyphic_data::rng(&[run.seed]))
        .map_err(|reason| Error::Config { path: "model".into(), reason })?;
    detect::tell_what_is_kept(&detector, run, observer);
    let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let parts = detect::open(&config.train, run.seed, false, &mut skipped, observer)?;
    let training = DetectorTraining {
        model: model.clone(),
        detector,
        augment: batches.augment.clone(),
        validation: Validation::open(&config.validate)?,
    };
    let mixture = Mixture::new(parts.into_iter().map(|part| (part.pictures, part.weight)).collect())?;
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: 1 };
    source::train(training, mixture, options, run, skipped, observer)
}

/// Square pictures with their targets.
struct DetectorBatch<T> {
    /// `[N, 3, size, size]`, normalised.
    pixels: Vec<f32>,
    size: usize,
    targets: Vec<T>,
}

impl<M: TrainableDetector> Recipe for DetectorTraining<M> {
    type Sample = Sample;
    type Item = (Sample, M::Targets);
    type Batch = DetectorBatch<M::Targets>;

    fn item(&self, sample: Sample, drawn: Drawn, rng: &mut SampleRng) -> Result<Self::Item, String> {
        let sample = self.augment.apply_drawn(&sample, drawn, rng);
        let targets = self.model.targets(&sample.truth, rng)?;
        Ok((sample, targets))
    }

    fn batch(&self, items: Vec<Self::Item>) -> glyphic_data::Result<Self::Batch> {
        let size = self.augment.size as usize;
        let mut pixels = vec![0.0; items.len() * 3 * size * size];
        let mut targets = Vec::with_capacity(items.len());
        for ((sample, of_sample), pixels) in items.into_iter().zip(pixels.chunks_exact_mut(3 * size * size)) {
            self.model.input().planes(&sample.image, [size, size], pixels);
            targets.push(of_sample);
        }
        Ok(DetectorBatch { pixels, size, targets })
    }
}

impl<M: TrainableDetector> Trainable for DetectorTraining<M> {
    type Net = M::Net;

    fn init(&self, device: &Device) -> M::Net {
        self.model.init(device)
    }

    fn loss(&self, net: &M::Net, batch: &Self::Batch, device: &Device) -> Result<Tensor<1>> {
        let shape = [batch.targets.len(), 3, batch.size, batch.size];
        let images = Tensor::<4>::from_data(TensorData::new(batch.pixels.clone(), shape), device);
        Ok(self.model.loss(net, images, &batch.targets)?)
    }

    fn validate(&self, net: &M::Net, device: &Device) -> Result<Scores> {
        self.validation.score(&self.detector, net, device)
    }
}
