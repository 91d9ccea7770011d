use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A point in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

impl Point {
    /// The point (x, y).
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An axis-aligned rectangle, `x0 <= x1`, `y0 <= y1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left.
    pub x0: f64,
    /// Top.
    pub y0: f64,
    /// Right.
    pub x1: f64,
    /// Bottom.
    pub y1: f64,
}

impl Rect {
    /// Width in pixels.
    pub fn width(&self) -> f64 {
        self.x1 - self.x0
    }

    /// Height in pixels.
    pub fn height(&self) -> f64 {
        self.y1 - self.y0
    }
}

/// A rectangle at any angle, as OpenCV's `minAreaRect` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RotatedRect {
    /// Its four corners, clockwise in image coordinates.
    pub corners: [Point; 4],
    /// Length of the side from corner 0 to corner 1.
    pub width: f64,
    /// Length of the side from corner 1 to corner 2.
    pub height: f64,
}

/// Signed shoelace area in square pixels; positive for clockwise order in image coordinates (y down).
pub fn signed_area(points: &[Point]) -> f64 {
    let mut sum = 0.0;
    for (a, b) in edges(points) {
        sum += a.x * b.y - b.x * a.y;
    }
    sum / 2.0
}

/// Length of the closed outline in pixels.
pub fn perimeter(points: &[Point]) -> f64 {
    edges(points).map(|(a, b)| a.distance(b)).sum()
}

pub(super) fn edges(points: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    points.iter().enumerate().map(move |(i, a)| (*a, points[(i + 1) % points.len()]))
}

/// At least three finite vertices, open (the first is not repeated), clockwise in image coordinates,
/// with an area above zero. Serialises as MMOCR's flat list `[x1, y1, x2, y2, ...]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Polygon(Vec<Point>);

impl Polygon {
    /// Checks and normalises the points: a repeated last vertex is dropped, counter-clockwise order is
    /// reversed (the first vertex stays first).
    ///
    /// # Errors
    /// [`Error::Polygon`] for fewer than three vertices, a coordinate that is not finite, or no area.
    pub fn new(mut points: Vec<Point>) -> Result<Self> {
        if points.len() > 3 && points.first() == points.last() {
            points.pop();
        }
        let fail = |reason: String| Err(Error::Polygon { reason });
        if points.len() < 3 {
            return fail(format!("{} vertices, at least 3 are needed", points.len()));
        }
        if let Some(p) = points.iter().find(|p| !(p.x.is_finite() && p.y.is_finite())) {
            return fail(format!("vertex ({}, {}) is not finite", p.x, p.y));
        }
        let area = signed_area(&points);
        if area.abs() < 1e-9 {
            return fail("its area is zero".to_owned());
        }
        if area < 0.0 {
            points[1..].reverse();
        }
        Ok(Self(points))
    }

    /// An axis-aligned rectangle from its top-left corner, clockwise.
    ///
    /// # Errors
    /// [`Error::Polygon`] where width or height is zero or not finite.
    pub fn from_rect(rect: Rect) -> Result<Self> {
        Self::new(vec![
            Point::new(rect.x0, rect.y0),
            Point::new(rect.x1, rect.y0),
            Point::new(rect.x1, rect.y1),
            Point::new(rect.x0, rect.y1),
        ])
    }

    /// From `[x1, y1, x2, y2, ...]`.
    ///
    /// # Errors
    /// [`Error::Polygon`] as for [`Polygon::new`], and for an odd count of numbers.
    pub fn from_flat(numbers: &[f64]) -> Result<Self> {
        if !numbers.len().is_multiple_of(2) {
            return Err(Error::Polygon {
                reason: format!("{} numbers do not pair up as x, y", numbers.len()),
            });
        }
        Self::new(numbers.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect())
    }

    /// The vertices.
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    /// The vertices as `[x1, y1, x2, y2, ...]`.
    pub fn to_flat(&self) -> Vec<f64> {
        self.0.iter().flat_map(|p| [p.x, p.y]).collect()
    }

    /// Area in square pixels, above zero.
    pub fn area(&self) -> f64 {
        signed_area(&self.0)
    }

    /// Length of the outline in pixels.
    pub fn perimeter(&self) -> f64 {
        perimeter(&self.0)
    }

    /// Mean of the vertices.
    pub fn vertex_mean(&self) -> Point {
        let n = self.0.len() as f64;
        let (x, y) = self.0.iter().fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
        Point::new(x / n, y / n)
    }

    /// The smallest axis-aligned rectangle around it.
    pub fn bounds(&self) -> Rect {
        let mut r = Rect { x0: f64::MAX, y0: f64::MAX, x1: f64::MIN, y1: f64::MIN };
        for p in &self.0 {
            r.x0 = r.x0.min(p.x);
            r.y0 = r.y0.min(p.y);
            r.x1 = r.x1.max(p.x);
            r.y1 = r.y1.max(p.y);
        }
        r
    }

    /// The polygon with every vertex mapped.
    ///
    /// # Errors
    /// [`Error::Polygon`] where the image of the vertices is no polygon.
    pub fn map(&self, f: impl FnMut(Point) -> Point) -> Result<Self> {
        Self::new(self.0.iter().copied().map(f).collect())
    }
}

impl AsRef<[Point]> for Polygon {
    fn as_ref(&self) -> &[Point] {
        &self.0
    }
}

impl TryFrom<Vec<Point>> for Polygon {
    type Error = Error;

    fn try_from(points: Vec<Point>) -> Result<Self> {
        Self::new(points)
    }
}

impl TryFrom<Vec<f64>> for Polygon {
    type Error = Error;

    fn try_from(numbers: Vec<f64>) -> Result<Self> {
        Self::from_flat(&numbers)
    }
}

impl From<Polygon> for Vec<f64> {
    fn from(polygon: Polygon) -> Self {
        polygon.to_flat()
    }
}
