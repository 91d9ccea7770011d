//! CRNN, its codec, its loss and its preprocessing against the reference.

mod common;

use burn::tensor::Tensor;
use common::{floats, gradients, indices, load, strings, tensor, values};
use glyphic_core::{DICT36, DICT90, Image, Symbol, Vocab};
use glyphic_nn::device::cpu;
use glyphic_recognize::crnn::{Channels, CrnnConfig, CrnnLossConfig, VeryDeepVgg};
use glyphic_recognize::{CtcCodec, InputConfig, Preprocess, Reduction, ResizeConfig, valid_steps};
use glyphic_testing::{Case, Tolerance, formula, golden};
use serde_json::Value;

/// The reference writes an unknown class as a word.
fn as_reference(text: &str) -> String {
    text.replace(char::REPLACEMENT_CHARACTER, "<UKN>")
}

fn dictionary(config: &Value) -> String {
    match config["dict_type"].as_str() {
        Some("DICT36") => DICT36.to_owned(),
        Some("DICT90") => DICT90.to_owned(),
        _ => strings(&config["dict_list"]).concat(),
    }
}

#[test]
fn the_codec_encodes_and_decodes_as_the_reference() {
    let json = golden::case("B_convertors").json();
    let convertors = json["convertors"].as_array().unwrap();
    let mut decoded = 0;
    for convertor in convertors.iter().filter(|c| c["config"]["type"] == "CTCConvertor") {
        let config = &convertor["config"];
        let unknown = config["with_unknown"].as_bool().unwrap_or(true);
        let chars = dictionary(config);
        let symbols = std::iter::once(Symbol::Blank)
            .chain(chars.chars().map(Symbol::Char))
            .chain(unknown.then_some(Symbol::Unknown));
        let vocab = Vocab::new(symbols.collect()).unwrap();
        let codec = CtcCodec::new(vocab).unwrap().with_lower(config["lower"].as_bool().unwrap_or(false));
        let names: Vec<String> = codec
            .vocab()
            .symbols()
            .iter()
            .map(|s| match s {
                Symbol::Char(c) => c.to_string(),
                Symbol::Blank => "<BLK>".to_owned(),
                _ => "<UKN>".to_owned(),
            })
            .collect();
        assert_eq!(names, strings(&convertor["idx2char"]));

        let texts = strings(&convertor["strings"]);
        for (i, text) in texts.iter().enumerate() {
            let classes = codec.encode(text).unwrap();
            assert_eq!(classes, indices(&convertor["str2idx"][i]), "{text}");
            assert_eq!(as_reference(&codec.text(&classes)), convertor["idx2str"][i].as_str().unwrap());
            assert_eq!(classes, indices(&convertor["str2tensor"]["targets"][i]));
        }

        let classes = codec.vocab().len();
        for case in convertor["tensor2idx_cases"].as_array().unwrap() {
            for sample in 0..floats(&case["valid_ratio"]).len() {
                let logits: Vec<f32> = if case["logits"].is_null() {
                    // Rows with the stored maximum; the other classes share the rest.
                    let maxima = floats(&case["max_value"][sample]);
                    indices(&case["argmax"][sample])
                        .into_iter()
                        .zip(maxima)
                        .flat_map(|(best, p)| {
                            let rest = (1.0 - p) / (classes - 1) as f32;
                            (0..classes).map(move |c| if c == best { p.ln() } else { rest.ln() })
                        })
                        .collect()
                } else {
                    case["logits"][sample].as_array().unwrap().iter().flat_map(floats).collect()
                };
                // The manifest's 1e-6, and the rounding of a softmax in single precision; rows that were made of their maximum
                // here have been rounded once more.
                let rounding = if case["logits"].is_null() { 1e-6 } else { 4.0 * f32::EPSILON };
                let allowed = 1e-6 + rounding;
                let steps = logits.len() / classes;
                let ratio = case["valid_ratio"][sample].as_f64().unwrap();
                let steps = valid_steps(steps, ratio);
                let runs = codec.runs(&logits, steps);
                let got: Vec<usize> = runs.iter().map(|r| r.class).collect();
                assert_eq!(got, indices(&case["tensor2idx"][0][sample]));
                for (run, score) in runs.iter().zip(floats(&case["tensor2idx"][1][sample])) {
                    assert!((run.score - score).abs() <= allowed, "{} {score}", run.score);
                }
                let text = codec.decode(&logits, steps, steps as f32).text;
                assert_eq!(as_reference(&text), case["strings"][sample].as_str().unwrap());
                if !case["logits"].is_null() {
                    for (r, run) in runs.iter().enumerate() {
                        let best = codec.alternatives(&logits[run.start * classes..][..classes], 3);
                        let scores = floats(&case["tensor2idx_topk3"][1][sample][r]);
                        assert!(
                            best.iter().zip(&scores).all(|(b, s)| (b.1 - s).abs() <= allowed),
                            "{best:?}"
                        );
                        // Where scores are equal, the order among them is free.
                        assert_eq!(best[0].0, indices(&case["tensor2idx_topk3"][0][sample][r])[0]);
                    }
                }
                decoded += 1;
            }
        }
    }
    assert!(decoded >= 20, "{decoded}");
    let codec = CtcCodec::new(Vocab::ctc(DICT36).unwrap()).unwrap();
    assert!(matches!(
        codec.encode("a~"),
        Err(glyphic_codec::Error::UnknownChar { position: 1, char: '~', .. })
    ));
}

fn crnn_config(case: &Case) -> (CrnnConfig, CrnnLossConfig) {
    let model = &case.config["model"];
    let convertor = &model["label_convertor"];
    let config = CrnnConfig {
        characters: dictionary(convertor),
        unknown: convertor["with_unknown"].as_bool().unwrap(),
        lower: convertor["lower"].as_bool().unwrap_or(false),
        channels: match model["backbone"]["input_channels"].as_u64() {
            Some(1) => Channels::Gray,
            _ => Channels::Bgr,
        },
        leaky_relu: model["backbone"]["leaky_relu"].as_bool().unwrap(),
        rnn: model["decoder"]["rnn_flag"].as_bool().unwrap(),
        rectify: model["preprocessor"]["num_fiducial"].as_u64().unwrap_or(0) as usize,
        ..CrnnConfig::default()
    };
    let full_width = model["loss"]["flatten"].as_bool().unwrap_or(true);
    (config, CrnnLossConfig { full_width, ..CrnnLossConfig::default() })
}

#[test]
fn crnn_computes_reads_and_learns_as_the_reference() {
    for case in golden::cases("B_crnn") {
        let (config, loss) = crnn_config(&case);
        let codec = config.codec().unwrap();
        let classes = codec.vocab().len();
        let device = cpu();
        let net = load(config.init(classes, &device), &case);
        // Sampling noise at rectified places amplifies the rounding of the places: the reference is 4.6e-4 away from double.
        let rectified = config.rectify > 0;
        let relative = Tolerance::RelMax(if rectified { 2e-3 } else { 1e-4 });

        let image = tensor::<4>(&case, "input/img", &device);
        let features = match &net.preprocessor {
            Some(tps) => net.backbone.forward(tps.forward(image.clone())),
            None => net.backbone.forward(image.clone()),
        };
        case.assert_tensor("backbone_out0", &features.dims(), &values(features.clone()), relative);
        let logits = net.forward(image);
        case.assert_tensor("decoder_test_out", &logits.dims(), &values(logits.clone()), relative);

        let inputs = &case.entry["json_inputs"];
        let ratios: Vec<f64> =
            inputs["valid_ratio"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
        let [_, steps, _] = logits.dims();
        for (n, row) in values(logits.clone()).chunks_exact(steps * classes).enumerate() {
            let read = codec.decode(row, valid_steps(steps, ratios[n]), steps as f32);
            let expected = &case.entry["json_outputs"]["decoded"][n];
            assert_eq!(read.text, expected["text"].as_str().unwrap(), "{}", case.name);
            for (char, score) in read.chars.iter().zip(floats(&expected["score"])) {
                assert!(
                    (char.score - score).abs() < if rectified { 2e-3 } else { 1e-4 },
                    "{}: {} {score}",
                    case.name,
                    char.score
                );
            }
        }

        let texts = strings(&inputs["texts"]);
        let labels: Vec<Vec<usize>> = texts.iter().map(|t| codec.encode(t).unwrap()).collect();
        assert_eq!(
            labels.concat(),
            case.stored("target/flatten_targets").i64().iter().map(|&v| v as usize).collect::<Vec<_>>()
        );
        let value = loss.forward(logits, &labels, &ratios).unwrap();
        case.assert_tensor("loss_eval_mode/loss_ctc", &[1], &values(value), relative);

        let device = cpu().autodiff();
        let net = load(config.init(classes, &device), &case);
        let value =
            loss.forward(net.forward(tensor::<4>(&case, "input/img", &device)), &labels, &ratios).unwrap();
        let found = gradients(&net, &value.backward());
        case.assert_tensor("loss_train_mode_no_dropout/loss_ctc", &[1], &values(value), relative);
        let (rel, share) = if rectified { (5e-2, 1e-3) } else { (5e-3, 1e-4) };
        if let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), rel, share) {
            panic!("{mismatch}");
        }
        let after = glyphic_nn::checkpoint::state_dict(&net);
        for name in case.names("output") {
            if let Some(entry) = name.strip_prefix("bn_after_train_forward/") {
                let value = after.get(entry).unwrap();
                case.assert_tensor(&name, &value.shape, &value.data, relative);
            }
        }
    }
}

#[test]
fn the_backbone_alone_computes_and_differentiates_as_the_reference() {
    for case in golden::cases("F_vgg_") {
        let channels = case.config["input_channels"].as_u64().unwrap() as usize;
        let leaky = case.config["leaky_relu"].as_bool().unwrap();
        let device = cpu();
        let net = load(VeryDeepVgg::init(channels, leaky, &device), &case);
        let out = net.forward(tensor::<4>(&case, "input/x", &device));
        case.assert_tensor("eval_out", &out.dims(), &values(out.clone()), Tolerance::RelMax(1e-5));

        let device = cpu().autodiff();
        let net = load(VeryDeepVgg::init(channels, leaky, &device), &case);
        let x = tensor::<4>(&case, "input/x", &device).require_grad();
        let out = net.forward(x.clone());
        let shape = out.dims();
        case.assert_tensor("train_out", &shape, &values(out.clone()), Tolerance::RelMax(1e-5));
        let stream = format!("input:{}.grad", case.name);
        let weights = formula::values(case.salt(), &stream, shape.iter().product(), 1.0);
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &device).reshape(shape);
        let grads = (out * weights).sum().backward();
        let x = x.grad(&grads).unwrap();
        case.assert_tensor("grad_input/x", &x.dims(), &values(x.clone()), Tolerance::RelMax(1e-3));
        let found = gradients(&net, &grads);
        if let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), 1e-3, 1e-4) {
            panic!("{mismatch}");
        }
    }
}

#[test]
fn the_loss_and_its_gradient_are_the_references() {
    for case in golden::cases("F_loss_ctc_") {
        let config = &case.config;
        let loss = CrnnLossConfig {
            reduction: match config["reduction"].as_str() {
                Some("none") => Reduction::None,
                Some("sum") => Reduction::Sum,
                _ => Reduction::Mean,
            },
            zero_infinity: config["zero_infinity"].as_bool().unwrap_or(false),
            full_width: config["flatten"].as_bool().unwrap_or(true),
        };
        let mut flat = case.stored("target/flat").i64().into_iter().map(|v| v as usize);
        let labels: Vec<Vec<usize>> = case
            .stored("target/lengths")
            .i64()
            .into_iter()
            .map(|n| flat.by_ref().take(n as usize).collect())
            .collect();
        let logits = tensor::<3>(&case, "input/logits", &cpu().autodiff()).require_grad();
        let value = loss.forward(logits.clone(), &labels, &[1.0, 0.5, 1.0]).unwrap();
        let shape = value.dims();
        case.assert_tensor("out/loss_ctc", &shape, &values(value.clone()), Tolerance::RelMax(1e-5));
        let gradient = logits.grad(&value.sum().backward()).unwrap();
        // The reference computes in single precision: its own gradients are up to 9.3e-6 away from double's.
        case.assert_tensor("grad/logits", &gradient.dims(), &values(gradient.clone()), Tolerance::Abs(1e-5));
    }
}

/// A picture whose channels are blue, green, red.
fn picture(height: usize, width: usize, bgr: &[u8]) -> Image {
    let rgb = bgr.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
    Image::from_rgb(width as u32, height as u32, rgb).unwrap()
}

/// A crop as a network is given it, `[3, height, padded]`, blue, green, red.
fn prepared(crop: &Image, resize: ResizeConfig, mean: Vec<f32>, std: Vec<f32>) -> ([usize; 3], Vec<f32>) {
    let input = InputConfig { channels: Channels::Bgr, resize, mean, std, turn_vertical: false };
    let width = input.width(crop.width(), crop.height());
    let shape = [3, resize.height as usize, width.padded as usize];
    let mut out = vec![0.0; shape.iter().product()];
    input.prepare(crop, width, &mut out).unwrap();
    (shape, out)
}

#[test]
fn crops_are_resized_and_normalised_as_by_the_reference() {
    let case = golden::case("D_resize_ocr");
    let set = |name: &str| {
        let set = &case.config[name];
        let number = |key: &str| set[key].as_u64().map(|v| v as u32);
        let ratio = set["width_downsample_ratio"].as_f64().unwrap_or(1.0 / 16.0);
        ResizeConfig {
            height: number("height").unwrap(),
            min_width: number("min_width"),
            max_width: number("max_width"),
            keep_aspect_ratio: set["keep_aspect_ratio"].as_bool().unwrap(),
            width_divisor: (1.0 / ratio) as u32,
        }
    };

    let shapes = case.entry["json_outputs"]["shapes"].as_array().unwrap();
    let sets = case.config.as_object().unwrap().len();
    for (row, shape) in shapes.iter().enumerate() {
        let (h, w) = (shape["h"].as_u64().unwrap() as usize, shape["w"].as_u64().unwrap() as usize);
        let resize = set(shape["set"].as_str().unwrap());
        let size = resize.width(w as u32, h as u32);
        let what = format!("{shape}");
        assert_eq!(u64::from(size.content), shape["resize_shape"][1].as_u64().unwrap(), "{what}");
        assert_eq!(u64::from(size.padded), shape["pad_shape"][1].as_u64().unwrap(), "{what}");
        assert_eq!(size.ratio(), shape["valid_ratio"].as_f64().unwrap(), "{what}");

        let noise = formula::Stream::new(formula::seed(case.salt(), &format!("img:rs{}", row / sets)));
        let pixels: Vec<u8> = noise
            .take(h * w * 3)
            .enumerate()
            .map(|(i, v)| {
                let (y, x, c) = (i / (w * 3), i / 3 % w, i % 3);
                let wave = 60.0 * (x as f64 / 7.0).sin() + 50.0 * (y as f64 / 5.0).cos();
                (128.0 + wave + 9.0 * c as f64 + 30.0 * v + 0.5).floor().clamp(0.0, 255.0) as u8
            })
            .collect();
        let (_, out) = prepared(&picture(h, w, &pixels), resize, vec![0.0], vec![1.0]);
        let sum: f64 = out.iter().map(|&v| f64::from(v)).sum();
        let expected = shape["sum"].as_f64().unwrap();
        // Each value may be off by one grey level.
        assert!((sum - expected).abs() <= out.len() as f64, "{what}: {sum}");
    }

    for input in case.names("input") {
        let stored = case.stored(&input);
        let pixels: Vec<u8> = stored.i64().into_iter().map(|v| v as u8).collect();
        let crop = picture(stored.shape[0], stored.shape[1], &pixels);
        let tag = input.strip_prefix("input/").unwrap();
        for name in ["sar48", "crnn_fixed", "crnn_test"] {
            let resize = set(name);
            let ([_, h, w], planes) = prepared(&crop, resize, vec![0.0], vec![1.0]);
            let pixels: Vec<f32> =
                (0..h * w).flat_map(|i| [0, 1, 2].map(|c| planes[c * h * w + i])).collect();
            case.assert_tensor(&format!("out/{name}_{tag}"), &[h, w, 3], &pixels, Tolerance::Abs(1.0));
            for (suffix, mean, std, tolerance) in [
                ("totensor", vec![0.0], vec![255.0], 1.0 / 255.0),
                (
                    "normalized",
                    [0.485_f32, 0.456, 0.406].map(|v| v * 255.0).to_vec(),
                    [0.229_f32, 0.224, 0.225].map(|v| v * 255.0).to_vec(),
                    1.0 / 255.0 / 0.224,
                ),
            ] {
                let output = format!("out/{name}_{tag}_{suffix}");
                if case.has(&output) {
                    let (shape, planes) = prepared(&crop, resize, mean, std);
                    case.assert_tensor(&output, &shape, &planes, Tolerance::Abs(tolerance + 1e-6));
                }
            }
        }
    }
}
