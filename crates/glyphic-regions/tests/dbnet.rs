//! The decoder of DBNet: against the reference, and against texts that are drawn.

use glyphic_core::geometry::{Point, offset, perimeter, signed_area};
use glyphic_core::{DropReason, Polygon, Rect, Region, Replaced};
use glyphic_imgproc::{Map, fill_poly, pixels};
use glyphic_regions::dbnet::{DbDecodeConfig, DbOutline, DbRule, DbUnclip, ProbabilityMap, add_large};
use glyphic_testing::golden::cases;
use proptest::prelude::*;
use serde_json::Value;

fn decode_config(config: &Value) -> DbDecodeConfig {
    DbDecodeConfig {
        mask_threshold: config["mask_thr"].as_f64().unwrap() as f32,
        min_score: config["min_text_score"].as_f64().unwrap(),
        min_side: config["min_text_width"].as_f64().unwrap(),
        unclip: DbUnclip::Ratio(config["unclip_ratio"].as_f64().unwrap()),
        max_candidates: config["max_candidates"].as_u64().unwrap() as usize,
        rule: DbRule::Mmocr021,
        ..DbDecodeConfig::default()
    }
}

/// Whether two quads have the same corners, wherever they start.
fn same_corners(region: &Region, expected: &[f64]) -> bool {
    let got = region.polygon.points();
    let n = expected.len() / 2;
    got.len() == n
        && (0..n).any(|turn| {
            (0..n).all(|i| {
                let p = got[(i + turn) % n];
                (p.x - expected[2 * i]).abs() < 1e-3 && (p.y - expected[2 * i + 1]).abs() < 1e-3
            })
        })
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn decoding_equals_the_reference_in_order_outline_and_score() {
    for case in cases("C_post_db") {
        let (shape, values) = case.tensor("input/prob_map");
        let values = Map::new(shape[1], shape[0], values).unwrap();
        let map = ProbabilityMap { values, scale: [1.0, 1.0] };
        let default = decode_config(&case.config);
        let strict = DbDecodeConfig {
            mask_threshold: 0.5,
            min_score: 0.6,
            unclip: DbUnclip::Ratio(2.0),
            ..default.clone()
        };
        let pixels = DbDecodeConfig { outline: DbOutline::PolygonOfPixels, ..default.clone() };
        let table = [
            ("boundaries_quad", &default),
            ("boundaries_quad_thr0.5_score0.6_unclip2", &strict),
            ("boundaries_poly", &pixels),
        ];
        for (name, config) in table {
            let expected: Vec<Vec<f64>> =
                case.entry["json_outputs"][name].as_array().unwrap().iter().map(numbers).collect();
            let got = config.decode(&map);
            assert_eq!(got.len(), expected.len(), "{} {name}", case.name);
            for (region, expected) in got.iter().zip(&expected) {
                let (score, corners) = expected.split_last().unwrap();
                assert!(
                    (f64::from(region.score) - score).abs() < 1e-5,
                    "{} {name}: {}",
                    case.name,
                    region.score
                );
                assert!(same_corners(region, corners), "{} {name}: {region:?} is not {corners:?}", case.name);
            }
        }
    }
}

#[test]
fn polygons_are_the_unclipped_contours() {
    for case in cases("C_post_db") {
        let (shape, values) = case.tensor("input/prob_map");
        let values = Map::new(shape[1], shape[0], values).unwrap();
        let map = ProbabilityMap { values, scale: [2.0, 4.0] };
        let config = DbDecodeConfig { outline: DbOutline::Polygon, ..decode_config(&case.config) };
        let got = config.decode(&map);
        let steps = case.entry["json_outputs"]["steps"].as_array().unwrap();
        // The reference's steps hold every contour that survives as a quad.
        assert_eq!(got.len(), steps.len(), "{}", case.name);
        for (region, step) in got.iter().zip(steps) {
            let expected: Vec<[f64; 2]> = step["unclipped"]
                .as_array()
                .unwrap()
                .iter()
                .map(numbers)
                .map(|p| [p[0] * 2.0, p[1] * 4.0])
                .collect();
            let mut points: Vec<[f64; 2]> = region.polygon.points().iter().map(|p| [p.x, p.y]).collect();
            if points != expected {
                points[1..].reverse();
            }
            assert_eq!(points, expected, "{}", case.name);
        }
    }
}

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

fn region([x, y, w, h]: [f64; 4]) -> Region {
    let rect = Rect { x0: x, y0: y, x1: x + w, y1: y + h };
    Region { polygon: Polygon::from_rect(rect).unwrap(), score: 0.9 }
}

fn with_large(fine: Vec<Region>, coarse: Vec<Region>, least: f64) -> Vec<Region> {
    add_large(fine, coarse, least).0
}

#[test]
fn large_text_replaces_the_pieces_found_of_it() {
    let digit_pieces = [[20., 20., 30., 90.], [140., 60., 60., 40.]].map(region).to_vec();
    let beside = region([400., 20., 100., 20.]);
    let large = region([10., 10., 300., 240.]);
    let fine = [digit_pieces.clone(), vec![beside.clone()]].concat();
    let (kept, replaced) = add_large(fine, vec![large.clone()], 80.0);
    assert_eq!(kept, [beside, large.clone()]);
    assert_eq!(replaced, [Replaced { by: large, pieces: digit_pieces }]);
}

#[test]
fn sparse_lines_do_not_become_one_large_text() {
    let lines: Vec<Region> = (0..4).map(|i| region([10., 10. + 60. * f64::from(i), 200., 20.])).collect();
    assert_eq!(with_large(lines.clone(), vec![region([0., 0., 400., 250.])], 80.0), lines);
}

#[test]
fn a_label_inside_a_large_ring_stays() {
    let label = region([20., 60., 60., 18.]);
    let piece = region([120., 20., 30., 60.]);
    let ring = region([10., 10., 360., 150.]);
    assert_eq!(with_large(vec![label.clone(), piece], vec![ring.clone()], 80.0), [label, ring]);
}

#[test]
fn a_column_of_numbers_is_not_one_large_text() {
    let numbers: Vec<Region> = [10., 22., 16., 10., 24.]
        .iter()
        .enumerate()
        .map(|(i, w)| region([100., 100. + 18. * i as f64, *w, 12.]))
        .collect();
    let column = region([90., 90., 45., 110.]);
    assert_eq!(with_large(numbers.clone(), vec![column.clone()], 36.0), numbers);
    // Letters of a sign that stand on each other, and pieces of a large digit.
    let letters: Vec<Region> = (0..4).map(|i| region([100., 100. + 25. * f64::from(i), 20., 25.])).collect();
    assert_eq!(with_large(letters, vec![column.clone()], 36.0), vec![column.clone()]);
    let pieces = [[100., 95., 20., 30.], [100., 130., 25., 8.], [102., 150., 12., 40.]].map(region).to_vec();
    assert_eq!(with_large(pieces, vec![column.clone()], 36.0), [column]);
}

#[test]
fn a_column_with_an_odd_region_is_not_one_large_text() {
    let row = |i: u32| region([100., 100. + 18. * f64::from(i), 20., 12.]);
    let column = region([90., 90., 45., 150.]);
    // Two rows found as one, and a mark beside a row.
    for odd in [[100., 172., 20., 30.], [122., 150., 4., 4.]] {
        let found: Vec<Region> = (0..4).map(row).chain([region(odd)]).collect();
        assert_eq!(with_large(found.clone(), vec![column.clone()], 36.0), found, "{odd:?}");
    }
    let mostly_odd = vec![row(0), row(2), region([100., 120., 4., 4.]), region([100., 160., 20., 40.])];
    assert_eq!(with_large(mostly_odd, vec![column.clone()], 36.0), [column]);
}

#[test]
fn a_block_of_lines_text_found_already_and_small_regions_are_not_added() {
    let lines: Vec<Region> = (0..5).map(|i| region([10., 10. + 50. * f64::from(i), 300., 32.])).collect();
    assert_eq!(with_large(lines.clone(), vec![region([8., 8., 304., 240.])], 80.0), lines);
    let found = vec![region([10., 10., 300., 150.])];
    assert_eq!(with_large(found.clone(), vec![region([0., 0., 330., 200.])], 80.0), found);
    assert_eq!(with_large(found.clone(), vec![region([400., 0., 330., 60.])], 80.0), found);
}
