use std::sync::Arc;

use glyphic_core::{Confidence, Image, Vocab};

use super::config::{MARGIN, MIN_WIDTH, WIDTH_MULTIPLE};
use super::{CrnnLiteConfig, HEIGHT, STRIDE};
use crate::input::Preprocess;
use crate::model::Model;
use crate::{CtcCodec, Decoding, LanguageModel, RereadConfig, Result, Width};
use glyphic_codec::{Codec, CtcDecoder};

impl CrnnLiteConfig {
    /// The classes: blank, then the characters.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        Ok(Vocab::ctc(&self.characters)?)
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`CrnnLiteConfig::vocab`].
    pub fn codec(&self) -> Result<CtcCodec> {
        Ok(CtcCodec::new(self.vocab()?)?.with_confidence(Confidence::Weakest))
    }

    /// The width that a crop of `width` x `height` pixels gets at height 32: that of its content, and with padding.
    pub fn widths(&self, width: u32, height: u32) -> (u32, u32) {
        let content = (f64::from(HEIGHT) * f64::from(width) / f64::from(height)).round();
        let content = (content as u32).clamp(MIN_WIDTH, self.max_width);
        (content, (content + MARGIN).next_multiple_of(WIDTH_MULTIPLE))
    }

    /// Time steps that are read, in training as in use, of a content of this width in an input of `padded` pixels: those that
    /// the content touches, and one behind it, where the last character may be read.
    pub fn steps(&self, content: u32, padded: u32) -> usize {
        (content.div_ceil(STRIDE) + 1).min(padded / STRIDE) as usize
    }

    /// Writes the crop to `[3, 32, padded]`: resized to `content` columns, `(x / 255 - 0.5) / 0.5`. Nothing is written
    /// behind the content.
    ///
    /// # Errors
    /// Those of [`resize_antialiased`](glyphic_imgproc::resize_antialiased).
    pub fn prepare(&self, crop: &Image, content: u32, padded: u32, out: &mut [f32]) -> Result<()> {
        let resized = glyphic_imgproc::resize_antialiased(crop, content, HEIGHT)?;
        let (content, padded) = (content as usize, padded as usize);
        for (y, row) in resized.rgb().chunks_exact(content * 3).enumerate() {
            for (channel, plane) in out.chunks_exact_mut(HEIGHT as usize * padded).enumerate() {
                let out = &mut plane[y * padded..y * padded + content];
                for (out, pixel) in out.iter_mut().zip(row.chunks_exact(3)) {
                    *out = (f32::from(pixel[channel]) / 255.0 - 0.5) / 0.5;
                }
            }
        }
        Ok(())
    }
}

impl Preprocess for CrnnLiteConfig {
    fn input(&self) -> (usize, u32) {
        (3, HEIGHT)
    }

    fn width(&self, width: u32, height: u32) -> Width {
        let (content, padded) = self.widths(width, height);
        Width { content, padded }
    }

    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()> {
        self.prepare(crop, width.content, width.padded, out)
    }

    fn steps(&self, width: Width, total: usize) -> usize {
        CrnnLiteConfig::steps(self, width.content, width.padded).min(total)
    }
}

impl Model for CrnnLiteConfig {
    fn name(&self) -> &'static str {
        "crnn_lite"
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn vocab(&self) -> Result<Vocab> {
        self.vocab()
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(self.clone())
    }

    fn codec(&self, language: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        Ok(Box::new(CtcDecoder::new(self.codec()?, &self.decoding, language)))
    }

    fn turn_vertical(&self) -> bool {
        self.turn_vertical
    }

    fn reread(&self) -> Option<&RereadConfig> {
        Some(&self.reread)
    }

    fn reread_mut(&mut self) -> Option<&mut RereadConfig> {
        Some(&mut self.reread)
    }

    fn decoding(&self) -> Option<&Decoding> {
        Some(&self.decoding)
    }

    fn decoding_mut(&mut self) -> Option<&mut Decoding> {
        Some(&mut self.decoding)
    }

    fn network_keys(&self) -> &'static [&'static str] {
        &["characters", "stem", "stages", "mix", "lstm"]
    }
}
