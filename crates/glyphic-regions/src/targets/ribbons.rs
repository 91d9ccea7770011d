//! What the generators that draw along texts begin with.

use glyphic_imgproc::{Map, fill_poly, pixels};

use super::{Outlines, Ribbon};
use crate::{Error, Result};

/// The masks of a picture and the ribbons of its texts.
pub(crate) struct Ribbons {
    /// 1 inside texts.
    pub text_mask: Map<u8>,
    /// 0 where ignored texts stand, else 1. A text without two sides is ignored.
    pub mask: Map<u8>,
    /// Of the other texts, in their order.
    pub ribbons: Vec<Ribbon>,
}

impl Ribbons {
    /// With a point every `step` pixels along the sides.
    pub(crate) fn new(outlines: &Outlines, orientation_thr: f64, step: f64) -> Result<Self> {
        let (height, width) = (outlines.height, outlines.width);
        let mut text_mask = Map::filled(width, height, 0)?;
        let mut mask = Map::filled(width, height, 1)?;
        let mut ribbons = Vec::with_capacity(outlines.texts.len());
        for outline in &outlines.texts {
            match Ribbon::new(outline, orientation_thr, step) {
                Some(ribbon) => {
                    fill_poly(&mut text_mask, &pixels(outline), 1);
                    ribbons.push(ribbon);
                }
                None => fill_poly(&mut mask, &pixels(outline), 0),
            }
        }
        for outline in &outlines.ignored {
            fill_poly(&mut mask, &pixels(outline), 0);
        }
        Ok(Self { text_mask, mask, ribbons })
    }
}

/// Whether the options all generators of ribbons share can be drawn with.
pub(crate) fn check_ribbon(what: &'static str, orientation_thr: f64, step: f64, ratio: f64) -> Result<()> {
    let wrong = |name: &str, value: f64, right: &str| {
        Err(Error::Setup { what, reason: format!("{name} is {value}, it must be {right}") })
    };
    if !(orientation_thr.is_finite() && orientation_thr > 0.0) {
        return wrong("orientation_thr", orientation_thr, "above 0");
    }
    if !(step.is_finite() && step > 0.0) {
        return wrong("resample_step", step, "above 0");
    }
    if !(ratio > 0.0 && ratio <= 1.0) {
        return wrong("center_region_shrink_ratio", ratio, "above 0 and at most 1");
    }
    Ok(())
}
