use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::findings::Location;
use crate::{Error, Result};

/// No label is longer, in bytes; a file without line ends must not fill the memory.
const LONGEST_LINE: u64 = 256 << 20;

/// The lines of a text file one after the other, with their numbers from 1. A byte order mark and carriage returns are
/// dropped, lines of white space alone passed over.
pub(crate) struct Lines {
    reader: BufReader<File>,
    file: Arc<Path>,
    line: usize,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let reader = BufReader::with_capacity(1 << 16, file);
        Ok(Self { reader, file: path.into(), line: 0, buffer: Vec::new(), ended: false })
    }

    /// The next line that holds anything. After a line that is not UTF-8 the following ones can be read all the same.
    pub(crate) fn next(&mut self) -> Option<Result<(Location, &str)>> {
        loop {
            match self.advance() {
                Ok(true) if self.buffer.iter().all(u8::is_ascii_whitespace) => {}
                Ok(true) => break,
                Ok(false) => return None,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        let at = Location { file: self.file.clone(), line: self.line };
        Some(match std::str::from_utf8(&self.buffer) {
            // UTF-16 without a mark looks like text with a 0 beside each letter.
            Ok(text) if text.contains('\0') => {
                let reason = "the line holds a byte 0".to_owned();
                Err(Error::Label { at, reason, expected: "text in UTF-8, not UTF-16 or a binary file" })
            }
            Ok(text) => Ok((at, text)),
            Err(e) => {
                let byte = e.valid_up_to();
                let reason =
                    format!("byte {} of the line ({:#04x}) is not UTF-8", byte + 1, self.buffer[byte]);
                Err(Error::Label { at, reason, expected: "text in UTF-8" })
            }
        })
    }

    fn advance(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.clear();
        let read = (&mut self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| Error::Read { path: self.file.to_path_buf(), source })?;
        self.line += 1;
        if read == 0 {
            return Ok(false);
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        } else if read as u64 == LONGEST_LINE {
            return Err(self.fail(format!("the line is longer than {LONGEST_LINE} bytes"), "a label a line"));
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        if self.line == 1 {
            if self.buffer.starts_with(b"\xEF\xBB\xBF") {
                self.buffer.drain(..3);
            } else if self.buffer.starts_with(b"\xFF\xFE") || self.buffer.starts_with(b"\xFE\xFF") {
                return Err(self.fail("the file is UTF-16".to_owned(), "a file in UTF-8"));
            }
        }
        Ok(true)
    }

    fn fail(&self, reason: String, expected: &'static str) -> Error {
        Error::Label { at: Location { file: self.file.clone(), line: self.line.max(1) }, reason, expected }
    }
}

/// Where the pictures of a label file are: below the folder that is named, else beside the label file, or in a folder
/// beside it, wherever the first of them is found.
pub(crate) struct Root {
    candidates: Vec<PathBuf>,
    chosen: Option<PathBuf>,
}

/// Folders beside a label file that pictures are looked for in.
pub(crate) const BESIDE: [&str; 5] = ["images", "imgs", "img", "crops", "image"];

impl Root {
    pub(crate) fn new(labels: &Path, images: Option<&Path>) -> Self {
        let parent = labels.parent().unwrap_or(Path::new(""));
        match images {
            Some(folder) => Self { candidates: Vec::new(), chosen: Some(folder.to_owned()) },
            None => {
                let beside = BESIDE.iter().map(|name| parent.join(name)).filter(|p| p.is_dir());
                Self { candidates: std::iter::once(parent.to_owned()).chain(beside).collect(), chosen: None }
            }
        }
    }

    /// Whether a picture of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.chosen {
            Some(chosen) => chosen.join(name).is_file(),
            None => self.candidates.iter().any(|folder| folder.join(name).is_file()),
        }
    }

    /// The path of a picture.
    pub(crate) fn join(&mut self, name: &str) -> PathBuf {
        if let Some(chosen) = &self.chosen {
            return chosen.join(name);
        }
        let found = self.candidates.iter().find(|folder| folder.join(name).is_file());
        // Nothing found: beside the label file, until a picture is.
        match found {
            Some(folder) => {
                let path = folder.join(name);
                self.chosen = Some(folder.clone());
                path
            }
            None if self.candidates.len() == 1 => {
                self.chosen = Some(self.candidates[0].clone());
                self.candidates[0].join(name)
            }
            None => self.candidates[0].join(name),
        }
    }
}
