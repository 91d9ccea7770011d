use glyphic_core::{
    Image, Point, Rect,
    geometry::{min_area_rect, order_quad},
};

use crate::{Border, Error, Homography, Result, warp::Sampler, warp_perspective};

/// The longest side of a crop, in pixels: beyond any line of text, and a bound on what one region may cost.
const MAX_CROP_SIDE: f64 = 16_384.0;

/// Beyond this, single precision no longer tells pixels apart.
const MAX_COORDINATE: f64 = 16_777_216.0;

/// Straightens a quadrilateral, its corners clockwise from the one that shall become the top-left of the crop.
///
/// The crop is as wide as the longer of the top and bottom sides and as high as the longer of the others, in whole
/// pixels, at least 1.
///
/// # Errors
/// [`Error::DegenerateQuad`] where three corners lie on a line, [`Error::TooLarge`] for a side above 16,384 pixels.
pub fn crop_quad(image: &Image, corners: [Point; 4], border: Border) -> Result<Image> {
    let side = |i: usize| corners[i].distance(corners[(i + 1) % 4]);
    let (width, height) = (side(0).max(side(2)), side(1).max(side(3)));
    let (columns, rows) = crop_size(width, height)?;
    let corner = |x, y| Point::new(x, y);
    let upright = [corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height)];
    // OpenCV takes the corners in single precision.
    let narrow = |p: Point| Point::new(f64::from(p.x as f32), f64::from(p.y as f32));
    let transform = Homography::from_quads(corners.map(narrow), upright.map(narrow))?;
    warp_perspective(image, &transform, columns, rows, border)
}

/// Straightens an outline of any shape: a quadrilateral by its own corners, anything else by its rectangle of least area;
/// the corner nearest to the top-left becomes the crop's top-left.
///
/// # Errors
/// As for [`crop_quad`], and [`Error::Outline`] without vertices or where a coordinate is not finite.
pub fn crop_polygon(image: &Image, outline: &[Point], border: Border) -> Result<Image> {
    let invalid = || Error::Outline { vertices: outline.len() };
    // Written so that NaN fails.
    let sound = |v: f64| v.abs() <= MAX_COORDINATE;
    if !outline.iter().all(|p| sound(p.x) && sound(p.y)) {
        return Err(invalid());
    }
    let rectangle = || min_area_rect(outline).map(|r| r.corners).ok_or_else(invalid);
    let corners = match <[Point; 4]>::try_from(outline) {
        Ok(corners) if convex(&order_quad(corners)) => corners,
        _ => rectangle()?,
    };
    crop_quad(image, order_quad(corners), border)
}

/// Whether a perspective can straighten the corners: each turns clockwise.
pub(crate) fn convex(quad: &[Point; 4]) -> bool {
    (0..4).all(|i| {
        let (a, b, c) = (quad[i], quad[(i + 1) % 4], quad[(i + 2) % 4]);
        (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x) > 1e-6
    })
}

/// Straightens a curved outline: its first half of vertices runs along the top of the text in reading direction, the
/// second half back along the bottom, as annotations of curved text do.
///
/// Each column of the crop is a straight cut from the top to the bottom at the same share of both lengths. The crop is as
/// wide as the longer side and as high as the mean distance between them.
///
/// # Errors
/// [`Error::Ribbon`] for an odd number of vertices, fewer than 4 or a side without length, [`Error::TooLarge`] for a side
/// above 16,384 pixels.
pub fn crop_ribbon(image: &Image, outline: &[Point], border: Border) -> Result<Image> {
    let n = outline.len();
    let invalid = || Error::Ribbon { vertices: n };
    let finite = outline.iter().all(|p| p.x.is_finite() && p.y.is_finite());
    if n < 4 || !n.is_multiple_of(2) || !finite {
        return Err(invalid());
    }
    let top = Path::new(outline[..n / 2].to_vec()).ok_or_else(invalid)?;
    let bottom = Path::new(outline[n / 2..].iter().rev().copied().collect()).ok_or_else(invalid)?;
    const CUTS: usize = 32;
    let height =
        (0..=CUTS).map(|i| i as f64 / CUTS as f64).map(|t| top.at(t).distance(bottom.at(t))).sum::<f64>()
            / (CUTS + 1) as f64;
    let (columns, rows) = crop_size(top.length.max(bottom.length), height)?;
    let sampler = Sampler::new(image, border);
    let mut rgb = vec![0u8; columns as usize * rows as usize * 3];
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    for x in 0..columns as usize {
        let t = x as f64 / f64::from(columns);
        let (a, b) = (top.at(t), bottom.at(t));
        for y in 0..rows as usize {
            let s = y as f64 / f64::from(rows);
            let p = Point::new(a.x + (b.x - a.x) * s, a.y + (b.y - a.y) * s);
            pixels[y * columns as usize + x] = sampler.at_point(p);
        }
    }
    Ok(Image::from_rgb(columns, rows, rgb).expect("every pixel of a size that was checked is written"))
}

/// The whole pixels of an upright rectangle, cut to the picture: columns `floor(x0)..ceil(x1)`, at least one.
pub fn crop_rect(image: &Image, rect: Rect) -> Image {
    let range = |low: f64, high: f64, size: u32| {
        let start = (low.max(0.0) as u32).min(size - 1);
        let end = (high.ceil().max(0.0) as u32).clamp(start + 1, size);
        (start as usize, end as usize)
    };
    let (x0, x1) = range(rect.x0, rect.x1, image.width());
    let (y0, y1) = range(rect.y0, rect.y1, image.height());
    let stride = image.width() as usize * 3;
    let rgb = image.rgb()[y0 * stride..y1 * stride]
        .chunks_exact(stride)
        .flat_map(|row| &row[x0 * 3..x1 * 3])
        .copied()
        .collect();
    Image::from_rgb((x1 - x0) as u32, (y1 - y0) as u32, rgb).expect("the rectangle holds at least one pixel")
}

fn crop_size(width: f64, height: f64) -> Result<(u32, u32)> {
    if width > MAX_CROP_SIDE || height > MAX_CROP_SIDE {
        return Err(Error::TooLarge {
            operation: "crop",
            width: width as usize,
            height: height as usize,
            max_side: MAX_CROP_SIDE as usize,
        });
    }
    Ok(((width as u32).max(1), (height as u32).max(1)))
}

/// A polyline measured by its length.
struct Path {
    points: Vec<Point>,
    /// Length from the start to each point.
    travelled: Vec<f64>,
    length: f64,
}

impl Path {
    fn new(points: Vec<Point>) -> Option<Self> {
        let mut travelled = vec![0.0];
        for pair in points.windows(2) {
            travelled.push(travelled[travelled.len() - 1] + pair[0].distance(pair[1]));
        }
        let length = travelled[travelled.len() - 1];
        (length > 0.0).then_some(Self { points, travelled, length })
    }

    /// The point at a share of the length, 0 to 1.
    fn at(&self, share: f64) -> Point {
        let wanted = share * self.length;
        let end = self.travelled.partition_point(|d| *d <= wanted).clamp(1, self.points.len() - 1);
        let (a, b) = (self.points[end - 1], self.points[end]);
        let span = self.travelled[end] - self.travelled[end - 1];
        let t = if span > 0.0 { (wanted - self.travelled[end - 1]) / span } else { 0.0 };
        Point::new(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)
    }
}
