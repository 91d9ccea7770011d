//! The two long sides of a text, and points spread along them: what TextSnake, FCENet and DRRG are drawn from.
//!
//! Long et al., "TextSnake", ECCV 2018, <https://arxiv.org/abs/1807.01544>.

use std::f64::consts::PI;

use glyphic_core::Point;

/// The two long sides of a text, both in the order of its outline: the bottom runs against the top.
#[derive(Debug, Clone, PartialEq)]
pub struct Sides {
    /// The side with the smaller mean y.
    pub top: Vec<Point>,
    /// The other side.
    pub bottom: Vec<Point>,
}

/// Both sides of a text and the line between them, with as many points each, running the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Ribbon {
    /// Points along the top.
    pub top: Vec<Point>,
    /// Points along the bottom.
    pub bottom: Vec<Point>,
    /// The means of both.
    pub centre: Vec<Point>,
}

/// Sides longer than this many steps are sampled more coarsely: far beyond any picture, and a bound on memory.
const MOST_POINTS: usize = 1 << 16;

/// In place of zero lengths.
const TINY: f64 = 1e-8;

fn sub(a: Point, b: Point) -> Point {
    Point::new(a.x - b.x, a.y - b.y)
}

fn norm(v: Point) -> f64 {
    (v.x * v.x + v.y * v.y).sqrt()
}

pub(crate) fn distance(a: Point, b: Point) -> f64 {
    norm(sub(a, b))
}

/// How steep a vector is, 0 for a horizontal one.
pub(crate) fn slope(v: Point) -> f64 {
    (v.y / (v.x + TINY)).abs()
}

/// Sine and cosine of a vector's angle to the x axis.
pub(crate) fn direction(v: Point) -> (f64, f64) {
    let length = norm(v) + TINY;
    (v.y / length, v.x / length)
}

/// The angle between two vectors, 0 to pi.
fn angle(a: Point, b: Point) -> f64 {
    let (la, lb) = (norm(a) + TINY, norm(b) + TINY);
    ((a.x / la) * (b.x / lb) + (a.y / la) * (b.y / lb)).clamp(-1.0, 1.0).acos()
}

/// The outline without vertices that repeat their successor.
pub(crate) fn distinct(outline: &[Point]) -> Vec<Point> {
    let n = outline.len();
    (0..n).filter(|&i| distance(outline[i], outline[(i + 1) % n]) > 1e-5).map(|i| outline[i]).collect()
}

/// The edges where a text begins and ends, each as the indices of its two vertices; `None` for fewer than four.
///
/// A quadrilateral's are its steeper pair, unless that is more than `orientation_thr` times as long as the other. Of
/// more vertices the pair scores best by turns at both ends, distance from the centre, place among the vertices, and
/// how evenly it splits the outline.
pub fn find_head_tail(outline: &[Point], orientation_thr: f64) -> Option<[[usize; 2]; 2]> {
    match outline.len() {
        0..4 => None,
        4 => Some(of_quad(outline, orientation_thr)),
        _ => Some(of_curve(outline)),
    }
}

fn of_quad(p: &[Point], orientation_thr: f64) -> [[usize; 2]; 2] {
    let steep = |a: usize, b: usize| slope(sub(p[a], p[b]));
    let (horizontal, vertical) = if steep(1, 0) + steep(3, 2) < steep(2, 1) + steep(0, 3) {
        ([[0, 1], [2, 3]], [[3, 0], [1, 2]])
    } else {
        ([[3, 0], [1, 2]], [[0, 1], [2, 3]])
    };
    let length = |edges: [[usize; 2]; 2]| edges.map(|[a, b]| distance(p[a], p[b])).iter().sum::<f64>();
    if length(vertical) > length(horizontal) * orientation_thr { horizontal } else { vertical }
}

fn of_curve(p: &[Point]) -> [[usize; 2]; 2] {
    let n = p.len();
    let edge: Vec<Point> = (0..n).map(|i| sub(p[(i + 1) % n], p[i])).collect();
    let (sum_x, sum_y) = p.iter().fold((0.0, 0.0), |(x, y), q| (x + q.x, y + q.y));
    let centre = Point::new(sum_x / n as f64, sum_y / n as f64);
    let reach: Vec<f64> =
        (0..n).map(|i| distance(p[(i + 1) % n], centre).max(distance(p[i], centre))).collect();
    let farthest = reach.iter().copied().fold(0.0, f64::max) + 1e-12;
    let score: Vec<f64> = (0..n)
        .map(|i| {
            let (before, after) = (edge[(i + n - 1) % n], edge[(i + 1) % n]);
            let turns = (angle(edge[i], before) + angle(edge[i], after)) / PI;
            let opposed = angle(before, after) / PI;
            let place = n.is_multiple_of(2) && (i == n / 2 - 1 || i == n - 1);
            0.5 * turns + 0.15 * opposed + 0.35 * (reach[i] / farthest) + 0.1 * f64::from(u8::from(place))
        })
        .collect();
    // A normal curve (deviation 0.5) over the share of the outline between both ends; its peak is 1 for an odd count.
    let bell = |k: usize| {
        let x = k as f64 / (n - 4) as f64;
        let z = (x - 0.5) / 0.5;
        (-(z * z) / 2.0).exp()
    };
    let peak = (0..n - 3).map(bell).fold(0.0, f64::max);
    let mut best = (f64::NEG_INFINITY, 0, 0);
    for i in 0..n {
        for k in 0..n - 3 {
            let value = score[i] + score[(i + 2 + k) % n] * (bell(k) / peak) * 0.3;
            if value > best.0 {
                best = (value, i, (i + 2 + k) % n);
            }
        }
    }
    let (head, tail) = ([best.1, (best.1 + 1) % n], [best.2, (best.2 + 1) % n]);
    if head[1] > tail[1] { [tail, head] } else { [head, tail] }
}

/// Splits an outline at its head and tail; `None` for fewer than four vertices.
pub fn sides(outline: &[Point], orientation_thr: f64) -> Option<Sides> {
    let [head, tail] = find_head_tail(outline, orientation_thr)?;
    let n = outline.len();
    let end = if tail[1] < 1 { n } else { tail[1] };
    let run = |from: usize, to: usize| -> Vec<Point> { (from..to).map(|i| outline[i % n]).collect() };
    let (one, other) = (run(head[1], end), run(end, head[1] + n));
    let mean = |line: &[Point]| line.iter().map(|p| p.y).sum::<f64>() / line.len() as f64;
    let (top, bottom) = if mean(&one) - mean(&other) > 0.0 { (other, one) } else { (one, other) };
    Some(Sides { top, bottom })
}

/// `n` points, at least 2, at equal distances along a line, its ends included. Empty for fewer than two vertices.
pub fn resample_line(line: &[Point], n: usize) -> Vec<Point> {
    let (Some(&first), Some(&last), true) = (line.first(), line.last(), line.len() > 1) else {
        return Vec::new();
    };
    let mut travelled = vec![0.0];
    for pair in line.windows(2) {
        travelled.push(travelled[travelled.len() - 1] + distance(pair[1], pair[0]));
    }
    let steps = n.max(2) - 1;
    let step = travelled[travelled.len() - 1] / (steps as f64 + TINY);
    let mut at = 0;
    let mut out = Vec::with_capacity(steps + 1);
    out.push(first);
    for i in 1..steps {
        let t = i as f64 * step;
        while at + 2 < line.len() && t >= travelled[at + 1] {
            at += 1;
        }
        let (a, b) = (line[at], line[at + 1]);
        let length = distance(b, a);
        let share = if length > 0.0 { (t - travelled[at]) / length } else { 0.0 };
        out.push(Point::new(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share));
    }
    out.push(last);
    out
}

impl Ribbon {
    /// A text's sides with a point every `step` pixels, the mean of both lengths deciding how many; `None` for an
    /// outline of fewer than four distinct vertices.
    pub fn new(outline: &[Point], orientation_thr: f64, step: f64) -> Option<Self> {
        let Sides { top, bottom } = sides(&distinct(outline), orientation_thr)?;
        let length = |line: &[Point]| line.windows(2).map(|w| distance(w[0], w[1])).sum::<f64>();
        let steps = (length(&top) + length(&bottom)) / 2.0 / step;
        let n = (steps as usize).clamp(1, MOST_POINTS) + 1;
        let top = resample_line(&top, n);
        let mut bottom = resample_line(&bottom, n);
        bottom.reverse();
        let centre =
            top.iter().zip(&bottom).map(|(a, b)| Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0)).collect();
        Some(Self { top, bottom, centre })
    }

    /// Turns the ribbon so that it runs to the right, or downwards where it is steeper than `steep`.
    pub(crate) fn along_reading(mut self, steep: f64) -> Self {
        let way = sub(self.centre[self.centre.len() - 1], self.centre[0]);
        let backwards = if slope(way) > steep { way.y < 0.0 } else { way.x < 0.0 };
        if backwards {
            for line in [&mut self.top, &mut self.bottom, &mut self.centre] {
                line.reverse();
            }
        }
        self
    }

    /// Drops points at both ends, where three or more stay.
    pub(crate) fn shortened(mut self, head: usize, tail: usize) -> Self {
        let n = self.centre.len();
        if n > head.saturating_add(tail).saturating_add(2) {
            for line in [&mut self.top, &mut self.bottom, &mut self.centre] {
                line.truncate(n - tail);
                line.drain(..head);
            }
        }
        self
    }

    /// How many points of `step` pixels a quarter of the height takes at the head and at the tail.
    pub(crate) fn quarters(&self, step: f64) -> (usize, usize) {
        let last = self.centre.len() - 1;
        let at = |i: usize| ((distance(self.top[i], self.bottom[i]) / 4.0) / step).floor() as usize;
        (at(0), at(last))
    }

    /// The piece between points `i` and `i + 1`, its height multiplied by `ratio`: top left, top right, bottom right,
    /// bottom left, cut to whole pixels.
    pub(crate) fn piece(&self, i: usize, ratio: f64) -> [glyphic_imgproc::Pixel; 4] {
        let near = |line: &[Point], i: usize| {
            let (c, p) = (self.centre[i], line[i]);
            [(c.x + (p.x - c.x) * ratio) as i32, (c.y + (p.y - c.y) * ratio) as i32]
        };
        [near(&self.top, i), near(&self.top, i + 1), near(&self.bottom, i + 1), near(&self.bottom, i)]
    }

    /// The number of pieces.
    pub(crate) fn pieces(&self) -> usize {
        self.centre.len().saturating_sub(1)
    }

    /// The middles of the top and the bottom of piece `i`.
    pub(crate) fn middles(&self, i: usize) -> (Point, Point) {
        let middle =
            |line: &[Point]| Point::new((line[i].x + line[i + 1].x) / 2.0, (line[i].y + line[i + 1].y) / 2.0);
        (middle(&self.top), middle(&self.bottom))
    }

    /// The way from point `i` of the centre line to the next.
    pub(crate) fn way(&self, i: usize) -> Point {
        sub(self.centre[i + 1], self.centre[i])
    }
}
