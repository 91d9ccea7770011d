use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::dataset::{Info, Parser};
use crate::{Error, Result};
use glyphic_labels::Error as LabelError;
use glyphic_labels::Location;
use glyphic_labels::lmdb::Lmdb;

/// The annotations of a file or database by index. Lines stay where they are: what is in memory is where each begins.
pub struct Loader {
    lines: Lines,
    parser: Parser,
    repeat: usize,
    file: Arc<Path>,
}

enum Lines {
    File {
        file: Mutex<File>,
        starts: Vec<u64>,
    },
    /// Keys `0`, `1`, ...
    Numbered {
        db: Lmdb,
        len: usize,
    },
    /// Keys `label-000000001`, ..., which become the line of a JSON object with `filename` and `text`.
    Labelled {
        db: Lmdb,
        len: usize,
    },
}

impl Loader {
    /// The lines of a text file. A byte order mark and line ends are dropped, empty lines count.
    ///
    /// # Errors
    /// [`Error::Labels`]; [`Error::Setup`] for a file without lines or no repetition.
    pub fn hard_disk(path: impl AsRef<Path>, parser: Parser, repeat: usize) -> Result<Self> {
        let path = path.as_ref();
        let read = |source| Error::from(LabelError::Read { path: path.to_owned(), source });
        let file = File::open(path).map_err(read)?;
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let mut starts =
            vec![if reader.fill_buf().map_err(read)?.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 }];
        let mut offset = 0u64;
        loop {
            let buffer = reader.fill_buf().map_err(read)?;
            if buffer.is_empty() {
                break;
            }
            let ends = buffer.iter().enumerate().filter(|(_, b)| **b == b'\n');
            starts.extend(ends.map(|(k, _)| offset + k as u64 + 1));
            let taken = buffer.len();
            offset += taken as u64;
            reader.consume(taken);
        }
        // The last entry is where the file ends.
        if starts.last().is_some_and(|last| *last < offset) {
            starts.push(offset);
        }
        drop(reader);
        Self::new(Lines::File { file: Mutex::new(file), starts }, parser, repeat, path.into())
    }

    /// The entries of an LMDB, in either layout.
    ///
    /// # Errors
    /// Those of [`Lmdb::open`]; [`Error::Labels`] without a count, [`Error::Setup`] for an empty database or no
    /// repetition.
    pub fn lmdb(path: impl AsRef<Path>, parser: Parser, repeat: usize) -> Result<Self> {
        let db = Lmdb::open(path)?;
        let file: Arc<Path> = db.path().into();
        let count = |key: &str| -> Result<Option<usize>> {
            let Some(value) = db.get(key.as_bytes())? else { return Ok(None) };
            let value = String::from_utf8_lossy(&value).into_owned();
            value.trim().parse().map(Some).map_err(|_| Error::Setup {
                what: "LMDB",
                reason: format!("{key} is {value:?}, which is no number"),
            })
        };
        let (numbered, labelled) = (count("total_number")?, count("num-samples")?);
        let lines = match (numbered, labelled) {
            (Some(len), _) => Lines::Numbered { db, len },
            (None, Some(len)) => Lines::Labelled { db, len },
            (None, None) => {
                return Err(Error::from(LabelError::MissingKey {
                    path: db.path().to_owned(),
                    key: "total_number".to_owned(),
                    expected: "the number of records under it, or under num-samples",
                }));
            }
        };
        Self::new(lines, parser, repeat, file)
    }

    fn new(lines: Lines, parser: Parser, repeat: usize, file: Arc<Path>) -> Result<Self> {
        let loader = Self { lines, parser, repeat, file };
        let fail = |reason: String| Err(Error::Setup { what: "loader", reason });
        if repeat == 0 {
            return fail("repeat is 0, 1 or more is needed".to_owned());
        }
        if loader.lines() == 0 {
            return fail(format!("{} has no annotation", loader.file.display()));
        }
        Ok(loader)
    }

    /// Lines, not repeated.
    fn lines(&self) -> usize {
        match &self.lines {
            Lines::File { starts, .. } => starts.len() - 1,
            Lines::Numbered { len, .. } | Lines::Labelled { len, .. } => *len,
        }
    }

    /// Annotations, those that are repeated included.
    pub fn len(&self) -> usize {
        self.lines().saturating_mul(self.repeat)
    }

    /// Never: a loader without annotations cannot be built.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file or database.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where annotation `index` stands; entries of a database count from 1 like lines.
    pub fn location(&self, index: usize) -> Location {
        Location { file: self.file.clone(), line: index % self.lines() + 1 }
    }

    /// Annotation `index`, counted modulo the number of lines: that is how they repeat.
    ///
    /// # Errors
    /// [`Error::Labels`] for a line that is not UTF-8 or that the parser cannot read, [`Error::Labels`]
    /// where it cannot be had.
    pub fn get(&self, index: usize) -> Result<Info> {
        let at = self.location(index);
        self.parser.parse(&self.line(index % self.lines(), &at)?, &at)
    }

    /// All annotations in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Info>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    fn line(&self, index: usize, at: &Location) -> Result<String> {
        let bytes = match &self.lines {
            Lines::File { file, starts } => {
                let mut bytes = vec![0; (starts[index + 1] - starts[index]) as usize];
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(starts[index])).and_then(|_| file.read_exact(&mut bytes)).map_err(
                    |source| Error::from(LabelError::Read { path: self.file.to_path_buf(), source }),
                )?;
                while matches!(bytes.last(), Some(b'\n' | b'\r')) {
                    bytes.pop();
                }
                bytes
            }
            Lines::Numbered { db, .. } => self.value(db, &index.to_string())?,
            Lines::Labelled { db, .. } => {
                let number = index + 1;
                let text = self.text(self.value(db, &format!("label-{number:09}"))?, at)?;
                return Ok(json!({ "filename": format!("image-{number:09}"), "text": text }).to_string());
            }
        };
        self.text(bytes, at)
    }

    fn value(&self, db: &Lmdb, key: &str) -> Result<Vec<u8>> {
        db.get(key.as_bytes())?.ok_or_else(|| {
            Error::from(LabelError::MissingKey {
                path: self.file.to_path_buf(),
                key: key.to_owned(),
                expected: "a key for each number up to the count",
            })
        })
    }

    fn text(&self, bytes: Vec<u8>, at: &Location) -> Result<String> {
        String::from_utf8(bytes).map_err(|e| {
            Error::from(LabelError::Label {
                at: at.clone(),
                reason: format!("byte {} of the line is not UTF-8", e.utf8_error().valid_up_to() + 1),
                expected: "text in UTF-8",
            })
        })
    }
}
