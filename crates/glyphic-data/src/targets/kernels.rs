//! Targets of PANet and PSENet: texts shrunk by several ratios.
//!
//! Wang et al., "Efficient and Accurate Arbitrary-Shaped Text Detection with Pixel Aggregation Network", ICCV 2019,
//! <https://arxiv.org/abs/1908.05900>; "Shape Robust Text Detection with Progressive Scale Expansion Network", CVPR
//! 2019, <https://arxiv.org/abs/1903.12473>.

use glyphic_core::geometry::{offset, signed_area};
use glyphic_core::{Page, Point};
use glyphic_imgproc::{Map, arc_length, fill_poly, pixels, points};
use serde::{Deserialize, Serialize};

use super::{Compat, Outlines};
use crate::{Error, Result};

/// Target maps of PANet or PSENet of a picture, each `[height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelMaps {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// A map a ratio, in the order given: 0 outside, else 1 + the text's index (65,535 from that on). A text that
    /// vanishes at a ratio leaves its number unused there; later texts lie over earlier ones.
    pub kernels: Vec<Vec<u16>>,
    /// 0 where ignored texts stand, else 1.
    pub mask: Vec<u8>,
}

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

/// How PSENet's targets are drawn: as [`PanetTargets`], with more ratios.
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
    /// [`Error::Setup`] without ratios, for one out of range and for a picture without pixels, [`Error::Outline`] for
    /// an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn maps_of(&self, outlines: &Outlines) -> Result<KernelMaps> {
        draw("PANet targets", &self.shrink_ratio, self.max_shrink, self.compat, outlines)
    }
}

impl PsenetTargets {
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
    /// As for [`PanetTargets::maps_of`].
    pub fn maps_of(&self, outlines: &Outlines) -> Result<KernelMaps> {
        draw("PSENet targets", &self.shrink_ratio, self.max_shrink, self.compat, outlines)
    }
}

fn draw(
    what: &'static str,
    ratios: &[f64],
    max_shrink: u32,
    compat: Compat,
    outlines: &Outlines,
) -> Result<KernelMaps> {
    if ratios.is_empty() {
        return Err(Error::Setup {
            what,
            reason: "shrink_ratio is empty, it needs a ratio a map".to_owned(),
        });
    }
    if let Some(wrong) = ratios.iter().find(|r| !(**r > 0.0 && **r <= 1.0)) {
        let reason = format!("shrink_ratio {wrong} must be above 0 and at most 1");
        return Err(Error::Setup { what, reason });
    }
    outlines.check(what)?;
    let (height, width) = (outlines.height, outlines.width);
    // Each on its own: fresh zeros cost nothing until they are drawn over, copies do.
    let mut kernels = Vec::with_capacity(ratios.len());
    for _ in ratios {
        kernels.push(Map::filled(width, height, 0u16)?);
    }
    for (index, outline) in outlines.texts.iter().enumerate() {
        let whole = pixels(outline);
        let (area, length) = (signed_area(&points(&whole)).abs(), arc_length(&whole));
        let value = u16::try_from(index + 1).unwrap_or(u16::MAX);
        for (map, ratio) in kernels.iter_mut().zip(ratios) {
            let wanted = (area * (1.0 - ratio * ratio) / (length + 0.001) + 0.5).trunc();
            let distance = wanted.min(f64::from(max_shrink));
            let pieces: Vec<Vec<Point>> = offset(&points(&whole), -distance);
            let kept = if compat.is_reference() { 1 } else { pieces.len() };
            for piece in pieces.iter().take(kept) {
                fill_poly(map, &pixels(piece), value);
            }
        }
    }
    let mut mask = Map::filled(width, height, 1u8)?;
    for outline in &outlines.ignored {
        fill_poly(&mut mask, &pixels(outline), 0);
    }
    Ok(KernelMaps {
        height,
        width,
        kernels: kernels.into_iter().map(Map::into_data).collect(),
        mask: mask.into_data(),
    })
}
