use glyphic_core::Point;
use glyphic_core::geometry::{intersection_area, union_area};

/// A closed outline and its score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredOutline {
    /// Its vertices in pixels; it may cross itself.
    pub points: Vec<Point>,
    /// Its score.
    pub score: f32,
}

/// Drops every outline that overlaps one of higher score by more than `threshold` (intersection over union, 0 to 1) and
/// returns the others, best first; of equal scores the later one is better.
pub fn poly_nms(outlines: Vec<ScoredOutline>, threshold: f64) -> Vec<ScoredOutline> {
    best_of(outlines, threshold, usize::MAX).0
}

/// The first `most` that [`poly_nms`] keeps, and how many overlap none of them but were too many.
pub(super) fn best_of(
    mut outlines: Vec<ScoredOutline>,
    threshold: f64,
    most: usize,
) -> (Vec<ScoredOutline>, usize) {
    outlines.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut left: Vec<Measured> = outlines.into_iter().map(Measured::new).collect();
    let mut kept = Vec::new();
    while kept.len() < most
        && let Some(best) = left.pop()
    {
        left.retain(|other| !best.overlaps(other, threshold));
        kept.push(best.outline);
    }
    (kept, left.len())
}

/// An outline, its area by the even-odd rule and the upright rectangle around it.
struct Measured {
    outline: ScoredOutline,
    area: f64,
    low: [f64; 2],
    high: [f64; 2],
}

impl Measured {
    fn new(outline: ScoredOutline) -> Self {
        let edge = |pick: fn(f64, f64) -> f64, axis: fn(&Point) -> f64| {
            outline.points.iter().map(axis).reduce(pick).unwrap_or(0.0)
        };
        Self {
            area: union_area(&outline.points, &[]),
            low: [edge(f64::min, |p| p.x), edge(f64::min, |p| p.y)],
            high: [edge(f64::max, |p| p.x), edge(f64::max, |p| p.y)],
            outline,
        }
    }

    /// Whether the intersection over union is above `threshold`.
    fn overlaps(&self, other: &Self, threshold: f64) -> bool {
        let shared =
            |axis: usize| self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis]);
        let sides = [shared(0), shared(1)];
        if sides.iter().any(|side| *side <= 0.0) {
            return false;
        }
        let both = self.area + other.area;
        let above = |shared: f64| both - shared > 0.0 && shared / (both - shared) > threshold;
        // They share no more than their rectangles do, and no more than either has.
        let most = (sides[0] * sides[1]).min(self.area).min(other.area);
        above(most) && above(intersection_area(&self.outline.points, &other.outline.points))
    }
}
