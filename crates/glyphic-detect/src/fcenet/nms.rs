use glyphic_core::Point;
use glyphic_core::geometry::iou;

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
pub fn poly_nms(mut outlines: Vec<ScoredOutline>, threshold: f64) -> Vec<ScoredOutline> {
    outlines.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut left: Vec<(Bounds, ScoredOutline)> =
        outlines.into_iter().map(|outline| (Bounds::of(&outline.points), outline)).collect();
    let mut kept = Vec::new();
    while let Some((bounds, best)) = left.pop() {
        left.retain(|(other_bounds, other)| {
            !bounds.meets(other_bounds) || iou(&best.points, &other.points) <= threshold
        });
        kept.push(best);
    }
    kept
}

/// The upright rectangle around an outline.
struct Bounds {
    low: [f64; 2],
    high: [f64; 2],
}

impl Bounds {
    fn of(points: &[Point]) -> Self {
        let edge = |pick: fn(f64, f64) -> f64, axis: fn(&Point) -> f64| {
            points.iter().map(axis).reduce(pick).unwrap_or(0.0)
        };
        Self {
            low: [edge(f64::min, |p| p.x), edge(f64::min, |p| p.y)],
            high: [edge(f64::max, |p| p.x), edge(f64::max, |p| p.y)],
        }
    }

    fn meets(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.low[axis] < other.high[axis] && other.low[axis] < self.high[axis])
    }
}
