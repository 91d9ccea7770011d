use glyphic_core::{Image, Point};
use rayon::prelude::*;

use crate::{Error, Result};

/// Below this many pixels a warp runs on one thread.
const PARALLEL_PIXELS: usize = 1 << 17;

/// What lies outside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// One colour.
    Constant([u8; 3]),
    /// The nearest pixel of the picture.
    Replicate,
}

/// A perspective transform of the plane, 3 x 3, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography([[f64; 3]; 3]);

impl Homography {
    /// The transform that maps each of four points to its partner.
    ///
    /// # Errors
    /// [`Error::DegenerateQuad`] where three points of either side lie on a line or a coordinate is not finite.
    pub fn from_quads(from: [Point; 4], to: [Point; 4]) -> Result<Self> {
        for quad in [&from, &to] {
            if degenerate(quad) {
                return Err(Error::DegenerateQuad { corners: quad.map(|p| [p.x, p.y]) });
            }
        }
        // Two equations a pair in the eight unknowns; the ninth entry is 1.
        let mut system = [[0.0f64; 9]; 8];
        for i in 0..4 {
            let (p, q) = (from[i], to[i]);
            system[i] = [p.x, p.y, 1.0, 0.0, 0.0, 0.0, -p.x * q.x, -p.y * q.x, q.x];
            system[i + 4] = [0.0, 0.0, 0.0, p.x, p.y, 1.0, -p.x * q.y, -p.y * q.y, q.y];
        }
        let solved = solve(&mut system).ok_or(Error::DegenerateQuad { corners: from.map(|p| [p.x, p.y]) })?;
        let [a, b, c, d, e, f, g, h] = solved;
        Ok(Self([[a, b, c], [d, e, f], [g, h, 1.0]]))
    }

    /// The image of a point; not finite on the line that is mapped to infinity.
    pub fn apply(&self, p: Point) -> Point {
        let [x, y, w] = self.0.map(|row| row[0] * p.x + row[1] * p.y + row[2]);
        Point::new(x / w, y / w)
    }

    /// The transform back, `None` where there is none.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let minor =
            |r0: usize, c0: usize, r1: usize, c1: usize| m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0];
        let determinant =
            m[0][0] * minor(1, 1, 2, 2) - m[0][1] * minor(1, 0, 2, 2) + m[0][2] * minor(1, 0, 2, 1);
        let scale = 1.0 / determinant;
        if !scale.is_finite() {
            return None;
        }
        Some(Self([
            [minor(1, 1, 2, 2) * scale, -minor(0, 1, 2, 2) * scale, minor(0, 1, 1, 2) * scale],
            [-minor(1, 0, 2, 2) * scale, minor(0, 0, 2, 2) * scale, -minor(0, 0, 1, 2) * scale],
            [minor(1, 0, 2, 1) * scale, -minor(0, 0, 2, 1) * scale, minor(0, 0, 1, 1) * scale],
        ]))
    }
}

fn degenerate(quad: &[Point; 4]) -> bool {
    let size = quad.iter().flat_map(|p| [p.x.abs(), p.y.abs()]).fold(1.0, f64::max);
    (0..4).any(|i| {
        let (a, b, c) = (quad[i], quad[(i + 1) % 4], quad[(i + 2) % 4]);
        let twice_area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
        // Written so that NaN counts as degenerate.
        !(twice_area.abs() > 1e-12 * size * size && twice_area.is_finite())
    })
}

/// Gaussian elimination with partial pivoting.
fn solve(system: &mut [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let pivot =
            (column..8).max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        if system[pivot][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        system.swap(column, pivot);
        let lead = system[column];
        for row in system.iter_mut().skip(column + 1) {
            let factor = row[column] / lead[column];
            for (value, l) in row.iter_mut().zip(lead).skip(column) {
                *value -= factor * l;
            }
        }
    }
    let mut x = [0.0; 8];
    for i in (0..8).rev() {
        let known: f64 = (i + 1..8).map(|j| system[i][j] * x[j]).sum();
        x[i] = (system[i][8] - known) / system[i][i];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

/// A picture of `width` x `height` pixels seen through `transform`, which maps the source's pixel centres to the result's.
///
/// Bilinear, at positions rounded to 1/32 pixel: the pixels of OpenCV's `warpPerspective`.
///
/// # Errors
/// [`Error::Empty`] for a side of 0, [`Error::TooLarge`] above 65,536, [`Error::DegenerateQuad`] where the transform
/// cannot be inverted.
pub fn warp_perspective(
    image: &Image,
    transform: &Homography,
    width: u32,
    height: u32,
    border: Border,
) -> Result<Image> {
    const MAX_SIDE: usize = 1 << 16;
    let (columns, rows) = (width as usize, height as usize);
    if width == 0 || height == 0 {
        return Err(Error::Empty { operation: "warp", width: columns, height: rows });
    }
    if columns.max(rows) > MAX_SIDE {
        return Err(Error::TooLarge { operation: "warp", width: columns, height: rows, max_side: MAX_SIDE });
    }
    let Some(back) = transform.inverse() else {
        let corners = [[0.0; 2], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        return Err(Error::DegenerateQuad {
            corners: corners.map(|[x, y]| transform.apply(Point::new(x, y))).map(|p| [p.x, p.y]),
        });
    };
    let sampler = Sampler::new(image, border);
    let m = back.0;
    let row = |(y, target): (usize, &mut [u8])| {
        let y = y as f64;
        let (pixels, _) = target.as_chunks_mut::<3>();
        let start = m.map(|row| row[1] * y + row[2]);
        for (x, pixel) in pixels.iter_mut().enumerate() {
            let x = x as f64;
            let w = m[2][0] * x + start[2];
            let w = if w == 0.0 { 0.0 } else { SUB_PIXELS / w };
            *pixel = sampler
                .at(to_sub_pixel((m[0][0] * x + start[0]) * w), to_sub_pixel((m[1][0] * x + start[1]) * w));
        }
    };
    let mut rgb = vec![0u8; columns * rows * 3];
    if columns * rows < PARALLEL_PIXELS {
        rgb.chunks_exact_mut(columns * 3).enumerate().for_each(row);
    } else {
        rgb.par_chunks_exact_mut(columns * 3).enumerate().for_each(row);
    }
    Ok(Image::from_rgb(width, height, rgb).expect("every pixel of a size that was checked is written"))
}

/// Positions a pixel in each direction.
const SUB_PIXELS: f64 = 32.0;

/// The nearest 1/32 pixel of a position in such units; far beyond any picture it saturates.
pub(crate) fn to_sub_pixel(scaled: f64) -> i32 {
    // A sum with it has no digits behind the point, and the nearest whole number in its lowest bits; `round_ties_even` is a call
    // where the compiler may not count on SSE 4.1.
    const WHOLE: f64 = 1.5 * (1u64 << 52) as f64;
    if scaled.is_nan() {
        return 0;
    }
    (scaled.clamp(f64::from(i32::MIN), f64::from(i32::MAX)) + WHOLE).to_bits() as i32
}

/// Reads a picture between its pixels.
pub(crate) struct Sampler<'a> {
    pixels: &'a [[u8; 3]],
    width: i32,
    height: i32,
    border: Border,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(image: &'a Image, border: Border) -> Self {
        let (pixels, _) = image.rgb().as_chunks::<3>();
        Self { pixels, width: image.width() as i32, height: image.height() as i32, border }
    }

    /// The colour at a position in 1/32 pixel.
    pub(crate) fn at(&self, x: i32, y: i32) -> [u8; 3] {
        let (left, top) = (x >> 5, y >> 5);
        let (fx, fy) = ((x & 31) as u32, (y & 31) as u32);
        let inside = left >= 0 && top >= 0 && left + 1 < self.width && top + 1 < self.height;
        let [a, b, c, d] = if inside {
            let i = top as usize * self.width as usize + left as usize;
            let below = i + self.width as usize;
            [self.pixels[i], self.pixels[i + 1], self.pixels[below], self.pixels[below + 1]]
        } else {
            let (right, bottom) = (left + 1, top + 1);
            [
                self.pixel(left, top),
                self.pixel(right, top),
                self.pixel(left, bottom),
                self.pixel(right, bottom),
            ]
        };
        let weights = [(32 - fx) * (32 - fy), fx * (32 - fy), (32 - fx) * fy, fx * fy];
        std::array::from_fn(|k| {
            let sum =
                [a[k], b[k], c[k], d[k]].iter().zip(weights).map(|(v, w)| u32::from(*v) * w).sum::<u32>();
            ((sum + 512) >> 10) as u8
        })
    }

    /// The colour at a position in pixels.
    pub(crate) fn at_point(&self, p: Point) -> [u8; 3] {
        self.at(to_sub_pixel(p.x * SUB_PIXELS), to_sub_pixel(p.y * SUB_PIXELS))
    }

    fn pixel(&self, x: i32, y: i32) -> [u8; 3] {
        let inside = (0..self.width).contains(&x) && (0..self.height).contains(&y);
        match self.border {
            Border::Constant(colour) if !inside => colour,
            _ => {
                let (x, y) = (x.clamp(0, self.width - 1), y.clamp(0, self.height - 1));
                self.pixels[y as usize * self.width as usize + x as usize]
            }
        }
    }
}

#[cfg(test)]
mod rounding {
    use super::*;

    #[test]
    fn sub_pixels_are_those_of_rounding_ties_to_even() {
        let edges = [
            0.0,
            -0.0,
            0.5,
            -0.5,
            1.5,
            2.5,
            -2.5,
            0.499_999_999_999,
            1e9 + 0.5,
            1e300,
            -1e300,
            2_147_483_647.5,
        ];
        let some = (-2000..2000).map(|i| f64::from(i) * 0.37);
        for v in edges.into_iter().chain([f64::INFINITY, f64::NEG_INFINITY, f64::NAN]).chain(some) {
            assert_eq!(to_sub_pixel(v), v.round_ties_even() as i32, "{v}");
        }
    }
}
