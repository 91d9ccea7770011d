use std::collections::HashMap;
use std::fmt;

use glyphic_core::{Page, TextInstance};
use serde::{Deserialize, Serialize};

use super::{Joined, NamedPage, Sides, Warning, worst_first};
use crate::hmean::{IouOptions, Metric, Overlaps, Score, for_each_image};
use crate::recognition::comparable;
use crate::table::{Table, list};
use crate::{Found, Predicted, Result, ThresholdScore};

/// How texts found are compared with the texts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Each text at its place (ICDAR 2015 task 4): a prediction is right where it matches a truth by IoU and says the same.
    Spotting,
    /// The words of each image as a multiset (ICDAR 2019 SROIE task 2), wherever they stand.
    BagOfWords,
}

/// Which protocol to evaluate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolChoice {
    /// Bag of words where at least a tenth of the truth's texts hold white space, so that boxes are lines; else spotting.
    #[default]
    Auto,
    /// [`Protocol::Spotting`].
    Spotting,
    /// [`Protocol::BagOfWords`].
    BagOfWords,
}

/// How end-to-end reading is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndToEndOptions {
    /// The protocol.
    pub protocol: ProtocolChoice,
    /// How places match, and when a prediction lies on an ignored truth.
    pub iou: IouOptions,
    /// Predictions below this score are left out, where given.
    pub min_score: Option<f64>,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// Symbols before and behind a text do not matter; those of a text of symbols alone do.
    pub ignore_end_symbols: bool,
}

impl Default for EndToEndOptions {
    /// As ICDAR: case is ignored, symbols are not.
    fn default() -> Self {
        Self {
            protocol: ProtocolChoice::Auto,
            iou: IouOptions::default(),
            min_score: None,
            ignore_case: true,
            ignore_end_symbols: false,
        }
    }
}

impl EndToEndOptions {
    fn same(&self, a: &str, b: &str) -> bool {
        self.normal(a) == self.normal(b)
    }

    fn normal<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        comparable(text, self.ignore_case, self.ignore_end_symbols)
    }
}

/// A text found at the right place and read wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misread {
    /// What it says.
    pub truth: String,
    /// What was read.
    pub prediction: String,
}

/// End-to-end reading of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndToEndImage {
    /// Its file name in the truth.
    pub file_name: String,
    /// Its score.
    #[serde(flatten)]
    pub score: Score,
    /// Texts found at their place and read wrong. Spotting only.
    pub misread: Vec<Misread>,
    /// Texts (or words) of the truth that were not found.
    pub missed: Vec<String>,
    /// Texts (or words) read where there are none that count.
    pub wrong: Vec<String>,
}

/// End-to-end reading at one level: words or lines. In [`Score`], hits are texts (or words) read right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndToEndLevel {
    /// All images together.
    #[serde(flatten)]
    pub score: Score,
    /// Each image, from the worst F1 to the best.
    pub images: Vec<EndToEndImage>,
}

/// What [`evaluate_end_to_end`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndToEndReport {
    /// Images of the truth.
    pub images: usize,
    /// The protocol that was chosen.
    pub protocol: Protocol,
    /// The options.
    pub options: EndToEndOptions,
    /// The predicted instances against the truth.
    pub instances: EndToEndLevel,
    /// The predicted lines against the truth, where there are any; spotting only, a bag of words holds the same words.
    pub lines: Option<EndToEndLevel>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// End-to-end reading of a data set. A truth that is to be ignored, or whose text is unknown, neither rewards nor
/// punishes: predictions on it do not count. An image without prediction counts as one where nothing was read,
/// with a warning.
///
/// # Errors
/// [`crate::Error::UnknownImage`] for a prediction without truth, [`crate::Error::DuplicateImage`] for two entries of one image,
/// [`crate::Error::Order`] and [`crate::Error::UnnamedPrediction`] where names are missing, [`crate::Error::Option`] for
/// a threshold outside 0 to 1.
pub fn evaluate_end_to_end<P: Predicted>(
    truth: &[NamedPage],
    predictions: &[P],
    options: &EndToEndOptions,
) -> Result<EndToEndReport> {
    Metric::HmeanIou(options.iou).check()?;
    let joined = Joined::new(truth, predictions)?;
    let protocol = choose(options.protocol, truth);
    let level = |found: &[Vec<Found<'_>>]| -> Result<EndToEndLevel> {
        let images = for_each_image(truth, |i, (file_name, page)| {
            let image = ImageTexts::new(i, page, &found[i], options);
            let (score, details) = image.score(protocol, options.min_score)?;
            Ok(details.image(file_name, score))
        })?;
        Ok(EndToEndLevel {
            score: Score::total(images.iter().map(|i| &i.score)),
            images: worst_first(images, |i| &i.score),
        })
    };
    let lines = match protocol {
        Protocol::Spotting if joined.has_lines() => Some(level(&joined.lines)?),
        _ => None,
    };
    Ok(EndToEndReport {
        images: truth.len(),
        protocol,
        options: *options,
        instances: level(&texts(&joined, protocol))?,
        lines,
        warnings: joined.warnings,
    })
}

/// [`evaluate_end_to_end`] of the instances at or above each of the thresholds, instead of `options.min_score`.
///
/// # Errors
/// As [`evaluate_end_to_end`].
pub fn sweep_end_to_end<P: Predicted>(
    truth: &[NamedPage],
    predictions: &[P],
    options: &EndToEndOptions,
    thresholds: &[f64],
) -> Result<Vec<ThresholdScore>> {
    Metric::HmeanIou(options.iou).check()?;
    let joined = Joined::new(truth, predictions)?;
    let protocol = choose(options.protocol, truth);
    let found = texts(&joined, protocol);
    let images = for_each_image(truth, |i, (_, page)| {
        let image = ImageTexts::new(i, page, &found[i], options);
        let at = |threshold: &f64| image.score(protocol, Some(*threshold)).map(|(score, _)| score);
        thresholds.iter().map(at).collect::<Result<Vec<Score>>>()
    })?;
    let total = |(k, &threshold): (usize, &f64)| ThresholdScore {
        threshold,
        score: Score::total(images.iter().map(|scores| &scores[k])),
    };
    Ok(thresholds.iter().enumerate().map(total).collect())
}

/// The texts of each image at the level of instances; a bag of words takes the lines where there is nothing else.
fn texts<'a>(joined: &Joined<'a>, protocol: Protocol) -> Vec<Vec<Found<'a>>> {
    let images = joined.instances.iter().zip(&joined.lines);
    let of = |(instances, lines): (&Vec<Found<'a>>, &Vec<Found<'a>>)| {
        if protocol == Protocol::BagOfWords && instances.is_empty() {
            lines.clone()
        } else {
            instances.clone()
        }
    };
    images.map(of).collect()
}

fn counts(instance: &TextInstance) -> bool {
    !instance.ignore && instance.transcript.is_some()
}

fn choose(choice: ProtocolChoice, truth: &[NamedPage]) -> Protocol {
    match choice {
        ProtocolChoice::Spotting => Protocol::Spotting,
        ProtocolChoice::BagOfWords => Protocol::BagOfWords,
        ProtocolChoice::Auto => {
            let texts = || truth.iter().flat_map(|(_, p)| &p.instances).filter(|i| counts(i));
            let spaced = texts().filter(|i| i.text().trim().contains(char::is_whitespace)).count();
            if spaced > 0 && spaced * 10 >= texts().count() {
                Protocol::BagOfWords
            } else {
                Protocol::Spotting
            }
        }
    }
}

/// One image: the texts of both sides and how their outlines overlap.
struct ImageTexts<'a> {
    index: usize,
    truths: Vec<&'a str>,
    found: &'a [Found<'a>],
    overlaps: Overlaps<'a>,
    on_ignored: Vec<bool>,
    options: &'a EndToEndOptions,
}

/// What is not right: (truth, prediction) at one place, and truths and predictions (or their words) without the other.
#[derive(Default)]
struct Details<'a> {
    misread: Vec<(&'a str, &'a str)>,
    missed: Vec<&'a str>,
    wrong: Vec<&'a str>,
}

impl<'a> ImageTexts<'a> {
    fn new(index: usize, page: &'a Page, found: &'a [Found<'a>], options: &'a EndToEndOptions) -> Self {
        let sides = Sides::new(page, counts);
        let outlines = found.iter().map(|f| f.outline);
        let overlaps =
            Overlaps::new(outlines, sides.counted_outlines, sides.ignored_outlines, options.iou.rule);
        let on_ignored = overlaps.ignored(options.iou.ignore_threshold);
        let truths = sides.counted.into_iter().map(|t| page.instances[t].text()).collect();
        Self { index, truths, found, overlaps, on_ignored, options }
    }

    /// The score of the predictions at or above `min_score`.
    fn score(&self, protocol: Protocol, min_score: Option<f64>) -> Result<(Score, Details<'a>)> {
        let high = |p: &usize| min_score.is_none_or(|min| self.found[*p].score >= min);
        let kept: Vec<usize> = (0..self.found.len()).filter(high).collect();
        match protocol {
            Protocol::Spotting => self.spot(&kept),
            Protocol::BagOfWords => Ok(self.bag_of_words(&kept)),
        }
    }

    fn spot(&self, kept: &[usize]) -> Result<(Score, Details<'a>)> {
        let (detection, pairs) = self.overlaps.match_by_iou(&self.options.iou, self.index, kept)?;
        let (mut free_truth, mut free) = (vec![true; self.truths.len()], vec![true; self.found.len()]);
        let mut details = Details::default();
        let mut hits = 0.0;
        for (t, p) in pairs {
            (free_truth[t], free[p]) = (false, false);
            let (truth, prediction) = (self.truths[t], self.found[p].text);
            if self.options.same(truth, prediction) {
                hits += 1.0;
            } else {
                details.misread.push((truth, prediction));
            }
        }
        details.missed = (0..self.truths.len()).filter(|&t| free_truth[t]).map(|t| self.truths[t]).collect();
        let wrong = kept.iter().filter(|p| free[**p] && !self.on_ignored[**p]);
        details.wrong = wrong.map(|&p| self.found[p].text).collect();
        Ok((Score::new(hits, hits, detection.truths, detection.predictions), details))
    }

    fn bag_of_words(&self, kept: &[usize]) -> (Score, Details<'a>) {
        let truths: Vec<&str> = self.truths.iter().flat_map(|t| t.split_whitespace()).collect();
        let mut bag: HashMap<_, Vec<usize>> = HashMap::new();
        // The first of equal words is taken first.
        for (i, word) in truths.iter().enumerate().rev() {
            bag.entry(self.options.normal(word)).or_default().push(i);
        }
        let mut missed = vec![true; truths.len()];
        let (mut predictions, mut wrong) = (0, Vec::new());
        let counted = kept.iter().filter(|p| !self.on_ignored[**p]);
        for word in counted.flat_map(|p| self.found[*p].text.split_whitespace()) {
            predictions += 1;
            match bag.get_mut(&self.options.normal(word)).and_then(Vec::pop) {
                Some(i) => missed[i] = false,
                None => wrong.push(word),
            }
        }
        let hits = (predictions - wrong.len()) as f64;
        let score = Score::new(hits, hits, truths.len(), predictions);
        let missed = truths.into_iter().zip(missed).filter(|(_, missed)| *missed).map(|(word, _)| word);
        (score, Details { misread: Vec::new(), missed: missed.collect(), wrong })
    }
}

impl Details<'_> {
    fn image(self, file_name: &str, score: Score) -> EndToEndImage {
        let own = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let misread = |(truth, prediction): (&str, &str)| Misread {
            truth: truth.to_owned(),
            prediction: prediction.to_owned(),
        };
        EndToEndImage {
            file_name: file_name.to_owned(),
            score,
            misread: self.misread.into_iter().map(misread).collect(),
            missed: own(self.missed),
            wrong: own(self.wrong),
        }
    }
}

impl fmt::Display for EndToEndReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, unit) = match self.protocol {
            Protocol::Spotting => {
                (format!("word spotting (IoU > {})", self.options.iou.iou_threshold), "instances")
            }
            Protocol::BagOfWords => ("bag of words".to_owned(), "words"),
        };
        let case = if self.options.ignore_case { "case ignored" } else { "case matters" };
        let symbols = if self.options.ignore_end_symbols { ", symbols at the ends ignored" } else { "" };
        let scored = self.options.min_score.map_or_else(String::new, |s| format!(", score >= {s}"));
        writeln!(f, "{protocol} of {} images, {case}{symbols}{scored}", self.images)?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "F1"]);
        table.score(unit, &self.instances.score);
        if let Some(lines) = &self.lines {
            table.score("lines", &lines.score);
        }
        write!(f, "{table}")?;
        list(f, &self.warnings)
    }
}
