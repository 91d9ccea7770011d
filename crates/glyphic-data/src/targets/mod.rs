//! What a network shall learn to draw, made from polygons.
//!
//! A generator takes [`Outlines`] (or a [`Page`](glyphic_core::Page)) and gives plain maps. Where MMOCR 0.2.1 draws
//! something that cannot be right, the default differs from it; [`Compat::Mmocr021`] brings its maps back.

pub mod dbnet;
pub mod drrg;
pub mod fcenet;
mod kernels;
mod ocr_seg;
mod outlines;
mod ribbons;
mod sides;
pub mod textsnake;

use serde::{Deserialize, Serialize};

pub use kernels::{KernelMaps, PanetTargets, PsenetTargets};
pub use ocr_seg::{CharBoxes, OcrSegMaps, OcrSegTargets, SegClasses};
pub use outlines::Outlines;
pub use sides::{Ribbon, Sides, find_head_tail, resample_line, sides};

/// Whose behaviour is wanted where the reference is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// The right one.
    #[default]
    Fixed,
    /// MMOCR 0.2.1's, defects included.
    Mmocr021,
}

impl Compat {
    /// Whether the reference's defects are kept.
    pub fn is_reference(self) -> bool {
        self == Self::Mmocr021
    }
}

#[cfg(test)]
mod tests;
