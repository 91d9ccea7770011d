use std::collections::{BTreeSet, HashMap};

use super::{BOUNDARY, Case, LanguageModel, Links, MAX_ORDER, fold, quantized};
use crate::Result;
use crate::error::invalid;

/// Parts of a text that are counted as one: sums of these never round, so that an n-gram is never rarer than a longer
/// one that holds it.
const PARTS: f64 = 1000.0;

/// The most different characters, without case: a symbol takes a byte, and one is the end of a word.
const MAX_CHARACTERS: usize = 254;

/// Counts what a [`LanguageModel`] is made of.
#[derive(Debug, Clone)]
pub struct LanguageModelTrainer {
    order: usize,
    words: HashMap<String, Count>,
}

/// How often a word was counted, in parts, and how much of that tells its case.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    parts: u64,
    cased: u64,
}

impl LanguageModelTrainer {
    /// For a model that takes `order` characters into account, that which it judges with them.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for orders other than 1 to 7.
    pub fn new(order: usize) -> Result<Self> {
        if !(1..=MAX_ORDER).contains(&order) {
            return invalid("language_model", "order", order, "1 to 7");
        }
        Ok(Self { order, words: HashMap::new() })
    }

    /// Counts the words of a text, each `weight` times; a thousandth is the smallest part that counts.
    pub fn add(&mut self, text: &str, weight: f64) {
        self.count_words(text, weight, true);
    }

    /// As [`LanguageModelTrainer::add`], of texts whose case is not to be learned: labels that are all in capitals, whatever
    /// their pictures show.
    pub fn add_caseless(&mut self, text: &str, weight: f64) {
        self.count_words(text, weight, false);
    }

    fn count_words(&mut self, text: &str, weight: f64, cased: bool) {
        let parts = (weight * PARTS).round() as u64;
        for word in text.split_whitespace().filter(|_| parts > 0) {
            let count = self.words.entry(word.to_owned()).or_default();
            count.parts += parts;
            count.cased += if cased { parts } else { 0 };
        }
    }

    /// How many different words it has counted.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The model of all that was counted, without the n-grams of three characters or more that were seen less than
    /// `min_count` times. Of more than 254 different characters, those of the highest code points are as if never seen.
    pub fn finish(&self, min_count: f64) -> LanguageModel {
        let characters: BTreeSet<char> =
            self.words.keys().flat_map(|word| word.chars()).map(|c| fold(c).0).collect();
        let characters: Vec<char> = characters.into_iter().take(MAX_CHARACTERS).collect();
        let (ngrams, capitals) = self.count(&characters);
        // Levels of n-grams of one length, in order; none before they hold a character.
        let min_count = (min_count * PARTS).round() as u64;
        let mut levels: Vec<Vec<(u64, u64)>> = vec![Vec::new(); self.order];
        // Of each length, by context, how often what was left out followed it: that much it yields to shorter ones.
        let mut left_out: Vec<HashMap<u64, u64>> = vec![HashMap::new(); self.order];
        for (ngram, count) in ngrams {
            let (length, ngram) = ((ngram >> 56) as usize, ngram & SYMBOLS);
            if length <= 2 || count >= min_count {
                levels[length - 1].push((ngram, count));
            } else {
                *left_out[length - 1].entry(ngram >> 8).or_default() += count;
            }
        }
        levels.iter_mut().for_each(|level| level.sort_unstable());
        let mut model = LanguageModel {
            order: self.order,
            characters,
            symbols: Vec::new(),
            log_probabilities: Vec::new(),
            backoffs: Vec::new(),
            capitals,
            links: Links::default(),
        };
        let mut counts: Vec<u8> = Vec::new();
        // The root, whose children are the first level; a shorter context is that of nothing at all.
        let uniform = 1.0 / (model.characters.len() as f64 + 2.0);
        let mut parents: Vec<u64> = vec![0];
        let mut shorter: Vec<(u64, f64)> = vec![(0, 1.0)];
        for (depth, level) in levels.iter().enumerate() {
            let mut probabilities: Vec<(u64, f64)> = Vec::with_capacity(level.len());
            let mut rest = level.as_slice();
            for &parent in &parents {
                let end = rest.partition_point(|(ngram, _)| ngram >> 8 <= parent);
                let (children, others) = rest.split_at(end);
                rest = others;
                counts.push(children.len() as u8);
                if children.is_empty() && depth > 0 {
                    continue;
                }
                let seen = children.iter().map(|(_, count)| *count).sum::<u64>() as f64 / PARTS;
                let other = left_out[depth].get(&parent).copied().unwrap_or_default() as f64 / PARTS;
                let yielded = children.len() as f64 + other;
                let backoff = if children.is_empty() { 1.0 } else { yielded / (seen + yielded) };
                model.backoffs.push(quantized(backoff.ln()));
                for &(ngram, count) in children {
                    let lower = match depth {
                        0 => uniform,
                        _ => probability(&shorter, ngram & !(0xFF << (8 * depth))),
                    };
                    let own = count as f64 / PARTS;
                    let p = (own + yielded * lower) / (seen + yielded);
                    probabilities.push((ngram, p));
                    model.symbols.push(ngram as u8);
                    model.log_probabilities.push(quantized(p.ln()));
                }
            }
            parents = level.iter().map(|(ngram, _)| *ngram).collect();
            shorter = probabilities;
        }
        counts.extend(parents.iter().map(|_| 0));
        model.links = Links::new(&counts, &model.symbols, self.order)
            .expect("n-grams of counted words hold their own parts");
        model
    }

    /// N-grams with their counts, and of each case the share of capitals behind it.
    fn count(&self, characters: &[char]) -> (HashMap<u64, u64>, [f32; Case::COUNT]) {
        let mut ngrams: HashMap<u64, u64> = HashMap::new();
        let mut capitals = [[1.0_f64; 2]; Case::COUNT];
        for (word, &Count { parts, cased }) in &self.words {
            let mut case = Case::Start;
            let mut symbols = vec![BOUNDARY];
            for char in word.chars() {
                let (folded, capital) = fold(char);
                if let Some(capital) = capital {
                    capitals[case as usize][usize::from(capital)] += cased as f64 / PARTS;
                }
                case = case.then(capital);
                match characters.binary_search(&folded) {
                    Ok(i) => symbols.push(i as u8 + 1),
                    // A character beyond those that have symbols ends what can be counted.
                    Err(_) => break,
                }
            }
            symbols.push(BOUNDARY);
            for end in 2..=symbols.len() {
                for length in 1..=self.order.min(end) {
                    *ngrams.entry(packed(&symbols[end - length..end])).or_default() += parts;
                }
            }
        }
        let share = |[small, capital]: [f64; 2]| (capital / (small + capital)).clamp(1e-4, 1.0 - 1e-4) as f32;
        (ngrams, capitals.map(share))
    }
}

/// The bytes of an n-gram that hold its symbols; the last symbol is the lowest.
const SYMBOLS: u64 = (1 << 56) - 1;

fn packed(symbols: &[u8]) -> u64 {
    symbols.iter().fold(0, |ngram, symbol| ngram << 8 | u64::from(*symbol)) | (symbols.len() as u64) << 56
}

fn probability(sorted: &[(u64, f64)], ngram: u64) -> f64 {
    let at = sorted.binary_search_by_key(&ngram, |(n, _)| *n).expect("the end of an n-gram was counted too");
    sorted[at].1
}
