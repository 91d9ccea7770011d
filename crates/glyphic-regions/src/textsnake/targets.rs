//! Targets of TextSnake: texts, their centre regions, and on these the radius and the direction.
//!
//! Long et al., "TextSnake: A Flexible Representation for Detecting Text of Arbitrary Shapes", ECCV 2018,
//! <https://arxiv.org/abs/1807.01544>.

use glyphic_core::Page;
use glyphic_imgproc::poly_spans;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::targets::{Outlines, Ribbons, check_ribbon, direction, distance};

/// How TextSnake's targets are drawn.
///
/// A text without two sides (fewer than four distinct vertices) is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextsnakeTargets {
    /// A quadrilateral's ends are its steeper sides, unless those are longer than the others by more than this factor.
    pub orientation_thr: f64,
    /// Pixels between points along a side, above 0.
    pub resample_step: f64,
    /// Height of the centre region as a share of the text's, above 0, at most 1.
    pub center_region_shrink_ratio: f64,
}

impl Default for TextsnakeTargets {
    fn default() -> Self {
        Self { orientation_thr: 2.0, resample_step: 4.0, center_region_shrink_ratio: 0.3 }
    }
}

/// TextSnake's target maps of a picture, each `[height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TextsnakeMaps {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 inside texts.
    pub text_mask: Vec<u8>,
    /// 1 inside centre regions.
    pub center_region_mask: Vec<u8>,
    /// 0 where ignored texts stand, else 1.
    pub mask: Vec<u8>,
    /// Half the text's height, on centre regions; elsewhere 0, as in the maps that follow.
    pub radius: Vec<f32>,
    /// Sine of the angle between the text's direction and the x axis.
    pub sin: Vec<f32>,
    /// Its cosine.
    pub cos: Vec<f32>,
}

const WHAT: &str = "TextSnake targets";

/// Steeper texts run downwards instead of to the right.
const STEEP: f64 = 0.9;

impl TextsnakeTargets {
    fn check(&self) -> Result<()> {
        check_ribbon(WHAT, self.orientation_thr, self.resample_step, self.center_region_shrink_ratio)
    }

    /// The maps of one page, of its size.
    ///
    /// # Errors
    /// As for [`TextsnakeTargets::maps_of`].
    pub fn maps(&self, page: &Page) -> Result<TextsnakeMaps> {
        self.maps_of(&Outlines::from(page))
    }

    /// The maps of plain outlines.
    ///
    /// # Errors
    /// [`Error::Setup`](crate::Error::Setup) for values that cannot be drawn with and for a picture without pixels,
    /// [`Error::Outline`](crate::Error::Outline) for
    /// an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn maps_of(&self, outlines: &Outlines) -> Result<TextsnakeMaps> {
        self.check()?;
        outlines.check(WHAT)?;
        let (height, width) = (outlines.height, outlines.width);
        let n = height * width;
        let Ribbons { text_mask, mask, ribbons } =
            Ribbons::new(outlines, self.orientation_thr, self.resample_step)?;
        let mut center_region_mask = vec![0; n];
        let (mut radius, mut sin, mut cos) = (vec![0f32; n], vec![0f32; n], vec![0f32; n]);
        for ribbon in ribbons {
            let ribbon = ribbon.along_reading(STEEP);
            let (head, tail) = ribbon.quarters(self.resample_step);
            let ribbon = ribbon.shortened(head, tail);
            for i in 0..ribbon.pieces() {
                let (top, bottom) = ribbon.middles(i);
                let half = (distance(top, bottom) / 2.0) as f32;
                let (s, c) = direction(ribbon.way(i));
                let (s, c) = (s as f32, c as f32);
                poly_spans(width, height, &[ribbon.piece(i, self.center_region_shrink_ratio)], |span| {
                    center_region_mask[span.clone()].fill(1);
                    radius[span.clone()].fill(half);
                    sin[span.clone()].fill(s);
                    cos[span].fill(c);
                });
            }
        }
        Ok(TextsnakeMaps {
            height,
            width,
            text_mask: text_mask.into_data(),
            center_region_mask,
            mask: mask.into_data(),
            radius,
            sin,
            cos,
        })
    }
}
