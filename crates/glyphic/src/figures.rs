//! Pictures and drawings on a page: what is drawn and neither read as text nor a rule.

use glyphic_core::{Image, Page, Polygon, Rect};
use glyphic_imgproc::{Connectivity, Map, Tile, Tiles, connected_components, dilate, tiles};

use crate::cells::{self as ruled, outlines};

/// Tiles along the longer side of a page.
const TILES: usize = 150;

/// The shade of the ground covers this share of a page; a photograph has no ground.
const GROUND: f64 = 0.35;

/// Tiles of one piece of a drawing are less than this far apart, and its pieces, in tiles.
const APART: usize = 3;

/// A figure is at least so wide and high, in tiles, and of this area.
const LEAST_SIDE: usize = 8;
const LEAST_AREA: usize = 64;

/// Pieces of fewer tiles are specks, and more pieces than this are not looked at.
const LEAST_PIECE: usize = 3;
const MOST_PIECES: usize = 200;

/// The share of a figure in which something is drawn, and that of a diagram of lines.
const DRAWN: f64 = 0.3;
const LINES: f64 = 0.1;

/// A chart is made of shades: so much of it is drawn, as their edges are, and at most so much is of one shade. Behind text there is
/// more.
const CHART: f64 = 0.04;
const SHADES: f64 = 0.7;

/// A part of the page of which so much are cells that rules close is a table, whatever its shades.
const CELLS: f64 = 0.3;

/// The most of a figure that is text, and of two pieces that are joined.
const TEXT: f64 = 0.3;

/// The largest piece of a figure is at least so wide and high in heights of the page's words: what is smaller is unread print. That
/// of a diagram of lines takes this share of its sides.
const LARGEST: f64 = 2.2;
/// ... or has this area, in squares of that height, as a bar of a chart does.
const SOLID: f64 = 8.0;
const SPREAD: f64 = 0.6;

/// ... and it is this share of the page at least: ticks and circles drawn by hand are smaller.
const DIAGRAM: f64 = 0.06;

/// Ink differs from its ground by more than this, of 255.
const INK: i32 = 48;

/// Around a word, in its heights, nothing is taken for a drawing.
const AROUND: f64 = 0.15;

/// What takes more than this share of an edge of the picture is no figure but the ground that the page lies on.
const EDGE: f64 = 0.5;

/// Tiles: left, top, right and bottom, inclusive.
type Place = [usize; 4];

/// Finds what a page has beside text, as [`crate::Reader::read`] does: its figures and the cells that rules close. For a page whose
/// words are from elsewhere, such as the text layer of a PDF; `image` is the picture whose pixels its outlines are in.
pub fn find_layout(page: &mut Page, image: &Image) {
    page.cells = outlines(&ruled::find(image));
    page.figures = find(image, page);
}

/// Finds the figures of a page that was read. None in photographs.
pub(crate) fn find(image: &Image, page: &Page) -> Vec<Polygon> {
    let longer = image.width().max(image.height()) as usize;
    let found = tiles(image, longer / TILES);
    if found.ground < GROUND {
        return Vec::new();
    }
    let size = found.size;
    let text = text(page, &found);
    let shows = |wanted: Tile| {
        let mut shown = text.map(|text| 1 - text);
        shown
            .data_mut()
            .iter_mut()
            .zip(found.map.data())
            .for_each(|(v, tile)| *v &= u8::from(*tile == wanted));
        shown
    };
    let (drawn, flat) = (shows(Tile::Drawn), shows(Tile::Flat));
    let mut pieces = drawn.clone();
    pieces.data_mut().iter_mut().zip(flat.data()).for_each(|(v, flat)| *v |= flat);
    let mut places = places(&pieces);
    // Specks of a scan, of which there may be very many.
    places.retain(|[x0, y0, x1, y1]| (x1 + 1 - x0) * (y1 + 1 - y0) >= LEAST_PIECE);
    places.sort_by_key(|[x0, y0, x1, y1]| std::cmp::Reverse((x1 - x0) * (y1 - y0)));
    places.truncate(MOST_PIECES);
    join(&mut places, &text);
    let print = print(page);
    let rect = |[x0, y0, x1, y1]: Place| Rect {
        x0: (x0 * size) as f64,
        y0: (y0 * size) as f64,
        x1: f64::from(image.width()).min(((x1 + 1) * size) as f64),
        y1: f64::from(image.height()).min(((y1 + 1) * size) as f64),
    };
    let is_figure = |place: &Place| {
        let [x0, y0, x1, y1] = *place;
        let (wide, high) = (x1 + 1 - x0, y1 + 1 - y0);
        let (width, height) = (text.width(), text.height());
        if wide < LEAST_SIDE || high < LEAST_SIDE || wide * high < LEAST_AREA {
            return false;
        }
        let beside = x0 == 0 || x1 + 1 == width;
        let above = y0 == 0 || y1 + 1 == height;
        if (beside && high as f64 > EDGE * height as f64) || (above && wide as f64 > EDGE * width as f64) {
            return false;
        }
        let (drawn, flat) = (share(&drawn, place), share(&flat, place));
        let chart = drawn >= CHART && drawn + flat >= DRAWN && flat <= SHADES;
        if share(&text, place) > TEXT || !(drawn >= LINES || chart) || cells(page, &rect(*place)) > CELLS {
            return false;
        }
        let (largest, solid) = largest_pieces(image, &rect(*place));
        let large = (wide * high) as f64 >= DIAGRAM * (width * height) as f64;
        let spread =
            largest[0] >= SPREAD * (wide * size) as f64 && largest[1] >= SPREAD * (high * size) as f64;
        let more_than_letters =
            largest.iter().all(|side| *side >= LARGEST * print) || solid >= SOLID * print * print;
        more_than_letters && (drawn >= DRAWN || chart || (large && spread))
    };
    places.into_iter().filter(is_figure).filter_map(|place| Polygon::from_rect(rect(place)).ok()).collect()
}

/// The share of a part of the page that lies in cells which it holds several of.
fn cells(page: &Page, part: &Rect) -> f64 {
    let bounds = page.cells.iter().map(Polygon::bounds);
    let inside: Vec<Rect> = bounds
        .filter(|c| {
            let (x, y) = ((c.x0 + c.x1) / 2.0, (c.y0 + c.y1) / 2.0);
            (part.x0..=part.x1).contains(&x) && (part.y0..=part.y1).contains(&y)
        })
        .collect();
    // One alone is the figure's frame.
    let area = if inside.len() < 2 { 0.0 } else { inside.iter().map(|c| c.width() * c.height()).sum() };
    area / (part.width() * part.height()).max(1.0)
}

/// How high the page's words are: their median, in pixels; 0 without any.
fn print(page: &Page) -> f64 {
    let bounds = page.instances.iter().map(|word| word.region.polygon.bounds());
    let mut heights: Vec<f64> = bounds.map(|b| b.width().min(b.height())).collect();
    heights.sort_by(f64::total_cmp);
    heights.get(heights.len() / 2).copied().unwrap_or(0.0)
}

/// Width and height, in pixels, of the connected piece of ink in a part of the picture whose smaller side is the largest, and the most
/// pixels of any piece.
fn largest_pieces(image: &Image, part: &Rect) -> ([f64; 2], f64) {
    let (x0, y0) = (part.x0 as usize, part.y0 as usize);
    let (width, height) = (part.width() as usize, part.height() as usize);
    let stride = 3 * image.width() as usize;
    let rows = (y0..y0 + height).map(|y| &image.rgb()[y * stride + 3 * x0..][..3 * width]);
    let luma: Vec<i32> = rows
        .flat_map(|row| row.chunks_exact(3))
        .map(|p| (i32::from(p[0]) + 2 * i32::from(p[1]) + i32::from(p[2])) / 4)
        .collect();
    // Its edge is ground for the most part.
    let lightest = luma.iter().copied().max().unwrap_or(0);
    let ink = luma.iter().map(|v| u8::from(lightest - v > INK)).collect();
    let Ok(ink) = Map::new(width, height, ink) else { return ([0.0; 2], 0.0) };
    let components = connected_components(&ink, Connectivity::Eight).list;
    let sides = components.iter().map(|c| [c.x1 + 1 - c.x0, c.y1 + 1 - c.y0]);
    let largest = sides.max_by_key(|sides| sides[0].min(sides[1])).unwrap_or_default();
    let solid = components.iter().map(|c| c.area).max().unwrap_or(0);
    (largest.map(|side| side as f64), solid as f64)
}

/// Where pieces lie: tiles close to each other.
fn places(pieces: &Map<u8>) -> Vec<Place> {
    let reached = dilate(pieces, APART, APART);
    let components = connected_components(&reached, Connectivity::Eight);
    let mut places: Vec<Option<Place>> = vec![None; components.list.len()];
    for y in 0..pieces.height() {
        for x in (0..pieces.width()).filter(|x| pieces.at(*x, y) > 0) {
            let Some(place) = places.get_mut((components.labels.at(x, y) as usize).wrapping_sub(1)) else {
                continue;
            };
            let [a, b, c, d] = place.unwrap_or([x, y, x, y]);
            *place = Some([a.min(x), b.min(y), c.max(x), d.max(y)]);
        }
    }
    places.into_iter().flatten().collect()
}

/// The share of a place that a map marks.
fn share(map: &Map<u8>, [x0, y0, x1, y1]: &Place) -> f64 {
    let rows = (*y0..=*y1).flat_map(|y| &map.row(y)[*x0..=*x1]);
    let marked: usize = rows.map(|v| usize::from(*v)).sum();
    marked as f64 / ((x1 + 1 - x0) * (y1 + 1 - y0)) as f64
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

/// Joins places that overlap or lie close to each other until none does; not over text.
fn join(places: &mut Vec<Place>, text: &Map<u8>) {
    let near = |a: &Place, b: &Place| {
        a[0] <= b[2] + APART && b[0] <= a[2] + APART && a[1] <= b[3] + APART && b[1] <= a[3] + APART
    };
    let around = |a: &Place, b: &Place| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    let mut at = 0;
    while at < places.len() {
        let this = places[at];
        let joins = |other: &usize| {
            near(&this, &places[*other]) && share(text, &around(&this, &places[*other])) <= TEXT
        };
        match (at + 1..places.len()).find(joins) {
            Some(other) => {
                places[at] = around(&this, &places[other]);
                places.swap_remove(other);
                // It may reach what it did not before.
                at = 0;
            }
            None => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Region, TextInstance, Transcript};

    use super::*;

    type Box4 = [usize; 4];

    /// Where something is drawn, and the grey of each of its pixels that differ from the ground.
    type Drawing<'a> = (Box4, &'a dyn Fn(usize, usize) -> Option<u8>);

    /// A white page, 900 by 1200, with lines of print, each a word, and what `draw` gives: a shade for each pixel it draws.
    fn page(lines: &[Box4], drawings: &[Drawing<'_>]) -> (Page, Image) {
        let mut image = Image::filled(900, 1200, [255; 3]).unwrap();
        let mut page = Page::new(900, 1200);
        let mut fill = |[x0, y0, w, h]: Box4, shade: &dyn Fn(usize, usize) -> Option<u8>| {
            for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
                if let Some(value) = shade(x, y) {
                    image.rgb_mut()[3 * ((y0 + y) * 900 + x0 + x)..][..3].fill(value);
                }
            }
        };
        for line in lines {
            fill(*line, &|x, y| ((x % 9 < 2) || (y == line[3] / 2 && x % 9 < 7)).then_some(0));
            let [x0, y0, w, h] = line.map(|v| v as f64);
            let polygon = Polygon::from_rect(Rect { x0, y0, x1: x0 + w, y1: y0 + h }).unwrap();
            let transcript = Some(Transcript::truth("minimum"));
            page.instances
                .push(TextInstance { transcript, ..TextInstance::new(Region { polygon, score: 1.0 }) });
        }
        drawings.iter().for_each(|(place, shade)| fill(*place, *shade));
        (page, image)
    }

    /// Columns of text, 16 pixels high.
    fn text() -> Vec<Box4> {
        (0..20).map(|i| [80, 60 + 24 * i, 700, 16]).collect()
    }

    fn found(lines: &[Box4], drawings: &[Drawing<'_>]) -> Vec<Rect> {
        let (mut page, image) = page(lines, drawings);
        find_layout(&mut page, &image);
        page.figures.iter().map(Polygon::bounds).collect()
    }

    #[test]
    fn a_photograph_and_a_chart_are_figures() {
        let photo = |x: usize, y: usize| Some(((x * x / 7 + y * 3 + x * y / 11) % 200) as u8);
        let pie = |x: usize, y: usize| {
            let (x, y) = (x as f64 - 100.0, y as f64 - 100.0);
            let sector = ((y.atan2(x) + 3.2) * 0.7) as u8;
            (x.hypot(y) <= 98.0).then_some(60 + 30 * sector)
        };
        for (place, draw) in [
            ([200, 700, 300, 200], &photo as &dyn Fn(usize, usize) -> Option<u8>),
            ([200, 700, 200, 200], &pie),
        ] {
            let figures = found(&text(), &[(place, draw)]);
            assert_eq!(figures.len(), 1);
            let b = figures[0];
            let [x0, y0, wide, high] = place.map(|v: usize| v as f64);
            let off = [b.x0 - x0, b.y0 - y0, b.x1 - x0 - wide, b.y1 - y0 - high];
            assert!(off.iter().all(|off| off.abs() < 16.0), "{b:?}");
        }
    }

    #[test]
    fn text_rules_shades_and_unread_print_are_none() {
        let frame = |x: usize, y: usize| (x % 140 < 2 || y % 40 < 2).then_some(0);
        let shade = |_: usize, _: usize| Some(180);
        let letters =
            |x: usize, y: usize| ((x % 9 < 2 && y % 24 < 16 && x % 60 < 50) || y % 24 == 8).then_some(0);
        let unread = |x: usize, y: usize| letters(x, y).filter(|_| x % 60 < 50 && y % 24 < 16);
        let shaded_table = |x: usize, y: usize| match (x % 100 < 2 || y % 40 < 2, y / 40 % 2) {
            (true, _) => Some(60),
            (false, 0) => Some(210),
            (false, _) => None,
        };
        let drawings: [&dyn Fn(usize, usize) -> Option<u8>; 4] = [&frame, &shade, &unread, &shaded_table];
        for (i, draw) in drawings.into_iter().enumerate() {
            assert_eq!(found(&text(), &[([100, 640, 602, 402], draw)]), [], "{i}");
        }
        assert_eq!(found(&text(), &[]), []);
    }

    #[test]
    fn a_picture_without_a_ground_has_none() {
        let scene = |x: usize, y: usize| Some(((x * 13 + y * 7 + x * y / 5) % 251) as u8);
        assert_eq!(found(&[], &[([0, 0, 900, 1200], &scene)]), []);
    }
}
