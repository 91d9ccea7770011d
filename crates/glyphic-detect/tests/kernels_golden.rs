//! PSENet and PANet against the reference: features, maps, losses, gradients.

mod common;

use burn::tensor::Tensor;
use common::{
    FEATURE, Losses, assert_features, assert_learns, assert_loss_alone, assert_losses, assert_names,
    assert_running_statistics, assert_tensor, load, load_for_gradients, relative, tensor,
};
use glyphic_detect::engine::DetectorNetwork;
use glyphic_detect::panet::PanLossConfig;
use glyphic_detect::psenet::{PseLossConfig, PseSampling};
use glyphic_detect::targets::KernelMaps;
use glyphic_detect::{Depth, PanNetConfig, PseNetConfig, Reduction, ResnetConfig};
use glyphic_nn::device::cpu;
use glyphic_testing::Case;
use glyphic_testing::golden::cases;
use serde_json::Value;

fn backbone(config: &Value) -> ResnetConfig {
    let stages = config["frozen_stages"].as_i64().unwrap();
    ResnetConfig {
        norm_eval: config["norm_eval"] == true,
        stride_on_first: config["style"] == "caffe",
        frozen_stages: usize::try_from(stages).ok(),
        ..ResnetConfig::new(if config["depth"] == 18 { Depth::D18 } else { Depth::D50 })
    }
}

fn targets(case: &Case) -> Vec<KernelMaps> {
    (0..)
        .take_while(|i| case.has(&format!("target_b{i}/gt_mask")))
        .map(|i| {
            let (shape, values) = case.tensor(&format!("target_b{i}/gt_kernels"));
            let (_, mask) = case.tensor(&format!("target_b{i}/gt_mask"));
            let [_, height, width] = shape[..] else { panic!("{shape:?}") };
            let map = |values: &[f32]| values.iter().map(|v| *v as u16).collect();
            KernelMaps {
                height,
                width,
                kernels: values.chunks_exact(height * width).map(map).collect(),
                mask: mask.iter().map(|v| *v as u8).collect(),
            }
        })
        .collect()
}

/// What a network gives on its way: the neck's outputs and the head's.
type Fused = (Vec<Tensor<4>>, Tensor<4>);

fn check<M: DetectorNetwork>(
    case: &Case,
    model: &M,
    features: impl Fn(&M::Net, Tensor<4>) -> Vec<Tensor<4>>,
    fuse: impl Fn(&M::Net, Vec<Tensor<4>>) -> Fused,
    losses: impl Fn(&Tensor<4>, &[KernelMaps]) -> Losses,
) {
    let targets = targets(case);
    let net = load(case, model.init(&cpu()));
    assert_names(case, &net);
    let found = features(&net, tensor(case, "input/img", &cpu()));
    assert_features(case, &found);
    let (necks, head) = fuse(&net, found);
    for (i, neck) in necks.iter().enumerate() {
        let name = if necks.len() == 1 { "neck".to_owned() } else { format!("neck_{i}") };
        assert_tensor(case, &name, neck.clone(), FEATURE);
    }
    assert_tensor(case, "head", head.clone(), FEATURE);
    assert_losses(case, "loss_eval_mode", &losses(&head, &targets), relative);

    let device = cpu().autodiff();
    let net = load_for_gradients(case, model.init(&device));
    let (_, head) = fuse(&net, features(&net, tensor(case, "input/img", &device)));
    assert_learns(case, &net, &losses(&head, &targets));
    assert_running_statistics(case, &net);
}

fn pse_losses(config: &PseLossConfig, kernels: &Tensor<4>, targets: &[KernelMaps]) -> Losses {
    let losses = config.forward(kernels, targets);
    let total = losses.total();
    vec![("loss_text", losses.text), ("loss_kernel", losses.kernel), ("total", total)]
}

fn pan_losses(config: &PanLossConfig, maps: &Tensor<4>, targets: &[KernelMaps]) -> Losses {
    let losses = config.forward(maps, targets);
    let total = losses.total();
    vec![
        ("loss_text", losses.text),
        ("loss_kernel", losses.kernel),
        ("loss_aggregation", losses.aggregation),
        ("loss_discrimination", losses.discrimination),
        ("total", total),
    ]
}

#[test]
fn psenet_computes_and_learns_as_the_reference() {
    for case in cases("C_psenet_") {
        let config = &case.config["model"];
        let model = PseNetConfig { backbone: backbone(&config["backbone"]), ..PseNetConfig::default() };
        assert_eq!(model.backbone, PseNetConfig::default().backbone, "the default is the reference's");
        check(
            &case,
            &model,
            |net, x| net.features(x),
            |net, features| {
                let neck = net.fuse(features);
                (vec![neck.clone()], net.kernels(neck))
            },
            |kernels, targets| pse_losses(&model.loss, kernels, targets),
        );
    }
}

#[test]
fn panet_computes_and_learns_as_the_reference() {
    for case in cases("C_panet_") {
        let config = &case.config["model"];
        let mut model = PanNetConfig { backbone: backbone(&config["backbone"]), ..PanNetConfig::default() };
        let limit = config["bbox_head"]["loss"]["speedup_bbox_thr"].as_u64();
        model.loss.max_instances = limit.map(|limit| limit as usize);
        let of_reference = if limit.is_some() { PanNetConfig::r50() } else { PanNetConfig::default() };
        assert_eq!((&model.backbone, &model.loss), (&of_reference.backbone, &of_reference.loss));
        check(
            &case,
            &model,
            |net, x| net.features(x),
            |net, features| {
                let levels = net.fuse(features);
                (levels.clone(), net.maps(levels))
            },
            |maps, targets| pan_losses(&model.loss, maps, targets),
        );
    }
}

/// The targets of a loss alone: maps of numbers for two pictures.
fn loss_targets(case: &Case) -> Vec<KernelMaps> {
    let map = |name: &str| case.tensor(&format!("target/{name}"));
    let (shape, mask) = map("mask");
    let [pictures, height, width] = shape[..] else { panic!("{shape:?}") };
    let area = height * width;
    let names = ["text", "kernel", "kernel2"];
    let kernels: Vec<Vec<f32>> =
        names.iter().filter(|n| case.has(&format!("target/{n}"))).map(|n| map(n).1).collect();
    (0..pictures)
        .map(|i| KernelMaps {
            height,
            width,
            kernels: kernels
                .iter()
                .map(|map| map[i * area..(i + 1) * area].iter().map(|v| *v as u16).collect())
                .collect(),
            mask: mask[i * area..(i + 1) * area].iter().map(|v| *v as u8).collect(),
        })
        .collect()
}

#[test]
fn psenets_loss_alone_and_its_gradient_equal_the_reference() {
    for case in cases("F_loss_pse_") {
        let kernel_sample_type = match case.config["kernel_sample_type"].as_str().unwrap() {
            "hard" => PseSampling::Hard,
            _ => PseSampling::Adaptive,
        };
        let config = PseLossConfig { kernel_sample_type, ..PseLossConfig::default() };
        let targets = loss_targets(&case);
        assert_loss_alone(&case, |preds, _| pse_losses(&config, preds, &targets));
    }
}

#[test]
fn pans_loss_alone_and_its_gradient_equal_the_reference() {
    for case in cases("F_loss_pan_") {
        let reduction = if case.config["reduction"] == "sum" { Reduction::Sum } else { Reduction::Mean };
        let config = PanLossConfig { reduction, ..PanLossConfig::default() };
        let targets = loss_targets(&case);
        assert_loss_alone(&case, |preds, _| pan_losses(&config, preds, &targets));
    }
}
