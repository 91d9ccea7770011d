use std::sync::Arc;

use glyphic_core::{Alternative, CharSpan, Symbol, Transcript, Vocab};

use super::beam::{BeamSearch, Hypothesis, Steps, align};
use super::scores::transcript;
use super::{Codec, CtcCodec, Decoding, Extent};
use crate::language::LanguageModel;

/// Reads text off a network's output in the way that was configured.
pub struct CtcDecoder {
    codec: CtcCodec,
    search: Option<BeamSearch>,
}

impl CtcDecoder {
    /// Without a language model the best class of each step is read, whatever is configured.
    pub fn new(codec: CtcCodec, decoding: &Decoding, language: Option<Arc<LanguageModel>>) -> Self {
        let search = match (decoding, language) {
            (Decoding::Beam(config), Some(model)) => {
                let char = |class| match codec.vocab().symbol(class) {
                    Some(Symbol::Char(c)) => Some(c),
                    _ => None,
                };
                let chars: Vec<Option<char>> = (0..codec.vocab().len()).map(char).collect();
                Some(BeamSearch::new(config.clone(), model, &chars, codec.blank()))
            }
            _ => None,
        };
        Self { codec, search }
    }

    #[cfg(test)]
    fn codec(&self) -> &CtcCodec {
        &self.codec
    }

    /// As [`CtcCodec::decode`]. After a search each character is as sure as its word is.
    pub fn decode(&self, logits: &[f32], steps: usize, content_steps: f32) -> Transcript {
        self.search
            .as_ref()
            .and_then(|search| self.searched(search, logits, steps, content_steps))
            .unwrap_or_else(|| self.codec.decode(logits, steps, content_steps))
    }

    /// `None` where a text is found that no path reads.
    fn searched(
        &self,
        search: &BeamSearch,
        logits: &[f32],
        steps: usize,
        content_steps: f32,
    ) -> Option<Transcript> {
        let classes = self.codec.vocab().len();
        let count = steps.min(logits.len() / classes);
        let norms = Steps::norms(logits, classes, count);
        let steps = Steps { logits, classes, norms: &norms };
        let texts = search.texts(&steps, 0..count);
        let best = &texts.first()?.classes;
        let places = align(&steps, 0..count, best, self.codec.blank())?;
        let is_space = |class: &usize| self.codec.char(*class).is_some_and(char::is_whitespace);
        // How likely a word is, and what else stands there.
        let weigh = |texts: &[Hypothesis], word: &[usize]| {
            let shares = search.confidences(texts);
            let place = texts.iter().position(|text| text.classes == word);
            let mut others: Vec<Choice> = Vec::new();
            let own = self.codec.text(word);
            for (text, share) in texts.iter().zip(&shares) {
                if others.len() == search.alternatives() {
                    break;
                }
                // White space around a word makes no other word of it.
                let text = self.codec.text(&text.classes).trim().to_owned();
                if !text.is_empty() && text != own.trim() && others.iter().all(|other| other.text != text) {
                    others.push(Choice { text, share: *share, score: search.calibrated(*share) });
                }
            }
            let share = place.map_or(0.0, |i| shares[i]);
            Word {
                letters: word.len(),
                choices: std::iter::once(Choice {
                    text: own,
                    share,
                    score: place.map_or(0.0, |_| search.calibrated(share)),
                })
                .chain(others)
                .collect(),
            }
        };
        let mut scores = vec![0.0; best.len()];
        let mut words: Vec<Word> = Vec::new();
        if best.iter().any(is_space) {
            // The texts of a whole line are alike but for its least sure word: each word is looked at by itself.
            let mut start = 0;
            for word in best.split_inclusive(is_space) {
                let end = start + word.len();
                let letters = match word.split_last() {
                    Some((last, letters)) if is_space(last) => letters,
                    _ => word,
                };
                let from = if start == 0 { 0 } else { places[start - 1].end };
                let to = if letters.len() < word.len() { places[end - 1].start } else { count };
                let texts = search.texts(&steps, from..to);
                let weighed = weigh(&texts, letters);
                scores[start..end].fill(weighed.choices[0].score);
                words.push(weighed);
                start = end;
            }
        } else {
            let weighed = weigh(&texts, best);
            scores.fill(weighed.choices[0].score);
            words.push(weighed);
        }
        let place = |step: usize| (step as f32 / content_steps).clamp(0.0, 1.0);
        let chars: Vec<CharSpan> = best
            .iter()
            .zip(&places)
            .zip(scores)
            .filter_map(|((class, steps), score)| {
                let char = self.codec.char(*class)?;
                Some(CharSpan { char, score, start: place(steps.start), end: place(steps.end) })
            })
            .collect();
        let mut read = transcript(chars, self.codec.confidence());
        if search.alternatives() > 0 {
            read.alternatives = self.lines(&words, search.alternatives());
            let of_word = |word: Word| word.choices.into_iter().skip(1).map(Choice::into).collect();
            // White space at either end and twice in a row makes words of no letter.
            read.word_alternatives = words.into_iter().filter(|w| w.letters > 0).map(of_word).collect();
        }
        Some(read)
    }

    /// The likeliest `count` texts of a line beside the one that is read, each word being one of its choices.
    fn lines(&self, words: &[Word], count: usize) -> Vec<Alternative> {
        // Of the words so far, the likeliest choices: how likely beside the first ones, and which.
        let mut lines: Vec<(f64, Vec<usize>)> = vec![(0.0, Vec::new())];
        for word in words {
            let logarithm = |choice: &Choice| f64::from(choice.share.max(f32::MIN_POSITIVE)).ln();
            let mut longer: Vec<(f64, Vec<usize>)> = Vec::new();
            for (sum, chosen) in &lines {
                longer.extend(word.choices.iter().enumerate().map(|(i, choice)| {
                    let chosen = chosen.iter().copied().chain([i]).collect();
                    (sum + logarithm(choice), chosen)
                }));
            }
            // Stable, so that the text that is read comes before one as likely.
            longer.sort_by(|a, b| b.0.total_cmp(&a.0));
            longer.truncate(count + 1);
            lines = longer;
        }
        let line = |(_, chosen): (f64, Vec<usize>)| {
            let choices: Vec<&Choice> = words.iter().zip(&chosen).map(|(w, i)| &w.choices[*i]).collect();
            let text = choices.iter().map(|choice| choice.text.as_str()).collect::<Vec<_>>().join(" ");
            let chars = choices.iter().flat_map(|choice| {
                let count = choice.text.chars().count().max(1);
                let char = CharSpan { char: ' ', score: choice.score, start: 0.0, end: 0.0 };
                std::iter::repeat_n(char, count)
            });
            let score = self.codec.confidence().of(&chars.collect::<Vec<_>>());
            Alternative { text, score }
        };
        lines.into_iter().filter(|(_, chosen)| chosen.iter().any(|i| *i > 0)).take(count).map(line).collect()
    }
}

/// A word that is read, and what may stand in its place.
struct Word {
    /// Classes of the text that is read.
    letters: usize,
    /// The first is the text that is read.
    choices: Vec<Choice>,
}

/// A text with its share of the probability, and how often such a text is right.
struct Choice {
    text: String,
    share: f32,
    score: f32,
}

impl From<Choice> for Alternative {
    fn from(Choice { text, score, .. }: Choice) -> Self {
        Self { text, score }
    }
}

impl Codec for CtcDecoder {
    fn vocab(&self) -> &Vocab {
        self.codec.vocab()
    }

    fn decode(&self, scores: &[f32], _: usize, extent: Extent) -> Transcript {
        self.decode(scores, extent.valid, extent.content)
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Confidence, Vocab};

    use super::*;
    use crate::{BeamConfig, LanguageModelTrainer};

    fn decoder(decoding: Decoding) -> CtcDecoder {
        let codec = CtcCodec::new(Vocab::ctc("abc ").unwrap()).unwrap().with_confidence(Confidence::Weakest);
        let mut trainer = LanguageModelTrainer::new(3).unwrap();
        trainer.add("cab", 5.0);
        CtcDecoder::new(codec, &decoding, Some(Arc::new(trainer.finish(0.0))))
    }

    /// Steps whose class has this probability.
    fn logits(path: &[(usize, f32)]) -> Vec<f32> {
        let row =
            |(class, p): (usize, f32)| (0..5).map(move |c| if c == class { p } else { (1.0 - p) / 4.0 }.ln());
        path.iter().copied().flat_map(row).collect()
    }

    #[test]
    fn words_are_as_sure_as_they_are_by_themselves_and_stand_where_they_stand() {
        // "ab", doubtful; "cab", clear.
        let path =
            [(1, 0.6), (2, 0.6), (0, 0.99), (4, 0.99), (3, 0.99), (0, 0.99), (1, 0.99), (2, 0.99), (0, 0.99)];
        let read = decoder(Decoding::Beam(BeamConfig::default())).decode(&logits(&path), 9, 10.0);
        assert_eq!(read.text, "ab cab");
        let at = |i: usize| (read.chars[i].start * 10.0, read.chars[i].end * 10.0);
        assert_eq!([at(0), at(1), at(3), at(5)], [(0.0, 1.0), (1.0, 2.0), (4.0, 5.0), (7.0, 8.0)]);
        assert_eq!(read.chars[0].score, read.chars[1].score);
        assert!(read.chars[0].score < read.chars[3].score, "{:?}", read.chars);
        assert_eq!(read.score, read.chars[0].score, "the weakest counts");
    }

    #[test]
    fn other_texts_of_each_word_and_of_the_line_are_given_where_they_are_asked_for() {
        // "ab", doubtful; "cab", clear.
        let path =
            [(1, 0.6), (2, 0.6), (0, 0.99), (4, 0.99), (3, 0.99), (0, 0.99), (1, 0.99), (2, 0.99), (0, 0.99)];
        let alone = decoder(Decoding::Beam(BeamConfig::default())).decode(&logits(&path), 9, 10.0);
        assert!(alone.alternatives.is_empty() && alone.word_alternatives.is_empty());
        let asked = BeamConfig { alternatives: 3, ..BeamConfig::default() };
        let read = decoder(Decoding::Beam(asked)).decode(&logits(&path), 9, 10.0);
        assert_eq!((&read.text, read.score, &read.chars), (&alone.text, alone.score, &alone.chars));
        assert_eq!(read.word_alternatives.len(), 2);
        for (word, others) in ["ab", "cab"].into_iter().zip(&read.word_alternatives) {
            assert_eq!(others.len(), 3, "{word}: {others:?}");
            assert!(others.iter().all(|other| other.text != word), "{word}: {others:?}");
            assert!(others.windows(2).all(|pair| pair[0].score >= pair[1].score), "{word}: {others:?}");
            assert!(others.iter().all(|other| (0.0..=1.0).contains(&other.score)), "{others:?}");
        }
        // The doubtful word is what the others of the line differ in.
        let texts: Vec<&str> = read.alternatives.iter().map(|other| other.text.as_str()).collect();
        let expected: Vec<String> =
            read.word_alternatives[0].iter().map(|other| format!("{} cab", other.text)).collect();
        assert_eq!(texts, expected);
        assert!(read.alternatives[0].score < read.score);
    }

    #[test]
    fn the_greedy_way_is_the_codecs() {
        let path = [(1, 0.6), (0, 0.5), (2, 0.7)];
        let greedy = decoder(Decoding::Greedy);
        let expected = greedy.codec().decode(&logits(&path), 3, 3.0);
        assert_eq!(greedy.decode(&logits(&path), 3, 3.0), expected);
        assert_eq!(expected.text, "ab");
    }

    #[test]
    fn blank_steps_and_none_at_all_are_an_empty_text() {
        let decoder = decoder(Decoding::Beam(BeamConfig::default()));
        for path in [&[(0, 0.99); 4][..], &[]] {
            let read = decoder.decode(&logits(path), 9, 4.0);
            assert_eq!((read.text.as_str(), read.score), ("", 0.0));
        }
    }
}
