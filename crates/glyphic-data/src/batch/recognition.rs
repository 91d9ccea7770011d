use glyphic_core::{Image, Vocab};
use glyphic_imgproc::resize_antialiased;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{PixelFormat, Pixels, Plan};
use crate::augment::RecognitionAugment;
use crate::random::rng;
use crate::source::Mixture;
use crate::text::{LabelRules, TextSample};
use crate::{Error, Result};
use glyphic_labels::lint::encode;
use glyphic_labels::{LineInput, ctc_steps};

/// How recognition batches are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecognitionOptions {
    /// Fixes every random choice.
    pub seed: u64,
    /// Crops in a batch.
    pub batch_size: usize,
    /// This many batches are drawn together and divided by width, so that little of a batch is padding.
    pub pool: usize,
    /// Height and widths of the network's input.
    pub input: LineInput,
    /// Values of the batch.
    pub format: PixelFormat,
    /// Random changes; sources that are not [`crate::Source::augmented`] are left as they are.
    pub augment: RecognitionAugment,
}

impl Default for RecognitionOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            batch_size: 64,
            pool: 8,
            input: LineInput::default(),
            format: PixelFormat::SYMMETRIC,
            augment: RecognitionAugment::default(),
        }
    }
}

/// Crops of similar width, padded on the right to one width.
#[derive(Debug, Clone)]
pub struct RecognitionBatch {
    /// `[len, 3, height, width]`.
    pub pixels: Pixels,
    /// Number of crops.
    pub len: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels, a multiple of [`LineInput::multiple`].
    pub width: usize,
    /// Width of each crop before padding.
    pub content_widths: Vec<u32>,
    /// Classes of each text, without blanks; never empty, and never more than CTC can write at the crop's own width.
    pub targets: Vec<Vec<usize>>,
    /// The texts.
    pub texts: Vec<String>,
    /// How far each label can be trusted.
    pub rules: Vec<LabelRules>,
    /// Index of the source of each crop in the mixture.
    pub sources: Vec<usize>,
    /// Draws whose sample could not be trained on (empty, too long, characters outside the vocabulary) and that
    /// another of the same source stands in for.
    pub redrawn: usize,
}

/// One crop, ready for a batch.
#[derive(Debug, Clone)]
pub struct PreparedText {
    /// `height` pixels high, without padding.
    pub image: Image,
    /// Classes of the text.
    pub target: Vec<usize>,
    /// The text.
    pub text: String,
    /// How far the label can be trusted.
    pub rules: LabelRules,
    /// Index of its source in the mixture.
    pub source: usize,
    /// How many draws were refused before this one.
    pub redrawn: u32,
}

/// Endless recognition batches from a mixture of sources.
pub struct RecognitionPlan {
    mixture: Mixture<TextSample>,
    vocab: Vocab,
    options: RecognitionOptions,
}

/// So many refused samples in a row mean that a source is of no use.
const MAX_REDRAWS: u32 = 100;

impl RecognitionPlan {
    /// Batches of these sources for a network with these classes.
    ///
    /// # Errors
    /// [`Error::Setup`] for a batch size, pool or input dimension of 0.
    pub fn new(mixture: Mixture<TextSample>, vocab: Vocab, options: RecognitionOptions) -> Result<Self> {
        let input = options.input;
        for (name, value) in [
            ("batch_size", options.batch_size),
            ("pool", options.pool),
            ("input.height", input.height as usize),
            ("input.min_width", input.min_width as usize),
            ("input.multiple", input.multiple as usize),
            ("input.stride", input.stride as usize),
        ] {
            if value == 0 {
                let reason = format!("{name} is 0, it must be at least 1");
                return Err(Error::Setup { what: "recognition batches", reason });
            }
        }
        if input.min_width > input.max_width {
            let reason =
                format!("input.min_width is {}, above max_width, {}", input.min_width, input.max_width);
            return Err(Error::Setup { what: "recognition batches", reason });
        }
        Ok(Self { mixture, vocab, options })
    }

    /// The sources.
    pub fn mixture(&self) -> &Mixture<TextSample> {
        &self.mixture
    }

    /// Crops drawn before batch `step`.
    pub fn draws(&self, step: u64) -> u64 {
        step * self.options.batch_size as u64
    }

    /// Crop `i` of the stream: a pure function of the seed and `i`.
    ///
    /// # Errors
    /// Those of the source; [`Error::NothingUsable`] where draw after draw cannot be trained on.
    pub fn sample(&self, i: u64) -> Result<PreparedText> {
        let seed = self.options.seed;
        let mut draw = self.mixture.draw(seed, i);
        let source = &self.mixture.sources()[draw.source];
        for attempt in 0..MAX_REDRAWS {
            let sample = source.sample(draw.index)?;
            match self.prepare(sample, draw.source, source.augmented(), i, attempt) {
                Ok(prepared) => return Ok(prepared),
                Err(last) if attempt + 1 == MAX_REDRAWS => {
                    let last = format!("{} of {}, {last}", draw.index, source.name());
                    return Err(Error::NothingUsable { attempts: MAX_REDRAWS, last });
                }
                Err(_) => draw = self.mixture.redraw(seed, i, attempt, draw.source),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// A sample as the network sees it, or why it cannot be trained on.
    fn prepare(
        &self,
        sample: TextSample,
        source: usize,
        augmented: bool,
        i: u64,
        attempt: u32,
    ) -> Result<PreparedText, String> {
        let input = self.options.input;
        let target = encode(&self.vocab, &sample.text)
            .map_err(|(at, c)| format!("the vocabulary lacks {c:?}, character {}", at + 1))?;
        if target.is_empty() {
            return Err("its text is empty".to_owned());
        }
        let crop = if augmented {
            self.options.augment.apply(&sample, &mut rng(&[self.options.seed, i, u64::from(attempt)]))
        } else {
            sample.crop()
        };
        let width = input.content_width(crop.width(), crop.height());
        let (steps, needed) = (input.steps(width), ctc_steps(&target));
        if needed > steps {
            return Err(format!("its text needs {needed} time steps, its width gives {steps}"));
        }
        let image = resize_antialiased(&crop, width, input.height).map_err(|e| e.to_string())?;
        let TextSample { text, rules, .. } = sample;
        Ok(PreparedText { image, target, text, rules, source, redrawn: attempt })
    }

    fn batch(&self, samples: &[PreparedText]) -> RecognitionBatch {
        let input = self.options.input;
        let height = input.height as usize;
        let width = samples.iter().map(|s| input.padded_width(s.image.width())).max().unwrap_or(0) as usize;
        let mut pixels = self.options.format.empty(samples.len(), height, width);
        for (n, sample) in samples.iter().enumerate() {
            self.options.format.put(&mut pixels, n, height, width, &sample.image);
        }
        RecognitionBatch {
            pixels,
            len: samples.len(),
            height,
            width,
            content_widths: samples.iter().map(|s| s.image.width()).collect(),
            targets: samples.iter().map(|s| s.target.clone()).collect(),
            texts: samples.iter().map(|s| s.text.clone()).collect(),
            rules: samples.iter().map(|s| s.rules).collect(),
            sources: samples.iter().map(|s| s.source).collect(),
            redrawn: samples.iter().map(|s| s.redrawn as usize).sum(),
        }
    }
}

impl Plan for RecognitionPlan {
    type Batch = RecognitionBatch;

    fn seed(&self) -> u64 {
        self.options.seed
    }

    fn unit_len(&self) -> usize {
        self.options.pool
    }

    fn unit(&self, unit: u64) -> Result<Vec<RecognitionBatch>> {
        let n = (self.options.batch_size * self.options.pool) as u64;
        let mut samples = (unit * n..(unit + 1) * n).map(|i| self.sample(i)).collect::<Result<Vec<_>>>()?;
        samples.sort_by_key(|s| s.image.width());
        let mut batches: Vec<RecognitionBatch> =
            samples.chunks(self.options.batch_size).map(|chunk| self.batch(chunk)).collect();
        // Otherwise every unit would go from narrow to wide.
        let mut rng = rng(&[self.options.seed, unit, u64::MAX]);
        for k in (1..batches.len()).rev() {
            batches.swap(k, rng.random_range(0..=k));
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests;
