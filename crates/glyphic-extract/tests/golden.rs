//! SDMGR beside the reference's.
#![cfg(feature = "train")]

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_core::{Page, Point, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_extract::kie::relations;
use glyphic_extract::kie::sdmgr::{
    BackboneConfig, EdgeAverage, PageInput, Sdmgr, SdmgrConfig, SdmgrLossConfig,
};
use glyphic_nn::backbones::UNetConfig;
use glyphic_nn::checkpoint::{StateDict, gradients, load_into, state_names};
use glyphic_nn::device::cpu;
use glyphic_testing::golden::Tolerance;
use glyphic_testing::{Case, formula, golden};
use serde_json::Value;

fn weights(case: &Case) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape, values) in case.weights() {
        dict.insert(name, &shape, &values);
    }
    dict
}

fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The module with a case's weights. Names and shapes are the case's but for those that the network says it ignores.
fn load(config: &SdmgrConfig, case: &Case, device: &Device) -> Sdmgr {
    let unused = |name: &str| {
        config.visual.is_none() && (name.starts_with("backbone.") || name.starts_with("bbox_head.fusion."))
    };
    let mut expected = case.state_dict();
    expected.retain(|(name, _)| !name.ends_with("num_batches_tracked") && !unused(name));
    let net = config.load(&weights(case), device).unwrap();
    let mut names = state_names(&net);
    expected.sort();
    names.sort();
    assert_eq!(names, expected, "{}: state dict", case.name);
    net
}

fn config(case: &Case) -> SdmgrConfig {
    let model = &case.config["model"];
    let base_channels = model["backbone"]["base_channels"].as_u64().unwrap() as usize;
    let visual = model["visual_modality"].as_bool().unwrap().then(|| BackboneConfig {
        unet: UNetConfig { base_channels, ..UNetConfig::default() },
        ..BackboneConfig::default()
    });
    let config = SdmgrConfig { visual, ..SdmgrConfig::default() };
    let head = &model["bbox_head"];
    assert_eq!(config.num_chars() as u64, head["num_chars"].as_u64().unwrap());
    assert_eq!(config.classes.len() as u64, head["num_classes"].as_u64().unwrap());
    config
}

/// The pages of a case, whose labels are numbers.
fn pages(case: &Case) -> Vec<Page> {
    let page = |annotations: &Value| {
        let mut page = Page::new(160, 128);
        for a in annotations.as_array().unwrap() {
            let corners: Vec<f64> =
                a["box"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let points: Vec<Point> = corners.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
            let polygon = Polygon::try_from(points).unwrap();
            let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
            instance.transcript = Some(Transcript::truth(a["text"].as_str().unwrap()));
            page.instances.push(instance);
        }
        page
    };
    case.entry["json_inputs"]["annotations"].as_array().unwrap().iter().map(page).collect()
}

#[test]
fn relations_are_the_references() {
    let case = golden::case("E_kie_relations");
    let flat = |v: &Value| -> Vec<f32> {
        fn into(v: &Value, out: &mut Vec<f32>) {
            match v.as_array() {
                Some(list) => list.iter().for_each(|v| into(v, out)),
                None => out.push(v.as_f64().unwrap() as f32),
            }
        }
        let mut out = Vec::new();
        into(v, &mut out);
        out
    };
    for entry in case.json()["relations"].as_array().unwrap() {
        let boxes = flat(&entry["boxes"]);
        let boxes: Vec<[f32; 8]> = boxes.chunks_exact(8).map(|b| b.try_into().unwrap()).collect();
        let (found, bounds) = relations(&boxes, entry["norm"].as_f64().unwrap() as f32);
        let expected = flat(&entry["relation"]);
        assert_eq!(found.len() * 5, expected.len());
        for (a, b) in found.as_flattened().iter().zip(expected) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} and {b}");
        }
        assert_eq!(bounds.as_flattened(), flat(&entry["bboxes"]));
    }
}

/// Whole pixels: the picture is as large as the scaled one.
fn unscaled(config: &SdmgrConfig) -> SdmgrConfig {
    SdmgrConfig { scale: [160, 128], ..config.clone() }
}

#[test]
fn sdmgr_prepares_computes_and_learns_as_the_reference() {
    for case in golden::cases("E_sdmgr_") {
        let config = config(&case);
        let pages = pages(&case);
        let mut inputs: Vec<PageInput> = Vec::new();
        let (mut targets, mut links) = (Vec::new(), Vec::new());
        for (i, page) in pages.iter().enumerate() {
            let n = page.instances.len();
            let input = unscaled(&config).prepare(page).unwrap();
            let name = |what: &str| format!("img{i}/{what}");
            case.assert_tensor(&name("relations_raw"), &[n, n, 5], &input.relations, Tolerance::Abs(1e-5));
            case.assert_tensor(&name("bboxes"), &[n, 4], input.boxes.as_flattened(), Tolerance::Exact);
            let texts = case.stored(&name("texts"));
            let length = texts.shape[1];
            for (text, row) in input.texts.iter().zip(texts.i64().chunks_exact(length)) {
                let expected: Vec<usize> = row.iter().filter(|c| **c >= 0).map(|c| *c as usize).collect();
                assert_eq!(*text, expected, "{}", case.name);
            }
            // A picture that is scaled scales its relations.
            let scaled = case.stored(&name("relations_scaled_1.5_1.25")).f32();
            let (sx, sy) = (1.5, 1.25);
            let factors = [sx, sy, sx / sy, 1.0, sx / sy];
            for (k, (raw, expected)) in input.relations.iter().zip(&scaled).enumerate() {
                assert!((raw * factors[k % 5] - expected).abs() <= 1e-4 * expected.abs().max(1.0));
            }
            let labels = case.stored(&name("labels")).i64();
            for row in labels.chunks_exact(n + 1) {
                targets.push(row[0]);
                links.extend_from_slice(&row[1..]);
            }
            inputs.push(input);
        }
        let refs: Vec<&PageInput> = inputs.iter().collect();

        let device = cpu();
        let net = load(&config, &case, &device);
        let close = Tolerance::RelMax(1e-4);
        let image = |device: &Device| config.visual.as_ref().map(|_| tensor::<4>(&case, "input/img", device));
        if let (Some(image), Some(backbone)) = (image(&device), &net.backbone) {
            let maps = backbone.forward(image);
            for (i, map) in maps.iter().enumerate() {
                case.assert_tensor(&format!("unet_out{i}"), &map.dims(), &values(map.clone()), close);
            }
            let boxes: Vec<f32> = inputs.iter().flat_map(|p| p.boxes.as_flattened().to_vec()).collect();
            let places: Vec<i64> = inputs.iter().zip(0..).flat_map(|(p, i)| vec![i; p.boxes.len()]).collect();
            let count = places.len();
            let seen = net.pool(
                maps.last().unwrap().clone(),
                Tensor::from_data(TensorData::new(boxes, [count, 4]), &device),
                Tensor::<1, Int>::from_data(TensorData::from(places.as_slice()), &device),
            );
            case.assert_tensor("visual_feat", &seen.dims(), &values(seen.clone()), close);
        }
        let (nodes, edges) = net.forward(&refs, image(&device), &device);
        case.assert_tensor("node_logits", &nodes.dims(), &values(nodes.clone()), close);
        case.assert_tensor("edge_logits", &edges.dims(), &values(edges.clone()), close);
        case.assert_tensor("node_prob", &nodes.dims(), &values(softmax(nodes.clone(), 1)), close);
        case.assert_tensor("edge_prob", &edges.dims(), &values(softmax(edges.clone(), 1)), close);
        let loss = config.loss.forward(nodes, edges, &targets, &links);
        let check = |mode: &str, loss: &glyphic_extract::kie::sdmgr::SdmgrLoss| {
            for (name, value) in [("loss_node", &loss.node), ("loss_edge", &loss.edge)] {
                case.assert_tensor(&format!("{mode}/{name}"), &[1], &values(value.clone()), close);
            }
            for (name, value) in [("acc_node", loss.node_accuracy), ("acc_edge", loss.edge_accuracy)] {
                case.assert_tensor(&format!("{mode}/{name}"), &[1], &[value], Tolerance::Abs(1e-3));
            }
        };
        check("eval_mode_loss", &loss);

        let device = cpu().autodiff();
        let net = load(&config, &case, &device);
        let (nodes, edges) = net.forward(&refs, image(&device), &device);
        let loss = config.loss.forward(nodes, edges, &targets, &links);
        check("train_mode", &loss);
        let grads = (loss.node + loss.edge).backward();
        let found = gradients(&net, &grads);
        let gradient = |name: &str| found.get(name).map(|value| value.data);
        // The slope of the signed square root in the fusion block has no bound at 0: a change of 1e-6 in the visual
        // features moves gradients behind it by up to 0.25 %, and rounding in the U-Net's training mode is larger.
        let relative = if config.visual.is_some() { 3e-2 } else { 5e-3 };
        if let Err(mismatch) = case.compare_gradients(gradient, relative, 1e-4) {
            panic!("{mismatch}");
        }
    }
}

#[test]
fn the_graph_computes_what_the_network_does_at_every_size() {
    for case in golden::cases("E_sdmgr_") {
        let config = unscaled(&config(&case));
        let net = load(&config, &case, &cpu());
        let extractor = glyphic_extract::ExtractorConfig::Sdmgr(config.clone());
        let extractor = extractor.from_graph(&net.graph(&config).unwrap()).unwrap();
        for (page, height) in pages(&case).iter().zip([128, 128]) {
            let image = glyphic_core::Image::filled(160, height, [200, 120, 40]).unwrap();
            let found = extractor.run(&image, page).unwrap();
            let input = config.prepare(page).unwrap();
            let n = input.texts.len();
            let picture = config.visual.as_ref().map(|_| {
                let (planes, [h, w]) = config.picture(&image).unwrap();
                Tensor::from_data(TensorData::new(planes, [1, 3, h, w]), &cpu())
            });
            let (nodes, edges) = net.forward(&[&input], picture, &cpu());
            let probabilities = values(softmax(nodes, 1));
            for (i, row) in probabilities.chunks_exact(26).enumerate() {
                let best = (1..26).fold(0, |b, k| if row[k] > row[b] { k } else { b });
                assert!((row[best] - found.scores[i]).abs() < 1e-4, "{}", case.name);
                assert_eq!(found.labels[i], config.classes[best]);
            }
            let together = values(softmax(edges, 1));
            for link in &found.links {
                let score = |a: usize, b: usize| together[(a * n + b) * 2 + 1];
                let mean = (score(link.from, link.to) + score(link.to, link.from)) / 2.0;
                assert!((mean - link.score).abs() < 1e-4 && mean > 0.5);
            }
        }
    }
}

#[test]
fn the_loss_and_its_gradient_are_the_references() {
    let case = golden::case("F_loss_sdmgr");
    let device = cpu().autodiff();
    let node = tensor::<2>(&case, "input/node", &device).require_grad();
    let edge = tensor::<2>(&case, "input/edge", &device).require_grad();
    let (mut targets, mut links) = (Vec::new(), Vec::new());
    for name in ["target/gt0", "target/gt1"] {
        let stored = case.stored(name);
        for row in stored.i64().chunks_exact(stored.shape[1]) {
            targets.push(row[0]);
            links.extend_from_slice(&row[1..]);
        }
    }
    let loss = SdmgrLossConfig::default().forward(node.clone(), edge.clone(), &targets, &links);
    case.assert_tensor("out/loss_node", &[1], &values(loss.node.clone()), Tolerance::RelMax(1e-5));
    case.assert_tensor("out/loss_edge", &[1], &values(loss.edge.clone()), Tolerance::RelMax(1e-5));
    case.assert_tensor("out/acc_node", &[1], &[loss.node_accuracy], Tolerance::Abs(1e-4));
    case.assert_tensor("out/acc_edge", &[1], &[loss.edge_accuracy], Tolerance::Abs(1e-4));
    let grads = (loss.node + loss.edge).backward();
    for (name, input) in [("grad/node", node), ("grad/edge", edge)] {
        let gradient = input.grad(&grads).unwrap();
        case.assert_tensor(name, &gradient.dims(), &values(gradient.clone()), Tolerance::Abs(1e-6));
    }
}

#[test]
fn links_cost_their_focal_loss_over_their_number() {
    let device = cpu();
    let node = Tensor::<2>::zeros([1, 26], &device);
    // The logits of a linked pair, of two others and of one that does not count.
    let rows = [[0.0_f32, 1.0], [2.0, 0.0], [0.0, 0.5], [9.0, -9.0]];
    let edge = Tensor::from_data(TensorData::new(rows.concat(), [4, 2]), &device);
    let links = [1, 0, 0, -1];
    let loss = |edge_gamma, edge_average| {
        let config = SdmgrLossConfig { edge_gamma, edge_average, ..SdmgrLossConfig::default() };
        values(config.forward(node.clone(), edge.clone(), &[0], &links).edge)[0]
    };
    // What the right class of each pair is ahead by.
    let ahead = [1.0_f32, 2.0, -0.5];
    let sum = |gamma: f32| -> f32 {
        let sure = ahead.map(|a| 1.0 / (1.0 + (-a).exp()));
        sure.iter().map(|p| -(1.0 - p).powf(gamma) * p.ln()).sum()
    };
    for (gamma, average, expected) in [
        (0.0, EdgeAverage::Pairs, sum(0.0) / 3.0),
        (0.0, EdgeAverage::Links, sum(0.0)),
        (2.0, EdgeAverage::Links, sum(2.0)),
        (1.0, EdgeAverage::Pairs, sum(1.0) / 3.0),
    ] {
        let found = loss(gamma, average);
        assert!((found - expected).abs() < 1e-5, "{gamma} {average:?}: {found}, {expected}");
    }
}

#[test]
fn the_u_net_computes_and_differentiates_as_the_reference() {
    for case in golden::cases("F_unet") {
        let config = UNetConfig {
            in_channels: case.config["in_channels"].as_u64().unwrap() as usize,
            base_channels: case.config["base_channels"].as_u64().unwrap() as usize,
            ..UNetConfig::default()
        };
        let load = |device: &Device| {
            let mut net = config.init(device);
            let mut expected = case.state_dict();
            expected.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
            let mut names = state_names(&net);
            expected.sort();
            names.sort();
            assert_eq!(names, expected);
            load_into(&mut net, &weights(&case), &Default::default()).unwrap();
            net
        };
        for (i, map) in load(&cpu()).forward(tensor(&case, "input/x", &cpu())).into_iter().enumerate() {
            let dims = map.dims();
            case.assert_tensor(&format!("eval_out_{i}"), &dims, &values(map), Tolerance::RelMax(2e-5));
        }
        let device = cpu().autodiff();
        let net = load(&device);
        let x = tensor::<4>(&case, "input/x", &device).require_grad();
        let mut sum = None;
        for (i, map) in net.forward(x.clone()).into_iter().enumerate() {
            let dims = map.dims();
            case.assert_tensor(
                &format!("train_out_{i}"),
                &dims,
                &values(map.clone()),
                Tolerance::RelMax(2e-5),
            );
            let stream = format!("input:{}.grad_{i}", case.name);
            let slope = formula::values(case.salt(), &stream, dims.iter().product(), 1.0);
            let part = (map * Tensor::from_data(TensorData::new(slope, dims), &device)).sum();
            sum = Some(match sum {
                None => part,
                Some(sum) => sum + part,
            });
        }
        let grads = sum.unwrap().backward();
        let found = gradients(&net, &grads);
        let gradient = |name: &str| found.get(name).map(|value| value.data);
        if let Err(mismatch) = case.compare_gradients(gradient, 1e-3, 1e-4) {
            panic!("{mismatch}");
        }
        let x = x.grad(&grads).unwrap();
        case.assert_tensor("grad_input/x", &x.dims(), &values(x.clone()), Tolerance::RelMax(1e-3));
    }
}

#[test]
fn odd_pages_are_read_or_refused_with_a_reason() {
    let config = SdmgrConfig { node_embed: 8, edge_embed: 8, max_boxes: 40, ..SdmgrConfig::default() };
    let net = config.init(&cpu());
    let extractor = glyphic_extract::ExtractorConfig::Sdmgr(config.clone());
    let extractor = extractor.from_graph(&net.graph(&config).unwrap()).unwrap();
    let image = glyphic_core::Image::filled(90, 70, [255; 3]).unwrap();
    let instance = |text: Option<&str>, [x0, y0, x1, y1]: [f64; 4]| {
        let polygon = Polygon::from_rect(Rect { x0, y0, x1, y1 }).unwrap();
        let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
        instance.transcript = text.map(Transcript::truth);
        instance
    };
    let mut page = Page::new(90, 70);
    assert!(extractor.run(&image, &page).unwrap().labels.is_empty());
    // No text, text outside the vocabulary, a speck, one over the other, outside of the picture.
    page.instances.push(instance(None, [1., 1., 9., 9.]));
    assert_eq!(extractor.run(&image, &page).unwrap().labels.len(), 1);
    page.instances.push(instance(Some("数据"), [1., 1., 9., 9.]));
    page.instances.push(instance(Some("total"), [3., 3., 3.001, 3.001]));
    page.instances.push(instance(Some("1.50"), [-1e6, 3., 1e7, 40.]));
    let found = extractor.run(&image, &page).unwrap();
    assert_eq!(found.labels.len(), 4);
    assert!(found.scores.iter().all(|s| (0.0..=1.0).contains(s)), "{found:?}");
    for _ in 0..3000 {
        page.instances.push(instance(Some("x"), [1., 1., 9., 9.]));
    }
    let error = extractor.run(&image, &page).unwrap_err().to_string();
    assert!(error.contains("3004 boxes; at most 40"), "{error}");
    let graph = net.graph(&config).unwrap();
    for (other, message) in [
        (
            SdmgrConfig {
                classes: vec!["a".to_owned(), "b".to_owned()],
                uncounted: vec![],
                ..config.clone()
            },
            "the weights are of 26 classes, but the configuration lists 2 (sdmgr.classes)",
        ),
        (
            SdmgrConfig { characters: "abc".to_owned(), ..config },
            "the weights are of 91 characters, but the configuration lists 3 (sdmgr.characters)",
        ),
    ] {
        let error = glyphic_extract::ExtractorConfig::Sdmgr(other).from_graph(&graph).err().unwrap();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn modules_move_between_devices_whole() {
    let config = SdmgrConfig { visual: Some(BackboneConfig::default()), ..SdmgrConfig::default() };
    let names = state_names(&config.init(&cpu()));
    assert_eq!(names, state_names(&config.init(&cpu()).to_device(&cpu())));
    assert!(
        names.iter().any(|(name, _)| name == "backbone.decoder.0.upsample.interp_upsample.1.conv.weight")
    );
}

#[test]
fn networks_of_any_width_are_recorded() {
    for (node_embed, edge_embed, classes) in
        [(8, 8, 3), (48, 16, 4), (64, 64, 5), (128, 64, 26), (512, 256, 40)]
    {
        for bidirectional in [false, true] {
            let classes = (0..classes).map(|i| i.to_string()).collect();
            let config = SdmgrConfig {
                node_embed,
                edge_embed,
                classes,
                bidirectional,
                uncounted: Vec::new(),
                ..SdmgrConfig::default()
            };
            let graph = config.init(&cpu()).graph(&config).map_err(|e| e.to_string());
            assert!(graph.is_ok(), "{node_embed}, {edge_embed}: {:?}", graph.err());
        }
    }
}
