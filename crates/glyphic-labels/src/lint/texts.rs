//! Texts as a recognizer sees them: characters that its vocabulary lacks, more characters than it has time steps for.

use std::collections::BTreeMap;

use glyphic_core::Vocab;

use crate::findings::Location;
use crate::line_input::{LineInput, ctc_steps};
use crate::lint::report::{LintReport, TooLong, UnknownChar};

/// The classes of a text. A letter that the vocabulary has in the other case only is read as that one.
///
/// # Errors
/// The first character without a class, with its position in characters.
pub fn encode(vocab: &Vocab, text: &str) -> Result<Vec<usize>, (usize, char)> {
    text.chars().enumerate().map(|(i, c)| class(vocab, c).ok_or((i, c))).collect()
}

/// The class of a character, of its other case where it has none itself.
pub fn class(vocab: &Vocab, c: char) -> Option<usize> {
    vocab.index_of(c).or_else(|| {
        let mut folded = c.to_lowercase().chain(c.to_uppercase()).filter(|f| *f != c);
        // More than one character ("ß" in capitals) is no single class.
        folded.next().filter(|_| folded.next().is_none()).and_then(|f| vocab.index_of(f))
    })
}

/// Holds texts against a vocabulary and CTC's time steps.
pub struct TextCheck<'a> {
    vocab: &'a Vocab,
    input: LineInput,
    unknown: BTreeMap<char, UnknownChar>,
    usable: usize,
}

impl<'a> TextCheck<'a> {
    /// For a recognizer with this vocabulary and input.
    pub fn new(vocab: &'a Vocab, input: LineInput) -> Self {
        Self { vocab, input, unknown: BTreeMap::new(), usable: 0 }
    }

    /// Whether a text can be learnt from; what is wrong with it goes into the report. `size` is the width and height of
    /// its crop in pixels, where it is known.
    pub fn text(
        &mut self,
        text: &str,
        at: &Location,
        size: Option<(u32, u32)>,
        report: &mut LintReport,
    ) -> bool {
        let mut good = !text.is_empty();
        for c in text.chars().filter(|c| class(self.vocab, *c).is_none()) {
            good = false;
            let first = || UnknownChar { char: c, count: 0, first: at.clone(), text: text.to_owned() };
            self.unknown.entry(c).or_insert_with(first).count += 1;
        }
        if let Some((width, height)) = size {
            let needed = encode(self.vocab, text).map_or(0, |classes| ctc_steps(&classes));
            let steps = self.input.steps(self.input.content_width(width, height));
            if needed > steps {
                good = false;
                report.too_long.add(TooLong { at: at.clone(), text: text.to_owned(), needed, steps });
            }
        }
        good
    }

    /// Counts a sample that can be trained on.
    pub fn count_usable(&mut self) {
        self.usable += 1;
    }

    /// Writes the characters found and the number of usable samples into the report.
    pub fn finish(self, report: &mut LintReport) {
        report.unknown_chars = self.unknown.into_values().collect();
        report.unknown_chars.sort_by(|a, b| b.count.cmp(&a.count).then(a.char.cmp(&b.char)));
        report.usable = Some(self.usable);
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::DICT36;

    use super::*;

    #[test]
    fn a_letter_has_the_class_of_its_other_case_where_it_has_none_itself() {
        let lower = Vocab::ctc(DICT36).expect("valid");
        let both = Vocab::ctc("aA").expect("valid");
        assert_eq!(encode(&lower, "A1"), Ok(vec![11, 2]));
        assert_eq!(encode(&both, "aA"), Ok(vec![1, 2]));
        assert_eq!(encode(&lower, "aß"), Err((1, 'ß')));
    }
}
