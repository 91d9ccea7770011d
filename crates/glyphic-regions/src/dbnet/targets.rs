//! Targets of DBNet: shrunk texts, and a band around their outlines that peaks on them.
//!
//! Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020,
//! <https://arxiv.org/abs/1911.08947>. Equals MMOCR 0.2.1's `DBNetTargets`, but for [`BorderDistance`].

use glyphic_core::geometry::{min_area_rect, offset, perimeter, signed_area};
use glyphic_core::{Page, Point};
use glyphic_imgproc::{Map, Pixel, fill_poly, pixels, points};
use serde::{Deserialize, Serialize};

use crate::targets::Outlines;
use crate::{Error, Result};

/// How far a pixel is from a side of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BorderDistance {
    /// The distance to the side.
    #[default]
    Segment,
    /// MMOCR 0.2.1's: outside of the circle over the side, the distance to the nearer of its ends. Too large beside
    /// the middle of a side that is shorter than the band is wide.
    NearestEnd,
}

/// How DBNet's targets are drawn. The default holds the paper's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbnetTargets {
    /// Ratio r of shrinking: outlines move by area * (1 - r²) / perimeter. Above 0, below 1.
    pub shrink_ratio: f64,
    /// The threshold map away from texts.
    pub thr_min: f32,
    /// The threshold map on the outlines.
    pub thr_max: f32,
    /// Texts whose smallest rectangle has a side below this, in pixels, are ignored.
    pub min_short_size: f64,
    /// Distance to the outlines.
    pub border_distance: BorderDistance,
    /// What a pixel between neighbours counts in the loss of the probability map, where the grown texts of two overlap;
    /// 1 or more. Such pixels are few, and they alone keep words apart (as in U-Net, Ronneberger et al. 2015).
    pub gap_weight: u8,
}

impl Default for DbnetTargets {
    fn default() -> Self {
        Self {
            shrink_ratio: 0.4,
            thr_min: 0.3,
            thr_max: 0.7,
            min_short_size: 8.0,
            border_distance: BorderDistance::Segment,
            gap_weight: 1,
        }
    }
}

/// DBNet's target maps of `len` pictures, each map `[len, height, width]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DbnetMaps {
    /// Number of pictures.
    pub len: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Shrunk texts: 0 outside, else 1 + the index of the text among those drawn (255 from the 255th on).
    pub shrink: Vec<u8>,
    /// 0 where ignored texts stand, else 1; between neighbours the `gap_weight`.
    pub shrink_mask: Vec<u8>,
    /// Threshold: `thr_max` on the outlines, falling to `thr_min` at the distance by which texts are shrunk.
    pub thr: Vec<f32>,
    /// 1 inside the grown texts, where the threshold is learnt, else 0.
    pub thr_mask: Vec<u8>,
}

impl DbnetMaps {
    /// Maps of no picture yet, with room for `len` of them.
    pub fn with_capacity(len: usize, height: usize, width: usize) -> Self {
        let n = len * height * width;
        Self {
            len: 0,
            height,
            width,
            shrink: Vec::with_capacity(n),
            shrink_mask: Vec::with_capacity(n),
            thr: Vec::with_capacity(n),
            thr_mask: Vec::with_capacity(n),
        }
    }
}

/// The maps of one picture while they are painted.
pub struct Canvas {
    shrink: Map<u8>,
    shrink_mask: Map<u8>,
    thr_mask: Map<u8>,
    /// There once gaps were asked for: maps that nobody needs cost their pages of memory.
    gaps: Option<Gaps>,
}

/// Where grown texts overlap.
struct Gaps {
    /// One text grown.
    grown: Map<u8>,
    marked: Map<u8>,
}

impl Gaps {
    fn new(width: usize, height: usize) -> Self {
        Self { grown: blank(Vec::new(), width, height), marked: blank(Vec::new(), width, height) }
    }
}

impl Canvas {
    /// A canvas of this size.
    ///
    /// # Panics
    /// Where a side is 0.
    pub fn new(width: usize, height: usize) -> Self {
        Self::over(DbnetMaps::default(), width, height)
    }

    /// A canvas in the memory of maps that are not needed any more.
    fn over(old: DbnetMaps, width: usize, height: usize) -> Self {
        Self {
            shrink: blank(old.shrink, width, height),
            shrink_mask: blank(old.shrink_mask, width, height),
            thr_mask: blank(old.thr_mask, width, height),
            gaps: None,
        }
    }
}

/// A map to be painted over: what stands in it is of no meaning.
fn blank(mut memory: Vec<u8>, width: usize, height: usize) -> Map<u8> {
    resize(&mut memory, width * height);
    Map::new(width, height, memory).expect("maps have pixels")
}

/// Makes memory of a length; values that will be painted over are left as they are, and where there are too few, new
/// memory is taken as zeros, which the system has for nothing.
fn resize<T: Clone + Default>(memory: &mut Vec<T>, len: usize) {
    if memory.capacity() < len {
        *memory = vec![T::default(); len];
    } else {
        memory.resize(len, T::default());
    }
}

impl DbnetTargets {
    /// Whether the values can be drawn with.
    ///
    /// # Errors
    /// [`Error::Setup`].
    pub fn check(&self) -> Result<()> {
        let fail = |reason: String| Err(Error::Setup { what: "DBNet targets", reason });
        if !(self.shrink_ratio > 0.0 && self.shrink_ratio < 1.0) {
            return fail(format!("shrink_ratio is {}, it must be above 0 and below 1", self.shrink_ratio));
        }
        if !(0.0 <= self.thr_min && self.thr_min < self.thr_max && self.thr_max <= 1.0) {
            return fail(format!(
                "thr_min is {} and thr_max {}, they must rise within 0 and 1",
                self.thr_min, self.thr_max
            ));
        }
        if self.gap_weight == 0 {
            return fail("gap_weight is 0, it must be at least 1".to_owned());
        }
        Ok(())
    }

    /// The maps of one page, of its size.
    ///
    /// # Errors
    /// As for [`DbnetTargets::maps_of`].
    pub fn maps(&self, page: &Page) -> Result<DbnetMaps> {
        self.maps_of(&Outlines::from(page))
    }

    /// The maps of plain outlines.
    ///
    /// # Errors
    /// [`Error::Setup`] for values that [`DbnetTargets`] does not allow and for a picture without pixels,
    /// [`Error::Outline`] for an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn maps_of(&self, outlines: &Outlines) -> Result<DbnetMaps> {
        let mut maps = DbnetMaps::default();
        self.maps_into(outlines, &mut maps)?;
        Ok(maps)
    }

    /// [`DbnetTargets::maps_of`] in the memory of earlier maps: fresh maps of 640 x 640 pixels cost more than painting them,
    /// for the system has to find and clear the memory first.
    ///
    /// # Errors
    /// As for [`DbnetTargets::maps_of`]; `maps` are then as they were.
    pub fn maps_into(&self, outlines: &Outlines, maps: &mut DbnetMaps) -> Result<()> {
        self.check()?;
        outlines.check("DBNet targets")?;
        let (width, height) = (outlines.width, outlines.height);
        let mut thr = std::mem::take(&mut maps.thr);
        resize(&mut thr, width * height);
        let mut canvas = Canvas::over(std::mem::take(maps), width, height);
        let texts = outlines.texts.iter().map(|t| (t.as_slice(), false));
        self.paint(texts.chain(outlines.ignored.iter().map(|t| (t.as_slice(), true))), &mut canvas, &mut thr);
        *maps = DbnetMaps {
            len: 1,
            height,
            width,
            shrink: canvas.shrink.into_data(),
            shrink_mask: canvas.shrink_mask.into_data(),
            thr,
            thr_mask: canvas.thr_mask.into_data(),
        };
        Ok(())
    }

    /// Adds the maps of `page` to `maps`, painted on a canvas of the same size.
    pub fn draw(&self, page: &Page, canvas: &mut Canvas, maps: &mut DbnetMaps) {
        let from = maps.thr.len();
        maps.thr.resize(from + maps.width * maps.height, 0.0);
        let texts = page.instances.iter().map(|t| (t.region.polygon.points(), t.ignore));
        self.paint(texts, canvas, &mut maps.thr[from..]);
        maps.shrink.extend_from_slice(canvas.shrink.data());
        maps.shrink_mask.extend_from_slice(canvas.shrink_mask.data());
        maps.thr_mask.extend_from_slice(canvas.thr_mask.data());
        maps.len += 1;
    }

    /// Paints the maps of texts, each with whether it is ignored, over whatever the canvas held.
    fn paint<'a>(
        &self,
        texts: impl Iterator<Item = (&'a [Point], bool)>,
        canvas: &mut Canvas,
        thr: &mut [f32],
    ) {
        let Canvas { shrink, shrink_mask, thr_mask, gaps } = canvas;
        let mut gaps = (self.gap_weight > 1)
            .then(|| gaps.get_or_insert_with(|| Gaps::new(thr_mask.width(), thr_mask.height())));
        if let Some(gaps) = &mut gaps {
            gaps.marked.data_mut().fill(0);
        }
        shrink.data_mut().fill(0);
        shrink_mask.data_mut().fill(1);
        thr_mask.data_mut().fill(0);
        thr.fill(self.thr_min);
        let mut index = 0usize;
        for (outline, ignored) in texts {
            let whole = pixels(outline);
            let kernel = (!ignored && !self.too_small(outline, &points(&whole))).then(|| {
                index += 1;
                self.shrunk(&points(&whole))
            });
            match kernel.flatten() {
                Some(kernel) => {
                    fill_poly(shrink, &pixels(&kernel), index.min(255) as u8);
                    self.draw_border(outline, thr, thr_mask, |area, window, thr_mask| {
                        if let Some(gaps) = &mut gaps {
                            mark_overlap(area, window, thr_mask, gaps);
                        }
                    });
                }
                None => fill_poly(shrink_mask, &whole, 0),
            }
        }
        if let Some(gaps) = gaps {
            let weights = shrink_mask.data_mut().iter_mut();
            for ((weight, gap), kernel) in weights.zip(gaps.marked.data()).zip(shrink.data()) {
                if *gap == 1 && *kernel == 0 && *weight == 1 {
                    *weight = self.gap_weight;
                }
            }
        }
    }

    /// Whether a text is not learnt: it is too small, or nothing is left of it once it has shrunk.
    pub fn ignores(&self, outline: &[Point]) -> bool {
        let whole = points(&pixels(outline));
        self.too_small(outline, &whole) || self.shrunk(&whole).is_none()
    }

    fn too_small(&self, outline: &[Point], whole: &[Point]) -> bool {
        signed_area(outline).abs() < 1.0
            || min_area_rect(whole).is_none_or(|r| r.width.min(r.height) < self.min_short_size)
    }

    /// The text made smaller; `None` where nothing is left of it.
    fn shrunk(&self, whole: &[Point]) -> Option<Vec<Point>> {
        let area = signed_area(whole).abs();
        let distance = area * (1.0 - self.shrink_ratio * self.shrink_ratio) / (perimeter(whole) + 0.001);
        let first = offset(whole, -(distance + 0.5).trunc()).into_iter().next()?;
        (first.len() > 2).then_some(first)
    }

    /// `before` sees the grown text, its window and the mask without it.
    fn draw_border(
        &self,
        points: &[Point],
        thr: &mut [f32],
        thr_mask: &mut Map<u8>,
        before: impl FnOnce(&[Pixel], Window, &Map<u8>),
    ) {
        let (width, height) = (thr_mask.width(), thr_mask.height());
        let area = signed_area(points).abs();
        let distance = area * (1.0 - self.shrink_ratio * self.shrink_ratio) / perimeter(points);
        let Some(grown) = offset(points, distance).into_iter().next() else { return };
        let area = pixels(&grown);
        let bounds = grown.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
            [b[0].min(p.x), b[1].min(p.y), b[2].max(p.x), b[3].max(p.y)]
        });
        let Some(canvas) = Window::new(bounds, width, height) else { return };
        before(&area, canvas, thr_mask);
        fill_poly(thr_mask, &area, 1);
        for (i, a) in points.iter().enumerate() {
            let b = points[(i + 1) % points.len()];
            // Pixels further from this side than the band is wide cannot be in it.
            let near = [
                a.x.min(b.x) - distance,
                a.y.min(b.y) - distance,
                a.x.max(b.x) + distance,
                a.y.max(b.y) + distance,
            ];
            let window = Window::new(near, width, height).and_then(|near| canvas.common(near));
            if let Some(window) = window {
                let side = Side::new(*a, b, self.border_distance);
                self.draw_side(&side, distance as f32, thr, width, window);
            }
        }
    }

    /// Raises the threshold map towards one side of a text.
    fn draw_side(&self, side: &Side, distance: f32, thr: &mut [f32], width: usize, window: Window) {
        let (peak, slope) = (self.thr_max, (self.thr_max - self.thr_min) / distance);
        for y in window.y0..=window.y1 {
            let row = &mut thr[y * width + window.x0..=y * width + window.x1];
            for (x, value) in row.iter_mut().enumerate() {
                let square = side.square((window.x0 + x) as f32, y as f32);
                *value = value.max(peak - slope * square.sqrt());
            }
        }
    }
}

/// Marks where a grown text covers others' (`covered`).
fn mark_overlap(area: &[Pixel], window: Window, covered: &Map<u8>, gaps: &mut Gaps) {
    let Gaps { grown, marked } = gaps;
    for y in window.y0..=window.y1 {
        grown.row_mut(y)[window.x0..=window.x1].fill(0);
    }
    fill_poly(grown, area, 1);
    for y in window.y0..=window.y1 {
        let x = window.x0..=window.x1;
        let rows = grown.row(y)[x.clone()].iter().zip(&covered.row(y)[x.clone()]);
        for (gap, (own, other)) in marked.row_mut(y)[x].iter_mut().zip(rows) {
            *gap |= own & other;
        }
    }
}

/// A side of a text, to measure distances from.
struct Side {
    start: [f32; 2],
    along: [f32; 2],
    square: f32,
    inverse: f32,
    nearest_end: bool,
}

impl Side {
    fn new(a: Point, b: Point, distance: BorderDistance) -> Self {
        let start = [a.x as f32, a.y as f32];
        let along = [b.x as f32 - start[0], b.y as f32 - start[1]];
        let square = along[0] * along[0] + along[1] * along[1];
        let inverse = if square > 0.0 { 1.0 / square } else { 0.0 };
        Self { start, along, square, inverse, nearest_end: distance == BorderDistance::NearestEnd }
    }

    /// The square of the distance from (x, y).
    #[inline]
    fn square(&self, x: f32, y: f32) -> f32 {
        let ([ex, ey], px, py) = (self.along, x - self.start[0], y - self.start[1]);
        let foot = ((px * ex + py * ey) * self.inverse).clamp(0.0, 1.0);
        let (dx, dy) = (px - foot * ex, py - foot * ey);
        let near = dx * dx + dy * dy;
        if self.nearest_end {
            let (a, b) = (px * px + py * py, (px - ex) * (px - ex) + (py - ey) * (py - ey));
            return if a + b > self.square { a.min(b) } else { near };
        }
        near
    }
}

/// Whole pixels, both ends included.
#[derive(Debug, Clone, Copy)]
struct Window {
    x0: usize,
    y0: usize,
    x1: usize,
    y1: usize,
}

impl Window {
    /// The pixels within `[x0, y0, x1, y1]` on a canvas; `None` where there are none.
    fn new(bounds: [f64; 4], width: usize, height: usize) -> Option<Self> {
        let [x0, y0, x1, y1] = bounds;
        let (x0, y0) = (x0.ceil().max(0.0), y0.ceil().max(0.0));
        let (x1, y1) = (x1.floor().min(width as f64 - 1.0), y1.floor().min(height as f64 - 1.0));
        (x0 <= x1 && y0 <= y1).then_some(Self {
            x0: x0 as usize,
            y0: y0 as usize,
            x1: x1 as usize,
            y1: y1 as usize,
        })
    }

    /// What both hold; `None` where they are apart.
    fn common(self, other: Self) -> Option<Self> {
        let w = Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        };
        (w.x0 <= w.x1 && w.y0 <= w.y1).then_some(w)
    }
}

#[cfg(test)]
mod tests;
