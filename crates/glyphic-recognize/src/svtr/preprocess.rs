use std::sync::Arc;

use glyphic_codec::{Codec, CtcDecoder};
use glyphic_core::{Symbol, Vocab};

use super::SvtrConfig;
use crate::input::Preprocess;
use crate::model::Model;
use crate::{Decoding, LanguageModel, Result};

impl Model for SvtrConfig {
    fn name(&self) -> &'static str {
        "svtr"
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    /// The characters, the blank, the unknown one: the order of MMOCR 1.x.
    fn vocab(&self) -> Result<Vocab> {
        let characters = self.characters.chars().map(Symbol::Char);
        let unknown = self.unknown.then_some(Symbol::Unknown);
        Ok(Vocab::new(characters.chain([Symbol::Blank]).chain(unknown).collect())?)
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(self.input.clone())
    }

    fn codec(&self, language: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        Ok(Box::new(CtcDecoder::new(self.codec()?, &self.decoding, language)))
    }

    fn turn_vertical(&self) -> bool {
        self.input.turn_vertical
    }

    fn decoding(&self) -> Option<&Decoding> {
        Some(&self.decoding)
    }

    fn decoding_mut(&mut self) -> Option<&mut Decoding> {
        Some(&mut self.decoding)
    }

    fn network_keys(&self) -> &'static [&'static str] {
        &[
            "characters",
            "unknown",
            "input",
            "rectify",
            "size",
            "channels",
            "depths",
            "heads",
            "local",
            "window",
            "features",
            "columns",
        ]
    }
}
