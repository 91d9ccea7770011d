//! Folders of pictures with truth.
//!
//! | kind | files |
//! |---|---|
//! | detection | `images/` and `gt.jsonl`, one line an image: `{"file_name", "width", "height", "annotations": [{"polygon": [x1, y1, ...], "text", "ignore", "label", "entity"}]}` |
//! | recognition | `crops/` and `labels.tsv`, one line a crop: `file<TAB>text` |
//!
//! The index is held in memory, pictures are decoded when they are asked for.

mod detection;
mod recognition;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glyphic_core::{Image, ImageLimits, Page, Polygon, Rect, Region, Sample, TextInstance, Transcript};
use serde::{Deserialize, Serialize};

use crate::{Error, Location, Result};

/// What a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackKind {
    /// Whole pictures with polygons.
    Detection,
    /// Crops of one word or line each.
    Recognition,
}

/// How to read a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PackOptions {
    /// Keep this many samples from the start; all when `None`.
    pub limit: Option<usize>,
}

/// Something in a label file that was put right on reading, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// Where.
    pub at: Location,
    /// Which annotation of the line, from 0.
    pub annotation: usize,
    /// What is wrong.
    pub reason: String,
    /// What was made of it.
    pub remedy: &'static str,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, annotation {}: {}; {}", self.at, self.annotation, self.reason, self.remedy)
    }
}

#[derive(Debug, Clone)]
struct Record {
    line: usize,
    image: PathBuf,
    declared: Option<(u32, u32)>,
    truth: Truth,
}

#[derive(Debug, Clone)]
enum Truth {
    Instances(Vec<TextInstance>),
    Text(String),
}

/// A pack on disk: its index in memory, its pictures decoded on demand.
#[derive(Debug, Clone)]
pub struct LazyPack {
    kind: PackKind,
    labels: Arc<Path>,
    records: Arc<[Record]>,
    warnings: Arc<[Warning]>,
}

impl LazyPack {
    /// Reads the index of a folder, whose kind its content tells.
    ///
    /// Polygons that are none (too few points, no area, crossing themselves) become ignored regions and
    /// [`LazyPack::warnings`]. Unknown fields are passed over.
    ///
    /// # Errors
    /// [`Error::NoPack`] where the folder is none, [`Error::Label`] with file and line for labels that cannot
    /// be read, [`Error::MissingImage`] where a picture does not exist.
    pub fn open(folder: impl AsRef<Path>, options: &PackOptions) -> Result<Self> {
        let folder = folder.as_ref();
        let (kind, labels) = recognise(folder)?;
        let text = std::fs::read(&labels).map_err(|source| Error::Read { path: labels.clone(), source })?;
        let labels: Arc<Path> = labels.into();
        let mut warnings = Vec::new();
        let mut records = Vec::new();
        for (line, content) in lines(&text) {
            if options.limit.is_some_and(|limit| records.len() >= limit) {
                break;
            }
            let at = Location { file: labels.clone(), line };
            let content = std::str::from_utf8(content).map_err(|e| Error::Label {
                at: at.clone(),
                reason: format!("byte {} of the line is not UTF-8", e.valid_up_to() + 1),
                expected: "text in UTF-8",
            })?;
            records.push(match kind {
                PackKind::Detection => detection::parse(folder, content, &at, &mut warnings)?,
                PackKind::Recognition => recognition::parse(folder, content, &at)?,
            });
        }
        let mut missing = records.iter().filter(|r| !r.image.is_file());
        if let Some(first) = missing.next() {
            return Err(Error::MissingImage {
                at: Location { file: labels, line: first.line },
                image: first.image.clone(),
                more: missing.count(),
            });
        }
        Ok(Self { kind, labels, records: records.into(), warnings: warnings.into() })
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

    /// What was put right on reading.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Where the label of picture `index` stands.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn location(&self, index: usize) -> Result<Location> {
        Ok(self.at(self.record(index)?))
    }

    /// The path of picture `index`.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn image_path(&self, index: usize) -> Result<&Path> {
        Ok(&self.record(index)?.image)
    }

    /// Reads and decodes picture `index`.
    ///
    /// # Errors
    /// [`Error::Index`]; [`Error::MissingImage`], [`Error::Image`] and [`Error::ImageSize`] for a picture that
    /// is gone, broken, or of another size than its label says.
    pub fn image(&self, index: usize) -> Result<Image> {
        let record = self.record(index)?;
        let bytes = std::fs::read(&record.image).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                Error::MissingImage { at: self.at(record), image: record.image.clone(), more: 0 }
            }
            _ => Error::Read { path: record.image.clone(), source },
        })?;
        let image = Image::decode(&bytes, &record.image.display().to_string(), ImageLimits::default())
            .map_err(|source| Error::Image { at: self.at(record), source })?;
        match record.declared {
            Some(declared) if declared != (image.width(), image.height()) => Err(Error::ImageSize {
                at: self.at(record),
                image: record.image.clone(),
                declared,
                found: (image.width(), image.height()),
            }),
            _ => Ok(image),
        }
    }

    /// Picture `index` with its truth. The page of a crop has one instance that covers it.
    ///
    /// # Errors
    /// Those of [`LazyPack::image`].
    pub fn get(&self, index: usize) -> Result<Sample> {
        let record = self.record(index)?;
        let image = self.image(index)?;
        let mut truth = Page::new(image.width(), image.height());
        truth.instances = match &record.truth {
            Truth::Instances(instances) => instances.clone(),
            Truth::Text(text) => {
                let (x1, y1) = (f64::from(image.width()), f64::from(image.height()));
                let polygon = Polygon::from_rect(Rect { x0: 0.0, y0: 0.0, x1, y1 })?;
                let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
                instance.transcript = Some(Transcript::truth(text.clone()));
                vec![instance]
            }
        };
        Ok(Sample { image, truth })
    }

    /// The pictures in order, each decoded when the iterator gets there.
    pub fn iter(&self) -> impl Iterator<Item = Result<Sample>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The annotations of picture `index`; `None` in a recognition pack.
    pub(crate) fn instances(&self, index: usize) -> Option<&[TextInstance]> {
        match &self.records.get(index)?.truth {
            Truth::Instances(instances) => Some(instances),
            Truth::Text(_) => None,
        }
    }

    /// The text of crop `index`; `None` in a detection pack.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        match &self.records.get(index)?.truth {
            Truth::Instances(_) => None,
            Truth::Text(text) => Some(text),
        }
    }

    fn record(&self, index: usize) -> Result<&Record> {
        self.records.get(index).ok_or_else(|| Error::Index {
            name: self.labels.display().to_string(),
            index,
            len: self.records.len(),
        })
    }

    fn at(&self, record: &Record) -> Location {
        Location { file: self.labels.clone(), line: record.line }
    }
}

impl crate::Source for LazyPack {
    type Item = Sample;

    fn name(&self) -> String {
        self.labels.parent().unwrap_or(&self.labels).display().to_string()
    }

    fn len(&self) -> Option<usize> {
        Some(self.records.len())
    }

    fn sample(&self, index: u64) -> Result<Sample> {
        self.get(usize::try_from(index).unwrap_or(usize::MAX))
    }
}

/// The lines that hold anything, with their numbers from 1; a byte order mark and carriage returns are dropped.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
        .map(|(i, line)| (i + 1, line))
}

fn recognise(folder: &Path) -> Result<(PackKind, PathBuf)> {
    let no_pack = |found: String| Err(Error::NoPack { path: folder.to_owned(), found });
    if !folder.is_dir() {
        return no_pack(if folder.exists() { "it is a file" } else { "it does not exist" }.to_owned());
    }
    let (gt, labels) = (folder.join("gt.jsonl"), folder.join("labels.tsv"));
    match (gt.is_file(), labels.is_file()) {
        (true, false) if folder.join("images").is_dir() => Ok((PackKind::Detection, gt)),
        (false, true) if folder.join("crops").is_dir() => Ok((PackKind::Recognition, labels)),
        (true, true) => no_pack("it holds both gt.jsonl and labels.tsv".to_owned()),
        (true, false) => no_pack("it holds gt.jsonl but no folder images/".to_owned()),
        (false, true) => no_pack("it holds labels.tsv but no folder crops/".to_owned()),
        (false, false) => {
            let mut parts: Vec<String> = std::fs::read_dir(folder)
                .map_err(|source| Error::Read { path: folder.to_owned(), source })?
                .filter_map(|entry| entry.ok())
                .filter(|entry| recognise(&entry.path()).is_ok())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            parts.sort();
            match parts.as_slice() {
                [] => no_pack("it holds neither gt.jsonl nor labels.tsv".to_owned()),
                parts => no_pack(format!("the packs are its folders {}, name one of them", parts.join(", "))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
