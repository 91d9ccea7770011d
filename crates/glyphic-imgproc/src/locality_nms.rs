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

/// Which of quads with one score counts as the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TieOrder {
    /// The one that comes first.
    #[default]
    Stable,
    /// The one that `std::sort` of the GNU C++ library leaves in front, as in the `lanms` extension. It shuffles equal
    /// scores where there are more than 16 quads.
    Libstdcxx,
}

/// Merges each quad with the one before it where they overlap by more than `threshold` (intersection over union, 0 to
/// 1), weighted by their scores; then keeps those, best first, that overlap no better one by more.
///
/// Of the merged quads only the `most` best are compared. Quads with corners 2^24 pixels or more from the origin, or not
/// finite, are left out, as are scores not above 0.
pub fn merge_quads(quads: &[ScoredQuad], threshold: f32, ties: TieOrder, most: usize) -> Vec<ScoredQuad> {
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
    let better = |a: &Fixed, b: &Fixed| a.score > b.score;
    match ties {
        TieOrder::Stable => merged.sort_by(|a, b| b.score.total_cmp(&a.score)),
        TieOrder::Libstdcxx => introsort(&mut merged, better),
    }
    let mut kept: Vec<Fixed> = Vec::new();
    for quad in merged.into_iter().take(most) {
        if kept.iter().all(|better| better.iou(&quad) <= threshold) {
            kept.push(quad);
        }
    }
    kept.into_iter().map(ScoredQuad::from).collect()
}

/// Up to this many are sorted by insertion.
const SMALL: usize = 16;

/// Quicksort around the median of three, then insertion, with the swaps of equal values that the GNU C++ library makes.
fn introsort<T>(values: &mut [T], before: impl Fn(&T, &T) -> bool) {
    // Deeper than this the library turns to heap sort; without equal values any sort gives the same.
    let depth = 2 * values.len().max(1).ilog2();
    let mut parts = vec![(0, values.len(), depth)];
    while let Some((start, mut end, mut depth)) = parts.pop() {
        while end - start > SMALL && depth > 0 {
            depth -= 1;
            let (a, b, c) = (start + 1, start + (end - start) / 2, end - 1);
            let less = |i: usize, j: usize| before(&values[i], &values[j]);
            let median = match (less(a, b), less(b, c), less(a, c)) {
                (true, true, _) | (false, false, false) => b,
                (true, false, true) | (false, true, false) => c,
                (true, false, false) | (false, _, true) => a,
            };
            values.swap(start, median);
            let (mut low, mut high) = (start + 1, end);
            loop {
                while before(&values[low], &values[start]) {
                    low += 1;
                }
                high -= 1;
                while before(&values[start], &values[high]) {
                    high -= 1;
                }
                if low >= high {
                    break;
                }
                values.swap(low, high);
                low += 1;
            }
            parts.push((low, end, depth));
            end = low;
        }
    }
    for i in 1..values.len() {
        let place = values[..i].iter().rposition(|v| !before(&values[i], v)).map_or(0, |p| p + 1);
        values[place..=i].rotate_right(1);
    }
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
        let merged = merge_quads(
            &[square(0.0, 0.0, 10.0, 0.75), square(2.0, 0.0, 10.0, 0.25)],
            0.3,
            TieOrder::Stable,
            usize::MAX,
        );
        assert_eq!(merged, [square(0.5, 0.0, 10.0, 1.0)]);
    }

    #[test]
    fn corners_are_matched_before_they_are_averaged() {
        let mut turned = square(2.0, 0.0, 10.0, 0.5);
        turned.corners.rotate_left(1);
        turned.corners.reverse();
        let merged = merge_quads(&[square(0.0, 0.0, 10.0, 0.5), turned], 0.3, TieOrder::Stable, usize::MAX);
        assert_eq!(merged, [square(1.0, 0.0, 10.0, 1.0)]);
    }

    #[test]
    fn of_quads_that_do_not_follow_each_other_the_best_stays() {
        let far = square(50.0, 50.0, 10.0, 0.6);
        let quads = [square(0.0, 0.0, 10.0, 0.5), far, square(1.0, 0.0, 10.0, 0.9)];
        assert_eq!(
            merge_quads(&quads, 0.3, TieOrder::Stable, usize::MAX),
            [square(1.0, 0.0, 10.0, 0.9), far]
        );
    }

    #[test]
    fn what_is_no_quad_is_left_out() {
        let mut broken = square(0.0, 0.0, 10.0, 0.5);
        broken.corners[2][1] = f32::NAN;
        let far = square(3e30, 0.0, 10.0, 0.5);
        let quads = [broken, far, square(0.0, 0.0, 10.0, f32::NAN), square(0.0, 0.0, 10.0, -1.0)];
        assert_eq!(merge_quads(&quads, 0.3, TieOrder::Stable, usize::MAX), []);
        let point = square(3.0, 3.0, 0.0, 0.5);
        assert_eq!(merge_quads(&[point, point], 0.3, TieOrder::Stable, usize::MAX).len(), 2);
    }

    #[test]
    fn equal_values_end_where_the_cpp_library_puts_them() {
        // As a program of `std::sort` built with GCC 12 prints them: twenty equal values, and a hundred of seven kinds.
        let mut equal: Vec<u8> = (0..20).collect();
        introsort(&mut equal, |_, _| false);
        assert_eq!(equal, [10, 19, 18, 17, 16, 15, 14, 13, 12, 11, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
        let mut state = 1u32;
        let values = [(); 100].map(|()| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (state >> 16) % 7
        });
        let mut order: Vec<usize> = (0..100).collect();
        introsort(&mut order, |a, b| values[*a] > values[*b]);
        let expected = [
            22, 48, 47, 58, 43, 65, 11, 69, 39, 24, 82, 37, 89, 99, 29, 41, 30, 1, 49, 55, 62, 68, 70, 75,
            77, 85, 87, 90, 9, 10, 2, 12, 51, 45, 42, 71, 83, 95, 54, 14, 60, 19, 53, 63, 57, 84, 20, 91, 38,
            25, 80, 79, 33, 32, 78, 98, 0, 6, 66, 28, 76, 61, 15, 56, 16, 17, 3, 46, 44, 21, 34, 31, 86, 88,
            81, 94, 64, 8, 67, 18, 27, 7, 26, 97, 96, 35, 36, 93, 92, 23, 40, 50, 4, 52, 5, 59, 13, 72, 73,
            74,
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn of_equal_scores_the_first_stays_unless_the_extension_is_followed() {
        // Each overlaps those beside it.
        let row: Vec<ScoredQuad> =
            (0..40).map(|i| square(4.0 * ((i * 7) % 40) as f32, 0.0, 10.0, 1.0)).collect();
        let first = |ties| merge_quads(&row, 0.3, ties, usize::MAX)[0].corners[0][0];
        assert_eq!(first(TieOrder::Stable), 0.0);
        assert_ne!(first(TieOrder::Libstdcxx), 0.0);
    }

    proptest! {
        #[test]
        fn introsort_sorts(mut values in prop::collection::vec(0u8..40, 0..300)) {
            let mut expected = values.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            introsort(&mut values, |a, b| a > b);
            prop_assert_eq!(values, expected);
        }

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
