use glyphic_core::{Page, Point};

use crate::{Error, Result};

/// The texts of a picture, as target generators take them: plain outlines, nothing normalised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outlines {
    /// Height of the picture in pixels.
    pub height: usize,
    /// Width of the picture in pixels.
    pub width: usize,
    /// Texts to be learnt, at least three vertices each, open. They may reach over the picture's edges.
    pub texts: Vec<Vec<Point>>,
    /// Texts that neither reward nor punish.
    pub ignored: Vec<Vec<Point>>,
}

/// A picture of more pixels has no targets: the maps would fill the memory.
const MOST_PIXELS: usize = 1 << 28;

/// Vertices beyond this many pixels from the origin cannot be moved on the integer grid.
const FARTHEST: f64 = (1u64 << 30) as f64;

impl Outlines {
    /// From coordinates as `[x1, y1, x2, y2, ...]`.
    ///
    /// # Errors
    /// [`Error::Outline`] for an odd count of numbers, fewer than three vertices or a coordinate 2^30 pixels
    /// or more from the origin, [`Error::Setup`] for a picture without pixels or of more than 2^28.
    pub fn from_flat(
        height: usize,
        width: usize,
        texts: &[impl AsRef<[f64]>],
        ignored: &[impl AsRef<[f64]>],
    ) -> Result<Self> {
        let outlines =
            Self { height, width, texts: points("texts", texts)?, ignored: points("ignored", ignored)? };
        outlines.check("outlines")?;
        Ok(outlines)
    }

    /// Whether maps can be drawn; `what` stands in the error.
    pub(crate) fn check(&self, what: &'static str) -> Result<()> {
        let (height, width) = (self.height, self.width);
        if height == 0 || width == 0 {
            return Err(Error::Setup {
                what,
                reason: format!("a picture of {width}x{height} has no pixels"),
            });
        }
        if height.saturating_mul(width) > MOST_PIXELS {
            let reason = format!("a picture of {width}x{height} has more than {MOST_PIXELS} pixels");
            return Err(Error::Setup { what, reason });
        }
        for (list, outlines) in [("texts", &self.texts), ("ignored", &self.ignored)] {
            for (index, outline) in outlines.iter().enumerate() {
                check_outline(list, index, outline)?;
            }
        }
        Ok(())
    }
}

impl From<&Page> for Outlines {
    fn from(page: &Page) -> Self {
        let mut outlines =
            Self { height: page.height as usize, width: page.width as usize, ..Self::default() };
        for text in &page.instances {
            let list = if text.ignore { &mut outlines.ignored } else { &mut outlines.texts };
            list.push(text.region.polygon.points().to_vec());
        }
        outlines
    }
}

fn check_outline(list: &'static str, index: usize, outline: &[Point]) -> Result<()> {
    let fail = |reason: String| Err(Error::Outline { list, index, reason });
    if outline.len() < 3 {
        return fail(format!("{} vertices, at least 3 are needed", outline.len()));
    }
    // Written so that NaN fails.
    let sound = |v: f64| v.abs() < FARTHEST;
    match outline.iter().find(|p| !(sound(p.x) && sound(p.y))) {
        Some(p) => fail(format!("vertex ({}, {}) is not within 2^30 pixels of the origin", p.x, p.y)),
        None => Ok(()),
    }
}

fn points(list: &'static str, flat: &[impl AsRef<[f64]>]) -> Result<Vec<Vec<Point>>> {
    let one = |(index, numbers): (usize, &[f64])| {
        if !numbers.len().is_multiple_of(2) {
            let reason = format!("{} numbers do not pair up as x, y", numbers.len());
            return Err(Error::Outline { list, index, reason });
        }
        Ok(numbers.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect())
    };
    flat.iter().map(AsRef::as_ref).enumerate().map(one).collect()
}
