//! Rendered text with exact ground truth: what a recognizer or detector learns from where no labelled pictures are
//! at hand.
//!
//! Every glyph is an outline mapped by curve, turn and perspective before it is filled, so the truth's polygons are
//! those of the drawing itself. Sample `i` of a seed is the same whatever thread draws it.
//!
//! ```no_run
//! use glyphic_synth::{LineSynth, SynthConfig};
//!
//! let synth = LineSynth::new(SynthConfig { seed: 7, ..SynthConfig::default() })?;
//! let sample = synth.line(0);
//! println!("{}x{}: {}", sample.image.width(), sample.image.height(), sample.truth.instances[0].text());
//! # Ok::<(), glyphic_synth::Error>(())
//! ```

mod canvas;
mod config;
mod corpus;
mod degrade;
mod dice;
mod error;
mod fonts;
mod ground;
mod line;
mod page;
mod raster;
mod text;

pub use config::{PageShares, SynthConfig};
pub use error::{Error, Result};
pub use line::LineSynth;
pub use page::{PageKind, PageSynth};
