//! From a probability map to regions, and from the regions of several passes over a picture to one list, on plain slices.

use glyphic_core::geometry::{
    Point, Polygon, intersection_area, min_area_rect, offset, order_quad, perimeter, signed_area,
};
use glyphic_core::{Detected, DropReason, Region, Replaced};
use glyphic_imgproc::{
    Approximation, Map, Pixel, Retrieval, approx_poly_dp, arc_length, find_contours, points, polygon_mean,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The outline that a detection gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbOutline {
    /// The rectangle of least area around the text, at any angle: four vertices, the top-left one first.
    Quad,
    /// The grown contour itself, which follows curved text.
    Polygon,
    /// What MMOCR 0.2.1 returns for polygons: it draws the grown contour's vertices as single pixels and traces the
    /// lowest group of them, so that nearly every text is lost. For comparisons only.
    PolygonOfPixels,
}

/// How far a contour grows to become the outline of the text: the network sees shrunk texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbUnclip {
    /// By area times this over perimeter, as the paper has it. Long texts come out thinner than they were.
    Ratio(f64),
    /// So far that shrinking by this ratio (0.4 in training) would give the contour: exact for rectangles.
    Shrunk(f64),
}

/// What is done where MMOCR 0.2.1 loses text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbRule {
    /// A contour is simplified by less than a pixel however long it is, and one of which fewer than four vertices are left
    /// becomes its smallest rectangle.
    #[default]
    Right,
    /// A contour is simplified by a share of its length without a limit, and dropped where fewer than four vertices are
    /// left: long thin lines vanish.
    Mmocr021,
}

/// How regions are read off the probability map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbDecodeConfig {
    /// A pixel is text where its probability is above this, 0 to 1.
    pub mask_threshold: f32,
    /// Regions whose mean probability is below this are dropped, 0 to 1.
    pub min_score: f64,
    /// Regions whose shorter side is not longer than this are dropped, in pixels of the map.
    pub min_side: f64,
    /// A contour is simplified as long as it strays from itself by no more than this share of its length, and by no more
    /// than three quarters of a pixel (see `rule`).
    pub simplification: f64,
    /// How far contours grow.
    pub unclip: DbUnclip,
    /// The most contours looked at.
    pub max_candidates: usize,
    /// The outline returned.
    pub outline: DbOutline,
    /// What is done where the reference loses text.
    pub rule: DbRule,
}

impl Default for DbDecodeConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self {
            mask_threshold: 0.3,
            min_score: 0.3,
            min_side: 5.0,
            simplification: 0.01,
            unclip: DbUnclip::Ratio(1.5),
            max_candidates: 3000,
            outline: DbOutline::Quad,
            rule: DbRule::Right,
        }
    }
}

/// A map of text probabilities, 0 to 1, and how it lies over the picture it was computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbabilityMap {
    /// One probability a pixel.
    pub values: Map<f32>,
    /// Pixels of the picture a pixel of the map, horizontally and vertically.
    pub scale: [f64; 2],
}

/// Steps a pixel in which an outline grows by [`DbUnclip::Shrunk`]. Whole pixels, as in the reference, cost a tenth of
/// a small text's height.
const SUBPIXELS: f64 = 8.0;

/// A contour strays by no more than this from what it is simplified to, in pixels of the map. The kernels of small print are
/// two pixels high: a whole pixel would flatten them.
const MAX_DEVIATION: f64 = 0.75;

/// An outline of fewer vertices has no area to speak of.
const MIN_VERTICES: usize = 4;

/// A row of single pixels is one pixel thick, although its contour has no area.
const MIN_THICKNESS: f64 = 1.0;

impl DbUnclip {
    /// The outline grown; in several pieces where it closes to a ring.
    pub fn grow(self, outline: &[Point]) -> Vec<Vec<Point>> {
        let (area, length) = (signed_area(outline).abs(), perimeter(outline));
        match self {
            Self::Ratio(ratio) => offset(outline, area * ratio / length),
            Self::Shrunk(ratio) => {
                // A rectangle that grows by d has the area A + L d + 4 d^2 and the perimeter L + 8 d; it shrinks by
                // k times area over perimeter, k = 1 - ratio^2. Solved for d.
                let k = 1.0 - ratio * ratio;
                let (a, b, c) = (8.0 - 4.0 * k, length * (1.0 - k), k * area);
                let distance = ((b * b + 4.0 * a * c).sqrt() - b) / (2.0 * a);
                let scaled = |outline: &[Point], by: f64| -> Vec<Point> {
                    outline.iter().map(|p| Point::new(p.x * by, p.y * by)).collect()
                };
                let grown = offset(&scaled(outline, SUBPIXELS), distance * SUBPIXELS);
                grown.iter().map(|piece| scaled(piece, 1.0 / SUBPIXELS)).collect()
            }
        }
    }
}

impl DbDecodeConfig {
    /// The values of the default detector.
    pub fn lite() -> Self {
        Self {
            // At MMOCR's 0.01 the kernels of lines longer than some twenty times their height collapse.
            simplification: 0.002,
            unclip: DbUnclip::Shrunk(0.4),
            // Of scores from 0.60 to 0.66 the best for words (validation packs).
            mask_threshold: 0.4,
            min_score: 0.66,
            ..Self::default()
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let shares =
            [("decode.mask_threshold", f64::from(self.mask_threshold)), ("decode.min_score", self.min_score)];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        let sizes = [("decode.min_side", self.min_side), ("decode.simplification", self.simplification)];
        if let Some((field, value)) = sizes.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            return Err(Error::config(field, value, "a number from 0 on"));
        }
        match self.unclip {
            DbUnclip::Ratio(ratio) if !(0.0..=100.0).contains(&ratio) => {
                Err(Error::config("decode.unclip.ratio", ratio, "a number from 0 to 100"))
            }
            DbUnclip::Shrunk(ratio) if !(0.0..=1.0).contains(&ratio) => {
                Err(Error::config("decode.unclip.shrunk", ratio, "a number from 0 to 1"))
            }
            _ => Ok(()),
        }
    }

    /// The regions of a map in pixels of the picture, in the order in which their contours are traced: the lowest
    /// first.
    pub fn decode(&self, map: &ProbabilityMap) -> Vec<Region> {
        self.decode_counted(map).regions
    }

    /// As [`DbDecodeConfig::decode`], with the number of contours that are no regions.
    pub fn decode_counted(&self, map: &ProbabilityMap) -> Detected {
        let [scale_x, scale_y] = map.scale;
        let mask = map.values.above(self.mask_threshold);
        let contours = find_contours(&mask, Retrieval::List, Approximation::Simple);
        let mut detected = Detected::default();
        detected.dropped.add_many(DropReason::TooMany, contours.len().saturating_sub(self.max_candidates));
        for contour in contours.iter().take(self.max_candidates) {
            let region = self.region(&map.values, &contour.points).and_then(|(outline, score)| {
                let scaled = outline.iter().map(|p| Point::new(p.x * scale_x, p.y * scale_y)).collect();
                let polygon = Polygon::new(scaled).map_err(|_| DropReason::NoOutline)?;
                Ok(Region { polygon, score: score as f32 })
            });
            match region {
                Ok(region) => detected.regions.push(region),
                Err(reason) => detected.dropped.add(reason),
            }
        }
        detected
    }

    /// The grown outline of a contour in pixels of the map, and its score; why it is no region where it is none.
    fn region(&self, values: &Map<f32>, contour: &[Pixel]) -> Result<(Vec<Point>, f64), DropReason> {
        let tolerance = self.simplification * arc_length(contour);
        let tolerance = match self.rule {
            DbRule::Right => tolerance.min(MAX_DEVIATION),
            DbRule::Mmocr021 => tolerance,
        };
        let simple = approx_poly_dp(contour, tolerance);
        let rectangle = || thick_rectangle(&points(contour)).ok_or(DropReason::NoOutline);
        let (kernel, scored) = match self.rule {
            DbRule::Right if simple.len() < MIN_VERTICES || is_thread(&simple, contour) => {
                (rectangle()?, contour)
            }
            DbRule::Mmocr021 if simple.len() < MIN_VERTICES => return Err(DropReason::NoOutline),
            _ => (points(&simple), simple.as_slice()),
        };
        let score = polygon_mean(values, scored).ok_or(DropReason::NoOutline)?;
        if score.is_nan() || score < self.min_score {
            return Err(DropReason::LowScore);
        }
        // Of a ring the largest piece is the text, the other one its hole.
        let grown = self
            .unclip
            .grow(&kernel)
            .into_iter()
            .max_by(|a, b| signed_area(a).abs().total_cmp(&signed_area(b).abs()))
            .ok_or(DropReason::NoOutline)?;
        if self.outline == DbOutline::PolygonOfPixels {
            return Ok((lowest_group_of_pixels(&grown).ok_or(DropReason::NoOutline)?, score));
        }
        let rect = min_area_rect(&grown).ok_or(DropReason::NoOutline)?;
        if rect.width.min(rect.height) <= self.min_side {
            return Err(DropReason::TooSmall);
        }
        let outline = match self.outline {
            DbOutline::Quad => order_quad(rect.corners).to_vec(),
            _ => grown,
        };
        Ok((outline, score))
    }
}

/// Whether a contour is a straight row of pixels that its simplified outline makes thinner than a pixel, as that of a low line
/// that is slightly tilted.
fn is_thread(simple: &[Pixel], contour: &[Pixel]) -> bool {
    let outline = points(simple);
    if 2.0 * signed_area(&outline).abs() >= MIN_THICKNESS * perimeter(&outline) {
        return false;
    }
    min_area_rect(&points(contour)).is_some_and(|rect| rect.width.min(rect.height) <= 4.0 * MIN_THICKNESS)
}

/// The smallest rectangle around a contour at any angle, at least [`MIN_THICKNESS`] on either side.
fn thick_rectangle(contour: &[Point]) -> Option<Vec<Point>> {
    let corners = match min_area_rect(contour) {
        Some(rect) => rect.corners,
        None => [*contour.first()?; 4],
    };
    let [a, b, _, d] = corners;
    let centre = Point::new(
        corners.iter().map(|p| p.x).sum::<f64>() / 4.0,
        corners.iter().map(|p| p.y).sum::<f64>() / 4.0,
    );
    let (width, height) = (a.distance(b), a.distance(d));
    // Along the longer side; a point has no direction, and neither has a side of no length.
    let (from, to, length) = if width >= height { (a, b, width) } else { (a, d, height) };
    let u = match length > 0.0 {
        true => Point::new((to.x - from.x) / length, (to.y - from.y) / length),
        false => Point::new(1.0, 0.0),
    };
    let half = |side: f64| side.max(MIN_THICKNESS) / 2.0;
    let (along, across) = (half(width.max(height)), half(width.min(height)));
    let corner = |x: f64, y: f64| Point::new(centre.x + x * u.x - y * u.y, centre.y + x * u.y + y * u.x);
    Some(vec![corner(-along, -across), corner(along, -across), corner(along, across), corner(-along, across)])
}

/// The vertices as single pixels, and of those the group that comes last from top to bottom, traced: the reference's
/// defect. `None` where the group has fewer than four contour points, which is nearly always.
fn lowest_group_of_pixels(vertices: &[Point]) -> Option<Vec<Point>> {
    let size = |axis: fn(&Point) -> f64| vertices.iter().map(axis).fold(0.0, f64::max) as i64 + 10;
    let (width, height) = (size(|p| p.x), size(|p| p.y));
    let mut mask = Map::filled(width as usize, height as usize, 0u8).ok()?;
    for p in vertices {
        // Negative coordinates count from the other side, as they do in the reference.
        let (x, y) = ((p.x as i64).rem_euclid(width), (p.y as i64).rem_euclid(height));
        mask.row_mut(y as usize)[x as usize] = 1;
    }
    let groups = find_contours(&mask, Retrieval::External, Approximation::Simple);
    groups.first().filter(|group| group.points.len() >= 4).map(|group| points(&group.points))
}

/// A coarse region of which finer regions cover this share of the area is a block of smaller text.
const BLOCK: f64 = 0.5;

/// A finer region at least this high, in heights of the coarse one, that lies half inside it is the same text.
const SAME_HEIGHT: f64 = 0.5;

/// A finer region lies inside a coarse one with this share of its area.
const INSIDE: f64 = 0.5;

/// So many regions inside a coarse one that are this many times longer than high are lines, not pieces of letters.
const LINES: usize = 3;
const LINE_ASPECT: f64 = 2.5;

/// A line lower than this, in heights of the coarse region that it lies in, and shorter than this, in its widths, is no stroke of its
/// letters: a label beside a ring that looks like an O.
const SMALL_LINE: f64 = 0.3;
const SMALL_WIDTH: f64 = 0.35;

/// So many regions of about one height, one below another in a coarse region higher than wide, are a column, of numbers mostly, and
/// not the pieces of one large text.
const COLUMN: usize = 3;
const COLUMN_ASPECT: f64 = 1.5;

/// The heights of a column's regions differ by so much of their median at most, and their gaps are at least so much of it. That holds
/// for so many of them: two rows may have been found as one, and a mark may stand beside a row.
const COLUMN_HEIGHTS: f64 = 0.35;
const COLUMN_GAP: f64 = 0.1;
const COLUMN_SHARE: f64 = 0.75;

/// For text too large for the pass before: adds those regions of a pass at a smaller scale, the coarse ones, that are at least `least`
/// pixels high and not found yet. Finer regions inside them were pieces of their letters, but for small lines; they are given
/// beside.
pub fn add_large(fine: Vec<Region>, coarse: Vec<Region>, least: f64) -> (Vec<Region>, Vec<Replaced>) {
    let (mut kept, mut replaced) = (fine, Vec::new());
    for region in coarse {
        let height = height(&region);
        if height < least {
            continue;
        }
        let area = region.polygon.area();
        let shared: Vec<f64> = kept
            .iter()
            .map(|fine| match apart(fine, &region) {
                true => 0.0,
                false => intersection_area(fine.polygon.points(), region.polygon.points()),
            })
            .collect();
        let inside = |i: usize| shared[i] > INSIDE * kept[i].polygon.area();
        let same = |i: usize| {
            self::height(&kept[i]) >= SAME_HEIGHT * height && (inside(i) || shared[i] > INSIDE * area)
        };
        let lines = (0..kept.len()).filter(|i| inside(*i) && is_line(&kept[*i])).count();
        let column =
            || is_column(&region, kept.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, r)| r));
        if lines >= LINES
            || column()
            || shared.iter().sum::<f64>() > BLOCK * area
            || (0..kept.len()).any(same)
        {
            continue;
        }
        let small_line = |i: usize| {
            let (line, large) = (kept[i].polygon.bounds(), region.polygon.bounds());
            line.width() >= LINE_ASPECT * line.height()
                && line.height() < SMALL_LINE * height
                && line.width() < SMALL_WIDTH * large.width()
        };
        let stays: Vec<bool> = (0..kept.len()).map(|i| !inside(i) || small_line(i)).collect();
        let mut stays = stays.into_iter();
        let pieces: Vec<Region> = kept.extract_if(.., |_| !stays.next().unwrap_or(true)).collect();
        kept.push(region.clone());
        if !pieces.is_empty() {
            replaced.push(Replaced { by: region, pieces });
        }
    }
    (kept, replaced)
}

/// The shorter side of the smallest rectangle around a region.
fn height(region: &Region) -> f64 {
    min_area_rect(region.polygon.points()).map_or(0.0, |rect| rect.width.min(rect.height))
}

fn is_line(region: &Region) -> bool {
    min_area_rect(region.polygon.points())
        .is_some_and(|rect| rect.width.max(rect.height) >= LINE_ASPECT * rect.width.min(rect.height))
}

/// Whether the regions inside a coarse one stand one below another as lines do.
fn is_column<'r>(coarse: &Region, inside: impl Iterator<Item = &'r Region>) -> bool {
    let bounds = coarse.polygon.bounds();
    if bounds.height() < COLUMN_ASPECT * bounds.width() {
        return false;
    }
    let mut rows: Vec<_> = inside.map(|r| r.polygon.bounds()).collect();
    if rows.len() < COLUMN {
        return false;
    }
    let mut heights: Vec<f64> = rows.iter().map(glyphic_core::Rect::height).collect();
    heights.sort_by(f64::total_cmp);
    let median = heights[heights.len() / 2];
    let most = |fitting: usize, of: usize| fitting as f64 >= COLUMN_SHARE * of as f64;
    let found = rows.len();
    rows.retain(|row| (row.height() - median).abs() <= COLUMN_HEIGHTS * median);
    if rows.len() < COLUMN || !most(rows.len(), found) {
        return false;
    }
    rows.sort_by(|a, b| a.y0.total_cmp(&b.y0));
    let apart = rows.windows(2).filter(|pair| pair[1].y0 - pair[0].y1 >= COLUMN_GAP * median).count();
    most(apart, rows.len() - 1)
}

fn apart(a: &Region, b: &Region) -> bool {
    let (a, b) = (a.polygon.bounds(), b.polygon.bounds());
    a.x1 <= b.x0 || b.x1 <= a.x0 || a.y1 <= b.y0 || b.y1 <= a.y0
}
