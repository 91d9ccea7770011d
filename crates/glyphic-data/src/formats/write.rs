use std::collections::BTreeMap;
use std::path::Path;

use glyphic_core::geometry::Point;
use glyphic_core::{Polygon, TextInstance};
use serde::Serialize;

use crate::formats::folder::FolderSink;
use crate::formats::out::{OutFile, OutFolder, Spool};
use crate::formats::{
    Format, Kind, Record, Truth, cluener, coco, ctw1500, icdar, label_studio, line_json, lmdb, mmocr1, pack,
    paddle, sroie, svt, synthtext, text, textocr, totaltext,
};
use crate::{Error, Result, crop};

/// How a format is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// What stands between file name and text in [`Format::Text`]; a TAB when `None`.
    pub separator: Option<String>,
    /// What a picture's label file is, where a format has a choice.
    pub label_files: LabelFiles,
    /// Divide the region of a text of several words into one for each, in a format that tells words by white space
    /// ([`Format::SynthText`]): by the places of the characters where all are known, else in proportion to their number. Without
    /// it such a text is an error.
    pub split_words: bool,
}

/// What the label files of formats with a file a picture are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelFiles {
    /// Text.
    #[default]
    Text,
    /// XML, as the training set of [`Format::Ctw1500`] has it.
    Xml,
    /// MATLAB tables, as [`Format::TotalText`] has them beside its text.
    Matlab,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many records.
    pub records: usize,
    /// What the format could not hold, in words, and how often.
    pub losses: BTreeMap<&'static str, usize>,
}

/// Counts of what a format could not hold.
#[derive(Default)]
pub(crate) struct Losses(BTreeMap<&'static str, usize>);

impl Losses {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// What is said where a format has no place for [`glyphic_core::Transcript::chars`].
pub(crate) const CHARS_LOST: &str = "places of characters are not held";

/// What a format does to write.
pub(crate) trait Sink: Send {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes one record's line, element or file.
pub(crate) type Form = Box<dyn FnMut(&Record, &mut String, &mut Losses) -> Result<()> + Send>;

/// Writes records in any format, one after the other; no more than one is in memory. What is written appears whole on
/// [`Writer::finish`], and not at all without.
pub struct Writer {
    format: Format,
    sink: Box<dyn Sink>,
    written: Written,
    losses: Losses,
}

impl Writer {
    /// Begins to write at `path`: a file, or a new folder for the formats that are one.
    ///
    /// # Errors
    /// [`Error::Write`] where nothing can be written there, [`Error::Setup`] for options that the format does not have.
    pub fn create(path: impl AsRef<Path>, format: Format, options: &WriteOptions) -> Result<Self> {
        let path = path.as_ref();
        let files = options.label_files;
        match (files, format) {
            (LabelFiles::Text, _) | (LabelFiles::Xml, Format::Ctw1500) => {}
            (LabelFiles::Matlab, Format::TotalText) => {}
            (other, _) => {
                let (what, has) = match other {
                    LabelFiles::Matlab => ("MATLAB", Format::TotalText),
                    _ => ("XML", Format::Ctw1500),
                };
                let reason = format!("{format} has none of {what} to choose; {has} has");
                return Err(Error::Setup { what: "label files", reason });
            }
        }
        if options.split_words && format != Format::SynthText {
            let reason = format!("{format} holds texts of several words; only {} cannot", Format::SynthText);
            return Err(Error::Setup { what: "splitting of words", reason });
        }
        let separator = options.separator.clone().unwrap_or_else(|| "\t".to_owned());
        let lines = |form: Form| -> Result<Box<dyn Sink>> { LineSink::create(path, form) };
        let sink: Box<dyn Sink> = match format {
            Format::Pack => Box::new(PackSink::create(path)?),
            Format::MmocrDet => lines(line_json::detection_form())?,
            Format::MmocrRec => lines(line_json::recognition_form())?,
            Format::Mmocr1 => Box::new(mmocr1::Sink::create(path)?),
            Format::Text => lines(text::form(format, separator))?,
            Format::PaddleRec => lines(text::form(format, "\t".to_owned()))?,
            Format::Coco => Box::new(coco::Sink::create(path)?),
            Format::TextOcr => Box::new(textocr::Sink::create(path)?),
            Format::Icdar2013 | Format::Icdar2015 | Format::Icdar2017 => {
                FolderSink::text(path, format, "gt_", icdar::form(format))?
            }
            Format::Ctw1500 if files == LabelFiles::Xml => {
                FolderSink::create(path, format, "", "xml", ctw1500::xml_form())?
            }
            Format::Ctw1500 => FolderSink::text(path, format, "", ctw1500::form())?,
            Format::TotalText if files == LabelFiles::Matlab => {
                FolderSink::create(path, format, "poly_gt_", "mat", totaltext::matlab_form())?
            }
            Format::TotalText => FolderSink::text(path, format, "poly_gt_", totaltext::form())?,
            Format::Sroie => Box::new(sroie::Sink::create(path)?),
            Format::SynthText => Box::new(synthtext::Sink::create(path, options.split_words)?),
            Format::Svt => Box::new(svt::Sink::create(path)?),
            Format::WildReceipt => Box::new(WildReceiptSink::create(path)?),
            Format::Cluener => lines(cluener::form())?,
            Format::PaddleDet => lines(paddle::form())?,
            Format::LabelStudio => Box::new(label_studio::Sink::create(path)?),
            Format::Lmdb => Box::new(lmdb::ImageSink::create(path)?),
            Format::LmdbLines => Box::new(lmdb::LineSink::create(path)?),
        };
        Ok(Self { format, sink, written: Written::default(), losses: Losses::default() })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the format cannot hold it, [`Error::Write`] where it cannot be written, [`Error::Image`] and
    /// the like where a format needs the picture and it cannot be had.
    pub fn put(&mut self, record: &Record) -> Result<()> {
        let kind = record.truth.kind();
        if !self.format.holds(kind) {
            let holding: Vec<&str> = Format::ALL.iter().filter(|f| f.holds(kind)).map(|f| f.name()).collect();
            let reason = format!("it is of {kind}; formats that hold these are {}", holding.join(", "));
            return Err(Error::Unfit { at: record.at.clone(), format: self.format.name(), reason });
        }
        self.sink.put(record, &mut self.losses)?;
        self.count_losses(record);
        self.written.records += 1;
        Ok(())
    }

    /// Makes what was written appear under its name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<Written> {
        self.sink.finish()?;
        self.written.losses = self.losses.0;
        Ok(self.written)
    }

    fn count_losses(&mut self, record: &Record) {
        use Format as F;
        let losses = &mut self.losses;
        let labels = matches!(
            self.format,
            F::Pack | F::MmocrDet | F::Mmocr1 | F::Icdar2017 | F::WildReceipt | F::PaddleDet | F::LabelStudio
        );
        let fields = matches!(self.format, F::Pack | F::Sroie)
            || (self.format == F::Svt && record.fields.iter().all(|f| f.0 == "lex"));
        if !fields && !record.fields.is_empty() {
            losses.count("fields of pictures are not held");
        }
        if let Truth::Instances(instances) = &record.truth {
            for instance in instances {
                let placed = instance.transcript.as_ref().is_some_and(|t| !t.chars.is_empty());
                if placed && self.format != F::SynthText {
                    losses.count(CHARS_LOST);
                }
                if !labels && instance.label.is_some() {
                    losses.count("labels of regions are not held");
                }
                if instance.ignore && self.format == F::Sroie {
                    losses.count("regions to ignore are not marked as such");
                }
                if instance.ignore
                    && instance.text() != ""
                    && marks_ignored(self.format).is_some_and(|m| m != instance.text())
                {
                    losses.count("texts of regions to ignore are not held");
                }
            }
        }
    }
}

/// The text by which a format marks regions to ignore, where it has no field for it.
pub(crate) fn marks_ignored(format: Format) -> Option<&'static str> {
    use Format as F;
    match format {
        F::Icdar2013
        | F::Icdar2015
        | F::Icdar2017
        | F::Ctw1500
        | F::PaddleDet
        | F::LabelStudio
        | F::Svt
        | F::SynthText
        | F::WildReceipt => Some("###"),
        F::TotalText => Some("#"),
        F::TextOcr => Some("."),
        _ => None,
    }
}

/// The text that stands for an instance where the format marks what is to be ignored by it; `None` where it is unknown.
pub(crate) fn marked_text(instance: &TextInstance, format: Format) -> Option<&str> {
    match marks_ignored(format) {
        Some(mark) if instance.ignore => Some(mark),
        _ => instance.transcript.as_ref().map(|t| t.text.as_str()),
    }
}

/// Refuses a text with a line break.
pub(crate) fn one_line<'a>(text: &'a str, record: &Record, format: Format) -> Result<&'a str> {
    match text.contains(['\n', '\r']) {
        false => Ok(text),
        true => Err(Error::Unfit {
            at: record.at.clone(),
            format: format.name(),
            reason: format!("there is a line break in {text:?}; a JSON format holds it"),
        }),
    }
}

/// The size of the picture, which the format needs.
pub(crate) fn size_of(record: &Record, format: Format) -> Result<(u32, u32)> {
    record.dimensions().map_err(|error| match error {
        Error::MissingImage { at, image, .. } => Error::Unfit {
            at,
            format: format.name(),
            reason: format!(
                "it needs the picture's size, which the label does not say, and {} does not exist; say where the pictures are",
                image.display()
            ),
        },
        other => other,
    })
}

/// `x, y, width, height` of the upright rectangle around a polygon.
pub(crate) fn xywh(polygon: &Polygon) -> [f64; 4] {
    let b = polygon.bounds();
    [b.x0, b.y0, b.width(), b.height()]
}

/// The upright rectangle around a polygon, for a format that holds no other.
pub(crate) fn bounds_of(polygon: &Polygon, losses: &mut Losses) -> [f64; 4] {
    let b = polygon.bounds();
    // The rectangle's area is the polygon's only where they are the same.
    if (b.width() * b.height() - polygon.area()).abs() > 1e-6 * polygon.area() {
        losses.count("outlines are held as the upright rectangles around them");
    }
    [b.x0, b.y0, b.x1, b.y1]
}

/// The corners of a quadrilateral, or of the smallest rectangle around another polygon.
pub(crate) fn quad_of(polygon: &Polygon, losses: &mut Losses) -> Vec<f64> {
    let flat = |points: &[Point]| points.iter().flat_map(|p| [p.x, p.y]).collect();
    match polygon.points() {
        quad if quad.len() == 4 => flat(quad),
        points => {
            losses.count("outlines are held as the smallest rectangles around them");
            crop::corners(polygon).map_or_else(|| flat(points), |quad| flat(&quad))
        }
    }
}

/// Numbers with commas between them.
pub(crate) fn joined(numbers: &[f64], between: &str) -> String {
    numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(between)
}

/// Appends a value as JSON.
pub(crate) fn json_into(
    value: &impl Serialize,
    record: &Record,
    format: Format,
    line: &mut String,
) -> Result<()> {
    // Numbers of an outline are finite and names are strings, so that nothing is left that could fail.
    let json = serde_json::to_string(value).map_err(|e| Error::Unfit {
        at: record.at.clone(),
        format: format.name(),
        reason: e.to_string(),
    })?;
    line.push_str(&json);
    Ok(())
}

/// Formats of a record a line.
pub(crate) struct LineSink {
    out: OutFile,
    form: Form,
    line: String,
}

impl LineSink {
    fn create(path: &Path, form: Form) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self { out: OutFile::create(path)?, form, line: String::new() }))
    }
}

impl Sink for LineSink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        self.line.clear();
        (self.form)(record, &mut self.line, losses)?;
        self.line.push('\n');
        self.out.put(&self.line)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.out.commit()
    }
}

/// Our packs, whose kind the first record tells.
struct PackSink {
    folder: OutFolder,
    labels: Spool,
    kind: Option<Kind>,
}

impl PackSink {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self { folder: OutFolder::create(path)?, labels: Spool::new(path)?, kind: None })
    }
}

impl Sink for PackSink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let kind = record.truth.kind();
        let unfit =
            |reason: String| Err(Error::Unfit { at: record.at.clone(), format: Format::Pack.name(), reason });
        if *self.kind.get_or_insert(kind) != kind {
            return unfit("a pack holds either regions or crops, and began with the other".to_owned());
        }
        let name = pack::stored_name(record);
        if name.is_empty() {
            return unfit("its picture has no name".to_owned());
        }
        let mut line = String::new();
        let place = match &record.truth {
            Truth::Text(text) => {
                let renamed = Record { file_name: name.clone(), ..record.clone() };
                text::put(&renamed, text, "\t", Format::Pack, &mut line)?;
                "crops"
            }
            _ => {
                pack::detection_line(record, &name, &mut line)?;
                "images"
            }
        };
        line.push('\n');
        self.folder.write(&Path::new(place).join(&name), &record.bytes()?)?;
        self.labels.put(line)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (labels, place) = match self.kind {
            Some(Kind::Text) => ("labels.tsv", "crops"),
            _ => ("gt.jsonl", "images"),
        };
        let folder = self.folder.inside(place);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
        let mut out = OutFile::create(&self.folder.inside(labels))?;
        out.append(&mut self.labels)?;
        out.commit()?;
        self.folder.commit()
    }
}

/// WildReceipt's list, with a class list and a dictionary beside it. Those that are there already are used and kept.
struct WildReceiptSink {
    out: OutFile,
    folder: std::path::PathBuf,
    classes: Vec<String>,
    /// The class list was there before: no class may be added.
    fixed: bool,
    chars: std::collections::BTreeSet<char>,
}

impl WildReceiptSink {
    fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let list = folder.join("class_list.txt");
        let fixed = list.is_file();
        let classes = if fixed { line_json::class_list(&list)? } else { Vec::new() };
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

impl Sink for WildReceiptSink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let mut boxes = Vec::with_capacity(instances.len());
        for instance in instances {
            let label = self.class(instance.label.as_deref(), record)?;
            // An ignored region has the empty text of the class that is ignored.
            let text = if instance.ignore && instance.label.is_none() { "" } else { instance.text() };
            self.chars.extend(text.chars());
            boxes.push(line_json::BoxOut { corners: quad_of(&instance.region.polygon, losses), text, label });
        }
        let mut line = String::new();
        line_json::wildreceipt_line(record, boxes, &mut line)?;
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
