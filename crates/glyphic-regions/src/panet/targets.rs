//! Targets of PANet: texts shrunk by several ratios.

use glyphic_core::Page;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::targets::{Compat, KernelMaps, Outlines, draw_kernels};

/// How PANet's targets are drawn.
///
/// By default every piece of a text that falls apart when it shrinks is drawn; [`Compat::Mmocr021`] keeps the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanetTargets {
    /// Ratios r, above 0 and at most 1: outlines move inwards by area * (1 - r²) / perimeter.
    pub shrink_ratio: Vec<f64>,
    /// The most by which an outline moves, in pixels.
    pub max_shrink: u32,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for PanetTargets {
    fn default() -> Self {
        Self { shrink_ratio: vec![1.0, 0.5], max_shrink: 20, compat: Compat::Fixed }
    }
}

impl PanetTargets {
    /// The maps of one page, of its size.
    ///
    /// # Errors
    /// As for [`PanetTargets::maps_of`].
    pub fn maps(&self, page: &Page) -> Result<KernelMaps> {
        self.maps_of(&Outlines::from(page))
    }

    /// The maps of plain outlines.
    ///
    /// # Errors
    /// [`Error::Setup`](crate::Error::Setup) without ratios, for one out of range and for a picture without pixels, [`Error::Outline`](crate::Error::Outline) for
    /// an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn maps_of(&self, outlines: &Outlines) -> Result<KernelMaps> {
        draw_kernels("PANet targets", &self.shrink_ratio, self.max_shrink, self.compat, outlines)
    }
}
