//! DBNet against the reference: features, maps, losses, gradients.

mod common;

use burn::tensor::{Device, Tensor};
use common::{
    FEATURE, Losses, assert_features, assert_learns, assert_loss_alone, assert_losses, assert_names,
    assert_running_statistics, assert_tensor, load, load_for_gradients, relative, target, tensor,
};
use glyphic_detect::dbnet::{
    DbBackbone, DbLossConfig, DbMaps, DbNeckConfig, DbNetConfig, DbResnet, DbTargets, Depth,
};
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
