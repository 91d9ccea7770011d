use std::fmt::Write as _;
use std::io::{self, Write};

use glyphic_core::Page;
use serde::Serialize;

use crate::formats::{
    ALTO_CLOSE, ALTO_OPEN, HOCR_CLOSE, HOCR_OPEN, HTML_CLOSE, HTML_OPEN, TSV_HEADER, alto_page, csv_tables,
    hocr_page, html_page, layout, markdown_page, page_xml, tsv_page,
};
use crate::{PageInfo, PageRecord};

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text alone: a line for a line, in reading order. `named` puts a heading with the file name before each page.
    Text {
        /// Whether pages have headings.
        named: bool,
    },
    /// One JSON array of pages, laid out for reading: a row for each instance, line and block.
    Json,
    /// JSON lines: one object a page, nothing around them.
    JsonLines,
    /// Text with spaces and empty lines where the page has them; pages are divided by form feeds.
    Layout,
    /// Markdown: headings, lists, tables, keys with values, paragraphs, figures, bold and italic print.
    Markdown {
        /// Whether hyphens at line ends are undone.
        dehyphenate: bool,
    },
    /// HTML of the same.
    Html {
        /// Whether hyphens at line ends are undone.
        dehyphenate: bool,
    },
    /// hOCR 1.2.
    Hocr,
    /// ALTO 4.4.
    Alto,
    /// PAGE-XML 2019-07-15; a file holds one page, so each page makes a whole file.
    PageXml,
    /// Tab-separated rows as Tesseract writes them.
    Tsv,
    /// Tables, and keys with their values, alone, as CSV.
    Csv,
}

impl Format {
    /// What stands before the first page, and behind the last.
    fn frame(self) -> (&'static str, &'static str) {
        match self {
            Self::Html { .. } => (HTML_OPEN, HTML_CLOSE),
            Self::Hocr => (HOCR_OPEN, HOCR_CLOSE),
            Self::Alto => (ALTO_OPEN, ALTO_CLOSE),
            Self::Tsv => (TSV_HEADER, ""),
            _ => ("", ""),
        }
    }
}

/// What JSON holds of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Records {
    /// Instances, lines and blocks.
    Read,
    /// Instances, lines and blocks, and the confidence of each character.
    ReadWithChars,
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
    /// Tables of CSV.
    tables: usize,
}

impl<W: Write> PageWriter<W> {
    /// A writer into `to`.
    pub fn new(to: W, format: Format, records: Records) -> Self {
        Self { to, format, records, written: 0, tables: 0 }
    }

    /// Writes a page, in one piece.
    ///
    /// # Errors
    /// The system's: a full disk, a pipe that nobody reads.
    pub fn put(&mut self, info: impl Into<PageInfo>, page: &Page) -> io::Result<()> {
        let info = info.into();
        let number = self.written + 1;
        let record = || match self.records {
            Records::Read => PageRecord::read(&info, page),
            Records::ReadWithChars => PageRecord::read_with_chars(&info, page),
            Records::Detected => PageRecord::detected(&info, page),
        };
        // Pages of text are divided as pdftotext does it.
        let feed = if self.written == 0 { "" } else { "\u{c}" };
        let piece = match self.format {
            Format::Text { named: true } => {
                let gap = if self.written == 0 { "" } else { "\n" };
                let number = info.page.map_or(String::new(), |page| format!(", page {page}"));
                format!("{gap}==> {}{number} <==\n{}", info.file_name, text(page))
            }
            Format::Text { named: false } => format!("{feed}{}", text(page)),
            Format::Layout => format!("{feed}{}", layout(page)),
            Format::Json => {
                let opening = if self.written == 0 { "[\n" } else { ",\n" };
                format!("{opening}{}", laid_out(&record())?)
            }
            Format::JsonLines => serde_json::to_string(&record())? + "\n",
            Format::Markdown { dehyphenate } => markdown_page(&info, page, dehyphenate),
            Format::Html { dehyphenate } => html_page(page, dehyphenate),
            Format::Hocr => hocr_page(&info, page, number),
            Format::Alto => alto_page(&info, page, number),
            Format::PageXml => page_xml(&info, page),
            Format::Tsv => tsv_page(page, number),
            Format::Csv => {
                let tables = csv_tables(page);
                let gap = if self.tables > 0 && !tables.is_empty() { "\r\n" } else { "" };
                self.tables += tables.len();
                format!("{gap}{}", tables.join("\r\n"))
            }
        };
        if self.written == 0 {
            self.to.write_all(self.format.frame().0.as_bytes())?;
        }
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
        let (open, close) = self.format.frame();
        if self.written == 0 {
            self.to.write_all(open.as_bytes())?;
        }
        self.to.write_all(close.as_bytes())?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// A page as an indented object whose instances, lines and blocks have a row each.
fn laid_out(page: &PageRecord) -> io::Result<String> {
    let mut out = String::new();
    let name = serde_json::to_string(&page.file_name)?;
    let mut extra = String::new();
    if let Some(number) = page.page {
        let _ = write!(extra, "\n    \"page\": {number},");
    }
    if let Some(dpi) = page.dpi {
        let _ = write!(extra, "\n    \"dpi\": {dpi},");
    }
    if page.text_source != crate::TextSource::Picture {
        let _ = write!(extra, "\n    \"text_source\": {},", serde_json::to_string(&page.text_source)?);
    }
    if page.orientation != 0 {
        let _ = write!(extra, "\n    \"orientation\": {},", page.orientation);
    }
    let _ = write!(
        out,
        "  {{\n    \"file_name\": {name},{}\n    \"width\": {},\n    \"height\": {},\n    \"instances\": {}",
        extra,
        page.width,
        page.height,
        rows(&page.instances)?
    );
    if let Some(lines) = &page.lines {
        let _ = write!(out, ",\n    \"lines\": {}", rows(lines)?);
    }
    if let Some(blocks) = &page.blocks {
        let _ = write!(out, ",\n    \"blocks\": {}", rows(blocks)?);
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
