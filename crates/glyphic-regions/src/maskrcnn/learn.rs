//! What Mask R-CNN learns from: boxes of the texts, which anchors and proposals stand for which, and masks, on plain slices.

use glyphic_core::geometry::point_in_polygon;
use glyphic_core::{Page, Point};
use serde::{Deserialize, Serialize};

use super::boxes::{Rect, overlap};
use crate::random::{GOLDEN, mix};

/// The texts of a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MaskTargets {
    /// Boxes of the texts.
    pub boxes: Vec<Rect>,
    /// Their outlines.
    pub outlines: Vec<Vec<Point>>,
    /// Boxes of texts that neither reward nor punish.
    pub ignored: Vec<Rect>,
    /// Where the random choice of anchors starts.
    pub seed: u64,
}

impl MaskTargets {
    /// The texts of a page. `seed` decides which anchors are learnt from.
    pub fn new(page: &Page, seed: u64) -> Self {
        let mut targets = Self { seed, ..Self::default() };
        for text in &page.instances {
            let points = text.region.polygon.points();
            let edge = |pick: fn(f64, f64) -> f64, axis: fn(&Point) -> f64, limit: u32| {
                let value = points.iter().map(axis).reduce(pick).unwrap_or(0.0);
                value.clamp(0.0, f64::from(limit)) as f32
            };
            let rect = [
                edge(f64::min, |p| p.x, page.width),
                edge(f64::min, |p| p.y, page.height),
                edge(f64::max, |p| p.x, page.width),
                edge(f64::max, |p| p.y, page.height),
            ];
            if rect[2] <= rect[0] || rect[3] <= rect[1] {
                continue;
            }
            if text.ignore {
                targets.ignored.push(rect);
            } else {
                targets.boxes.push(rect);
                targets.outlines.push(points.to_vec());
            }
        }
        targets
    }
}

/// What is done where MMOCR 0.2.1's loss goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskLossRule {
    /// Boxes in ignored texts are not learnt from.
    #[default]
    Right,
    /// They are background.
    Mmocr021,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// The text of this number.
    For(usize),
    /// None.
    Background,
    /// Nothing is learnt from it.
    Undecided,
}

/// From which overlaps on boxes stand for texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlaps {
    /// For the text that a box overlaps most, from this on.
    pub positive: f32,
    /// For none, below this.
    pub negative: f32,
    /// A text's best boxes stand for it from this on.
    pub least: f32,
}

impl Overlaps {
    /// Anchors.
    pub const ANCHORS: Self = Self { positive: 0.7, negative: 0.3, least: 0.3 };

    /// Proposals.
    pub const PROPOSALS: Self = Self { positive: 0.5, negative: 0.5, least: 0.5 };

    /// What each box stands for. By the right rule nothing is learnt from those of which half or more lies in an ignored text.
    pub fn assign(&self, boxes: &[Rect], targets: &MaskTargets, rule: MaskLossRule) -> Vec<Stands> {
        let texts = &targets.boxes;
        let mut best_of_text = vec![0.0f32; texts.len()];
        let mut stands = Vec::with_capacity(boxes.len());
        for rect in boxes {
            let mut best = (0.0f32, None);
            for (t, text) in texts.iter().enumerate() {
                let iou = overlap(rect, text);
                best_of_text[t] = best_of_text[t].max(iou);
                if best.1.is_none() || iou > best.0 {
                    best = (iou, Some(t));
                }
            }
            stands.push(match best {
                (iou, Some(text)) if iou >= self.positive => Stands::For(text),
                (iou, _) if iou < self.negative => Stands::Background,
                _ => Stands::Undecided,
            });
        }
        for (t, text) in texts.iter().enumerate().filter(|(t, _)| best_of_text[*t] >= self.least) {
            for (rect, stands) in boxes.iter().zip(&mut stands) {
                if overlap(rect, text) == best_of_text[t] {
                    *stands = Stands::For(t);
                }
            }
        }
        if rule == MaskLossRule::Right {
            for (rect, stands) in boxes.iter().zip(&mut stands) {
                let covered = |ignored: &Rect| share_inside(rect, ignored) >= 0.5;
                if *stands == Stands::Background && targets.ignored.iter().any(covered) {
                    *stands = Stands::Undecided;
                }
            }
        }
        stands
    }
}

/// The share of a box that lies in another.
fn share_inside(rect: &Rect, other: &Rect) -> f32 {
    let side = |axis: usize| (rect[axis + 2].min(other[axis + 2]) - rect[axis].max(other[axis])).max(0.0);
    let area = (rect[2] - rect[0]) * (rect[3] - rect[1]);
    if area > 0.0 { side(0) * side(1) / area } else { 0.0 }
}

/// Boxes that are learnt from: those that stand for texts, and background.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chosen {
    /// Numbers of boxes with those of their texts.
    pub positives: Vec<(usize, usize)>,
    /// Numbers of boxes.
    pub negatives: Vec<usize>,
}

/// The hardest boxes: at most `share` of `count` that stand for texts, and background for the rest. `hardness` is told a
/// box's number; of equal ones the first is the harder.
pub fn choose(stands: &[Stands], count: usize, share: f64, hardness: impl Fn(usize) -> f64) -> Chosen {
    let of = |is: fn(&Stands) -> bool| -> Vec<usize> {
        let mut all: Vec<usize> = (0..stands.len()).filter(|&i| is(&stands[i])).collect();
        all.sort_by(|a, b| hardness(*b).total_cmp(&hardness(*a)));
        all
    };
    let mut positives = of(|s| matches!(s, Stands::For(_)));
    positives.truncate((count as f64 * share) as usize);
    let mut negatives = of(|s| *s == Stands::Background);
    negatives.truncate(count - positives.len());
    let text = |i: usize| match stands[i] {
        Stands::For(text) => Some((i, text)),
        _ => None,
    };
    Chosen { positives: positives.into_iter().filter_map(text).collect(), negatives }
}

/// A number for each box that orders boxes at random, the same for the same seed.
pub fn shuffled(seed: u64) -> impl Fn(usize) -> f64 {
    move |i| (mix(seed.wrapping_add((i as u64).wrapping_mul(GOLDEN))) >> 11) as f64
}

/// How a box is moved to another: the inverse of what a network says of an anchor or a proposal.
pub fn deltas(from: &Rect, to: &Rect, spread: [f32; 4]) -> [f32; 4] {
    let axis = |axis: usize| {
        let (low, side) = (from[axis], (from[axis + 2] - from[axis]).max(1e-6));
        let (to_low, to_side) = (to[axis], (to[axis + 2] - to[axis]).max(1e-6));
        let shift = (to_low + to_side / 2.0 - low - side / 2.0) / side;
        (shift / spread[axis], (to_side / side).ln() / spread[axis + 2])
    };
    let ((x, width), (y, height)) = (axis(0), axis(1));
    [x, y, width, height]
}

/// The mask of a text in a box, `[side, side]`: 1 where a cell's centre lies inside the outline.
pub fn mask_in(outline: &[Point], rect: &Rect, side: usize) -> Vec<f32> {
    let at = |axis: usize, i: usize| {
        f64::from(rect[axis]) + (i as f64 + 0.5) * f64::from(rect[axis + 2] - rect[axis]) / side as f64
    };
    let cell = |y: usize, x: usize| point_in_polygon(Point::new(at(0, x), at(1, y)), outline);
    (0..side).flat_map(|y| (0..side).map(move |x| f32::from(u8::from(cell(y, x))))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maskrcnn::boxes::moved;

    fn targets() -> MaskTargets {
        MaskTargets {
            boxes: vec![[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 90.0]],
            ignored: vec![[100.0, 0.0, 120.0, 20.0]],
            ..MaskTargets::default()
        }
    }

    #[test]
    fn boxes_stand_for_what_they_overlap_and_each_text_has_its_best() {
        let boxes = [
            [0.0, 0.0, 10.0, 9.0],
            [0.0, 0.0, 10.0, 5.0],
            [50.0, 50.0, 60.0, 66.0],
            [200.0, 0.0, 210.0, 10.0],
            [101.0, 1.0, 119.0, 19.0],
        ];
        let got = Overlaps::ANCHORS.assign(&boxes, &targets(), MaskLossRule::Right);
        use Stands::{Background, For, Undecided};
        assert_eq!(got, [For(0), Undecided, For(1), Background, Undecided]);
        let got = Overlaps::ANCHORS.assign(&boxes, &targets(), MaskLossRule::Mmocr021);
        assert_eq!(got[4], Background);
        let chosen = choose(&got, 3, 0.5, |i| i as f64);
        assert_eq!((chosen.positives, chosen.negatives), (vec![(2, 1)], vec![4, 3]));
    }

    #[test]
    fn deltas_lead_from_one_box_to_the_other() {
        let (from, to) = ([10.0, 20.0, 30.0, 60.0], [12.0, 10.0, 50.0, 40.0]);
        let spread = [0.1, 0.1, 0.2, 0.2];
        let back = moved(from, deltas(&from, &to, spread), spread, [100, 100]);
        assert!(back.iter().zip(to).all(|(a, b)| (a - b).abs() < 1e-4), "{back:?}");
    }

    #[test]
    fn a_mask_is_the_part_of_the_outline_in_the_box() {
        let outline = [(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0)].map(|(x, y)| Point::new(x, y));
        assert_eq!(mask_in(&outline, &[0.0, 0.0, 4.0, 4.0], 2), [1.0, 1.0, 0.0, 0.0]);
    }
}
