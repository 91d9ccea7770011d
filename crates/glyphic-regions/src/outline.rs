//! From pixels to outlines.

use glyphic_core::geometry::{Point, Polygon, min_area_rect, order_quad};
use glyphic_core::{Detected, DropReason, Region};
use glyphic_imgproc::{Approximation, Map, Pixel, Retrieval, find_contours, points};
use serde::{Deserialize, Serialize};

/// The outline that a detection gets. Its vertices lie at the centres of the outermost pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskOutline {
    /// The border of its pixels, without the vertices inside straight runs.
    #[default]
    Polygon,
    /// The rectangle of least area around its pixels, at any angle: four vertices, the top-left one first.
    Quad,
}

/// A polygon of fewer vertices is no text.
const MIN_VERTICES: usize = 4;

/// Pixels with labels, inside a frame one pixel wide, so that neighbours need no bounds test.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// 0 for background.
    pub values: Vec<u32>,
    pub width: usize,
    pub height: usize,
}

impl Labels {
    pub(crate) fn new(map: &Map<u32>) -> Self {
        let (width, height) = (map.width(), map.height());
        let mut labels = Self { values: vec![0; (width + 2) * (height + 2)], width, height };
        for y in 0..height {
            let start = labels.at(0, y);
            labels.values[start..start + width].copy_from_slice(map.row(y));
        }
        labels
    }

    /// Where pixel (x, y) stands.
    pub(crate) fn at(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride() + x + 1
    }

    pub(crate) fn stride(&self) -> usize {
        self.width + 2
    }

    /// The values of a map inside a frame of zeros.
    pub(crate) fn framed(&self, values: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut framed = vec![0; self.values.len()];
        let rows = framed.chunks_exact_mut(self.stride()).skip(1).take(self.height);
        let pixels = rows.flat_map(|row| &mut row[1..=self.width]);
        for (pixel, value) in pixels.zip(values) {
            *pixel = value;
        }
        framed
    }

    /// Spreads labels to pixels beside them, nearest first, and of equally near ones those of the pixels that joined
    /// first. `queue` holds the pixels to spread from, and afterwards all that joined as well; `steps` the order in which
    /// neighbours are visited. A pixel joins where `joins(label, pixel)`, which must be false in the frame.
    pub(crate) fn spread(
        &mut self,
        queue: &mut Vec<usize>,
        steps: [isize; 4],
        mut joins: impl FnMut(u32, usize) -> bool,
    ) {
        let mut next = 0;
        while next < queue.len() {
            let from = queue[next];
            next += 1;
            let label = self.values[from];
            for step in steps {
                let to = from.wrapping_add_signed(step);
                if self.values[to] == 0 && joins(label, to) {
                    self.values[to] = label;
                    queue.push(to);
                }
            }
        }
    }

    /// The labelled pixels beside which a pixel of the framed `mask` has no label, row by row.
    pub(crate) fn frontier(&self, mask: &[u8]) -> Vec<usize> {
        let stride = self.stride();
        let open = |at: usize| mask[at] != 0 && self.values[at] == 0;
        (stride..self.values.len() - stride)
            .filter(|&i| self.values[i] != 0)
            .filter(|&i| open(i - 1) || open(i + 1) || open(i - stride) || open(i + stride))
            .collect()
    }

    /// The labelled regions as detections, label 1 first: those of at least `min_area` pixels whose mean of
    /// `score(pixel)`, a pixel counted without the frame, is at least `min_score`. The others are counted; a label without a
    /// pixel is one that was too small to be one.
    pub(crate) fn regions(
        &self,
        count: usize,
        keep: &RegionFilter,
        scale: [f64; 2],
        score: impl Fn(usize) -> f32,
    ) -> Detected {
        let empty = Extent { area: 0, score: 0.0, x: [usize::MAX, 0], y: [usize::MAX, 0] };
        let mut extents = vec![empty; count];
        for y in 0..self.height {
            let row = &self.values[self.at(0, y)..][..self.width];
            for (x, label) in row.iter().enumerate().filter(|(_, label)| **label != 0) {
                let extent = &mut extents[*label as usize - 1];
                extent.area += 1;
                extent.score += f64::from(score(y * self.width + x));
                extent.x = [extent.x[0].min(x), extent.x[1].max(x)];
                extent.y = [extent.y[0].min(y), extent.y[1].max(y)];
            }
        }
        let region = |(i, extent): (usize, &Extent)| {
            let score = extent.score / extent.area as f64;
            if extent.area == 0 || extent.area < keep.min_area {
                return Err(DropReason::TooSmall);
            }
            // NaN is no score.
            if score.is_nan() || score < keep.min_score {
                return Err(DropReason::LowScore);
            }
            let [left, right] = extent.x;
            let mut mask = Vec::with_capacity((right - left + 1) * (extent.y[1] - extent.y[0] + 1));
            for y in extent.y[0]..=extent.y[1] {
                let row = &self.values[self.at(left, y)..=self.at(right, y)];
                mask.extend(row.iter().map(|label| u8::from(*label as usize == i + 1)));
            }
            let mask = Map::new(right - left + 1, extent.y[1] - extent.y[0] + 1, mask).ok();
            let outline = mask.and_then(|mask| keep.outline.trace(&mask)).ok_or(DropReason::NoOutline)?;
            region(outline, [left as f64, extent.y[0] as f64], scale, score)
        };
        collect(extents.iter().enumerate().map(region))
    }
}

/// Which labelled regions are detections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegionFilter {
    pub min_area: usize,
    pub min_score: f64,
    pub outline: MaskOutline,
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    area: usize,
    score: f64,
    /// First and last column.
    x: [usize; 2],
    /// First and last row.
    y: [usize; 2],
}

impl MaskOutline {
    /// The outline of a mask in one piece, in its pixels; `None` where it has too few vertices.
    pub(crate) fn trace(self, mask: &Map<u8>) -> Option<Vec<Point>> {
        match self {
            Self::Polygon => {
                let contours = find_contours(mask, Retrieval::External, Approximation::Simple);
                let border = contours.first().filter(|c| c.points.len() >= MIN_VERTICES)?;
                Some(points(&border.points))
            }
            Self::Quad => {
                // Of each row the ends decide, in the order in which all pixels would come.
                let mut ends: Vec<Pixel> = Vec::with_capacity(2 * mask.height());
                for y in 0..mask.height() {
                    let row = mask.row(y);
                    let first = row.iter().position(|v| *v != 0);
                    let last = row.iter().rposition(|v| *v != 0);
                    ends.extend(first.map(|x| [x as i32, y as i32]));
                    ends.extend(last.filter(|_| first != last).map(|x| [x as i32, y as i32]));
                }
                Some(order_quad(min_area_rect(&points(&ends))?.corners).to_vec())
            }
        }
    }
}

/// Candidates that are regions, in their order, and the number of the others.
pub fn collect(candidates: impl Iterator<Item = Result<Region, DropReason>>) -> Detected {
    let mut detected = Detected::default();
    for candidate in candidates {
        match candidate {
            Ok(region) => detected.regions.push(region),
            Err(reason) => detected.dropped.add(reason),
        }
    }
    detected
}

/// A detection in pixels of the picture from an outline that begins at `origin` in pixels of the map; none where that has no
/// area, or the score is no number.
pub(crate) fn region(
    mut outline: Vec<Point>,
    origin: [f64; 2],
    scale: [f64; 2],
    score: f64,
) -> Result<Region, DropReason> {
    if score.is_nan() {
        return Err(DropReason::LowScore);
    }
    for p in &mut outline {
        *p = Point::new((p.x + origin[0]) * scale[0], (p.y + origin[1]) * scale[1]);
    }
    let polygon = Polygon::new(outline).map_err(|_| DropReason::NoOutline)?;
    Ok(Region { polygon, score: score as f32 })
}
