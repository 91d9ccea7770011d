use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use rapidfuzz::{HashableChar, distance::levenshtein};
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
    if predicted.is_ascii() && truth.is_ascii() {
        let ignore_case = word || predicted.eq_ignore_ascii_case(truth);
        let (mut p, mut t) = ([0; SHORT], [0; SHORT]);
        if predicted.len() <= SHORT && truth.len() <= SHORT {
            return matched(word, ignore_case, filter_ascii(predicted, &mut p), filter_ascii(truth, &mut t));
        }
        let (mut p, mut t) = (vec![0; predicted.len()], vec![0; truth.len()]);
        return matched(word, ignore_case, filter_ascii(predicted, &mut p), filter_ascii(truth, &mut t));
    }
    // Full lowering: it may change the length and knows the final sigma.
    let (p, t) = (predicted.to_lowercase(), truth.to_lowercase());
    matched(word, p == t, &filter(&p), &filter(&t))
}

/// Texts up to this many bytes are filtered on the stack.
const SHORT: usize = 64;

fn matched<T: Copy + Eq + Hash + HashableChar>(word: bool, ignore_case: bool, p: &[T], t: &[T]) -> PairMatch {
    let distance = edit_distance(p, t);
    PairMatch {
        word,
        ignore_case,
        ignore_case_symbol: distance == 0,
        truth_chars: t.len(),
        predicted_chars: p.len(),
        true_positive_chars: matching_characters(p, t),
        normalised_distance: distance as f64 / p.len().max(t.len()).max(1) as f64,
    }
}

fn filter(lower: &str) -> Vec<char> {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '^' | '\u{4e00}'..='\u{9fa5}');
    lower.chars().filter(kept).collect()
}

/// [`filter`] with the lowering, for ASCII and without allocation.
fn filter_ascii<'a>(text: &str, buffer: &'a mut [u8]) -> &'a [u8] {
    let mut n = 0;
    for b in text.bytes().map(|b| b.to_ascii_lowercase()) {
        if b.is_ascii_alphanumeric() || b == b'^' {
            buffer[n] = b;
            n += 1;
        }
    }
    &buffer[..n]
}

/// Levenshtein distance. What both ends have in common is cut off first: most texts differ in one place, if at all.
fn edit_distance<T: Copy + PartialEq + HashableChar>(a: &[T], b: &[T]) -> usize {
    match trimmed(a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([_], [_]) => 1,
        (a, b) => levenshtein::distance(a.iter().copied(), b.iter().copied()),
    }
}

/// Both without their common beginning and end.
fn trimmed<'a, T: PartialEq>(a: &'a [T], b: &'a [T]) -> (&'a [T], &'a [T]) {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// Edit distance in characters of the texts as they are, and the length of the truth.
pub fn character_edits(predicted: &str, truth: &str) -> (usize, usize) {
    if predicted.is_ascii() && truth.is_ascii() {
        return (edit_distance(predicted.as_bytes(), truth.as_bytes()), truth.len());
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    let t = chars(truth);
    (edit_distance(&chars(predicted), &t), t.len())
}

/// Edit distance in words (split at white space) and the number of words of the truth.
pub fn word_edits(predicted: &str, truth: &str) -> (usize, usize) {
    if predicted == truth {
        return (0, truth.split_whitespace().count());
    }
    let words = |text| str::split_whitespace(text).collect::<Vec<_>>();
    let (p, t) = (words(predicted), words(truth));
    let distance = match trimmed(&p, &t) {
        ([], rest) | (rest, []) => rest.len(),
        ([_], [_]) => 1,
        (p, t) => {
            let mut ids: HashMap<&str, u32> = HashMap::new();
            let all: Vec<u32> = (p.iter().chain(t))
                .map(|w| {
                    let next = ids.len() as u32;
                    *ids.entry(w).or_insert(next)
                })
                .collect();
            edit_distance(&all[..p.len()], &all[p.len()..])
        }
    };
    (distance, t.len())
}

/// A pair's matches, its edits in characters and its edits in words.
type Compared = (PairMatch, (usize, usize), (usize, usize));

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
        let each: Vec<Compared> = pairs.par_iter().with_min_len(256).map(compare).collect();
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
        let sums = |rate: fn(&Compared) -> (usize, usize)| {
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
        fn ascii_texts_are_matched_as_all_others(p in "[ -~]{0,70}", t in "[ -~]{0,70}") {
            let lower = (p.to_lowercase(), t.to_lowercase());
            let slow = matched(p == t, lower.0 == lower.1, &filter(&lower.0), &filter(&lower.1));
            prop_assert_eq!(match_pair(&p, &t), slow);
        }

        #[test]
        fn the_edit_distance_is_that_of_the_table(a in "[abc]{0,9}", b in "[abc]{0,9}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let mut row: Vec<usize> = (0..=b.len()).collect();
            for (i, x) in a.iter().enumerate() {
                let mut diagonal = i;
                row[0] = i + 1;
                for (j, y) in b.iter().enumerate() {
                    let above = row[j + 1];
                    row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
                    diagonal = above;
                }
            }
            prop_assert_eq!(edit_distance(a, b), row[b.len()]);
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
