//! PDF in and out: pages as pictures and as the text of their text layer, and searchable PDF.
//!
//! [`PdfFile`] draws one page at a time, so that memory does not grow with the number of pages. [`SearchablePdf`] makes a
//! PDF of pictures; [`add_text`] adds an invisible text layer to the pages of a PDF that exists.

mod error;
mod font;
mod read;
mod text;
mod write;

pub use error::{Error, Result};
pub use read::{Dpi, PdfFile, PdfPage, is_guarded_thread};
pub use text::{LayerWord, TextLayer};
pub use write::{PageText, SearchablePdf, TextWord, add_text};

/// Whether bytes begin as a PDF does: `%PDF-` within the first kilobyte.
pub fn is_pdf(bytes: &[u8]) -> bool {
    bytes.get(..bytes.len().min(1024)).unwrap_or_default().windows(5).any(|w| w == b"%PDF-")
}
