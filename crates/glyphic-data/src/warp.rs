//! Sampling a picture through a projective map.
//!
//! Coordinates are continuous: pixel (0, 0) covers the square from (0, 0) to (1, 1). Unlike `glyphic_imgproc`'s warp,
//! which keeps to OpenCV's pixels and spreads over all cores, this one reduces without aliasing and stays on the thread
//! of the worker that augments.

use glyphic_core::{Image, Point};

/// A projective map from the plane to the plane, row-major 3 x 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Map([f64; 9]);

impl Map {
    /// `x' = m[0] x + m[1] y + m[2]`, `y' = m[3] x + m[4] y + m[5]`.
    pub(crate) fn affine(m: [f64; 6]) -> Self {
        Self([m[0], m[1], m[2], m[3], m[4], m[5], 0.0, 0.0, 1.0])
    }

    /// The map that takes the rectangle from (0, 0) to (width, height) to the corners given clockwise from its
    /// top-left one (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989). `None` where three
    /// corners lie on a line.
    pub(crate) fn to_quad(width: f64, height: f64, q: [Point; 4]) -> Option<Self> {
        let (dx1, dy1) = (q[1].x - q[2].x, q[1].y - q[2].y);
        let (dx2, dy2) = (q[3].x - q[2].x, q[3].y - q[2].y);
        let (sx, sy) = (q[0].x - q[1].x + q[2].x - q[3].x, q[0].y - q[1].y + q[2].y - q[3].y);
        let det = dx1 * dy2 - dx2 * dy1;
        if det.abs() < 1e-9 {
            return None;
        }
        let g = (sx * dy2 - dx2 * sy) / det;
        let h = (dx1 * sy - sx * dy1) / det;
        let unit = [
            q[1].x - q[0].x + g * q[1].x,
            q[3].x - q[0].x + h * q[3].x,
            q[0].x,
            q[1].y - q[0].y + g * q[1].y,
            q[3].y - q[0].y + h * q[3].y,
            q[0].y,
            g,
            h,
            1.0,
        ];
        let mut m = unit;
        for row in 0..3 {
            m[row * 3] /= width;
            m[row * 3 + 1] /= height;
        }
        Some(Self(m))
    }

    /// Where a point goes.
    #[cfg(test)]
    pub(crate) fn apply(&self, p: Point) -> Point {
        let m = &self.0;
        let w = m[6] * p.x + m[7] * p.y + m[8];
        Point::new((m[0] * p.x + m[1] * p.y + m[2]) / w, (m[3] * p.x + m[4] * p.y + m[5]) / w)
    }

    /// The map whose results are divided by `factor`.
    pub(crate) fn shrunk(mut self, factor: f64) -> Self {
        self.0[..6].iter_mut().for_each(|v| *v /= factor);
        self
    }
}

/// What stands beyond the edge of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Beyond {
    /// The nearest pixel of the edge.
    Edge,
    /// One colour.
    Colour([u8; 3]),
}

/// The picture of `width` x `height` pixels whose point `p` shows `image` at `map(p)`, bilinear.
///
/// `scale` is how many source pixels a result pixel covers, roughly: from 1.6 on the source is halved first,
/// so that fine print does not alias.
pub(crate) fn warp(
    image: &Image,
    map: &Map,
    width: u32,
    height: u32,
    mut scale: f64,
    beyond: Beyond,
) -> Image {
    let mut source = image.clone();
    let mut map = *map;
    while scale > 1.6 && source.width() > 1 && source.height() > 1 {
        source = halved(&source);
        map = map.shrunk(2.0);
        scale /= 2.0;
    }
    let rgb = sample(&source, &map, width as usize, height as usize, beyond);
    Image::from_rgb(width, height, rgb).expect("the result has the size asked for, above zero")
}

fn sample(image: &Image, map: &Map, width: usize, height: usize, beyond: Beyond) -> Vec<u8> {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let rgb = image.rgb();
    let m = map.0.map(|v| v as f32);
    let affine = map.0[6] == 0.0 && map.0[7] == 0.0;
    let mut out = vec![0u8; width * height * 3];
    for (y, row) in out.chunks_exact_mut(width * 3).enumerate() {
        let yc = y as f32 + 0.5;
        let (rx, ry, rw) = (m[1] * yc + m[2], m[4] * yc + m[5], m[7] * yc + m[8]);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let xc = x as f32 + 0.5;
            let scale = if affine { 1.0 } else { 1.0 / (m[6] * xc + rw) };
            let sx = (m[0] * xc + rx) * scale - 0.5;
            let sy = (m[3] * xc + ry) * scale - 0.5;
            let inside = sx > -1.0 && sy > -1.0 && sx < w as f32 && sy < h as f32;
            if !inside && let Beyond::Colour(colour) = beyond {
                pixel.copy_from_slice(&colour);
                continue;
            }
            let sx = sx.clamp(-1.0, w as f32);
            let sy = sy.clamp(-1.0, h as f32);
            let (fx, fy) = (sx.floor(), sy.floor());
            let (ax, ay) = (((sx - fx) * 256.0) as i32, ((sy - fy) * 256.0) as i32);
            let (ix, iy) = (fx as isize, fy as isize);
            let at = |x: isize, y: isize| -> [i32; 3] {
                match beyond {
                    Beyond::Colour(c) if x < 0 || y < 0 || x >= w as isize || y >= h as isize => {
                        c.map(i32::from)
                    }
                    _ => {
                        let x = x.clamp(0, w as isize - 1) as usize;
                        let y = y.clamp(0, h as isize - 1) as usize;
                        let i = (y * w + x) * 3;
                        [i32::from(rgb[i]), i32::from(rgb[i + 1]), i32::from(rgb[i + 2])]
                    }
                }
            };
            let (a, b, c, d) = if ix >= 0 && iy >= 0 && ix + 1 < w as isize && iy + 1 < h as isize {
                let i = (iy as usize * w + ix as usize) * 3;
                let top = &rgb[i..i + 6];
                let bottom = &rgb[i + w * 3..i + w * 3 + 6];
                let three = |s: &[u8]| [i32::from(s[0]), i32::from(s[1]), i32::from(s[2])];
                (three(top), three(&top[3..]), three(bottom), three(&bottom[3..]))
            } else {
                (at(ix, iy), at(ix + 1, iy), at(ix, iy + 1), at(ix + 1, iy + 1))
            };
            for k in 0..3 {
                let top = a[k] * 256 + (b[k] - a[k]) * ax;
                let bottom = c[k] * 256 + (d[k] - c[k]) * ax;
                pixel[k] = ((top * 256 + (bottom - top) * ay + (1 << 15)) >> 16) as u8;
            }
        }
    }
    out
}

/// Half the size, each pixel the mean of four. An odd last row or column is averaged with itself, so that
/// coordinates stay exact.
fn halved(image: &Image) -> Image {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let (nw, nh) = (w.div_ceil(2), h.div_ceil(2));
    let rgb = image.rgb();
    let mut out = Vec::with_capacity(nw * nh * 3);
    for y in 0..nh {
        let top = &rgb[2 * y * w * 3..][..w * 3];
        let bottom = &rgb[(2 * y + 1).min(h - 1) * w * 3..][..w * 3];
        for x in 0..nw {
            let (l, r) = (2 * x * 3, (2 * x + 1).min(w - 1) * 3);
            for k in 0..3 {
                let sum = u16::from(top[l + k])
                    + u16::from(top[r + k])
                    + u16::from(bottom[l + k])
                    + u16::from(bottom[r + k]);
                out.push(((sum + 2) / 4) as u8);
            }
        }
    }
    Image::from_rgb(nw as u32, nh as u32, out).expect("half of at least one pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(w: u32, h: u32) -> Image {
        let rgb = (0..h).flat_map(|y| (0..w).flat_map(move |x| [x as u8 * 4, y as u8 * 4, 128])).collect();
        Image::from_rgb(w, h, rgb).expect("valid")
    }

    #[test]
    fn the_identity_changes_nothing() {
        let image = gradient(40, 30);
        for map in [
            Map::affine([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            Map::to_quad(
                40.0,
                30.0,
                [(0.0, 0.0), (40.0, 0.0), (40.0, 30.0), (0.0, 30.0)].map(|(x, y)| Point::new(x, y)),
            )
            .expect("a rectangle"),
        ] {
            let out = warp(&image, &map, 40, 30, 1.0, Beyond::Edge);
            let worst = out.rgb().iter().zip(image.rgb()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(1), "{worst:?}");
        }
    }

    #[test]
    fn the_corners_of_the_result_show_the_corners_of_the_quad() {
        let quad = [(3.0, 5.0), (33.0, 2.0), (36.0, 27.0), (6.0, 22.0)].map(|(x, y)| Point::new(x, y));
        let map = Map::to_quad(20.0, 10.0, quad).expect("convex");
        for (corner, q) in [(0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0)]
            .map(|(x, y)| Point::new(x, y))
            .iter()
            .zip(quad)
        {
            assert!(map.apply(*corner).distance(q) < 1e-9);
        }
        let line = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)].map(|(x, y)| Point::new(x, y));
        assert!(Map::to_quad(20.0, 10.0, line).is_none());
    }

    #[test]
    fn shrinking_keeps_positions_and_averages() {
        // A gradient shrunk to a quarter reads the same gradient at four times the step.
        let image = gradient(61, 41);
        let map = Map::affine([4.0, 0.0, 0.0, 0.0, 4.0, 0.0]);
        let out = warp(&image, &map, 15, 10, 4.0, Beyond::Edge);
        for y in 1..9 {
            for x in 1..14 {
                let [r, g, _] = out.pixel(x, y);
                let expected = |v: u32| (f64::from(v) + 0.5) * 16.0 - 2.0;
                assert!((f64::from(r) - expected(x)).abs() <= 2.0, "({x}, {y}) {r} {}", expected(x));
                assert!((f64::from(g) - expected(y)).abs() <= 2.0, "({x}, {y}) {g} {}", expected(y));
            }
        }
    }

    #[test]
    fn what_lies_beyond_is_the_edge_or_the_colour() {
        let image = Image::filled(4, 4, [200, 10, 10]).expect("valid");
        let away = Map::affine([1.0, 0.0, -50.0, 0.0, 1.0, 900.0]);
        assert_eq!(warp(&image, &away, 1, 1, 1.0, Beyond::Edge).pixel(0, 0), [200, 10, 10]);
        assert_eq!(warp(&image, &away, 1, 1, 1.0, Beyond::Colour([1, 2, 3])).pixel(0, 0), [1, 2, 3]);
    }
}
