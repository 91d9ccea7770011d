//! Prefix beam search with a language model.
//!
//! Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014,
//! on characters. What the picture shows and how likely the text is are added in logarithms ("shallow fusion").

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::invalid;
use crate::language::{LanguageModel, LanguageState, Letter};

/// How a text is read off the probabilities of the time steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// The best class of each step: what MMOCR does, and what the network alone reads.
    #[default]
    Greedy,
    /// The best text, in the light of a language model.
    Beam(BeamConfig),
}

impl Decoding {
    /// Checks every value; `model` names the owner.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range.
    pub fn validate(&self, model: &'static str) -> Result<()> {
        let Self::Beam(beam) = self else { return Ok(()) };
        let wrong = |field, got: String, expected| invalid(model, field, got, expected);
        if !(1..=1024).contains(&beam.width) {
            return wrong("decoding.beam.width", beam.width.to_string(), "1 to 1024");
        }
        if beam.alternatives > 1023 {
            return wrong("decoding.beam.alternatives", beam.alternatives.to_string(), "0 to 1023");
        }
        for (field, value, range, expected) in [
            ("decoding.beam.weight", beam.weight, 0.0..=10.0, "0 to 10"),
            ("decoding.beam.bonus", beam.bonus, -10.0..=10.0, "-10 to 10"),
            ("decoding.beam.sure", beam.sure, 0.5..=1.0, "0.5 to 1"),
            ("decoding.beam.doubt", beam.doubt, 0.0..=1.0, "0 to 1"),
            ("decoding.beam.clear_share", beam.clear_share, 0.0..=1.0, "0 to 1"),
            ("decoding.beam.temperature", beam.temperature, 0.1..=100.0, "0.1 to 100"),
            ("decoding.beam.sharpness", beam.sharpness, 0.1..=10.0, "0.1 to 10"),
        ] {
            if !range.contains(&value) {
                return wrong(field, value.to_string(), expected);
            }
        }
        Ok(())
    }
}

/// A search for the best text. Texts are compared by the logarithm of their probability in the picture, `weight` times
/// that of the language, and `bonus` for each character, without which short texts would win. Language and bonus count in
/// a word as far as the picture is in doubt about one of its letters, and not at all where it is `sure` of all of them. Digits
/// and marks, and spaces beside them, count by the picture alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BeamConfig {
    /// The language model: one that `glyphic models` lists, or a file that `glyphic language-model` wrote.
    pub language_model: String,
    /// How many texts are followed from one time step to the next.
    pub width: usize,
    /// What the language counts.
    pub weight: f32,
    /// What a character is worth.
    pub bonus: f32,
    /// The probability in the picture of a word's least clear letter from which on the language does not count.
    pub sure: f32,
    /// The probability in the picture of a word's least clear letter up to which the language counts in full; between this
    /// and `sure` it counts in proportion.
    pub doubt: f32,
    /// The share of the language's part in a doubtful word that it has at the word's clear letters.
    pub clear_share: f32,
    /// What differences between texts are divided by to make confidences of them; higher is less sure.
    pub temperature: f32,
    /// How many other texts each word and crop is given beside the one that is read, 0 to 1023; the search finds `width` - 1 at
    /// most.
    pub alternatives: usize,
    /// What a confidence's logit is multiplied by, so that it says how often such texts are right: 1 leaves it, more moves it away
    /// from 0.5.
    pub sharpness: f32,
}

impl Default for BeamConfig {
    /// What reads best with the shipped models on the validation packs.
    fn default() -> Self {
        Self {
            language_model: "latin".to_owned(),
            width: 8,
            weight: 0.6,
            bonus: 1.45,
            sure: 0.99,
            doubt: 0.9,
            clear_share: 0.5,
            temperature: 1.5,
            alternatives: 0,
            sharpness: 1.8,
        }
    }
}

/// Classes that are less probable than the best of their step by more than this, in logarithms, begin no new text.
const PRUNE: f32 = 6.0;

/// Below this, in logarithms, a step's blank is not doubted.
const SURE: f32 = -0.001;

const NEVER: f32 = f32::NEG_INFINITY;

/// A search ready to run.
#[derive(Debug, Clone)]
pub(crate) struct BeamSearch {
    config: BeamConfig,
    model: Arc<LanguageModel>,
    /// Of each class, as the model sees it; `None` for those that are no characters.
    letters: Vec<Option<Letter>>,
    kinds: Vec<Kind>,
    blank: usize,
}

/// From this probability in the picture on a space parts words.
const SPACE: f32 = 0.5;

/// What is less probable at a step does not show there.
const FAINT: f32 = 0.25;

/// What a class is. Digits and marks are the picture's alone: which amount or code it is, and whether a minus stands before it
/// or a full stop behind, no model of words knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    /// Neither letter nor digit, nor a space.
    Mark,
    Space,
    Other,
}

impl Kind {
    fn of(char: Option<char>) -> Self {
        match char {
            Some(c) if c.is_numeric() => Self::Digit,
            Some(c) if c.is_whitespace() => Self::Space,
            Some(c) if !c.is_alphabetic() => Self::Mark,
            _ => Self::Other,
        }
    }
}

/// Steps that show a character.
#[derive(Debug, Clone, Copy)]
struct Run {
    class: usize,
    start: usize,
    end: usize,
    /// Its highest probability among them.
    peak: f32,
}

/// What a character adds to a text.
#[derive(Debug, Clone, Copy)]
struct Added {
    /// By the language and the bonus.
    language: f32,
    /// How far the picture leaves it to the language, 0 to 1.
    doubt: f32,
    state: LanguageState,
}

/// A text that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hypothesis {
    pub(crate) classes: Vec<usize>,
    /// The sum of all that texts are compared by.
    pub(crate) score: f32,
}

/// Log-probabilities of time steps, `[steps, classes]`, as a network gives them, before or after log-softmax.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) classes: usize,
    /// What is subtracted from each step's logits.
    pub(crate) norms: &'a [f32],
}

impl Steps<'_> {
    /// The logarithm of each step's sum of exponentials.
    pub(crate) fn norms(logits: &[f32], classes: usize, steps: usize) -> Vec<f32> {
        let norm = |row: &[f32]| {
            let largest = row.iter().copied().fold(NEVER, f32::max);
            // What is further off does not change a number of single precision.
            let near = row.iter().map(|v| v - largest).filter(|d| *d > -17.0);
            largest + near.map(f32::exp).sum::<f32>().ln()
        };
        logits.chunks_exact(classes).take(steps).map(norm).collect()
    }

    fn row(&self, step: usize) -> &[f32] {
        &self.logits[step * self.classes..(step + 1) * self.classes]
    }

    fn log(&self, step: usize, class: usize) -> f32 {
        self.logits[step * self.classes + class] - self.norms[step]
    }
}

impl BeamSearch {
    /// `chars` are the characters of the classes.
    pub(crate) fn new(
        config: BeamConfig,
        model: Arc<LanguageModel>,
        chars: &[Option<char>],
        blank: usize,
    ) -> Self {
        let has = |c: char| chars.contains(&Some(c));
        let cased = |c: char| c.to_lowercase().all(has) && c.to_uppercase().all(has);
        let letters = chars.iter().map(|c| c.map(|c| model.letter(c, cased(c)))).collect();
        let kinds = chars.iter().map(|c| Kind::of(*c)).collect();
        Self { config, model, letters, kinds, blank }
    }

    /// The texts of some time steps, best first; never none.
    pub(crate) fn texts(&self, steps: &Steps<'_>, range: Range<usize>) -> Vec<Hypothesis> {
        let mut tree = Tree::new(self.blank, self.model.start());
        let mut beam = vec![Followed { prefix: ROOT, blank: 0.0, char: NEVER }];
        let mut next = Next::default();
        let mut likely: Vec<(usize, f32)> = Vec::new();
        let doubts = self.doubts(steps, &range);
        for step in range.clone() {
            let blank = steps.log(step, self.blank);
            if blank > SURE {
                beam.iter_mut().for_each(|f| (f.blank, f.char) = (f.picture(), NEVER));
                continue;
            }
            self.likely(steps, step, &mut likely);
            let doubt = doubts[step - range.start];
            for followed in &beam {
                let (prefix, sum) = (followed.prefix, followed.picture());
                let last = tree.prefixes[prefix].class;
                let stays = next.of(prefix);
                stays.blank = log_add(stays.blank, sum + blank);
                if prefix != ROOT {
                    stays.char = log_add(stays.char, followed.char + steps.log(step, last));
                }
                for &(class, log) in &likely {
                    // The same character again needs a blank between.
                    let from = if class == last { followed.blank } else { sum };
                    if from == NEVER {
                        continue;
                    }
                    let longer = next.of(tree.child(prefix, class, |prefix| self.step(prefix, class, doubt)));
                    longer.char = log_add(longer.char, from + log);
                }
            }
            let score = |f: &Followed| f.picture() + tree.prefixes[f.prefix].language;
            // Ties by the order of the texts' first sight: the same on every machine.
            let order =
                |a: &Followed, b: &Followed| score(b).total_cmp(&score(a)).then(a.prefix.cmp(&b.prefix));
            next.take(&mut beam);
            beam.sort_unstable_by(order);
            beam.truncate(self.config.width);
        }
        let whole = |f: &Followed| {
            let prefix = &tree.prefixes[f.prefix];
            let end = prefix.doubt * self.config.weight * self.model.end(prefix.state);
            Hypothesis { classes: tree.classes(f.prefix), score: f.picture() + prefix.language + end }
        };
        let mut found: Vec<Hypothesis> = beam.iter().map(whole).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }

    /// How likely each of the texts is, if it is one of them.
    pub(crate) fn confidences(&self, texts: &[Hypothesis]) -> Vec<f32> {
        let best = texts.first().map_or(0.0, |text| text.score);
        let parts = texts.iter().map(|t| ((t.score - best) / self.config.temperature).exp());
        let parts: Vec<f32> = parts.collect();
        let sum: f32 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }

    /// How many other texts are given.
    pub(crate) fn alternatives(&self) -> usize {
        self.config.alternatives
    }

    /// How often a text with this share of the probability is right.
    pub(crate) fn calibrated(&self, share: f32) -> f32 {
        let [right, wrong] = [share, 1.0 - share].map(|s| s.clamp(0.0, 1.0).powf(self.config.sharpness));
        right / (right + wrong)
    }

    /// The characters that a step may be, with their log-probabilities.
    fn likely(&self, steps: &Steps<'_>, step: usize, out: &mut Vec<(usize, f32)>) {
        out.clear();
        let row = steps.row(step);
        let least = row.iter().copied().fold(NEVER, f32::max) - PRUNE;
        let chars = row.iter().zip(&self.letters).enumerate();
        let near = chars.filter(|(_, (logit, letter))| **logit >= least && letter.is_some());
        out.extend(near.map(|(class, _)| (class, steps.log(step, class))));
    }

    /// How far the language counts at each step of the range, 0 to 1. It counts in a word as far as the picture is in doubt about
    /// the word's least clear letter, and about half as much at those of its letters of which the picture is sure.
    fn doubts(&self, steps: &Steps<'_>, range: &Range<usize>) -> Vec<f32> {
        let runs = self.runs(steps, range);
        let doubt = |run: &Run| {
            let span = (self.config.sure - self.config.doubt).max(f32::MIN_POSITIVE);
            ((self.config.sure - run.peak) / span).clamp(0.0, 1.0)
        };
        let is_space = |run: &Run| self.kinds[run.class] == Kind::Space && run.peak >= SPACE;
        let mut doubts = vec![0.0; range.len()];
        let mut from = range.start;
        for word in runs.split_inclusive(is_space) {
            let letters = word.iter().filter(|run| self.kinds[run.class] != Kind::Mark);
            let least_clear = letters.map(doubt).fold(0.0, f32::max);
            let last = runs.last().map(|run| run.end) == word.last().map(|run| run.end);
            let to = if last { range.end } else { word.last().map_or(from, |run| run.end) };
            doubts[from - range.start..to - range.start].fill(least_clear);
            for run in word.iter().filter(|run| doubt(run) == 0.0) {
                // A character begins to show a step before it is clear.
                let start = run.start.saturating_sub(1).max(from);
                doubts[start - range.start..run.end - range.start]
                    .fill(self.config.clear_share * least_clear);
            }
            from = to;
        }
        doubts
    }

    /// Steps that follow each other and show the same character, more or less clearly.
    fn runs(&self, steps: &Steps<'_>, range: &Range<usize>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for step in range.clone() {
            let chars = steps.row(step).iter().zip(&self.letters).enumerate();
            let chars = chars.filter(|(_, (_, letter))| letter.is_some());
            let Some((class, _)) = chars.max_by(|a, b| a.1.0.total_cmp(b.1.0)) else { break };
            let peak = steps.log(step, class).exp();
            if peak < FAINT {
                continue;
            }
            match runs.last_mut().filter(|run| run.class == class && run.end == step) {
                Some(run) => (run.end, run.peak) = (step + 1, run.peak.max(peak)),
                None => runs.push(Run { class, start: step, end: step + 1, peak }),
            }
        }
        runs
    }

    /// What a character adds to a text, and the state behind it. The language looks through marks at the word they stand in.
    fn step(&self, prefix: &Prefix, class: usize, doubt: f32) -> Added {
        let letter = self.letters[class].expect("classes that are no characters are not followed");
        let (log, state) = self.model.advance(prefix.state, letter);
        let added = doubt * (self.config.weight * log + self.config.bonus);
        match (self.kinds[prefix.class], self.kinds[class]) {
            (_, Kind::Mark) => Added { language: 0.0, doubt: prefix.doubt, state: prefix.state },
            (_, Kind::Digit) | (Kind::Digit | Kind::Mark, Kind::Space) => {
                Added { language: 0.0, doubt: 0.0, state }
            }
            _ => Added { language: added, doubt, state },
        }
    }
}

/// The empty text.
const ROOT: usize = 0;

/// All texts that were followed, each as one that another is longer than by a character.
struct Tree {
    prefixes: Vec<Prefix>,
}

struct Prefix {
    parent: usize,
    class: usize,
    state: LanguageState,
    /// How far the picture leaves the last letter to the language.
    doubt: f32,
    /// What the language and the bonus add.
    language: f32,
    children: Vec<usize>,
}

impl Tree {
    fn new(blank: usize, state: LanguageState) -> Self {
        let root =
            Prefix { parent: ROOT, class: blank, state, doubt: 0.0, language: 0.0, children: Vec::new() };
        Self { prefixes: vec![root] }
    }

    /// The text with one more character; `step` tells what that adds where it is new.
    fn child(&mut self, parent: usize, class: usize, step: impl FnOnce(&Prefix) -> Added) -> usize {
        let shorter = &self.prefixes[parent];
        if let Some(&child) = shorter.children.iter().find(|&&child| self.prefixes[child].class == class) {
            return child;
        }
        let Added { language, doubt, state } = step(shorter);
        let language = shorter.language + language;
        let child = self.prefixes.len();
        let prefix = Prefix { parent, class, state, doubt, language, children: Vec::new() };
        self.prefixes.push(prefix);
        self.prefixes[parent].children.push(child);
        child
    }

    fn classes(&self, mut prefix: usize) -> Vec<usize> {
        let mut classes = Vec::new();
        while prefix != ROOT {
            classes.push(self.prefixes[prefix].class);
            prefix = self.prefixes[prefix].parent;
        }
        classes.reverse();
        classes
    }
}

/// A text that is being followed: its probability in the picture, by whether the last step was blank.
#[derive(Debug, Clone, Copy)]
struct Followed {
    prefix: usize,
    blank: f32,
    char: f32,
}

impl Followed {
    fn picture(&self) -> f32 {
        log_add(self.blank, self.char)
    }
}

/// The texts after a step, each once.
#[derive(Default)]
struct Next {
    followed: Vec<Followed>,
    /// Of a prefix, its place in `followed`, counted from 1.
    places: Vec<usize>,
}

impl Next {
    fn of(&mut self, prefix: usize) -> &mut Followed {
        if self.places.len() <= prefix {
            self.places.resize(prefix + 1, 0);
        }
        if self.places[prefix] == 0 {
            self.followed.push(Followed { prefix, blank: NEVER, char: NEVER });
            self.places[prefix] = self.followed.len();
        }
        &mut self.followed[self.places[prefix] - 1]
    }

    /// Moves them out; none are left.
    fn take(&mut self, out: &mut Vec<Followed>) {
        self.followed.iter().for_each(|f| self.places[f.prefix] = 0);
        out.clear();
        out.append(&mut self.followed);
    }
}

/// The logarithm of the sum of what two logarithms stand for.
fn log_add(a: f32, b: f32) -> f32 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == NEVER { high } else { high + (low - high).exp().ln_1p() }
}

/// The steps that each character of a text takes on its most probable path. `None` where the text does not fit in.
pub(crate) fn align(
    steps: &Steps<'_>,
    range: Range<usize>,
    text: &[usize],
    blank: usize,
) -> Option<Vec<Range<usize>>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    // States: blank, first character, blank, second, ..., blank.
    let states = 2 * text.len() + 1;
    let class = |state: usize| if state.is_multiple_of(2) { blank } else { text[state / 2] };
    let mut logs = vec![NEVER; states];
    let mut from: Vec<u8> = Vec::with_capacity(states * range.len());
    for (i, step) in range.clone().enumerate() {
        let before = logs.clone();
        for state in 0..states {
            let stay = if i == 0 { if state == 0 { 0.0 } else { NEVER } } else { before[state] };
            let advance = match (i, state) {
                (0, 1) => 0.0,
                (0, _) | (_, 0) => NEVER,
                _ => before[state - 1],
            };
            let skips = i > 0 && state > 1 && class(state) != blank && class(state) != class(state - 2);
            let skip = if skips { before[state - 2] } else { NEVER };
            let (best, back) = [(stay, 0), (advance, 1), (skip, 2)]
                .into_iter()
                .reduce(|a, b| if b.0 > a.0 { b } else { a })
                .expect("three ways");
            logs[state] = best + steps.log(step, class(state));
            from.push(back);
        }
    }
    let mut state = if logs[states - 1] >= logs[states - 2] { states - 1 } else { states - 2 };
    if logs[state] == NEVER {
        return None;
    }
    let mut taken: Vec<Option<Range<usize>>> = vec![None; text.len()];
    for (i, step) in range.enumerate().rev() {
        if !state.is_multiple_of(2) {
            let end = taken[state / 2].as_ref().map_or(step + 1, |taken| taken.end);
            taken[state / 2] = Some(step..end);
        }
        state -= usize::from(from[i * states + state]);
    }
    taken.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::LanguageModelTrainer;

    const CHARS: [Option<char>; 6] = [None, Some('a'), Some('b'), Some('c'), Some(' '), Some('B')];

    fn search(words: &[(&str, f64)], config: BeamConfig) -> BeamSearch {
        let mut trainer = LanguageModelTrainer::new(4).unwrap();
        words.iter().for_each(|(word, count)| trainer.add(word, *count));
        BeamSearch::new(config, Arc::new(trainer.finish(0.0)), &CHARS, 0)
    }

    /// Without a language all texts are equal: the picture decides.
    fn picture_alone() -> BeamSearch {
        search(&[], BeamConfig { weight: 0.0, bonus: 0.0, width: 64, ..BeamConfig::default() })
    }

    /// Steps of these probabilities.
    fn logs(rows: &[[f32; 6]]) -> Vec<f32> {
        rows.iter().flatten().map(|p| p.max(1e-6).ln()).collect()
    }

    /// A step that is most probably of this class; the others share the rest.
    fn clear(class: usize, p: f32) -> [f32; 6] {
        let mut row = [(1.0 - p) / 5.0; 6];
        row[class] = p;
        row
    }

    fn read(search: &BeamSearch, logits: &[f32]) -> Vec<(String, f32)> {
        let count = logits.len() / 6;
        let norms = Steps::norms(logits, 6, count);
        let steps = Steps { logits, classes: 6, norms: &norms };
        let texts = search.texts(&steps, 0..count);
        let confidences = search.confidences(&texts);
        let text = |h: &Hypothesis| h.classes.iter().filter_map(|&c| CHARS[c]).collect();
        texts.iter().zip(confidences).map(|(h, c)| (text(h), c)).collect()
    }

    /// The sum of all paths' probabilities, text by text.
    fn all_paths(logits: &[f32]) -> Vec<(String, f32)> {
        let steps = logits.len() / 6;
        let mut sums: Vec<(String, f32)> = Vec::new();
        for path in 0..6_usize.pow(steps as u32) {
            let classes: Vec<usize> = (0..steps).map(|s| path / 6_usize.pow(s as u32) % 6).collect();
            let probability: f32 =
                classes.iter().enumerate().map(|(s, &c)| logits[s * 6 + c]).sum::<f32>().exp();
            let mut kept = classes.clone();
            kept.dedup();
            let text: String = kept.iter().filter_map(|&c| CHARS[c]).collect();
            match sums.iter_mut().find(|(t, _)| *t == text) {
                Some((_, sum)) => *sum += probability,
                None => sums.push((text, probability)),
            }
        }
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        sums
    }

    #[test]
    fn a_wide_beam_finds_the_text_of_the_highest_sum_over_paths() {
        let search = picture_alone();
        // The best path is all blank; more paths say "a".
        let tied = logs(&[[0.6, 0.4, 0.0, 0.0, 0.0, 0.0], [0.6, 0.4, 0.0, 0.0, 0.0, 0.0]]);
        assert_eq!(read(&search, &tied)[0].0, "a");
        let rows = [
            [0.3, 0.4, 0.1, 0.1, 0.05, 0.05],
            [0.1, 0.3, 0.3, 0.1, 0.1, 0.1],
            [0.4, 0.1, 0.2, 0.1, 0.1, 0.1],
            [0.1, 0.2, 0.25, 0.15, 0.2, 0.1],
        ];
        let logits = logs(&rows);
        let truth = all_paths(&logits);
        let wide = BeamConfig { width: 1024, temperature: 1.0, ..search.config.clone() };
        let found = read(&BeamSearch { config: wide, ..search.clone() }, &logits);
        for ((text, p), (expected, sum)) in found.iter().zip(&truth).take(5) {
            assert_eq!(text, expected);
            assert!((p - sum).abs() < 1e-4, "{text}: {p}, {sum}");
        }
    }

    #[test]
    fn the_language_decides_what_the_picture_leaves_open() {
        let search = search(&[("cab", 9.0), ("abba", 3.0)], BeamConfig::default());
        // c, a, then b or c.
        let doubtful = [
            [0.05, 0.05, 0.05, 0.75, 0.05, 0.05],
            [0.9, 0.02, 0.02, 0.02, 0.02, 0.02],
            [0.05, 0.75, 0.05, 0.05, 0.05, 0.05],
            [0.02, 0.02, 0.40, 0.52, 0.02, 0.02],
        ];
        let logits = logs(&doubtful);
        assert_eq!(read(&picture_alone(), &logits)[0].0, "cac");
        let found = read(&search, &logits);
        assert_eq!(found[0].0, "cab");
        assert!(found[0].1 > found[1].1 && found[0].1 < 1.0, "{found:?}");
        assert!((found.iter().map(|f| f.1).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn what_the_picture_shows_clearly_stays() {
        let search = search(&[("aaab", 99.0)], BeamConfig::default());
        let logits = logs(&[2, 0, 5, 3, 0, 3, 4, 3].map(|class| clear(class, 0.9975)));
        let found = read(&search, &logits);
        assert_eq!(found[0].0, "bBcc c");
        assert!(found[0].1 > found[1].1, "{found:?}");
    }

    #[test]
    fn a_clear_letter_is_not_overruled_however_unlikely_its_word_is() {
        let search = search(&[("cab", 1e6)], BeamConfig::default());
        let rows = |b: f32, c: f32| [clear(3, 0.995), clear(1, 0.995), [0.005, 0.0, b, c, 0.0, 0.0]];
        assert_eq!(read(&search, &logs(&rows(0.005, 0.99)))[0].0, "cac");
        assert_eq!(read(&search, &logs(&rows(0.43, 0.56)))[0].0, "cab");
    }

    #[test]
    fn marks_are_left_to_the_picture_and_the_word_goes_on_behind_them() {
        let chars = [None, Some('a'), Some('b'), Some('.'), Some(' '), Some('B')];
        let mut trainer = LanguageModelTrainer::new(4).unwrap();
        trainer.add("ab ab", 99.0);
        let search = BeamSearch::new(BeamConfig::default(), Arc::new(trainer.finish(0.0)), &chars, 0);
        let text = |rows: &[[f32; 6]]| {
            let logits = logs(rows);
            let norms = Steps::norms(&logits, 6, rows.len());
            let steps = Steps { logits: &logits, classes: 6, norms: &norms };
            let best = search.texts(&steps, 0..rows.len())[0].classes.clone();
            best.iter().filter_map(|&c| chars[c]).collect::<String>()
        };
        // A stop that is a little likelier than nothing stays, one that is a little less likely goes.
        let stop = |p: f32| [1.0 - p, 0.0, 0.0, p, 0.0, 0.0];
        let doubtful = [0.05, 0.05, 0.6, 0.0, 0.0, 0.3];
        assert_eq!(text(&[clear(1, 0.9), clear(2, 0.9), stop(0.55)]), "ab.");
        assert_eq!(text(&[clear(1, 0.9), clear(2, 0.9), stop(0.45)]), "ab");
        assert_eq!(text(&[clear(1, 0.9), stop(0.9), doubtful]), "a.b");
    }

    #[test]
    fn numbers_are_left_to_the_picture() {
        let chars = [None, Some('a'), Some('-'), Some('2'), Some(' '), Some('B')];
        let mut trainer = LanguageModelTrainer::new(4).unwrap();
        trainer.add("a 2 B", 99.0);
        let search = BeamSearch::new(BeamConfig::default(), Arc::new(trainer.finish(0.0)), &chars, 0);
        // A minus that is a little likelier than nothing, then a clear digit.
        let logits = logs(&[[0.45, 0.01, 0.51, 0.01, 0.01, 0.01], [0.02, 0.02, 0.02, 0.9, 0.02, 0.02]]);
        let norms = Steps::norms(&logits, 6, 2);
        let steps = Steps { logits: &logits, classes: 6, norms: &norms };
        assert_eq!(search.texts(&steps, 0..2)[0].classes, [2, 3]);
    }

    #[test]
    fn nothing_is_read_where_nothing_stands() {
        let search = search(&[("abc", 9.0)], BeamConfig::default());
        let blank = logs(&[[0.97, 0.006, 0.006, 0.006, 0.006, 0.006]; 5]);
        assert_eq!(read(&search, &blank)[0].0, "");
        assert_eq!(read(&search, &[]), [(String::new(), 1.0)]);
    }

    #[test]
    fn confidences_keep_their_order_and_their_middle() {
        let of = |sharpness| search(&[], BeamConfig { sharpness, ..BeamConfig::default() });
        let shares = [0.0, 0.1, 0.5, 0.8, 1.0];
        let sharp = shares.map(|share| of(2.0).calibrated(share));
        for (found, expected) in sharp.into_iter().zip([0.0, 0.012_195, 0.5, 0.941_176, 1.0]) {
            assert!((found - expected).abs() < 1e-5, "{sharp:?}");
        }
        let left = shares.map(|share| of(1.0).calibrated(share));
        assert!(left.iter().zip(shares).all(|(a, b)| (a - b).abs() < 1e-6), "{left:?}");
    }

    #[test]
    fn characters_stand_where_they_are_most_probable() {
        let logits = logs(&[0, 1, 1, 0, 1, 2, 0, 0].map(|class| clear(class, 0.9)));
        let norms = Steps::norms(&logits, 6, 8);
        let steps = Steps { logits: &logits, classes: 6, norms: &norms };
        assert_eq!(align(&steps, 0..8, &[1, 1, 2], 0), Some(vec![1..3, 4..5, 5..6]));
        assert_eq!(align(&steps, 3..8, &[1, 2], 0), Some(vec![4..5, 5..6]));
        assert_eq!(align(&steps, 0..8, &[], 0), Some(vec![]));
        assert_eq!(align(&steps, 0..2, &[1, 1], 0), None, "there is no room for the blank between");
        assert_eq!(align(&steps, 0..0, &[1], 0), None);
    }

    #[test]
    fn values_that_make_no_search_are_refused() {
        let default = BeamConfig::default();
        for (config, field) in [
            (BeamConfig { width: 0, ..default.clone() }, "width"),
            (BeamConfig { weight: f32::NAN, ..default.clone() }, "weight"),
            (BeamConfig { bonus: 99.0, ..default.clone() }, "bonus"),
            (BeamConfig { sure: 1.5, ..default.clone() }, "sure"),
            (BeamConfig { doubt: 1.5, ..default.clone() }, "doubt"),
            (BeamConfig { clear_share: -0.1, ..default.clone() }, "clear_share"),
            (BeamConfig { temperature: 0.0, ..default.clone() }, "temperature"),
            (BeamConfig { sharpness: 0.0, ..default.clone() }, "sharpness"),
        ] {
            let error = Decoding::Beam(config).validate("crnn_lite").unwrap_err().to_string();
            assert!(error.contains(&format!("crnn_lite.decoding.beam.{field}")), "{error}");
        }
        assert!(Decoding::Beam(default).validate("crnn_lite").is_ok());
    }
}
