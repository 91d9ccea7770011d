//! A region's transcript, cut into words where its spaces stand.

use glyphic_core::{Alternative, CharSpan, Confidence, Transcript};

/// A word and the part of the crop's width it takes, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) transcript: Transcript,
    pub(crate) start: f32,
    pub(crate) end: f32,
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
            chars: transcript.chars.clone(),
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
        words.push(Word { transcript: of(run, alternatives, confidence), start, end });
        start = next_start;
    }
    words
}

fn of(run: &[CharSpan], alternatives: Vec<Alternative>, confidence: Confidence) -> Transcript {
    Transcript {
        text: run.iter().map(|c| c.char).collect(),
        score: confidence.of(run),
        chars: run.to_vec(),
        alternatives,
        ..Transcript::default()
    }
}

fn middle(c: &CharSpan) -> f32 {
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
}
