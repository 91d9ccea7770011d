//! Regions as upright crops, and the words read off them back in the picture.

use std::ops::Range;

use glyphic_core::{Confidence, Image, Point, Polygon, Region, TextInstance, Transcript};
use glyphic_imgproc::{Border, Homography, warp_perspective};
use rayon::prelude::*;

use crate::{orientation::Turn, pitch, quad::Quad, words};

/// A region taller than this many times its width may hold a line that runs up or down; it is read turned, too.
const TALL: f64 = 1.5;

/// A region less than this many times longer than high, whose side runs up or down by this sine at least, stands on a corner.
const SQUARE: f64 = 1.5;
const ASKEW: f64 = 0.3;

/// The upright box around such a region is smaller than its bounds by so much on each side, in sizes of the bounds.
const TIGHTER: f64 = 0.08;

/// The longest side of a crop in pixels: beyond any line of text, and a bound on what one region may cost.
const MAX_SIDE: f64 = 8192.0;

/// No word is narrower, in pixels of its crop, wherever its characters were read.
const MIN_WIDTH: f64 = 1.0;

/// Ink and paper differ by so much at least, in the sum of the three colours, 0 to 765.
const LEAST_CONTRAST: i32 = 150;

/// How a region is drawn as a crop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// On each side, in heights of the region.
    pub(crate) margin: f64,
    /// So many times wider than the picture has it.
    pub(crate) stretch: f64,
}

impl From<f64> for Shape {
    /// A margin, and the width that the picture has.
    fn from(margin: f64) -> Self {
        Self { margin, stretch: 1.0 }
    }
}

/// The text of a region, upright, with a margin.
#[derive(Debug, Clone)]
pub(crate) struct Crop {
    /// Index of the region.
    pub(crate) region: usize,
    pub(crate) image: Image,
    /// From the crop's pixels to the picture's.
    to_picture: Homography,
    /// Width and height of the crop without its margin, in pixels, and the margin above and below.
    size: [f64; 2],
    margin: f64,
    /// So many times wider than in the picture, beside its height.
    stretch: f64,
    /// How its text runs.
    pub(crate) turn: Turn,
    /// The upright box around a region that stands askew.
    boxed: bool,
}

/// The crops of the regions that are `wanted`, in order: one a region; three of a tall one, upright first; two of one that stands
/// on a corner and is about as wide as high, for that is how the outline of an upright character often comes out. A region that no
/// perspective straightens has none.
pub(crate) fn crop_regions(
    image: &Image,
    regions: &[Region],
    wanted: impl Fn(usize) -> bool + Sync,
    shape: Shape,
) -> Vec<Crop> {
    let crops = |(region, r): (usize, &Region)| {
        if !wanted(region) {
            return Vec::new();
        }
        let upright = Quad::around(&r.polygon);
        let mut quads = vec![(upright, Turn::None)];
        if upright.height() > TALL * upright.width() {
            quads.extend([(upright.turned_left(), Turn::Down), (upright.turned_right(), Turn::Up)]);
        }
        let own = quads.into_iter().filter_map(|(quad, turn)| crop(image, region, &quad, shape, turn));
        let boxed = box_around(&upright).and_then(|quad| crop(image, region, &quad, shape, Turn::None));
        own.chain(boxed.map(|crop| Crop { boxed: true, ..crop })).collect()
    };
    regions.par_iter().enumerate().flat_map_iter(crops).collect()
}

/// The crops of the regions that are `wanted` as text upside down, in order.
pub(crate) fn crop_turned_over(
    image: &Image,
    regions: &[Region],
    wanted: impl Fn(usize) -> bool + Sync,
    margin: f64,
) -> Vec<Crop> {
    let crop = |(region, r): (usize, &Region)| {
        let quad = Quad::around(&r.polygon).turned_over();
        if wanted(region) { crop(image, region, &quad, margin.into(), Turn::Over) } else { None }
    };
    regions.par_iter().enumerate().filter_map(crop).collect()
}

/// The upright box around a quad that is about as wide as high and stands askew. It is smaller than the quad's bounds: outlines are
/// drawn generously, and most so across the corners.
fn box_around(quad: &Quad) -> Option<Quad> {
    let (width, height) = (quad.width(), quad.height());
    let (start, end) = (quad.start(), quad.end());
    let square = width.max(height) < SQUARE * width.min(height);
    if !square || (end.y - start.y).abs() < ASKEW * start.distance(end) {
        return None;
    }
    let bounds = quad.to_polygon().ok()?.bounds();
    let (x, y) = (TIGHTER * bounds.width(), TIGHTER * bounds.height());
    let (x0, y0, x1, y1) = (bounds.x0 + x, bounds.y0 + y, bounds.x1 - x, bounds.y1 - y);
    Some(Quad([(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| Point::new(x, y))))
}

fn crop(image: &Image, region: usize, quad: &Quad, shape: Shape, turn: Turn) -> Option<Crop> {
    let margin = (shape.margin * quad.height()).round();
    let side = |side: f64, scale: f64| ((side + 2.0 * margin) * scale).round().clamp(1.0, MAX_SIDE);
    let (width, height) = (side(quad.width(), shape.stretch), side(quad.height(), 1.0));
    let stretch = width / (quad.width() + 2.0 * margin).round().clamp(1.0, MAX_SIDE);
    let corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    let upright = corners.map(|(x, y)| Point::new(x, y));
    let transform = Homography::from_quads(quad.grown(margin).0, upright).ok()?;
    let to_picture = transform.inverse()?;
    let image = warp_perspective(image, &transform, width as u32, height as u32, Border::Replicate).ok()?;
    let size = [width - 2.0 * margin * stretch, height - 2.0 * margin];
    Some(Crop { region, image, to_picture, size, margin, stretch, turn, boxed: false })
}

impl Crop {
    /// The words of this crop's transcript. One word alone keeps the region's own outline, unless its text is turned: the four
    /// corners of an outline begin where its text does.
    pub(crate) fn words(
        &self,
        regions: &[Region],
        transcript: &Transcript,
        confidence: Confidence,
    ) -> Vec<TextInstance> {
        let Some(region) = regions.get(self.region) else { return Vec::new() };
        let width = f64::from(self.image.width());
        let margin = self.margin * self.stretch;
        let inner = [margin, margin + self.size[0]];
        let outer = self.outer();
        let transcript = words::without_false_spaces(transcript, |from, to| self.widest_gap(from, to));
        let transcript = pitch::respaced(transcript, || self.ink_columns());
        let words = words::split(&transcript, outer, confidence);
        let alone = words.len() == 1;
        words
            .into_iter()
            .map(|word| {
                let at = |share: f32| (f64::from(share) * width).clamp(inner[0], inner[1]);
                // A word that stands nowhere in particular stands somewhere in its region.
                let own = (!alone || self.turn != Turn::None || self.boxed)
                    .then(|| self.outline(at(word.start), at(word.end)))
                    .flatten();
                let polygon = own.unwrap_or_else(|| upright(&region.polygon));
                let region = Region { polygon, score: region.score };
                TextInstance { transcript: Some(word.transcript), ..TextInstance::new(region) }
            })
            .collect()
    }

    /// Where the text begins and ends in the crop's width, 0 to 1.
    pub(crate) fn outer(&self) -> (f32, f32) {
        let (width, margin) = (f64::from(self.image.width()), self.margin * self.stretch);
        ((margin / width) as f32, ((margin + self.size[0]) / width) as f32)
    }

    /// A part of the text, between two places of the crop's width, drawn anew in another shape.
    pub(crate) fn part(&self, image: &Image, (from, to): (f32, f32), shape: Shape) -> Option<Self> {
        let width = f64::from(self.image.width());
        let quad = Quad(self.corners(f64::from(from) * width, f64::from(to) * width));
        crop(image, self.region, &quad, shape, self.turn)
    }

    /// The widest run of columns without ink of which a part lies between two places of the crop's width, 0 to 1, in heights of the
    /// line as the picture has it. `None` where ink cannot be told from paper.
    fn widest_gap(&self, from: f32, to: f32) -> Option<f32> {
        let (width, height) = (self.image.width() as usize, self.image.height() as usize);
        let column = |share: f64| (share * width as f64).clamp(0.0, width as f64) as usize;
        let (from, to) = (column(f64::from(from.min(to))), column(f64::from(from.max(to))));
        let around = from.saturating_sub(height)..(to + height).min(width);
        let mut widest = 0;
        let mut start = None;
        for (x, ink) in around.clone().zip(self.ink(around)?) {
            if ink {
                start = None;
                continue;
            }
            let start = *start.get_or_insert(x);
            if start <= to && x >= from {
                widest = widest.max(x + 1 - start);
            }
        }
        Some((widest as f64 / (self.size[1] * self.stretch)) as f32)
    }

    /// Of each column of the crop whether there is ink in it. `None` where ink cannot be told from paper.
    fn ink_columns(&self) -> Option<Vec<bool>> {
        self.ink(0..self.image.width() as usize)
    }

    fn ink(&self, columns: Range<usize>) -> Option<Vec<bool>> {
        // Neighbouring lines reach into the edge of the crop.
        let edge = (self.margin + self.size[1] / 8.0) as usize;
        let rows = edge..(self.image.height() as usize).saturating_sub(edge);
        let grey = |x: usize, y: usize| {
            let [r, g, b] = self.image.pixel(x as u32, y as u32);
            (u32::from(r) + u32::from(g) + u32::from(b)) as i32
        };
        let mut greys: Vec<i32> = rows
            .clone()
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| grey(x, y))
            .collect();
        if greys.is_empty() {
            return None;
        }
        let half = greys.len() / 2;
        let paper = *greys.select_nth_unstable(half).1;
        let contrast = greys.iter().map(|g| (g - paper).abs()).max()?;
        let is_ink = |x: usize| rows.clone().any(|y| (grey(x, y) - paper).abs() > contrast / 3);
        (contrast >= LEAST_CONTRAST).then(|| columns.map(is_ink).collect())
    }

    /// From column `x0` to column `x1` of the crop, in the picture; at least [`MIN_WIDTH`] wide.
    fn outline(&self, x0: f64, x1: f64) -> Option<Polygon> {
        let (middle, half) = ((x0 + x1) / 2.0, ((x1 - x0) / 2.0).max(MIN_WIDTH / 2.0));
        Polygon::new(self.corners(middle - half, middle + half).to_vec()).ok()
    }

    /// In the picture, of the text from column `x0` to column `x1` of the crop: clockwise from where it begins.
    fn corners(&self, x0: f64, x1: f64) -> [Point; 4] {
        let (y0, y1) = (self.margin, self.margin + self.size[1]);
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
        corners.map(|(x, y)| self.to_picture.apply(Point::new(x, y)))
    }
}

/// An outline of four corners, the first of them the top-left one.
fn upright(polygon: &Polygon) -> Polygon {
    match polygon.points() {
        [_, _, _, _] => Quad::around(polygon).to_polygon().unwrap_or_else(|_| polygon.clone()),
        _ => polygon.clone(),
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::CharSpan;

    use super::*;

    fn region(flat: &[f64]) -> Region {
        Region { polygon: Polygon::from_flat(flat).unwrap(), score: 0.75 }
    }

    /// Red grows to the right, green down.
    fn gradient() -> Image {
        let rgb = (0..100u32).flat_map(|y| (0..200u32).flat_map(move |x| [x as u8, y as u8, 0])).collect();
        Image::from_rgb(200, 100, rgb).unwrap()
    }

    fn transcript(text: &str) -> Transcript {
        let n = text.chars().count() as f32;
        let chars = text.chars().enumerate().map(|(i, char)| {
            let (start, end) = (i as f32 / n, (i + 1) as f32 / n);
            CharSpan { char, score: 0.5, start, end }
        });
        Transcript { text: text.to_owned(), score: 0.5, chars: chars.collect(), ..Transcript::default() }
    }

    #[test]
    fn a_crop_shows_its_region_and_the_margin_around_it() {
        let crops = crop_regions(
            &gradient(),
            &[region(&[40., 20., 100., 20., 100., 40., 40., 40.])],
            |_| true,
            0.1.into(),
        );
        assert_eq!(crops.len(), 1);
        let image = &crops[0].image;
        assert_eq!((image.width(), image.height()), (64, 24));
        assert_eq!((image.pixel(0, 0), image.pixel(63, 23)), ([38, 18, 0], [101, 41, 0]));
    }

    #[test]
    fn a_tall_region_is_cropped_upright_and_turned_both_ways() {
        let crops = crop_regions(
            &gradient(),
            &[region(&[40., 20., 60., 20., 60., 80., 40., 80.])],
            |_| true,
            0.0.into(),
        );
        let sizes: Vec<_> = crops.iter().map(|c| (c.image.width(), c.image.height())).collect();
        assert_eq!(sizes, [(20, 60), (60, 20), (60, 20)]);
        // The top-left corner of what reads upwards is the region's bottom-left one, and the other way round.
        let corners: Vec<_> = crops[1..].iter().map(|c| c.image.pixel(0, 0)).collect();
        assert!(corners[0][1] < 25 && corners[0][0] > 55, "{corners:?}");
        assert!(corners[1][1] > 75 && corners[1][0] < 45, "{corners:?}");
    }

    #[test]
    fn words_are_outlined_where_they_stand_in_the_picture() {
        let regions = [region(&[40., 20., 140., 20., 140., 40., 40., 40.])];
        let shapes = [(-0.1, 1.0), (0.0, 1.0), (0.25, 1.0), (0.25, 1.4), (-0.1, 2.0)];
        for (margin, stretch) in shapes {
            let crop = &crop_regions(&gradient(), &regions, |_| true, Shape { margin, stretch })[0];
            let width = (100.0 + 40.0 * margin) * stretch;
            assert!((f64::from(crop.image.width()) - width).abs() <= 0.5, "{margin} {stretch}");
            // Ten characters over the crop's whole width, which the margin widens.
            let words = crop.words(&regions, &transcript("abcd fghij"), Confidence::Mean);
            assert_eq!(words.iter().map(TextInstance::text).collect::<Vec<_>>(), ["abcd", "fghij"]);
            let (first, second) = (words[0].region.polygon.bounds(), words[1].region.polygon.bounds());
            assert!(
                (first.x0 - 40.0).abs() < 0.01 && (second.x1 - 140.0).abs() < 0.01,
                "{first:?} {second:?}"
            );
            assert!((first.x1 - 80.0).abs() < 3.0 && (second.x0 - 90.0).abs() < 3.0, "{first:?} {second:?}");
            assert!((first.y0 - 20.0).abs() < 0.01 && (first.y1 - 40.0).abs() < 0.01, "{first:?}");
            assert_eq!(words[0].region.score, 0.75);
        }
    }

    #[test]
    fn a_word_whose_characters_stand_in_one_place_has_an_outline_all_the_same() {
        let regions = [region(&[40., 20., 140., 20., 140., 40., 40., 40.])];
        let crop = &crop_regions(&gradient(), &regions, |_| true, 0.0.into())[0];
        let mut transcript = transcript("ab cd ef");
        transcript.chars.iter_mut().for_each(|c| (c.start, c.end) = (0.5, 0.5));
        let words = crop.words(&regions, &transcript, Confidence::Mean);
        assert_eq!(words.iter().map(TextInstance::text).collect::<Vec<_>>(), ["ab", "cd", "ef"]);
    }

    #[test]
    fn a_word_alone_keeps_the_outline_of_its_region() {
        let regions = [region(&[40., 20., 90., 15., 140., 20., 140., 40., 40., 40.])];
        let crop = &crop_regions(&gradient(), &regions, |_| true, 0.1.into())[0];
        let words = crop.words(&regions, &transcript("word"), Confidence::Mean);
        assert_eq!(words[0].region, regions[0]);
    }

    #[test]
    fn gaps_are_columns_without_ink() {
        for [paper, ink] in [[250, 20], [30, 220]] {
            let mut image = Image::filled(120, 20, [paper; 3]).unwrap();
            for (x, y) in
                [10..30, 31..50, 60..110].into_iter().flatten().flat_map(|x| (8..12).map(move |y| (x, y)))
            {
                let at = (y * 120 + x) * 3;
                image.rgb_mut()[at..at + 3].fill(ink);
            }
            let quad = Quad::around(&region(&[0.0, 0.0, 120.0, 0.0, 120.0, 20.0, 0.0, 20.0]).polygon);
            let crop = crop(&image, 0, &quad, 0.0.into(), Turn::None).unwrap();
            let gap = |from: f32, to: f32| crop.widest_gap(from / 120.0, to / 120.0).unwrap();
            assert_eq!(
                [gap(20.0, 40.0), gap(40.0, 70.0), gap(70.0, 40.0), gap(65.0, 90.0)],
                [0.05, 0.5, 0.5, 0.0]
            );
        }
        let plain = Image::filled(40, 20, [200; 3]).unwrap();
        let quad = Quad::around(&region(&[0.0, 0.0, 40.0, 0.0, 40.0, 20.0, 0.0, 20.0]).polygon);
        assert_eq!(crop(&plain, 0, &quad, 0.0.into(), Turn::None).unwrap().widest_gap(0.2, 0.8), None);
    }

    #[test]
    fn regions_beyond_the_picture_and_slivers_do_no_harm() {
        for flat in [
            [300., 300., 400., 300., 400., 320., 300., 320.],
            [-50., -50., 20., -50., 20., 20., -50., 20.],
            [0., 0., 1e6, 0., 1e6, 1e-3, 0., 1e-3],
            [10., 10., 10.001, 10., 10.001, 10.001, 10., 10.001],
        ] {
            for crop in crop_regions(&gradient(), &[region(&flat)], |_| true, 0.1.into()) {
                assert!(crop.image.width() <= 8192 && crop.image.height() <= 8192);
            }
        }
    }
}
