//! The union of a closed path with itself, on integer coordinates: Vatti's sweep (1992) as Clipper 6.4.2 runs it.
//!
//! The targets and decoders of text detection are defined by Clipper's results to the pixel: where it rounds
//! intersections, which piece comes first, which vertex a piece begins with. No crate at hand gives them: Clipper2 cuts
//! intersections instead of rounding them, `i_overlay` snaps edges to them, and bindings to Clipper6 need a C++ compiler.
//! So this is that algorithm, for the one operation needed here: one set of closed paths, one fill rule.
//!
//! Derived from Clipper 6.4.2, copyright Angus Johnson 2010-2017, under the Boost Software License 1.0 (see
//! LICENSE-BSL-1.0.txt in this folder).

mod bounds;
mod rings;
mod sweep;

use sweep::Sweep;

/// A vertex on the integer grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vertex {
    pub(super) x: i64,
    pub(super) y: i64,
}

/// No index.
const NONE: usize = usize::MAX;

/// Signed area, positive for clockwise order on the screen.
pub(super) fn area(vertices: &[Vertex]) -> f64 {
    let n = vertices.len();
    let doubled: f64 = (0..n)
        .map(|i| (vertices[(i + n - 1) % n], vertices[i]))
        .map(|(a, b)| (a.x as f64 + b.x as f64) * (a.y as f64 - b.y as f64))
        .sum();
    -doubled / 2.0
}

/// The pieces of the plane around which the closed path winds at least once in the positive sense; holes run against
/// their outlines.
///
/// A shrunk path is taken as holes in a frame around it, so that what turned inside out stays outside: the frame is no
/// part of the result.
pub(super) fn positive_union(path: Vec<Vertex>, growing: bool) -> Vec<Vec<Vertex>> {
    let mut sweep = Sweep::new(if growing { 1 } else { -1 });
    sweep.add_path(&path);
    if growing {
        return sweep.run(false);
    }
    const MARGIN: i64 = 10;
    let Some([low, high]) = sweep.bounds() else { return Vec::new() };
    let (left, right) = (low.x - MARGIN, high.x + MARGIN);
    let (top, bottom) = (low.y - MARGIN, high.y + MARGIN);
    let frame = [(left, bottom), (right, bottom), (right, top), (left, top)];
    sweep.add_path(&frame.map(|(x, y)| Vertex { x, y }));
    let mut pieces = sweep.run(true);
    if !pieces.is_empty() {
        pieces.remove(0);
    }
    pieces
}

/// Half away from zero.
fn round(v: f64) -> i64 {
    if v < 0.0 { (v - 0.5) as i64 } else { (v + 0.5) as i64 }
}

/// Whether the lines a-b and c-d are parallel.
fn parallel(a: Vertex, b: Vertex, c: Vertex, d: Vertex) -> bool {
    (a.y - b.y) * (c.x - d.x) == (a.x - b.x) * (c.y - d.y)
}

/// Whether three vertices lie on a line.
fn collinear(a: Vertex, b: Vertex, c: Vertex) -> bool {
    parallel(a, b, b, c)
}
