use crate::{Error, Result};

/// The longest side that maps may have, in pixels.
const MAX_SIDE: usize = 1 << 20;

/// The maps that a network computes of one picture, one after the other: `[channels, height, width]`.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'a> {
    values: &'a [f32],
    channels: usize,
    height: usize,
    width: usize,
}

impl<'a> Maps<'a> {
    /// Takes row-major values of the shape `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::MapValues`] where a side is 0 or beyond 2^20, or the number of values is not that of the shape.
    pub fn new(values: &'a [f32], shape: [usize; 3]) -> Result<Self> {
        let [channels, height, width] = shape;
        let sides = [height, width].iter().all(|side| (1..=MAX_SIDE).contains(side));
        let count = channels.checked_mul(height).and_then(|n| n.checked_mul(width));
        if !sides || channels == 0 || count != Some(values.len()) {
            return Err(Error::MapValues { shape, got: values.len() });
        }
        Ok(Self { values, channels, height, width })
    }

    /// The number of maps, at least 1.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows of each, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of each, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One map, row by row.
    pub(crate) fn channel(&self, index: usize) -> &'a [f32] {
        let size = self.height * self.width;
        &self.values[index * size..][..size]
    }

    /// # Errors
    /// [`Error::MapCount`] where there are not `expected` maps.
    pub(crate) fn expect(&self, decoder: &'static str, expected: usize) -> Result<()> {
        if self.channels == expected {
            Ok(())
        } else {
            Err(Error::MapCount { decoder, expected, got: self.channels })
        }
    }
}

/// # Errors
/// [`Error::Scale`] where a side is not a finite number above 0.
pub(crate) fn checked_scale(scale: [f64; 2]) -> Result<[f64; 2]> {
    if scale.iter().all(|v| v.is_finite() && *v > 0.0) { Ok(scale) } else { Err(Error::Scale { scale }) }
}

/// `1 / (1 + e^-x)`
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit that has this probability, so that whole maps are compared without an exponential.
pub(crate) fn logit(probability: f32) -> f32 {
    let p = f64::from(probability);
    (p / (1.0 - p)).ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_whose_values_do_not_fit_are_an_error() {
        assert!(Maps::new(&[0.0; 12], [2, 2, 3]).is_ok());
        for shape in [[2, 2, 2], [0, 2, 3], [2, 0, 3], [2, 2, 0], [usize::MAX, 2, 3], [1, 12, 2]] {
            let error = Maps::new(&[0.0; 12], shape).unwrap_err();
            assert!(matches!(error, Error::MapValues { shape: s, got: 12 } if s == shape), "{error}");
        }
        assert!(Maps::new(&[], [0, 0, 0]).is_err());
    }

    #[test]
    fn a_logit_has_its_probability() {
        for p in [0.01, 0.3, 0.5, 0.85] {
            assert!((sigmoid(logit(p)) - p).abs() < 1e-6);
        }
        assert_eq!((logit(0.0), logit(1.0)), (f32::NEG_INFINITY, f32::INFINITY));
    }
}
