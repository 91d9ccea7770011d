//! Where the boxes of a page stand to each other: rows and reading order, also where the page lies askew.

use glyphic_core::{Page, Point, Rect};

/// Boxes share a row where they overlap in height by more than this share of the lower one.
const ROW_OVERLAP: f64 = 0.5;

/// Rows belong to one block up to this distance, in heights of the lower one.
const BLOCK_GAP: f64 = 1.0;

/// Boxes in the frame of their text: x runs along it, y down.
pub(super) struct Layout {
    boxes: Vec<Rect>,
}

impl Layout {
    pub(super) fn of(page: &Page) -> Self {
        let slope = slope(page);
        let bounds = |points: &[Point]| {
            let mut bounds = Rect { x0: f64::MAX, y0: f64::MAX, x1: f64::MIN, y1: f64::MIN };
            for p in points {
                let y = p.y - slope * p.x;
                bounds.x0 = bounds.x0.min(p.x);
                bounds.x1 = bounds.x1.max(p.x);
                bounds.y0 = bounds.y0.min(y);
                bounds.y1 = bounds.y1.max(y);
            }
            bounds
        };
        Self { boxes: page.instances.iter().map(|i| bounds(i.region.polygon.points())).collect() }
    }

    /// Boxes that share a row, from top to bottom, each row from left to right.
    pub(super) fn rows(&self, boxes: &[usize]) -> Vec<Vec<usize>> {
        let middle = |i: usize| (self.boxes[i].y0 + self.boxes[i].y1) / 2.0;
        let mut sorted = boxes.to_vec();
        sorted.sort_by(|a, b| middle(*a).total_cmp(&middle(*b)));
        let mut rows: Vec<Vec<usize>> = Vec::new();
        for i in sorted {
            match rows.iter_mut().rev().find(|row| share_row(&self.boxes[row[0]], &self.boxes[i])) {
                Some(row) => row.push(i),
                None => rows.push(vec![i]),
            }
        }
        for row in &mut rows {
            row.sort_by(|a, b| self.boxes[*a].x0.total_cmp(&self.boxes[*b].x0));
        }
        rows
    }

    /// Boxes row by row.
    pub(super) fn in_order(&self, boxes: &[usize]) -> Vec<usize> {
        self.rows(boxes).concat()
    }

    /// Boxes in blocks of rows that follow each other closely.
    pub(super) fn blocks(&self, boxes: &[usize]) -> Vec<Vec<usize>> {
        let mut blocks: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for row in self.rows(boxes) {
            match blocks.last_mut() {
                Some((block, last)) if self.are_near(last, &row) => {
                    block.extend(&row);
                    *last = row;
                }
                _ => blocks.push((row.clone(), row)),
            }
        }
        blocks.into_iter().map(|(block, _)| block).collect()
    }

    /// Whether a row follows another closely.
    pub(super) fn are_near(&self, above: &[usize], below: &[usize]) -> bool {
        let (Some(a), Some(b)) = (above.first(), below.first()) else { return false };
        let (a, b) = (&self.boxes[*a], &self.boxes[*b]);
        b.y0 - a.y1 <= BLOCK_GAP * a.height().min(b.height())
    }

    /// The other boxes of a box's row to the right of it, from left to right.
    pub(super) fn right_of(&self, i: usize) -> Vec<usize> {
        self.beside(i, |own, other| other > own)
    }

    /// The other boxes of a box's row to the left of it, from left to right.
    pub(super) fn left_of(&self, i: usize) -> Vec<usize> {
        self.beside(i, |own, other| other < own)
    }

    fn beside(&self, i: usize, wanted: fn(f64, f64) -> bool) -> Vec<usize> {
        let own = &self.boxes[i];
        let middle = |b: &Rect| (b.x0 + b.x1) / 2.0;
        let fits = |j: &usize| {
            let other = &self.boxes[*j];
            *j != i && wanted(middle(own), middle(other)) && share_row(own, other)
        };
        let mut found: Vec<usize> = (0..self.boxes.len()).filter(fits).collect();
        found.sort_by(|a, b| self.boxes[*a].x0.total_cmp(&self.boxes[*b].x0));
        found
    }
}

fn share_row(a: &Rect, b: &Rect) -> bool {
    a.y1.min(b.y1) - a.y0.max(b.y0) > ROW_OVERLAP * a.height().min(b.height())
}

/// Slopes that are tried where outlines show none: more would take a row for its neighbour.
const STEEPEST: f64 = 0.06;
const SLOPE_STEP: f64 = 0.005;

/// Boxes that are looked at for that.
const LOOKED_AT: usize = 300;

/// How much text falls per pixel to the right. Where outlines are upright rectangles, as much OCR has them, the slope at which
/// most boxes stand beside each other.
fn slope(page: &Page) -> f64 {
    match slope_of_outlines(page) {
        0.0 => slope_of_rows(page),
        slope => slope,
    }
}

fn slope_of_rows(page: &Page) -> f64 {
    let boxes: Vec<Rect> = page.instances.iter().take(LOOKED_AT).map(|i| i.region.polygon.bounds()).collect();
    // Distances of boxes that are far apart, and how exactly they must agree.
    let mut pairs: Vec<(f64, f64, f64)> = Vec::new();
    for (k, a) in boxes.iter().enumerate() {
        for b in &boxes[k + 1..] {
            let height = a.height().min(b.height());
            let (dx, dy) = ((b.x0 + b.x1 - a.x0 - a.x1) / 2.0, (b.y0 + b.y1 - a.y0 - a.y1) / 2.0);
            if height > 0.0 && dx.abs() > 3.0 * height && dy.abs() < STEEPEST * dx.abs() + height {
                pairs.push((dx, dy, height));
            }
        }
    }
    let aligned = |slope: f64| {
        let share =
            |(dx, dy, height): &(f64, f64, f64)| (1.0 - (dy - slope * dx).abs() / (0.4 * height)).max(0.0);
        pairs.iter().map(share).sum::<f64>()
    };
    let steps = (STEEPEST / SLOPE_STEP).round() as i32;
    let mut best = (0.0, aligned(0.0));
    for step in (1..=steps).flat_map(|step| [step, -step]) {
        let slope = f64::from(step) * SLOPE_STEP;
        let score = aligned(slope);
        // As much as is seen without a slope is there by chance.
        if score > 1.1 * best.1 {
            best = (slope, score);
        }
    }
    best.0
}

/// The median slope over boxes of four corners at least twice as wide as high, each counting by its width.
fn slope_of_outlines(page: &Page) -> f64 {
    let mut slopes: Vec<(f64, f64)> = Vec::new();
    for instance in &page.instances {
        let [a, b, _, d] = instance.region.polygon.points() else { continue };
        let (width, height) = ((b.x - a.x).hypot(b.y - a.y), (d.x - a.x).hypot(d.y - a.y));
        // Text that runs up, down or backwards says nothing of rows.
        if width > 2.0 * height && b.x - a.x > (b.y - a.y).abs() {
            slopes.push(((b.y - a.y) / (b.x - a.x), width));
        }
    }
    slopes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = slopes.iter().map(|(_, width)| width).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    let median = slopes.iter().find(|(_, width)| {
        seen += width;
        seen >= half
    });
    median.map_or(0.0, |(slope, _)| *slope)
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Polygon, Region, TextInstance};

    use super::*;

    fn page(boxes: &[[f64; 8]]) -> Page {
        let mut page = Page::new(600, 600);
        for corners in boxes {
            let polygon = Polygon::from_flat(corners).unwrap();
            page.instances.push(TextInstance::new(Region { polygon, score: 1.0 }));
        }
        page
    }

    /// A box of 60 x 20 pixels whose text falls by `slope`.
    fn askew(x: f64, y: f64, slope: f64) -> [f64; 8] {
        let fall = 60.0 * slope;
        [x, y, x + 60.0, y + fall, x + 60.0, y + fall + 20.0, x, y + 20.0]
    }

    #[test]
    fn rows_of_a_page_that_lies_askew_follow_its_text() {
        // Two rows 25 pixels apart that fall by 0.1: at 400 pixels to the right the first is below the second's beginning.
        let boxes =
            [askew(10., 10., 0.1), askew(400., 49., 0.1), askew(10., 35., 0.1), askew(400., 74., 0.1)];
        let layout = Layout::of(&page(&boxes));
        assert_eq!(layout.rows(&[0, 1, 2, 3]), [[0, 1], [2, 3]]);
        assert_eq!(layout.in_order(&[3, 2, 1, 0]), [0, 1, 2, 3]);
        assert_eq!(layout.right_of(2), [3]);
        assert!(layout.right_of(1).is_empty());
        assert_eq!(layout.left_of(1), [0]);
    }

    #[test]
    fn upright_boxes_of_a_page_that_lies_askew_show_its_slope_by_their_places() {
        // Eight rows of three columns, 24 pixels apart, that fall by 0.04: 14 pixels from the first column to the last.
        let mut boxes = Vec::new();
        for row in 0..8 {
            for x in [10., 150., 360.] {
                boxes.push(askew(x, 20.0 + 24.0 * f64::from(row) + 0.04 * x, 0.0));
            }
        }
        let page = page(&boxes);
        assert!((slope(&page) - 0.04).abs() < 0.006, "{}", slope(&page));
        let rows = Layout::of(&page).rows(&(0..24).collect::<Vec<_>>());
        assert!(rows.iter().enumerate().all(|(k, row)| *row == [3 * k, 3 * k + 1, 3 * k + 2]), "{rows:?}");
    }

    #[test]
    fn blocks_end_at_a_wide_gap() {
        let boxes = [askew(10., 10., 0.), askew(10., 35., 0.), askew(10., 200., 0.)];
        assert_eq!(Layout::of(&page(&boxes)).blocks(&[0, 1, 2]), [vec![0, 1], vec![2]]);
        assert!(Layout::of(&page(&[])).rows(&[]).is_empty());
    }

    #[test]
    fn boxes_without_area_are_rows_of_their_own() {
        let layout = Layout { boxes: vec![Rect { x0: 10., y0: 10., x1: 60., y1: 10. }; 2] };
        assert_eq!(layout.rows(&[0, 1]).len(), 2);
        assert!(layout.right_of(0).is_empty());
    }
}
