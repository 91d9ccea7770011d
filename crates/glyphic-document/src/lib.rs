//! Pages as documents: text, JSON, Markdown, HTML, hOCR, ALTO, PAGE-XML, TSV, CSV, overlays; JSON lines read back.
//!
//! [`PageWriter`] streams pages into anything that takes bytes; [`overlay`] draws a page on its picture; [`blocks`] finds
//! headings, paragraphs, lists, tables, keys with values and figures; [`read_pages`] and [`read_texts`] take anybody's predictions.

mod error;
mod figures;
mod formats;
mod label;
mod margins;
mod marks;
mod overlay;
mod pairs;
mod record;
mod table;
mod tree;
mod write;

use glyphic_core::Polygon;

pub use error::{Error, Result};
pub use formats::{invalid_characters, layout};
pub use overlay::{Overlay, overlay};
pub use pairs::Pair;
pub use record::{
    BlockRecord, CellRecord, InstanceRecord, LineRecord, PAGE_SCHEMA, PageInfo, PageRecord, RowRecord,
    TextRecord, TextSource, parse_pages, parse_texts, read_pages, read_texts,
};
pub use table::{Cell, Table};
pub use tree::{Block, BlockKind, blocks, joined};
pub use write::{Format, PageWriter, Records, text};

/// Degrees clockwise by which text in an outline stands turned, -180 to 180; 0 for an outline of other than four vertices.
pub fn text_angle(polygon: &Polygon) -> f64 {
    match polygon.points() {
        [tl, tr, br, bl] => ((tr.y + br.y) - (tl.y + bl.y)).atan2((tr.x + br.x) - (tl.x + bl.x)).to_degrees(),
        _ => 0.0,
    }
}
