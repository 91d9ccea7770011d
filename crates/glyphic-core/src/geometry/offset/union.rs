use i_overlay::{
    core::{fill_rule::FillRule, overlay::Overlay, overlay_rule::OverlayRule},
    i_float::int::point::IntPoint,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vertex {
    pub(super) x: i64,
    pub(super) y: i64,
}

/// Signed area, positive for clockwise order on the screen.
pub(super) fn area(vertices: &[Vertex]) -> f64 {
    let n = vertices.len();
    let doubled: f64 = (0..n)
        .map(|i| (vertices[(i + n - 1) % n], vertices[i]))
        .map(|(a, b)| (a.x as f64 + b.x as f64) * (a.y as f64 - b.y as f64))
        .sum();
    -doubled / 2.0
}

/// The pieces of the plane around which the closed path winds at least once in the positive sense.
pub(super) fn positive_union(path: Vec<Vertex>, _growing: bool) -> Vec<Vec<Vertex>> {
    let contour: Vec<IntPoint<i64>> = path.iter().map(|v| IntPoint::new(v.x, v.y)).collect();
    let no_clip: [Vec<IntPoint<i64>>; 0] = [];
    let shapes = Overlay::<i64>::from_subj_and_clip(&[contour], &no_clip)
        .overlay(OverlayRule::Subject, FillRule::Positive);
    shapes.into_iter().flatten().map(|c| c.into_iter().map(|p| Vertex { x: p.x, y: p.y }).collect()).collect()
}
