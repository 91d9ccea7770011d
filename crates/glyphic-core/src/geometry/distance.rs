use super::{Point, polygon::edges};

/// Distance from a point to the segment from `a` to `b`, in pixels.
pub fn point_segment_distance(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let squared = dx * dx + dy * dy;
    let t = if squared > 0.0 { ((p.x - a.x) * dx + (p.y - a.y) * dy) / squared } else { 0.0 };
    let t = t.clamp(0.0, 1.0);
    p.distance(Point::new(a.x + t * dx, a.y + t * dy))
}

/// Distance from a point to the closed outline, in pixels; infinite for no points.
pub fn point_outline_distance(p: Point, outline: &[Point]) -> f64 {
    edges(outline).map(|(a, b)| point_segment_distance(p, a, b)).fold(f64::INFINITY, f64::min)
}

/// Whether a point lies inside the closed outline by the even-odd rule. On the outline itself either answer may come.
pub fn point_in_polygon(p: Point, outline: &[Point]) -> bool {
    let crossings = edges(outline)
        .filter(|(a, b)| (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x);
    crossings.count() % 2 == 1
}
