//! Labels in an LMDB, in both layouts.
//!
//! `image-000000001`, `label-000000001` and `num-samples` hold pictures and texts (or texts alone). MMOCR 0.2.1's `0`, `1`,
//! ... and `total_number` hold the lines of a label file, of whatever kind its lines are.

use std::path::Path;
use std::sync::Arc;

use crate::findings::{Findings, Location, Warning};
use crate::formats::lines::Root;
use crate::formats::out::{OutFolder, Spool};
use crate::formats::records::Records;
use crate::formats::sink::{Losses, Sink};
use crate::formats::{Format, Picture, Record, Truth, line_json, text};
use crate::lmdb::{DATA_FILE, Lmdb, LmdbWriter};
use crate::{Error, Result};

const COUNT: &[u8] = b"num-samples";
const COUNT_LINES: &[u8] = b"total_number";
/// Beyond it the keys of nine digits no longer sort.
const MOST: usize = 999_999_999;

pub(super) fn open(path: &Path, images: Option<&Path>, format: Format) -> Result<Box<dyn Records>> {
    let db = Arc::new(Lmdb::open(path)?);
    let file: Arc<Path> = db.path().into();
    let lines = format == Format::LmdbLines;
    let key = if lines { COUNT_LINES } else { COUNT };
    let expected = "the number of records under it; the other layout has the other key";
    let count = db.get(key)?.ok_or_else(|| Error::MissingKey {
        path: db.path().to_owned(),
        key: String::from_utf8_lossy(key).into_owned(),
        expected,
    })?;
    let len = String::from_utf8_lossy(&count).trim().parse().map_err(|_| Error::NotFormat {
        path: db.path().to_owned(),
        format: format.name(),
        reason: format!(
            "{} is {:?}, which is no number",
            String::from_utf8_lossy(key),
            String::from_utf8_lossy(&count)
        ),
    })?;
    let root = Root::new(path, images);
    let pictures = !lines && db.get(b"image-000000001")?.is_some();
    Ok(Box::new(Reader { db, file, next: 0, len, root, lines, pictures, separator: None }))
}

struct Reader {
    db: Arc<Lmdb>,
    file: Arc<Path>,
    next: usize,
    len: usize,
    root: Root,
    lines: bool,
    /// The pictures are there beside the texts.
    pictures: bool,
    separator: Option<&'static str>,
}

impl Reader {
    fn value(&self, key: &str, at: &Location) -> Result<String> {
        let value = self.db.get(key.as_bytes())?.ok_or_else(|| Error::MissingKey {
            path: self.db.path().to_owned(),
            key: key.to_owned(),
            expected: "a key for each number up to the count",
        })?;
        String::from_utf8(value).map_err(|e| Error::Label {
            at: at.clone(),
            reason: format!("{key}: byte {} is not UTF-8", e.utf8_error().valid_up_to() + 1),
            expected: "text in UTF-8",
        })
    }

    /// A line of a label file: a JSON object, or a file and its text.
    fn line(&mut self, at: &Location, warnings: &mut Findings<Warning>) -> Result<Record> {
        let line = self.value(&(at.line - 1).to_string(), at)?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.trim_start().starts_with('{') {
            // A crop has a text of its own.
            return line_json::crop(line, at, &mut self.root).or_else(|crop| {
                line_json::scene(line, at, &mut self.root, &[], warnings)
                    .map_err(|scene| if line.contains("\"annotations\"") { scene } else { crop })
            });
        }
        let separator = *self.separator.get_or_insert(if line.contains('\t') { "\t" } else { " " });
        text::parse(line, at, separator, &mut self.root)
    }

    fn crop(&mut self, at: &Location) -> Result<Record> {
        let text = self.value(&format!("label-{:09}", at.line), at)?;
        if !self.pictures {
            // Without pictures a label names its picture.
            return line_json::crop(&text, at, &mut self.root);
        }
        let name = format!("image-{:09}", at.line);
        // The picture itself is read when it is asked for.
        let path = self.db.path().join(&name);
        Ok(Record {
            at: at.clone(),
            file_name: name,
            picture: Picture::Stored { db: self.db.clone(), path },
            size: None,
            truth: Truth::Text(text),
            fields: Vec::new(),
            links: Vec::new(),
        })
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        if self.next >= self.len {
            return None;
        }
        self.next += 1;
        let at = Location { file: self.file.clone(), line: self.next };
        let record = if self.lines { self.line(&at, warnings) } else { self.crop(&at) };
        // A database that breaks off tells so once, not for each of its records.
        if matches!(record, Err(Error::Binary { .. } | Error::Read { .. })) {
            self.next = self.len;
        }
        Some(record)
    }
}

/// Writes pictures and texts. The keys of the texts come behind those of all pictures.
pub(super) struct ImageSink {
    folder: OutFolder,
    db: LmdbWriter,
    texts: Spool,
    records: usize,
}

impl ImageSink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let folder = OutFolder::create(path)?;
        let db = LmdbWriter::create(folder.inside(DATA_FILE))?;
        Ok(Self { folder, db, texts: Spool::new(path)?, records: 0 })
    }
}

impl Sink for ImageSink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let Truth::Text(text) = &record.truth else { return Ok(()) };
        self.records += 1;
        if self.records > MOST {
            let reason = format!("{MOST} records are the most that its keys can count");
            return Err(Error::Unfit { at: record.at.clone(), format: Format::Lmdb.name(), reason });
        }
        self.db.put(format!("image-{:09}", self.records).as_bytes(), &record.bytes()?)?;
        self.texts.put((text.len() as u64).to_le_bytes())?;
        self.texts.put(text)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { folder, mut db, mut texts, records } = *self;
        let mut offset = 0;
        for record in 1..=records {
            let len = texts.read_at(offset, 8)?;
            let len = u64::from_le_bytes(len.try_into().unwrap_or_default());
            db.put(format!("label-{record:09}").as_bytes(), &texts.read_at(offset + 8, len as usize)?)?;
            offset += 8 + len;
        }
        db.put(COUNT, records.to_string().as_bytes())?;
        db.finish()?;
        folder.commit()
    }
}

/// Writes lines of `file text`. Their keys sort as texts: 0, 1, 10, 100, ..., 11, ...
pub(super) struct LineSink {
    folder: OutFolder,
    lines: Spool,
    /// Where each line ends.
    ends: Vec<u64>,
}

impl LineSink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { folder: OutFolder::create(path)?, lines: Spool::new(path)?, ends: Vec::new() })
    }
}

impl Sink for LineSink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let Truth::Text(content) = &record.truth else { return Ok(()) };
        let mut line = String::new();
        text::put(record, content, " ", Format::LmdbLines, &mut line)?;
        self.lines.put(line)?;
        self.ends.push(self.lines.len);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { folder, mut lines, ends } = *self;
        let mut db = LmdbWriter::create(folder.inside(DATA_FILE))?;
        for index in text_order(ends.len()) {
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            let line = lines.read_at(start, (ends[index] - start) as usize)?;
            db.put(index.to_string().as_bytes(), &line)?;
        }
        db.put(COUNT_LINES, ends.len().to_string().as_bytes())?;
        db.finish()?;
        folder.commit()
    }
}

/// The numbers below `len` in the order of their digits: 0, 1, 10, 100, ..., 11, ...
fn text_order(len: usize) -> impl Iterator<Item = usize> {
    let following = move |&n: &usize| {
        let mut n = n;
        if n > 0 && n * 10 < len {
            return Some(n * 10);
        }
        while n % 10 == 9 || n + 1 >= len {
            n /= 10;
            if n == 0 {
                return None;
            }
        }
        Some(n + 1)
    };
    std::iter::successors((len > 0).then_some(0), following)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_come_in_the_order_of_their_digits() {
        for len in [0, 1, 2, 9, 10, 11, 12, 99, 100, 101, 110, 1000, 1234] {
            let mut sorted: Vec<usize> = (0..len).collect();
            sorted.sort_by_key(usize::to_string);
            assert_eq!(super::text_order(len).collect::<Vec<_>>(), sorted, "{len}");
        }
    }
}
