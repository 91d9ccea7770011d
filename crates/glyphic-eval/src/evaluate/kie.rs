use std::collections::BTreeSet;
use std::fmt;

use glyphic_core::TextInstance;
use serde::{Deserialize, Serialize};

use super::{NamedPage, Warning, join};
use crate::table::{Table, list};
use crate::{Error, KieScore, Result, eval_kie_f1};

/// The names of the classes; a class's number is its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassList(Vec<String>);

impl ClassList {
    /// Classes by these names, numbered from 0.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// The classes of a text: one a line, either `number name` with numbers that count from 0 (WildReceipt's list), or names
    /// alone. Blank lines are passed over; `file` stands in errors.
    ///
    /// # Errors
    /// [`Error::ClassLine`] for a number out of turn or a name without one among numbered ones.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let lines: Vec<(usize, &str)> = (text.trim_start_matches('\u{feff}').lines().enumerate())
            .map(|(i, line)| (i + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let numbered = |line: &str| {
            let (number, name) = line.split_once(char::is_whitespace)?;
            Some((number.parse::<usize>().ok()?, name.trim().to_owned()))
        };
        if !lines.iter().any(|(_, line)| numbered(line).is_some()) {
            return Ok(Self(lines.into_iter().map(|(_, line)| line.to_owned()).collect()));
        }
        let name = |(class, (line, text)): (usize, &(usize, &str))| match numbered(text) {
            Some((number, name)) if number == class => Ok(name),
            _ => Err(Error::ClassLine { name: file.to_owned(), line: *line, text: (*text).to_owned() }),
        };
        lines.iter().enumerate().map(name).collect::<Result<_>>().map(Self)
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The number of a class given by its name, or else by its number.
    pub fn index(&self, class: &str) -> Option<usize> {
        let named = self.0.iter().position(|name| name == class);
        named.or_else(|| class.parse().ok().filter(|i| *i < self.0.len()))
    }
}

/// The classes of the boxes of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClassifiedPage {
    /// The image; `None` where the predictions stand in the truth's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// The class of each box, in the order of the truth's boxes: a name, or a number that counts from 0.
    pub labels: Vec<String>,
    /// Number of classes that were to choose from; 0 where unknown.
    pub classes: usize,
}

/// How key information is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KieOptions {
    /// The classes. Without it, those that occur, or as many as there are numbers.
    pub classes: Option<ClassList>,
    /// Classes, by name or number, that are left out of the report and of the mean.
    pub ignored: Vec<String>,
}

/// A box whose class is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KieMistake {
    /// Which box of the page, from 0.
    pub index: usize,
    /// What it says.
    pub text: String,
    /// Its class.
    pub truth: String,
    /// The class predicted; `None` where the image has no prediction.
    pub prediction: Option<String>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KieImage {
    /// Its file name in the truth.
    pub file_name: String,
    /// Number of its boxes.
    pub boxes: usize,
    /// The boxes whose class is wrong.
    pub mistakes: Vec<KieMistake>,
}

/// What [`evaluate_kie`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KieReport {
    /// The metrics.
    #[serde(flatten)]
    pub score: KieScore,
    /// The names of all classes, by their numbers.
    pub names: Vec<String>,
    /// Each image, the one with the largest share of mistakes first.
    pub images: Vec<KieImage>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Key information of a data set: the class of every box of the truth against the predicted one. All boxes take part,
/// those of ignored instances too. The boxes of an image without prediction count as wrong, with a warning.
///
/// # Errors
/// [`Error::NoClass`] for a box of the truth without class, [`Error::BoxCount`] where a prediction has another number of
/// boxes, [`Error::UnknownClass`] for a class that is not listed, and the errors of names as in
/// [`crate::evaluate_detection`].
pub fn evaluate_kie(
    truth: &[NamedPage],
    predictions: &[ClassifiedPage],
    options: &KieOptions,
) -> Result<KieReport> {
    let names = truth.iter().map(|(name, _)| name.as_str());
    let (found, warnings) = join(names, predictions.iter().map(|p| p.file_name.as_deref()))?;
    let truth_labels = truth.iter().map(labels).collect::<Result<Vec<_>>>()?;
    for ((k, (file_name, _)), labels) in found.iter().zip(truth).zip(&truth_labels) {
        if let Some(got) = k.map(|k| predictions[k].labels.len()).filter(|got| *got != labels.len()) {
            return Err(Error::BoxCount { file_name: file_name.clone(), expected: labels.len(), got });
        }
    }
    let classes = match &options.classes {
        Some(classes) => classes.clone(),
        None => occurring(&truth_labels, predictions),
    };
    let count = classes.names().len();
    let class = |place: &dyn Fn() -> String, label: &str| {
        let unknown = || Error::UnknownClass { place: place(), class: label.to_owned(), classes: count };
        // Classes that only occur have no numbers: a number among names is of a list that is not given.
        let named = || classes.names().iter().position(|name| name == label);
        options.classes.as_ref().map_or_else(named, |list| list.index(label)).ok_or_else(unknown)
    };
    let (mut all_truths, mut all_predicted) = (Vec::new(), Vec::new());
    let mut images = Vec::with_capacity(truth.len());
    for ((k, (file_name, page)), labels) in found.iter().zip(truth).zip(&truth_labels) {
        let mut mistakes = Vec::new();
        for (index, label) in labels.iter().enumerate() {
            let t = class(&|| format!("{file_name:?}, box {index} of the truth"), label)?;
            let p = match k {
                Some(k) => {
                    let label = &predictions[*k].labels[index];
                    Some(class(&|| format!("{file_name:?}, box {index} of the predictions"), label)?)
                }
                None => None,
            };
            if p != Some(t) {
                mistakes.push(KieMistake {
                    index,
                    text: page.instances[index].text().to_owned(),
                    truth: classes.names()[t].clone(),
                    prediction: p.map(|p| classes.names()[p].clone()),
                });
            }
            all_truths.push(t);
            // A class of its own for no prediction, which is ignored.
            all_predicted.push(p.unwrap_or(count));
        }
        images.push(KieImage { file_name: file_name.clone(), boxes: labels.len(), mistakes });
    }
    let mut ignored = vec![count];
    for label in &options.ignored {
        ignored.push(class(&|| "the classes to ignore".to_owned(), label)?);
    }
    images.sort_by(|a, b| {
        let share = |i: &KieImage| i.mistakes.len() as f64 / i.boxes.max(1) as f64;
        share(b).total_cmp(&share(a))
    });
    Ok(KieReport {
        score: eval_kie_f1(&all_predicted, &all_truths, count + 1, &ignored)?,
        names: classes.names().to_vec(),
        images,
        warnings,
    })
}

/// The class of every box of a page of truth.
fn labels<'a>((file_name, page): &'a NamedPage) -> Result<Vec<&'a str>> {
    let label = |(index, instance): (usize, &'a TextInstance)| {
        let missing = || Error::NoClass { file_name: file_name.clone(), index };
        instance.label.as_deref().ok_or_else(missing)
    };
    page.instances.iter().enumerate().map(label).collect()
}

/// Numbers up to the largest where all classes are numbers, else all names in their order; numbers among names are taken
/// for numbers of a list that is not given, and left out.
fn occurring(truth: &[Vec<&str>], predictions: &[ClassifiedPage]) -> ClassList {
    let predicted = predictions.iter().flat_map(|p| p.labels.iter().map(String::as_str));
    let all: BTreeSet<&str> = truth.iter().flatten().copied().chain(predicted).collect();
    let numbers: Vec<Option<usize>> = all.iter().map(|c| c.parse().ok()).collect();
    if numbers.iter().all(Option::is_some) {
        let occur = numbers.iter().flatten().map(|n| n + 1);
        let count = occur.chain(predictions.iter().map(|p| p.classes)).max().unwrap_or(0);
        return ClassList((0..count).map(|n| n.to_string()).collect());
    }
    ClassList(all.iter().zip(&numbers).filter(|(_, n)| n.is_none()).map(|(c, _)| (*c).to_owned()).collect())
}

impl fmt::Display for KieReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "key information of {} boxes in {} images", self.score.boxes, self.images.len())?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "F1"]);
        for c in &self.score.classes {
            let ratios = [c.recall, c.precision, c.f1].map(f64::from);
            table.ratios(&self.names[c.class], c.truths, c.predictions, ratios);
        }
        write!(f, "{table}")?;
        let mut table = Table::new(["", "value"]);
        table.row(["macro F1".to_owned(), format!("{:.4}", self.score.macro_f1)]);
        let present = "macro F1 of the classes in the truth".to_owned();
        table.row([present, format!("{:.4}", self.score.macro_f1_present)]);
        table.row(["accuracy".to_owned(), format!("{:.4}", self.score.accuracy)]);
        write!(f, "{table}")?;
        list(f, &self.warnings)
    }
}
