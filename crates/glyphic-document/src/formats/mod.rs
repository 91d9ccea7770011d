//! Pages as the files that libraries, archives and editors read.
//!
//! Each format is a prologue, a piece a page and an epilogue, so that pages stream.

mod alto;
mod hocr;
mod markup;
mod page_xml;
mod plain;
mod xml;

pub(crate) use alto::{ALTO_CLOSE, ALTO_OPEN, alto_page};
pub(crate) use hocr::{HOCR_CLOSE, HOCR_OPEN, hocr_page};
pub(crate) use markup::{HTML_CLOSE, HTML_OPEN, html_page, markdown_page};
pub(crate) use page_xml::page_xml;
pub use plain::layout;
pub(crate) use plain::{TSV_HEADER, csv_tables, tsv_page};
pub use xml::invalid_characters;
