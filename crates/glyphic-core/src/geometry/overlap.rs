use i_overlay::{
    core::{fill_rule::FillRule, overlay_rule::OverlayRule},
    float::single::SingleFloatOverlay,
};

use super::{Point, signed_area};

/// The common part of two polygons by the even-odd rule, in rings: holes run against their outlines, so that the sum of
/// the signed areas is the area. Self-crossing input is allowed; polygons that only touch share nothing.
pub fn intersection(a: &[Point], b: &[Point]) -> Vec<Vec<Point>> {
    overlay(a, b, OverlayRule::Intersect)
}

/// Either or both of two polygons by the even-odd rule, in rings as for [`intersection`].
pub fn union(a: &[Point], b: &[Point]) -> Vec<Vec<Point>> {
    overlay(a, b, OverlayRule::Union)
}

/// Area of the common part in square pixels, by the even-odd rule. 0 for fewer than three points.
pub fn intersection_area(a: &[Point], b: &[Point]) -> f64 {
    rings_area(&intersection(a, b))
}

/// Area of either or both in square pixels, by the even-odd rule.
pub fn union_area(a: &[Point], b: &[Point]) -> f64 {
    rings_area(&union(a, b))
}

/// Intersection over union, 0 to 1; 0 where both are empty.
pub fn iou(a: &[Point], b: &[Point]) -> f64 {
    let union = union_area(a, b);
    if union > 0.0 { (intersection_area(a, b) / union).min(1.0) } else { 0.0 }
}

fn rings_area(rings: &[Vec<Point>]) -> f64 {
    rings.iter().map(|r| signed_area(r)).sum::<f64>().abs()
}

fn overlay(a: &[Point], b: &[Point], rule: OverlayRule) -> Vec<Vec<Point>> {
    let ring = |points: &[Point]| -> Vec<[f64; 2]> {
        let finite = points.iter().all(|p| p.x.is_finite() && p.y.is_finite());
        if finite { points.iter().map(|p| [p.x, p.y]).collect() } else { Vec::new() }
    };
    // i64: the grid is then far finer than a double's own rounding at the size of a page.
    let shapes = ring(a).overlay_as::<i64>(&ring(b), rule, FillRule::EvenOdd);
    shapes
        .into_iter()
        .flatten()
        .map(|contour| contour.into_iter().map(|[x, y]| Point::new(x, y)).collect())
        .collect()
}
