use std::fmt::Write as _;
use std::io::{self, Write};

use glyphic_core::Page;
use serde::Serialize;

use crate::PageRecord;

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text alone: a line for a line, in reading order. `named` puts a heading with the file name before each page.
    Text {
        /// Whether pages have headings.
        named: bool,
    },
    /// One JSON array of pages, laid out for reading: a row for each instance and line.
    Json,
    /// JSON lines: one object a page, nothing around them.
    JsonLines,
}

/// What JSON holds of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Records {
    /// Instances and lines.
    Read,
    /// Instances.
    Detected,
}

/// The rows' text ([`Page::text`]), each with a line break; without lines the instances' text.
pub fn text(page: &Page) -> String {
    let mut text = String::new();
    if page.lines.is_empty() {
        let words = page.instances.iter().filter(|i| i.transcript.is_some());
        words.for_each(|i| text.extend([i.text(), "\n"]));
    } else {
        text.extend([page.text().as_str(), "\n"]);
    }
    text
}

/// Writes pages one after the other; each is handed on whole before the next is asked for.
#[derive(Debug)]
pub struct PageWriter<W: Write> {
    to: W,
    format: Format,
    records: Records,
    written: usize,
}

impl<W: Write> PageWriter<W> {
    /// A writer into `to`.
    pub fn new(to: W, format: Format, records: Records) -> Self {
        Self { to, format, records, written: 0 }
    }

    /// Writes the page of a file name, in one piece.
    ///
    /// # Errors
    /// The system's: a full disk, a pipe that nobody reads.
    pub fn put(&mut self, file_name: &str, page: &Page) -> io::Result<()> {
        let record = || match self.records {
            Records::Read => PageRecord::read(file_name, page),
            Records::Detected => PageRecord::detected(file_name, page),
        };
        let piece = match self.format {
            Format::Text { named: true } => {
                let gap = if self.written == 0 { "" } else { "\n" };
                format!("{gap}==> {file_name} <==\n{}", text(page))
            }
            Format::Text { named: false } => text(page),
            Format::Json => {
                let opening = if self.written == 0 { "[\n" } else { ",\n" };
                format!("{opening}{}", laid_out(&record())?)
            }
            Format::JsonLines => serde_json::to_string(&record())? + "\n",
        };
        self.to.write_all(piece.as_bytes())?;
        self.to.flush()?;
        self.written += 1;
        Ok(())
    }

    /// Writes what closes the format and gives back what was written to.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<W> {
        if self.format == Format::Json {
            self.to.write_all(if self.written == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.to.flush()?;
        Ok(self.to)
    }
}

/// A page as an indented object whose instances and lines have a row each.
fn laid_out(page: &PageRecord) -> io::Result<String> {
    let mut out = String::new();
    let name = serde_json::to_string(&page.file_name)?;
    let _ = write!(
        out,
        "  {{\n    \"file_name\": {name},\n    \"width\": {},\n    \"height\": {},\n    \"instances\": {}",
        page.width,
        page.height,
        rows(&page.instances)?
    );
    if let Some(lines) = &page.lines {
        let _ = write!(out, ",\n    \"lines\": {}", rows(lines)?);
    }
    if !page.dropped.is_empty() {
        let _ = write!(out, ",\n    \"dropped\": {}", serde_json::to_string(&page.dropped)?);
    }
    out.push_str("\n  }");
    Ok(out)
}

fn rows<T: Serialize>(items: &[T]) -> io::Result<String> {
    let rows = items.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(if rows.is_empty() { "[]".to_owned() } else { format!("[\n      {}\n    ]", rows.join(",\n      ")) })
}
