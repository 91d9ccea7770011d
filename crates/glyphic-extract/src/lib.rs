//! Meaning of text: classes of a page's boxes and links between them ([`kie`]), and named entities of
//! sentences ([`ner`]).
//!
//! One folder per model: its configuration, network, loss and the names of its weights. [`ExtractorConfig`] lists them;
//! [`ExtractorConfig::build`] makes a [`PageExtractor`] of one and its weights.

mod config;
mod error;
pub mod kie;
pub mod ner;

pub use config::{EntityConfig, ExtractorConfig};
pub use error::{Error, Result};
pub use kie::sdmgr::PageExtractor;
