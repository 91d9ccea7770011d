use super::Point;

mod union;

use union::{Vertex, positive_union};

/// The least distance between an arc and its chords, in pixels: Clipper's default.
const ARC_TOLERANCE: f64 = 0.25;

/// Moves the closed outline outwards by `distance` pixels (inwards where it is negative), with rounded corners.
///
/// Coordinates are cut to integers first, and the result has integer coordinates, as in the Vatti/Clipper6 offset that
/// DBNet's unclipping and PSENet's kernels are defined by (`pyclipper`, JT_ROUND, ET_CLOSEDPOLYGON): the same pieces in
/// the same order with the same vertices. An outline may fall apart into several pieces when it shrinks, or vanish; holes
/// that open while it grows come as pieces of negative [`super::signed_area`].
///
/// Coordinates must be finite and below 2^30; none is returned otherwise, nor for fewer than three distinct vertices.
pub fn offset(outline: &[Point], distance: f64) -> Vec<Vec<Point>> {
    const LIMIT: f64 = (1u64 << 30) as f64;
    let fits = |v: f64| v.is_finite() && v.abs() < LIMIT;
    if !fits(distance) || !outline.iter().all(|p| fits(p.x) && fits(p.y)) {
        return Vec::new();
    }
    let vertices = distinct(outline.iter().map(|p| Vertex { x: p.x as i64, y: p.y as i64 }));
    if vertices.len() < 3 {
        return Vec::new();
    }
    let moved = move_outline(oriented(vertices), distance);
    positive_union(moved, distance > 0.0)
        .into_iter()
        .map(|piece| piece.into_iter().map(|v| Point::new(v.x as f64, v.y as f64)).collect())
        .collect()
}

/// Without repeated neighbours, the last and the first included.
fn distinct(vertices: impl Iterator<Item = Vertex>) -> Vec<Vertex> {
    let mut out: Vec<Vertex> = Vec::new();
    let all: Vec<Vertex> = vertices.collect();
    let end = all.iter().rposition(|v| *v != all[0]).map_or(1, |i| i + 1);
    for v in all.into_iter().take(end) {
        if out.last() != Some(&v) {
            out.push(v);
        }
    }
    out
}

fn oriented(mut vertices: Vec<Vertex>) -> Vec<Vertex> {
    if union::area(&vertices) < 0.0 {
        vertices.reverse();
    }
    vertices
}

/// Half away from zero.
fn round(v: f64) -> i64 {
    if v < 0.0 { (v - 0.5) as i64 } else { (v + 0.5) as i64 }
}

/// The outline with each edge moved along its normal and arcs at the corners that open; it may cross itself.
fn move_outline(vertices: Vec<Vertex>, distance: f64) -> Vec<Vertex> {
    use std::f64::consts::{PI, TAU};
    if distance.abs() < 1e-20 {
        return vertices;
    }
    let tolerance = ARC_TOLERANCE.min(distance.abs() * 0.25);
    let steps = (PI / (1.0 - tolerance / distance.abs()).acos()).min(distance.abs() * PI);
    let (sin, cos) = ((TAU / steps).sin(), (TAU / steps).cos());
    let sin = if distance < 0.0 { -sin } else { sin };
    let steps_per_radian = steps / TAU;

    let n = vertices.len();
    let normals: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let (a, b) = (vertices[i], vertices[(i + 1) % n]);
            let (dx, dy) = ((b.x - a.x) as f64, (b.y - a.y) as f64);
            let scale = 1.0 / (dx * dx + dy * dy).sqrt();
            [dy * scale, -(dx * scale)]
        })
        .collect();
    let mut out = Vec::with_capacity(n * 4);
    let mut previous = n - 1;
    for i in 0..n {
        let at = |normal: [f64; 2]| Vertex {
            x: round(vertices[i].x as f64 + normal[0] * distance),
            y: round(vertices[i].y as f64 + normal[1] * distance),
        };
        let (before, after) = (normals[previous], normals[i]);
        let cross = before[0] * after[1] - after[0] * before[1];
        let dot = before[0] * after[0] + before[1] * after[1];
        if (cross * distance).abs() < 1.0 && dot > 0.0 {
            // An almost straight corner moves along the older normal, which also stays the older one for the next corner:
            // so the reference does it.
            out.push(at(before));
            continue;
        }
        let cross = cross.clamp(-1.0, 1.0);
        if cross * distance < 0.0 {
            out.extend([at(before), vertices[i], at(after)]);
        } else {
            let angle = cross.atan2(dot);
            let [mut x, mut y] = before;
            for _ in 0..round(steps_per_radian * angle.abs()).max(1) {
                out.push(at([x, y]));
                (x, y) = (x * cos - sin * y, x * sin + y * cos);
            }
            out.push(at(after));
        }
        previous = i;
    }
    out
}
