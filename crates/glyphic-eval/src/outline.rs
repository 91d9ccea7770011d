use std::cmp::Ordering;

use glyphic_core::{Point, Rect, geometry::signed_area};
use serde::{Deserialize, Serialize};

/// What counts as the inside of an outline that crosses itself. Simple outlines have the same area under both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlineRule {
    /// Area and intersection both follow the even-odd rule.
    #[default]
    EvenOdd,
    /// As MMOCR 0.2.1: intersections are even-odd, but the area is the shoelace sum of the points as given, so that
    /// a bow-tie may have none. Ratios can then exceed 1, and what the reference dies of is an error.
    Mmocr021,
}

/// Convex outlines up to this many vertices are clipped on the stack.
const CONVEX_VERTICES: usize = 8;

/// An intersection this close to all of an outline, as a share of it, is all of it.
const WHOLE: f64 = 1e-10;

/// Any closed sequence of points, ready to be intersected: it may cross itself, repeat points or have no area.
/// (A [`glyphic_core::Polygon`] cannot, but other people's predictions can.)
#[derive(Debug, Clone)]
pub struct Outline {
    points: Vec<Point>,
    bounds: Rect,
    area: f64,
    /// The area as the clipper sums it where all of the outline is in the other.
    ring_area: f64,
    convex: bool,
    /// Some of its edges cross others.
    crossed: bool,
}

impl Outline {
    /// Takes the points, in either orientation.
    pub fn new(points: &[Point], rule: OutlineRule) -> Self {
        let mut bounds = Rect { x0: f64::MAX, y0: f64::MAX, x1: f64::MIN, y1: f64::MIN };
        for p in points {
            bounds.x0 = bounds.x0.min(p.x);
            bounds.y0 = bounds.y0.min(p.y);
            bounds.x1 = bounds.x1.max(p.x);
            bounds.y1 = bounds.y1.max(p.y);
        }
        let given_area = trapezoid_sum(points).abs();
        let mut points = points.to_vec();
        if signed_area(&points) < 0.0 {
            points.reverse();
        }
        let convex = points.len() <= CONVEX_VERTICES && is_convex(&points);
        let crossed = !convex && crosses_itself(&points);
        let area = if convex || rule == OutlineRule::Mmocr021 {
            given_area
        } else {
            let inside = even_odd_area([&points, &points], [crossed; 2], &bounds);
            // Simple outlines keep the reference's last bits.
            if (inside - given_area).abs() <= inside * WHOLE { given_area } else { inside }
        };
        let ring_area = ring_area(points.len(), |i| points[i]);
        Self { points, bounds, area, ring_area, convex, crossed }
    }

    /// Area in square pixels, at least 0.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// Area in square pixels of what lies inside both, by the even-odd rule.
    pub fn intersection(&self, other: &Self) -> f64 {
        let overlap = Rect {
            x0: self.bounds.x0.max(other.bounds.x0),
            y0: self.bounds.y0.max(other.bounds.y0),
            x1: self.bounds.x1.min(other.bounds.x1),
            y1: self.bounds.y1.min(other.bounds.y1),
        };
        if overlap.x0 >= overlap.x1 || overlap.y0 >= overlap.y1 {
            0.0
        } else if self.convex && other.convex {
            if contains(&other.points, &self.points) {
                self.ring_area
            } else if contains(&self.points, &other.points) {
                other.ring_area
            } else {
                convex_intersection(&self.points, &other.points)
            }
        } else {
            let shared =
                even_odd_area([&self.points, &other.points], [self.crossed, other.crossed], &overlap);
            let whole =
                [self.ring_area, other.ring_area].into_iter().find(|a| (a - shared).abs() <= a * WHOLE);
            whole.unwrap_or(shared)
        }
    }

    /// Area in square pixels of the two less what they share.
    pub fn union(&self, other: &Self) -> f64 {
        self.area + other.area - self.intersection(other)
    }

    /// Intersection over union; `None` where the union is 0.
    pub fn iou(&self, other: &Self) -> Option<f64> {
        let intersection = self.intersection(other);
        let union = self.area + other.area - intersection;
        (union != 0.0).then(|| share(intersection, union))
    }
}

/// A share of areas, 0 of no area. What exceeds 1 by rounding alone is 1: a threshold of 1 must not be passed by it. Under
/// [`OutlineRule::Mmocr021`] an outline that crosses itself may share more than its area.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    match part / whole {
        _ if whole == 0.0 => 0.0,
        rounded if rounded > 1.0 && rounded < 1.0 + WHOLE => 1.0,
        share => share,
    }
}

/// Signed area in the reference's order of operations: whether a degenerate outline has exactly none hangs on it.
fn trapezoid_sum(points: &[Point]) -> f64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).fold(0.0, |sum, (p, q)| sum + (q.x + p.x) * (q.y - p.y)) / 2.0
}

/// Whether the outline (clockwise, y down) turns one way only and goes round once.
fn is_convex(points: &[Point]) -> bool {
    let n = points.len();
    if n < 3 || signed_area(points) <= 0.0 {
        return false;
    }
    let (mut turns_x, mut turns_y) = (0, 0);
    let (mut last_x, mut last_y) = (0.0, 0.0);
    // Two rounds, so that the direction before the first edge is known.
    for k in 0..2 * n {
        let (a, b, c) = (points[k % n], points[(k + 1) % n], points[(k + 2) % n]);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        if dx * (c.y - b.y) - dy * (c.x - b.x) < 0.0 {
            return false;
        }
        for (d, last, turns) in [(dx, &mut last_x, &mut turns_x), (dy, &mut last_y, &mut turns_y)] {
            if d != 0.0 {
                *turns += usize::from(k >= n && d * *last < 0.0);
                *last = d;
            }
        }
    }
    turns_x <= 2 && turns_y <= 2
}

/// A vertex of a clipped outline and the whole edge of one of the two outlines that leaves it.
#[derive(Clone, Copy, Default)]
struct Corner {
    at: Point,
    edge: [Point; 2],
}

/// Whether a convex clockwise outline holds all points.
fn contains(outline: &[Point], points: &[Point]) -> bool {
    (0..outline.len()).all(|k| {
        let (a, b) = (outline[k], outline[(k + 1) % outline.len()]);
        points.iter().all(|p| (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) >= 0.0)
    })
}

/// Sutherland-Hodgman on the stack. Both outlines are clockwise and convex, neither is inside the other.
fn convex_intersection(subject: &[Point], clip: &[Point]) -> f64 {
    let mut rows = [0.0; 2 * CONVEX_VERTICES];
    let rows = &mut rows[..subject.len() + clip.len()];
    rows.iter_mut().zip(subject.iter().chain(clip)).for_each(|(row, p)| *row = p.y);
    rows.sort_unstable_by(f64::total_cmp);
    // Each of the clip's edges adds one vertex at most.
    let mut buffers = [[Corner::default(); 2 * CONVEX_VERTICES + 2]; 2];
    for (k, corner) in buffers[0][..subject.len()].iter_mut().enumerate() {
        *corner = Corner { at: subject[k], edge: [subject[k], subject[(k + 1) % subject.len()]] };
    }
    let mut len = subject.len();
    let [input, output] = &mut buffers;
    let (mut input, mut output) = (input, output);
    for k in 0..clip.len() {
        let cut = [clip[k], clip[(k + 1) % clip.len()]];
        let (dx, dy) = (cut[1].x - cut[0].x, cut[1].y - cut[0].y);
        let side = |p: Point| dx * (p.y - cut[0].y) - dy * (p.x - cut[0].x);
        let mut previous = input[len - 1];
        let mut previous_side = side(previous.at);
        let mut kept = 0;
        for i in 0..len {
            let corner = input[i];
            let s = side(corner.at);
            if (s < 0.0) != (previous_side < 0.0) && s != 0.0 && previous_side != 0.0 {
                let t = previous_side / (previous_side - s);
                let (p, q) = (previous.at, corner.at);
                let about = Point::new(p.x + t * (q.x - p.x), p.y + t * (q.y - p.y));
                let at = crossing(previous.edge, cut, rows)
                    .filter(|exact| exact.distance(about) < CROSSING_ROUNDING)
                    .unwrap_or(about);
                output[kept] = Corner { at, edge: if s < 0.0 { cut } else { previous.edge } };
                kept += 1;
            }
            if s >= 0.0 {
                let leaves = s == 0.0 && side(input[(i + 1) % len].at) < 0.0;
                output[kept] = if leaves { Corner { at: corner.at, edge: cut } } else { corner };
                kept += 1;
            }
            (previous, previous_side) = (corner, s);
        }
        if kept < 3 {
            return 0.0;
        }
        len = kept;
        std::mem::swap(&mut input, &mut output);
    }
    ring_area(len, |i| input[i].at)
}

/// Two ways to compute a crossing agree this closely, in pixels; farther apart, the edges are nearly parallel.
const CROSSING_ROUNDING: f64 = 1e-6;

/// Where two edges cross, by the scan beam (between two vertices' rows) that holds the crossing. That order of
/// operations gives the reference's last bits, which decide where an overlap is exactly one half.
fn crossing(e: [Point; 2], f: [Point; 2], rows: &[f64]) -> Option<Point> {
    let [e, f] = [e, f].map(|[p, q]| if p.y < q.y { [p, q] } else { [q, p] });
    let x_at = |[top, bottom]: [Point; 2], y: f64| {
        if y == bottom.y {
            bottom.x
        } else if y == top.y {
            top.x
        } else {
            top.x + (bottom.x - top.x) / (bottom.y - top.y) * (y - top.y)
        }
    };
    match (e[0].y == e[1].y, f[0].y == f[1].y) {
        (true, true) => return None,
        (true, false) => return Some(Point::new(x_at(f, e[0].y), e[0].y)),
        (false, true) => return Some(Point::new(x_at(e, f[0].y), f[0].y)),
        (false, false) => {}
    }
    let (low, high) = (e[0].y.max(f[0].y), e[1].y.min(f[1].y));
    for beam in rows.windows(2).filter(|b| b[0] >= low && b[1] <= high && b[0] < b[1]) {
        let (mut left, mut right) =
            ((x_at(e, beam[0]), x_at(e, beam[1])), (x_at(f, beam[0]), x_at(f, beam[1])));
        if left.0 > right.0 {
            std::mem::swap(&mut left, &mut right);
        }
        if right.1 < left.1 {
            let across = left.1 - left.0;
            let r = (right.0 - left.0) / (across - (right.1 - right.0));
            return Some(Point::new(left.0 + r * across, r * (beam[1] - beam[0]) + beam[0]));
        }
    }
    None
}

/// Area of a clockwise ring, summed in the order in which the reference's clipper writes it: against the clock,
/// beginning behind the lowest vertex (the rightmost of equals).
fn ring_area(n: usize, at: impl Fn(usize) -> Point) -> f64 {
    let lowest = (0..n).reduce(|best, i| {
        let (p, q) = (at(i), at(best));
        if p.y > q.y || p.y == q.y && p.x > q.x { i } else { best }
    });
    let Some(lowest) = lowest else { return 0.0 };
    let mut sum = 0.0;
    for k in 1..=n {
        let (p, q) = (at((lowest + n - k) % n), at((lowest + 2 * n - k - 1) % n));
        sum += (q.x + p.x) * (q.y - p.y);
    }
    (sum / 2.0).abs()
}

/// An edge that is not horizontal, from its upper end to its lower.
#[derive(Clone, Copy)]
struct Edge {
    top: Point,
    bottom: Point,
    slope: f64,
    of: usize,
}

impl Edge {
    fn x(&self, y: f64) -> f64 {
        self.top.x + (y - self.top.y) * self.slope
    }

    /// The row of the point where two edges cross inside of both.
    fn crossing_row(&self, other: &Self) -> Option<f64> {
        let (low, high) = (self.top.y.max(other.top.y), self.bottom.y.min(other.bottom.y));
        if low >= high {
            return None;
        }
        let (at_low, at_high) = (self.x(low) - other.x(low), self.x(high) - other.x(high));
        (at_low * at_high < 0.0).then(|| low + (high - low) * (at_low / (at_low - at_high)))
    }
}

fn edges(points: &[Point], of: usize) -> impl Iterator<Item = Edge> + '_ {
    points.iter().zip(points.iter().cycle().skip(1)).filter_map(move |(&p, &q)| {
        let (top, bottom) = if p.y < q.y { (p, q) } else { (q, p) };
        // Not the negation of `>=`: NaN must fail it too.
        (top.y < bottom.y).then(|| Edge { top, bottom, slope: (bottom.x - top.x) / (bottom.y - top.y), of })
    })
}

fn crosses_itself(points: &[Point]) -> bool {
    let edges: Vec<Edge> = edges(points, 0).collect();
    edges.iter().enumerate().any(|(i, e)| edges[i + 1..].iter().any(|f| e.crossing_row(f).is_some()))
}

/// Area of what is inside both outlines by the even-odd rule, within the rows of `rows`; `crossed` says which of them
/// cross themselves.
///
/// Own code, since a crate for boolean operations builds a topology on a rounded grid: only the area is wanted,
/// in full double precision, of any points. The rows are cut where an edge begins, ends or meets another; between two
/// cuts everything is a trapezoid, whose area is its middle width times its height.
fn even_odd_area(outlines: [&[Point]; 2], crossed: [bool; 2], rows: &Rect) -> f64 {
    if rows.y0 >= rows.y1 {
        return 0.0;
    }
    let in_rows = |e: &Edge| e.bottom.y > rows.y0 && e.top.y < rows.y1;
    let edges: Vec<Edge> = edges(outlines[0], 0).chain(edges(outlines[1], 1)).filter(in_rows).collect();
    let mut cuts = Vec::with_capacity(2 * edges.len());
    cuts.extend([rows.y0, rows.y1]);
    let mut cut = |y: f64| {
        if y > rows.y0 && y < rows.y1 {
            cuts.push(y);
        }
    };
    for (i, e) in edges.iter().enumerate() {
        cut(e.top.y);
        cut(e.bottom.y);
        for f in edges[i + 1..].iter().filter(|f| f.of != e.of || crossed[e.of]) {
            if let Some(y) = e.crossing_row(f) {
                cut(y);
            }
        }
    }
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    let mut crossings: Vec<(f64, usize)> = Vec::with_capacity(edges.len());
    let mut area = 0.0;
    for cut in cuts.windows(2) {
        let (y0, y1) = (cut[0], cut[1]);
        let middle = f64::midpoint(y0, y1);
        crossings.clear();
        crossings.extend(
            edges.iter().filter(|e| e.top.y < middle && middle < e.bottom.y).map(|e| (e.x(middle), e.of)),
        );
        crossings.sort_unstable_by(|p, q| p.0.partial_cmp(&q.0).unwrap_or(Ordering::Equal));
        let (mut inside, mut since, mut width) = ([false; 2], 0.0, 0.0);
        for &(x, of) in &crossings {
            if inside == [true; 2] {
                width += x - since;
            }
            inside[of] = !inside[of];
            since = x;
        }
        area += width * (y1 - y0);
    }
    area
}

#[cfg(test)]
mod tests {
    use glyphic_core::geometry::intersection_area;
    use proptest::prelude::*;

    use super::*;

    fn points(flat: &[f64]) -> Vec<Point> {
        flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
    }

    fn outline(flat: &[f64]) -> Outline {
        Outline::new(&points(flat), OutlineRule::EvenOdd)
    }

    const SQUARE: &[f64] = &[0., 0., 10., 0., 10., 10., 0., 10.];

    #[test]
    fn areas_follow_the_even_odd_rule_and_the_reference_its_shoelace() {
        let bow_tie = [0., 0., 10., 10., 10., 0., 0., 10.];
        let twice = [SQUARE, SQUARE].concat();
        // outline, even-odd area, shoelace area, intersection with the square
        let table: [(&[f64], f64, f64, f64); 5] = [
            (SQUARE, 100.0, 100.0, 100.0),
            (&bow_tie, 50.0, 0.0, 50.0),
            (&twice, 0.0, 200.0, 0.0),
            (&[3., 3., 3., 3., 3., 3., 3., 3.], 0.0, 0.0, 0.0),
            (&[0., 0., 0., 20., 20., 0.], 200.0, 200.0, 100.0),
        ];
        let square = outline(SQUARE);
        for (flat, even_odd, shoelace, shared) in table {
            let given = Outline::new(&points(flat), OutlineRule::Mmocr021);
            assert_eq!((outline(flat).area(), given.area()), (even_odd, shoelace), "{flat:?}");
            assert_eq!(
                (given.intersection(&square), square.intersection(&given)),
                (shared, shared),
                "{flat:?}"
            );
        }
    }

    #[test]
    fn outlines_that_only_touch_share_nothing() {
        for other in [[10., 0., 20., 0., 20., 10., 10., 10.], [10., 10., 20., 10., 20., 20., 10., 20.]] {
            assert_eq!(outline(SQUARE).intersection(&outline(&other)), 0.0);
        }
    }

    #[test]
    fn two_points_and_points_that_are_not_finite_give_a_number_and_no_panic() {
        for flat in [vec![1., 1., 5., 5.], vec![f64::NAN, 1., 5., 5., 2., 9., 0., 0.], vec![]] {
            let o = outline(&flat);
            let _ = (o.intersection(&outline(SQUARE)), outline(SQUARE).intersection(&o), o.iou(&o));
        }
    }

    fn arbitrary_outline() -> impl Strategy<Value = Vec<f64>> {
        prop_oneof![
            prop::collection::vec(-50.0..50.0f64, 6..=28).prop_map(|mut v| {
                v.truncate(v.len() / 2 * 2);
                v
            }),
            prop::collection::vec((-8i32..8).prop_map(f64::from), 8..=8),
        ]
    }

    proptest! {
        #[test]
        fn an_intersection_is_symmetric_and_no_larger_than_either(a in arbitrary_outline(), b in arbitrary_outline()) {
            let (a, b) = (outline(&a), outline(&b));
            let (ab, ba) = (a.intersection(&b), b.intersection(&a));
            prop_assert!((ab - ba).abs() < 1e-9, "{ab} {ba}");
            prop_assert!(ab >= 0.0 && ab <= a.area().min(b.area()) + 1e-9);
        }

        #[test]
        fn an_intersection_has_the_area_that_a_clipper_finds(a in arbitrary_outline(), b in arbitrary_outline()) {
            let clipped = intersection_area(&points(&a), &points(&b));
            prop_assert!((outline(&a).intersection(&outline(&b)) - clipped).abs() < 1e-6, "{clipped}");
        }

        #[test]
        fn an_outline_shares_all_of_itself(a in arbitrary_outline()) {
            let a = outline(&a);
            prop_assert!((a.intersection(&a) - a.area()).abs() < 1e-9);
        }

        #[test]
        fn the_fast_path_agrees_with_the_general_one(
            corners in prop::collection::vec((0.0..std::f64::consts::TAU, 1.0..40.0f64, 1.0..40.0f64, -20.0..20.0f64), 2)
        ) {
            // Rotated rectangles.
            let rect = |&(angle, w, h, shift): &(f64, f64, f64, f64)| {
                let (s, c) = f64::sin_cos(angle);
                [(-w, -h), (w, -h), (w, h), (-w, h)].map(|(x, y)| Point::new(shift + c * x - s * y, s * x + c * y))
            };
            let (a, b) = (rect(&corners[0]), rect(&corners[1]));
            let (fast_a, fast_b) = (Outline::new(&a, OutlineRule::EvenOdd), Outline::new(&b, OutlineRule::EvenOdd));
            prop_assert!(fast_a.convex && fast_b.convex);
            let slow = even_odd_area([&a, &b], [true; 2], &fast_a.bounds);
            prop_assert!((fast_a.intersection(&fast_b) - slow).abs() < 1e-9);
        }
    }
}
