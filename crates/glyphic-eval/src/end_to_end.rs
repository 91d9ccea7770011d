use std::collections::HashMap;
use std::fmt;

use glyphic_core::{Page, Point, TextInstance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::evaluate::{ImageScore, NamedPage, Warning, join};
use crate::hmean::{IouOptions, Metric, Overlaps, Score, rank};
use crate::recognition::comparable;
use crate::table::{Table, list};

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

/// End-to-end reading at one level: words or lines. In [`Score`], hits are texts (or words) read right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndToEndLevel {
    /// All images together.
    #[serde(flatten)]
    pub score: Score,
    /// Each image, from the worst F1 to the best.
    pub images: Vec<ImageScore>,
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

/// One text and its outline.
type Text<'a> = (&'a [Point], &'a str);

/// End-to-end reading of a data set. A truth that is to be ignored, or whose text is unknown, neither rewards nor
/// punishes: predictions on it do not count. An image without prediction counts as one where nothing was read,
/// with a warning.
///
/// # Errors
/// [`crate::Error::UnknownImage`] for a prediction without truth, [`crate::Error::DuplicateImage`] for two entries of one image,
/// [`crate::Error::Option`] for a threshold outside 0 to 1.
pub fn evaluate_end_to_end(
    truth: &[NamedPage],
    predictions: &[NamedPage],
    options: &EndToEndOptions,
) -> Result<EndToEndReport> {
    Metric::HmeanIou(options.iou).check()?;
    let (found, warnings) =
        join(truth.iter().map(|(n, _)| n.as_str()), predictions.iter().map(|(n, _)| n.as_str()))?;
    let empty = Page::default();
    let predicted: Vec<&Page> = found.iter().map(|f| f.map_or(&empty, |k| &predictions[k].1)).collect();
    let protocol = choose(options.protocol, truth);
    let level = |texts: fn(&Page) -> Vec<Text<'_>>| -> Result<EndToEndLevel> {
        let images = (truth.par_iter().zip(&predicted).enumerate())
            .map(|(i, ((_, truth), page))| score_image(i, truth, &texts(page), protocol, options))
            .collect::<Result<Vec<_>>>()?;
        let named = |i: usize| ImageScore { file_name: truth[i].0.clone(), score: images[i] };
        Ok(EndToEndLevel {
            score: Score::total(&images),
            images: rank(&images).into_iter().map(named).collect(),
        })
    };
    let has_lines = predicted.iter().any(|p| !p.lines.is_empty());
    let (instances, lines) = match protocol {
        Protocol::Spotting if has_lines => (level(instances)?, Some(level(lines)?)),
        Protocol::Spotting => (level(instances)?, None),
        Protocol::BagOfWords => {
            (level(|page| if page.instances.is_empty() { lines(page) } else { instances(page) })?, None)
        }
    };
    Ok(EndToEndReport { images: truth.len(), protocol, options: *options, instances, lines, warnings })
}

fn instances(page: &Page) -> Vec<Text<'_>> {
    page.instances.iter().map(|i| (i.region.polygon.points(), i.text())).collect()
}

fn lines(page: &Page) -> Vec<Text<'_>> {
    page.lines.iter().map(|l| (l.polygon.points(), l.text.as_str())).collect()
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

fn score_image(
    image: usize,
    truth: &Page,
    predicted: &[Text<'_>],
    protocol: Protocol,
    options: &EndToEndOptions,
) -> Result<Score> {
    let truths: Vec<&TextInstance> = truth.instances.iter().filter(|i| counts(i)).collect();
    let ignored = truth.instances.iter().filter(|i| !counts(i)).map(|i| i.region.polygon.points());
    let outlines = truths.iter().map(|i| i.region.polygon.points());
    let overlaps = Overlaps::new(predicted.iter().map(|p| p.0), outlines, ignored, options.iou.rule);
    match protocol {
        Protocol::Spotting => {
            let kept: Vec<usize> = (0..predicted.len()).collect();
            let (detection, pairs) = overlaps.match_by_iou(&options.iou, image, &kept)?;
            let right = pairs.iter().filter(|&&(t, p)| options.same(truths[t].text(), predicted[p].1));
            let hits = right.count() as f64;
            Ok(Score::new(hits, hits, detection.truths, detection.predictions))
        }
        Protocol::BagOfWords => {
            let on_ignored = overlaps.ignored(options.iou.ignore_threshold);
            let counted = predicted.iter().zip(on_ignored).filter(|(_, ignored)| !ignored).map(|(p, _)| p.1);
            Ok(bag_of_words(truths.iter().map(|t| t.text()), counted, options))
        }
    }
}

fn bag_of_words<'a>(
    truths: impl Iterator<Item = &'a str>,
    predicted: impl Iterator<Item = &'a str>,
    options: &EndToEndOptions,
) -> Score {
    let mut bag: HashMap<_, usize> = HashMap::new();
    let (mut truth_words, mut predicted_words, mut hits) = (0, 0, 0);
    for word in truths.flat_map(str::split_whitespace) {
        truth_words += 1;
        *bag.entry(options.normal(word)).or_default() += 1;
    }
    for word in predicted.flat_map(str::split_whitespace) {
        predicted_words += 1;
        if let Some(left) = bag.get_mut(&options.normal(word)).filter(|left| **left > 0) {
            *left -= 1;
            hits += 1;
        }
    }
    Score::new(f64::from(hits), f64::from(hits), truth_words, predicted_words)
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
        writeln!(f, "{protocol} of {} images, {case}{symbols}", self.images)?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "F1"]);
        table.score(unit, &self.instances.score);
        if let Some(lines) = &self.lines {
            table.score("lines", &lines.score);
        }
        write!(f, "{table}")?;
        list(f, &self.warnings)
    }
}
