//! Bringing a crop to the height that a network reads: MMOCR's `ResizeOCR`.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::Check;

/// The widest result where no `max_width` says otherwise, in pixels. Longer strips are squeezed: a file of one row of
/// pixels must not fill the memory.
const WIDEST: u32 = 8192;

/// The size that crops are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResizeConfig {
    /// Height in pixels.
    pub height: u32,
    /// The narrowest result in pixels.
    pub min_width: Option<u32>,
    /// The widest result in pixels; narrower ones are padded to it on the right.
    pub max_width: Option<u32>,
    /// Whether the width follows the crop's. Where not, each crop is stretched to `max_width`.
    pub keep_aspect_ratio: bool,
    /// The width is rounded to a multiple of this, half to even.
    pub width_divisor: u32,
}

/// How wide a crop is for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Of the content, in pixels.
    pub content: u32,
    /// With padding, in pixels.
    pub padded: u32,
}

impl Width {
    /// The share of the width that holds content: MMOCR's `valid_ratio`.
    pub fn ratio(self) -> f64 {
        f64::from(self.content) / f64::from(self.padded)
    }
}

impl Default for ResizeConfig {
    /// As CRNN is tested: 32 pixels high, as wide as the crop asks, in multiples of 16, at least 32.
    fn default() -> Self {
        Self { height: 32, min_width: Some(32), max_width: None, keep_aspect_ratio: true, width_divisor: 16 }
    }
}

impl ResizeConfig {
    /// Checks that every crop gets a size.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range; `model` names the owner.
    pub fn validate(&self, model: &'static str) -> Result<()> {
        let wrong = |field, got: String, expected| Check(model).wrong(field, got, expected);
        if !(1..=512).contains(&self.height) {
            return wrong("resize.height", self.height.to_string(), "1 to 512");
        }
        if !(1..=512).contains(&self.width_divisor) {
            return wrong("resize.width_divisor", self.width_divisor.to_string(), "1 to 512");
        }
        for (field, width) in [("resize.min_width", self.min_width), ("resize.max_width", self.max_width)] {
            if let Some(width) = width.filter(|width| !(1..=WIDEST).contains(width)) {
                return wrong(field, width.to_string(), "1 to 8192");
            }
        }
        if let (Some(min), Some(max)) = (self.min_width, self.max_width)
            && min > max
        {
            return wrong("resize.min_width", min.to_string(), "at most resize.max_width");
        }
        if !self.keep_aspect_ratio && self.max_width.is_none() {
            let expected = "a width to stretch to, because resize.keep_aspect_ratio is false";
            return wrong("resize.max_width", "nothing".to_owned(), expected);
        }
        Ok(())
    }

    /// The width of a crop of `width` x `height` pixels. At least 1, also where rounding gives 0.
    pub fn width(&self, width: u32, height: u32) -> Width {
        if let (false, Some(max)) = (self.keep_aspect_ratio, self.max_width) {
            return Width { content: max, padded: max };
        }
        let mut new = (f64::from(self.height) / f64::from(height) * f64::from(width)).ceil();
        let divisor = f64::from(self.width_divisor);
        if new % divisor != 0.0 {
            new = (new / divisor).round_ties_even() * divisor;
        }
        let new = (new as u32).max(self.min_width.unwrap_or(1)).max(1);
        match self.max_width {
            None => {
                let new = new.min(WIDEST);
                Width { content: new, padded: new }
            }
            Some(max) => Width { content: new.min(max), padded: max },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gives_a_picture_of_bounded_width() {
        let config = ResizeConfig { min_width: None, ..ResizeConfig::default() };
        for (width, height, content) in
            [(100, 32, 96), (104, 32, 96), (120, 32, 128), (1, 1000, 1), (20_000, 1, 8192)]
        {
            let size = config.width(width, height);
            assert_eq!((size.content, size.padded), (content, content), "{width}x{height}");
        }
    }
}
