//! Pictures and drawings on a page: what is drawn and neither read as text nor a rule.

use glyphic_core::{Image, Page, Polygon, Rect};
use glyphic_imgproc::{Connectivity, Map, Tile, Tiles, connected_components, dilate, tiles};

use crate::cells::{self, outlines};

/// Tiles along the longer side of a page.
const TILES: usize = 150;

/// The shade of the ground covers this share of a page; a photograph has no ground. Of a page whose shade is exactly even, as
/// a program draws it, a smaller share is enough.
const GROUND: f64 = 0.35;

/// Pieces of one drawing are at most this far apart, in tiles.
const APART: usize = 3;

/// A figure is at least so wide and high, in tiles, and of this area.
const LEAST_SIDE: usize = 6;
const LEAST_AREA: usize = 80;

/// The share of a figure in which something is drawn, and the most of it that is text.
const DRAWN: f64 = 0.3;
const TEXT: f64 = 0.3;

/// Around a word, in its heights, nothing is taken for a drawing.
const AROUND: f64 = 0.15;

/// A figure at the edge of the picture takes at most this share of it: the ground that a page lies on is none.
const EDGE_SHARE: f64 = 0.6;

/// Finds what a page has beside text, as [`crate::Reader::read`] does: its figures and the cells that rules close. For a page whose
/// words are from elsewhere, such as the text layer of a PDF; `image` is the picture whose pixels its outlines are in.
pub fn find_layout(page: &mut Page, image: &Image) {
    page.cells = outlines(&cells::find(image));
    page.figures = find(image, page);
}

/// Finds the figures of a page that was read. None in photographs.
pub(crate) fn find(image: &Image, page: &Page) -> Vec<Polygon> {
    let longer = image.width().max(image.height()) as usize;
    let found = tiles(image, longer / TILES);
    if found.ground < GROUND {
        return Vec::new();
    }
    let (size, width, height) = (found.size, found.map.width(), found.map.height());
    let text = text(page, &found);
    let drawn = found.map.data().iter().zip(text.data()).map(|(tile, text)| {
        u8::from(*text == 0 && matches!(tile, Tile::Drawn))
    });
    let Ok(drawn) = Map::new(width, height, drawn.collect()) else { return Vec::new() };
    let reached = dilate(&drawn, APART, APART);
    let components = connected_components(&reached, Connectivity::Eight);
    let mut figures: Vec<[usize; 4]> = Vec::new();
    for (component, label) in components.list.iter().zip(1..) {
        let mut bounds: Option<[usize; 4]> = None;
        for y in component.y0..=component.y1 {
            for x in component.x0..=component.x1 {
                if components.labels.at(x, y) == label && drawn.at(x, y) > 0 {
                    let [a, b, c, d] = bounds.unwrap_or([x, y, x, y]);
                    bounds = Some([a.min(x), b.min(y), c.max(x), d.max(y)]);
                }
            }
        }
        figures.extend(bounds);
    }
    join(&mut figures);
    figures.retain(|figure| is_figure(figure, &found, &drawn, &text));
    let rect = |[x0, y0, x1, y1]: [usize; 4]| {
        let (right, bottom) = (f64::from(image.width()), f64::from(image.height()));
        Polygon::from_rect(Rect {
            x0: (x0 * size) as f64,
            y0: (y0 * size) as f64,
            x1: (((x1 + 1) * size) as f64).min(right),
            y1: (((y1 + 1) * size) as f64).min(bottom),
        })
        .ok()
    };
    figures.into_iter().filter_map(rect).collect()
}

/// The tiles that words touch.
fn text(page: &Page, tiles: &Tiles) -> Map<u8> {
    let mut text = tiles.map.map(|_| 0);
    let (width, height) = (text.width(), text.height());
    for word in &page.instances {
        let bounds = word.region.polygon.bounds();
        let around = AROUND * bounds.width().min(bounds.height());
        let tile = |v: f64, most: usize| ((v / tiles.size as f64).max(0.0) as usize).min(most - 1);
        for y in tile(bounds.y0 - around, height)..=tile(bounds.y1 + around, height) {
            text.row_mut(y)[tile(bounds.x0 - around, width)..=tile(bounds.x1 + around, width)].fill(1);
        }
    }
    text
}

/// Joins boxes that overlap until none does.
fn join(boxes: &mut Vec<[usize; 4]>) {
    let overlap = |a: &[usize; 4], b: &[usize; 4]| a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
    let mut at = 0;
    while at < boxes.len() {
        let this = boxes[at];
        match (at + 1..boxes.len()).find(|other| overlap(&this, &boxes[*other])) {
            Some(other) => {
                let [a, b, c, d] = boxes.swap_remove(other);
                boxes[at] = [this[0].min(a), this[1].min(b), this[2].max(c), this[3].max(d)];
                // It may reach what it did not before.
                at = 0;
            }
            None => at += 1,
        }
    }
}

fn is_figure([x0, y0, x1, y1]: &[usize; 4], found: &Tiles, drawn: &Map<u8>, text: &Map<u8>) -> bool {
    let (wide, high) = (x1 + 1 - x0, y1 + 1 - y0);
    let (width, height) = (found.map.width(), found.map.height());
    let area = wide * high;
    if wide < LEAST_SIDE || high < LEAST_SIDE || area < LEAST_AREA {
        return false;
    }
    let count = |map: &Map<u8>| -> usize {
        (*y0..=*y1).map(|y| map.row(y)[*x0..=*x1].iter().map(|v| usize::from(*v)).sum::<usize>()).sum()
    };
    let at_edge = *x0 == 0 || *y0 == 0 || x1 + 1 == width || y1 + 1 == height;
    if at_edge && area as f64 > EDGE_SHARE * (width * height) as f64 {
        return false;
    }
    let (drawn, text) = (count(drawn) as f64, count(text) as f64);
    drawn >= DRAWN * area as f64 && text <= TEXT * area as f64
}
