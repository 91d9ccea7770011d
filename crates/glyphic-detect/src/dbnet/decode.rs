//! From a probability map to regions, on plain slices.

use glyphic_core::Region;
use glyphic_core::geometry::{Point, Polygon, min_area_rect, offset, order_quad, perimeter, signed_area};
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
    /// A contour is simplified as long as it strays from itself by no more than this share of its length.
    pub simplification: f64,
    /// How far contours grow.
    pub unclip: DbUnclip,
    /// The most contours looked at.
    pub max_candidates: usize,
    /// The outline returned.
    pub outline: DbOutline,
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

impl DbUnclip {
    /// The outline grown; in several pieces where it closes to a ring.
    fn grow(self, outline: &[Point]) -> Vec<Vec<Point>> {
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
    pub(super) fn validate(&self) -> Result<()> {
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
        let [scale_x, scale_y] = map.scale;
        let mask = map.values.above(self.mask_threshold);
        find_contours(&mask, Retrieval::List, Approximation::Simple)
            .iter()
            .take(self.max_candidates)
            .filter_map(|contour| {
                let (outline, score) = self.region(&map.values, &contour.points)?;
                let scaled = outline.iter().map(|p| Point::new(p.x * scale_x, p.y * scale_y)).collect();
                Some(Region { polygon: Polygon::new(scaled).ok()?, score: score as f32 })
            })
            .collect()
    }

    /// The grown outline of a contour in pixels of the map, and its score; `None` where it is no text.
    fn region(&self, values: &Map<f32>, contour: &[Pixel]) -> Option<(Vec<Point>, f64)> {
        let simple = approx_poly_dp(contour, self.simplification * arc_length(contour));
        if simple.len() < 4 {
            return None;
        }
        let score = polygon_mean(values, &simple)?;
        if score.is_nan() || score < self.min_score {
            return None;
        }
        // Of a ring the largest piece is the text, the other one its hole.
        let grown = self
            .unclip
            .grow(&points(&simple))
            .into_iter()
            .max_by(|a, b| signed_area(a).abs().total_cmp(&signed_area(b).abs()))?;
        if self.outline == DbOutline::PolygonOfPixels {
            return Some((lowest_group_of_pixels(&grown)?, score));
        }
        let rect = min_area_rect(&grown)?;
        if rect.width.min(rect.height) <= self.min_side {
            return None;
        }
        let outline = match self.outline {
            DbOutline::Quad => order_quad(rect.corners).to_vec(),
            _ => grown,
        };
        Some((outline, score))
    }
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
        DbDecodeConfig { unclip: DbUnclip::Shrunk(0.4), ..crate::DbNetConfig::lite().decode }
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

    #[test]
    fn what_is_faint_small_or_beyond_the_limit_is_dropped() {
        let truth = rectangle([100.0, 60.0], [120.0, 40.0], 0.0);
        let map = rendered(&truth, 256);
        let faint = ProbabilityMap { values: map.values.map(|v| v * 0.35), ..map.clone() };
        let default = DbDecodeConfig::default();
        let table = [
            (&map, default.clone(), 1),
            (&faint, default.clone(), 1),
            (&faint, DbDecodeConfig { min_score: 0.36, ..default.clone() }, 0),
            (&faint, DbDecodeConfig { mask_threshold: 0.36, ..default.clone() }, 0),
            (&map, DbDecodeConfig { min_side: 60.0, ..default.clone() }, 0),
            (&map, DbDecodeConfig { max_candidates: 0, ..default.clone() }, 0),
        ];
        for (map, config, expected) in table {
            assert_eq!(config.decode(map).len(), expected, "{config:?}");
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
