//! Locality-aware non-maximum suppression (Zhou et al. 2017, "EAST"), as the `lanms` extension computes it: quads that
//! follow each other are averaged first, so that what is left for the quadratic suppression is little.

use glyphic_core::Point;
use glyphic_core::geometry::{intersection_area, signed_area};

/// Steps a pixel in which corners are held while they are averaged.
const STEPS: f32 = 10_000.0;

/// Farther from the origin there are no pixels.
const FARTHEST: f32 = (1u32 << 24) as f32;

/// A quadrilateral and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredQuad {
    /// The corners, `[x, y]` in pixels, in either orientation.
    pub corners: [[f32; 2]; 4],
    /// Its score. Of merged quads it is the sum, so that it says how many agree.
    pub score: f32,
}

/// Merges each quad with the one before it where they overlap by more than `threshold` (intersection over union, 0 to
/// 1), weighted by their scores; then keeps those, best first, that overlap no better one by more.
///
/// Quads with corners 2^24 pixels or more from the origin, or not finite, are left out, as are scores not above 0.
pub fn merge_quads(quads: &[ScoredQuad], threshold: f32) -> Vec<ScoredQuad> {
    let mut merged: Vec<Fixed> = Vec::new();
    for quad in quads {
        let usable = quad.score > 0.0 && quad.corners.as_flattened().iter().all(|v| v.abs() < FARTHEST);
        if !usable {
            continue;
        }
        let quad = Fixed::from(quad);
        match merged.last_mut() {
            Some(last) if quad.iou(last) > threshold => *last = last.averaged(&quad),
            _ => merged.push(quad),
        }
    }
    merged.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Fixed> = Vec::new();
    for quad in merged {
        if kept.iter().all(|better| better.iou(&quad) <= threshold) {
            kept.push(quad);
        }
    }
    kept.into_iter().map(ScoredQuad::from).collect()
}

/// A quad in steps of a pixel.
#[derive(Clone, Copy)]
struct Fixed {
    corners: [[i64; 2]; 4],
    score: f32,
    bounds: [[i64; 2]; 2],
}

impl Fixed {
    fn new(corners: [[i64; 2]; 4], score: f32) -> Self {
        let edge = |axis: usize, pick: fn(i64, i64) -> i64| {
            corners.iter().map(|c| c[axis]).reduce(pick).unwrap_or_default()
        };
        let bounds = [[edge(0, i64::min), edge(1, i64::min)], [edge(0, i64::max), edge(1, i64::max)]];
        Self { corners, score, bounds }
    }

    fn from(quad: &ScoredQuad) -> Self {
        Self::new(quad.corners.map(|c| c.map(|v| (v * STEPS) as i64)), quad.score)
    }

    fn points(&self) -> [Point; 4] {
        self.corners.map(|[x, y]| Point::new(x as f64, y as f64))
    }

    fn iou(&self, other: &Self) -> f32 {
        let apart = |axis: usize| {
            self.bounds[0][axis] >= other.bounds[1][axis] || other.bounds[0][axis] >= self.bounds[1][axis]
        };
        if apart(0) || apart(1) {
            return 0.0;
        }
        let (mut a, mut b) = (self.points(), other.points());
        let (shared, union) = match (clockwise(&mut a), clockwise(&mut b)) {
            (Some(area_a), Some(area_b)) => {
                let shared = convex_intersection(&a, &b);
                (shared, area_a + area_b - shared)
            }
            _ => {
                // Even-odd, as for any outline.
                let area = |q: &[Point]| intersection_area(q, q);
                let shared = intersection_area(&a, &b);
                (shared, area(&a) + area(&b) - shared)
            }
        };
        shared as f32 / (union as f32).max(1.0)
    }

    /// The mean of two, weighted by their scores; the other's corners are numbered so that they lie nearest to ours.
    /// In single precision and cut to whole steps, as in the reference.
    fn averaged(&self, other: &Self) -> Self {
        let ours = Sum::default().with(self.corners, self.score);
        let other_corners = nearest_numbering(&ours.mean(self.score), &other.corners);
        let score = self.score + other.score;
        Self::new(ours.with(other_corners, other.score).mean(score), score)
    }
}

impl From<Fixed> for ScoredQuad {
    fn from(quad: Fixed) -> Self {
        Self { corners: quad.corners.map(|c| c.map(|v| v as f32 / STEPS)), score: quad.score }
    }
}

/// A sum of corners times scores.
#[derive(Clone, Copy, Default)]
struct Sum([[i64; 2]; 4]);

impl Sum {
    fn with(mut self, corners: [[i64; 2]; 4], score: f32) -> Self {
        for (sum, value) in self.0.as_flattened_mut().iter_mut().zip(corners.as_flattened()) {
            *sum = (*sum as f32 + *value as f32 * score) as i64;
        }
        self
    }

    fn mean(&self, score: f32) -> [[i64; 2]; 4] {
        let inverse = 1.0 / score.max(1e-8);
        self.0.map(|c| c.map(|sum| (sum as f32 * inverse) as i64))
    }
}

/// The corners begun anywhere and run in either direction, so that they lie nearest to the others.
fn nearest_numbering(to: &[[i64; 2]; 4], corners: &[[i64; 2]; 4]) -> [[i64; 2]; 4] {
    let numbered = |start: usize, backwards: bool| -> [[i64; 2]; 4] {
        std::array::from_fn(|i| corners[if backwards { (start + 3 - i) % 4 } else { (start + i) % 4 }])
    };
    let distance = |quad: &[[i64; 2]; 4]| -> i128 {
        let pairs = to.as_flattened().iter().zip(quad.as_flattened());
        pairs.map(|(a, b)| i128::from(a - b).pow(2)).sum()
    };
    let mut best = numbered(0, false);
    for start in 0..4 {
        for backwards in [false, true] {
            let quad = numbered(start, backwards);
            if distance(&quad) < distance(&best) {
                best = quad;
            }
        }
    }
    best
}

/// Turns the quad clockwise; its area where it is convex.
fn clockwise(quad: &mut [Point; 4]) -> Option<f64> {
    let area = signed_area(quad);
    if area < 0.0 {
        quad.reverse();
    }
    let convex = (0..4).all(|i| {
        let (a, b, c) = (quad[i], quad[(i + 1) % 4], quad[(i + 2) % 4]);
        (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x) >= 0.0
    });
    (convex && area != 0.0).then_some(area.abs())
}

/// Area of the common part of two convex clockwise quads, by Sutherland and Hodgman's clipping, without an allocation:
/// tens of thousands of pairs are asked for in a picture.
fn convex_intersection(subject: &[Point; 4], clip: &[Point; 4]) -> f64 {
    // Each of four cuts adds one vertex at most.
    let (mut from, mut to) = ([Point::default(); 8], [Point::default(); 8]);
    from[..4].copy_from_slice(subject);
    let mut count = 4;
    for k in 0..4 {
        let (a, b) = (clip[k], clip[(k + 1) % 4]);
        let side = |p: Point| (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
        let mut kept = 0;
        for i in 0..count {
            let (p, q) = (from[i], from[(i + 1) % count]);
            let (at_p, at_q) = (side(p), side(q));
            if at_p >= 0.0 {
                to[kept] = p;
                kept += 1;
            }
            if at_p * at_q < 0.0 && kept < to.len() {
                let t = at_p / (at_p - at_q);
                to[kept] = Point::new(p.x + t * (q.x - p.x), p.y + t * (q.y - p.y));
                kept += 1;
            }
        }
        if kept < 3 {
            return 0.0;
        }
        count = kept;
        std::mem::swap(&mut from, &mut to);
    }
    signed_area(&from[..count]).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f32, y: f32, side: f32, score: f32) -> ScoredQuad {
        ScoredQuad { corners: [[x, y], [x + side, y], [x + side, y + side], [x, y + side]], score }
    }

    #[test]
    fn neighbours_are_averaged_by_score_and_their_scores_added() {
        let merged = merge_quads(&[square(0.0, 0.0, 10.0, 0.75), square(2.0, 0.0, 10.0, 0.25)], 0.3);
        assert_eq!(merged, [square(0.5, 0.0, 10.0, 1.0)]);
    }

    #[test]
    fn corners_are_matched_before_they_are_averaged() {
        let mut turned = square(2.0, 0.0, 10.0, 0.5);
        turned.corners.rotate_left(1);
        turned.corners.reverse();
        let merged = merge_quads(&[square(0.0, 0.0, 10.0, 0.5), turned], 0.3);
        assert_eq!(merged, [square(1.0, 0.0, 10.0, 1.0)]);
    }

    #[test]
    fn of_quads_that_do_not_follow_each_other_the_best_stays() {
        let far = square(50.0, 50.0, 10.0, 0.6);
        let quads = [square(0.0, 0.0, 10.0, 0.5), far, square(1.0, 0.0, 10.0, 0.9)];
        assert_eq!(merge_quads(&quads, 0.3), [square(1.0, 0.0, 10.0, 0.9), far]);
    }

    #[test]
    fn what_is_no_quad_is_left_out() {
        let mut broken = square(0.0, 0.0, 10.0, 0.5);
        broken.corners[2][1] = f32::NAN;
        let far = square(3e30, 0.0, 10.0, 0.5);
        let quads = [broken, far, square(0.0, 0.0, 10.0, f32::NAN), square(0.0, 0.0, 10.0, -1.0)];
        assert_eq!(merge_quads(&quads, 0.3), []);
        let point = square(3.0, 3.0, 0.0, 0.5);
        assert_eq!(merge_quads(&[point, point], 0.3).len(), 2);
    }

    proptest! {
        #[test]
        fn the_overlap_is_that_of_any_polygons(corners in prop::collection::vec(0.0..60.0f32, 16)) {
            let quad = |v: &[f32]| ScoredQuad { corners: std::array::from_fn(|i| [v[2 * i], v[2 * i + 1]]), score: 1.0 };
            let (a, b) = (Fixed::from(&quad(&corners[..8])), Fixed::from(&quad(&corners[8..])));
            let (p, q) = (a.points(), b.points());
            let shared = intersection_area(&p, &q);
            let expected = shared / (intersection_area(&p, &p) + intersection_area(&q, &q) - shared).max(1.0);
            prop_assert!((f64::from(a.iou(&b)) - expected).abs() < 1e-5, "{} {}", a.iou(&b), expected);
        }
    }
}
