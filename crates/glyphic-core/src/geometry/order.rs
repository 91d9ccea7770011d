use super::Point;

/// The points in clockwise order on the screen around their mean, from the one nearest to the top-left corner of their
/// bounding box. This is MMOCR's `sort_vertex`, in single precision like it, for any number of points.
///
/// Right for the vertices of a convex polygon; a concave one would be torn.
pub fn sort_clockwise(points: &[Point]) -> Vec<Point> {
    let n = points.len() as f32;
    let narrow: Vec<[f32; 2]> = points.iter().map(|p| [p.x as f32, p.y as f32]).collect();
    let centre = narrow.iter().fold([0.0f32; 2], |c, p| [c[0] + p[0], c[1] + p[1]]).map(|sum| sum / n);
    let angle = |p: &[f32; 2]| (p[1] - centre[1]).atan2(p[0] - centre[0]);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| angle(&narrow[a]).total_cmp(&angle(&narrow[b])));
    let left = narrow.iter().map(|p| p[0]).fold(f32::INFINITY, f32::min);
    let top = narrow.iter().map(|p| p[1]).fold(f32::INFINITY, f32::min);
    let from_corner = |i: usize| {
        let (dx, dy) = (narrow[i][0] - left, narrow[i][1] - top);
        (dx * dx + dy * dy).sqrt()
    };
    let mut first = 0;
    for i in 1..order.len() {
        if from_corner(order[i]) < from_corner(order[first]) {
            first = i;
        }
    }
    order.rotate_left(first);
    order.into_iter().map(|i| points[i]).collect()
}

/// The corners of a quadrilateral clockwise from the top-left one: see [`sort_clockwise`].
pub fn order_quad(corners: [Point; 4]) -> [Point; 4] {
    let sorted = sort_clockwise(&corners);
    [sorted[0], sorted[1], sorted[2], sorted[3]]
}
