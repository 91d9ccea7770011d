//! What every CTC recognizer shares at run time: crops of equal width go through the network together.

use burn::tensor::Tensor;
use glyphic_core::{Image, Recognizer, Transcript, Vocab};
use glyphic_imgproc::{QuarterTurn, rotate};
use rayon::prelude::*;

use crate::codec::CtcDecoder;
use crate::{Error, Result};

/// Input pixels (per channel) in one batch. It bounds the memory: a line recognizer's widest maps take some hundred
/// bytes a pixel.
const BATCH_PIXELS: u32 = 32 * 320 * 16;

/// A crop taller than this many times its width may be vertical text.
const VERTICAL: f32 = 1.5;

/// How wide a crop is for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    /// Of the content, in pixels.
    pub(crate) content: u32,
    /// With padding, in pixels.
    pub(crate) padded: u32,
}

/// A network that reads one line of characters off a picture of fixed height.
pub(crate) trait LineNetwork: Send + Sync {
    /// Channels and height of the input.
    fn input(&self) -> (usize, u32);

    /// The width that a crop gets; it depends on the crop's size alone.
    fn width(&self, width: u32, height: u32) -> Width;

    /// Fills `[channels, height, width.padded]` (zero before) with the normalised crop.
    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()>;

    /// How many of the `total` time steps may hold text.
    fn steps(&self, width: Width, total: usize) -> usize;

    /// Logits `[count, T, classes]` of `[count, channels, height, width]`.
    fn forward(&self, input: Vec<f32>, count: usize, width: u32) -> Result<Vec<f32>>;
}

/// The numbers of a tensor.
pub(crate) fn read_back<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let error = |reason: String| Error::Device { reason };
    let data = tensor.try_into_data().map_err(|e| error(e.to_string()))?;
    data.try_into_vec().map_err(|e| error(e.to_string()))
}

/// A network with what reads its output.
pub(crate) struct Engine<N> {
    pub(crate) network: N,
    pub(crate) decoder: CtcDecoder,
    pub(crate) turn_vertical: bool,
}

/// One reading to be done.
struct Job {
    crop: usize,
    image: Image,
    width: Width,
}

impl<N: LineNetwork> Engine<N> {
    fn read(&self, crops: &[Image]) -> Result<Vec<Transcript>> {
        let mut jobs: Vec<Job> = Vec::with_capacity(crops.len());
        for (crop, image) in crops.iter().enumerate() {
            let mut push = |image: Image| {
                let width = self.network.width(image.width(), image.height());
                jobs.push(Job { crop, image, width });
            };
            push(image.clone());
            if self.turn_vertical && image.height() as f32 > VERTICAL * image.width() as f32 {
                push(rotate(image, QuarterTurn::CounterClockwise));
                push(rotate(image, QuarterTurn::Clockwise));
            }
        }
        jobs.sort_by_key(|job| job.width.padded);
        let mut best: Vec<Option<Transcript>> = vec![None; crops.len()];
        for equal in jobs.chunk_by(|a, b| a.width.padded == b.width.padded) {
            let (_, height) = self.network.input();
            let batch = (BATCH_PIXELS / (height * equal[0].width.padded)).max(1);
            for jobs in equal.chunks(batch as usize) {
                for (job, transcript) in jobs.iter().zip(self.read_batch(jobs)?) {
                    let best = &mut best[job.crop];
                    // The sort is stable, so an equal score keeps the upright reading.
                    if best.as_ref().is_none_or(|b| transcript.score > b.score) {
                        *best = Some(transcript);
                    }
                }
            }
        }
        Ok(best.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Reads crops of one padded width.
    fn read_batch(&self, jobs: &[Job]) -> Result<Vec<Transcript>> {
        let (channels, height) = self.network.input();
        let padded = jobs[0].width.padded;
        let size = channels * height as usize * padded as usize;
        let mut input = vec![0.0_f32; jobs.len() * size];
        input
            .par_chunks_exact_mut(size)
            .zip(jobs)
            .try_for_each(|(out, job)| self.network.prepare(&job.image, job.width, out))?;
        let logits = self.network.forward(input, jobs.len(), padded)?;
        let classes = self.decoder.codec().vocab().len();
        let steps = logits.len() / jobs.len() / classes;
        Ok(jobs
            .par_iter()
            .zip(logits.par_chunks_exact(steps * classes))
            .map(|(job, logits)| {
                let content_steps = steps as f32 * job.width.content as f32 / padded as f32;
                self.decoder.decode(logits, self.network.steps(job.width, steps), content_steps)
            })
            .collect())
    }
}

impl<N: LineNetwork> Recognizer for Engine<N> {
    fn recognize(&self, crops: &[Image]) -> glyphic_core::Result<Vec<Transcript>> {
        Ok(self.read(crops)?)
    }

    fn vocab(&self) -> &Vocab {
        self.decoder.codec().vocab()
    }
}
