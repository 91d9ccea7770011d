//! What segmentation-based recognizers learn to draw. The targets of detectors lie beside their decoders.
//!
//! Where MMOCR 0.2.1 draws something that cannot be right, the default differs from it; [`Compat::Mmocr021`] brings its maps
//! back.

mod ocr_seg;

pub use glyphic_core::Compat;
pub use ocr_seg::{CharBoxes, OcrSegMaps, OcrSegTargets, SegClasses};

#[cfg(test)]
mod tests;
