//! DBNet against the reference: features, maps, decoding, losses, gradients.

mod common;

use burn::tensor::{Device, Tensor};
use common::{
    FEATURE, Losses, assert_features, assert_learns, assert_loss_alone, assert_losses, assert_names,
    assert_running_statistics, assert_tensor, load, load_for_gradients, relative, target, tensor,
};
use glyphic_core::Region;
use glyphic_detect::dbnet::{
    DbBackbone, DbDecodeConfig, DbLossConfig, DbMaps, DbNeckConfig, DbNetConfig, DbOutline, DbResnet, DbRule,
    DbTargets, DbUnclip, Depth, ProbabilityMap,
};
use glyphic_imgproc::Map;
use glyphic_nn::device::cpu;
use glyphic_testing::Case;
use glyphic_testing::golden::cases;
use serde_json::Value;

fn config_of(case: &Case) -> DbNetConfig {
    let model = &case.config["model"];
    let backbone = &model["backbone"];
    let stages = backbone["stage_with_dcn"].as_array();
    let deformable = std::array::from_fn(|i| stages.is_some_and(|stages| stages[i] == true));
    let depth = if backbone["depth"] == 18 { Depth::D18 } else { Depth::D50 };
    DbNetConfig {
        backbone: DbBackbone::Resnet(DbResnet {
            norm_eval: backbone["norm_eval"] == true,
            // The blocks of 18 layers have one stride only.
            stride_on_first: backbone["style"] == "caffe" && depth == Depth::D50,
            deformable,
            ..DbResnet::new(depth)
        }),
        neck: DbNeckConfig { scale_fusion: !model["neck"]["asf_cfg"].is_null(), ..DbNeckConfig::default() },
        loss: loss_of(&model["bbox_head"]["loss"]),
        ..DbNetConfig::default()
    }
}

fn loss_of(config: &Value) -> DbLossConfig {
    DbLossConfig {
        alpha: config["alpha"].as_f64().unwrap(),
        beta: config["beta"].as_f64().unwrap(),
        balanced_bce: config["bbce_loss"].as_bool().unwrap(),
        ..DbLossConfig::default()
    }
}

fn losses(case: &Case, config: &DbLossConfig, maps: &DbMaps, device: &Device) -> Losses {
    let target = |name| target(case, name, device);
    let targets = DbTargets {
        shrink: target("gt_shrink"),
        shrink_mask: target("gt_shrink_mask"),
        threshold: target("gt_thr"),
        threshold_mask: target("gt_thr_mask"),
        level: None,
    };
    let losses = config.forward(maps, &targets);
    let total = losses.total();
    vec![
        ("loss_prob", losses.prob),
        ("loss_db", losses.binary),
        ("loss_thr", losses.threshold),
        ("total", total),
    ]
}

fn stacked(maps: &DbMaps) -> Tensor<4> {
    Tensor::cat(vec![maps.prob.clone(), maps.threshold.clone(), maps.binary.clone()], 1)
}

/// Every DBNet and DBNet++.
fn networks() -> Vec<Case> {
    [cases("C_dbnet_"), cases("G_dbnetpp_")].concat()
}

#[test]
fn names_and_shapes_are_those_of_the_reference() {
    for case in networks() {
        assert_names(&case, &config_of(&case).init(&cpu()));
    }
}

#[test]
fn features_maps_and_losses_equal_the_reference() {
    for case in networks() {
        let config = config_of(&case);
        let network = load(&case, config.init(&cpu()));
        let features = network.features(tensor(&case, "input/img", &cpu()));
        assert_features(&case, &features);
        let fused = network.neck(features, None);
        assert_tensor(&case, "neck", fused.clone(), FEATURE);
        let maps = network.maps(fused);
        let head = if case.has("head") { "head" } else { "head_0" };
        assert_tensor(&case, head, stacked(&maps), FEATURE);
        if !case.has("target_b0/gt_shrink") {
            continue;
        }
        let losses = losses(&case, &config.loss, &maps, &cpu());
        assert_losses(&case, "loss_eval_mode", &losses, relative);
    }
}

#[test]
fn gradients_and_running_statistics_equal_the_reference() {
    for case in cases("C_dbnet_") {
        let device = cpu().autodiff();
        let config = config_of(&case);
        let network = load_for_gradients(&case, config.init(&device));
        let maps = network.forward(tensor(&case, "input/img", &device), None);
        assert_learns(&case, &network, &losses(&case, &config.loss, &maps, &device));
        assert_running_statistics(&case, &network);
    }
}

#[test]
fn losses_alone_and_their_gradients_equal_the_reference() {
    for case in cases("F_loss_db_") {
        assert_loss_alone(&case, |preds, device| {
            let map = |i: usize| preds.clone().narrow(1, i, 1);
            let maps = DbMaps { prob: map(0), threshold: map(1), binary: map(2), level: None };
            losses(&case, &loss_of(&case.config), &maps, device)
        });
    }
}

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
