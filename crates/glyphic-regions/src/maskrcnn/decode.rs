//! From anchors to proposals, from proposals to boxes, from masks to outlines, on plain slices.

use glyphic_core::geometry::signed_area;
use glyphic_core::{DropReason, Region};
use glyphic_imgproc::{Approximation, Map, Retrieval, find_contours, points};
use serde::{Deserialize, Serialize};

use super::boxes::{MaskAnchorConfig, Rect, anchors, moved, non_maximum_suppression};
use crate::maps::sigmoid;
use crate::outline::region;
use crate::{Maps, MaskOutline, Result};

/// What the deltas of boxes are multiplied by.
pub const BOX_SPREAD: [f32; 4] = [0.1, 0.1, 0.2, 0.2];

/// Which anchors become proposals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskProposalConfig {
    /// Of a level no more anchors are compared, those of the best scores.
    pub per_level: usize,
    /// Of two proposals of a level that overlap by more than this (intersection over union, 0 to 1) the better one stays.
    pub overlap_threshold: f32,
    /// No more proposals are looked at, those of the best scores.
    pub most: usize,
}

impl Default for MaskProposalConfig {
    /// MMOCR's.
    fn default() -> Self {
        Self { per_level: 1000, overlap_threshold: 0.7, most: 1000 }
    }
}

/// What is done where MMOCR 0.2.1 goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskRule {
    /// Of a mask in several pieces the polygon is the largest one's.
    #[default]
    Right,
    /// It is the lowest one's.
    Mmocr021,
}

/// Which proposals become regions, and their outlines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskDecodeConfig {
    /// Boxes whose probability of text is not above this are dropped, 0 to 1.
    pub min_score: f32,
    /// Of two boxes that overlap by more than this (intersection over union, 0 to 1) the better one stays.
    pub overlap_threshold: f32,
    /// No more regions are returned, those of the best scores.
    pub max_regions: usize,
    /// A pixel belongs to a mask from this probability on, 0 to 1.
    pub mask_threshold: f32,
    /// The outline returned.
    pub outline: MaskOutline,
    /// What is done where the reference goes wrong.
    pub rule: MaskRule,
}

impl Default for MaskDecodeConfig {
    /// MMOCR's values for its quadrilaterals.
    fn default() -> Self {
        Self {
            min_score: 0.05,
            overlap_threshold: 0.5,
            max_regions: 100,
            mask_threshold: 0.5,
            outline: MaskOutline::Quad,
            rule: MaskRule::Right,
        }
    }
}

/// What is said of a level's anchors.
#[derive(Debug, Clone, Copy)]
pub struct RpnLevel<'a> {
    /// Logits `[anchors, h, w]`.
    pub scores: Maps<'a>,
    /// How they are moved, `[4 * anchors, h, w]`.
    pub deltas: Maps<'a>,
    /// Pixels of the network's picture a pixel of the level.
    pub stride: usize,
}

impl MaskProposalConfig {
    /// The proposals of all levels in a picture of `size` `[width, height]`, best first, with their scores.
    ///
    /// # Errors
    /// [`crate::Error::MapCount`] where maps and anchors do not go together, [`crate::Error::MapSizes`] where the maps of a
    /// level differ in size.
    pub fn propose(
        &self,
        levels: &[RpnLevel<'_>],
        shape: &MaskAnchorConfig,
        size: [usize; 2],
    ) -> Result<Vec<(Rect, f32)>> {
        let mut proposals = Vec::new();
        for level in levels {
            proposals.extend(self.of_level(level, shape, size)?);
        }
        // Of equal scores the first.
        proposals.sort_by(|a: &(Rect, f32), b| b.1.total_cmp(&a.1));
        proposals.truncate(self.most);
        Ok(proposals)
    }

    fn of_level(
        &self,
        level: &RpnLevel<'_>,
        shape: &MaskAnchorConfig,
        size: [usize; 2],
    ) -> Result<Vec<(Rect, f32)>> {
        let RpnLevel { scores, deltas, stride } = level;
        let count = shape.ratios.len();
        scores.expect("Mask R-CNN's anchors", count)?;
        deltas.expect("Mask R-CNN's deltas", 4 * count)?;
        let (width, height) = (scores.width(), scores.height());
        if (deltas.width(), deltas.height()) != (width, height) {
            let sizes = [[width, height], [deltas.width(), deltas.height()]];
            return Err(crate::Error::MapSizes { sizes });
        }
        // As the anchors lie: by pixel, then by ratio.
        let logits: Vec<f32> =
            (0..width * height).flat_map(|at| (0..count).map(move |a| scores.channel(a)[at])).collect();
        let mut order: Vec<usize> = (0..logits.len()).filter(|&i| !logits[i].is_nan()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        order.truncate(self.per_level);
        let all = anchors([height, width], *stride, shape.scale, &shape.ratios);
        let boxes: Vec<Rect> = order
            .iter()
            .map(|&i| {
                let (at, anchor) = (i / count, i % count);
                let deltas = std::array::from_fn(|k| deltas.channel(4 * anchor + k)[at]);
                moved(all[i], deltas, [1.0; 4], size)
            })
            .collect();
        let scores: Vec<f32> = order.iter().map(|&i| sigmoid(logits[i])).collect();
        let has_area = |rect: &Rect| rect[2] > rect[0] && rect[3] > rect[1];
        let (boxes, scores): (Vec<Rect>, Vec<f32>) =
            boxes.into_iter().zip(scores).filter(|(rect, _)| has_area(rect)).unzip();
        let kept = non_maximum_suppression(&boxes, &scores, self.overlap_threshold, usize::MAX);
        Ok(kept.into_iter().map(|i| (boxes[i], scores[i])).collect())
    }
}

/// A mask in its box.
#[derive(Debug, Clone, Copy)]
pub struct InstanceMask<'a> {
    /// Logits, `[side, side]`.
    pub logits: &'a [f32],
    /// Rows and columns.
    pub side: usize,
    /// The box, in pixels of the picture.
    pub rect: Rect,
    /// How sure it is that there is text in it.
    pub score: f32,
}

impl MaskDecodeConfig {
    /// The boxes that stay, best first, with their scores, and the number of those beyond the limit: from proposals, logits
    /// `[proposals, 2]` of text and of background, and deltas `[proposals, 4]`, in a picture of `size` `[width, height]`.
    pub fn boxes(
        &self,
        proposals: &[Rect],
        logits: &[f32],
        deltas: &[f32],
        size: [usize; 2],
    ) -> (Vec<(Rect, f32)>, usize) {
        let said = logits.chunks_exact(2).zip(deltas.chunks_exact(4));
        let (boxes, scores): (Vec<Rect>, Vec<f32>) = proposals
            .iter()
            .zip(said)
            .map(|(rect, (logits, deltas))| {
                let deltas = std::array::from_fn(|i| deltas[i]);
                (moved(*rect, deltas, BOX_SPREAD, size), sigmoid(logits[0] - logits[1]))
            })
            .filter(|(_, score)| *score > self.min_score)
            .unzip();
        let kept = non_maximum_suppression(&boxes, &scores, self.overlap_threshold, usize::MAX);
        let too_many = kept.len().saturating_sub(self.max_regions);
        (kept.into_iter().take(self.max_regions).map(|i| (boxes[i], scores[i])).collect(), too_many)
    }

    /// The outline of a mask in a picture of `size` `[width, height]`.
    ///
    /// # Errors
    /// [`crate::Error::Map`] for a mask too large to be drawn.
    pub fn outline(&self, mask: &InstanceMask<'_>, size: [usize; 2]) -> Result<Result<Region, DropReason>> {
        let InstanceMask { logits, side, rect, score } = *mask;
        let span = |axis: usize| {
            let low = (rect[axis].floor() - 1.0).max(0.0) as usize;
            let high = ((rect[axis + 2].ceil() + 1.0).max(0.0) as usize).min(size[axis]);
            (low, high.saturating_sub(low))
        };
        let ((left, width), (top, height)) = (span(0), span(1));
        if width == 0 || height == 0 || side == 0 || logits.len() != side * side {
            return Ok(Err(DropReason::NoOutline));
        }
        let probabilities: Vec<f32> = logits.iter().map(|v| sigmoid(*v)).collect();
        // Where a pixel lies in the mask: the two rows or columns about it, and how far it is from the first.
        let place = |axis: usize, pixel: usize| {
            let length = rect[axis + 2] - rect[axis];
            ((pixel as f32 + 0.5 - rect[axis]) / length) * side as f32 - 0.5
        };
        let taps = |v: f32| {
            let low = v.floor();
            let inside = |at: f32| (at >= 0.0 && at < side as f32).then_some(at as usize);
            [(inside(low), low + 1.0 - v), (inside(low + 1.0), v - low)]
        };
        let columns: Vec<_> = (left..left + width).map(|x| taps(place(0, x))).collect();
        let mut values = Vec::with_capacity(width * height);
        for y in top..top + height {
            let rows = taps(place(1, y));
            values.extend(columns.iter().map(|columns| {
                let mut sum = 0.0;
                for (row, down) in rows {
                    for (column, along) in columns {
                        if let (Some(row), Some(column)) = (row, column) {
                            sum += probabilities[row * side + column] * down * along;
                        }
                    }
                }
                u8::from(sum >= self.mask_threshold && sum > 0.0)
            }));
        }
        let mask = Map::new(width, height, values)?;
        let outline = match (self.outline, self.rule) {
            (MaskOutline::Polygon, MaskRule::Right) => {
                let contours = find_contours(&mask, Retrieval::External, Approximation::Simple);
                let pieces = contours.into_iter().map(|contour| points(&contour.points));
                let size = |piece: &Vec<glyphic_core::Point>| signed_area(piece).abs();
                pieces.max_by(|a, b| size(a).total_cmp(&size(b))).filter(|piece| piece.len() >= 4)
            }
            (outline, _) => outline.trace(&mask),
        };
        let origin = [left as f64, top as f64];
        Ok(outline
            .ok_or(DropReason::NoOutline)
            .and_then(|outline| region(outline, origin, [1.0, 1.0], f64::from(score))))
    }
}
