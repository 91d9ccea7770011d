use std::borrow::Cow;
use std::collections::HashMap;

use rapidfuzz::distance::levenshtein;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sequence::matching_characters;

/// What the comparison of one prediction with its truth gives.
///
/// "Filtered" texts are lower case without symbols: only a-z, 0-9, `^` and U+4E00 to U+9FA5 remain. That is the filter
/// of the published numbers (the caret and the missing scripts included), so it has no switch; [`RecognitionScore::cer`]
/// and [`RecognitionScore::wer`] filter nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairMatch {
    /// The texts are equal.
    pub word: bool,
    /// They are equal in lower case.
    pub ignore_case: bool,
    /// They are equal when filtered; two that are empty then are.
    pub ignore_case_symbol: bool,
    /// Characters of the filtered truth.
    pub truth_chars: usize,
    /// Characters of the filtered prediction.
    pub predicted_chars: usize,
    /// Characters in the matching blocks of both (Python's `difflib`).
    pub true_positive_chars: usize,
    /// Edit distance of the filtered texts over the longer length (at least 1), 0 to 1.
    pub normalised_distance: f64,
}

/// Compares a prediction with its truth.
pub fn match_pair(predicted: &str, truth: &str) -> PairMatch {
    let word = predicted == truth;
    let ascii = predicted.is_ascii() && truth.is_ascii();
    let (p, t): (Vec<char>, Vec<char>) = (filtered(predicted), filtered(truth));
    let ignore_case = word
        || if ascii {
            predicted.eq_ignore_ascii_case(truth)
        } else {
            predicted.to_lowercase() == truth.to_lowercase()
        };
    let equal = p == t;
    let distance = if equal { 0 } else { levenshtein::distance(p.iter().copied(), t.iter().copied()) };
    PairMatch {
        word,
        ignore_case,
        ignore_case_symbol: equal,
        truth_chars: t.len(),
        predicted_chars: p.len(),
        true_positive_chars: matching_characters(&p, &t),
        normalised_distance: distance as f64 / p.len().max(t.len()).max(1) as f64,
    }
}

fn filtered(text: &str) -> Vec<char> {
    if text.is_ascii() {
        // Same as below, without building the lower-case text.
        return text
            .bytes()
            .map(|b| b.to_ascii_lowercase() as char)
            .filter(|c| c.is_ascii_alphanumeric() || *c == '^')
            .collect();
    }
    // Full lowering: it may change the length and knows the final sigma.
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '^' | '\u{4e00}'..='\u{9fa5}'))
        .collect()
}

/// Edit distance in characters of the texts as they are, and the length of the truth.
pub fn character_edits(predicted: &str, truth: &str) -> (usize, usize) {
    let length = truth.chars().count();
    if predicted == truth {
        return (0, length);
    }
    (levenshtein::distance(predicted.chars(), truth.chars()), length)
}

/// Edit distance in words (split at white space) and the number of words of the truth.
pub fn word_edits(predicted: &str, truth: &str) -> (usize, usize) {
    let mut ids: HashMap<&str, u32> = HashMap::new();
    let mut number = |text| -> Vec<u32> {
        let words = str::split_whitespace(text);
        words
            .map(|w| {
                let next = ids.len() as u32;
                *ids.entry(w).or_insert(next)
            })
            .collect()
    };
    let (t, p) = (number(truth), number(predicted));
    let distance = match (&t[..], &p[..]) {
        ([a], [b]) => usize::from(a != b),
        _ => levenshtein::distance(p.iter().copied(), t.iter().copied()),
    };
    (distance, t.len())
}

/// Recognition of a whole set. All but the counts are ratios; 0 to 1 except CER and WER, which may exceed 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecognitionScore {
    /// Number of pairs.
    pub pairs: usize,
    /// Share of texts that are equal.
    pub word_acc: f64,
    /// Share that is equal in lower case.
    pub word_acc_ignore_case: f64,
    /// Share that is equal in lower case without symbols.
    pub word_acc_ignore_case_symbol: f64,
    /// Share of the truth's characters that are in matching blocks, lower case without symbols.
    pub char_recall: f64,
    /// Share of the predicted characters that are in matching blocks, lower case without symbols.
    pub char_precision: f64,
    /// 1 less the mean normalised edit distance, lower case without symbols. 1 for an empty set.
    #[serde(rename = "1-N.E.D")]
    pub one_minus_ned: f64,
    /// Character error rate: edits of the texts as they are over the characters of the truth.
    pub cer: f64,
    /// Word error rate: edits in words over the words of the truth.
    pub wer: f64,
}

impl RecognitionScore {
    /// The score of (prediction, truth) pairs.
    pub fn new<P: AsRef<str> + Sync, T: AsRef<str> + Sync>(pairs: &[(P, T)]) -> Self {
        let compare = |(p, t): &(P, T)| {
            let (p, t) = (p.as_ref(), t.as_ref());
            (match_pair(p, t), character_edits(p, t), word_edits(p, t))
        };
        // Collected first: the sum of the distances must not depend on how threads share the work.
        let each: Vec<_> = pairs.par_iter().with_min_len(256).map(compare).collect();
        let matches = || each.iter().map(|e| &e.0);
        let (mut words, mut ignore_case, mut ignore_case_symbol) = (0usize, 0usize, 0usize);
        let (mut truth, mut predicted, mut positive, mut distance) = (0usize, 0usize, 0usize, 0.0);
        for m in matches() {
            words += usize::from(m.word);
            ignore_case += usize::from(m.ignore_case);
            ignore_case_symbol += usize::from(m.ignore_case_symbol);
            truth += m.truth_chars;
            predicted += m.predicted_chars;
            positive += m.true_positive_chars;
            distance += m.normalised_distance;
        }
        let sums = |rate: fn(&(PairMatch, (usize, usize), (usize, usize))) -> (usize, usize)| {
            each.iter().map(rate).fold((0, 0), |sum, e| (sum.0 + e.0, sum.1 + e.1))
        };
        let error_rate = |(edits, length): (usize, usize)| edits as f64 / length.max(1) as f64;
        // The small term is part of the published metric.
        let share = |part: usize, whole: usize| part as f64 / (whole as f64 + 1e-8);
        Self {
            pairs: pairs.len(),
            word_acc: share(words, pairs.len()),
            word_acc_ignore_case: share(ignore_case, pairs.len()),
            word_acc_ignore_case_symbol: share(ignore_case_symbol, pairs.len()),
            char_recall: share(positive, truth),
            char_precision: share(positive, predicted),
            one_minus_ned: 1.0 - distance / pairs.len().max(1) as f64,
            cer: error_rate(sums(|e| e.1)),
            wer: error_rate(sums(|e| e.2)),
        }
    }

    /// Names and values in the order of the report.
    pub fn values(&self) -> [(&'static str, f64); 8] {
        [
            ("word_acc", self.word_acc),
            ("word_acc_ignore_case", self.word_acc_ignore_case),
            ("word_acc_ignore_case_symbol", self.word_acc_ignore_case_symbol),
            ("char_recall", self.char_recall),
            ("char_precision", self.char_precision),
            ("1-N.E.D", self.one_minus_ned),
            ("CER", self.cer),
            ("WER", self.wer),
        ]
    }

    /// The ratios rounded to four decimals (of their exact decimal value, halves to even), as they are published.
    #[must_use]
    pub fn rounded(&self) -> Self {
        let round = |v: f64| format!("{v:.4}").parse().unwrap_or(v);
        Self {
            pairs: self.pairs,
            word_acc: round(self.word_acc),
            word_acc_ignore_case: round(self.word_acc_ignore_case),
            word_acc_ignore_case_symbol: round(self.word_acc_ignore_case_symbol),
            char_recall: round(self.char_recall),
            char_precision: round(self.char_precision),
            one_minus_ned: round(self.one_minus_ned),
            cer: round(self.cer),
            wer: round(self.wer),
        }
    }
}

/// The text with its case and end symbols as the options leave them.
pub(crate) fn comparable(text: &str, ignore_case: bool, ignore_end_symbols: bool) -> Cow<'_, str> {
    let trimmed = text.trim_matches(|c: char| !c.is_alphanumeric());
    let text = if ignore_end_symbols && !trimmed.is_empty() { trimmed } else { text };
    if ignore_case { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn error_rates_count_edits_over_the_truth() {
        // prediction, truth, character edits, characters, word edits, words
        for (p, t, ce, c, we, w) in [
            ("", "", 0, 0, 0, 0),
            ("abc", "abc", 0, 3, 0, 1),
            ("abc", "abd", 1, 3, 1, 1),
            ("", "two words", 9, 9, 2, 2),
            ("one two  three", "one three", 5, 9, 1, 2),
            ("naive", "na\u{ef}ve", 1, 5, 1, 1),
        ] {
            assert_eq!(character_edits(p, t), (ce, c), "{p:?} {t:?}");
            assert_eq!(word_edits(p, t), (we, w), "{p:?} {t:?}");
        }
    }

    #[test]
    fn an_empty_set_has_no_errors_and_no_accuracy() {
        let score = RecognitionScore::new::<&str, &str>(&[]);
        assert_eq!((score.word_acc, score.one_minus_ned, score.cer, score.wer), (0.0, 1.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn equal_texts_score_one(texts in prop::collection::vec("[a-z]{1,12}( [A-Z0-9]{1,5})?", 1..40)) {
            let pairs: Vec<_> = texts.iter().map(|t| (t, t)).collect();
            let score = RecognitionScore::new(&pairs).rounded();
            prop_assert_eq!(
                (score.word_acc, score.char_recall, score.char_precision, score.one_minus_ned),
                (1.0, 1.0, 1.0, 1.0)
            );
            prop_assert_eq!((score.cer, score.wer), (0.0, 0.0));
        }

        #[test]
        fn ascii_texts_are_filtered_as_all_others(text in "[ -~]{0,30}") {
            let slow: Vec<char> = text.to_lowercase().chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '^').collect();
            prop_assert_eq!(filtered(&text), slow);
        }

        #[test]
        fn the_number_of_threads_does_not_matter(texts in prop::collection::vec(("[a-d]{0,6}", "[a-d]{0,6}"), 600..900)) {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| RecognitionScore::new(&texts))
            };
            prop_assert_eq!(on(1), on(3));
        }
    }
}
