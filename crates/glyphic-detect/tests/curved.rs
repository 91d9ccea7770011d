//! TextSnake, FCENet and DRRG against the reference: names, features, maps, losses, gradients.

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use common::{
    FEATURE, Losses, alone, assert_features, assert_learns, assert_loss_alone, assert_losses, assert_names,
    assert_tensor, formula_weights, load, load_for_gradients, relative, target, tensor, total,
};
use glyphic_core::geometry::{Point, Polygon};
use glyphic_core::{Page, Region, TextInstance, from_toml};
use glyphic_detect::drrg::{DrrgConfig, DrrgLossConfig, DrrgLosses, DrrgMapTargets, DrrgOrder, GcnConfig};
use glyphic_detect::fcenet::{FceLossConfig, FceLossRule, FceLosses, FceMaps, FceNetConfig};
use glyphic_detect::maskrcnn::MaskRcnnConfig;
use glyphic_detect::textsnake::{SnakeLossConfig, SnakeLosses, SnakeTargets, TextSnakeConfig};
use glyphic_detect::{DetectorConfig, MaskOutline, ResnetConfig, TrainableDetector};
use glyphic_nn::checkpoint::{LoadOptions, gradients, load_into, state_names};
use glyphic_nn::device::cpu;
use glyphic_testing::golden::cases;
use glyphic_testing::{Case, Tolerance, formula};
use rand::SeedableRng;
use serde::Deserialize;

/// The backbone that a case names is the default's.
fn assert_backbone(case: &Case, config: &ResnetConfig) {
    let stated = &case.config["model"]["backbone"];
    assert_eq!(stated["depth"], 50, "{}", case.name);
    assert_eq!(config.norm_eval, stated["norm_eval"] == true, "{}", case.name);
    assert_eq!(config.stride_on_first, stated["style"] == "caffe", "{}", case.name);
}

fn snake_losses(case: &Case, maps: &Tensor<4>, device: &Device) -> Losses {
    let target = |name| target(case, name, device);
    let targets = SnakeTargets {
        text: target("gt_text_mask"),
        centre: target("gt_center_region_mask"),
        mask: target("gt_mask"),
        radius: target("gt_radius_map"),
        sin: target("gt_sin_map"),
        cos: target("gt_cos_map"),
    };
    let losses = SnakeLossConfig::default().forward(maps, &targets);
    let total = losses.total();
    let SnakeLosses { text, centre, radius, sin, cos } = losses;
    vec![
        ("loss_text", text),
        ("loss_center", centre),
        ("loss_radius", radius),
        ("loss_sin", sin),
        ("loss_cos", cos),
        ("total", total),
    ]
}

#[test]
fn textsnake_equals_the_reference() {
    for case in cases("C_textsnake_") {
        let config = TextSnakeConfig::default();
        assert_backbone(&case, &config.backbone);
        let net = load(&case, config.init(&cpu()));
        assert_names(&case, &net);
        let features = net.features(tensor(&case, "input/img", &cpu()));
        assert_features(&case, &features);
        let neck = net.neck(features);
        assert_tensor(&case, "neck", neck.clone(), FEATURE);
        let maps = net.maps(neck);
        assert_tensor(&case, "head", maps.clone(), FEATURE);
        assert_losses(&case, "loss_eval_mode", &snake_losses(&case, &maps, &cpu()), relative);

        let device = cpu().autodiff();
        let net = load_for_gradients(&case, config.init(&device));
        let maps = net.forward(tensor(&case, "input/img", &device));
        assert_learns(&case, &net, &snake_losses(&case, &maps, &device));
    }
}

#[test]
fn textsnakes_loss_alone_equals_the_reference() {
    for case in cases("F_loss_textsnake") {
        assert_loss_alone(&case, |maps, device| snake_losses(&case, maps, device));
    }
}

fn fce_targets(case: &Case, device: &Device) -> Vec<Tensor<4>> {
    let level = |name: &str| {
        if case.has(&format!("target/{name}")) {
            return tensor::<4>(case, &format!("target/{name}"), device);
        }
        tensor::<3>(case, &format!("target_b0/{name}"), device).unsqueeze()
    };
    ["p3_maps", "p4_maps", "p5_maps"].map(level).to_vec()
}

/// The reference's loss, defects included.
fn fce_losses(case: &Case, maps: &[FceMaps], device: &Device) -> Losses {
    let config = FceLossConfig { rule: FceLossRule::Mmocr021, ..FceLossConfig::default() };
    let losses = config.forward(maps, &fce_targets(case, device));
    let total = losses.total();
    let FceLosses { text, centre, x, y } = losses;
    vec![("loss_text", text), ("loss_center", centre), ("loss_reg_x", x), ("loss_reg_y", y), ("total", total)]
}

#[test]
fn fcenet_equals_the_reference() {
    for case in cases("C_fcenet_") {
        let config = match case.name.contains("dcn") {
            true => FceNetConfig::deformable(),
            false => FceNetConfig::default(),
        };
        assert_backbone(&case, &config.backbone);
        let net = load(&case, config.init(&cpu()));
        assert_names(&case, &net);
        let features = net.features(tensor(&case, "input/img", &cpu()));
        assert_features(&case, &features);
        let levels = net.neck(features);
        let mut maps = Vec::new();
        for (i, level) in levels.into_iter().enumerate() {
            assert_tensor(&case, &format!("neck_{i}"), level.clone(), FEATURE);
            let level = net.maps(level);
            assert_tensor(&case, &format!("head_{i}_0"), level.classes.clone(), FEATURE);
            assert_tensor(&case, &format!("head_{i}_1"), level.signatures.clone(), FEATURE);
            maps.push(level);
        }
        assert_losses(&case, "loss_eval_mode", &fce_losses(&case, &maps, &cpu()), relative);

        let device = cpu().autodiff();
        let net = load_for_gradients(&case, config.init(&device));
        let maps = net.forward(tensor(&case, "input/img", &device));
        assert_learns(&case, &net, &fce_losses(&case, &maps, &device));
    }
}

#[test]
fn fcenets_loss_alone_equals_the_reference() {
    for case in cases("F_loss_fce") {
        let device = cpu().autodiff();
        let leaf = |name: String| tensor::<4>(&case, &format!("input/{name}"), &device).require_grad();
        let maps: Vec<FceMaps> = (0..3)
            .map(|i| FceMaps { classes: leaf(format!("cls{i}")), signatures: leaf(format!("reg{i}")) })
            .collect();
        let losses = fce_losses(&case, &maps, &device);
        assert_losses(&case, "out", &losses, alone);
        let grads = total(&losses).backward();
        for (i, maps) in maps.iter().enumerate() {
            for (name, leaf) in [("cls", &maps.classes), ("reg", &maps.signatures)] {
                let Some(grad) = leaf.grad(&grads) else {
                    let stored = format!("grad/{name}{i}");
                    assert!(!case.has(&stored), "{} {name}{i} has no gradient", case.name);
                    continue;
                };
                assert_tensor(&case, &format!("grad/{name}{i}"), grad, Tolerance::Abs(1e-6));
            }
        }
    }
}

#[test]
fn ignored_text_is_no_background_of_fcenets_centres() {
    let case = cases("F_loss_fce").remove(0);
    let maps: Vec<FceMaps> = (0..3)
        .map(|i| FceMaps {
            classes: tensor(&case, &format!("input/cls{i}"), &cpu()),
            signatures: tensor(&case, &format!("input/reg{i}"), &cpu()),
        })
        .collect();
    let targets = fce_targets(&case, &cpu());
    let centre = |rule| {
        let losses = FceLossConfig { rule, ..FceLossConfig::default() }.forward(&maps, &targets);
        losses.centre.into_scalar::<f32>()
    };
    assert_ne!(centre(FceLossRule::Right), centre(FceLossRule::Mmocr021));
}

fn drrg_losses(
    case: &Case,
    maps: &Tensor<4>,
    links: Option<(Tensor<2>, Tensor<1>)>,
    device: &Device,
) -> Losses {
    let target = |name| target(case, name, device);
    let targets = DrrgMapTargets {
        text: target("gt_text_mask"),
        centre: target("gt_center_region_mask"),
        mask: target("gt_mask"),
        top: target("gt_top_height_map"),
        bottom: target("gt_bot_height_map"),
        sin: target("gt_sin_map"),
        cos: target("gt_cos_map"),
    };
    let losses = DrrgLossConfig::default().forward(maps, &targets, links);
    let total = losses.total();
    let DrrgLosses { text, centre, height, sin, cos, links } = losses;
    vec![
        ("loss_text", text),
        ("loss_center", centre),
        ("loss_height", height),
        ("loss_sin", sin),
        ("loss_cos", cos),
        ("loss_gcn", links),
        ("total", total),
    ]
}

#[test]
fn drrg_equals_the_reference() {
    for case in cases("C_drrg_r50") {
        let config = DrrgConfig::default();
        assert_backbone(&case, &config.backbone);
        let net = load(&case, config.init(&cpu()));
        assert_names(&case, &net);
        let features = net.features(tensor(&case, "input/img", &cpu()));
        assert_features(&case, &features);
        let neck = net.neck(features);
        assert_tensor(&case, "neck", neck.clone(), FEATURE);
        assert_tensor(&case, "head", net.maps(neck), FEATURE);

        let device = cpu().autodiff();
        let net = load_for_gradients(&case, config.init(&device));
        let [maps, features] = net.forward(tensor(&case, "input/img", &device));
        let [_, _, height, width] = maps.dims();
        let mut graph = config.graph;
        graph.order = DrrgOrder::Mmocr021;
        let (_, components) = case.tensor("target_b0/gt_comp_attribs");
        let graphs = graph.learned(&components, [width, height], config.loss.graph_overlap);
        let logits = net.learned_links(&features, &[&graphs]).expect("there are components");
        let links = Some((logits, Tensor::from_floats(graphs.linked.as_slice(), &device)));
        assert_learns(&case, &net, &drrg_losses(&case, &maps, links, &device));
    }
}

#[test]
fn drrgs_loss_alone_equals_the_reference() {
    for case in cases("F_loss_drrg") {
        let device = cpu().autodiff();
        let logits = tensor::<2>(&case, "input/gcn", &device).require_grad();
        let linked = tensor::<2>(&case, "target/gcn_labels", &device).reshape([-1]);
        let links = || Some((logits.clone(), linked.clone()));
        assert_loss_alone(&case, |maps, device| drrg_losses(&case, maps, links(), device));
        let maps = tensor::<4>(&case, "input/preds", &device);
        let grads = total(&drrg_losses(&case, &maps, links(), &device)).backward();
        assert_tensor(&case, "grad/gcn", logits.grad(&grads).unwrap(), Tolerance::Abs(1e-6));
    }
}

#[test]
fn the_graph_network_computes_and_learns_as_the_reference() {
    for case in cases("F_gcn") {
        let length = case.config["feat_len"].as_u64().unwrap() as usize;
        let places = case.config["knn_inds"].as_array().unwrap();
        let nodes = case.tensor("input/x").0[1];
        let near = places[0].as_array().unwrap().len();
        let mut selection = vec![0.0f32; places.len() * near * nodes];
        for (row, place) in places.iter().flat_map(|p| p.as_array().unwrap()).enumerate() {
            selection[row * nodes + place.as_u64().unwrap() as usize] = 1.0;
        }
        let run = |device: &Device| {
            let gcn = load(&case, GcnConfig { length }.init(device));
            let [x, a] = ["input/x", "input/a"]
                .map(|name| tensor::<3>(&case, name, device))
                .map(|t| if device.is_autodiff() { t.require_grad() } else { t });
            let selection = Tensor::<3>::from_data(
                TensorData::new(selection.clone(), [places.len(), near, nodes]),
                device,
            );
            let out = gcn.classify(selection.matmul(gcn.nodes(x.clone(), a.clone())));
            (gcn, x, a, out.reshape([(places.len() * near) as i32, 2]))
        };
        let (_, _, _, out) = run(&cpu());
        assert_tensor::<2>(&case, "eval_out", out, Tolerance::RelMax(1e-5));
        let device = cpu().autodiff();
        let (gcn, x, a, out) = run(&device);
        let out: Tensor<2> = out;
        assert_tensor(&case, "train_out", out.clone().inner(), Tolerance::RelMax(1e-5));
        let v = formula::values(case.salt(), "input:F_gcn.grad", out.shape().num_elements(), 1.0);
        let v = Tensor::from_data(TensorData::new(v, out.shape()), &device);
        let grads = (out * v).sum().backward();
        assert_tensor(&case, "grad_input/x", x.grad(&grads).unwrap(), Tolerance::RelMax(1e-3));
        assert_tensor(&case, "grad_input/a", a.grad(&grads).unwrap(), Tolerance::RelMax(1e-3));
        let found = gradients(&gcn, &grads);
        case.compare_gradients(|name| Some(found.get(name)?.data), 1e-3, 1e-4)
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn configurations_of_curved_text_survive_a_file() {
    let configs = [
        DetectorConfig::Textsnake(TextSnakeConfig::default()),
        DetectorConfig::Fcenet(FceNetConfig::default()),
        DetectorConfig::Fcenet(FceNetConfig::deformable()),
        DetectorConfig::Drrg(DrrgConfig::default()),
    ];
    for config in configs {
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(from_toml::<DetectorConfig>(&text).unwrap(), config, "{text}");
    }
    for wrong in ["[textsnake]\nneck_channels = 0\n", "[fcenet]\ntargets.fourier_degree = 3\n"] {
        assert!(from_toml::<DetectorConfig>(wrong).unwrap().validate().is_err(), "{wrong}");
    }
}

#[derive(Deserialize)]
struct File {
    detector: DetectorConfig,
}

#[test]
fn the_references_configurations_are_files_by_their_names() {
    let mask = |side, outline| {
        let mut config = MaskRcnnConfig::default();
        (config.input.resize.long_side, config.input.resize.short_side) = (side, side);
        config.decode.outline = outline;
        DetectorConfig::MaskRcnn(config)
    };
    let table = [
        ("textsnake_r50_fpn_unet_1200e_ctw1500", DetectorConfig::Textsnake(TextSnakeConfig::default())),
        ("fcenet_r50_fpn_1500e_icdar2015", DetectorConfig::Fcenet(FceNetConfig::default())),
        ("fcenet_r50dcnv2_fpn_1500e_ctw1500", DetectorConfig::Fcenet(FceNetConfig::deformable())),
        ("drrg_r50_fpn_unet_1200e_ctw1500", DetectorConfig::Drrg(DrrgConfig::default())),
        ("mask_rcnn_r50_fpn_160e_icdar2015", mask(1920, MaskOutline::Quad)),
        ("mask_rcnn_r50_fpn_160e_icdar2017", mask(1600, MaskOutline::Quad)),
        ("mask_rcnn_r50_fpn_160e_ctw1500", mask(1600, MaskOutline::Polygon)),
    ];
    for (name, expected) in table {
        let path = format!("{}/../../configs/detect/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let file: File = from_toml(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(file.detector, expected, "{name}");
    }
}

struct Gradless<'a> {
    grads: &'a Gradients,
    missing: usize,
}

impl ModuleVisitor for Gradless<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() && value.grad(self.grads).is_none() {
            self.missing += 1;
        }
    }
}

/// A step of training reaches every weight; so it does without a text, where `bare` is told how many it cannot reach.
fn trains<M: TrainableDetector>(model: &M, bare: usize) {
    let device = cpu().autodiff();
    let mut net = model.init(&device);
    let weights = formula_weights(state_names(&net));
    load_into(&mut net, &weights, &LoadOptions::default()).unwrap();
    let text = |corners: [(f64, f64); 4]| {
        let points = corners.map(|(x, y)| Point::new(x, y)).to_vec();
        TextInstance::new(Region { polygon: Polygon::new(points).unwrap(), score: 1.0 })
    };
    let mut page = Page::new(128, 96);
    page.instances = vec![
        text([(8.0, 10.0), (110.0, 14.0), (109.0, 44.0), (7.0, 40.0)]),
        text([(20.0, 60.0), (90.0, 60.0), (90.0, 80.0), (20.0, 80.0)]),
    ];
    let mut ignored = text([(100.0, 60.0), (120.0, 60.0), (120.0, 80.0), (100.0, 80.0)]);
    ignored.ignore = true;
    page.instances.push(ignored);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    for (page, unreached) in [(page, 0), (Page::new(128, 96), bare)] {
        let dims = [2, 3, 96, 128];
        let x = formula::values("", "input:img", dims.iter().product(), 1.0);
        let x = Tensor::<4>::from_data(TensorData::new(x, dims), &device);
        let targets: Vec<M::Targets> = (0..2).map(|_| model.targets(&page, &mut rng).unwrap()).collect();
        let loss = model.loss(&net, x, &targets).unwrap();
        let value = loss.clone().into_scalar::<f32>();
        assert!(value.is_finite() && value > 0.0, "{value}");
        let grads = loss.backward();
        let mut visitor = Gradless { grads: &grads, missing: 0 };
        net.visit(&mut visitor);
        assert_eq!(visitor.missing, unreached, "weights without a gradient");
    }
}

#[test]
fn textsnake_trains_on_all_its_weights() {
    trains(&TextSnakeConfig::default(), 0);
}

#[test]
fn fcenet_trains_on_all_its_weights() {
    trains(&FceNetConfig::default(), 2);
}

#[test]
fn drrg_trains_on_all_its_weights() {
    trains(&DrrgConfig::default(), 0);
}

#[test]
fn mask_rcnn_trains_on_all_its_weights() {
    trains(&MaskRcnnConfig::default(), 16);
}
