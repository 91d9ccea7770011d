//! What every line recognizer shares at run time: crops of equal width go through the network together.

#[cfg(feature = "train")]
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Image, Recognizer, Transcript, Vocab};
use glyphic_graph::{Graph, Session};
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

/// What a recognizer does to a crop before its network sees it.
pub(crate) trait Preprocess: Send + Sync {
    /// Channels and height of the input.
    fn input(&self) -> (usize, u32);

    /// The width that a crop gets; it depends on the crop's size alone.
    fn width(&self, width: u32, height: u32) -> Width;

    /// Fills `[channels, height, width.padded]` (zero before) with the normalised crop.
    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()>;

    /// How many of the `total` time steps may hold text.
    fn steps(&self, width: Width, total: usize) -> usize;
}

/// From what a network gives to text.
pub(crate) trait Codec: Send + Sync {
    /// The network's classes.
    fn vocab(&self) -> &Vocab;

    /// The text of one crop's scores `[steps, classes]`, of which the first `valid` may hold text; `content` are the steps
    /// that the crop itself takes.
    fn decode(&self, scores: &[f32], valid: usize, content: f32) -> Transcript;
}

impl Codec for CtcDecoder {
    fn vocab(&self) -> &Vocab {
        self.codec().vocab()
    }

    fn decode(&self, scores: &[f32], valid: usize, content: f32) -> Transcript {
        self.decode(scores, valid, content)
    }
}

/// A network of lines: crops `[N, channels, height, W]` -> scores `[N, T, classes]`.
pub(crate) enum LineNetwork {
    /// On the processor; its graph has the input `image` and the output `logits`.
    Graph(Box<Session>),
    /// On any other device.
    #[cfg(feature = "train")]
    Device(Box<Forward>, Device),
}

/// What a burn module does.
#[cfg(feature = "train")]
pub type Forward = dyn Fn(Tensor<4>) -> Tensor<3> + Send + Sync;

impl LineNetwork {
    /// The network of a graph.
    pub(crate) fn from_graph(graph: &Graph) -> Result<Self> {
        Ok(Self::Graph(Box::new(Session::new(graph.cut(&["image"], &["logits"])?)?)))
    }

    /// Scores `[N, T, classes]` and T.
    fn forward(&self, input: Vec<f32>, shape: [usize; 4], classes: usize) -> Result<(Vec<f32>, usize)> {
        let (scores, shape) = match self {
            Self::Graph(session) => {
                let input = glyphic_graph::Tensor::from_f32(&shape, input)?;
                let scores = session.run(&[("image", input)])?.pop();
                let shape = scores.as_ref().map_or(Vec::new(), |scores| scores.shape().to_vec());
                (scores.and_then(glyphic_graph::Tensor::into_f32).unwrap_or_default(), shape)
            }
            #[cfg(feature = "train")]
            Self::Device(forward, device) => {
                let scores = forward(Tensor::from_data(TensorData::new(input, shape), device));
                let shape = scores.dims().to_vec();
                (read_back(scores)?, shape)
            }
        };
        match shape[..] {
            [_, steps, found] if found == classes => Ok((scores, steps)),
            _ => Err(Error::Scores { shape, classes }),
        }
    }
}

/// The numbers of a tensor.
#[cfg(feature = "train")]
fn read_back<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let error = |reason: String| Error::Device { reason };
    let data = tensor.try_into_data().map_err(|e| error(e.to_string()))?;
    data.try_into_vec().map_err(|e| error(e.to_string()))
}

/// A recognizer: preprocessing, network and codec.
pub(crate) struct Engine {
    pub(crate) preprocess: Box<dyn Preprocess>,
    pub(crate) network: LineNetwork,
    pub(crate) codec: Box<dyn Codec>,
    pub(crate) turn_vertical: bool,
}

/// One reading to be done.
struct Job {
    crop: usize,
    image: Image,
    width: Width,
}

impl Engine {
    fn read(&self, crops: &[Image]) -> Result<Vec<Transcript>> {
        let mut jobs: Vec<Job> = Vec::with_capacity(crops.len());
        for (crop, image) in crops.iter().enumerate() {
            let mut push = |image: Image| {
                let width = self.preprocess.width(image.width(), image.height());
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
            let (_, height) = self.preprocess.input();
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
        let (channels, height) = self.preprocess.input();
        let padded = jobs[0].width.padded;
        let size = channels * height as usize * padded as usize;
        let mut input = vec![0.0_f32; jobs.len() * size];
        input
            .par_chunks_exact_mut(size)
            .zip(jobs)
            .try_for_each(|(out, job)| self.preprocess.prepare(&job.image, job.width, out))?;
        let classes = self.codec.vocab().len();
        let shape = [jobs.len(), channels, height as usize, padded as usize];
        let (scores, steps) = self.network.forward(input, shape, classes)?;
        Ok(jobs
            .par_iter()
            .zip(scores.par_chunks_exact(steps * classes))
            .map(|(job, scores)| {
                let content_steps = steps as f32 * job.width.content as f32 / padded as f32;
                self.codec.decode(scores, self.preprocess.steps(job.width, steps), content_steps)
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
