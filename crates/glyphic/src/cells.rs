//! Cells that rules close: the letters of a form's boxes, one in each, and single characters in the cells of a table. Rules
//! on all sides hide them from a detector, and draw them apart for the eye.

use glyphic_core::{CharSpan, Image, Point, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_imgproc::{Component, Components, Connectivity, Map, connected_components};

/// The ground differs from what is drawn on it by more than this, of 255.
const CONTRAST: i32 = 60;

/// A picture is a page where so much of it is ground.
const GROUND: f64 = 0.6;

/// Sides of a cell without its rules, in pixels, and of one that is looked into.
const SIDES: std::ops::RangeInclusive<usize> = 10..=10_000;
const LOOKED_INTO: usize = 600;

/// Larger pictures than of so many pixels, of which each takes five bytes, are looked at in bands. Bands share so many rows;
/// higher cells of such pictures are not found.
const BAND: usize = 16_000_000;
const SHARED: usize = 2_002;

/// The ground runs along this share of a cell's edge.
const CLOSED: f64 = 0.98;

/// What is drawn in a cell is so high at least, in heights of the cell and in pixels.
const LEAST_HEIGHT: f64 = 0.2;
const LEAST_PIXELS: usize = 7;

/// A character is at most this many times wider than high.
const WIDEST: f64 = 1.6;

/// Boxes for single letters: so many of them with something in them, at most this wide by their height, their sizes within this
/// share of each other, and the rules between them at most this thick, in heights.
const BOXES: usize = 3;
const BOX_ASPECT: f64 = 1.6;
const BOX_SIZES: f64 = 0.2;
const BOX_GAP: f64 = 0.2;

/// Around a letter that is moved beside its neighbour, and above and below it, in heights of the letters.
const BESIDE: f64 = 0.12;
const ABOVE: f64 = 0.15;

/// Ground on either side of a character in a cell, in its heights, that is read with it; a stroke alone needs room.
const AROUND: f64 = 0.12;
const LEAST_WIDTH: f64 = 0.6;

/// A cell of the ground, closed by rules, with what is drawn in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// Without its rules.
    pub(crate) inside: Rect,
    /// Around what is drawn.
    pub(crate) ink: Rect,
}

/// Cells of a row that touch, a letter in each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comb(pub(crate) Vec<Cell>);

/// What rules close on a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Closed {
    /// All cells without their rules, in reading order.
    pub(crate) all: Vec<Rect>,
    /// Those with something small in them.
    pub(crate) drawn: Vec<Cell>,
}

/// The cells of a page. None in pictures that are no dark print on light ground.
pub(crate) fn find(image: &Image) -> Closed {
    in_bands(image, BAND)
}

/// As [`find`]; a picture of more pixels than these is looked at in bands of about so many, which share rows.
fn in_bands(image: &Image, pixels: usize) -> Closed {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let luma = |p: &[u8]| (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2])) / 1000;
    let mut counts = [0_usize; 256];
    image.rgb().chunks_exact(3).for_each(|p| counts[luma(p) as usize] += 1);
    let mut seen = 0;
    let median = counts.iter().position(|count| {
        seen += count;
        seen > width * height / 2
    });
    let least = median.unwrap_or(0) as i32 - CONTRAST;
    let lighter = |v: u32| v as i32 > least;
    let ground: usize = (0..256).filter(|v| lighter(*v)).map(|v| counts[v as usize]).sum();
    if least <= 0 || (ground as f64) < GROUND * (width * height) as f64 {
        return Closed::default();
    }
    let own = if width * height <= pixels { height } else { (pixels / width).max(SHARED) };
    let mut found = Closed::default();
    for start in (0..height).step_by(own.max(1)) {
        let rows = (own + SHARED).min(height - start);
        let band = &image.rgb()[3 * width * start..3 * width * (start + rows)];
        let ground = band.chunks_exact(3).map(|p| u8::from(lighter(luma(p)))).collect();
        let Ok(ground) = Map::new(width, rows, ground) else { break };
        let Components { labels, list } = connected_components(&ground, Connectivity::Four);
        let last = start + rows == height;
        // Those that begin further down are the next band's.
        for (component, label) in list.iter().zip(1..).filter(|(component, _)| last || component.y0 <= own) {
            if let Some(inside) = closed(&labels, component, label) {
                let moved = |r: Rect| Rect { y0: r.y0 + start as f64, y1: r.y1 + start as f64, ..r };
                found.all.push(moved(inside));
                let ink = drawn(&labels, component, label);
                found.drawn.extend(ink.map(|ink| Cell { inside: moved(inside), ink: moved(ink) }));
            }
        }
        if last {
            break;
        }
    }
    found
}

/// The cells as outlines on the page.
pub(crate) fn outlines(cells: &Closed) -> Vec<Polygon> {
    cells.all.iter().filter_map(|cell| Polygon::from_rect(*cell).ok()).collect()
}

fn rect(x0: usize, y0: usize, x1: usize, y1: usize) -> Rect {
    Rect { x0: x0 as f64, y0: y0 as f64, x1: (x1 + 1) as f64, y1: (y1 + 1) as f64 }
}

/// A piece of the ground that is a rectangle but for what is drawn inside.
fn closed(labels: &Map<u32>, component: &Component, label: u32) -> Option<Rect> {
    let Component { x0, y0, x1, y1, .. } = *component;
    let (width, height) = (x1 + 1 - x0, y1 + 1 - y0);
    let framed = x0 > 0 && y0 > 0 && x1 + 1 < labels.width() && y1 + 1 < labels.height();
    if !framed || !SIDES.contains(&width) || !SIDES.contains(&height) {
        return None;
    }
    let is = |x: usize, y: usize| labels.at(x, y) == label;
    let across = (x0..=x1).flat_map(|x| [is(x, y0), is(x, y1)]);
    let edge: Vec<bool> = across.chain((y0..=y1).flat_map(|y| [is(x0, y), is(x1, y)])).collect();
    ((edge.iter().filter(|v| **v).count() as f64) >= CLOSED * edge.len() as f64).then(|| rect(x0, y0, x1, y1))
}

/// Around what is drawn in a cell.
fn drawn(labels: &Map<u32>, component: &Component, label: u32) -> Option<Rect> {
    let Component { area, x0, y0, x1, y1, .. } = *component;
    let (width, height) = (x1 + 1 - x0, y1 + 1 - y0);
    if width > LOOKED_INTO || height > LOOKED_INTO || area == width * height {
        return None;
    }
    let is = |x: usize, y: usize| labels.at(x, y) == label;
    // Not the corners, in which rules may be rounded.
    let rows = y0 + 1 + height / 20..=y1 - 1 - height / 20;
    let columns = x0 + 1 + width / 20..=x1 - 1 - width / 20;
    let mut ink: Option<[usize; 4]> = None;
    for y in rows {
        for x in columns.clone().filter(|x| !is(*x, y)) {
            let [a, b, c, d] = ink.unwrap_or([x, y, x, y]);
            ink = Some([a.min(x), b.min(y), c.max(x), d.max(y)]);
        }
    }
    let [a, b, c, d] = ink?;
    let ink_height = d + 1 - b;
    if ink_height < LEAST_PIXELS || (ink_height as f64) < LEAST_HEIGHT * height as f64 {
        return None;
    }
    Some(rect(a, b, c, d))
}

/// Divides cells into those that stand in a row of boxes for single letters, and the others.
pub(crate) fn combs(mut cells: Vec<Cell>) -> (Vec<Comb>, Vec<Cell>) {
    cells.sort_by(|a, b| a.inside.x0.total_cmp(&b.inside.x0));
    let near = |a: f64, b: f64| (a - b).abs() <= BOX_SIZES * a.max(b);
    let narrow = |cell: &Cell| cell.inside.width() <= BOX_ASPECT * cell.inside.height();
    let follows = |a: &Cell, b: &Cell| {
        let (a, b) = (a.inside, b.inside);
        (a.y0 - b.y0).abs() <= BOX_GAP * a.height()
            && near(a.height(), b.height())
            && near(a.width(), b.width())
            && (0.0..=BOX_GAP * a.height()).contains(&(b.x0 - a.x1))
    };
    let (mut found, mut others): (Vec<Comb>, Vec<Cell>) = (Vec::new(), Vec::new());
    let mut open: Vec<Comb> = Vec::new();
    for cell in cells {
        if !narrow(&cell) || cell.ink.width() > WIDEST * cell.ink.height() {
            others.push(cell);
            continue;
        }
        match open.iter_mut().find(|comb| comb.0.last().is_some_and(|last| follows(last, &cell))) {
            Some(comb) => comb.0.push(cell),
            None => open.push(Comb(vec![cell])),
        }
    }
    for comb in open {
        if comb.0.len() >= BOXES { found.push(comb) } else { others.extend(comb.0) }
    }
    (found, others)
}

impl Comb {
    /// Around all of its cells.
    pub(crate) fn bounds(&self) -> Rect {
        let first = self.0[0].inside;
        self.0.iter().fold(first, |all, Cell { inside, .. }| Rect {
            x0: all.x0.min(inside.x0),
            y0: all.y0.min(inside.y0),
            x1: all.x1.max(inside.x1),
            y1: all.y1.max(inside.y1),
        })
    }

    /// The letters beside each other, without their rules.
    pub(crate) fn crop(&self, image: &Image) -> Option<Image> {
        let top = self.0.iter().map(|cell| cell.ink.y0).fold(f64::INFINITY, f64::min);
        let bottom = self.0.iter().map(|cell| cell.ink.y1).fold(0.0, f64::max);
        let (beside, above) = ((BESIDE * (bottom - top)).ceil(), (ABOVE * (bottom - top)).ceil());
        let parts: Vec<[usize; 3]> = self
            .0
            .iter()
            .map(|cell| {
                let x0 = (cell.ink.x0 - beside).max(cell.inside.x0) as usize;
                let x1 = (cell.ink.x1 + beside).min(cell.inside.x1) as usize;
                // The cell's corner is ground.
                [x0, x1, cell.inside.x0 as usize]
            })
            .collect();
        let rows = (top - above) as i64..(bottom + above) as i64;
        let width: usize = parts.iter().map(|[x0, x1, _]| x1 - x0).sum();
        let height = rows.clone().count();
        let mut rgb = Vec::with_capacity(3 * width * height);
        for y in rows {
            for (part, cell) in parts.iter().zip(&self.0) {
                let inside = y >= cell.inside.y0 as i64 && y < cell.inside.y1 as i64;
                let [x0, x1, corner] = *part;
                for x in x0..x1 {
                    let (x, y) = if inside { (x, y) } else { (corner, cell.inside.y0 as i64) };
                    rgb.extend(image.pixel(x as u32, y as u32));
                }
            }
        }
        Image::from_rgb(width as u32, height as u32, rgb).ok()
    }

    /// The word that was read of it: spaces are between boxes, not between words. `None` where that is less than half of its letters.
    pub(crate) fn word(&self, mut transcript: Transcript) -> Option<TextInstance> {
        transcript.chars.retain(|c| !c.char.is_whitespace());
        transcript.text.retain(|c| !c.is_whitespace());
        let count = transcript.chars.len();
        if 2 * count < self.0.len() || !transcript.text.chars().any(char::is_alphanumeric) {
            return None;
        }
        let bounds = self.bounds();
        if count == self.0.len() {
            // One a box.
            for (CharSpan { start, end, .. }, cell) in transcript.chars.iter_mut().zip(&self.0) {
                let share = |x: f64| ((x - bounds.x0) / bounds.width()) as f32;
                (*start, *end) = (share(cell.ink.x0), share(cell.ink.x1));
            }
        }
        let region = Region { polygon: Polygon::from_rect(bounds).ok()?, score: 0.0 };
        Some(TextInstance { transcript: Some(transcript), ..TextInstance::new(region) })
    }
}

impl Cell {
    /// What is drawn in it as a region that no detector found; `None` for what is wider than a character.
    pub(crate) fn region(&self) -> Option<Region> {
        let Self { inside, ink } = *self;
        if ink.width() > WIDEST * ink.height() {
            return None;
        }
        let around = AROUND * ink.height();
        let half = ((ink.width()).max(LEAST_WIDTH * ink.height()) / 2.0) + around;
        let middle = (ink.x0 + ink.x1) / 2.0;
        let rect = Rect {
            x0: (middle - half).max(inside.x0),
            x1: (middle + half).min(inside.x1),
            y0: (ink.y0 - around).max(inside.y0),
            y1: (ink.y1 + around).min(inside.y1),
        };
        Some(Region { polygon: Polygon::from_rect(rect).ok()?, score: 0.0 })
    }

    /// Whether a point lies in what is drawn.
    pub(crate) fn covers(&self, p: Point) -> bool {
        within(&self.ink, p)
    }
}

pub(crate) fn within(rect: &Rect, p: Point) -> bool {
    (rect.x0..=rect.x1).contains(&p.x) && (rect.y0..=rect.y1).contains(&p.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White, with black frames and marks: `[x, y, width, height]`.
    fn picture(frames: &[[u32; 4]], marks: &[[u32; 4]]) -> Image {
        let mut image = Image::filled(400, 200, [255; 3]).unwrap();
        let mut fill = |[x, y, w, h]: [u32; 4]| {
            for row in y..y + h {
                let at = 3 * (row * 400 + x) as usize;
                image.rgb_mut()[at..at + 3 * w as usize].fill(0);
            }
        };
        for [x, y, w, h] in frames {
            fill([*x, *y, *w, 2]);
            fill([*x, y + h - 2, *w, 2]);
            fill([*x, *y, 2, *h]);
            fill([x + w - 2, *y, 2, *h]);
        }
        marks.iter().for_each(|mark| fill(*mark));
        image
    }

    #[test]
    fn letters_in_boxes_are_a_comb_and_a_mark_in_a_wide_cell_is_not() {
        let boxes = [[20, 20, 40, 50], [58, 20, 40, 50], [96, 20, 40, 50], [20, 100, 200, 40]];
        let image =
            picture(&boxes, &[[30, 30, 15, 25], [70, 32, 12, 25], [110, 30, 14, 27], [30, 108, 4, 24]]);
        let Closed { all, drawn: cells } = find(&image);
        assert_eq!(all.len(), 4);
        assert_eq!(cells.len(), 4);
        assert_eq!(cells[0].inside, Rect { x0: 22.0, y0: 22.0, x1: 58.0, y1: 68.0 });
        assert_eq!(cells[0].ink, Rect { x0: 30.0, y0: 30.0, x1: 45.0, y1: 55.0 });
        let (combs, others) = combs(cells);
        assert_eq!((combs.len(), others.len()), (1, 1));
        assert_eq!(combs[0].bounds(), Rect { x0: 22.0, y0: 22.0, x1: 134.0, y1: 68.0 });
        let crop = combs[0].crop(&image).unwrap();
        // Three letters with four pixels on each side, 30 to 57 with five above and below.
        assert_eq!((crop.width(), crop.height()), (15 + 12 + 14 + 24, 37));
        let region = others[0].region().unwrap().polygon.bounds();
        assert!(region.x0 < 27.0 && region.x1 > 36.0 && region.y0 > 102.0, "a stroke has room: {region:?}");
    }

    #[test]
    fn bands_find_each_cell_once() {
        let rows = 7000;
        let mut image = Image::filled(400, rows, [255; 3]).unwrap();
        let mut fill = |[x, y, w, h]: [u32; 4]| {
            for row in y..y + h {
                let at = 3 * (row * 400 + x) as usize;
                image.rgb_mut()[at..at + 3 * w as usize].fill(0);
            }
        };
        // High frames and low ones about the rows on which bands of 2002 begin.
        let frames = [[10, 3, 60, 1990], [80, 1960, 60, 80], [150, 1999, 60, 590], [220, 2000, 60, 40]];
        let more = [[290, 2001, 60, 1990], [80, 4002, 60, 1990], [10, 4003, 60, 40], [150, 6900, 60, 50]];
        for [x, y, w, h] in frames.into_iter().chain(more) {
            for side in [[x, y, w, 2], [x, y + h - 2, w, 2], [x, y, 2, h], [x + w - 2, y, 2, h]] {
                fill(side);
            }
            fill([x + 20, y + 10, 10, h - 20]);
        }
        let sorted = |mut found: Closed| {
            found.all.sort_by(|a, b| (a.y0, a.x0).partial_cmp(&(b.y0, b.x0)).unwrap());
            found
                .drawn
                .sort_by(|a, b| (a.inside.y0, a.inside.x0).partial_cmp(&(b.inside.y0, b.inside.x0)).unwrap());
            found
        };
        let whole = sorted(in_bands(&image, usize::MAX));
        assert_eq!((whole.all.len(), whole.drawn.len()), (8, 5));
        assert_eq!(sorted(in_bands(&image, 1)), whole);
    }

    #[test]
    fn what_is_no_cell_is_left_alone() {
        // An empty frame; one that is open on a side; a mark that touches its frame; text in a frame as wide as the picture.
        let mut image =
            picture(&[[20, 20, 60, 40], [100, 20, 60, 40], [200, 20, 60, 40]], &[[115, 30, 8, 20]]);
        for row in 30..50 {
            let at = 3 * (row * 400 + 158) as usize;
            image.rgb_mut()[at..at + 6].fill(255);
            let at = 3 * (row * 400 + 202) as usize;
            image.rgb_mut()[at..at + 30].fill(0);
        }
        assert_eq!(find(&image).drawn, []);
        assert_eq!(find(&Image::filled(60, 60, [20; 3]).unwrap()), Closed::default(), "no light ground");
        let (combs, others) = combs(Vec::new());
        assert!(combs.is_empty() && others.is_empty());
    }

    #[test]
    fn a_comb_reads_as_one_word_each_letter_in_its_box() {
        let cell = |x: f64| Cell {
            inside: Rect { x0: x, y0: 0.0, x1: x + 38.0, y1: 40.0 },
            ink: Rect { x0: x + 10.0, y0: 8.0, x1: x + 29.0, y1: 32.0 },
        };
        let comb = Comb([0.0, 40.0, 80.0].map(cell).to_vec());
        let chars = "A 4 2".chars().map(|char| CharSpan { char, score: 0.9, start: 0.0, end: 0.1 });
        let read = Transcript {
            text: "A 4 2".to_owned(),
            score: 0.9,
            chars: chars.collect(),
            ..Transcript::default()
        };
        let word = comb.word(read).unwrap();
        let transcript = word.transcript.as_ref().unwrap();
        assert_eq!(transcript.text, "A42");
        let starts: Vec<i32> = transcript.chars.iter().map(|c| (c.start * 118.0).round() as i32).collect();
        assert_eq!(starts, [10, 50, 90]);
        assert!(comb.word(Transcript::default()).is_none());
    }
}
