use std::sync::Arc;

use glyphic_core::{Symbol, Vocab};

use super::CrnnConfig;
use crate::input::{InputConfig, Preprocess};
use crate::model::Model;
use crate::{CtcCodec, Decoding, LanguageModel, ResizeConfig, Result};
use glyphic_codec::{Codec, CtcDecoder};

impl CrnnConfig {
    /// The classes: blank, the characters, the unknown one where there is one.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        let chars = self.characters.chars().map(Symbol::Char);
        let unknown = self.unknown.then_some(Symbol::Unknown);
        Ok(Vocab::new(std::iter::once(Symbol::Blank).chain(chars).chain(unknown).collect())?)
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`CrnnConfig::vocab`].
    pub fn codec(&self) -> Result<CtcCodec> {
        Ok(CtcCodec::new(self.vocab()?)?.with_lower(self.lower))
    }

    /// What is done to a crop.
    pub fn input(&self) -> InputConfig {
        InputConfig {
            channels: self.channels,
            resize: self.resize,
            mean: self.mean.clone(),
            std: self.std.clone(),
            turn_vertical: self.turn_vertical,
        }
    }
}

impl Model for CrnnConfig {
    fn name(&self) -> &'static str {
        "crnn"
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn vocab(&self) -> Result<Vocab> {
        self.vocab()
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(self.input())
    }

    fn codec(&self, language: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        Ok(Box::new(CtcDecoder::new(self.codec()?, &self.decoding, language)))
    }

    fn turn_vertical(&self) -> bool {
        self.turn_vertical
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        Some(&mut self.resize)
    }

    fn decoding(&self) -> Option<&Decoding> {
        Some(&self.decoding)
    }

    fn decoding_mut(&mut self) -> Option<&mut Decoding> {
        Some(&mut self.decoding)
    }

    fn network_keys(&self) -> &'static [&'static str] {
        &["characters", "unknown", "channels", "leaky_relu", "rnn", "rectify"]
    }
}
