//! Choosing classes one after the other: the best of each step, or the best text by a beam search.

use serde::{Deserialize, Serialize};

use super::scores::{argmax, softmax};
use crate::error::invalid;
use crate::{Error, Result};

/// How classes are chosen by a network that writes class by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// The best class of each step.
    #[default]
    Greedy,
    /// The text of the highest score among those that a beam keeps.
    Beam(StepBeam),
}

/// A beam search over steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepBeam {
    /// Texts that are kept from step to step.
    pub width: usize,
    /// What a text's score is made of.
    pub score: BeamScore,
}

impl Default for StepBeam {
    /// MMOCR's width.
    fn default() -> Self {
        Self { width: 5, score: BeamScore::default() }
    }
}

/// What a text's score in a beam is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeamScore {
    /// The sum of the logarithms of its classes' probabilities, so that of the text's own. A text that has ended stays as it
    /// is.
    #[default]
    LogProbability,
    /// The sum of its classes' probabilities, and no text ends before the last step: what MMOCR does. Long texts win.
    ProbabilitySum,
}

impl Search {
    /// Checks every value; `model` names the owner.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field out of its range.
    pub fn validate(self, model: &'static str) -> Result<()> {
        match self {
            Self::Beam(beam) if !(1..=256).contains(&beam.width) => {
                invalid(model, "search.beam.width", beam.width, "1 to 256")
            }
            _ => Ok(()),
        }
    }
}

/// How a step is repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOptions {
    /// Columns of the input in one column of the features.
    pub stride: u32,
    /// The class before the first one.
    pub start: usize,
    /// The class behind the last one; without one all steps are made.
    pub end: Option<usize>,
    /// The most steps.
    pub limit: usize,
    /// How the classes are chosen.
    pub search: Search,
    /// How a text is read once more as a whole; `None` for a network that cannot.
    pub refine: Option<Refine>,
}

/// Readings of all positions at once, each with what the one before it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refine {
    /// How often a text is read again.
    pub iterations: usize,
    /// Whether the first reading is one of all positions at once too, with nothing before it, and not class by class.
    pub parallel: bool,
}

impl StepOptions {
    /// Columns of the features of an input that is `padded` wide.
    pub fn columns(&self, padded: u32) -> usize {
        padded.div_ceil(self.stride) as usize
    }
}

/// A text that is being written.
#[derive(Debug, Clone)]
struct Text {
    /// Class and probability of each step.
    chosen: Vec<(usize, f32)>,
    score: f64,
    ended: bool,
    /// Its row in the network's batch.
    row: usize,
}

/// The state of a search over a batch of crops.
pub struct StepSearch<'a> {
    options: &'a StepOptions,
    /// The texts of each crop, best first. A crop that is over has no row in the batch.
    beams: Vec<Vec<Text>>,
    over: Vec<bool>,
    tokens: Vec<usize>,
    /// The crop of each row.
    crops: Vec<usize>,
    /// Without a beam, all probabilities of each crop's steps.
    rows: Vec<Vec<f32>>,
    classes: usize,
}

impl<'a> StepSearch<'a> {
    /// Before the first step of so many crops.
    pub fn new(options: &'a StepOptions, crops: usize) -> Self {
        let text = |row| vec![Text { chosen: Vec::new(), score: 0.0, ended: false, row }];
        Self {
            options,
            beams: (0..crops).map(text).collect(),
            over: vec![options.limit == 0; crops],
            tokens: vec![options.start; crops],
            crops: (0..crops).collect(),
            rows: vec![Vec::new(); crops],
            classes: 0,
        }
    }

    /// The class before the next step, for each row.
    pub fn tokens(&self) -> &[usize] {
        &self.tokens
    }

    /// The crop of each row.
    pub fn crops(&self) -> Vec<usize> {
        self.crops.clone()
    }

    /// Whether every text has ended.
    pub fn is_over(&self) -> bool {
        self.over.iter().all(|over| *over)
    }

    /// Takes a step's logits. Gives the rows that the next step stands on, where those are not the same again.
    ///
    /// # Errors
    /// [`Error::Logits`] where they are not as many for each row.
    pub fn advance(&mut self, logits: &[f32]) -> Result<Option<Vec<usize>>> {
        let rows = self.tokens.len();
        if rows == 0 || !logits.len().is_multiple_of(rows) || logits.is_empty() {
            return Err(Error::Logits { rows, got: logits.len() });
        }
        self.classes = logits.len() / rows;
        let probabilities: Vec<f32> = logits.chunks_exact(self.classes).flat_map(softmax).collect();
        match self.options.search {
            Search::Greedy => {
                self.greedy(&probabilities);
                Ok(None)
            }
            Search::Beam(beam) => Ok(Some(self.beam(beam, &probabilities))),
        }
    }

    fn greedy(&mut self, probabilities: &[f32]) {
        for (crop, row) in probabilities.chunks_exact(self.classes).enumerate() {
            let best = argmax(row);
            self.tokens[crop] = best;
            if !self.over[crop] {
                self.rows[crop].extend_from_slice(row);
                self.over[crop] = Some(best) == self.options.end;
            }
        }
    }

    fn beam(&mut self, beam: StepBeam, probabilities: &[f32]) -> Vec<usize> {
        let logarithms = beam.score == BeamScore::LogProbability;
        let (mut parents, mut tokens, mut crops) = (Vec::new(), Vec::new(), Vec::new());
        for (crop, (texts, over)) in self.beams.iter_mut().zip(&mut self.over).enumerate() {
            if *over {
                continue;
            }
            // By score, with the text it continues and the class; a text that has ended continues with nothing.
            let mut next: Vec<(f64, usize, Option<usize>)> = Vec::new();
            for (i, text) in texts.iter().enumerate() {
                if text.ended {
                    next.push((text.score, i, None));
                    continue;
                }
                let row = &probabilities[text.row * self.classes..(text.row + 1) * self.classes];
                let mut order: Vec<usize> = (0..self.classes).collect();
                order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
                for (rank, class) in order.into_iter().take(beam.width).enumerate() {
                    let p = f64::from(row[class]);
                    let score = match logarithms {
                        true => text.score + p.ln(),
                        // MMOCR parts equal texts of a beam by their ranks.
                        false => text.score + p + rank as f64 * 1e-6,
                    };
                    next.push((score, i, Some(class)));
                }
            }
            next.sort_by(|a, b| b.0.total_cmp(&a.0));
            next.truncate(beam.width);
            let kept = next.into_iter().map(|(score, i, class)| {
                let from = &texts[i];
                let Some(class) = class else { return from.clone() };
                let p = probabilities[from.row * self.classes + class];
                let mut chosen = from.chosen.clone();
                chosen.push((class, p));
                // The parting of equals is not part of the score.
                let score = if logarithms { score } else { from.score + f64::from(p) };
                let ended = logarithms && Some(class) == self.options.end;
                Text { chosen, score, ended, row: from.row }
            });
            *texts = kept.collect();
            // No text gains by going on, so one that has ended and is best stays so.
            *over = texts.first().is_none_or(|best| best.ended);
            if !*over {
                for text in texts.iter_mut().filter(|text| !text.ended) {
                    parents.push(text.row);
                    tokens.push(text.chosen.last().map_or(self.options.start, |(class, _)| *class));
                    crops.push(crop);
                    text.row = parents.len() - 1;
                }
            }
        }
        (self.tokens, self.crops) = (tokens, crops);
        parents
    }

    /// Probabilities `[steps, classes]` of each crop, and the number of classes. Those of a beam search hold the best text's
    /// classes alone.
    pub fn finish(self) -> (Vec<Vec<f32>>, usize) {
        let classes = self.classes;
        if self.options.search == Search::Greedy {
            return (self.rows, classes);
        }
        let rows = self.beams.iter().map(|texts| {
            let chosen = texts.first().map_or(&[][..], |best| &best.chosen);
            let mut rows = vec![0.0; chosen.len() * classes];
            for (step, (class, p)) in chosen.iter().enumerate() {
                rows[step * classes + class] = *p;
            }
            rows
        });
        (rows.collect(), classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(search: Search, limit: usize) -> StepOptions {
        StepOptions { stride: 1, start: 2, end: Some(2), limit, search, refine: None }
    }

    /// Writes by a table: the probabilities of the next class by the classes so far.
    fn write(search: Search, limit: usize, next: impl Fn(&[usize]) -> [f32; 3]) -> Vec<usize> {
        let options = options(search, limit);
        let mut search = StepSearch::new(&options, 1);
        let mut texts: Vec<Vec<usize>> = vec![Vec::new()];
        for _ in 0..limit {
            let logits: Vec<f32> = texts.iter().flat_map(|text| next(text)).map(f32::ln).collect();
            let parents = search.advance(&logits).unwrap().unwrap_or_else(|| (0..texts.len()).collect());
            if search.is_over() {
                break;
            }
            texts = parents.iter().map(|parent| texts[*parent].clone()).collect();
            for (text, token) in texts.iter_mut().zip(search.tokens()) {
                text.push(*token);
            }
        }
        let (rows, classes) = search.finish();
        rows[0].chunks_exact(classes).map(argmax).collect()
    }

    #[test]
    fn a_beam_finds_the_likelier_text_that_the_best_first_class_misses() {
        let next = |text: &[usize]| match text {
            [] => [0.6, 0.4, 0.0001],
            [0] => [0.4, 0.3, 0.3],
            [1] => [0.05, 0.05, 0.9],
            _ => [0.05, 0.05, 0.9],
        };
        assert_eq!(write(Search::Greedy, 3, next), [0, 0, 2]);
        let beam = StepBeam { width: 3, score: BeamScore::LogProbability };
        assert_eq!(write(Search::Beam(beam), 3, next), [1, 2]);
        let sums = StepBeam { score: BeamScore::ProbabilitySum, ..beam };
        assert_eq!(write(Search::Beam(sums), 3, next).len(), 3, "no text ends early");
        let one = StepBeam { width: 1, ..beam };
        assert_eq!(write(Search::Beam(one), 3, next), [0, 0, 2], "a beam of one is greedy");
    }

    #[test]
    fn crops_end_by_themselves() {
        let options = options(Search::Beam(StepBeam::default()), 4);
        let mut search = StepSearch::new(&options, 2);
        // The first crop ends at once; the second one goes on.
        let logits = [0.001_f32, 0.001, 0.998, 0.9, 0.05, 0.05].map(f32::ln);
        search.advance(&logits).unwrap();
        assert!(!search.is_over());
        assert!(search.crops().iter().all(|crop| *crop == 1), "{:?}", search.crops());
        let ends: Vec<f32> =
            search.tokens().iter().flat_map(|_| [0.001_f32, 0.001, 0.998]).map(f32::ln).collect();
        search.advance(&ends).unwrap();
        assert!(search.is_over());
        let (rows, classes) = search.finish();
        let text = |rows: &[f32]| rows.chunks_exact(classes).map(argmax).collect::<Vec<_>>();
        assert_eq!((text(&rows[0]), text(&rows[1])), (vec![2], vec![0, 2]));
    }
}
