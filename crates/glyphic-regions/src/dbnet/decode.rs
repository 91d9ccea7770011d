//! From a probability map to regions, on plain slices.

use glyphic_core::geometry::{Point, Polygon, min_area_rect, offset, order_quad, perimeter, signed_area};
use glyphic_core::{Detected, DropReason, Region};
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

#[cfg(test)]
mod tests {
    use super::*;
    use glyphic_imgproc::{fill_poly, pixels};
    use proptest::prelude::*;

    fn rectangle(centre: [f64; 2], [width, height]: [f64; 2], angle: f64) -> Vec<Point> {
        let (sin, cos) = angle.sin_cos();
        [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
            .map(|[x, y]| [x * width, y * height])
            .map(|[x, y]| Point::new(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos))
            .to_vec()
    }

    /// A ribbon along an arc, `n` vertices on either side.
    fn arc(centre: [f64; 2], radius: f64, height: f64, span: f64, n: usize) -> Vec<Point> {
        let side = |r: f64| {
            (0..n).map(move |i| {
                let angle = (i as f64 / (n - 1) as f64 - 0.5) * span;
                Point::new(centre[0] + r * angle.sin(), centre[1] - r * angle.cos())
            })
        };
        let mut lower: Vec<Point> = side(radius - height / 2.0).collect();
        lower.reverse();
        side(radius + height / 2.0).chain(lower).collect()
    }

    /// The probability map that perfect training would give: 1 over the shrunk text.
    fn rendered(outline: &[Point], side: usize) -> ProbabilityMap {
        const SHRINK_RATIO: f64 = 0.4;
        let distance = signed_area(outline).abs() * (1.0 - SHRINK_RATIO * SHRINK_RATIO) / perimeter(outline);
        let mut values = Map::filled(side, side, 0.0f32).unwrap();
        for piece in offset(outline, -distance) {
            fill_poly(&mut values, &pixels(&piece), 1.0);
        }
        ProbabilityMap { values, scale: [1.0, 1.0] }
    }

    fn iou(a: &[Point], b: &[Point]) -> f64 {
        glyphic_core::geometry::iou(a, b)
    }

    /// The inverse of rendering.
    fn inverse() -> DbDecodeConfig {
        DbDecodeConfig { unclip: DbUnclip::Shrunk(0.4), ..DbDecodeConfig::lite() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_rendered_rectangle_comes_back(
            width in 60.0..300.0f64,
            height in 60.0..140.0f64,
            angle in 0.0..std::f64::consts::PI,
            dx in 0.0..1.0f64,
        ) {
            let truth = rectangle([256.0 + dx, 256.0], [width, height], angle);
            let regions = inverse().decode(&rendered(&truth, 512));
            prop_assert_eq!(regions.len(), 1);
            let overlap = iou(regions[0].polygon.points(), &truth);
            prop_assert!(overlap > 0.9, "{} of {:?}", overlap, truth);
            prop_assert!(regions[0].score > 0.9);
        }

        #[test]
        fn a_rendered_arc_comes_back_as_a_polygon(
            radius in 120.0..220.0f64,
            height in 46.0..72.0f64,
            span in 0.8..2.5f64,
        ) {
            let truth = arc([256.0, 300.0], radius, height, span, 12);
            let config = DbDecodeConfig { outline: DbOutline::Polygon, ..inverse() };
            let regions = config.decode(&rendered(&truth, 512));
            prop_assert_eq!(regions.len(), 1);
            let overlap = iou(regions[0].polygon.points(), &truth);
            prop_assert!(overlap > 0.9, "{} of {:?}", overlap, truth);
        }

        #[test]
        fn no_map_breaks_the_decoder(values in prop::collection::vec(prop_oneof![0.0..1.0f32, Just(f32::NAN)], 1..300), width in 1usize..20) {
            let height = values.len().div_ceil(width);
            let mut values = values;
            values.resize(width * height, 0.9);
            let map = ProbabilityMap { values: Map::new(width, height, values).unwrap(), scale: [1.5, 0.5] };
            for outline in [DbOutline::Quad, DbOutline::Polygon, DbOutline::PolygonOfPixels] {
                let mmocr = DbDecodeConfig { outline, min_side: 0.0, ..DbDecodeConfig::default() };
                let ours = DbDecodeConfig { outline, min_side: 0.0, ..inverse() };
                for region in mmocr.decode(&map).into_iter().chain(ours.decode(&map)) {
                    prop_assert!((0.0..=1.0).contains(&region.score));
                }
            }
        }
    }

    #[test]
    fn regions_are_in_pixels_of_the_picture() {
        let truth = rectangle([100.0, 60.0], [120.0, 40.0], 0.0);
        let mut map = rendered(&truth, 256);
        let config = inverse();
        let plain = config.decode(&map);
        map.scale = [2.0, 3.0];
        let scaled = config.decode(&map);
        let expected = plain[0].polygon.map(|p| Point::new(p.x * 2.0, p.y * 3.0)).unwrap();
        assert_eq!(scaled[0].polygon, expected);
    }

    /// A line of text of this length and height through the middle of a map just large enough, and the map that shows it as a
    /// trained network does: 0.9 over the shrunk text, its border pixels by how much of them it covers.
    fn line(length: f64, height: f64, degrees: f64) -> (Vec<Point>, ProbabilityMap) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let [width, depth] = [length * cos + height * sin, length * sin + height * cos];
        let centre = [width / 2.0 + 20.3, depth / 2.0 + 20.6];
        let truth = rectangle(centre, [length, height], degrees.to_radians());
        let shrunk = 0.84 * length * height / (2.0 * (length + height));
        let half = [length / 2.0 - shrunk, height / 2.0 - shrunk];
        let mut values = Map::filled(width as usize + 41, depth as usize + 41, 0.01f32).unwrap();
        for y in 0..values.height() {
            let (mid_y, reach) = (y as f64 + 0.5 - centre[1], half[1] + 2.0);
            for (x, value) in values.row_mut(y).iter_mut().enumerate() {
                let mid_x = x as f64 + 0.5 - centre[0];
                let place = [mid_x * cos + mid_y * sin, mid_y * cos - mid_x * sin];
                if place[1].abs() > reach {
                    continue;
                }
                let covered = |axis: usize| (half[axis] + 0.5 - place[axis].abs()).clamp(0.0, 1.0);
                *value += (0.89 * covered(0) * covered(1)) as f32;
            }
        }
        (truth, ProbabilityMap { values, scale: [1.0, 1.0] })
    }

    #[test]
    fn lines_of_every_length_thickness_and_tilt_are_found_whole() {
        let config = DbDecodeConfig { min_score: 0.5, min_side: 3.0, ..inverse() };
        let share = DbDecodeConfig { rule: DbRule::Mmocr021, ..config.clone() };
        let mut lost_by_the_reference = 0;
        for length in [20.0, 60.0, 200.0, 700.0, 2000.0, 4000.0] {
            for height in [8.0, 10.0, 14.0, 20.0, 35.0, 60.0] {
                // Lines far longer than the diagonal of any page are looked at level.
                let tilts = [0.0, 0.3, 1.0, 5.0, 20.0, 45.0].iter().filter(|t| length < 1000.0 || **t < 2.0);
                for degrees in tilts.filter(|_| height <= length) {
                    let (truth, map) = line(length, height, *degrees);
                    let detected = config.decode_counted(&map);
                    let what = format!("{length} x {height} at {degrees}: {detected:?}");
                    assert_eq!(detected.regions.len(), 1, "{what}");
                    assert!(detected.dropped.is_empty(), "{what}");
                    let overlap = iou(detected.regions[0].polygon.points(), &truth);
                    // A kernel of one or two pixels cannot say exactly how high its line is.
                    let least = if height < 14.0 { 0.25 } else { 0.5 };
                    assert!(overlap > least, "{overlap}: {what}");
                    lost_by_the_reference += usize::from(share.decode(&map).is_empty());
                }
            }
        }
        assert!(lost_by_the_reference > 0, "the table must hold lines that the reference loses");
    }

    #[test]
    fn thin_kernels_are_found_however_thin() {
        for (width, rows) in [(20, 1), (20, 2), (400, 1), (4000, 1), (4000, 2), (4000, 3), (1, 40)] {
            let mut values = Map::filled(width + 20, rows + 20, 0.0f32).unwrap();
            for y in 10..10 + rows {
                values.row_mut(y)[10..10 + width].fill(0.9);
            }
            let map = ProbabilityMap { values, scale: [1.0, 1.0] };
            let config = DbDecodeConfig { min_side: 3.0, ..inverse() };
            let detected = config.decode_counted(&map);
            assert_eq!(detected.regions.len(), 1, "{width} x {rows}: {:?}", detected.dropped);
            let bounds = detected.regions[0].polygon.bounds();
            let (long, short) = (bounds.width().max(bounds.height()), bounds.width().min(bounds.height()));
            assert!(long >= width.max(rows) as f64 - 1.0 && short > 3.0, "{width} x {rows}: {bounds:?}");
        }
    }

    #[test]
    fn what_is_faint_small_or_beyond_the_limit_is_dropped() {
        let truth = rectangle([100.0, 60.0], [120.0, 40.0], 0.0);
        let map = rendered(&truth, 256);
        let faint = ProbabilityMap { values: map.values.map(|v| v * 0.35), ..map.clone() };
        let default = DbDecodeConfig::default();
        let table = [
            (&map, default.clone(), 1, None),
            (&faint, default.clone(), 1, None),
            (&faint, DbDecodeConfig { min_score: 0.36, ..default.clone() }, 0, Some(DropReason::LowScore)),
            (&faint, DbDecodeConfig { mask_threshold: 0.36, ..default.clone() }, 0, None),
            (&map, DbDecodeConfig { min_side: 60.0, ..default.clone() }, 0, Some(DropReason::TooSmall)),
            (&map, DbDecodeConfig { max_candidates: 0, ..default.clone() }, 0, Some(DropReason::TooMany)),
        ];
        for (map, config, expected, reason) in table {
            let detected = config.decode_counted(map);
            assert_eq!(detected.regions.len(), expected, "{config:?}");
            let dropped: Vec<_> = detected.dropped.iter().collect();
            assert_eq!(dropped, reason.map(|r| (r, 1)).into_iter().collect::<Vec<_>>(), "{config:?}");
        }
    }

    #[test]
    fn a_ring_keeps_its_outer_border() {
        let mut values = Map::filled(128, 128, 0.0f32).unwrap();
        for (x, y) in (20..100).flat_map(|y| (20..100).map(move |x| (x, y))) {
            let inside = (40..80).contains(&x) && (40..80).contains(&y);
            // Open on the right by few pixels, so that growing closes it.
            let gap = x >= 80 && (58..62).contains(&y);
            if !(inside || gap) {
                values.row_mut(y)[x] = 1.0;
            }
        }
        let map = ProbabilityMap { values, scale: [1.0, 1.0] };
        let config = DbDecodeConfig { outline: DbOutline::Polygon, ..DbDecodeConfig::default() };
        let regions = config.decode(&map);
        assert_eq!(regions.len(), 1);
        assert!(regions[0].polygon.bounds().width() > 80.0, "{:?}", regions[0].polygon.bounds());
    }
}
