//! Rules that letters stand on and boxes to be ticked beside them: what is printed on a form is in the way of what is read there.

use std::collections::BTreeSet;

use glyphic_core::{Image, Region};

use crate::quad::Quad;

/// How far around a region is looked, in its heights: a rule goes on beyond a short word.
const BESIDE: f64 = 1.5;
const ABOVE: f64 = 0.3;

/// Lower text shows no rule apart from its letters, in pixels.
const LEAST_HEIGHT: f64 = 6.0;

/// A rule runs nearly level: its text's sides rise by this share of its length at most.
const TILT: f64 = 0.1;

/// Ink differs from the paper by so much at least, of 255.
const CONTRAST: i32 = 40;

/// A rule is at least so long, in heights of the text. Dashes are shorter.
const LENGTH: f64 = 2.0;

/// ... and at most so thick, in heights of the text, but may have [`THIN`] pixels.
const THICKNESS: f64 = 0.15;
const THIN: usize = 3;

/// The share of a rule's columns in which it stands free of letters.
const FREE: f64 = 0.4;

/// Rules stand in the upper or the lower part of a region, in its heights: what runs through the middle is made of letters.
const UPPER: f64 = 0.2;
const LOWER: f64 = 0.65;

/// A box is so high and so wide, in heights of the text, and its sides differ by this factor at most.
const BOX: [f64; 2] = [0.5, 1.8];
const SQUARE: f64 = 1.35;

/// The sides of a box have at least so many pixels.
const LEAST_BOX: usize = 7;

/// A side of a box lies within this share of its size, and is so complete: those of round letters are not.
const SIDE: f64 = 0.2;
const COMPLETE: f64 = 0.95;

/// At most so much within a box is ink, a tick or a cross.
const TICKED: f64 = 0.5;

/// A copy of the picture without the rules along and the boxes in the regions that are `wanted`, and the regions in which there were any.
/// `None` where there are none.
pub(crate) fn rules_and_boxes(
    image: &Image,
    regions: &[Region],
    wanted: impl Fn(usize) -> bool,
) -> Option<(Image, BTreeSet<usize>)> {
    let mut copy: Option<Image> = None;
    let mut changed = BTreeSet::new();
    for (i, region) in regions.iter().enumerate().filter(|(i, _)| wanted(*i)) {
        let Some(mut window) = Window::around(image, region) else { continue };
        let erased = window.rules() | window.boxes();
        if erased {
            window.put_into(copy.get_or_insert_with(|| image.clone()));
            changed.insert(i);
        }
    }
    copy.map(|copy| (copy, changed))
}

/// A rule: its middle and half its thickness, which rise evenly.
struct Straight {
    start: f64,
    slope: f64,
    half: f64,
    /// How many of the columns it was drawn through are on it.
    fits: usize,
}

impl Straight {
    /// Through columns and their first and last rows, leaving out those that are not on it.
    fn through(columns: &[(f64, [f64; 2])]) -> Option<Self> {
        let middle = |[first, last]: [f64; 2]| (first + last) / 2.0;
        let median = |mut values: Vec<f64>| {
            let at = values.len() / 2;
            (!values.is_empty()).then(|| *values.select_nth_unstable_by(at, f64::total_cmp).1)
        };
        // Of the lines from a column of the first half to one of the second half the middle one.
        let (left, right) = columns.split_at(columns.len() / 2);
        let slopes = left.iter().zip(right).map(|(a, b)| (middle(b.1) - middle(a.1)) / (b.0 - a.0));
        let slope = median(slopes.collect())?;
        let start = median(columns.iter().map(|(x, rows)| middle(*rows) - slope * x).collect())?;
        let half = median(columns.iter().map(|(_, [first, last])| (last - first) / 2.0).collect())?;
        let fits = columns
            .iter()
            .filter(|(x, rows)| (middle(*rows) - start - slope * x).abs() <= half.max(1.0))
            .count();
        Some(Self { start, slope, half, fits })
    }

    /// The first and the last row in a column.
    fn rows(&self, x: f64) -> [usize; 2] {
        let middle = self.start + self.slope * x;
        [middle - self.half, middle + self.half].map(|row| row.round().max(0.0) as usize)
    }
}

/// A region with what stands around it.
struct Window {
    /// Its top-left corner in the picture.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// Row by row.
    ink: Vec<bool>,
    erased: Vec<bool>,
    /// The first and the last row of the region, and the height of its text.
    rows: [usize; 2],
    text: f64,
    paper: [u8; 3],
}

impl Window {
    fn around(image: &Image, region: &Region) -> Option<Self> {
        let quad = Quad::around(&region.polygon);
        let text = quad.height();
        let (start, end) = (quad.start(), quad.end());
        if text < LEAST_HEIGHT
            || quad.width() < 0.7 * text
            || (end.y - start.y).abs() > TILT * (end.x - start.x).abs()
        {
            return None;
        }
        let bounds = region.polygon.bounds();
        let clamp = |v: f64, most: u32| v.clamp(0.0, f64::from(most)) as usize;
        let left = clamp(bounds.x0 - BESIDE * text, image.width());
        let right = clamp((bounds.x1 + BESIDE * text).ceil(), image.width());
        let top = clamp(bounds.y0 - ABOVE * text, image.height());
        let bottom = clamp((bounds.y1 + ABOVE * text).ceil(), image.height());
        let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
        if width == 0 || height == 0 {
            return None;
        }
        let pixel = |i: usize| image.pixel((left + i % width) as u32, (top + i / width) as u32);
        let luma: Vec<i32> = (0..width * height)
            .map(|i| {
                let [r, g, b] = pixel(i).map(i32::from);
                (299 * r + 587 * g + 114 * b) / 1000
            })
            .collect();
        let mut order: Vec<usize> = (0..luma.len()).collect();
        let middle = order.len() / 2;
        // Paper is what most pixels are.
        let paper = *order.select_nth_unstable_by_key(middle, |i| luma[*i]).1;
        let ink = luma.iter().map(|v| (v - luma[paper]).abs() >= CONTRAST).collect();
        let row = |y: f64| (clamp(y, image.height()).max(top) - top).min(height - 1);
        Some(Self {
            left,
            top,
            width,
            height,
            ink,
            erased: vec![false; width * height],
            rows: [row(bounds.y0), row(bounds.y1)],
            text,
            paper: pixel(paper),
        })
    }

    fn ink(&self, x: usize, y: usize) -> bool {
        self.ink[y * self.width + x]
    }

    /// The rows of ink of a column around a row, first and last.
    fn stroke(&self, x: usize, y: usize) -> [usize; 2] {
        let first = (0..y).rev().take_while(|y| self.ink(x, *y)).last().unwrap_or(y);
        let last = (y + 1..self.height).take_while(|y| self.ink(x, *y)).last().unwrap_or(y);
        [first, last]
    }

    fn erase(&mut self, x: usize, [first, last]: [usize; 2]) {
        for y in first..=last.min(self.height - 1) {
            self.ink[y * self.width + x] = false;
        }
        // The blur of its edges, too.
        let blurred = first.saturating_sub(1)..(last + 2).min(self.height);
        for y in blurred.filter(|y| !self.ink[y * self.width + x]).collect::<Vec<_>>() {
            self.erased[y * self.width + x] = true;
        }
    }

    /// Erases horizontal rules; whether there were any.
    fn rules(&mut self) -> bool {
        let [first, last] = self.rows.map(|y| y as f64);
        let (upper, lower) = (first + UPPER * (last - first), first + LOWER * (last - first));
        let mut any = false;
        for y in 0..self.height {
            if (y as f64) > upper && (y as f64) < lower {
                continue;
            }
            // A rule that rises goes on one row further up or down.
            let near = |x: usize| {
                (y.saturating_sub(1)..(y + 2).min(self.height))
                    .find(|y| self.ink(x, *y))
                    .map(|found| if self.ink(x, y) { y } else { found })
            };
            let columns: Vec<Option<usize>> = (0..self.width).map(near).collect();
            let mut x = 0;
            while x < self.width {
                let run: Vec<usize> = columns[x..].iter().map_while(|row| *row).collect();
                if run.len() as f64 >= LENGTH * self.text {
                    any |= self.rule(x, &run);
                }
                x += run.len().max(1);
            }
        }
        any
    }

    /// Erases a rule that begins in column `x` and lies about in these rows, unless it is made of letters.
    fn rule(&mut self, x: usize, rows: &[usize]) -> bool {
        let thick = ((THICKNESS * self.text) as usize).max(THIN);
        let strokes: Vec<[usize; 2]> = rows.iter().enumerate().map(|(i, y)| self.stroke(x + i, *y)).collect();
        let free: Vec<(f64, [f64; 2])> = (0..)
            .zip(&strokes)
            .filter(|(_, [first, last])| last - first < thick)
            .map(|(i, stroke)| (f64::from(i), stroke.map(|row| row as f64)))
            .collect();
        let needed = FREE * rows.len() as f64;
        let Some(line) = Straight::through(&free).filter(|line| line.fits as f64 >= needed) else {
            return false;
        };
        for (i, [first, last]) in strokes.into_iter().enumerate() {
            let [top, bottom] = line.rows(i as f64);
            let (above, below) = (first + 1 < top, last > bottom + 1);
            match (above, below) {
                (false, false) => self.erase(x + i, [first, last]),
                // A descender runs through it.
                (true, true) => {}
                // The foot of a letter may lie in the rule.
                (true, false) if bottom > top => self.erase(x + i, [top + 1, last.max(top + 1)]),
                (true, false) => self.erase(x + i, [top, last.max(top)]),
                (false, true) => self.erase(x + i, [first, bottom]),
            }
        }
        true
    }

    /// Erases boxes; whether there were any.
    fn boxes(&mut self) -> bool {
        let mut seen = vec![false; self.ink.len()];
        let mut any = false;
        for start in 0..self.ink.len() {
            if seen[start] || !self.ink[start] {
                continue;
            }
            seen[start] = true;
            let mut pixels = vec![start];
            let mut next = 0;
            while let Some(&at) = pixels.get(next) {
                next += 1;
                let (x, y) = (at % self.width, at / self.width);
                for ny in y.saturating_sub(1)..(y + 2).min(self.height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(self.width) {
                        let neighbour = ny * self.width + nx;
                        if self.ink[neighbour] && !seen[neighbour] {
                            seen[neighbour] = true;
                            pixels.push(neighbour);
                        }
                    }
                }
            }
            if let Some([x0, y0, x1, y1]) = self.as_box(&pixels) {
                for (x, y) in (y0..=y1).flat_map(|y| (x0..=x1).map(move |x| (x, y))) {
                    self.erase(x, [y, y]);
                }
                any = true;
            }
        }
        any
    }

    /// The bounds of connected pixels of ink, where they are the four sides of a box.
    fn as_box(&self, pixels: &[usize]) -> Option<[usize; 4]> {
        let xs = || pixels.iter().map(|i| i % self.width);
        let ys = || pixels.iter().map(|i| i / self.width);
        let [x0, y0, x1, y1] = [xs().min()?, ys().min()?, xs().max()?, ys().max()?];
        let (width, height) = (x1 - x0 + 1, y1 - y0 + 1);
        let (small, large) = (width.min(height), width.max(height));
        let [least, most] = BOX.map(|share| share * self.text);
        if small < LEAST_BOX
            || (small as f64) < least
            || large as f64 > most
            || large as f64 > SQUARE * small as f64
        {
            return None;
        }
        let (band_x, band_y) =
            ((SIDE * width as f64).ceil() as usize, (SIDE * height as f64).ceil() as usize);
        let ink = |x: usize, y: usize| self.ink(x, y);
        let columns = |y0: usize, y1: usize| {
            (x0..=x1).filter(|x| (y0..=y1).any(|y| ink(*x, y))).count() as f64 / width as f64
        };
        let rows = |x0: usize, x1: usize| {
            (y0..=y1).filter(|y| (x0..=x1).any(|x| ink(x, *y))).count() as f64 / height as f64
        };
        let sides = [
            columns(y0, y0 + band_y - 1),
            columns(y1 + 1 - band_y, y1),
            rows(x0, x0 + band_x - 1),
            rows(x1 + 1 - band_x, x1),
        ];
        let (inner_x, inner_y) = (x0 + band_x..x1 + 1 - band_x, y0 + band_y..y1 + 1 - band_y);
        let area = inner_x.len() * inner_y.len();
        let inside = inner_y.flat_map(|y| inner_x.clone().map(move |x| (x, y))).filter(|(x, y)| ink(*x, *y));
        (sides.iter().all(|side| *side >= COMPLETE) && inside.count() as f64 <= TICKED * area as f64)
            .then_some([x0, y0, x1, y1])
    }

    /// Paints what was erased.
    fn put_into(&self, image: &mut Image) {
        let width = image.width() as usize;
        let rgb = image.rgb_mut();
        for i in (0..self.erased.len()).filter(|i| self.erased[*i]) {
            let at = ((self.top + i / self.width) * width + self.left + i % self.width) * 3;
            rgb[at..at + 3].copy_from_slice(&self.paper);
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::Polygon;

    use super::*;

    /// A white picture of 200x60 with black boxes, `[x, y, width, height]`.
    fn picture(boxes: &[[u32; 4]]) -> Image {
        let mut image = Image::filled(200, 60, [255; 3]).unwrap();
        for [x, y, w, h] in boxes {
            for (py, px) in (*y..y + h).flat_map(|py| (*x..x + w).map(move |px| (py, px))) {
                let i = ((py * 200 + px) * 3) as usize;
                image.rgb_mut()[i..i + 3].fill(0);
            }
        }
        image
    }

    fn region(x: f64, width: f64) -> Vec<Region> {
        let flat = [x, 20., x + width, 20., x + width, 40., x, 40.];
        vec![Region { polygon: Polygon::from_flat(&flat).unwrap(), score: 0.5 }]
    }

    /// Strokes of letters from row 24 on.
    fn strokes(height: u32) -> Vec<[u32; 4]> {
        (0..4).map(|i| [60 + 8 * i, 24, 3, height]).collect()
    }

    /// Those that stand on row 37.
    fn letters() -> Vec<[u32; 4]> {
        strokes(13)
    }

    /// The rows of a picture, a character a pixel.
    fn rows(image: &Image) -> Vec<String> {
        let row = |y| (0..200).map(move |x| if image.pixel(x, y)[0] < 128 { '#' } else { '.' }).collect();
        (0..60).map(row).collect()
    }

    fn drawn(boxes: &[[u32; 4]]) -> Option<Vec<String>> {
        Some(rows(&picture(boxes)))
    }

    fn erased(boxes: &[[u32; 4]], region: &[Region]) -> Option<Vec<String>> {
        rules_and_boxes(&picture(boxes), region, |_| true).map(|(image, changed)| {
            assert_eq!(changed.into_iter().collect::<Vec<_>>(), [0]);
            rows(&image)
        })
    }

    #[test]
    fn a_rule_under_letters_is_erased_and_a_row_of_it_stays_their_foot() {
        // Not touching, as thin as a pixel, and two rows on which the letters stand.
        for (rule, height) in [([30, 39, 85, 2], 13), ([30, 37, 85, 1], 13), ([30, 37, 85, 2], 14)] {
            let found = erased(&[letters(), vec![rule]].concat(), &region(56.0, 36.0));
            assert_eq!(found, drawn(&strokes(height)), "{rule:?}");
        }
    }

    #[test]
    fn a_rule_that_rises_is_erased() {
        let rule: Vec<[u32; 4]> = (0..3).map(|i| [30 + 28 * i, 42 - i, 28, 2]).collect();
        assert_eq!(erased(&[letters(), rule].concat(), &region(56.0, 36.0)), drawn(&letters()));
    }

    #[test]
    fn a_descender_keeps_its_way_through_a_rule() {
        let (descender, rule) = ([92, 28, 3, 16], [30, 37, 85, 1]);
        let text = [letters(), vec![descender]].concat();
        assert_eq!(erased(&[text.clone(), vec![rule]].concat(), &region(56.0, 40.0)), drawn(&text));
    }

    #[test]
    fn letters_dashes_and_what_runs_through_the_middle_are_no_rules() {
        // A row of letters that touch each other, a dash, and a rule through the text.
        for shape in
            [vec![[60, 24, 40, 13]], vec![[60, 36, 18, 2]], [letters(), vec![[30, 29, 85, 2]]].concat()]
        {
            assert_eq!(erased(&shape, &region(56.0, 48.0)), None, "{shape:?}");
        }
    }

    /// The four sides of a box of 15x15.
    fn square(x: u32) -> Vec<[u32; 4]> {
        vec![[x, 22, 15, 2], [x, 35, 15, 2], [x, 22, 2, 15], [x + 13, 22, 2, 15]]
    }

    #[test]
    fn a_box_before_a_word_is_erased_with_its_tick() {
        let tick = vec![[44, 29, 2, 4], [46, 27, 2, 4]];
        for shape in [square(38), [square(38), tick].concat()] {
            assert_eq!(erased(&[shape, letters()].concat(), &region(36.0, 56.0)), drawn(&letters()));
        }
    }

    #[test]
    fn round_letters_and_open_shapes_are_no_boxes() {
        let round = vec![
            [41, 22, 9, 2],
            [41, 35, 9, 2],
            [38, 25, 2, 9],
            [51, 25, 2, 9],
            [39, 23, 3, 3],
            [49, 23, 3, 3],
            [39, 33, 3, 3],
            [49, 33, 3, 3],
        ];
        let open = square(38)[..3].to_vec();
        for shape in [round, open] {
            let found = erased(&[shape.clone(), letters()].concat(), &region(36.0, 56.0));
            assert_eq!(found, None, "{shape:?}");
        }
    }
}
