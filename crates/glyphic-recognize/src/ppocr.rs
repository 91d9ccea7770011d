//! PaddleOCR's text recognizers, PP-OCRv3 to v6, from their ONNX files.
//!
//! The network is the file's, which names its characters in its metadata (`character`, one a line) or has them in a file of
//! keys; what stands here is what PaddleOCR does before and after it: crops 48 pixels high, from -1 to 1, blue before green before
//! red, at least 320 wide with zeros behind them; the best path of CTC over probabilities, the blank first and the space
//! last.

use std::path::PathBuf;
use std::sync::Arc;

use glyphic_core::{Image, Symbol, Vocab};
use glyphic_graph::Graph;
use glyphic_imgproc::resize_linear;
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::input::Preprocess;
use crate::model::Model;
use crate::{CtcCodec, Decoding, LanguageModel, Result, Width};
#[cfg(feature = "train")]
use crate::{model::AnyModel, network::DeviceNetwork};
#[cfg(feature = "train")]
use burn::tensor::Device;
use glyphic_codec::{Codec, CtcDecoder};
#[cfg(feature = "train")]
use glyphic_nn::checkpoint::StateDict;

/// Widths are multiples of this, so that crops of like widths go through the network together.
const WIDTH_STEP: u32 = 32;

/// A recognizer of PaddleOCR and how it is used. The defaults are those of PP-OCRv6 small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpOcrRecognizerConfig {
    /// A file of characters, one a line, in class order, for a network whose file does not name them.
    pub keys: Option<PathBuf>,
    /// The height of the network's input, in pixels; 48 from PP-OCRv3 on. 8 to 256.
    pub height: u32,
    /// The least width of the network's input; narrower crops have zeros behind them. 32 to 8192.
    pub min_width: u32,
    /// The largest width; wider crops are narrowed to it. `min_width` to 8192.
    pub max_width: u32,
    /// The characters of the file's metadata.
    #[serde(skip)]
    characters: String,
}

impl Default for PpOcrRecognizerConfig {
    fn default() -> Self {
        Self { keys: None, height: 48, min_width: 320, max_width: 3200, characters: String::new() }
    }
}

impl PpOcrRecognizerConfig {
    /// The name, as files write it.
    pub(crate) const NAME: &'static str = "ppocr";

    /// The configuration with the characters of a network's file, and its network by the engine's names.
    ///
    /// # Errors
    /// [`Error::Graph`](crate::Error::Graph) for a graph with more inputs or outputs, [`Error::Config`](crate::Error::Config) where neither the file's metadata nor `keys`
    /// name the characters, [`Error::Core`](crate::Error::Core) for a file of keys that cannot be read.
    pub(crate) fn with_file(&self, graph: &Graph) -> Result<(Self, Graph)> {
        let mut graph = graph.clone();
        let (inputs, outputs) = (graph.inputs.len(), graph.outputs.len());
        match (&mut graph.inputs[..], &mut graph.outputs[..]) {
            ([input], [output]) => {
                input.name = "image".to_owned();
                output.name = "logits".to_owned();
            }
            _ => {
                let reason = format!(
                    "a recognizer of PaddleOCR has one input and one output; this network has {inputs} and {outputs}"
                );
                return Err(glyphic_graph::Error::Graph { reason }.into());
            }
        }
        let characters = match (&self.keys, graph.metadata.get("character")) {
            (Some(path), _) => glyphic_core::read_dict(path)?,
            (None, Some(lines)) => characters(lines)?,
            (None, None) => {
                return self.wrong(
                    "keys",
                    "nothing",
                    "a file of characters: the network's file does not name them",
                );
            }
        };
        Ok((Self { characters, ..self.clone() }, graph))
    }

    fn wrong<T>(
        &self,
        field: &'static str,
        got: impl std::fmt::Display,
        expected: &'static str,
    ) -> Result<T> {
        Check(Self::NAME).wrong(field, got, expected)
    }
}

/// One character a line.
fn characters(lines: &str) -> Result<String> {
    let char = |(number, line): (usize, &str)| {
        let mut chars = line.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(char),
            _ => Check(PpOcrRecognizerConfig::NAME).wrong(
                "character (metadata of the network's file)",
                format!("{line:?} in line {}", number + 1),
                "one character a line",
            ),
        }
    };
    lines
        .split('\n')
        .enumerate()
        .map(|(n, line)| char((n, line.strip_suffix('\r').unwrap_or(line))))
        .collect()
}

impl Model for PpOcrRecognizerConfig {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn validate(&self) -> Result<()> {
        if !(8..=256).contains(&self.height) {
            return self.wrong("height", self.height, "8 to 256");
        }
        if !(32..=8192).contains(&self.min_width) {
            return self.wrong("min_width", self.min_width, "32 to 8192");
        }
        if !(self.min_width..=8192).contains(&self.max_width) {
            return self.wrong("max_width", self.max_width, "min_width to 8192");
        }
        Ok(())
    }

    fn vocab(&self) -> Result<Vocab> {
        let chars = self.characters.chars().chain([' ']).map(Symbol::Char);
        Ok(Vocab::new(std::iter::once(Symbol::Blank).chain(chars).collect())?)
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(self.clone())
    }

    fn codec(&self, _: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        let codec = CtcCodec::new(self.vocab()?)?.with_probabilities();
        Ok(Box::new(CtcDecoder::new(codec, &Decoding::Greedy, None)))
    }

    fn network_keys(&self) -> &'static [&'static str] {
        &[]
    }
}

#[cfg(feature = "train")]
impl AnyModel for PpOcrRecognizerConfig {
    fn state_names(&self) -> Result<Vec<(String, Vec<usize>)>> {
        Err(crate::Error::Foreign { model: Self::NAME })
    }

    fn fresh_weights(&self) -> Result<StateDict> {
        Err(crate::Error::Foreign { model: Self::NAME })
    }

    fn graph_of(&self, _: &StateDict) -> Result<Graph> {
        Err(crate::Error::Foreign { model: Self::NAME })
    }

    fn device_network(&self, _: &StateDict, _: &Device) -> Result<DeviceNetwork> {
        Err(crate::Error::Foreign { model: Self::NAME })
    }
}

impl Preprocess for PpOcrRecognizerConfig {
    fn input(&self) -> (usize, u32) {
        (3, self.height)
    }

    fn width(&self, width: u32, height: u32) -> Width {
        let scaled = (f64::from(self.height) * f64::from(width) / f64::from(height.max(1))).ceil();
        let content = (scaled as u32).clamp(1, self.max_width);
        let padded = content.max(self.min_width).next_multiple_of(WIDTH_STEP);
        Width { content, padded }
    }

    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()> {
        let resized = resize_linear(crop, width.content, self.height)?;
        let padded = width.padded as usize;
        let content = width.content as usize;
        for (channel, plane) in out.chunks_exact_mut(padded * self.height as usize).enumerate() {
            for (row, pixels) in plane.chunks_exact_mut(padded).zip(resized.rgb().chunks_exact(3 * content)) {
                for (value, pixel) in row.iter_mut().zip(pixels.chunks_exact(3)) {
                    *value = f32::from(pixel[2 - channel]) / 127.5 - 1.0;
                }
            }
        }
        Ok(())
    }

    /// The whole output: what stands over the padding is blank.
    fn steps(&self, _: Width, total: usize) -> usize {
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extent;

    fn config(characters: &str) -> PpOcrRecognizerConfig {
        PpOcrRecognizerConfig { characters: characters.to_owned(), ..PpOcrRecognizerConfig::default() }
    }

    #[test]
    fn the_best_path_is_read_with_the_blank_first_and_the_space_last() {
        let codec = config("ab").codec(None).unwrap();
        assert!(codec.fits(4) && !codec.fits(3));
        let path = [(1, 0.9), (1, 0.7), (0, 0.6), (1, 0.5), (3, 0.8), (2, 0.6)];
        let scores: Vec<f32> =
            path.iter().flat_map(|&(c, p)| (0..4).map(move |i| if i == c { p } else { 0.0 })).collect();
        let read = codec.decode(&scores, 4, Extent { valid: 6, content: 12.0 });
        assert_eq!(read.text, "aa b");
        assert!((read.score - (0.9 + 0.5 + 0.8 + 0.6) / 4.0).abs() < 1e-6);
        assert_eq!((read.chars[0].start, read.chars[0].end), (0.0, 2.0 / 12.0));
    }

    #[test]
    fn crops_keep_their_aspect_and_have_zeros_behind_them() {
        let config = config("ab");
        assert_eq!(config.width(100, 50), Width { content: 96, padded: 320 });
        assert_eq!(config.width(1000, 50), Width { content: 960, padded: 960 });
        assert_eq!(config.width(1001, 50), Width { content: 961, padded: 992 });
        assert_eq!(config.width(9000, 3).content, 3200);
        let crop = Image::filled(100, 50, [255, 0, 51]).unwrap();
        let mut out = vec![0.0; 3 * 48 * 320];
        config.prepare(&crop, config.width(100, 50), &mut out).unwrap();
        let at = |c: usize, x: usize| out[(c * 48 + 20) * 320 + x];
        assert!((at(0, 95) + 0.6).abs() < 1e-6 && at(1, 0) == -1.0 && at(2, 50) == 1.0);
        assert_eq!(at(2, 96), 0.0);
    }

    #[test]
    fn characters_are_those_of_the_file_one_a_line() {
        assert_eq!(characters("a\nb\r\n中").unwrap(), "ab中");
        for (lines, line) in [("a\n\nb", "line 2"), ("ab", "line 1")] {
            let error = characters(lines).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
