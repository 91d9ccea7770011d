//! Targets of PSENet: texts shrunk by several ratios.

use glyphic_core::Page;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::targets::{Compat, KernelMaps, Outlines, draw_kernels};

/// How PSENet's targets are drawn: every text whole and six times smaller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PsenetTargets {
    /// Ratios r, above 0 and at most 1: outlines move inwards by area * (1 - r²) / perimeter.
    pub shrink_ratio: Vec<f64>,
    /// The most by which an outline moves, in pixels.
    pub max_shrink: u32,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for PsenetTargets {
    fn default() -> Self {
        let shrink_ratio = vec![1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        Self { shrink_ratio, max_shrink: 20, compat: Compat::Fixed }
    }
}

impl PsenetTargets {
    /// The maps of one page, of its size.
    ///
    /// # Errors
    /// [`Error::Setup`](crate::Error::Setup) without ratios, for one out of range and for a picture without pixels,
    /// [`Error::Outline`](crate::Error::Outline) for an outline of fewer than three vertices or with a coordinate 2^30 pixels
    /// or more away.
    pub fn maps(&self, page: &Page) -> Result<KernelMaps> {
        self.maps_of(&Outlines::from(page))
    }

    /// The maps of plain outlines.
    ///
    /// # Errors
    /// [`Error::Setup`](crate::Error::Setup) without ratios, for one out of range and for a picture without pixels,
    /// [`Error::Outline`](crate::Error::Outline) for an outline of fewer than three vertices or with a coordinate 2^30 pixels
    /// or more away.
    pub fn maps_of(&self, outlines: &Outlines) -> Result<KernelMaps> {
        draw_kernels("PSENet targets", &self.shrink_ratio, self.max_shrink, self.compat, outlines)
    }
}
