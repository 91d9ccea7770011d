//! Attention networks' labels and texts. Equals MMOCR's `AttnConvertor`.

use glyphic_core::{CharSpan, Confidence, Symbol, Transcript, Vocab};
use serde::{Deserialize, Serialize};

use super::scores::{argmax, char_of, softmax, transcript};
use super::{Codec, Extent};
use crate::error::invalid;
use crate::{Error, Result};

/// Where the classes that are no characters stand, which follows from who trained the weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelOrder {
    /// Characters, unknown, start, end, padding: MMOCR 0.2.1.
    #[default]
    UnknownFirst,
    /// Characters, start, end, padding, unknown: MMOCR 1.x.
    UnknownLast,
    /// End, characters, unknown, start, padding, of which the last two are not written: PARSeq. The end has a class of its own,
    /// whatever `separate_end` says.
    EndFirst,
}

/// The classes of a network that writes class by class: the characters, the unknown one, start and end, padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelConfig {
    /// The characters it reads, in class order: a text, or `{ file = "PATH" }` for a dictionary with one a line.
    #[serde(deserialize_with = "super::characters")]
    pub characters: String,
    /// Whether a class for any other character stands behind them.
    pub unknown: bool,
    /// Whether texts are lowered before training.
    pub lower: bool,
    /// Whether start and end have a class each; else they share one.
    pub separate_end: bool,
    /// Where the classes that are no characters stand.
    pub order: LabelOrder,
    /// The most classes of a text, start and end included.
    pub max_length: usize,
}

impl Default for LabelConfig {
    /// MMOCR's: DICT90, at most 40 classes.
    fn default() -> Self {
        Self {
            characters: glyphic_core::DICT90.to_owned(),
            unknown: true,
            lower: false,
            separate_end: false,
            order: LabelOrder::default(),
            max_length: 40,
        }
    }
}

impl LabelConfig {
    /// Checks every value; `model` names the owner.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field out of its range.
    pub fn validate(&self, model: &'static str) -> Result<()> {
        let wrong = |field, got: String, expected| invalid(model, field, got, expected);
        if self.characters.is_empty() {
            return wrong("labels.characters", "\"\"".to_owned(), "at least one character");
        }
        if !(2..=1024).contains(&self.max_length) {
            return wrong("labels.max_length", self.max_length.to_string(), "2 to 1024");
        }
        Ok(())
    }

    /// The classes in the reference's order.
    ///
    /// # Errors
    /// [`Error::Core`] where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        let characters = self.characters.chars().map(Symbol::Char);
        let unknown = self.unknown.then_some(Symbol::Unknown);
        let start = std::iter::once(Symbol::Start).chain(self.separate_end.then_some(Symbol::End));
        let symbols = match self.order {
            LabelOrder::UnknownFirst => characters.chain(unknown).chain(start).chain([Symbol::Pad]).collect(),
            LabelOrder::UnknownLast => characters.chain(start).chain([Symbol::Pad]).chain(unknown).collect(),
            LabelOrder::EndFirst => {
                let characters = std::iter::once(Symbol::End).chain(characters).chain(unknown);
                characters.chain([Symbol::Start, Symbol::Pad]).collect()
            }
        };
        Ok(Vocab::new(symbols)?)
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`LabelConfig::vocab`].
    pub fn codec(&self) -> Result<AttentionCodec> {
        let codec = AttentionCodec::new(self.vocab()?, self.max_length)?;
        let unwritten = if self.order == LabelOrder::EndFirst { 2 } else { codec.unwritten };
        Ok(AttentionCodec { lower: self.lower, unwritten, ..codec })
    }
}

/// Converts between text and the classes of an attention network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionCodec {
    vocab: Vocab,
    start: usize,
    end: usize,
    pad: usize,
    lower: bool,
    max_length: usize,
    logits: bool,
    /// Classes at the end that a network may leave out.
    unwritten: usize,
}

impl AttentionCodec {
    /// A codec for networks with the classes of `vocab` and texts of at most `max_length` classes.
    ///
    /// # Errors
    /// [`Error::NoClass`] where `vocab` has no class for start or padding; without one of its own the end is the start.
    pub fn new(vocab: Vocab, max_length: usize) -> Result<Self> {
        let class =
            |symbol, name| vocab.special(symbol).ok_or(Error::NoClass { symbol: name, classes: vocab.len() });
        let start = class(Symbol::Start, "start")?;
        let pad = class(Symbol::Pad, "padding")?;
        let end = vocab.special(Symbol::End).unwrap_or(start);
        Ok(Self { vocab, start, end, pad, lower: false, max_length, logits: false, unwritten: 1 })
    }

    /// For a network that gives logits where others give probabilities.
    #[must_use]
    pub fn with_logits(self) -> Self {
        Self { logits: true, ..self }
    }

    /// The classes.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The class before a text.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The class behind a text.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The class of padding.
    pub fn pad(&self) -> usize {
        self.pad
    }

    /// The classes of a text. A character without a class gets that of [`Symbol::Unknown`] where there is one.
    ///
    /// # Errors
    /// [`Error::UnknownChar`] for the first character that has no class.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>> {
        super::encode(&self.vocab, self.lower, text)
    }

    /// The classes of a text to train on: start, the text, end.
    ///
    /// # Errors
    /// Those of [`AttentionCodec::encode`], and [`Error::Label`] for a text that is empty or longer than the network
    /// writes. The reference cuts a long text, and with it the end, so that the network learns to go on.
    pub fn target(&self, text: &str) -> Result<Vec<usize>> {
        let classes = self.encode(text)?;
        let longest = self.max_length - 2;
        if classes.is_empty() || classes.len() > longest {
            let reason = match classes.len() {
                0 => "it is empty".to_owned(),
                length => format!("it has {length} characters; expected at most {longest}"),
            };
            return Err(Error::Label { text: text.to_owned(), reason });
        }
        Ok(std::iter::once(self.start).chain(classes).chain([self.end]).collect())
    }

    /// A target of exactly the network's length: padded, or cut as the reference does.
    pub fn padded(&self, target: &[usize]) -> Vec<usize> {
        let mut padded: Vec<usize> = target.iter().copied().take(self.max_length).collect();
        padded.resize(self.max_length, self.pad);
        padded
    }

    /// The most classes of a text, start and end included.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// The text of classes as [`AttentionCodec::encode`] gives them; an unknown one reads as U+FFFD.
    pub fn text(&self, classes: &[usize]) -> String {
        classes.iter().filter_map(|&class| char_of(&self.vocab, class)).collect()
    }

    /// The best class of each row up to the end, with its score; padding is passed over. A row has all classes, or those but
    /// the last.
    pub fn best(&self, rows: &[f32], columns: usize) -> Vec<(usize, f32)> {
        let mut best = Vec::new();
        for row in rows.chunks_exact(columns) {
            let class = argmax(row);
            if class == self.end {
                break;
            }
            if class != self.pad {
                best.push((class, if self.logits { softmax(row)[class] } else { row[class] }));
            }
        }
        best
    }
}

impl Codec for AttentionCodec {
    fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    fn fits(&self, columns: usize) -> bool {
        (self.vocab.len() - self.unwritten..=self.vocab.len()).contains(&columns)
    }

    /// Characters stand side by side in equal parts of the crop: the network does not say where they are.
    fn decode(&self, scores: &[f32], columns: usize, _: Extent) -> Transcript {
        let best: Vec<(char, f32)> = self
            .best(scores, columns)
            .into_iter()
            .filter_map(|(class, score)| Some((char_of(&self.vocab, class)?, score.clamp(0.0, 1.0))))
            .collect();
        let place = |i: usize| i as f32 / best.len() as f32;
        let chars: Vec<CharSpan> = best
            .iter()
            .enumerate()
            .map(|(i, &(char, score))| CharSpan { char, score, start: place(i), end: place(i + 1) })
            .collect();
        transcript(chars, Confidence::Mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(characters: &str) -> LabelConfig {
        LabelConfig { characters: characters.to_owned(), max_length: 5, ..LabelConfig::default() }
    }

    #[test]
    fn a_text_ends_at_its_end_and_padding_is_passed_over() {
        let codec = labels("ab").codec().unwrap();
        assert_eq!((codec.start(), codec.end(), codec.pad()), (3, 3, 4));
        let row = |class: usize| (0..5).map(move |c| if c == class { 0.8 } else { 0.05 });
        let rows: Vec<f32> = [0, 4, 2, 3, 1].into_iter().flat_map(row).collect();
        let read = codec.decode(&rows, 5, Extent { valid: 5, content: 5.0 });
        assert_eq!(read.text, "a\u{fffd}");
        assert_eq!((read.score, read.chars[1].start, read.chars[1].end), (0.8, 0.5, 1.0));
        assert_eq!(codec.decode(&[], 5, Extent { valid: 0, content: 0.0 }), Transcript::default());
    }

    #[test]
    fn the_special_classes_stand_where_the_weights_have_them() {
        use Symbol::{Char, End, Pad, Start, Unknown};
        let with = |order, separate_end| LabelConfig { order, separate_end, ..labels("ab") };
        for (config, expected, columns) in [
            (with(LabelOrder::UnknownFirst, true), vec![Char('a'), Char('b'), Unknown, Start, End, Pad], 5),
            (with(LabelOrder::UnknownLast, false), vec![Char('a'), Char('b'), Start, Pad, Unknown], 5),
            (with(LabelOrder::EndFirst, false), vec![End, Char('a'), Char('b'), Unknown, Start, Pad], 4),
        ] {
            let codec = config.codec().unwrap();
            assert_eq!(codec.vocab().symbols(), expected, "{:?}", config.order);
            assert!(codec.fits(columns) && !codec.fits(3), "{:?}", config.order);
        }
        let codec = with(LabelOrder::EndFirst, true).codec().unwrap();
        assert_eq!(codec.target("ba").unwrap(), [4, 2, 1, 0]);
    }

    #[test]
    fn a_label_that_cannot_be_written_is_refused_with_its_reason() {
        let codec = labels("ab").codec().unwrap();
        assert_eq!(codec.target("abx").unwrap(), [3, 0, 1, 2, 3]);
        assert_eq!(codec.padded(&codec.target("a").unwrap()), [3, 0, 3, 4, 4]);
        let error = codec.target("abab").unwrap_err().to_string();
        assert!(error.contains("\"abab\"") && error.contains("at most 3"), "{error}");
        assert!(codec.target("").unwrap_err().to_string().contains("empty"));
        let strict = LabelConfig { unknown: false, ..labels("ab") }.codec().unwrap();
        assert!(matches!(strict.target("ac"), Err(Error::UnknownChar { position: 1, char: 'c', .. })));
        assert!(matches!(labels("aba").codec(), Err(Error::Core(_))));
        assert!(labels("").validate("sar").unwrap_err().to_string().contains("sar.labels.characters"));
    }
}
