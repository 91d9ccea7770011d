//! The doubtful words of a line, read again by themselves: a line is as sure as its weakest word, and the others need no second reading.

use std::ops::Range;

use glyphic_core::{CharSpan, Confidence, Transcript};

use crate::words::middle;

/// Where doubtful words take more than this share of a line, the whole line is read again.
const MOST: f32 = 0.5;

/// Words of fewer letters and digits keep their first reading where they stand alone: what a dash or a stroke is shows beside its
/// neighbours.
const LEAST: usize = 2;

/// Doubtful words of a line that stand side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Which of the transcript's characters.
    pub(crate) chars: Range<usize>,
    /// From the middle of the space before them to that of the space behind, in parts of the crop's width, 0 to 1.
    pub(crate) from: f32,
    pub(crate) to: f32,
}

/// The parts of a line whose words are less sure than `below`, left to right. `None` where they are most of the line, or where it is
/// not known in which place its characters stand: then all of it is to be read again. `outer` is where the text begins and ends.
pub(crate) fn doubtful(
    transcript: &Transcript,
    outer: (f32, f32),
    confidence: Confidence,
    below: f32,
) -> Option<Vec<Part>> {
    let chars = &transcript.chars;
    let words = words(chars);
    let placed = chars.windows(2).all(|pair| middle(&pair[0]) < middle(&pair[1]));
    if !placed || !chars.iter().map(|c| c.char).eq(transcript.text.chars()) {
        return None;
    }
    let is_doubtful = |word: &Range<usize>| confidence.of(&chars[word.clone()]) < below;
    let edge = |before: usize, behind: usize| f32::midpoint(middle(&chars[before]), middle(&chars[behind]));
    let mut parts: Vec<Part> = Vec::new();
    let mut last: Option<usize> = None;
    for (i, word) in words.iter().enumerate().filter(|(_, word)| is_doubtful(word)) {
        let before = i.checked_sub(1).and_then(|before| words.get(before));
        let from = before.map_or(outer.0, |before| edge(before.end - 1, word.start));
        let to = words.get(i + 1).map_or(outer.1, |next| edge(word.end - 1, next.start));
        match parts.last_mut().filter(|_| last.is_some_and(|last| last + 1 == i)) {
            Some(part) => (part.chars.end, part.to) = (word.end, to),
            None => parts.push(Part { chars: word.clone(), from, to }),
        }
        last = Some(i);
    }
    let letters = |part: &Part| chars[part.chars.clone()].iter().filter(|c| c.char.is_alphanumeric()).count();
    parts.retain(|part| letters(part) >= LEAST);
    let share: f32 = parts.iter().map(|part| part.to - part.from).sum();
    (share <= MOST * (outer.1 - outer.0) && parts.iter().all(|part| part.from < part.to)).then_some(parts)
}

/// How sure the least sure of some words is; 0 where there is none.
pub(crate) fn surety(chars: &[CharSpan], confidence: Confidence) -> f32 {
    words(chars).into_iter().map(|word| confidence.of(&chars[word])).reduce(f32::min).unwrap_or(0.0)
}

/// Puts another reading of a part in its place. `place` says where a place of that reading's crop, 0 to 1, stands in the line's.
pub(crate) fn replace(
    line: &mut Transcript,
    part: &Part,
    again: Transcript,
    confidence: Confidence,
    place: impl Fn(f32) -> f32,
) {
    let count = |chars: &[CharSpan]| words(chars).len();
    if !line.word_alternatives.is_empty() {
        let first = count(&line.chars[..part.chars.start]);
        let last = first + count(&line.chars[part.chars.clone()]);
        let own = if again.word_alternatives.len() == count(&again.chars) {
            again.word_alternatives
        } else {
            vec![again.alternatives]
        };
        if last <= line.word_alternatives.len() {
            line.word_alternatives.splice(first..last, own);
        }
    }
    // A space is as sure as the word before it.
    if let (Some(space), Some(last)) = (line.chars.get_mut(part.chars.end), again.chars.last()) {
        space.score = last.score;
    }
    let moved = again.chars.into_iter().map(|c| CharSpan { start: place(c.start), end: place(c.end), ..c });
    line.chars.splice(part.chars.clone(), moved);
    line.text = line.chars.iter().map(|c| c.char).collect();
    line.score = confidence.of(&line.chars);
}

/// Where the words lie among the characters.
fn words(chars: &[CharSpan]) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for (i, _) in chars.iter().enumerate().filter(|(_, c)| !c.char.is_whitespace()) {
        match words.last_mut().filter(|word| word.end == i) {
            Some(word) => word.end = i + 1,
            None => words.push(i..i + 1),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten characters' widths across, each in the middle of its own tenth; each word as sure as its score says.
    fn line(text: &str, scores: &[f32]) -> Transcript {
        let mut word = 0;
        let chars: Vec<CharSpan> = text
            .chars()
            .enumerate()
            .map(|(i, char)| {
                let at = (i as f32 + 0.5) / 10.0;
                let span = CharSpan { char, score: scores[word], start: at - 0.01, end: at + 0.01 };
                word += usize::from(char == ' ');
                span
            })
            .collect();
        Transcript { text: text.to_owned(), score: 0.5, chars, ..Transcript::default() }
    }

    fn found(transcript: &Transcript) -> Option<Vec<(Range<usize>, f32, f32)>> {
        let rounded = |v: f32| (v * 100.0).round() / 100.0;
        let parts = doubtful(transcript, (0.0, 1.0), Confidence::Weakest, 0.67)?;
        Some(parts.into_iter().map(|p| (p.chars, rounded(p.from), rounded(p.to))).collect())
    }

    #[test]
    fn doubtful_words_are_parts_from_space_to_space() {
        assert_eq!(found(&line("ab cde fgh", &[0.9, 0.5, 0.9])), Some(vec![(3..6, 0.25, 0.65)]));
        assert_eq!(found(&line("ab cde fgh", &[0.5, 0.9, 0.9])), Some(vec![(0..2, 0.0, 0.25)]));
        let two = found(&line("ab cde fg", &[0.5, 0.9, 0.5]));
        assert_eq!(two, None, "more than half of the line");
        assert_eq!(found(&line("ab cd efgh", &[0.5, 0.9, 0.9])), Some(vec![(0..2, 0.0, 0.25)]));
        assert_eq!(found(&line("ab cd efgh", &[0.5, 0.5, 0.9])), None);
        assert_eq!(
            found(&line("ab c defgh", &[0.5, 0.5, 0.9])),
            Some(vec![(0..4, 0.0, 0.45)]),
            "side by side"
        );
        assert_eq!(found(&line("ab - defgh", &[0.9, 0.5, 0.9])), Some(vec![]), "a mark alone");
        assert_eq!(found(&line("ab cde fgh", &[0.9, 0.9, 0.9])), Some(vec![]));
        assert_eq!(found(&line("abcdefgh", &[0.5])), None, "one word is the whole line");
    }

    #[test]
    fn without_places_the_line_is_read_again() {
        let mut unplaced = line("ab cde fgh", &[0.9, 0.5, 0.9]);
        unplaced.chars.iter_mut().for_each(|c| (c.start, c.end) = (0.5, 0.5));
        assert_eq!(found(&unplaced), None);
        let mut other = line("ab cde fgh", &[0.9, 0.5, 0.9]);
        other.text = "ab cde fg".to_owned();
        assert_eq!(found(&other), None);
        assert_eq!(found(&Transcript { text: "ab".to_owned(), ..Transcript::default() }), None);
    }

    #[test]
    fn another_reading_takes_the_place_of_its_part() {
        let other = |text: &str| vec![glyphic_core::Alternative { text: text.to_owned(), score: 0.25 }];
        let mut read = line("ab cde fgh", &[0.9, 0.5, 0.8]);
        read.word_alternatives = vec![other("a6"), other("ode"), other("tgh")];
        let part = doubtful(&read, (0.0, 1.0), Confidence::Weakest, 0.67).unwrap().remove(0);
        let mut again = line("c de", &[0.85, 0.95]);
        again.word_alternatives = vec![other("e"), other("do")];
        let place = |at: f32| part.from + at * (part.to - part.from);
        replace(&mut read, &part, again, Confidence::Weakest, place);
        assert_eq!((read.text.as_str(), read.score), ("ab c de fgh", 0.8));
        assert_eq!(read.word_alternatives, [other("a6"), other("e"), other("do"), other("tgh")]);
        assert!(read.chars.windows(2).all(|pair| middle(&pair[0]) < middle(&pair[1])), "{:?}", read.chars);
        assert_eq!(surety(&read.chars[3..7], Confidence::Weakest), 0.85);
    }
}
