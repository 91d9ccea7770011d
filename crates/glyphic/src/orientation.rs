//! Which way up a page stands: decided by quarter turns from what a few of its lines read like, and its skew from where they run.

use glyphic_core::{Image, Page, Point, Region, Transcript};
use glyphic_imgproc::{Border, Homography, QuarterTurn, rotate, warp_perspective};
use serde::{Deserialize, Serialize};

use crate::quad::Quad;

/// So many of a page's longest lines are read to tell which way up it stands.
const SAMPLE: usize = 8;

/// ... and of the largest regions, whatever their shape, where the lines do not tell.
const LARGEST: usize = 32;

/// Lines of a sample are so many times longer than high at least.
const LONG: f64 = 2.0;

/// Where less of a page's text runs to the right it may stand on its side.
pub(crate) const LEVEL: f64 = 0.5;

/// Where so much of it does, and it reads as [`LIKELY`] says, it does not.
pub(crate) const ALL_LEVEL: f64 = 0.9;

/// Level lines that read with this confidence and as so many letters at least. Of 67 pages and 50 scenes on their sides, turned either
/// way, what stands level reads with .22 at most where the look at the side finds text.
const LIKELY: f32 = 0.4;
const LIKELY_LETTERS: usize = 16;

/// A sample that reads with this confidence and as so many letters settles how its page stands. Lines of a page on its side are
/// found in pieces that read as a few letters, however surely.
const SURE: f32 = 0.65;
const SETTLED: usize = 40;

/// A sample that reads with this confidence and as [`SETTLED`] letters is not read upside down, too. Print that stands upside
/// down reads with .3 at most, on its side with .6.
const CERTAIN: f32 = 0.75;

/// Another way up than the likeliest beforehand has to read as so many times its letters, each counting by its confidence.
const MARGIN: f32 = 1.2;

/// ... and with this confidence at least.
const LEAST: f32 = 0.55;

/// A picture of so few regions is no page: where it reads surely as it stands, it stands so.
pub(crate) const SCENE: usize = 12;

/// A way up has to read as so many letters at least.
const LETTERS: usize = 8;

/// Fewer lines are no page, and no reason to look for one on its side.
pub(crate) const PAGE: usize = 4;

/// Text that runs up or down by fewer degrees is read as it stands.
const SKEW: f64 = 9.0;

/// Text that runs up or down by more degrees is not taken for skewed.
const MAX_SKEW: f64 = 44.0;

/// The directions of this share of the text lie within [`SPREAD`] degrees of a skewed page's.
const AGREE: f64 = 0.7;
const SPREAD: f64 = 4.0;

/// Which way up pages stand: decided for each, or known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Orientation {
    /// Decided for each page from what its lines read like.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Pages are read as they are.
    #[serde(rename = "keep")]
    Keep,
    /// Text stands upright.
    #[serde(rename = "0")]
    Upright,
    /// Text is turned by 90 degrees clockwise: it runs down.
    #[serde(rename = "90")]
    Clockwise,
    /// Text stands upside down.
    #[serde(rename = "180")]
    UpsideDown,
    /// Text is turned by 270 degrees clockwise: it runs up.
    #[serde(rename = "270")]
    CounterClockwise,
}

impl Orientation {
    /// The turn that is known; `None` where it is to be found out.
    pub(crate) fn turn(self) -> Option<Turn> {
        match self {
            Self::Auto => None,
            Self::Keep | Self::Upright => Some(Turn::None),
            Self::Clockwise => Some(Turn::Down),
            Self::UpsideDown => Some(Turn::Over),
            Self::CounterClockwise => Some(Turn::Up),
        }
    }
}

/// How a page stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Degrees clockwise by which its text is turned: 0, 90 (it runs down), 180 or 270.
    pub degrees: u16,
    /// How surely the lines that were looked at read that way, 0 to 1; 0 where hardly anything reads.
    pub confidence: f32,
}

/// How text stands: the direction in which its lines run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// To the right.
    #[default]
    None,
    /// Downwards: turned clockwise by 90 degrees.
    Down,
    /// To the left: upside down.
    Over,
    /// Upwards: turned clockwise by 270 degrees.
    Up,
}

impl Turn {
    /// Degrees clockwise.
    pub(crate) fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Down => 90,
            Self::Over => 180,
            Self::Up => 270,
        }
    }
}

/// What a sample of lines reads like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reading {
    /// Mean confidence, each line counting by its letters, and an empty one as one letter of none.
    pub(crate) score: f32,
    letters: usize,
}

impl Reading {
    pub(crate) fn of<'a>(transcripts: impl IntoIterator<Item = &'a Transcript>) -> Self {
        let (mut sum, mut letters, mut weight) = (0.0, 0, 0);
        for transcript in transcripts {
            let count = transcript.text.chars().filter(|c| c.is_alphanumeric()).count();
            letters += count;
            weight += count.max(1);
            sum += surety(transcript) * count as f32;
        }
        Self { score: if weight > 0 { sum / weight as f32 } else { 0.0 }, letters }
    }

    /// How sure it is, where there are letters enough to say so.
    pub(crate) fn confidence(self) -> f32 {
        if self.letters >= LETTERS { self.score } else { 0.0 }
    }

    /// Whether it reads surely.
    pub(crate) fn is_sure(self) -> bool {
        self.score >= SURE && self.letters >= LETTERS
    }

    /// Whether it reads as text does that stands level.
    pub(crate) fn is_likely(self) -> bool {
        self.score >= LIKELY && self.letters >= LIKELY_LETTERS
    }

    /// Whether a page stands as it was read.
    pub(crate) fn settles(self) -> bool {
        self.is_sure() && self.letters >= SETTLED
    }

    /// Whether the same lines upside down need not be read.
    pub(crate) fn is_certain(self) -> bool {
        self.score >= CERTAIN && self.letters >= SETTLED
    }

    /// Its letters, each counting by its confidence; none where they are too few to tell anything.
    fn weight(self) -> f32 {
        if self.letters >= LETTERS { self.score * self.letters as f32 } else { 0.0 }
    }
}

/// The way in which a page reads as most, and most surely. The first is the likeliest beforehand: another one has to read as
/// [`MARGIN`] times as much.
pub(crate) fn clearest<const N: usize>(ways: [(Turn, Reading); N]) -> (Turn, Reading) {
    let likeliest = ways[0];
    let sure = ways.into_iter().filter(|(_, reading)| reading.score >= LEAST);
    let better = |best: (Turn, Reading), way: (Turn, Reading)| {
        if way.1.weight() > best.1.weight() { way } else { best }
    };
    let best = sure.fold(likeliest, better);
    if best.1.weight() > MARGIN * likeliest.1.weight() { best } else { likeliest }
}

/// The share of the text that runs to the right, by the length of its lines; 1 where there are none.
pub(crate) fn level_share(regions: &[Region]) -> f64 {
    let (mut level, mut all) = (0.0, 0.0);
    for region in regions {
        let quad = Quad::around(&region.polygon);
        let (width, height) = (quad.width(), quad.height());
        if width.max(height) >= LONG * width.min(height) {
            all += width.max(height);
            level += if width > height { width } else { 0.0 };
        }
    }
    if all > 0.0 { level / all } else { 1.0 }
}

/// How sure the characters of a line are on average: its own confidence is that of its weakest word, which says little of
/// a long line.
pub(crate) fn surety(transcript: &Transcript) -> f32 {
    match transcript.chars.len() {
        0 => transcript.score,
        count => transcript.chars.iter().map(|c| c.score).sum::<f32>() / count as f32,
    }
}

/// Indices of the longest lines among the regions, in order.
pub(crate) fn sample(regions: &[Region]) -> Vec<usize> {
    let mut lines: Vec<(usize, f64)> = regions
        .iter()
        .enumerate()
        .filter_map(|(i, region)| {
            let quad = Quad::around(&region.polygon);
            let (long, short) = (quad.width().max(quad.height()), quad.width().min(quad.height()));
            (long >= LONG * short).then_some((i, long))
        })
        .collect();
    lines.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut sample: Vec<usize> = lines.into_iter().take(SAMPLE).map(|(i, _)| i).collect();
    sample.sort_unstable();
    sample
}

/// Indices of the regions of the largest area, in order.
pub(crate) fn largest(regions: &[Region]) -> Vec<usize> {
    let mut largest: Vec<(usize, f64)> =
        regions.iter().enumerate().map(|(i, region)| (i, region.polygon.area())).collect();
    largest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    largest.truncate(LARGEST);
    let mut largest: Vec<usize> = largest.into_iter().map(|(i, _)| i).collect();
    largest.sort_unstable();
    largest
}

/// A picture whose text stands upright, and the way back.
#[derive(Debug)]
pub(crate) struct Upright {
    pub(crate) image: Image,
    /// From its pixels to those of the picture it was made of.
    back: Homography,
}

impl Upright {
    /// A picture turned back by quarters.
    pub(crate) fn turned(image: &Image, turn: Turn) -> Option<Self> {
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        // Where the corners of the picture that is made come from: top left, top right, bottom right, bottom left.
        let (image, from) = match turn {
            Turn::None => (image.clone(), [(0., 0.), (w, 0.), (w, h), (0., h)]),
            Turn::Down => {
                (rotate(image, QuarterTurn::CounterClockwise), [(w, 0.), (w, h), (0., h), (0., 0.)])
            }
            Turn::Over => (rotate(image, QuarterTurn::Half), [(w, h), (0., h), (0., 0.), (w, 0.)]),
            Turn::Up => (rotate(image, QuarterTurn::Clockwise), [(0., h), (0., 0.), (w, 0.), (w, h)]),
        };
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let back = Homography::from_quads(corners(w, h), from.map(|(x, y)| Point::new(x, y))).ok()?;
        Some(Self { image, back })
    }

    /// A picture turned back by an angle in degrees clockwise, on paper large enough for all of it; `None` where that would be
    /// larger than pictures may be.
    pub(crate) fn level(image: &Image, degrees: f64) -> Option<Self> {
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (wide, high) = ((w * cos.abs() + h * sin.abs()).round(), (w * sin.abs() + h * cos.abs()).round());
        let around = |p: Point| {
            let (x, y) = (p.x - wide / 2.0, p.y - high / 2.0);
            Point::new(x * cos - y * sin + w / 2.0, x * sin + y * cos + h / 2.0)
        };
        let back = Homography::from_quads(corners(wide, high), corners(wide, high).map(around)).ok()?;
        let border = Border::Constant(paper(image));
        let image = warp_perspective(image, &back.inverse()?, wide as u32, high as u32, border).ok()?;
        Some(Self { image, back })
    }

    /// A page of this picture in pixels of the one it was made of, whose size is given.
    pub(crate) fn give_back(&self, mut page: Page, width: u32, height: u32) -> Page {
        (page.width, page.height) = (width, height);
        for polygon in page.outlines_mut() {
            if let Ok(moved) = polygon.map(|p| self.back.apply(p)) {
                *polygon = moved;
            }
        }
        page
    }
}

fn corners(w: f64, h: f64) -> [Point; 4] {
    [(0., 0.), (w, 0.), (w, h), (0., h)].map(|(x, y)| Point::new(x, y))
}

/// The colour of a picture's edge: the median of its border by channel.
fn paper(image: &Image) -> [u8; 3] {
    let (w, h) = (image.width(), image.height());
    let edge: Vec<[u8; 3]> = (0..w)
        .flat_map(|x| [image.pixel(x, 0), image.pixel(x, h - 1)])
        .chain((0..h).flat_map(|y| [image.pixel(0, y), image.pixel(w - 1, y)]))
        .collect();
    std::array::from_fn(|channel| {
        let mut values: Vec<u8> = edge.iter().map(|p| p[channel]).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(255)
    })
}

/// The angle in degrees, clockwise, by which a page's text is skewed; `None` for text that is level, nearly so, or runs
/// here and there.
pub(crate) fn skew(regions: &[Region]) -> Option<f64> {
    let mut angles: Vec<(f64, f64)> = regions
        .iter()
        .map(|region| Quad::around(&region.polygon))
        .filter(|quad| quad.width() >= LONG * quad.height())
        .map(|quad| {
            let (a, b) = (quad.start(), quad.end());
            ((b.y - a.y).atan2(b.x - a.x).to_degrees(), quad.width() - quad.height())
        })
        .collect();
    angles.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = angles.iter().map(|(_, weight)| weight).sum();
    let mut seen = 0.0;
    let (median, _) = *angles.iter().find(|(_, weight)| {
        seen += weight;
        seen >= whole / 2.0
    })?;
    let agree: f64 =
        angles.iter().filter(|(angle, _)| (angle - median).abs() <= SPREAD).map(|(_, weight)| weight).sum();
    (angles.len() >= PAGE && (SKEW..=MAX_SKEW).contains(&median.abs()) && agree >= AGREE * whole)
        .then_some(median)
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Polygon, Rect, TextInstance};

    use super::*;

    fn region([x, y, w, h]: [f64; 4], degrees: f64) -> Region {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let polygon = Polygon::from_rect(Rect { x0: x, y0: y, x1: x + w, y1: y + h }).unwrap();
        let polygon = polygon.map(|p| Point::new(p.x * cos - p.y * sin, p.x * sin + p.y * cos)).unwrap();
        Region { polygon, score: 0.9 }
    }

    fn read(text: &str, score: f32) -> Transcript {
        Transcript { text: text.to_owned(), score, ..Transcript::default() }
    }

    #[test]
    fn the_longest_lines_whatever_their_direction_are_the_sample() {
        let sizes = [[0., 0., 20., 20.], [0., 40., 90., 20.], [0., 80., 20., 200.], [0., 120., 60., 20.]];
        let mut regions: Vec<Region> = sizes.iter().map(|s| region(*s, 0.0)).collect();
        assert_eq!(sample(&regions), [1, 2, 3]);
        regions.extend((0..7).map(|i| region([0., 200. + 30. * f64::from(i), 300., 20.], 0.0)));
        assert_eq!(sample(&regions), [2, 4, 5, 6, 7, 8, 9, 10]);
        assert!(sample(&[]).is_empty());
    }

    #[test]
    fn the_way_up_that_reads_as_most_and_most_surely_wins_and_the_first_in_doubt() {
        let junk = Reading::of(&[read("wozt peaj", 0.3), read("", 0.0)]);
        let text = Reading::of(&[read("read from", 0.9), read("below", 0.8)]);
        let few = Reading::of(&[read("69", 0.9)]);
        let pieces = Reading::of(&[read("SOSNOHIS", 0.99)]);
        let turn = |ways: [Reading; 2]| clearest([(Turn::None, ways[0]), (Turn::Over, ways[1])]).0;
        assert_eq!(turn([text, junk]), Turn::None);
        assert_eq!(turn([junk, text]), Turn::Over);
        assert_eq!(turn([Reading::of(&[read("readablelike", 0.9)]), text]), Turn::None, "both read well");
        assert_eq!(turn([pieces, text]), Turn::Over, "surer, but less");
        assert_eq!(turn([few, text]), Turn::Over);
        assert_eq!(turn([junk, few]), Turn::None, "too few letters");
        assert_eq!(turn([Reading::default(); 2]), Turn::None);
        assert_eq!((few.confidence(), Reading::of(&[]).score), (0.0, 0.0));
        assert!(!text.settles() && Reading::of(&[read(&"read".repeat(10), 0.7)]).settles());
        let certain = |score, times| Reading::of(&[read(&"read".repeat(times), score)]).is_certain();
        assert!(certain(0.8, 10) && !certain(0.7, 10) && !certain(0.99, 9));
    }

    #[test]
    fn the_share_of_level_text_is_by_length() {
        let regions = [
            region([0., 0., 300., 20.], 0.0),
            region([0., 40., 20., 20.], 0.0),
            region([0., 80., 20., 100.], 0.0),
        ];
        assert_eq!(level_share(&regions), 0.75);
        assert_eq!(level_share(&regions[1..]), 0.0);
        assert_eq!(level_share(&[]), 1.0);
    }

    #[test]
    fn skew_is_the_direction_of_most_text() {
        let lines = |degrees: f64| -> Vec<Region> {
            (0..6).map(|i| region([100., 40. * f64::from(i), 200., 20.], degrees)).collect()
        };
        for degrees in [-20.0, 12.0, 40.0] {
            let found = skew(&lines(degrees)).unwrap();
            assert!((found - degrees).abs() < 1e-6, "{found}");
        }
        assert_eq!(skew(&lines(7.0)), None, "read as it stands");
        let mut crossed = lines(12.0);
        crossed.extend(lines(-12.0));
        assert_eq!(skew(&crossed), None);
        assert_eq!(skew(&lines(15.0)[..2]), None);
        assert_eq!(skew(&[]), None);
    }

    #[test]
    fn a_page_comes_back_in_the_pixels_of_the_original() {
        // A red dot at (30, 12) of 100 x 60.
        let mut image = Image::filled(100, 60, [255; 3]).unwrap();
        image.rgb_mut()[(12 * 100 + 30) * 3..][..3].copy_from_slice(&[255, 0, 0]);
        for turn in [Turn::None, Turn::Down, Turn::Over, Turn::Up] {
            let upright = Upright::turned(&image, turn).unwrap();
            let (w, h) = (upright.image.width(), upright.image.height());
            let at = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
            let (x, y) = at.clone().find(|(x, y)| upright.image.pixel(*x, *y) == [255, 0, 0]).unwrap();
            let (x, y) = (f64::from(x), f64::from(y));
            let mut page = Page::new(w, h);
            let polygon = Polygon::from_rect(Rect { x0: x, y0: y, x1: x + 1.0, y1: y + 1.0 }).unwrap();
            page.instances.push(TextInstance::new(Region { polygon, score: 1.0 }));
            let page = upright.give_back(page, 100, 60);
            let b = page.instances[0].region.polygon.bounds();
            let found = [b.x0, b.y0, b.x1, b.y1].map(f64::round);
            assert_eq!(found, [30.0, 12.0, 31.0, 13.0], "{turn:?}");
            assert_eq!((page.width, page.height), (100, 60));
        }
    }

    #[test]
    fn a_levelled_picture_holds_all_of_the_skewed_one_and_leads_back() {
        let mut image = Image::filled(200, 100, [250; 3]).unwrap();
        for y in 48..53 {
            for x in 98..103 {
                image.rgb_mut()[(y * 200 + x) * 3..][..3].fill(0);
            }
        }
        let upright = Upright::level(&image, 15.0).unwrap();
        assert!(upright.image.width() > 200 && upright.image.height() > 100);
        assert_eq!(upright.image.pixel(0, 0), [250; 3]);
        let (x, y) = (f64::from(upright.image.width()) / 2.0, f64::from(upright.image.height()) / 2.0);
        assert_eq!(upright.image.pixel(x as u32, y as u32), [0; 3]);
        let middle = upright.back.apply(Point::new(x, y));
        assert!(middle.distance(Point::new(100.0, 50.0)) < 1.0, "{middle:?}");
        // A line that runs down by 15 degrees runs level.
        let (sin, cos) = 15f64.to_radians().sin_cos();
        let (a, b) = (upright.back.apply(Point::new(0.0, y)), upright.back.apply(Point::new(100.0, y)));
        assert!((b.x - a.x - 100.0 * cos).abs() < 1e-6 && (b.y - a.y - 100.0 * sin).abs() < 1e-6);
    }
}
