use glyphic_core::{Page, Sample};
use serde::{Deserialize, Serialize};

use super::{PixelFormat, Pixels, Plan};
use crate::augment::DetectionAugment;
use crate::random::rng;
use crate::source::Mixture;
use crate::targets::dbnet::{Canvas, DbnetMaps, DbnetTargets};
use crate::{Error, Result};

/// How detection batches are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionOptions {
    /// Fixes every random choice.
    pub seed: u64,
    /// Pictures in a batch.
    pub batch_size: usize,
    /// Values of the batch.
    pub format: PixelFormat,
    /// Random changes, and the size of the crop. Of sources that are not [`crate::Source::augmented`] only the
    /// crop is taken.
    pub augment: DetectionAugment,
    /// What the network shall learn to draw.
    pub targets: DbnetTargets,
}

impl Default for DetectionOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            batch_size: 8,
            format: PixelFormat::IMAGENET,
            augment: DetectionAugment::default(),
            targets: DbnetTargets::default(),
        }
    }
}

/// Square pictures with DBNet's target maps.
#[derive(Debug, Clone)]
pub struct DetectionBatch {
    /// `[len, 3, size, size]`.
    pub pixels: Pixels,
    /// Number of pictures.
    pub len: usize,
    /// Side of the pictures and maps in pixels.
    pub size: usize,
    /// The maps of all pictures, each `[len, size, size]`.
    pub maps: DbnetMaps,
    /// The polygons that were drawn, in pixels of the batch's pictures.
    pub truths: Vec<Page>,
    /// Index of the source of each picture in the mixture.
    pub sources: Vec<usize>,
}

/// Endless detection batches from a mixture of sources.
pub struct DetectionPlan {
    mixture: Mixture<Sample>,
    options: DetectionOptions,
    /// For sources that degrade their pictures themselves.
    crop_only: DetectionAugment,
}

impl DetectionPlan {
    /// Batches of these sources.
    ///
    /// # Errors
    /// [`Error::Setup`] for a batch size or crop size of 0, or targets that cannot be drawn.
    pub fn new(mixture: Mixture<Sample>, options: DetectionOptions) -> Result<Self> {
        for (name, value) in
            [("batch_size", options.batch_size), ("augment.size", options.augment.size as usize)]
        {
            if value == 0 {
                let reason = format!("{name} is 0, it must be at least 1");
                return Err(Error::Setup { what: "detection batches", reason });
            }
        }
        options.targets.check()?;
        let crop_only = DetectionAugment {
            min_share: options.augment.min_share,
            ..DetectionAugment::none(options.augment.size)
        };
        Ok(Self { mixture, options, crop_only })
    }

    /// The sources.
    pub fn mixture(&self) -> &Mixture<Sample> {
        &self.mixture
    }

    /// Pictures drawn before batch `step`.
    pub fn draws(&self, step: u64) -> u64 {
        step * self.options.batch_size as u64
    }

    /// Picture `i` of the stream with its truth, and the index of its source: a pure function of the seed and `i`.
    ///
    /// # Errors
    /// Those of the source.
    pub fn sample(&self, i: u64) -> Result<(Sample, usize)> {
        let draw = self.mixture.draw(self.options.seed, i);
        let source = &self.mixture.sources()[draw.source];
        let sample = source.sample(draw.index)?;
        let augment = if source.augmented() { &self.options.augment } else { &self.crop_only };
        Ok((augment.apply(&sample, &mut rng(&[self.options.seed, i])), draw.source))
    }
}

impl Plan for DetectionPlan {
    type Batch = DetectionBatch;

    fn seed(&self) -> u64 {
        self.options.seed
    }

    fn unit_len(&self) -> usize {
        1
    }

    fn unit(&self, unit: u64) -> Result<Vec<DetectionBatch>> {
        let n = self.options.batch_size;
        let size = self.options.augment.size as usize;
        let mut pixels = self.options.format.empty(n, size, size);
        let mut maps = DbnetMaps::with_capacity(n, size, size);
        let mut canvas = Canvas::new(size, size);
        let mut truths = Vec::with_capacity(n);
        let mut sources = Vec::with_capacity(n);
        for k in 0..n {
            let (sample, source) = self.sample(unit * n as u64 + k as u64)?;
            self.options.format.put(&mut pixels, k, size, size, &sample.image);
            self.options.targets.draw(&sample.truth, &mut canvas, &mut maps);
            truths.push(sample.truth);
            sources.push(source);
        }
        Ok(vec![DetectionBatch { pixels, len: n, size, maps, truths, sources }])
    }
}

#[cfg(test)]
mod tests;
