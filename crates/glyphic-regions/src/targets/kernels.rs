//! Texts shrunk by several ratios, which PANet and PSENet learn.

use glyphic_core::Point;
use glyphic_core::geometry::{offset, signed_area};
use glyphic_imgproc::{Map, arc_length, fill_poly, pixels, points};

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

/// The maps of outlines; `what` stands in errors.
pub(crate) fn draw(
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
