//! What every recognizer shares at run time: crops of equal width go through the network together.

use glyphic_core::{Image, Recognizer, Transcript, Vocab};
use glyphic_imgproc::{QuarterTurn, rotate};
use rayon::prelude::*;

use crate::input::Preprocess;
use crate::network::{StepNetwork, WholeNetwork};
use crate::{BentConfig, Error, RereadConfig, Result, View, Width};
use glyphic_codec::{Codec, Extent, StepOptions};

/// Input pixels (per channel) in one batch, divided by the batches that are read at the same time, and in all of those together: a
/// batch is a crop at least. They bound the memory: a line recognizer's widest maps take some hundred bytes a pixel.
const BATCH_PIXELS: u32 = 32 * 320 * 16;
const TOGETHER: u32 = 4 * BATCH_PIXELS;

/// Crops that are straightened at the same time, each in some fifteen ways.
const BENT_TOGETHER: usize = 8;

/// A crop taller than this many times its width may be vertical text.
const VERTICAL: f32 = 1.5;

/// A network and how it is run.
pub(crate) enum Network {
    /// All scores at once.
    Whole(WholeNetwork),
    /// Class by class.
    Steps(StepNetwork, StepOptions),
}

impl Network {
    /// Batches that are best read at the same time. Crops are small: a thread each is faster than all threads on each layer
    /// in turn.
    fn at_once(&self) -> usize {
        match self {
            Self::Whole(WholeNetwork::Graph(_)) | Self::Steps(StepNetwork::Graph(_), _) => {
                rayon::current_num_threads()
            }
            #[cfg(feature = "train")]
            _ => 1,
        }
    }
}

/// A recognizer: preprocessing, network and codec.
pub(crate) struct Engine {
    pub(crate) preprocess: Box<dyn Preprocess>,
    pub(crate) network: Network,
    pub(crate) codec: Box<dyn Codec>,
    pub(crate) turn_vertical: bool,
    pub(crate) reread: Option<RereadConfig>,
}

/// One reading to be done.
struct Job {
    crop: usize,
    /// In which shape, among those that are read together.
    shape: usize,
    image: Image,
    width: Width,
}

impl Engine {
    fn read(&self, crops: &[Image]) -> Result<Vec<Transcript>> {
        let mut readings: Vec<Option<Transcript>> = vec![None; crops.len()];
        self.read_view(crops, &View::default(), |_| true, &mut readings)?;
        if let Some(RereadConfig { below, views, bent }) = &self.reread {
            let unsure = |readings: &[Option<Transcript>]| -> Vec<bool> {
                readings.iter().map(|read| read.as_ref().is_none_or(|read| read.score < *below)).collect()
            };
            for view in views {
                let unsure = unsure(&readings);
                self.read_view(crops, view, |crop| unsure[crop], &mut readings)?;
            }
            let unsure = unsure(&readings);
            self.read_bent(crops, bent, |crop| unsure[crop], &mut readings)?;
        }
        Ok(readings.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Reads the `wanted` crops in a view; readings that are surer replace those before.
    fn read_view(
        &self,
        crops: &[Image],
        view: &View,
        wanted: impl Fn(usize) -> bool,
        readings: &mut [Option<Transcript>],
    ) -> Result<()> {
        let mut jobs: Vec<Job> = Vec::new();
        for (crop, image) in crops.iter().enumerate().filter(|(crop, _)| wanted(*crop)) {
            let mut push = |image: Image| jobs.push(self.job(crop, 0, image, view.stretch));
            let image = view.shape(image).into_owned();
            let vertical = self.turn_vertical && image.height() as f32 > VERTICAL * image.width() as f32;
            let turned = vertical.then(|| {
                [QuarterTurn::CounterClockwise, QuarterTurn::Clockwise].map(|turn| rotate(&image, turn))
            });
            push(image);
            turned.into_iter().flatten().for_each(push);
        }
        for (job, mut transcript) in self.read_jobs(jobs)? {
            let best = &mut readings[job.crop];
            // The upright reading comes first, and stays where another one is as sure.
            if best.as_ref().is_none_or(|b| transcript.score > b.score) {
                view.give_back(&crops[job.crop], &mut transcript);
                *best = Some(transcript);
            }
        }
        Ok(())
    }

    /// Reads the `wanted` crops straightened; the surest reading counts where it is sure enough.
    fn read_bent(
        &self,
        crops: &[Image],
        bent: &BentConfig,
        wanted: impl Fn(usize) -> bool,
        readings: &mut [Option<Transcript>],
    ) -> Result<()> {
        let wanted: Vec<usize> = (0..crops.len()).filter(|crop| wanted(*crop)).collect();
        for some in wanted.chunks(BENT_TOGETHER) {
            let straightened: Result<Vec<_>> =
                some.par_iter().map(|crop| Ok((*crop, bent.straightened(&crops[*crop])?))).collect();
            let (mut jobs, mut bends) = (Vec::new(), Vec::new());
            for (crop, straightened) in straightened? {
                for (bend, image) in straightened {
                    jobs.push(self.job(crop, bends.len(), image, 1.0));
                    bends.push(bend);
                }
            }
            for (job, mut transcript) in self.read_jobs(jobs)? {
                let best = &mut readings[job.crop];
                let surer = best.as_ref().is_none_or(|b| transcript.score > b.score);
                if surer && transcript.score >= bent.least {
                    bends[job.shape].give_back(&mut transcript);
                    *best = Some(transcript);
                }
            }
        }
        Ok(())
    }

    fn job(&self, crop: usize, shape: usize, image: Image, stretch: f64) -> Job {
        let stretched = (f64::from(image.width()) * stretch).round() as u32;
        let width = self.preprocess.width(stretched.max(1), image.height());
        Job { crop, shape, image, width }
    }

    /// Does readings, the narrowest first and otherwise in order.
    fn read_jobs(&self, mut jobs: Vec<Job>) -> Result<Vec<(Job, Transcript)>> {
        jobs.sort_by_key(|job| job.width.padded);
        // The widest first, so that no thread begins a long one when the others are done.
        jobs.reverse();
        let (_, height) = self.preprocess.input();
        let at_once = self.network.at_once();
        let pixels = BATCH_PIXELS / u32::try_from(at_once).unwrap_or(u32::MAX);
        let batches: Vec<&[Job]> = jobs
            .chunk_by(|a, b| a.width.padded == b.width.padded)
            .flat_map(|equal| equal.chunks((pixels / (height * equal[0].width.padded)).max(1) as usize))
            .collect();
        let mut transcripts: Vec<Transcript> = Vec::with_capacity(jobs.len());
        let mut rest = &batches[..];
        while !rest.is_empty() {
            let mut pixels = 0;
            let fits = |batch: &&&[Job]| {
                pixels +=
                    u64::from(height) * batch.iter().map(|job| u64::from(job.width.padded)).sum::<u64>();
                pixels <= u64::from(TOGETHER)
            };
            let count = if at_once > 1 { rest.iter().take_while(fits).count().max(1) } else { 1 };
            let (now, later) = rest.split_at(count);
            let read: Result<Vec<Vec<Transcript>>> =
                now.par_iter().with_max_len(1).map(|jobs| self.read_batch(jobs)).collect();
            transcripts.extend(read?.into_iter().flatten());
            rest = later;
        }
        Ok(jobs.into_iter().zip(transcripts).rev().collect())
    }

    /// Reads crops of one padded width.
    fn read_batch(&self, jobs: &[Job]) -> Result<Vec<Transcript>> {
        let (channels, height) = self.preprocess.input();
        let padded = jobs[0].width.padded;
        let size = channels * height as usize * padded as usize;
        let mut input = vec![0.0_f32; jobs.len() * size];
        input
            .par_chunks_exact_mut(size)
            .zip(jobs)
            .try_for_each(|(out, job)| self.preprocess.prepare(&job.image, job.width, out))?;
        let shape = [jobs.len(), channels, height as usize, padded as usize];
        let outputs = match &self.network {
            Network::Whole(network) => network.run(input, shape)?,
            Network::Steps(network, options) => {
                let total = options.columns(padded);
                let valid: Vec<usize> =
                    jobs.iter().map(|job| self.preprocess.steps(job.width, total)).collect();
                network.run(input, shape, &valid, options)?
            }
        };
        let columns = outputs.columns();
        if !self.codec.fits(columns) {
            let rows = outputs.crop(0).len() / columns.max(1);
            let shape = vec![jobs.len(), rows, columns];
            return Err(Error::Scores { shape, classes: self.codec.vocab().len() });
        }
        Ok(jobs
            .par_iter()
            .enumerate()
            .map(|(n, job)| {
                let scores = outputs.crop(n);
                let rows = scores.len() / columns;
                let extent = Extent {
                    valid: self.preprocess.steps(job.width, rows),
                    content: rows as f32 * job.width.content as f32 / padded as f32,
                };
                self.codec.decode(scores, columns, extent)
            })
            .collect())
    }
}

impl Recognizer for Engine {
    fn recognize(&self, crops: &[Image]) -> glyphic_core::Result<Vec<Transcript>> {
        Ok(self.read(crops)?)
    }

    fn vocab(&self) -> &Vocab {
        self.codec.vocab()
    }
}
