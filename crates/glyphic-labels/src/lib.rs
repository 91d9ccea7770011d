//! Label files of text in images: 24 formats read and written record by record, LMDB, this project's packs, and what
//! is wrong with labels ([`lint`]).
//!
//! ```text
//! file or folder ─▶ formats::Reader ─▶ Record ─▶ formats::Writer ─▶ file or folder
//!                                        └────▶ LazyPack ─▶ Sample
//! ```

mod error;
mod findings;
pub mod formats;
pub mod json;
mod line_input;
pub mod lint;
pub mod lmdb;
pub mod pack;

pub use error::{Error, Result};
pub use findings::{Findings, Location, Warning};
pub use formats::PackKind;
pub use line_input::{LineInput, ctc_steps};
pub use pack::{LazyPack, PackOptions};
