//! Pages written as text, JSON, JSON lines and overlays, and JSON lines read back.
//!
//! [`PageWriter`] streams pages into anything that takes bytes; [`overlay`] draws a page on its picture; [`read_pages`] and
//! [`read_texts`] take anybody's predictions.

mod error;
mod label;
mod overlay;
mod record;
mod write;

pub use error::{Error, Result};
pub use overlay::{Overlay, overlay};
pub use record::{
    InstanceRecord, LineRecord, PageRecord, TextRecord, parse_pages, parse_texts, read_pages, read_texts,
};
pub use write::{Format, PageWriter, Records, text};
