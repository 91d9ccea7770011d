//! DBNet against the reference: features, maps, decoding, losses, gradients.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use glyphic_core::Region;
use glyphic_detect::dbnet::{
    DbBackbone, DbDecodeConfig, DbLossConfig, DbLosses, DbMaps, DbNet, DbNetConfig, DbOutline, DbResnet,
    DbRule, DbTargets, DbUnclip, ProbabilityMap,
};
use glyphic_imgproc::Map;
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_dict, state_names};
use glyphic_nn::device::cpu;
use glyphic_testing::golden::cases;
use glyphic_testing::{Case, Tolerance};
use serde_json::Value;

fn config_of(case: &Case) -> DbNetConfig {
    let model = &case.config["model"];
    assert_eq!((&model["backbone"]["type"], &model["backbone"]["depth"]), (&"ResNet".into(), &18.into()));
    DbNetConfig {
        backbone: DbBackbone::Resnet(DbResnet {
            norm_eval: model["backbone"]["norm_eval"] == true,
            ..DbResnet::default()
        }),
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

fn network(case: &Case, config: &DbNetConfig, device: &Device) -> DbNet {
    let mut weights = StateDict::new();
    for (name, shape, values) in case.weights() {
        weights.insert(name, &shape, &values);
    }
    let mut network = config.init(device);
    load_into(&mut network, &weights, &LoadOptions::default()).unwrap();
    network
}

fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> (Vec<usize>, Vec<f32>) {
    (tensor.dims().to_vec(), tensor.into_data().iter::<f32>().collect())
}

fn assert_tensor<const D: usize>(case: &Case, name: &str, tensor: Tensor<D>, tolerance: Tolerance) {
    let (shape, values) = values(tensor);
    case.assert_tensor(name, &shape, &values, tolerance);
}

/// The targets of each image, stacked.
fn targets(case: &Case, device: &Device) -> DbTargets {
    let stacked = |name: &str| {
        let images = (0..)
            .map(|i| format!("target_b{i}/{name}"))
            .take_while(|name| case.has(name))
            .map(|name| tensor::<3>(case, &name, device))
            .collect();
        Tensor::cat(images, 0)
    };
    DbTargets {
        shrink: stacked("gt_shrink"),
        shrink_mask: stacked("gt_shrink_mask"),
        threshold: stacked("gt_thr"),
        threshold_mask: stacked("gt_thr_mask"),
        level: None,
    }
}

fn stacked(maps: &DbMaps) -> Tensor<4> {
    Tensor::cat(vec![maps.prob.clone(), maps.threshold.clone(), maps.binary.clone()], 1)
}

#[track_caller]
fn assert_losses(case: &Case, prefix: &str, losses: &DbLosses, tolerance: impl Fn(f64) -> f64) {
    let parts = [
        ("loss_prob", losses.prob.clone()),
        ("loss_db", losses.binary.clone()),
        ("loss_thr", losses.threshold.clone()),
        ("total", losses.total()),
    ];
    for (name, loss) in parts {
        let name = format!("{prefix}/{name}");
        if !case.has(&name) {
            continue;
        }
        let expected = f64::from(case.tensor(&name).1[0]);
        let got = f64::from(loss.into_scalar::<f32>());
        assert!(
            (got - expected).abs() <= tolerance(expected),
            "{} {name}: {got} is not {expected}",
            case.name
        );
    }
}

#[test]
fn names_and_shapes_are_those_of_the_reference() {
    for case in cases("C_dbnet_r18") {
        let mut expected = case.state_dict();
        expected.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
        let mut got = state_names(&config_of(&case).init(&cpu()));
        expected.sort();
        got.sort();
        assert_eq!(got, expected, "{}", case.name);
    }
}

#[test]
fn features_maps_and_losses_equal_the_reference() {
    for case in cases("C_dbnet_r18") {
        let config = config_of(&case);
        let network = network(&case, &config, &cpu());
        let features = network.features(tensor(&case, "input/img", &cpu()));
        for (i, feature) in features.iter().enumerate() {
            assert_tensor(&case, &format!("backbone_{i}"), feature.clone(), Tolerance::RelMax(1e-4));
        }
        let fused = network.neck(features, None);
        assert_tensor(&case, "neck", fused.clone(), Tolerance::RelMax(1e-4));
        let maps = network.maps(fused);
        assert_tensor(&case, "head_0", stacked(&maps), Tolerance::RelMax(1e-4));
        let losses = config.loss.forward(&maps, &targets(&case, &cpu()));
        assert_losses(&case, "loss_eval_mode", &losses, |expected| 2e-4 * expected);
    }
}

/// The parameters' ids in the order of [`state_names`].
#[derive(Default)]
struct Ids(Vec<ParamId>);

impl ModuleVisitor for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.id);
    }
}

/// Gradients by id.
struct Grads<'a> {
    grads: &'a Gradients,
    found: HashMap<ParamId, Vec<f32>>,
}

impl ModuleVisitor for Grads<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = param.val().grad(self.grads) {
            self.found.insert(param.id, grad.into_data().iter::<f32>().collect());
        }
    }
}

#[test]
fn gradients_and_running_statistics_equal_the_reference() {
    for case in cases("C_dbnet_r18") {
        let device = cpu().autodiff();
        let config = config_of(&case);
        let network = network(&case, &config, &device);
        let maps = network.forward(tensor(&case, "input/img", &device), None);
        let losses = config.loss.forward(&maps, &targets(&case, &device));
        assert_losses(&case, "loss_for_grad", &losses, |expected| 2e-4 * expected);

        let grads = losses.total().backward();
        let mut ids = Ids::default();
        network.visit(&mut ids);
        let ids: HashMap<String, ParamId> =
            state_names(&network).into_iter().map(|(name, _)| name).zip(ids.0).collect();
        let mut visitor = Grads { grads: &grads, found: HashMap::new() };
        network.visit(&mut visitor);
        if let Err(mismatch) =
            case.compare_gradients(|name| visitor.found.get(&ids[name]).cloned(), 5e-3, 1e-4)
        {
            panic!("{mismatch}");
        }

        let after = state_dict(&network);
        for name in case.names("output") {
            if let Some(statistic) = name.strip_prefix("bn_after_train_forward/") {
                let value = after.get(statistic).unwrap();
                case.assert_tensor(&name, &value.shape, &value.data, Tolerance::RelMax(1e-4));
            }
        }
    }
}

#[test]
fn losses_alone_and_their_gradients_equal_the_reference() {
    for case in cases("F_loss_db_") {
        let device = cpu().autodiff();
        let preds = tensor::<4>(&case, "input/preds", &device).require_grad();
        let map = |i: usize| preds.clone().narrow(1, i, 1);
        let maps = DbMaps { prob: map(0), threshold: map(1), binary: map(2), level: None };
        let target = |name: &str| tensor::<3>(&case, &format!("target/{name}"), &device);
        let targets = DbTargets {
            shrink: target("gt_shrink"),
            shrink_mask: target("gt_shrink_mask"),
            threshold: target("gt_thr"),
            threshold_mask: target("gt_thr_mask"),
            level: None,
        };
        let losses = loss_of(&case.config).forward(&maps, &targets);
        assert_losses(&case, "out", &losses, |expected| 1e-5 * expected.max(1.0));
        let grads = losses.total().backward();
        assert_tensor(&case, "grad/preds", preds.grad(&grads).unwrap(), Tolerance::Abs(1e-6));
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
