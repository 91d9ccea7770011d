//! From a row of scores to a class, and from characters to a text.

use glyphic_core::{CharSpan, Confidence, Symbol, Transcript, Vocab};

/// What an unknown class reads as.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// The first of the best classes; 0 for an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = class;
        }
    }
    best
}

/// Probabilities of a row of logits.
pub fn softmax(row: &[f32]) -> Vec<f32> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut out: Vec<f32> = row.iter().map(|v| (v - largest).exp()).collect();
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|v| *v /= sum);
    out
}

/// The character of a class; `None` for a class that is no text.
pub(super) fn char_of(vocab: &Vocab, class: usize) -> Option<char> {
    match vocab.symbol(class)? {
        Symbol::Char(char) => Some(char),
        Symbol::Unknown => Some(UNKNOWN),
        _ => None,
    }
}

/// The text of characters.
pub(super) fn transcript(chars: Vec<CharSpan>, confidence: Confidence) -> Transcript {
    let score = confidence.of(&chars);
    Transcript { text: chars.iter().map(|c| c.char).collect(), score, chars, ..Transcript::default() }
}
