//! MMOCR 0.2.1's pipelines and data sets: what the Python module `glyphic.mmocr` and the reference configurations use.
//!
//! [`transforms`] are the steps of its pipelines, [`dataset`] its data sets with their loaders and parsers. Training with
//! glyphic's own samples and augmentation does not use this crate.

pub mod dataset;
mod error;
pub mod transforms;

pub use error::{Error, Result};
