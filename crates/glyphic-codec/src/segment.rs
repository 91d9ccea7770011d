//! From a map of character classes to text. Equals MMOCR's `SegConvertor`.

use glyphic_core::{CharSpan, Confidence, Symbol, Transcript, Vocab};
use glyphic_imgproc::{Connectivity, Map, connected_components};

use super::scores::{argmax, transcript};
use super::{Codec, Extent};
use crate::{Error, Result};

/// Pixels of its class that a component needs to be a character.
const LEAST_AREA: usize = 20;

/// Converts between text and the classes of a network that gives a class for each pixel; the first class is the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentCodec {
    vocab: Vocab,
    lower: bool,
}

/// A component of a map of classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The class that most of its pixels have.
    pub class: usize,
    /// Their share.
    pub score: f32,
    /// The first column.
    pub start: usize,
    /// The column after the last.
    pub end: usize,
}

impl SegmentCodec {
    /// A codec for networks with the classes of `vocab`.
    ///
    /// # Errors
    /// [`Error::NoClass`] where the first class is a character.
    pub fn new(vocab: Vocab) -> Result<Self> {
        if matches!(vocab.symbol(0), None | Some(Symbol::Char(_))) {
            return Err(Error::NoClass { symbol: "background", classes: vocab.len() });
        }
        Ok(Self { vocab, lower: false })
    }

    /// Whether text is lowered before it is encoded; decoding is not affected.
    #[must_use]
    pub fn with_lower(self, lower: bool) -> Self {
        Self { lower, ..self }
    }

    /// The classes of a text. A character without a class gets that of [`Symbol::Unknown`] where there is one.
    ///
    /// # Errors
    /// [`Error::UnknownChar`] for the first character that has no class.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>> {
        super::encode(&self.vocab, self.lower, text)
    }

    /// The components of a map of classes whose `columns` hold `height` classes each, from left to right by their centres.
    pub fn segments(&self, columns: &[usize], height: usize) -> Vec<Segment> {
        let width = columns.len() / height.max(1);
        let at = |x: usize, y: usize| columns[x * height + y];
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let text: Vec<u8> = pixels.map(|(x, y)| u8::from(at(x, y) != 0)).collect();
        let Ok(map) = Map::new(width, height, text) else { return Vec::new() };
        let components = connected_components(&map, Connectivity::Eight);
        let mut counts = vec![vec![0usize; self.vocab.len()]; components.list.len()];
        for y in 0..height {
            for (x, label) in components.labels.row(y).iter().enumerate() {
                if let Some(counts) = (*label as usize).checked_sub(1).and_then(|i| counts.get_mut(i)) {
                    counts[at(x, y)] += 1;
                }
            }
        }
        let mut found: Vec<(f64, usize, Segment)> = Vec::with_capacity(counts.len());
        for (counts, component) in counts.iter().zip(&components.list) {
            // The first of equal classes counts.
            let best = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
            let Some((class, &area)) = best else { continue };
            let score = (area as f64 / component.area as f64) as f32;
            let segment = Segment { class, score, start: component.x0, end: component.x1 + 1 };
            found.push((component.centroid[0], area, segment));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().filter(|(_, area, _)| *area >= LEAST_AREA).map(|(_, _, segment)| segment).collect()
    }
}

impl Codec for SegmentCodec {
    fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    fn fits(&self, columns: usize) -> bool {
        columns > 0 && columns.is_multiple_of(self.vocab.len())
    }

    /// A row of `scores` is a column of the map: the classes of each of its pixels. What is no character is left out.
    fn decode(&self, scores: &[f32], columns: usize, extent: Extent) -> Transcript {
        let rows = scores.chunks_exact(columns).take(extent.valid);
        let classes: Vec<usize> =
            rows.flat_map(|row| row.chunks_exact(self.vocab.len()).map(argmax)).collect();
        let place = |column: usize| (column as f32 / extent.content).clamp(0.0, 1.0);
        let chars: Vec<CharSpan> = self
            .segments(&classes, columns / self.vocab.len())
            .into_iter()
            .filter_map(|segment| match self.vocab.symbol(segment.class) {
                Some(Symbol::Char(char)) => Some(CharSpan {
                    char,
                    score: segment.score,
                    start: place(segment.start),
                    end: place(segment.end),
                }),
                _ => None,
            })
            .collect();
        transcript(chars, Confidence::Mean)
    }
}
