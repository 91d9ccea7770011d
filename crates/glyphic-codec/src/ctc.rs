//! Connectionist temporal classification: greedy decoding and label encoding.
//!
//! Graves et al., "Connectionist Temporal Classification", ICML 2006. Equals MMOCR's `CTCConvertor`.

use glyphic_core::{CharSpan, Confidence, Symbol, Transcript, Vocab};

use super::scores::{argmax, char_of, transcript};
use crate::{Error, Result};

/// Converts between text and the classes of a CTC network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtcCodec {
    vocab: Vocab,
    blank: usize,
    lower: bool,
    confidence: Confidence,
    probabilities: bool,
}

/// Consecutive time steps whose best class is the same character.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CtcRun {
    /// The class; never blank.
    pub class: usize,
    /// The class's probability at the run's first step, 0 to 1.
    pub score: f32,
    /// The first step.
    pub start: usize,
    /// The step after the last.
    pub end: usize,
}

impl CtcCodec {
    /// A codec for networks with the classes of `vocab`.
    ///
    /// # Errors
    /// [`Error::NoBlank`] where `vocab` has no blank class.
    pub fn new(vocab: Vocab) -> Result<Self> {
        let blank = vocab.special(Symbol::Blank).ok_or(Error::NoBlank { classes: vocab.len() })?;
        Ok(Self { vocab, blank, lower: false, confidence: Confidence::Mean, probabilities: false })
    }

    /// Whether text is lowered before it is encoded; decoding is not affected.
    #[must_use]
    pub fn with_lower(self, lower: bool) -> Self {
        Self { lower, ..self }
    }

    /// How sure a text is of its characters; their mean, as in MMOCR, where nothing is said.
    #[must_use]
    pub fn with_confidence(self, confidence: Confidence) -> Self {
        Self { confidence, ..self }
    }

    /// For a network that gives probabilities where others give logits.
    #[must_use]
    pub fn with_probabilities(self) -> Self {
        Self { probabilities: true, ..self }
    }

    /// The classes.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The class that stands for nothing.
    pub fn blank(&self) -> usize {
        self.blank
    }

    /// The classes of a text. A character without a class gets that of [`Symbol::Unknown`] where there is one.
    ///
    /// # Errors
    /// [`Error::UnknownChar`] for the first character that has no class.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>> {
        super::encode(&self.vocab, self.lower, text)
    }

    /// The classes of a text to train on in this many time steps. A character that has a class in its other case only gets
    /// that one.
    ///
    /// # Errors
    /// [`Error::UnknownChar`] as [`CtcCodec::encode`], and [`Error::Label`] for a text that is empty or needs more steps: one
    /// a class, and one between equal neighbours.
    pub fn target(&self, text: &str, steps: usize) -> Result<Vec<usize>> {
        let refuse = |reason: String| Err(Error::Label { text: text.to_owned(), reason });
        let folded: String = text.chars().map(|c| self.in_vocab(c)).collect();
        let classes = self.encode(&folded)?;
        if classes.is_empty() {
            return refuse("the text is empty".to_owned());
        }
        let needed = classes.len() + classes.windows(2).filter(|pair| pair[0] == pair[1]).count();
        if needed > steps {
            // The width changes with the augmentation: without it each sample has one reason.
            return refuse(format!("it needs {needed} time steps, more than its width gives"));
        }
        Ok(classes)
    }

    /// The character, or its other case where only that has a class.
    fn in_vocab(&self, c: char) -> char {
        if self.lower || self.vocab.index_of(c).is_some() {
            return c;
        }
        let mut folded = c.to_lowercase().chain(c.to_uppercase()).filter(|f| *f != c);
        match (folded.next(), folded.next()) {
            (Some(other), None) if self.vocab.index_of(other).is_some() => other,
            _ => c,
        }
    }

    /// The text of classes as [`CtcCodec::encode`] gives them; classes that are no character are left out, an
    /// unknown one reads as U+FFFD.
    pub fn text(&self, classes: &[usize]) -> String {
        classes.iter().filter_map(|&class| self.char(class)).collect()
    }

    /// The best path: repeated classes merged, blanks dropped.
    ///
    /// `logits` is `[steps, classes]`, before or after log-softmax; of it the first `steps` rows are read (all,
    /// where there are fewer). The first of equal classes is the best one.
    pub fn runs(&self, logits: &[f32], steps: usize) -> Vec<CtcRun> {
        let mut runs: Vec<CtcRun> = Vec::new();
        let mut previous = self.blank;
        for (step, row) in logits.chunks_exact(self.vocab.len()).take(steps).enumerate() {
            let class = argmax(row);
            if class != self.blank {
                if class == previous {
                    if let Some(run) = runs.last_mut() {
                        run.end = step + 1;
                    }
                } else {
                    let score = if self.probabilities { row[class] } else { probability(row, class) };
                    runs.push(CtcRun { class, score, start: step, end: step + 1 });
                }
            }
            previous = class;
        }
        runs
    }

    /// The `k` most probable classes of one time step with their probabilities, best first.
    pub fn alternatives(&self, row: &[f32], k: usize) -> Vec<(usize, f32)> {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order.into_iter().take(k).map(|class| (class, probability(row, class))).collect()
    }

    /// Reads the best path. `logits` and `steps` as in [`CtcCodec::runs`]; `content_steps` is the number of time
    /// steps that the crop's width makes (it may be broken), to place the characters.
    pub fn decode(&self, logits: &[f32], steps: usize, content_steps: f32) -> Transcript {
        let place = |step: usize| (step as f32 / content_steps).clamp(0.0, 1.0);
        let chars: Vec<CharSpan> = self
            .runs(logits, steps)
            .into_iter()
            .filter_map(|run| {
                let char = self.char(run.class)?;
                Some(CharSpan { char, score: run.score, start: place(run.start), end: place(run.end) })
            })
            .collect();
        transcript(chars, self.confidence)
    }

    /// How sure a text is of its characters.
    pub(super) fn confidence(&self) -> Confidence {
        self.confidence
    }

    pub(super) fn char(&self, class: usize) -> Option<char> {
        char_of(&self.vocab, class)
    }
}

/// Softmax's value of one class.
fn probability(row: &[f32], class: usize) -> f32 {
    1.0 / row.iter().map(|&v| (v - row[class]).exp()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use glyphic_core::{DICT36, LATIN};
    use proptest::prelude::*;

    use super::*;

    /// Rows whose best class is the one given, with probability `p`.
    fn path(classes: usize, best: &[usize], p: f32) -> Vec<f32> {
        let rest = ((1.0 - p) / (classes - 1) as f32).ln();
        best.iter().flat_map(|&b| (0..classes).map(move |c| if c == b { p.ln() } else { rest })).collect()
    }

    fn latin() -> CtcCodec {
        CtcCodec::new(Vocab::ctc(LATIN).unwrap()).unwrap()
    }

    #[test]
    fn a_repeated_class_is_one_character_and_a_blank_parts_two() {
        let codec = CtcCodec::new(Vocab::ctc("ab").unwrap()).unwrap();
        for (best, text) in [
            (&[1, 1, 1][..], "a"),
            (&[1, 0, 1], "aa"),
            (&[0, 1, 1, 2, 2, 0, 2], "abb"),
            (&[0, 0], ""),
            (&[], ""),
        ] {
            assert_eq!(
                codec.decode(&path(3, best, 0.8), best.len(), best.len() as f32).text,
                text,
                "{best:?}"
            );
        }
    }

    #[test]
    fn a_character_stands_where_its_run_stands_and_scores_as_its_first_step() {
        let codec = CtcCodec::new(Vocab::ctc("ab").unwrap()).unwrap();
        let mut logits = path(3, &[0, 1], 0.9);
        logits.extend(path(3, &[1, 0, 2], 0.6));
        let read = codec.decode(&logits, 5, 8.0);
        assert_eq!(read.text, "ab");
        assert_eq!((read.chars[0].start, read.chars[0].end), (1.0 / 8.0, 3.0 / 8.0));
        assert_eq!((read.chars[1].start, read.chars[1].end), (4.0 / 8.0, 5.0 / 8.0));
        assert!((read.chars[0].score - 0.9).abs() < 1e-6);
        assert!((read.score - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_character_outside_the_vocabulary_is_named_with_its_place() {
        let error = latin().encode("abc中").unwrap_err();
        assert!(matches!(error, Error::UnknownChar { position: 3, char: '中', .. }), "{error}");
        assert!(matches!(
            CtcCodec::new(Vocab::new(vec![Symbol::Char('a')]).unwrap()),
            Err(Error::NoBlank { classes: 1 })
        ));
    }

    #[test]
    fn lowering_concerns_encoding_only() {
        let codec = CtcCodec::new(Vocab::ctc(DICT36).unwrap()).unwrap().with_lower(true);
        assert_eq!(codec.text(&codec.encode("HeLLo42").unwrap()), "hello42");
    }

    proptest! {
        #[test]
        fn text_survives_encoding_and_decoding(
            chars in prop::collection::vec(prop::sample::select(LATIN.chars().collect::<Vec<_>>()), 0..40),
            repeat in 1_usize..4,
        ) {
            let text: String = chars.into_iter().collect();
            let codec = latin();
            let mut best = Vec::new();
            let mut previous = codec.blank();
            for class in codec.encode(&text).unwrap() {
                if class == previous {
                    best.push(codec.blank());
                }
                best.extend(std::iter::repeat_n(class, repeat));
                previous = class;
            }
            let read = codec.decode(&path(codec.vocab().len(), &best, 0.7), best.len(), best.len() as f32);
            prop_assert_eq!(&read.text, &text);
            prop_assert_eq!(read.chars.len(), text.chars().count());
            prop_assert!(read.chars.windows(2).all(|w| w[0].end <= w[1].start));
        }
    }
}
