//! Lines that run up or down on an upright page. A detector of upright text finds them in pieces, a letter or two each;
//! turned by a quarter the same line is found whole.

use glyphic_core::{Image, Point, Polygon, Region, Transcript};
use glyphic_imgproc::{QuarterTurn, rotate};

/// So many pieces on top of each other are a reason to look at the picture turned.
const PIECES: usize = 3;

/// Pieces on top of each other are at most so far apart, in widths of a piece: lines of upright print are further apart.
const GAP: f64 = 0.35;

/// Pieces hold a letter or two on their side: their width by their height.
const ASPECT: std::ops::RangeInclusive<f64> = 0.55..=1.7;

/// Pieces on top of each other have their middles this close, and widths in this ratio.
const OFFSET: f64 = 0.4;
const WIDTHS: f64 = 1.8;

/// A vertical line is this many times higher than wide.
const LONG: f64 = 3.0;

/// A region lies in a line with this share of its area, or it is another's.
const INSIDE: f64 = 0.5;

/// A line read turned is less sure than its pieces by at most this.
const LESS_SURE: f32 = 0.1;

/// A line that was found in the turned picture, behind the regions of the upright one, and the pieces that it would replace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) region: usize,
    pub(crate) pieces: Vec<usize>,
}

/// Whether a look at the turned picture may find a line that these regions are pieces of.
pub(crate) fn suspected(regions: &[Region]) -> bool {
    let mut pieces: Vec<[f64; 4]> = regions
        .iter()
        .map(|region| region.polygon.bounds())
        .map(|b| [(b.x0 + b.x1) / 2.0, b.y0, b.width(), b.height()])
        .filter(|[_, _, w, h]| ASPECT.contains(&(w / h.max(f64::MIN_POSITIVE))))
        .collect();
    pieces.sort_by(|a, b| a[1].total_cmp(&b[1]).then(a[0].total_cmp(&b[0])));
    let follows = |a: &[f64; 4], b: &[f64; 4]| {
        let (small, large) = (a[2].min(b[2]), a[2].max(b[2]));
        let gap = b[1] - (a[1] + a[3]);
        (a[0] - b[0]).abs() <= OFFSET * small
            && large <= WIDTHS * small
            && (-GAP * small..=GAP * small).contains(&gap)
    };
    // How many pieces end in each.
    let mut lengths = vec![1_usize; pieces.len()];
    for j in 0..pieces.len() {
        let before = (0..j).filter(|i| follows(&pieces[*i], &pieces[j])).map(|i| lengths[i] + 1);
        lengths[j] = before.max().unwrap_or(1);
    }
    lengths.into_iter().any(|length| length >= PIECES)
}

/// The picture turned by a quarter, so that what runs up runs to the right.
pub(crate) fn turned(image: &Image) -> Image {
    rotate(image, QuarterTurn::Clockwise)
}

/// Adds the vertical lines among what was found in the turned picture of an image so high; tells what each would replace.
pub(crate) fn add(regions: &mut Vec<Region>, found: Vec<Region>, height: u32) -> Vec<Candidate> {
    let upright = regions.len();
    let mut candidates = Vec::new();
    for line in found {
        // (x, y) of the turned picture is (y, height - x) of the upright one.
        let back = line.polygon.map(|p| Point::new(p.y, f64::from(height) - p.x));
        let Some(polygon) = back.ok().and_then(|polygon| corners_first(&polygon)) else { continue };
        let bounds = polygon.bounds();
        if bounds.height() < LONG * bounds.width() {
            continue;
        }
        let inside = |region: &Region| {
            let b = region.polygon.bounds();
            let shared_x = (b.x1.min(bounds.x1) - b.x0.max(bounds.x0)).max(0.0);
            let shared_y = (b.y1.min(bounds.y1) - b.y0.max(bounds.y0)).max(0.0);
            shared_x * shared_y > INSIDE * b.width() * b.height()
        };
        let pieces: Vec<usize> = (0..upright).filter(|i| inside(&regions[*i])).collect();
        if pieces.len() >= 2 {
            candidates.push(Candidate { region: regions.len(), pieces });
            regions.push(Region { polygon, score: line.score });
        }
    }
    candidates
}

/// A polygon of four corners begins at its top-left one.
fn corners_first(polygon: &Polygon) -> Option<Polygon> {
    match polygon.points() {
        [a, b, c, d] => {
            let corners = [*a, *b, *c, *d];
            Polygon::new(crate::quad::Quad::from_corners(corners).0.to_vec()).ok()
        }
        _ => Some(polygon.clone()),
    }
}

/// The regions that are not to be read: of a line and its pieces the ones or the other. `reading` tells what a region reads as
/// and whether it was read as text that runs up or down.
pub(crate) fn losers<'a>(
    candidates: &[Candidate],
    reading: impl Fn(usize) -> Option<(&'a Transcript, bool)>,
) -> Vec<usize> {
    let letters = |t: &Transcript| t.text.chars().filter(|c| !c.is_whitespace()).count();
    let mut out = Vec::new();
    for Candidate { region, pieces } in candidates {
        let sure: Vec<f32> =
            pieces.iter().filter_map(|piece| reading(*piece)).map(|(t, _)| t.score).collect();
        let mean = sure.iter().sum::<f32>() / sure.len().max(1) as f32;
        let wins = reading(*region).is_some_and(|(line, turned)| {
            turned && letters(line) >= pieces.len().max(PIECES) && line.score + LESS_SURE > mean
        });
        match wins {
            true => out.extend(pieces),
            false => out.push(*region),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region([x, y, w, h]: [f64; 4]) -> Region {
        let polygon = Polygon::from_flat(&[x, y, x + w, y, x + w, y + h, x, y + h]).unwrap();
        Region { polygon, score: 0.8 }
    }

    fn pieces() -> Vec<Region> {
        [[40., 100., 18., 20.], [41., 122., 17., 16.], [39., 137., 18., 25.]].map(region).to_vec()
    }

    #[test]
    fn letters_on_top_of_each_other_are_suspected_and_columns_of_numbers_are_not() {
        assert!(suspected(&pieces()));
        assert!(!suspected(&pieces()[..2]));
        let numbers: Vec<Region> = (0..6).map(|i| region([40., 30. * f64::from(i), 16., 20.])).collect();
        assert!(!suspected(&numbers));
        assert!(!suspected(&[]));
    }

    #[test]
    fn a_line_of_the_turned_picture_stands_where_it_stood() {
        let image = Image::filled(100, 200, [9; 3]).unwrap();
        let image = turned(&image);
        assert_eq!((image.width(), image.height()), (200, 100));
        let mut regions = pieces();
        // From y = 165 up to y = 95 at x = 38 to 60.
        let line = region([35., 38., 70., 22.]);
        let across = region([35., 80., 20., 18.]);
        let candidates = add(&mut regions, vec![across, line], 200);
        assert_eq!(candidates, [Candidate { region: 3, pieces: vec![0, 1, 2] }]);
        let bounds = regions[3].polygon.bounds();
        assert_eq!([bounds.x0, bounds.y0, bounds.x1, bounds.y1], [38., 95., 60., 165.]);
        assert_eq!(regions[3].polygon.points()[0], Point::new(38., 95.));
    }

    #[test]
    fn a_line_wins_where_it_reads_more_and_is_about_as_sure() {
        let read = |text: &str, score| Transcript { text: text.to_owned(), score, ..Transcript::default() };
        let candidates = [Candidate { region: 3, pieces: vec![0, 1, 2] }];
        let out = |line: Transcript, turned: bool| {
            let piece = read("N", 0.8);
            losers(&candidates, |i| Some(if i == 3 { (&line, turned) } else { (&piece, false) }))
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(out(read("Form 27", 0.9), true), [0, 1, 2]);
        assert_eq!(out(read("Form 27", 0.75), true), [0, 1, 2]);
        assert_eq!(out(read("Form 27", 0.4), true), [3]);
        assert_eq!(out(read("Form 27", 0.9), false), [3]);
        assert_eq!(out(read("Fo", 0.9), true), [3]);
    }
}
