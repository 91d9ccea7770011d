//! Small measurements that the metrics are made of.

use glyphic_core::{Point, Rect};

use crate::{Outline, OutlineRule};

/// The mean of the vertices.
pub fn centre(points: &[Point]) -> Point {
    let n = points.len() as f64;
    Point::new(points.iter().map(|p| p.x).sum::<f64>() / n, points.iter().map(|p| p.y).sum::<f64>() / n)
}

/// Distance of the [`centre`]s of two outlines, in pixels.
pub fn centre_distance(a: &[Point], b: &[Point]) -> f64 {
    centre(a).distance(centre(b))
}

/// Distance of the first and the third vertex of a quadrilateral, in pixels.
pub fn box_diagonal(quad: &[Point; 4]) -> f64 {
    quad[0].distance(quad[2])
}

/// The corners of a rectangle from its top-left one, clockwise. Unlike a [`glyphic_core::Polygon`], it may have no area.
pub fn box_corners(rect: Rect) -> [Point; 4] {
    let Rect { x0, y0, x1, y1 } = rect;
    [Point::new(x0, y0), Point::new(x1, y0), Point::new(x1, y1), Point::new(x0, y1)]
}

/// Intersection over union of two closed outlines, 0 to 1 where neither crosses itself; `None` where both are empty.
///
/// To compare many outlines with each other, make an [`Outline`] of each once.
pub fn boundary_iou(a: &[Point], b: &[Point], rule: OutlineRule) -> Option<f64> {
    Outline::new(a, rule).iou(&Outline::new(b, rule))
}

/// Indices of the scores above (not at) the threshold.
pub fn scores_above(scores: &[f64], threshold: f64) -> Vec<usize> {
    (0..scores.len()).filter(|&i| scores[i] > threshold).collect()
}

/// Indices of the scores at or above the threshold.
pub fn scores_from(scores: &[f64], threshold: f64) -> Vec<usize> {
    (0..scores.len()).filter(|&i| scores[i] >= threshold).collect()
}
