//! From text to a recognizer's classes, and from its output to text.
//!
//! A [`Codec`] a kind of network: CTC ([`CtcCodec`], with a beam search and a [`LanguageModel`] as [`CtcDecoder`]), classes
//! one after the other ([`AttentionCodec`], whose classes [`StepSearch`] chooses) and maps of characters
//! ([`SegmentCodec`]). Everything is on plain slices.

mod attention;
mod beam;
mod ctc;
mod decoder;
mod error;
mod language;
mod scores;
mod search;
mod segment;

use std::path::PathBuf;

use glyphic_core::{Symbol, Transcript, Vocab, read_dict};
use serde::{Deserialize, Deserializer, de::Error as _};

pub use attention::{AttentionCodec, LabelConfig, LabelOrder};
pub use beam::{BeamConfig, Decoding};
pub use ctc::{CtcCodec, CtcRun};
pub use decoder::CtcDecoder;
pub use error::{Error, Result};
pub use language::{LanguageModel, LanguageModelTrainer, LanguageState, Letter, MAX_ORDER};
pub use scores::{argmax, softmax};
pub use search::{BeamScore, Refine, Search, StepBeam, StepOptions, StepSearch};
pub use segment::{Segment, SegmentCodec};

/// How much of a network's output a crop takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Rows that may hold text.
    pub valid: usize,
    /// Rows that the crop's width makes; it may be broken.
    pub content: f32,
}

/// From what a network gives for a crop to text: CTC's time steps, an attention network's classes one after the other, or
/// maps of characters.
pub trait Codec: Send + Sync {
    /// The network's classes.
    fn vocab(&self) -> &Vocab;

    /// Whether a row of the network's output has as many numbers as the codec reads.
    fn fits(&self, columns: usize) -> bool {
        columns == self.vocab().len()
    }

    /// The text of one crop's scores, `[rows, columns]`.
    fn decode(&self, scores: &[f32], columns: usize, extent: Extent) -> Transcript;
}

/// The classes of a text. A character without a class gets that of [`Symbol::Unknown`] where there is one.
fn encode(vocab: &Vocab, lower: bool, text: &str) -> Result<Vec<usize>> {
    let unknown = vocab.special(Symbol::Unknown);
    let mut classes = Vec::with_capacity(text.len());
    for (position, char) in text.chars().enumerate() {
        let mut push = |c: char| -> Result<()> {
            let class = vocab.index_of(c).or(unknown);
            classes.push(class.ok_or(Error::UnknownChar { position, char, text: text.to_owned() })?);
            Ok(())
        };
        if lower { char.to_lowercase().try_for_each(push)? } else { push(char)? }
    }
    Ok(classes)
}

/// Deserializes characters in class order: written out, or the file of a dictionary with one a line.
///
/// # Errors
/// For a value that is neither, and for a file that cannot be read.
pub fn characters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "characters as a text, or { file = \"PATH\" }")]
    enum Characters {
        Text(String),
        File { file: PathBuf },
    }
    match Characters::deserialize(deserializer)? {
        Characters::Text(text) => Ok(text),
        Characters::File { file } => read_dict(file).map_err(D::Error::custom),
    }
}
