//! Upright boxes: anchors, how they are moved, and which of those that overlap stay.

use serde::{Deserialize, Serialize};

/// A box: left, top, right, bottom in pixels.
pub type Rect = [f32; 4];

/// The most that a box is enlarged or shrunk by, as the logarithm of a ratio.
const MOST_SCALE: f64 = 4.135_166_556_742_356; // ln(1000 / 16)

/// Anchors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskAnchorConfig {
    /// The side of a square of an anchor's area, in pixels of its level.
    pub scale: f64,
    /// Height over width of each anchor of a pixel.
    pub ratios: Vec<f64>,
}

impl Default for MaskAnchorConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { scale: 4.0, ratios: vec![0.17, 0.44, 1.13, 2.9, 7.46] }
    }
}

/// The anchors of a level `[height, width]` whose pixels are `stride` pixels of the picture, pixel by pixel in rows, at
/// each the ratios of height to width in their order. Their area is that of a square of `scale` strides.
pub fn anchors([height, width]: [usize; 2], stride: usize, scale: f64, ratios: &[f64]) -> Vec<Rect> {
    let side = stride as f64 * scale;
    let shapes: Vec<[f32; 2]> = ratios
        .iter()
        .map(|ratio| {
            let tall = (*ratio as f32).sqrt();
            [side as f32 / tall / 2.0, side as f32 * tall / 2.0]
        })
        .collect();
    let places = (0..height).flat_map(|y| (0..width).map(move |x| [x, y].map(|v| (v * stride) as f32)));
    places.flat_map(|[x, y]| shapes.iter().map(move |[w, h]| [x - w, y - h, x + w, y + h])).collect()
}

/// A box moved by what a network says (x and y in its sides, width and height as logarithms, each times `spread`), cut to a
/// picture of `size` `[width, height]`.
pub(super) fn moved(rect: Rect, deltas: [f32; 4], spread: [f32; 4], size: [usize; 2]) -> Rect {
    let [left, top, right, bottom] = rect.map(f64::from);
    let deltas: [f64; 4] = std::array::from_fn(|i| f64::from(deltas[i] * spread[i]));
    let axis = |low: f64, high: f64, shift: f64, scale: f64, limit: usize| {
        let side = high - low;
        let centre = (low + high) / 2.0 + side * shift;
        let half = side * scale.clamp(-MOST_SCALE, MOST_SCALE).exp() / 2.0;
        [centre - half, centre + half].map(|v| v.clamp(0.0, limit as f64) as f32)
    };
    let [left, right] = axis(left, right, deltas[0], deltas[2], size[0]);
    let [top, bottom] = axis(top, bottom, deltas[1], deltas[3], size[1]);
    [left, top, right, bottom]
}

fn area(rect: &Rect) -> f32 {
    (rect[2] - rect[0]) * (rect[3] - rect[1])
}

/// Intersection over union, 0 where both are empty.
pub(super) fn overlap(a: &Rect, b: &Rect) -> f32 {
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let both = side(0) * side(1);
    let all = area(a) + area(b) - both;
    if all > 0.0 { both / all } else { 0.0 }
}

/// The boxes that stay, best score first: of two that overlap by more than `threshold` the better one, at most `most`. Of
/// equal scores the first is the better. Boxes whose score or sides are no numbers are dropped.
pub(super) fn non_maximum_suppression(
    boxes: &[Rect],
    scores: &[f32],
    threshold: f32,
    most: usize,
) -> Vec<usize> {
    let sound = |i: &usize| !scores[*i].is_nan() && boxes[*i].iter().all(|v| v.is_finite());
    let mut order: Vec<usize> = (0..boxes.len().min(scores.len())).filter(sound).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        if kept.len() >= most {
            break;
        }
        if kept.iter().all(|k| overlap(&boxes[*k], &boxes[i]) <= threshold) {
            kept.push(i);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_moves_by_its_own_sides_and_stays_in_the_picture() {
        let rect = [10.0, 20.0, 30.0, 30.0];
        assert_eq!(moved(rect, [0.0; 4], [1.0; 4], [100, 100]), rect);
        assert_eq!(moved(rect, [0.5, -1.0, 0.0, 0.0], [1.0; 4], [100, 100]), [20.0, 10.0, 40.0, 20.0]);
        let doubled = moved(rect, [0.0, 0.0, 2f32.ln(), 0.0], [1.0; 4], [35, 100]);
        assert!((doubled[0], doubled[2]) == (0.0, 35.0), "{doubled:?}");
        assert!(moved(rect, [f32::NAN, 0.0, 1e30, 1e30], [1.0; 4], [50, 50])[3] == 50.0);
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [20.0, 0.0, 30.0, 10.0], [f32::NAN; 4]];
        let scores = [0.5, 0.9, 0.1, 1.0];
        assert_eq!(non_maximum_suppression(&boxes, &scores, 0.5, 10), [1, 2]);
        assert_eq!(non_maximum_suppression(&boxes, &scores, 0.9, 10), [1, 0, 2]);
        assert_eq!(non_maximum_suppression(&boxes, &scores, 0.9, 1), [1]);
        assert_eq!(overlap(&[0.0; 4], &[0.0; 4]), 0.0);
    }
}
