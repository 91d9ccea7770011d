//! Labels of every format: read and written record by record, in flat memory.
//!
//! ```no_run
//! # fn main() -> Result<(), glyphic_labels::Error> {
//! use glyphic_labels::formats::{Format, ReadOptions, Reader, WriteOptions, Writer};
//!
//! let reader = Reader::open("icdar/annotations", &ReadOptions::default())?;
//! let mut writer = Writer::create("train.txt", Format::PaddleDet, &WriteOptions::default())?;
//! for record in reader {
//!     writer.put(&record?)?;
//! }
//! writer.finish()?;
//! # Ok(())
//! # }
//! ```

mod cluener;
mod coco;
mod crops;
mod ctw1500;
mod detect;
mod folder;
mod format;
mod funsd;
mod icdar;
mod icdar_words;
pub(crate) mod json;
mod label_studio;
pub(crate) mod line_json;
pub(crate) mod lines;
mod lmdb;
mod mat;
mod mmocr1;
mod out;
pub(crate) mod outline;
pub(crate) mod pack;
mod paddle;
mod reader;
mod record;
mod records;
mod sink;
mod sroie;
mod svt;
mod synthtext;
mod text;
mod textocr;
mod totaltext;
mod values;
mod wildreceipt;
mod writer;

pub use crops::{Crops, cut};
pub(crate) use format::names;
pub use format::{Format, Kind};
pub use pack::PackKind;
pub(crate) use pack::recognise;
pub use reader::{ReadOptions, Reader};
pub use record::{Picture, Record, Truth};
pub use writer::{LabelFiles, WriteOptions, Writer, Written};

#[cfg(test)]
mod tests;
