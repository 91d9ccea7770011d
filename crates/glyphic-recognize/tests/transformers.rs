//! SATRN, MASTER, ABINet and SegOCR with their parts against the reference.

mod common;

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use common::{
    floats, formula_weights, gradients, indices, load, strings, tensor, valid_columns, values, write,
};
use glyphic_core::{Image, Symbol, Vocab};
use glyphic_graph::{Session, Tensor as Number};
use glyphic_nn::checkpoint::{StateDict, load_into, state_names};
use glyphic_nn::device::cpu;
use glyphic_nn::layers::TpsConfig;
use glyphic_nn::necks::FpnOcrConfig;
use glyphic_recognize::abinet::AbinetConfig;
use glyphic_recognize::crnn::CrnnConfig;
use glyphic_recognize::master::MasterConfig;
use glyphic_recognize::satrn::SatrnConfig;
use glyphic_recognize::seg::{SegConfig, SegLoss};
use glyphic_recognize::{
    Codec, Error, Extent, InputConfig, LabelConfig, LabelKind, Learn, LineBatch, Model, RecognizerConfig,
    ResizeConfig, SegmentCodec, Stepwise, Width,
};
use glyphic_testing::{Case, Tolerance, formula, golden};
use serde_json::Value;

/// A layer's output and gradients, in evaluation and in training, against a case.
fn check<M: Module>(
    case: &Case,
    suffix: &str,
    [exact, learnt]: [f64; 2],
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, Vec<Tensor<4>>) -> Tensor<4>,
) {
    let inputs: Vec<String> = case.names("input");
    let device = cpu();
    let net = load(init(&device), case);
    let out = forward(&net, inputs.iter().map(|name| tensor(case, name, &device)).collect());
    let name = format!("eval_out{suffix}");
    case.assert_tensor(&name, &out.dims(), &values(out.clone()), Tolerance::RelMax(exact));

    let device = cpu().autodiff();
    let net = load(init(&device), case);
    let x: Vec<Tensor<4>> =
        inputs.iter().map(|name| tensor::<4>(case, name, &device).require_grad()).collect();
    let out = forward(&net, x.clone());
    let shape = out.dims();
    let name = format!("train_out{suffix}");
    case.assert_tensor(&name, &shape, &values(out.clone()), Tolerance::RelMax(exact));
    let stream = format!("input:{}.grad{suffix}", case.name);
    let weights = formula::values(case.salt(), &stream, shape.iter().product(), 1.0);
    let weights = Tensor::<1>::from_floats(weights.as_slice(), &device).reshape(shape);
    let grads = (out * weights).sum().backward();
    for (name, x) in inputs.iter().zip(&x) {
        let gradient = x.grad(&grads).unwrap();
        let name = name.replace("input/", "grad_input/");
        case.assert_tensor(&name, &gradient.dims(), &values(gradient.clone()), Tolerance::RelMax(learnt));
    }
    let found = gradients(&net, &grads);
    if let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), learnt, learnt / 10.0) {
        panic!("{mismatch}");
    }
}

#[test]
fn rectification_computes_and_learns_as_the_reference() {
    for case in golden::cases("F_tps") {
        let pair = |key: &str| {
            let sizes = floats(&case.config[key]);
            [sizes[0] as usize, sizes[1] as usize]
        };
        let config = TpsConfig {
            points: case.config["num_fiducial"].as_u64().unwrap() as usize,
            channels: case.config["num_img_channel"].as_u64().unwrap() as usize,
            size: pair("rectified_img_size"),
        };
        check(&case, "", [5e-3, 2e-2], |device| config.init(device), |net, x| net.forward(x[0].clone()));
    }
}

#[test]
fn the_neck_of_segmentation_computes_and_learns_as_the_reference() {
    for case in golden::cases("F_neck_fpnocr") {
        let config = FpnOcrConfig {
            in_channels: floats(&case.config["in_channels"]).iter().map(|c| *c as usize).collect(),
            out_channels: case.config["out_channels"].as_u64().unwrap() as usize,
        };
        check(&case, "_0", [1e-5, 1e-3], |device| config.init(device), |net, x| net.forward(x));
    }
}

#[test]
fn the_loss_of_segmentation_and_its_gradient_are_the_references() {
    for case in golden::cases("F_loss_seg_") {
        let loss = SegLoss {
            downsample: case.config["seg_downsample_ratio"].as_f64().unwrap(),
            weighted: case.config["seg_with_loss_weight"].as_bool().unwrap(),
        };
        let stored = case.stored("target/seg");
        let [_, height, width] = stored.shape[..] else { panic!("{:?}", stored.shape) };
        let maps: Vec<Vec<u8>> = stored
            .i64()
            .chunks_exact(height * width)
            .map(|map| map.iter().map(|class| *class as u8).collect())
            .collect();
        let logits = tensor::<4>(&case, "input/out_head", &cpu().autodiff()).require_grad();
        let value = loss.forward(logits.clone(), &maps, [height, width]).unwrap();
        case.assert_tensor("out/loss_seg", &[1], &values(value.clone()), Tolerance::RelMax(1e-5));
        let gradient = logits.grad(&value.backward()).unwrap();
        case.assert_tensor(
            "grad/out_head",
            &gradient.dims(),
            &values(gradient.clone()),
            Tolerance::Abs(1e-6),
        );
    }
}

fn seg_config(convertor: &Value) -> SegConfig {
    let characters = match convertor["dict_type"].as_str() {
        _ if convertor["dict_list"].is_array() => strings(&convertor["dict_list"]).concat(),
        Some("DICT90") => glyphic_core::DICT90.to_owned(),
        _ => glyphic_core::DICT36.to_owned(),
    };
    SegConfig {
        characters,
        unknown: convertor["with_unknown"].as_bool().unwrap_or(true),
        lower: convertor["lower"].as_bool().unwrap_or(false),
        ..SegConfig::default()
    }
}

#[test]
fn maps_of_classes_are_read_as_by_the_reference() {
    let json = golden::case("B_convertors").json();
    let mut seen = 0;
    for convertor in json["convertors"].as_array().unwrap() {
        if convertor["config"]["type"] != "SegConvertor" {
            continue;
        }
        let codec = seg_config(&convertor["config"]).codec().unwrap();
        let names: Vec<String> = codec
            .vocab()
            .symbols()
            .iter()
            .map(|symbol| match symbol {
                Symbol::Char(c) => c.to_string(),
                Symbol::Blank => "<BG>".to_owned(),
                _ => "<UKN>".to_owned(),
            })
            .collect();
        assert_eq!(names, strings(&convertor["idx2char"]));
        for (i, text) in strings(&convertor["strings"]).iter().enumerate() {
            assert_eq!(codec.encode(text).unwrap(), indices(&convertor["str2idx"][i]), "{text}");
        }
        for case in convertor["tensor2str_cases"].as_array().unwrap() {
            let rows: Vec<Vec<usize>> = case["class_map"].as_array().unwrap().iter().map(indices).collect();
            let (height, width) = (rows.len(), rows[0].len());
            let ratio = case["valid_ratio"].as_f64().unwrap_or(1.0);
            let valid = ((width as f64 * ratio) as usize + 1).min(width);
            let columns: Vec<usize> = (0..valid).flat_map(|x| rows.iter().map(move |row| row[x])).collect();
            let segments = codec.segments(&columns, height);
            let (texts, scores) = (strings(&case["out"][0]), &case["out"][1][0]);
            let text: String = segments
                .iter()
                .filter_map(|segment| match codec.vocab().symbol(segment.class) {
                    Some(Symbol::Char(char)) => Some(char),
                    _ => None,
                })
                .collect();
            assert_eq!([text], texts[..]);
            let scores = floats(scores);
            assert_eq!(segments.len(), scores.len());
            for (segment, score) in segments.iter().zip(scores) {
                assert!((segment.score - score).abs() < 1e-6, "{} {score}", segment.score);
            }
        }
        seen += 1;
    }
    assert!(seen > 0);
    assert!(SegmentCodec::new(Vocab::new(vec![Symbol::Char('a')]).unwrap()).is_err());
}

#[test]
fn segocr_computes_reads_and_learns_as_the_reference() {
    for case in golden::cases("B_seg") {
        let config = seg_config(&case.config["model"]["label_convertor"]);
        let codec = config.codec().unwrap();
        let (net, image) = loaded(&case, &config);
        let features = net.backbone.features(image.clone());
        for (i, feature) in features.iter().enumerate() {
            hold(&case, &format!("backbone_out{i}"), feature);
        }
        hold(&case, "neck_out0", &net.neck.forward(features.to_vec()));
        let maps = net.maps(image.clone());
        hold(&case, "head_out", &maps);

        let scores = net.forward(image);
        let [_, width, columns] = scores.dims();
        let extent = Extent { valid: width, content: width as f32 };
        for (n, row) in values(scores).chunks_exact(width * columns).enumerate() {
            let read = codec.decode(row, columns, extent);
            let expected = &case.entry["json_outputs"]["decoded"][n];
            assert_eq!(read.text, expected["text"].as_str().unwrap(), "{}", case.name);
            for (char, score) in read.chars.iter().zip(floats(&expected["score"])) {
                assert!((char.score - score).abs() < 1e-3, "{}: {} {score}", case.name, char.score);
            }
        }

        let stored = case.stored("input/seg_target");
        let map: Vec<u8> = stored.i64().iter().map(|class| *class as u8).collect();
        let size = [stored.shape[0], stored.shape[1]];
        let loss = SegLoss::default();
        let value = loss.forward(maps, std::slice::from_ref(&map), size).unwrap();
        hold(&case, "loss_eval_mode/loss_seg", &value);
        let device = cpu().autodiff();
        let net = load(config.init(codec.vocab().len(), &device), &case);
        let value = loss.forward(net.maps(tensor::<4>(&case, "input/img", &device)), &[map], size).unwrap();
        let found = gradients(&net, &value.backward());
        case.assert_tensor("loss_train_mode_no_dropout/loss_seg", &[1], &values(value), CLOSE);
        if let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), 5e-3, 1e-4) {
            panic!("{mismatch}");
        }
        let after = glyphic_nn::checkpoint::state_dict(&net);
        for name in case.names("output") {
            if let Some(entry) = name.strip_prefix("bn_after_train_forward/") {
                let value = after.get(entry).unwrap();
                case.assert_tensor(&name, &value.shape, &value.data, CLOSE);
            }
        }
    }
}

/// The texts and character scores of a case against what `codec` reads off rows of scores.
fn assert_read(case: &Case, codec: &dyn Codec, scores: &Tensor<3>, scored: bool) {
    let [_, length, columns] = scores.dims();
    let extent = Extent { valid: length, content: length as f32 };
    for (n, row) in values(scores.clone()).chunks_exact(length * columns).enumerate() {
        let read = codec.decode(row, columns, extent);
        let expected = &case.entry["json_outputs"]["decoded"][n];
        assert_eq!(read.text, expected["text"].as_str().unwrap(), "{}", case.name);
        for (char, score) in read.chars.iter().zip(floats(&expected["score"])).filter(|_| scored) {
            assert!((char.score - score).abs() < 1e-4, "{}: {} {score}", case.name, char.score);
        }
    }
}

/// Against the reference, relative to the largest value.
const CLOSE: Tolerance = Tolerance::RelMax(1e-4);

/// A tensor is that of the case.
fn hold<const D: usize>(case: &Case, name: &str, x: &Tensor<D>) {
    case.assert_tensor(name, &x.dims(), &values(x.clone()), CLOSE);
}

/// The network of a configuration with a case's weights, and the case's crops.
fn loaded<M: Learn>(case: &Case, config: &M) -> (M::Net, Tensor<4>) {
    let net = config.init(config.vocab().unwrap().len(), &cpu());
    (load(net, case), tensor(case, "input/img", &cpu()))
}

#[test]
fn satrn_computes_and_reads_as_the_reference() {
    for case in golden::cases("G_satrn_small") {
        let config = SatrnConfig::small();
        let codec = config.labels.codec().unwrap();
        let (net, image) = loaded(&case, &config);
        let map = net.backbone.forward(image.clone());
        hold(&case, "backbone", &map);
        let [batch, _, _, columns] = map.dims();
        let valid = valid_columns(&case, columns, &cpu());
        let (encoded, _) = net.encoder.forward(map, valid.clone());
        hold(&case, "encoder", &encoded);
        let scores = |valid: Tensor<2>| {
            let encoded = net.encode(image.clone(), valid);
            softmax(write(&net, encoded, codec.start(), config.labels.max_length), 2)
        };
        hold(&case, "decoder", &scores(valid));
        // The case's texts are those of another run, without ratios: its second is not the best of its own scores.
        let whole = Tensor::full([batch, 1], columns as f64, &cpu());
        assert_read(&case, &codec, &scores(whole), true);
    }
}

#[test]
fn master_computes_and_reads_as_the_reference() {
    for case in golden::cases("G_master") {
        let config = MasterConfig::default();
        let codec = config.labels.codec().unwrap();
        let (net, image) = loaded(&case, &config);
        hold(&case, "backbone", &net.backbone.forward(image.clone()));
        let encoded = net.encode(image.clone(), Tensor::full([1, 1], 40.0, &cpu()));
        let logits = write(&net, encoded, codec.start(), config.labels.max_length);
        hold(&case, "decoder", &logits);
        // The reference's scores are logits.
        assert_read(&case, &codec, &logits, false);

        // All positions at once compute what step by step does.
        let mut target = vec![codec.start()];
        let best: Vec<i64> = logits.clone().argmax(2).into_data().iter::<i64>().collect();
        target.extend(best.iter().map(|class| *class as usize));
        target.truncate(config.labels.max_length);
        hold(&case, "decoder", &net.forward(image, &[target]));
    }
}

#[test]
fn abinet_computes_and_reads_as_the_reference() {
    for case in golden::cases("G_abinet") {
        let config = AbinetConfig::default();
        let codec = config.codec().unwrap();
        let (net, image) = loaded(&case, &config);
        hold(&case, "backbone", &net.backbone.forward(image.clone()));
        let out = net.forward(image);
        hold(&case, "encoder.feature", &out.vision.feature);
        hold(&case, "encoder.logits", &out.vision.logits);
        let [batch, length, _] = out.attention.dims();
        let attention = values(out.attention.clone());
        case.assert_tensor("encoder.attn_scores", &[batch, length, 8, 32], &attention, CLOSE);
        for (i, (language, fused)) in out.language.iter().zip(&out.fused).enumerate() {
            hold(&case, &format!("iter{i}.decoder.feature"), &language.feature);
            hold(&case, &format!("iter{i}.decoder.logits"), &language.logits);
            hold(&case, &format!("iter{i}.fuser.logits"), fused);
        }
        let [_, _, written] = out.vision.logits.dims();
        assert_eq!((out.fused.len(), written), (3, codec.vocab().len() - 1));
        assert_read(&case, &codec, &out.logits(), true);

        // Without the language model the vision model's reading counts, and its weights are a part of the same checkpoint.
        let vision = AbinetConfig::vision_only();
        let mut names = glyphic_nn::checkpoint::state_names(&vision.init(codec.vocab().len(), &cpu()));
        let mut expected = case.state_dict();
        let parts = ["backbone.", "encoder."];
        expected.retain(|(name, _)| {
            !name.ends_with("num_batches_tracked") && parts.iter().any(|part| name.starts_with(part))
        });
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
        vision.validate().unwrap();
    }
}

/// A network that gives all scores at once: its graph, written as ONNX and read again, computes what `forward` does, and a
/// crop's neighbours do not change it; it learns from crops of several widths.
fn assert_whole<M: Learn>(
    config: &M,
    sizes: &[[usize; 2]],
    height: usize,
    forward: impl Fn(&M::Net, Tensor<4>) -> Tensor<3>,
) where
    RecognizerConfig: From<M>,
{
    config.validate().unwrap();
    let name = config.name();
    let classes = config.vocab().unwrap().len();
    let (channels, _) = config.preprocess().input();
    let mut net = config.init(classes, &cpu());
    let weights = formula_weights(&net);
    load_into(&mut net, &weights, &Default::default()).unwrap();
    let graph = config.graph(&net).unwrap();
    for (weight, shape) in state_names(&net) {
        let value = graph.named(&weight).unwrap_or_else(|| panic!("{name}: {weight}"));
        assert_eq!(graph.constants[&value].shape(), shape, "{name}: {weight}");
    }
    let graph = glyphic_onnx::from_bytes(&glyphic_onnx::to_bytes(&graph).unwrap()).unwrap();
    let session = Session::new(graph.cut(&["image"], &["logits"]).unwrap()).unwrap();
    let run = |x: &Tensor<4>| {
        let x = Number::from_f32(&x.dims(), values(x.clone())).unwrap();
        session.run(&[("image", x)]).unwrap().remove(0).into_f32().unwrap()
    };
    for &[batch, width] in sizes {
        let shape = [batch, channels, height, width];
        let pixels = formula::values("", "input:whole", shape.iter().product(), 1.0);
        let x = Tensor::<4>::from_data(TensorData::new(pixels, shape), &cpu());
        let expected = values(forward(&net, x.clone()));
        let largest = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        let found = run(&x);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4 * largest, "{name} {batch} {width}: {a} and {b}");
        }
        let one = found.len() / batch;
        for n in 0..batch {
            let alone = run(&x.clone().narrow(0, n, 1));
            assert_eq!(alone, found[n * one..(n + 1) * one], "{name}: a crop's neighbours change it");
        }
    }

    let device = cpu().autodiff();
    let mut net = config.init(classes, &device);
    load_into(&mut net, &weights, &Default::default()).unwrap();
    let width = sizes[0][1];
    let shape = [2, channels, height, width];
    let pixels = formula::values("", "input:learn", shape.iter().product(), 1.0);
    let padded = width as u32;
    let widths = [Width { content: padded, padded }, Width { content: padded / 2, padded }];
    let target = |(text, width): (&str, &Width)| config.target(text, *width).unwrap();
    let targets: Vec<Vec<usize>> = ["ab1", "c"].into_iter().zip(&widths).map(target).collect();
    let image = Tensor::from_data(TensorData::new(pixels, shape), &device);
    let batch = LineBatch { image, targets: &targets, widths: &widths, kinds: &[LabelKind::default(); 2] };
    let loss = config.loss(&net, &batch).unwrap();
    let value = values(loss.clone())[0];
    assert!(value.is_finite() && value > 0.0, "{name}: {value}");
    let found = gradients(&net, &loss.backward());
    for (weight, _) in state_names(&net) {
        let fixed = ["running_", "position_table", "GridGenerator"];
        if !fixed.iter().any(|part| weight.contains(part)) {
            let gradient = found.get(&weight).unwrap_or_else(|| panic!("{name}: {weight} has no gradient"));
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {weight}");
        }
    }
}

#[test]
fn whole_networks_are_graphs_that_compute_what_they_do_and_learn() {
    let seg = SegConfig { channels: [4, 5, 6, 7, 8, 9], neck: 10, ..SegConfig::default() };
    assert_whole(&seg, &[[1, 64], [3, 96]], 64, |net, x| net.forward(x));
    assert_whole(&CrnnConfig::tps(), &[[2, 100], [1, 64]], 32, |net, x| net.forward(x));
    let small = AbinetConfig { vision_layers: 1, language_layers: 1, inner: 16, ..AbinetConfig::default() };
    let vision = AbinetConfig { language: false, ..small.clone() };
    for config in [small, vision] {
        assert_whole(&config, &[[2, 128]], 32, |net, x| net.forward(x).logits());
    }
}

/// Crops of many sizes.
fn crops() -> Vec<Image> {
    let sizes = [(90, 30), (1, 40), (3000, 25), (30, 90), (3, 1), (91, 30)];
    let crop = |(seed, (width, height)): (u64, (u32, u32))| {
        let noise = formula::Stream::new(seed).take((width * height * 3) as usize);
        Image::from_rgb(width, height, noise.map(|v| (v * 127.0 + 128.0) as u8).collect()).unwrap()
    };
    (0..).zip(sizes).map(crop).collect()
}

#[test]
fn crops_of_any_size_are_read_alike_alone_and_together() {
    let labels = LabelConfig { characters: "abc1".to_owned(), max_length: 6, ..LabelConfig::default() };
    let seg = SegConfig { channels: [4, 5, 6, 7, 8, 9], neck: 10, ..SegConfig::default() };
    let satrn = SatrnConfig {
        labels,
        encoder_layers: 1,
        decoder_layers: 1,
        model: 12,
        inner: 10,
        heads: 3,
        ..SatrnConfig::default()
    };
    for config in [RecognizerConfig::from(seg), satrn.into(), CrnnConfig::tps().into()] {
        let mut weights = StateDict::new();
        for (name, shape) in config.state_names().unwrap() {
            // A basis of any kind will do for the spline.
            let count = shape.iter().product();
            let values =
                formula::weight("", &name, &shape).unwrap_or_else(|| formula::values("", &name, count, 0.1));
            weights.insert(name, &shape, &values);
        }
        let recognizer = config.build(&weights, None, &cpu()).unwrap();
        let crops = crops();
        let together = recognizer.recognize(&crops).unwrap();
        assert_eq!(together.len(), crops.len());
        for (crop, read) in crops.iter().zip(&together) {
            let alone = recognizer.recognize(std::slice::from_ref(crop)).unwrap();
            let (name, size) = (config.name(), [crop.width(), crop.height()]);
            assert_eq!(&alone[0], read, "{name}: {size:?}");
        }
    }
}

#[test]
fn labels_that_cannot_be_learnt_are_refused_with_the_reason() {
    let wide = Width { content: 128, padded: 128 };
    let seg = SegConfig { unknown: false, ..SegConfig::default() };
    assert!(seg.target("ab~", wide).unwrap_err().to_string().contains('~'));
    assert!(seg.target("", wide).unwrap_err().to_string().contains("empty"));
    let long = seg.target(&"a".repeat(17), wide).unwrap_err().to_string();
    assert!(long.contains("room for 16"), "{long}");
    let abinet = AbinetConfig::default();
    assert_eq!(abinet.target(&"a".repeat(25), wide).unwrap().len(), 26);
    assert!(abinet.target(&"a".repeat(26), wide).is_err());
    assert!(abinet.target("é", wide).is_err());
    assert!(MasterConfig::default().target(&"a".repeat(29), wide).is_err());
    let twice = SegConfig { characters: "aba".to_owned(), ..SegConfig::default() };
    assert!(matches!(Model::vocab(&twice), Err(Error::Core(_))));
}

#[test]
fn configurations_that_make_no_network_are_refused_with_the_field() {
    let sized = |resize: ResizeConfig| InputConfig { resize, ..AbinetConfig::default().input };
    let resize = AbinetConfig::default().input.resize;
    let narrow = sized(ResizeConfig { max_width: Some(100), min_width: Some(100), ..resize });
    let without_mean = || InputConfig { mean: Vec::new(), ..InputConfig::default() };
    let table: [(&str, Box<dyn Model>); 10] = [
        ("seg.input.mean", Box::new(SegConfig { input: without_mean(), ..SegConfig::default() })),
        ("master.input.mean", Box::new(MasterConfig { input: without_mean(), ..MasterConfig::default() })),
        ("rectify = 5", Box::new(CrnnConfig { rectify: 5, ..CrnnConfig::default() })),
        ("seg.characters", Box::new(SegConfig { characters: String::new(), ..SegConfig::default() })),
        ("seg.neck", Box::new(SegConfig { neck: 0, ..SegConfig::default() })),
        ("satrn.model", Box::new(SatrnConfig { model: 13, ..SatrnConfig::default() })),
        ("master.positions", Box::new(MasterConfig { positions: 239, ..MasterConfig::default() })),
        ("master.heads", Box::new(MasterConfig { heads: 5, ..MasterConfig::default() })),
        ("abinet.iterations", Box::new(AbinetConfig { iterations: 0, ..AbinetConfig::default() })),
        (
            "abinet.input.resize.max_width",
            Box::new(AbinetConfig { input: narrow, ..AbinetConfig::default() }),
        ),
    ];
    for (field, config) in table {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
}
