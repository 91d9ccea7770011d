use glyphic_core::Point;
use glyphic_core::geometry::sort_clockwise;
use pyo3::prelude::*;

use crate::error::GlyphicError;
use crate::mmocr::{flat, points};

/// Least and greatest of every second number, from the first (x) or the second (y) on.
fn range(numbers: &[f64], first: usize) -> (f64, f64) {
    let every = || numbers[first..].iter().step_by(2).copied();
    (every().fold(f64::INFINITY, f64::min), every().fold(f64::NEG_INFINITY, f64::max))
}

fn checked(numbers: &[f64]) -> PyResult<()> {
    if numbers.len() >= 2 && numbers.len().is_multiple_of(2) && numbers.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    let message = format!("a box has finite numbers x, y, x, y, ..., not {numbers:?}");
    Err(GlyphicError::new_err(message))
}

fn same_line(a: &[f64], b: &[f64], min_overlap: Option<f64>) -> bool {
    let (a, b) = (range(a, 1), range(b, 1));
    let (upper, lower) = if a.0 > b.0 { (b, a) } else { (a, b) };
    if lower.0 > upper.1 {
        return false;
    }
    min_overlap.is_none_or(|ratio| {
        let overlap = lower.1.min(upper.1) - lower.0;
        overlap >= (upper.1 - upper.0) * ratio || overlap >= (lower.1 - lower.0) * ratio
    })
}

/// Whether the heights of two boxes overlap by this share of either; by anything where there is no share.
#[pyfunction]
#[pyo3(signature = (box_a, box_b, min_y_overlap_ratio))]
pub(crate) fn is_on_same_line(
    box_a: Vec<f64>,
    box_b: Vec<f64>,
    min_y_overlap_ratio: Option<f64>,
) -> PyResult<bool> {
    checked(&box_a)?;
    checked(&box_b)?;
    Ok(same_line(&box_a, &box_b, min_y_overlap_ratio))
}

/// Groups boxes into lines from left to right: the indices of each line's boxes and `x0, y0, x1, y1` around them.
#[pyfunction]
#[pyo3(signature = (boxes, max_x_dist, min_y_overlap_ratio))]
pub(crate) fn stitch_boxes_into_lines(
    boxes: Vec<Vec<f64>>,
    max_x_dist: f64,
    min_y_overlap_ratio: Option<f64>,
) -> PyResult<Vec<(Vec<usize>, [f64; 4])>> {
    boxes.iter().try_for_each(|b| checked(b))?;
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| range(&boxes[a], 0).0.total_cmp(&range(&boxes[b], 0).0));
    let mut taken = vec![false; boxes.len()];
    let mut lines = Vec::new();
    for (i, &first) in order.iter().enumerate() {
        if taken[first] {
            continue;
        }
        let mut line = vec![first];
        for &next in &order[i + 1..] {
            let last = line[line.len() - 1];
            if !taken[next] && same_line(&boxes[last], &boxes[next], min_y_overlap_ratio) {
                taken[next] = true;
                line.push(next);
            }
        }
        let apart = |a: &usize, b: &usize| range(&boxes[*b], 0).0 - range(&boxes[*a], 0).1 > max_x_dist;
        lines.extend(line.chunk_by(|a, b| !apart(a, b)).map(<[usize]>::to_vec));
    }
    let around = |line: &[usize], first: usize| {
        let ranges = line.iter().map(|&i| range(&boxes[i], first));
        ranges.fold((f64::INFINITY, f64::NEG_INFINITY), |all, r| (all.0.min(r.0), all.1.max(r.1)))
    };
    let bounds = |line: &[usize]| {
        let ((x0, x1), (y0, y1)) = (around(line, 0), around(line, 1));
        [x0, y0, x1, y1]
    };
    Ok(lines.into_iter().map(|line| (line.clone(), bounds(&line))).collect())
}

/// Vertices clockwise on the screen from the one nearest to the corner of their bounding box, in single precision.
#[pyfunction]
pub(crate) fn sort_vertices(numbers: Vec<f64>) -> PyResult<Vec<f32>> {
    checked(&numbers)?;
    Ok(flat(&sort_clockwise(&points(&numbers)?)).into_iter().map(|v| v as f32).collect())
}

/// Points clockwise on the screen around their mean, from the first one that lies left of it and above (or level with) it.
#[pyfunction]
pub(crate) fn sort_points(numbers: Vec<f64>) -> PyResult<Vec<f64>> {
    checked(&numbers)?;
    let mut sorted = points(&numbers)?;
    let n = sorted.len() as f64;
    let centre = sorted.iter().fold(Point::default(), |c, p| Point::new(c.x + p.x / n, c.y + p.y / n));
    let angle = |p: &Point| (p.y - centre.y).atan2(p.x - centre.x);
    sorted.sort_by(|a, b| angle(a).total_cmp(&angle(b)));
    Ok(flat(&sorted))
}

/// The outline between two cubic Bezier curves of four points each: `samples` points along the first, then as many along
/// the second.
#[pyfunction]
pub(crate) fn bezier_points(controls: Vec<f64>, samples: usize) -> PyResult<Vec<f64>> {
    checked(&controls)?;
    if controls.len() != 16 || !(2..=10_000).contains(&samples) {
        let message = format!(
            "two cubic curves have 16 numbers and 2 to 10000 samples, not {} and {samples}",
            controls.len()
        );
        return Err(GlyphicError::new_err(message));
    }
    let mut outline = Vec::with_capacity(4 * samples);
    for curve in controls.as_chunks::<8>().0 {
        for k in 0..samples {
            let t = k as f64 / (samples - 1) as f64;
            let s = 1.0 - t;
            let weights = [s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t];
            for axis in 0..2 {
                outline.push((0..4).map(|i| weights[i] * curve[2 * i + axis]).sum());
            }
        }
    }
    Ok(outline)
}
