//! WildReceipt: a JSON object a line, with class numbers; the class list and the dictionary lie beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::formats::line_json::{SceneOut, scene};
use crate::formats::lines::{Lines, Root};
use crate::formats::out::OutFile;
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{json_into, quad_of, size_of};
use crate::formats::{Format, Record, Truth};
use crate::{Error, Result};

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let mut root = Root::new(path, images);
    // The class list lies beside the labels, or beside the folder of the split.
    let parent = path.parent().unwrap_or(Path::new(""));
    let lists = [Some(parent), parent.parent()].into_iter().flatten().map(|p| p.join("class_list.txt"));
    let classes = match lists.into_iter().find(|p| p.is_file()) {
        Some(list) => class_list(&list)?,
        None => Vec::new(),
    };
    LineRecords::open(path, move |line, at, warnings| scene(line, at, &mut root, &classes, warnings))
}

/// The names of a class list, lines of a number and a name.
fn class_list(path: &Path) -> Result<Vec<String>> {
    let mut lines = Lines::open(path)?;
    let mut classes: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        let (at, line) = line?;
        let fail = |reason: String| Error::Label {
            at: at.clone(),
            reason,
            expected: "the number of a class, a space, its name",
        };
        let mut words = line.split_whitespace();
        let (number, name) = (words.next().unwrap_or_default(), words.next());
        let number: usize = number.parse().map_err(|_| fail(format!("{number:?} is no number")))?;
        let name = name.ok_or_else(|| fail("there is no name".to_owned()))?;
        if number > 100_000 {
            return Err(fail(format!("{number} is beyond the largest class number, 100000")));
        }
        if classes.len() <= number {
            classes.resize(number + 1, String::new());
        }
        if !classes[number].is_empty() {
            return Err(fail(format!("class {number} stands twice")));
        }
        classes[number] = name.to_owned();
    }
    Ok(classes)
}

#[derive(Serialize)]
struct BoxOut<'a> {
    #[serde(rename = "box")]
    corners: Vec<f64>,
    text: &'a str,
    label: u64,
}

/// WildReceipt's list, with a class list and a dictionary beside it. Those that are there already are used and kept.
pub(super) struct Sink {
    out: OutFile,
    folder: PathBuf,
    classes: Vec<String>,
    /// The class list was there before: no class may be added.
    fixed: bool,
    chars: BTreeSet<char>,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let list = folder.join("class_list.txt");
        let fixed = list.is_file();
        let classes = if fixed { class_list(&list)? } else { Vec::new() };
        Ok(Self { out: OutFile::create(path)?, folder, classes, fixed, chars: Default::default() })
    }

    fn class(&mut self, label: Option<&str>, record: &Record) -> Result<u64> {
        let label = label.unwrap_or("Ignore");
        if let Some(known) = self.classes.iter().position(|c| c == label) {
            return Ok(known as u64);
        }
        if let Ok(number) = label.parse() {
            return Ok(number);
        }
        let unfit = |reason: String| {
            Err(Error::Unfit { at: record.at.clone(), format: Format::WildReceipt.name(), reason })
        };
        if self.fixed {
            return unfit(format!(
                "the class {label:?} is not in class_list.txt beside the list; add it there"
            ));
        }
        if label.chars().any(char::is_whitespace) {
            return unfit(format!("the class {label:?} holds white space; rename it"));
        }
        self.classes.push(label.to_owned());
        Ok(self.classes.len() as u64 - 1)
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let mut boxes = Vec::with_capacity(instances.len());
        for instance in instances {
            let label = self.class(instance.label.as_deref(), record)?;
            // An ignored region has the empty text of the class that is ignored.
            let text = if instance.ignore && instance.label.is_none() { "" } else { instance.text() };
            self.chars.extend(text.chars());
            boxes.push(BoxOut { corners: quad_of(&instance.region.polygon, losses), text, label });
        }
        let mut line = String::new();
        let (width, height) = size_of(record, Format::WildReceipt)?;
        let out = SceneOut { file_name: &record.file_name, height, width, annotations: boxes };
        json_into(&out, record, Format::WildReceipt, &mut line)?;
        line.push('\n');
        self.out.put(line)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let this = *self;
        if !this.fixed && !this.classes.is_empty() {
            let list: String = this.classes.iter().enumerate().map(|(i, c)| format!("{i} {c}\n")).collect();
            let mut out = OutFile::create(&this.folder.join("class_list.txt"))?;
            out.put(list)?;
            out.commit()?;
        }
        let dict = this.folder.join("dict.txt");
        if !dict.exists() {
            let mut out = OutFile::create(&dict)?;
            out.put(
                this.chars
                    .iter()
                    .filter(|c| !"\n\r".contains(**c))
                    .map(|c| format!("{c}\n"))
                    .collect::<String>(),
            )?;
            out.commit()?;
        }
        this.out.commit()
    }
}
