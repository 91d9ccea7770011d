use std::collections::BTreeMap;
use std::path::Path;

use crate::formats::folder::FolderSink;
use crate::formats::sink::{CHARS_LOST, Form, LineSink, Losses, Sink};
use crate::formats::values::marks_ignored;
use crate::formats::{
    Format, Record, Truth, cluener, coco, ctw1500, funsd, icdar, icdar_words, label_studio, line_json, lmdb,
    mmocr1, pack, paddle, sroie, svt, synthtext, text, textocr, totaltext, wildreceipt,
};
use crate::{Error, Result};

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
            Format::Pack => Box::new(pack::PackSink::create(path)?),
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
            Format::IcdarWords => lines(icdar_words::form())?,
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
            Format::WildReceipt => Box::new(wildreceipt::Sink::create(path)?),
            Format::Funsd => FolderSink::create(path, format, "", "json", funsd::form())?,
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
            F::Pack
                | F::MmocrDet
                | F::Mmocr1
                | F::Icdar2017
                | F::WildReceipt
                | F::Funsd
                | F::PaddleDet
                | F::LabelStudio
        );
        let fields = matches!(self.format, F::Pack | F::Sroie)
            || (self.format == F::Svt && record.fields.iter().all(|f| f.0 == "lex"));
        if !fields && !record.fields.is_empty() {
            losses.count("fields of pictures are not held");
        }
        if !self.format.holds_links() {
            record.links.iter().for_each(|_| losses.count("links between regions are not held"));
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
                if instance.ignore && matches!(self.format, F::Sroie | F::Funsd) {
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
