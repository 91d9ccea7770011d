//! Folders of pictures with truth.
//!
//! | kind | files |
//! |---|---|
//! | detection | `images/` and `gt.jsonl`, one line an image: `{"file_name", "width", "height", "annotations": [{"polygon": [x1, y1, ...], "text", "ignore", "label", "entity"}]}` |
//! | recognition | `crops/` and `labels.tsv`, one line a crop: `file<TAB>text` |
//!
//! The index is held in memory, pictures are decoded when they are asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glyphic_core::{Image, Page, Sample, TextInstance};
use serde::{Deserialize, Serialize};

use crate::findings::{Findings, Location, Warning};
use crate::formats::{Kind, PackKind, ReadOptions, Reader, Record, Truth, recognise};
use crate::{Error, Result};

/// How to read a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PackOptions {
    /// Keep this many samples from the start; all when `None`.
    pub limit: Option<usize>,
    /// Leave out labels that cannot be read and those whose pictures do not exist, see [`LazyPack::skipped`], instead of
    /// refusing the whole pack.
    pub skip_broken: bool,
}

/// Labels of any format with their pictures: the index in memory, the pictures decoded on demand.
#[derive(Debug, Clone)]
pub struct LazyPack {
    kind: PackKind,
    labels: Arc<Path>,
    records: Arc<[Record]>,
    warnings: Arc<Findings<Warning>>,
    skipped: Arc<Findings<String>>,
}

impl LazyPack {
    /// Reads the index of a folder of ours, whose kind its content tells.
    ///
    /// Polygons that are none (too few points, no area, crossing themselves) become ignored regions and
    /// [`LazyPack::warnings`]. Unknown fields are passed over.
    ///
    /// # Errors
    /// [`Error::NoPack`] where the folder is none, [`Error::Label`] with file and line for labels that cannot
    /// be read, [`Error::MissingImage`] where a picture does not exist.
    pub fn open(folder: impl AsRef<Path>, options: &PackOptions) -> Result<Self> {
        let folder = folder.as_ref();
        let (_, labels) = recognise(folder)?;
        let read = ReadOptions { format: Some(crate::formats::Format::Pack), ..ReadOptions::default() };
        Self::index(Reader::open(folder, &read)?, &labels, options)
    }

    /// Reads the index of labels of any format; see [`Reader::open`].
    ///
    /// # Errors
    /// Those of [`Reader`], of each record, and [`Error::MissingImage`] where a picture does not exist.
    pub fn read(path: impl AsRef<Path>, read: &ReadOptions, options: &PackOptions) -> Result<Self> {
        let path = path.as_ref();
        Self::index(Reader::open(path, read)?, path, options)
    }

    fn index(mut reader: Reader, labels: &Path, options: &PackOptions) -> Result<Self> {
        let limit = options.limit.unwrap_or(usize::MAX);
        if options.skip_broken {
            return Ok(Self::index_sound(reader, labels, limit));
        }
        let records: Vec<Record> = reader.by_ref().take(limit).collect::<Result<_>>()?;
        let mut missing = records.iter().filter(|r| !r.picture.exists());
        if let Some(first) = missing.next() {
            let image = match first.picture.path() {
                none if none.as_os_str().is_empty() => PathBuf::from(&first.file_name),
                path => path.to_owned(),
            };
            return Err(Error::MissingImage { at: first.at.clone(), image, more: missing.count() });
        }
        Ok(Self::of(records, labels.into(), reader.warnings().clone()))
    }

    /// The records that can be read and whose pictures exist.
    fn index_sound(mut reader: Reader, labels: &Path, limit: usize) -> Self {
        let (mut records, mut skipped) = (Vec::new(), Findings::default());
        for record in reader.by_ref() {
            if records.len() == limit {
                break;
            }
            match record {
                Ok(record) if record.picture.exists() => records.push(record),
                Ok(record) => {
                    let image = match record.picture.path() {
                        none if none.as_os_str().is_empty() => PathBuf::from(&record.file_name),
                        path => path.to_owned(),
                    };
                    skipped.add(Error::MissingImage { at: record.at, image, more: 0 }.to_string());
                }
                Err(error) => skipped.add(error.to_string()),
            }
        }
        let pack = Self::of(records, labels.into(), reader.warnings().clone());
        Self { skipped: Arc::new(skipped), ..pack }
    }

    /// Records whose pictures need not be there.
    pub(crate) fn of(records: Vec<Record>, labels: Arc<Path>, warnings: Findings<Warning>) -> Self {
        let kind = match records.first().map(|r| r.truth.kind()) {
            Some(Kind::Text) => PackKind::Recognition,
            Some(_) => PackKind::Detection,
            None if labels.ends_with("labels.tsv") => PackKind::Recognition,
            None => PackKind::Detection,
        };
        Self { kind, labels, records: records.into(), warnings: Arc::new(warnings), skipped: Arc::default() }
    }

    /// What it holds.
    pub fn kind(&self) -> PackKind {
        self.kind
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has no picture.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The label file.
    pub fn labels(&self) -> &Path {
        &self.labels
    }

    /// What was put right on reading, as many as are named.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings.first
    }

    /// Labels that [`PackOptions::skip_broken`] left out, each with its place and the reason.
    pub fn skipped(&self) -> &Findings<String> {
        &self.skipped
    }

    /// What was put right on reading, counted.
    pub fn all_warnings(&self) -> &Findings<Warning> {
        &self.warnings
    }

    /// Where the label of picture `index` stands.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn location(&self, index: usize) -> Result<Location> {
        Ok(self.record(index)?.at.clone())
    }

    /// The path of picture `index`; see [`crate::formats::Picture::path`].
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn image_path(&self, index: usize) -> Result<&Path> {
        Ok(self.record(index)?.picture.path())
    }

    /// The truth of picture `index` as its label has it, without the picture's pixels.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn record(&self, index: usize) -> Result<&Record> {
        self.records.get(index).ok_or_else(|| Error::Index {
            name: self.labels.display().to_string(),
            index,
            len: self.records.len(),
        })
    }

    /// The truth of picture `index` as a page, without its pixels: where the label does not say the picture's size, the head
    /// of its file is read.
    ///
    /// # Errors
    /// [`Error::Index`]; [`Error::MissingImage`] and [`Error::Image`] where the size is to be read and cannot.
    pub fn truth(&self, index: usize) -> Result<Page> {
        self.record(index)?.page()
    }

    /// Reads and decodes picture `index`.
    ///
    /// # Errors
    /// [`Error::Index`]; [`Error::MissingImage`], [`Error::Image`] and [`Error::ImageSize`] for a picture that
    /// is gone, broken, or of another size than its label says.
    pub fn image(&self, index: usize) -> Result<Image> {
        self.record(index)?.image()
    }

    /// Picture `index` with its truth. The page of a crop has one instance that covers it.
    ///
    /// # Errors
    /// Those of [`LazyPack::image`].
    pub fn get(&self, index: usize) -> Result<Sample> {
        let record = self.record(index)?;
        let image = record.image()?;
        let truth = record.page_of(image.width(), image.height())?;
        Ok(Sample { image, truth })
    }

    /// The pictures in order, each decoded when the iterator gets there.
    pub fn iter(&self) -> impl Iterator<Item = Result<Sample>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The annotations of picture `index`; `None` in a recognition pack.
    pub fn instances(&self, index: usize) -> Option<&[TextInstance]> {
        match &self.records.get(index)?.truth {
            Truth::Instances(instances) => Some(instances),
            _ => None,
        }
    }

    /// The text of crop `index`; `None` in a detection pack.
    pub fn text(&self, index: usize) -> Option<&str> {
        match &self.records.get(index)?.truth {
            Truth::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
