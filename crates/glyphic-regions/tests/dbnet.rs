//! The decoder of DBNet against the reference.

use glyphic_core::Region;
use glyphic_imgproc::Map;
use glyphic_regions::dbnet::{DbDecodeConfig, DbOutline, DbRule, DbUnclip, ProbabilityMap};
use glyphic_testing::golden::cases;
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
