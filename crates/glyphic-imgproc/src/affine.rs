use glyphic_core::Point;

use crate::{Around, Error, Raster, Result, Value};

/// An affine map of the plane: `x' = m[0] x + m[1] y + m[2]`, `y' = m[3] x + m[4] y + m[5]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine([f64; 6]);

/// How a value between pixels is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest pixel's.
    Nearest,
    /// Bilinear, at positions rounded to 1/32 pixel.
    Linear,
}

impl Affine {
    /// From its six numbers, the first row first.
    pub const fn new(m: [f64; 6]) -> Self {
        Self(m)
    }

    /// A turn about `centre`, counter-clockwise on the screen: OpenCV's `getRotationMatrix2D` with scale 1.
    pub fn rotation(centre: Point, degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (x, y) = (centre.x, centre.y);
        Self([cos, sin, (1.0 - cos) * x - sin * y, -sin, cos, sin * x + (1.0 - cos) * y])
    }

    /// The map followed by a shift.
    pub fn shifted(mut self, dx: f64, dy: f64) -> Self {
        self.0[2] += dx;
        self.0[5] += dy;
        self
    }

    /// Where a point goes.
    pub fn apply(&self, p: Point) -> Point {
        let m = &self.0;
        Point::new(m[0] * p.x + m[1] * p.y + m[2], m[3] * p.x + m[4] * p.y + m[5])
    }

    /// The map back, `None` where there is none.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let scale = 1.0 / (m[0] * m[4] - m[1] * m[3]);
        let (a, b, c, d) = (m[4] * scale, -m[1] * scale, -m[3] * scale, m[0] * scale);
        let back = [a, b, -a * m[2] - b * m[5], c, d, -c * m[2] - d * m[5]];
        back.iter().all(|v| v.is_finite()).then_some(Self(back))
    }
}

/// Fractional bits of a position while a row is walked.
const BITS: u32 = 10;

impl<T: Value> Raster<T> {
    /// A picture of `height` x `width` pixels seen through `map`, which takes the source's pixel centres to the result's:
    /// the positions of OpenCV's `warpAffine`.
    ///
    /// # Errors
    /// [`Error::Empty`] for a side of 0, [`Error::TooLarge`] above 65,536, [`Error::Singular`] for a map without inverse.
    pub fn warp_affine(
        &self,
        map: &Affine,
        height: usize,
        width: usize,
        interpolation: Interpolation,
        around: Around<T>,
    ) -> Result<Self> {
        const MAX_SIDE: usize = 1 << 16;
        if width == 0 || height == 0 {
            return Err(Error::Empty { operation: "warp", width, height });
        }
        if width.max(height) > MAX_SIDE {
            return Err(Error::TooLarge { operation: "warp", width, height, max_side: MAX_SIDE });
        }
        let m = map.inverse().ok_or(Error::Singular { map: map.0 })?.0;
        let fixed = |v: f64| (v * f64::from(1 << BITS)).round_ties_even() as i64;
        let half = match interpolation {
            Interpolation::Nearest => 1 << (BITS - 1),
            Interpolation::Linear => 1 << (BITS - 6),
        };
        let steps: Vec<[i64; 2]> =
            (0..width).map(|x| [fixed(m[0] * x as f64), fixed(m[3] * x as f64)]).collect();
        let mut data = Vec::with_capacity(height * width * self.channels());
        for y in 0..height {
            let y = y as f64;
            let start = [fixed(m[1] * y + m[2]) + half, fixed(m[4] * y + m[5]) + half];
            for step in &steps {
                let (x, y) = (start[0] + step[0], start[1] + step[1]);
                match interpolation {
                    Interpolation::Nearest => {
                        data.extend_from_slice(self.beyond(x >> BITS, y >> BITS, &around));
                    }
                    Interpolation::Linear => {
                        self.between(x >> (BITS - 5), y >> (BITS - 5), &around, &mut data)
                    }
                }
            }
        }
        Ok(self.with_size(height, width, data))
    }

    /// The pixel in column `x`, row `y`, or what stands around the picture.
    fn beyond<'a>(&'a self, x: i64, y: i64, around: &'a Around<T>) -> &'a [T] {
        let (w, h) = (self.width() as i64, self.height() as i64);
        match around {
            Around::Colour(colour) if !((0..w).contains(&x) && (0..h).contains(&y)) => {
                &colour[..self.channels()]
            }
            _ => self.pixel(x.clamp(0, w - 1) as usize, y.clamp(0, h - 1) as usize),
        }
    }

    /// Appends the pixel at a position in 1/32 pixel.
    fn between(&self, x: i64, y: i64, around: &Around<T>, out: &mut Vec<T>) {
        let (left, top) = (x >> 5, y >> 5);
        let (fx, fy) = ((x & 31) as f32, (y & 31) as f32);
        let weights = [(32.0 - fx) * (32.0 - fy), fx * (32.0 - fy), (32.0 - fx) * fy, fx * fy];
        let corners =
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| self.beyond(left + dx, top + dy, around));
        for k in 0..self.channels() {
            let sum: f32 = corners.iter().zip(weights).map(|(pixel, w)| pixel[k].to_f32() * w).sum();
            out.push(T::from_f32(sum / 1024.0));
        }
    }
}
