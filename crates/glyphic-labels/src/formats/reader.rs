use std::path::{Path, PathBuf};

use crate::Result;
use crate::findings::{Findings, Warning};
use crate::formats::records::Records;
use crate::formats::{
    Format, Record, cluener, coco, ctw1500, funsd, icdar, icdar_words, label_studio, line_json, lmdb, mmocr1,
    pack, paddle, sroie, svt, synthtext, text, textocr, totaltext, wildreceipt,
};

/// How a format is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; told from the path and its content when `None`.
    pub format: Option<Format>,
    /// The folder below which the pictures are; beside the labels when `None`.
    pub images: Option<PathBuf>,
    /// What stands between file name and text in [`Format::Text`]; when `None` a TAB where the first line has one, else
    /// a space.
    pub separator: Option<String>,
}

/// Records of any format, one after the other; no more than one is in memory.
///
/// An error in one label does not end the records, so that all errors of a file can be told; whoever wants the first to
/// end it all collects into a `Result`.
pub struct Reader {
    format: Format,
    records: Box<dyn Records>,
    warnings: Findings<Warning>,
}

impl Reader {
    /// Opens labels of any format.
    ///
    /// # Errors
    /// [`crate::Error::UnknownFormat`] where the format cannot be told, [`crate::Error::Read`] where the labels cannot be read,
    /// [`crate::Error::NotFormat`] where they are not what the format needs.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        let path = path.as_ref();
        let format = match options.format {
            Some(format) => format,
            None => Format::detect(path)?,
        };
        let images = options.images.as_deref();
        let records: Box<dyn Records> = match format {
            Format::Pack => pack::open(path)?,
            Format::MmocrDet => line_json::detection(path, images)?,
            Format::MmocrRec => line_json::recognition(path, images)?,
            Format::Mmocr1 => Box::new(mmocr1::Reader::open(path, images)?),
            Format::Text | Format::PaddleRec => {
                let tab = (format == Format::PaddleRec).then(|| "\t".to_owned());
                text::open(path, images, options.separator.clone().or(tab))?
            }
            Format::Coco => Box::new(coco::open(path, images)?),
            Format::TextOcr => Box::new(textocr::open(path, images)?),
            Format::Icdar2013 | Format::Icdar2015 | Format::Icdar2017 => icdar::open(path, images, format)?,
            Format::IcdarWords => icdar_words::open(path, images)?,
            Format::Ctw1500 => ctw1500::open(path, images)?,
            Format::TotalText => totaltext::open(path, images)?,
            Format::Sroie => sroie::open(path, images)?,
            Format::SynthText => Box::new(synthtext::Reader::open(path, images)?),
            Format::Svt => Box::new(svt::Reader::open(path, images)?),
            Format::WildReceipt => wildreceipt::open(path, images)?,
            Format::Funsd => funsd::open(path, images)?,
            Format::Cluener => cluener::open(path)?,
            Format::PaddleDet => paddle::open(path, images)?,
            Format::LabelStudio => Box::new(label_studio::Reader::open(path, images)?),
            Format::Lmdb | Format::LmdbLines => lmdb::open(path, images, format)?,
        };
        Ok(Self { format, records, warnings: Findings::default() })
    }

    /// The format that is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What was put right so far, and how often.
    pub fn warnings(&self) -> &Findings<Warning> {
        &self.warnings
    }
}

impl Iterator for Reader {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next(&mut self.warnings)
    }
}
