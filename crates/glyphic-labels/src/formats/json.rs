//! JSON documents element by element: what is kept in memory is one element, whatever the document's size.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::findings::Location;
pub(crate) use crate::json::parse;
use crate::{Error, Result};

/// Where an element stands in its file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    pub(crate) line: u32,
}

/// Walks through a document.
pub(crate) struct Scanner {
    file: File,
    name: Arc<Path>,
    buffer: Vec<u8>,
    position: usize,
    /// Of the buffer's first byte.
    offset: u64,
    line: usize,
}

impl Scanner {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let mut scanner =
            Self { file, name: path.into(), buffer: Vec::new(), position: 0, offset: 0, line: 1 };
        scanner.fill()?;
        if scanner.buffer.starts_with(b"\xEF\xBB\xBF") {
            scanner.position = 3;
        }
        Ok(scanner)
    }

    pub(crate) fn at(&self) -> Location {
        Location { file: self.name.clone(), line: self.line }
    }

    fn fill(&mut self) -> Result<()> {
        self.offset += self.buffer.len() as u64;
        self.position = 0;
        self.buffer.resize(1 << 16, 0);
        let read = self.file.read(&mut self.buffer);
        let read = read.map_err(|source| Error::Read { path: self.name.to_path_buf(), source })?;
        self.buffer.truncate(read);
        Ok(())
    }

    fn peek_byte(&mut self) -> Result<Option<u8>> {
        if self.position == self.buffer.len() {
            self.fill()?;
        }
        Ok(self.buffer.get(self.position).copied())
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        let byte = self.peek_byte()?;
        if let Some(b) = byte {
            self.position += 1;
            self.line += usize::from(b == b'\n');
        }
        Ok(byte)
    }

    pub(crate) fn fail(&self, reason: impl Into<String>, expected: &'static str) -> Error {
        Error::Label { at: self.at(), reason: reason.into(), expected }
    }

    fn ended(&self) -> Error {
        self.fail("the file ends here", "the rest of the document")
    }

    /// The next byte that is no white space, not taken yet.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        while self.peek_byte()?.is_some_and(|b| b.is_ascii_whitespace()) {
            self.byte()?;
        }
        self.peek_byte()
    }

    /// Takes this byte, which must come next.
    pub(crate) fn take(&mut self, expected: u8) -> Result<()> {
        match self.peek()? {
            Some(b) if b == expected => self.byte().map(drop),
            Some(b) => Err(self.fail(
                format!("{:?} stands where {:?} should", char::from(b), char::from(expected)),
                "a JSON document",
            )),
            None => Err(self.ended()),
        }
    }

    /// Whether another element follows in the array or object that `close` ends; takes the comma or the end.
    pub(crate) fn more(&mut self, close: u8, first: &mut bool) -> Result<bool> {
        match self.peek()? {
            Some(b) if b == close => self.byte().map(|_| false),
            _ if std::mem::take(first) => Ok(true),
            _ => self.take(b',').map(|()| true),
        }
    }

    /// A member's name and the colon behind it.
    pub(crate) fn key(&mut self) -> Result<String> {
        let mut raw = Vec::new();
        let at = self.at();
        if self.peek()? != Some(b'"') {
            return Err(self.fail("no name stands here", "a name in double quotes"));
        }
        self.value(Some(&mut raw))?;
        self.take(b':')?;
        parse(&raw, &at, "a name in double quotes")
    }

    /// Passes over a value; its bytes go to `into`.
    pub(crate) fn value(&mut self, mut into: Option<&mut Vec<u8>>) -> Result<Span> {
        let first = self.peek()?.ok_or_else(|| self.ended())?;
        let (offset, line) = (self.offset + self.position as u64, self.line);
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        let scalar = !matches!(first, b'{' | b'[' | b'"');
        let mut len = 0u64;
        loop {
            if scalar && self.peek_byte()?.is_none_or(|b| b",]}".contains(&b) || b.is_ascii_whitespace()) {
                break;
            }
            let b = self.byte()?.ok_or_else(|| self.ended())?;
            len += 1;
            if let Some(into) = into.as_deref_mut() {
                into.push(b);
            }
            if in_string {
                match b {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    _ => {}
                }
            } else {
                match b {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            if !scalar && depth == 0 && !in_string {
                break;
            }
        }
        if len == 0 {
            return Err(self.fail("no value stands here", "a JSON value"));
        }
        let len = u32::try_from(len)
            .map_err(|_| self.fail("an element is larger than 4 GiB", "smaller elements"))?;
        Ok(Span { offset, len, line: line as u32 })
    }
}

/// The elements of an array in a document, one after the other.
pub(crate) struct Elements {
    scanner: Scanner,
    first: bool,
    ended: bool,
    buffer: Vec<u8>,
}

impl Elements {
    /// Those of the array that the document is, or of the array that is its member `name`.
    pub(crate) fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let mut scanner = Scanner::open(path)?;
        if let Some(name) = name {
            scanner.take(b'{')?;
            let mut first = true;
            loop {
                if !scanner.more(b'}', &mut first)? {
                    return Err(
                        scanner.fail(format!("the document has no {name:?}"), "a document with that list")
                    );
                }
                if scanner.key()? == name {
                    break;
                }
                scanner.value(None)?;
            }
        }
        scanner.take(b'[')?;
        Ok(Self { scanner, first: true, ended: false, buffer: Vec::new() })
    }

    /// The next element and where it begins.
    pub(crate) fn next(&mut self) -> Option<Result<(Location, &[u8])>> {
        if self.ended {
            return None;
        }
        match self.advance() {
            Ok(Some(at)) => Some(Ok((at, &self.buffer))),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Location>> {
        if !self.scanner.more(b']', &mut self.first)? {
            return Ok(None);
        }
        self.buffer.clear();
        let span = self.scanner.value(Some(&mut self.buffer))?;
        Ok(Some(Location { file: self.scanner.name.clone(), line: span.line as usize }))
    }
}

/// Elements of a document in any order.
pub(crate) struct Spans {
    file: File,
    pub(crate) name: Arc<Path>,
}

impl Spans {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Self { file, name: path.into() })
    }

    pub(crate) fn at(&self, span: Span) -> Location {
        Location { file: self.name.clone(), line: span.line as usize }
    }

    pub(crate) fn read(&mut self, span: Span) -> Result<Vec<u8>> {
        let mut bytes = vec![0; span.len as usize];
        self.file
            .seek(SeekFrom::Start(span.offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|source| Error::Read { path: self.name.to_path_buf(), source })?;
        Ok(bytes)
    }
}
