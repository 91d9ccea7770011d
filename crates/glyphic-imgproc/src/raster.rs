use glyphic_core::Image;

use crate::{Error, Map, Result, resize};

/// A value of a [`Raster`]: `u8` or `f32`.
pub trait Value: Copy + Default + PartialEq + Send + Sync + sealed::Sealed + 'static {
    /// As a number.
    fn to_f32(self) -> f32;
    /// The nearest value, half to even; `u8` is clamped to 0..=255 and takes NaN as 0.
    fn from_f32(v: f32) -> Self;
    #[doc(hidden)]
    fn linear<const C: usize>(data: &[Self], from: [usize; 2], to: [usize; 2]) -> Vec<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for f32 {}
}

impl Value for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(v: f32) -> Self {
        v.round_ties_even() as Self
    }

    fn linear<const C: usize>(data: &[Self], from: [usize; 2], to: [usize; 2]) -> Vec<Self> {
        resize::linear_u8::<C>(data, from, to)
    }
}

impl Value for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(v: f32) -> Self {
        v
    }

    fn linear<const C: usize>(data: &[Self], from: [usize; 2], to: [usize; 2]) -> Vec<Self> {
        resize::linear_f32::<C>(data, from, to)
    }
}

/// Pixels of one to four channels, `[height, width, channels]`: what a picture is between decoding and the network.
///
/// The meaning and order of the channels are the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster<T> {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<T>,
}

/// What is put around a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Around<T> {
    /// One value a channel; channels beyond a picture's own are not looked at.
    Colour([T; 4]),
    /// The nearest pixel of the picture.
    Edge,
}

/// The channels a [`Raster`] may have.
const MOST_CHANNELS: usize = 4;

/// The longest side of a result, in pixels.
const MAX_SIDE: usize = 1 << 16;

fn check(operation: &'static str, height: usize, width: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::Empty { operation, width, height });
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(Error::TooLarge { operation, width, height, max_side: MAX_SIDE });
    }
    Ok(())
}

impl<T: Value> Raster<T> {
    /// From pixels, row by row.
    ///
    /// # Errors
    /// [`Error::Empty`] where a side is 0, [`Error::Channels`] for none or more than four channels,
    /// [`Error::ValueCount`] where the count is not `height * width * channels`.
    pub fn new(height: usize, width: usize, channels: usize, data: Vec<T>) -> Result<Self> {
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(Error::Channels { channels });
        }
        let expected = height.checked_mul(width).filter(|n| *n > 0);
        let expected = expected.and_then(|n| n.checked_mul(channels));
        let expected = expected.ok_or(Error::Empty { operation: "raster", width, height })?;
        if data.len() != expected {
            return Err(Error::ValueCount { width, height, expected, got: data.len() });
        }
        Ok(Self { height, width, channels, data })
    }

    /// One colour; of its four values the first `channels` count.
    ///
    /// # Errors
    /// As for [`Raster::new`], and [`Error::TooLarge`] for a side above 65,536.
    pub fn filled(height: usize, width: usize, channels: usize, colour: [T; 4]) -> Result<Self> {
        check("raster", height, width)?;
        let colour = colour.get(..channels).filter(|c| !c.is_empty()).ok_or(Error::Channels { channels })?;
        Ok(Self { height, width, channels, data: colour.repeat(height * width) })
    }

    /// Rows, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Values a pixel, 1 to 4.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All values, `[height, width, channels]`.
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

    /// The values of the pixel in column `x`, row `y`.
    ///
    /// # Panics
    /// Outside the raster.
    pub fn pixel(&self, x: usize, y: usize) -> &[T] {
        assert!(x < self.width, "column {x} lies outside");
        &self.data[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// Bilinear with half-pixel centres, without antialiasing: OpenCV's `resize(INTER_LINEAR)`.
    ///
    /// # Errors
    /// [`Error::Empty`] for a side of 0, [`Error::TooLarge`] for one above 65,536.
    pub fn resize_linear(&self, height: usize, width: usize) -> Result<Self> {
        check("resize", height, width)?;
        let (from, to) = ([self.height, self.width], [height, width]);
        let data = match self.channels {
            1 => T::linear::<1>(&self.data, from, to),
            2 => T::linear::<2>(&self.data, from, to),
            3 => T::linear::<3>(&self.data, from, to),
            _ => T::linear::<4>(&self.data, from, to),
        };
        Ok(self.with_size(height, width, data))
    }

    /// The pixel at `floor(x * source / target)`: OpenCV's `resize(INTER_NEAREST)`.
    ///
    /// # Errors
    /// As for [`Raster::resize_linear`].
    pub fn resize_nearest(&self, height: usize, width: usize) -> Result<Self> {
        check("resize", height, width)?;
        let columns = resize::nearest_positions(self.width, width);
        let mut data = Vec::with_capacity(height * width * self.channels);
        for y in resize::nearest_positions(self.height, height) {
            for &x in &columns {
                data.extend_from_slice(self.pixel(x, y));
            }
        }
        Ok(self.with_size(height, width, data))
    }

    /// Bicubic (a = -0.75) with half-pixel centres, without antialiasing: OpenCV's `resize(INTER_CUBIC)`, but in single
    /// precision throughout, so that bytes may differ from its fixed point by 1.
    ///
    /// # Errors
    /// As for [`Raster::resize_linear`].
    pub fn resize_cubic(&self, height: usize, width: usize) -> Result<Self> {
        check("resize", height, width)?;
        let c = self.channels;
        let columns = cubic_taps(self.width, width);
        let mut across = vec![0f32; self.height * width * c];
        let rows = across.chunks_exact_mut(width * c).zip(self.data.chunks_exact(self.width * c));
        for (target, row) in rows {
            for (pixel, (positions, weights)) in target.chunks_exact_mut(c).zip(&columns) {
                for (k, value) in pixel.iter_mut().enumerate() {
                    *value = (0..4).map(|i| row[positions[i] * c + k].to_f32() * weights[i]).sum();
                }
            }
        }
        let mut data = Vec::with_capacity(height * width * c);
        for (positions, weights) in cubic_taps(self.height, height) {
            let rows = positions.map(|y| &across[y * width * c..][..width * c]);
            data.extend(
                (0..width * c).map(|x| T::from_f32((0..4).map(|i| rows[i][x] * weights[i]).sum::<f32>())),
            );
        }
        Ok(self.with_size(height, width, data))
    }

    /// Columns `x0..x1` of rows `y0..y1`, cut to the picture.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing is left.
    pub fn crop(&self, x0: usize, y0: usize, x1: usize, y1: usize) -> Result<Self> {
        let (x1, y1) = (x1.min(self.width), y1.min(self.height));
        let (width, height) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        check("crop", height, width)?;
        let stride = self.width * self.channels;
        let data = self.data[y0 * stride..y1 * stride]
            .chunks_exact(stride)
            .flat_map(|row| &row[x0 * self.channels..x1 * self.channels])
            .copied()
            .collect();
        Ok(self.with_size(height, width, data))
    }

    /// The picture with pixels added on each side.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a side above 65,536.
    pub fn pad(&self, sides: Sides, around: Around<T>) -> Result<Self> {
        let (width, height) = (self.width + sides.left + sides.right, self.height + sides.top + sides.bottom);
        check("pad", height, width)?;
        let mut data = Vec::with_capacity(height * width * self.channels);
        for y in 0..height {
            let inside_rows = (sides.top..sides.top + self.height).contains(&y);
            match around {
                Around::Colour(colour) if !inside_rows => {
                    (0..width).for_each(|_| data.extend_from_slice(&colour[..self.channels]));
                }
                _ => {
                    let row = y.saturating_sub(sides.top).min(self.height - 1);
                    let beside = |x: usize| match &around {
                        Around::Colour(colour) => &colour[..self.channels],
                        Around::Edge => self.pixel(x, row),
                    };
                    (0..sides.left).for_each(|_| data.extend_from_slice(beside(0)));
                    let stride = self.width * self.channels;
                    data.extend_from_slice(&self.data[row * stride..][..stride]);
                    (0..sides.right).for_each(|_| data.extend_from_slice(beside(self.width - 1)));
                }
            }
        }
        Ok(self.with_size(height, width, data))
    }

    /// Lays `other` over the picture, its top-left pixel at column `x`, row `y`; what lies beyond is cut off.
    ///
    /// # Panics
    /// Where the numbers of channels differ.
    pub fn paste(&mut self, other: &Self, x: usize, y: usize) {
        assert_eq!(self.channels, other.channels, "both pictures must have as many channels");
        let width = other.width.min(self.width.saturating_sub(x));
        let height = other.height.min(self.height.saturating_sub(y));
        let c = self.channels;
        for row in 0..height {
            let source = &other.data[row * other.width * c..][..width * c];
            self.data[((y + row) * self.width + x) * c..][..width * c].copy_from_slice(source);
        }
    }

    /// Mirrored left to right, top to bottom, or both.
    pub fn flip(&self, horizontal: bool, vertical: bool) -> Self {
        let c = self.channels;
        let mut data = Vec::with_capacity(self.data.len());
        for y in 0..self.height {
            let row = if vertical { self.height - 1 - y } else { y };
            let row = &self.data[row * self.width * c..][..self.width * c];
            if horizontal {
                row.rchunks_exact(c).for_each(|pixel| data.extend_from_slice(pixel));
            } else {
                data.extend_from_slice(row);
            }
        }
        self.with_size(self.height, self.width, data)
    }

    /// Turned counter-clockwise by a multiple of 90 degrees: numpy's `rot90(picture, quarters)`.
    pub fn quarter_turns(&self, quarters: usize) -> Self {
        match quarters % 4 {
            0 => self.clone(),
            2 => self.flip(true, true),
            turn => {
                let mut data = Vec::with_capacity(self.data.len());
                for y in 0..self.width {
                    for x in 0..self.height {
                        data.extend_from_slice(if turn == 1 {
                            self.pixel(self.width - 1 - y, x)
                        } else {
                            self.pixel(y, self.height - 1 - x)
                        });
                    }
                }
                self.with_size(self.width, self.height, data)
            }
        }
    }

    /// The channels in opposite order: RGB to BGR and back.
    pub fn reversed_channels(mut self) -> Self {
        self.data.chunks_exact_mut(self.channels).for_each(<[T]>::reverse);
        self
    }

    /// `[channels, height, width]`, each value changed by `f`.
    pub fn planes<U>(&self, f: impl Fn(T) -> U) -> Vec<U> {
        let c = self.channels;
        (0..c).flat_map(|k| self.data.iter().skip(k).step_by(c)).map(|v| f(*v)).collect()
    }

    /// The raster of the values' images.
    pub fn map<U: Value>(&self, f: impl Fn(T) -> U) -> Raster<U> {
        let data = self.data.iter().map(|v| f(*v)).collect();
        Raster { height: self.height, width: self.width, channels: self.channels, data }
    }

    /// Of a size that is known to fit.
    pub(crate) fn with_size(&self, height: usize, width: usize, data: Vec<T>) -> Self {
        debug_assert_eq!(height * width * self.channels, data.len());
        Self { height, width, channels: self.channels, data }
    }
}

/// Pixels to add on each side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sides {
    /// Columns on the left.
    pub left: usize,
    /// Rows above.
    pub top: usize,
    /// Columns on the right.
    pub right: usize,
    /// Rows below.
    pub bottom: usize,
}

impl<T: Value> From<Map<T>> for Raster<T> {
    fn from(map: Map<T>) -> Self {
        Self { height: map.height(), width: map.width(), channels: 1, data: map.into_data() }
    }
}

impl From<&Image> for Raster<u8> {
    fn from(image: &Image) -> Self {
        let (height, width) = (image.height() as usize, image.width() as usize);
        Self { height, width, channels: 3, data: image.rgb().to_vec() }
    }
}

impl TryFrom<Raster<u8>> for Image {
    type Error = Error;

    /// # Errors
    /// [`Error::Channels`] where there are not three channels, [`Error::TooLarge`] for sides beyond `u32`.
    fn try_from(raster: Raster<u8>) -> Result<Self> {
        let Raster { height, width, channels, data } = raster;
        if channels != 3 {
            return Err(Error::Channels { channels });
        }
        let too_large = || Error::TooLarge { operation: "image", width, height, max_side: u32::MAX as usize };
        let (w, h) = (u32::try_from(width).ok(), u32::try_from(height).ok());
        let (w, h) = w.zip(h).ok_or_else(too_large)?;
        Self::from_rgb(w, h, data).map_err(|_| too_large())
    }
}

/// For each target position its four source positions, repeated at the edges, and their weights.
fn cubic_taps(source: usize, target: usize) -> Vec<([usize; 4], [f32; 4])> {
    const A: f32 = -0.75;
    let scale = source as f64 / target as f64;
    (0..target)
        .map(|i| {
            let position = (i as f64 + 0.5) * scale - 0.5;
            let floor = position.floor();
            let t = (position - floor) as f32;
            let near = |d: f32| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
            let far = |d: f32| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
            let (a, b, c) = (far(t + 1.0), near(t), near(1.0 - t));
            let at = |k: i64| (floor as i64 + k).clamp(0, source as i64 - 1) as usize;
            ([at(-1), at(0), at(1), at(2)], [a, b, c, 1.0 - a - b - c])
        })
        .collect()
}
