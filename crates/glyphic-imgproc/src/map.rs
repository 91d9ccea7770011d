use glyphic_core::Point;

use crate::{Error, Result};

/// The position of a pixel, `[x, y]`; its centre lies at these coordinates.
pub type Pixel = [i32; 2];

/// Pixel positions from points, cut towards zero as a cast to integers does. Beyond the range of `i32` they saturate,
/// NaN becomes 0.
pub fn pixels(points: &[Point]) -> Vec<Pixel> {
    points.iter().map(|p| [p.x as i32, p.y as i32]).collect()
}

/// Points from pixel positions.
pub fn points(pixels: &[Pixel]) -> Vec<Point> {
    pixels.iter().map(|p| Point::new(f64::from(p[0]), f64::from(p[1]))).collect()
}

/// One value a pixel: `[height, width]`, rows from top to bottom. Neither side is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<T> {
    width: usize,
    height: usize,
    data: Vec<T>,
}

impl<T: Copy> Map<T> {
    /// From rows of values.
    ///
    /// # Errors
    /// [`Error::Empty`] where a side is 0, [`Error::ValueCount`] where the count is not `width * height`.
    pub fn new(width: usize, height: usize, data: Vec<T>) -> Result<Self> {
        let expected = width.checked_mul(height).filter(|n| *n > 0);
        let expected = expected.ok_or(Error::Empty { operation: "map", width, height })?;
        if data.len() != expected {
            return Err(Error::ValueCount { width, height, expected, got: data.len() });
        }
        Ok(Self { width, height, data })
    }

    /// A map of one value.
    ///
    /// # Errors
    /// [`Error::Empty`] where a side is 0.
    pub fn filled(width: usize, height: usize, value: T) -> Result<Self> {
        Self::new(width, height, vec![value; width.saturating_mul(height)])
    }

    /// Columns, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All values, to be changed.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The values without the size.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Row `y`.
    ///
    /// # Panics
    /// Outside the map.
    pub fn row(&self, y: usize) -> &[T] {
        &self.data[y * self.width..][..self.width]
    }

    /// Row `y`, to be changed.
    ///
    /// # Panics
    /// Outside the map.
    pub fn row_mut(&mut self, y: usize) -> &mut [T] {
        &mut self.data[y * self.width..][..self.width]
    }

    /// The value at column `x`, row `y`.
    ///
    /// # Panics
    /// Outside the map.
    pub fn at(&self, x: usize, y: usize) -> T {
        self.row(y)[x]
    }

    /// The map of the values' images.
    pub fn map<U: Copy>(&self, f: impl FnMut(T) -> U) -> Map<U> {
        Map { width: self.width, height: self.height, data: self.data.iter().copied().map(f).collect() }
    }

    /// Of a map that is known to fit.
    pub(crate) fn from_parts(width: usize, height: usize, data: Vec<T>) -> Self {
        debug_assert_eq!(width * height, data.len());
        Self { width, height, data }
    }
}

impl Map<f32> {
    /// 1 where the value is above `threshold`, 0 elsewhere (and for NaN).
    pub fn above(&self, threshold: f32) -> Map<u8> {
        self.map(|v| u8::from(v > threshold))
    }
}
