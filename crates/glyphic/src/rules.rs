//! Vertical rules of tables and forms: what they divide is never one line, though a detector may find it as one.

use glyphic_core::{Image, Point, Polygon, Region};
use glyphic_imgproc::{Border, Homography, warp_perspective};
use rayon::prelude::*;

use crate::quad::Quad;

/// How far above and below a line its rules must go on, in heights of the line: letters do not.
const REACH: f64 = 0.35;

/// The share of its rows in which a rule differs from the ground: scans break it here and there.
const COVERAGE: f64 = 0.96;

/// The least difference from the ground, of 255.
const CONTRAST: i32 = 28;

/// A rule is at most this thick, in heights of the line, but may have [`MIN_THICKNESS`] pixels.
const MAX_THICKNESS: f64 = 0.15;
const MIN_THICKNESS: usize = 3;

/// Regions less than so many times wider than high are left alone, and those of the second bound lose no more than a rule at an edge.
const MIN_ASPECT: f64 = 0.5;
const DIVIDED_ASPECT: f64 = 1.5;

/// Parts of a region narrower than this, in its heights, hold no character.
const MIN_PART: f64 = 0.3;

/// Lines are looked at with so many rows at most; rules are as visible in fewer rows.
const MAX_ROWS: f64 = 48.0;

/// The longest side looked at, in pixels.
const MAX_COLUMNS: f64 = 8192.0;

/// Divides the regions that vertical rules cross, and cuts off a rule at an edge. A part without anything drawn in it is an empty
/// cell and no region.
pub(crate) fn divide(image: &Image, regions: Vec<Region>) -> Vec<Region> {
    let parts = |region: Region| {
        let quad = Quad::around(&region.polygon);
        // Vertical text stands between rules by itself.
        if quad.width() < MIN_ASPECT * quad.height() {
            return vec![region];
        }
        let Some(strip) = Strip::look(image, &quad) else { return vec![region] };
        if strip.rules.is_empty() {
            return vec![region];
        }
        let spans = strip.parts((MIN_PART * quad.height()).max(3.0));
        // One part as well: a rule at its edge would be read as a letter.
        if spans.len() > 1 && quad.width() < DIVIDED_ASPECT * quad.height() {
            return vec![region];
        }
        let part = |[from, to]: [f64; 2]| {
            let polygon = Polygon::new(between(&quad, from, to).to_vec()).ok()?;
            Some(Region { polygon, score: region.score })
        };
        let parts: Vec<Region> = spans.into_iter().filter_map(part).collect();
        if parts.is_empty() { vec![region] } else { parts }
    };
    regions.into_par_iter().flat_map_iter(parts).collect()
}

/// Whether a vertical rule stands between two points of a line of this height, in pixels.
pub(crate) fn between_points(image: &Image, from: Point, to: Point, height: f64) -> bool {
    let length = from.distance(to);
    if length < 1.0 || height < 1.0 {
        return false;
    }
    let u = Point::new((to.x - from.x) / length, (to.y - from.y) / length);
    let corner = |p: Point, along: f64, across: f64| {
        Point::new(p.x + along * u.x - across * u.y, p.y + along * u.y + across * u.x)
    };
    // A rule may touch the outlines on either side.
    let (margin, half) = (0.15 * height, height / 2.0);
    let quad = Quad([
        corner(from, -margin, -half),
        corner(to, margin, -half),
        corner(to, margin, half),
        corner(from, -margin, half),
    ]);
    Strip::look(image, &quad).is_some_and(|strip| !strip.rules.is_empty())
}

/// The part of a quad between two shares of its width.
fn between(quad: &Quad, from: f64, to: f64) -> [Point; 4] {
    let [tl, tr, br, bl] = quad.0;
    let at =
        |a: Point, b: Point, share: f64| Point::new(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share);
    [at(tl, tr, from), at(tl, tr, to), at(bl, br, to), at(bl, br, from)]
}

/// A line with what stands above and below it.
struct Strip {
    /// Columns in pixels of the picture, first and behind the last.
    rules: Vec<[usize; 2]>,
    /// Whether anything is drawn in a column of the line itself.
    drawn: Vec<bool>,
}

impl Strip {
    fn look(image: &Image, quad: &Quad) -> Option<Self> {
        let height = quad.height();
        let reach = REACH * height;
        let [tl, tr, br, bl] = quad.0;
        let down = |from: Point, to: Point| {
            let d = from.distance(to).max(f64::MIN_POSITIVE);
            Point::new((to.x - from.x) / d * reach, (to.y - from.y) / d * reach)
        };
        let (left, right) = (down(tl, bl), down(tr, br));
        let moved = |p: Point, by: Point, sign: f64| Point::new(p.x + sign * by.x, p.y + sign * by.y);
        let tall =
            [moved(tl, left, -1.0), moved(tr, right, -1.0), moved(br, right, 1.0), moved(bl, left, 1.0)];
        let width = quad.width().round().clamp(1.0, MAX_COLUMNS);
        let rows = ((1.0 + 2.0 * REACH) * height).round().clamp(4.0, MAX_ROWS);
        let target = [(0.0, 0.0), (width, 0.0), (width, rows), (0.0, rows)].map(|(x, y)| Point::new(x, y));
        let transform = Homography::from_quads(tall, target).ok()?;
        let strip = warp_perspective(image, &transform, width as u32, rows as u32, Border::Replicate).ok()?;
        Some(Self::of(&strip, height))
    }

    fn of(strip: &Image, height: f64) -> Self {
        let (width, rows) = (strip.width() as usize, strip.height() as usize);
        let luma: Vec<i32> = strip
            .rgb()
            .chunks_exact(3)
            .map(|p| (299 * i32::from(p[0]) + 587 * i32::from(p[1]) + 114 * i32::from(p[2])) / 1000)
            .collect();
        // What most pixels are is the ground.
        let mut sorted = luma.clone();
        let middle = sorted.len() / 2;
        let ground = *sorted.select_nth_unstable(middle).1;
        let inner = (REACH / (1.0 + 2.0 * REACH) * rows as f64).ceil() as usize;
        let column =
            |x: usize, least: i32| (0..rows).filter(|y| (ground - luma[y * width + x]) >= least).count();
        let light = |x: usize| (0..rows).filter(|y| (luma[y * width + x] - ground) >= CONTRAST).count();
        let needed = (COVERAGE * rows as f64).ceil() as usize;
        let is_rule: Vec<bool> =
            (0..width).map(|x| column(x, CONTRAST) >= needed || light(x) >= needed).collect();
        let drawn = (0..width)
            .map(|x| (inner..rows - inner).any(|y| (ground - luma[y * width + x]).abs() >= CONTRAST))
            .collect();
        let thickest = ((MAX_THICKNESS * height) as usize).max(MIN_THICKNESS);
        let mut rules = Vec::new();
        let mut x = 0;
        while x < width {
            let end = x + is_rule[x..].iter().take_while(|rule| **rule).count();
            if end > x && end - x <= thickest {
                rules.push([x, end]);
            }
            x = end.max(x + 1);
        }
        Self { rules, drawn }
    }

    /// Shares of the width between rules, where anything is drawn and there is room for a character; `least` is at least 3.
    fn parts(&self, least: f64) -> Vec<[f64; 2]> {
        let width = self.drawn.len();
        let starts = std::iter::once(0).chain(self.rules.iter().map(|rule| rule[1]));
        let ends = self.rules.iter().map(|rule| rule[0]).chain([width]);
        let share = |x: usize| x as f64 / width as f64;
        starts
            .zip(ends)
            .filter(|(start, end)| (end - start) as f64 >= least)
            // The rule's own blur is nothing drawn.
            .filter(|(start, end)| self.drawn[start + 1..end - 1].iter().any(|drawn| *drawn))
            .map(|(start, end)| [share(start), share(end)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A white picture of 300x100 with black boxes, `[x, y, width, height]`.
    fn picture(boxes: &[[u32; 4]], ink: u8, paper: u8) -> Image {
        let mut image = Image::filled(300, 100, [paper; 3]).unwrap();
        for [x, y, w, h] in boxes {
            for (py, px) in (*y..y + h).flat_map(|py| (*x..x + w).map(move |px| (py, px))) {
                let i = ((py * 300 + px) * 3) as usize;
                image.rgb_mut()[i..i + 3].fill(ink);
            }
        }
        image
    }

    /// Strokes of letters, 18 high, from `x` on.
    fn word(x: u32) -> Vec<[u32; 4]> {
        (0..5).map(|i| [x + i * 8, 41, 3, 18]).collect()
    }

    fn region(x: f64, width: f64) -> Region {
        let flat = [x, 40., x + width, 40., x + width, 60., x, 60.];
        Region { polygon: Polygon::from_flat(&flat).unwrap(), score: 0.5 }
    }

    #[test]
    fn a_rule_divides_a_region_and_letters_do_not() {
        let words = [word(20), word(100)].concat();
        let ruled = [words.clone(), vec![[80, 10, 2, 80]]].concat();
        for (ink, paper) in [(0, 255), (230, 20), (120, 180)] {
            let divided = divide(&picture(&ruled, ink, paper), vec![region(15.0, 140.0)]);
            let spans: Vec<_> =
                divided.iter().map(|r| (r.polygon.bounds().x0, r.polygon.bounds().x1)).collect();
            assert_eq!(spans.len(), 2, "{ink} on {paper}: {spans:?}");
            assert!((spans[0].1 - 80.0).abs() < 1.5 && (spans[1].0 - 82.0).abs() < 1.5, "{spans:?}");
            let whole = vec![region(15.0, 140.0)];
            assert_eq!(divide(&picture(&words, ink, paper), whole.clone()), whole);
        }
    }

    #[test]
    fn a_stroke_no_higher_than_the_line_and_a_broad_bar_are_no_rules() {
        for bar in [[80, 40, 2, 20], [70, 10, 14, 80]] {
            let drawn = [word(20), word(100), vec![bar]].concat();
            assert_eq!(divide(&picture(&drawn, 0, 255), vec![region(15.0, 140.0)]).len(), 1, "{bar:?}");
        }
    }

    #[test]
    fn empty_cells_are_no_regions() {
        let rules = [[70, 10, 2, 80], [90, 10, 2, 80], [140, 10, 1, 80]];
        let drawn = [word(20), word(95), rules.to_vec()].concat();
        let divided = divide(&picture(&drawn, 0, 255), vec![region(15.0, 160.0)]);
        let middles: Vec<f64> =
            divided.iter().map(|r| (r.polygon.bounds().x0 + r.polygon.bounds().x1) / 2.0).collect();
        assert_eq!(middles.len(), 2, "{middles:?}");
        assert!((middles[0] - 42.0).abs() < 3.0 && (middles[1] - 116.0).abs() < 3.0, "{middles:?}");
    }

    #[test]
    fn a_rule_at_an_edge_is_cut_off() {
        // The last strokes end three pixels before the rule; a number of one figure is no wider than high.
        for (x, width) in [(20, 40.0), (44, 16.0)] {
            let strokes: Vec<_> = word(20).into_iter().filter(|stroke| stroke[0] >= x).collect();
            let drawn = [strokes.clone(), vec![[58, 10, 2, 80]]].concat();
            let cut = divide(&picture(&drawn, 0, 255), vec![region(f64::from(x) - 2.0, width + 2.0)]);
            assert_eq!(cut.len(), 1);
            let bounds = cut[0].polygon.bounds();
            assert!((bounds.x1 - 58.0).abs() < 1.0 && bounds.x0 == f64::from(x) - 2.0, "{bounds:?}");
            let own = vec![region(f64::from(x) - 2.0, width + 2.0)];
            assert_eq!(divide(&picture(&strokes, 0, 255), own.clone()), own);
        }
    }

    #[test]
    fn a_rule_is_seen_between_two_points_only_where_it_stands() {
        let image = picture(&[[80, 10, 2, 80]], 0, 255);
        let between =
            |x0: f64, x1: f64| between_points(&image, Point::new(x0, 50.0), Point::new(x1, 50.0), 20.0);
        assert!(between(60.0, 100.0));
        assert!(!between(90.0, 120.0));
        assert!(!between(90.0, 90.0));
    }
}
