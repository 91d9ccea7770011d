//! A region's transcript, cut into words where its spaces stand.

use std::borrow::Cow;

use glyphic_core::{Alternative, CharSpan, Confidence, Transcript};

/// The narrowest gap that is a space, in heights of the line. On the pages of the validation packs whose text is known, gaps beside
/// dashes are up to 0.06 within words and 0.17 or more between them.
const LEAST_GAP: f32 = 0.1;

/// A word and the part of the crop's width it takes, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) transcript: Transcript,
    pub(crate) start: f32,
    pub(crate) end: f32,
}

/// Marks that stand close to the letters on both sides and wide of the pitch of letters, so that a recognizer sees a space beside
/// them where there is none ("multi -turn").
const JOINING: [char; 7] = ['-', '‐', '–', '—', '/', '@', '_'];

/// The transcript without the spaces beside [`JOINING`] marks where the picture shows no gap. `gap` gives the width of the widest
/// gap between two places of the crop's width, 0 to 1, as a share of the line's height; `None` where it cannot be told.
pub(crate) fn without_false_spaces<'t>(
    transcript: &'t Transcript,
    gap: impl Fn(f32, f32) -> Option<f32>,
) -> Cow<'t, Transcript> {
    let chars = &transcript.chars;
    let is_false = |i: usize| {
        let (Some(before), Some(after)) = (i.checked_sub(1).and_then(|i| chars.get(i)), chars.get(i + 1))
        else {
            return false;
        };
        chars[i].char == ' '
            && !before.char.is_whitespace()
            && !after.char.is_whitespace()
            && (JOINING.contains(&before.char) || JOINING.contains(&after.char))
            && gap(middle(before), middle(after)).is_some_and(|gap| gap < LEAST_GAP)
    };
    let dropped: Vec<usize> = (0..chars.len()).filter(|&i| is_false(i)).collect();
    if dropped.is_empty() || transcript.text != chars.iter().map(|c| c.char).collect::<String>() {
        return Cow::Borrowed(transcript);
    }
    let keep = |i: &usize| !dropped.contains(i);
    let chars: Vec<CharSpan> = (0..chars.len()).filter(keep).map(|i| chars[i]).collect();
    let text = chars.iter().map(|c| c.char).collect();
    // Those of the words in two parts are of no use any more, and no others can be told apart from them.
    Cow::Owned(Transcript { text, chars, word_alternatives: Vec::new(), ..transcript.clone() })
}

/// The words of a transcript, left to right. `outer` is where the text begins and ends in the crop's width:
/// the first word starts and the last ends there.
///
/// A recognizer fires somewhere inside a character, not at its edges: a word's edge is set half a character's
/// pitch beyond the middle of its last character, and never beyond the middle of the space.
pub(crate) fn split(transcript: &Transcript, outer: (f32, f32), confidence: Confidence) -> Vec<Word> {
    let runs: Vec<&[CharSpan]> =
        transcript.chars.split(|c| c.char.is_whitespace()).filter(|run| !run.is_empty()).collect();
    let text = transcript.text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    if runs.is_empty() || !text.contains(char::is_whitespace) {
        let score = runs.first().map_or(transcript.score, |run| confidence.of(run));
        let own = transcript.word_alternatives.first().unwrap_or(&transcript.alternatives).clone();
        let transcript = Transcript {
            text: text.to_owned(),
            score,
            alternatives: own,
            word_alternatives: Vec::new(),
            chars: runs.first().map_or_else(Vec::new, |run| placed(run, outer)),
        };
        return vec![Word { transcript, start: outer.0, end: outer.1 }];
    }
    let half_pitch = pitch(&runs).map(|p| p / 2.0);
    let mut words = Vec::with_capacity(runs.len());
    let mut start = outer.0;
    for (i, run) in runs.iter().enumerate() {
        let mut end = outer.1;
        let mut next_start = outer.1;
        if let (Some(last), Some(first)) = (run.last(), runs.get(i + 1).and_then(|next| next.first())) {
            let between = (middle(last) + middle(first)) / 2.0;
            let half = half_pitch.unwrap_or((middle(first) - middle(last)) / 4.0);
            end = (middle(last) + half).min(between);
            next_start = (middle(first) - half).max(between);
        }
        let alternatives = transcript.word_alternatives.get(i).cloned().unwrap_or_default();
        words.push(Word { transcript: of(run, (start, end), alternatives, confidence), start, end });
        start = next_start;
    }
    words
}

/// Longer words, such as addresses of the web, are weighed in parts of so many characters.
const WEIGHED: usize = 12;

/// The mean confidence of a transcript's words as they were read, by their length: a doubtful word of a line that is clear otherwise
/// is more likely text than one that stands alone. So is a doubtful character of a long word.
pub(crate) fn confidence(transcript: &Transcript, of: Confidence) -> f32 {
    let runs = transcript.chars.split(|c| c.char.is_whitespace()).flat_map(|run| run.chunks(WEIGHED));
    let (sum, length) = runs.fold((0.0, 0.0), |(sum, length), run| {
        let chars = run.len() as f32;
        (sum + of.of(run) * chars, length + chars)
    });
    if length > 0.0 { sum / length } else { transcript.score }
}

fn of(
    run: &[CharSpan],
    edges: (f32, f32),
    alternatives: Vec<Alternative>,
    confidence: Confidence,
) -> Transcript {
    Transcript {
        text: run.iter().map(|c| c.char).collect(),
        score: confidence.of(run),
        chars: placed(run, edges),
        alternatives,
        ..Transcript::default()
    }
}

/// The characters of a word that takes the part `edges` of the crop's width, side by side from 0 to 1 along the word: two
/// neighbours meet halfway between the places where they were read.
fn placed(run: &[CharSpan], (start, end): (f32, f32)) -> Vec<CharSpan> {
    let along = |at: f32| if end > start { ((at - start) / (end - start)).clamp(0.0, 1.0) } else { 0.0 };
    let mut left = 0.0;
    let place = |(i, c): (usize, &CharSpan)| {
        let right =
            run.get(i + 1).map_or(1.0, |next| along(f32::midpoint(middle(c), middle(next))).max(left));
        let span = CharSpan { start: left, end: right, ..*c };
        left = right;
        span
    };
    run.iter().enumerate().map(place).collect()
}

pub(crate) fn middle(c: &CharSpan) -> f32 {
    (c.start + c.end) / 2.0
}

/// Median distance between the middles of neighbours within words; `None` where every word is one character.
fn pitch(runs: &[&[CharSpan]]) -> Option<f32> {
    let mut steps: Vec<f32> =
        runs.iter().flat_map(|run| run.windows(2).map(|w| middle(&w[1]) - middle(&w[0]))).collect();
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten characters' widths across, each firing in the middle of its own tenth.
    fn transcript(text: &str) -> Transcript {
        let chars = text
            .chars()
            .enumerate()
            .map(|(i, char)| {
                let at = (i as f32 + 0.5) / 10.0;
                CharSpan { char, score: 0.1 * (i + 1) as f32, start: at - 0.01, end: at + 0.01 }
            })
            .collect();
        Transcript { text: text.to_owned(), score: 0.5, chars, ..Transcript::default() }
    }

    #[test]
    fn words_end_where_their_spaces_begin() {
        let words = split(&transcript("ab cde fgh"), (0.0, 1.0), Confidence::Mean);
        let expected = [("ab", 0.0, 0.2), ("cde", 0.3, 0.6), ("fgh", 0.7, 1.0)];
        assert_eq!(words.len(), expected.len());
        for (word, (text, start, end)) in words.iter().zip(expected) {
            assert_eq!(word.transcript.text, text);
            assert!((word.start - start).abs() < 1e-5 && (word.end - end).abs() < 1e-5, "{word:?}");
        }
        assert!((words[0].transcript.score - 0.15).abs() < 1e-6);
    }

    #[test]
    fn a_space_beside_a_dash_stands_where_the_picture_has_a_gap() {
        let narrow = |a: f32, b: f32| {
            Some(if (a - 0.25).abs() < 1e-5 && (b - 0.45).abs() < 1e-5 { 0.05 } else { 0.2 })
        };
        let cases = [("ab- cd - e", "ab-cd - e"), ("abc cd- e", "abc cd- e"), ("ab- ", "ab- ")];
        for (read, expected) in cases {
            assert_eq!(without_false_spaces(&transcript(read), narrow).text, expected, "{read}");
            assert_eq!(without_false_spaces(&transcript(read), |_, _| None).text, read);
        }
        let joined = without_false_spaces(&transcript("ab- cd - e"), narrow).into_owned();
        let words: Vec<_> =
            split(&joined, (0.0, 1.0), Confidence::Mean).into_iter().map(|w| w.transcript.text).collect();
        assert_eq!(words, ["ab-cd", "-", "e"]);
    }

    #[test]
    fn each_word_has_its_own_alternatives() {
        let other = |text: &str| Alternative { text: text.to_owned(), score: 0.25 };
        let line = Transcript {
            alternatives: vec![other("ab ode")],
            word_alternatives: vec![vec![other("a6")], vec![other("ode"), other("cdc")]],
            ..transcript("ab cde")
        };
        let words = split(&line, (0.0, 1.0), Confidence::Mean);
        assert_eq!(words[0].transcript.alternatives, [other("a6")]);
        assert_eq!(words[1].transcript.alternatives, [other("ode"), other("cdc")]);
        let alone = Transcript { alternatives: vec![other("a6c")], ..transcript("abc") };
        assert_eq!(split(&alone, (0.0, 1.0), Confidence::Mean)[0].transcript.alternatives, [other("a6c")]);
    }

    #[test]
    fn a_text_without_spaces_is_one_word_as_sure_as_its_weakest_character() {
        let words = split(&transcript(" abc "), (0.1, 0.9), Confidence::Weakest);
        assert_eq!(words.len(), 1);
        assert_eq!(words[0].transcript.text, "abc");
        assert!((words[0].transcript.score - 0.2).abs() < 1e-6);
        assert_eq!((words[0].start, words[0].end), (0.1, 0.9));
    }

    #[test]
    fn characters_share_the_width_of_their_word() {
        let spans = |text: &str| -> Vec<Vec<(f32, f32)>> {
            let rounded = |v: f32| (v * 100.0).round() / 100.0;
            split(&transcript(text), (0.0, 1.0), Confidence::Mean)
                .iter()
                .map(|w| w.transcript.chars.iter().map(|c| (rounded(c.start), rounded(c.end))).collect())
                .collect()
        };
        let thirds = vec![(0.0, 0.33), (0.33, 0.67), (0.67, 1.0)];
        assert_eq!(spans("ab cde fgh"), [vec![(0.0, 0.5), (0.5, 1.0)], thirds.clone(), thirds]);
        assert_eq!(spans(" abc "), [vec![(0.0, 0.2), (0.2, 0.3), (0.3, 1.0)]]);
    }

    #[test]
    fn long_words_count_for_more_in_the_confidence_of_a_line() {
        let mut line = transcript("clear so");
        let scores = [[0.9; 5].as_slice(), &[1.0], &[0.2; 2]].concat();
        line.chars.iter_mut().zip(scores).for_each(|(c, score)| c.score = score);
        assert!((confidence(&line, Confidence::Weakest) - 0.7).abs() < 1e-6);
        assert_eq!(confidence(&Transcript::default(), Confidence::Weakest), 0.0);
        // Of other recognizers nothing more is known.
        let plain = Transcript { text: "plain".to_owned(), score: 0.4, ..Transcript::default() };
        assert_eq!(confidence(&plain, Confidence::Mean), 0.4);
    }

    #[test]
    fn spaces_alone_are_no_word() {
        assert_eq!(split(&transcript("   "), (0.0, 1.0), Confidence::Mean), []);
        assert_eq!(split(&Transcript::default(), (0.0, 1.0), Confidence::Mean), []);
    }

    #[test]
    fn words_never_overlap_whatever_the_times() {
        let mut t = transcript("a b c d");
        for (i, c) in t.chars.iter_mut().enumerate() {
            let at = if i % 2 == 0 { 0.5 } else { 0.2 };
            (c.start, c.end) = (at, at);
        }
        for pair in split(&t, (0.0, 1.0), Confidence::Mean).windows(2) {
            assert!(pair[0].end <= pair[1].start, "{pair:?}");
        }
    }

    #[test]
    fn one_doubtful_character_of_a_long_word_weighs_as_one_of_a_line() {
        let of = |length: usize| {
            let char = |i: usize| CharSpan {
                char: 'a',
                score: if i == 3 { 0.1 } else { 0.9 },
                start: 0.0,
                end: 1.0,
            };
            Transcript { chars: (0..length).map(char).collect(), ..Transcript::default() }
        };
        assert!((confidence(&of(12), Confidence::Weakest) - 0.1).abs() < 1e-6);
        assert!((confidence(&of(96), Confidence::Weakest) - 0.8).abs() < 1e-6);
        assert!(
            confidence(&Transcript { score: 0.25, ..Transcript::default() }, Confidence::Weakest) == 0.25
        );
    }
}
