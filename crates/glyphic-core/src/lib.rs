//! The nouns of glyphic and the traits of its stages. No tensors live here.
//!
//! Coordinates are pixels of the upright image: x to the right, y down, (0, 0) the top-left corner.

mod atomic;
mod compat;
mod dropped;
mod error;
mod frames;
pub mod geometry;
mod image;
mod overlay;
mod page;
mod stage;
mod tiff;
mod truth;
mod vocab;

pub use atomic::{AtomicFile, AtomicFolder, write_file};
pub use compat::Compat;
pub use dropped::{DropReason, Dropped};
pub use error::{Error, Result};
pub use frames::{Frame, Frames};
pub use geometry::{Point, Polygon, Rect, RotatedRect};
pub use image::{Image, ImageLimits};
pub use overlay::{TomlError, deserialize_over, deserialize_over_default, from_toml, from_toml_over};
pub use page::{
    Alternative, CharSpan, Confidence, Document, Emphasis, Line, Page, Region, Sample, TextInstance,
    Transcript,
};
pub use stage::{Detected, Detector, Extractor, Recognizer, Replaced};
pub use truth::{Entity, EntityText, OutlineTruth, Truths};
pub use vocab::{DICT36, DICT90, LATIN, Symbol, Vocab, parse_dict, read_dict};
