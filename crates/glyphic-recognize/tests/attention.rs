//! Recognizers that write class by class, their codec and their losses against the reference.

mod common;

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use common::{
    floats, formula_weights, gradients, indices, load, strings, tensor, valid_columns, values, write,
};
use glyphic_core::{DICT36, DICT90};
use glyphic_graph::{Session, Tensor as Value};
use glyphic_nn::Device;
use glyphic_nn::checkpoint::{state_dict, state_names};
use glyphic_nn::device::cpu;
use glyphic_nn::layers::{TransformerConfig, attention_bias};
use glyphic_recognize::aster::AsterConfig;
use glyphic_recognize::master::MasterConfig;
use glyphic_recognize::nrtr::{ModalityTransform, Nrtr, NrtrConfig, TfEncoder, TfNetwork};
use glyphic_recognize::parseq::ParseqConfig;
use glyphic_recognize::robust_scanner::{
    ChannelReduction, Fusion, PositionAware, RobustScanner, RobustScannerConfig, dot_attention,
};
use glyphic_recognize::sar::{Sar, SarConfig, SarDecoderKind, SarEncoder};
use glyphic_recognize::satrn::SatrnConfig;
use glyphic_recognize::{
    AttentionCodec, BeamScore, Codec, Extent, LabelConfig, Learn, LineBatch, Model, RecognizerConfig,
    Reduction, Search, SequenceLoss, StepBeam, StepOptions, Stepwise, Width, valid_steps,
};
use glyphic_testing::{Case, Tolerance, golden};
use serde_json::Value as Json;

/// The reference writes an unknown class as a word.
fn as_reference(text: &str) -> String {
    text.replace(char::REPLACEMENT_CHARACTER, "<UKN>")
}

fn labels(convertor: &Json, max_length: &Json) -> LabelConfig {
    LabelConfig {
        characters: match convertor["dict_type"].as_str() {
            Some("DICT36") => DICT36.to_owned(),
            Some("DICT90") => DICT90.to_owned(),
            _ => strings(&convertor["dict_list"]).concat(),
        },
        unknown: convertor["with_unknown"].as_bool().unwrap_or(true),
        lower: convertor["lower"].as_bool().unwrap_or(false),
        separate_end: !convertor["start_end_same"].as_bool().unwrap_or(true),
        order: Default::default(),
        max_length: max_length.as_u64().unwrap() as usize,
    }
}

#[test]
fn the_codec_encodes_pads_and_decodes_as_the_reference() {
    let json = golden::case("B_convertors").json();
    let (mut encoded, mut decoded) = (0, 0);
    for convertor in json["convertors"].as_array().unwrap() {
        let config = &convertor["config"];
        if config["type"] != "AttnConvertor" {
            continue;
        }
        let codec = labels(config, &config["max_seq_len"]).codec().unwrap();
        assert_eq!(codec.vocab().len() as u64, convertor["num_classes"].as_u64().unwrap());
        for (key, class) in
            [("start_idx", codec.start()), ("end_idx", codec.end()), ("padding_idx", codec.pad())]
        {
            assert_eq!(Some(class as u64), convertor[key].as_u64(), "{key}");
        }
        for (i, text) in strings(&convertor["strings"]).iter().enumerate() {
            let classes = codec.encode(text).unwrap();
            assert_eq!(classes, indices(&convertor["str2idx"][i]), "{text}");
            assert_eq!(as_reference(&codec.text(&classes)), convertor["idx2str"][i].as_str().unwrap());
            // The reference cuts what is too long; such a label is refused in training.
            let ends = [&[codec.start()][..], &classes, &[codec.end()]].concat();
            assert_eq!(codec.padded(&ends), indices(&convertor["str2tensor"]["padded_targets"][i]));
            assert_eq!(codec.target(text).is_ok(), ends.len() <= codec.max_length(), "{text}");
            encoded += 1;
        }
        for case in convertor["tensor2idx_cases"].as_array().unwrap() {
            for sample in 0..floats(&case["valid_ratio"]).len() {
                let (rows, columns): (Vec<f32>, usize) = if case["logits"].is_null() {
                    let columns = codec.vocab().len();
                    let row = |(best, value): (usize, f32)| {
                        (0..columns).map(move |c| if c == best { value } else { -100.0 })
                    };
                    let maxima = floats(&case["max_value"][sample]);
                    (
                        indices(&case["argmax"][sample]).into_iter().zip(maxima).flat_map(row).collect(),
                        columns,
                    )
                } else {
                    let rows: Vec<Vec<f32>> =
                        case["logits"][sample].as_array().unwrap().iter().map(floats).collect();
                    (rows.concat(), rows[0].len())
                };
                let best = codec.best(&rows, columns);
                let (classes, scores): (Vec<usize>, Vec<f32>) = best.into_iter().unzip();
                assert_eq!(classes, indices(&case["tensor2idx"][0][sample]));
                for (score, expected) in scores.iter().zip(floats(&case["tensor2idx"][1][sample])) {
                    assert!((score - expected).abs() <= 1e-6, "{score} {expected}");
                }
                assert_eq!(as_reference(&codec.text(&classes)), case["strings"][sample].as_str().unwrap());
                decoded += 1;
            }
        }
    }
    assert!(encoded >= 20 && decoded >= 6, "{encoded} {decoded}");
}

#[test]
fn the_losses_and_their_gradients_are_the_references() {
    for (prefix, shifted) in [("F_loss_celoss_", false), ("F_loss_sarloss_", true), ("F_loss_tfloss_", true)]
    {
        for case in golden::cases(prefix) {
            let config = &case.config;
            let default = if prefix == "F_loss_sarloss_" { 0 } else { -1 };
            let ignore = config["ignore_index"].as_i64().unwrap_or(default);
            let reduction = match (prefix, config["reduction"].as_str()) {
                (_, Some("mean")) | ("F_loss_sarloss_", None) => Reduction::Mean,
                (_, Some("sum")) => Reduction::Sum,
                _ => Reduction::None,
            };
            let loss = SequenceLoss { ignore: usize::try_from(ignore).ok(), shifted, reduction };
            let stored = case.stored("target/padded_targets");
            let targets: Vec<Vec<usize>> = stored
                .i64()
                .chunks_exact(stored.shape[1])
                .map(|row| row.iter().map(|v| *v as usize).collect())
                .collect();
            let logits = tensor::<3>(&case, "input/outputs", &cpu().autodiff()).require_grad();
            let value = loss.forward(logits.clone(), &targets).unwrap();
            let shape = case.stored("out/loss_ce").shape;
            assert_eq!(value.dims()[0], shape.iter().product::<usize>());
            case.assert_tensor("out/loss_ce", &shape, &values(value.clone()), Tolerance::RelMax(1e-5));
            // The reference takes the gradient of the mean where a loss has many values.
            let scalar = if shape.iter().product::<usize>() > 1 { value.sum() } else { value };
            let gradient = logits.grad(&scalar.backward()).unwrap();
            case.assert_tensor(
                "grad/outputs",
                &gradient.dims(),
                &values(gradient.clone()),
                Tolerance::Abs(1e-6),
            );
        }
    }
}

/// All positions of padded targets at once, from crops and their valid columns.
type Whole<'a, N> = dyn Fn(&N, Tensor<4>, Tensor<2>, &[Vec<usize>]) -> Tensor<3> + 'a;

/// What differs between the cases of a recognizer.
struct Checked<'a, M: Learn> {
    case: &'a Case,
    /// Without dropout.
    config: M,
    labels: &'a LabelConfig,
    forward: &'a Whole<'a, M::Net>,
    loss: SequenceLoss,
}

impl<M: Learn> Checked<'_, M>
where
    M::Net: Stepwise,
{
    fn codec(&self) -> AttentionCodec {
        self.labels.codec().unwrap()
    }

    fn net(&self, device: &Device) -> M::Net {
        load(self.config.init(self.codec().vocab().len(), device), self.case)
    }

    /// The picture, and the columns that hold content.
    fn input(&self, device: &Device) -> (Tensor<4>, Tensor<2>) {
        let image = tensor::<4>(self.case, "input/img", device);
        let [_, _, _, width] = image.dims();
        let stride = self.config.steps().unwrap().unwrap().stride as usize;
        (image, valid_columns(self.case, width.div_ceil(stride), device))
    }

    fn targets(&self) -> Vec<Vec<usize>> {
        let codec = self.codec();
        let texts = strings(&self.case.entry["json_inputs"]["texts"]);
        let targets: Vec<Vec<usize>> =
            texts.iter().map(|text| codec.padded(&codec.target(text).unwrap())).collect();
        let stored = self.case.stored("target/padded_targets").i64();
        assert_eq!(targets.concat(), stored.iter().map(|v| *v as usize).collect::<Vec<_>>());
        targets
    }

    /// Outputs in use, decoded texts and scores.
    fn reads(&self) {
        let (case, codec) = (self.case, self.codec());
        let net = self.net(&cpu());
        let (image, valid) = self.input(&cpu());
        let steps = codec.max_length();
        let scores = softmax(write(&net, net.encode(image, valid), codec.start(), steps), 2);
        let (shape, rows) = (scores.dims(), values(scores));
        case.assert_tensor("decoder_test_out", &shape, &rows, Tolerance::RelMax(1e-4));
        let [_, _, columns] = shape;
        for (n, row) in rows.chunks_exact(steps * columns).enumerate() {
            let expected = &case.entry["json_outputs"]["decoded"][n];
            let read = Codec::decode(&codec, row, columns, Extent { valid: steps, content: steps as f32 });
            assert_eq!(as_reference(&read.text), expected["text"].as_str().unwrap(), "{}", case.name);
            for (char, score) in read.chars.iter().zip(floats(&expected["score"])) {
                assert!((char.score - score).abs() < 1e-4, "{}: {} {score}", case.name, char.score);
            }
        }
    }

    /// Outputs and losses in training, gradients, running statistics.
    fn learns(&self) {
        let (case, targets) = (self.case, self.targets());
        let relative = Tolerance::RelMax(1e-4);
        let net = self.net(&cpu());
        let (image, valid) = self.input(&cpu());
        let out = (self.forward)(&net, image, valid, &targets);
        case.assert_tensor("decoder_train_out_eval_mode", &out.dims(), &values(out.clone()), relative);
        let check = |name: &str, loss: &Tensor<1>| {
            case.assert_tensor(&format!("{name}/loss_ce"), &loss.dims(), &values(loss.clone()), relative);
            let mean = values(loss.clone().mean());
            case.assert_tensor(&format!("{name}/total"), &[1], &mean, relative);
        };
        check("loss_eval_mode", &self.loss.forward(out, &targets).unwrap());

        let device = cpu().autodiff();
        let net = self.net(&device);
        let (image, valid) = self.input(&device);
        let loss = self.loss.forward((self.forward)(&net, image, valid, &targets), &targets).unwrap();
        check("loss_train_mode_no_dropout", &loss);
        let found: HashMap<String, Vec<f32>> = gradients(&net, &loss.mean().backward());
        if let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), 5e-3, 1e-4) {
            panic!("{mismatch}");
        }
        let after = state_dict(&net);
        for name in case.names("output") {
            if let Some(entry) = name.strip_prefix("bn_after_train_forward/") {
                let value = after.get(entry).unwrap();
                case.assert_tensor(&name, &value.shape, &value.data, relative);
            }
        }
    }
}

fn loss_of(case: &Case, codec: &AttentionCodec) -> SequenceLoss {
    let reduction = match case.config["model"]["loss"]["type"].as_str().unwrap() {
        "TFLoss" => Reduction::None,
        _ => Reduction::Mean,
    };
    SequenceLoss { ignore: Some(codec.pad()), shifted: true, reduction }
}

#[test]
fn nrtr_computes_reads_and_learns_as_the_reference() {
    for case in golden::cases("B_nrtr_") {
        let model = &case.config["model"];
        let labels = labels(&model["label_convertor"], &model["max_seq_len"]);
        let base = match (model["backbone"]["type"].as_str(), model["backbone"]["last_stage_pool"].as_bool())
        {
            (Some("NRTRModalityTransform"), _) => NrtrConfig::modality_transform(),
            (_, Some(true)) => NrtrConfig::default(),
            _ => NrtrConfig::r31_1by8_1by4(),
        };
        let config = NrtrConfig { labels: labels.clone(), dropout: 0.0, ..base };
        let codec = labels.codec().unwrap();
        let checked = Checked {
            case: &case,
            labels: &labels,
            forward: &|net: &Nrtr, image, valid, targets| net.forward(image, valid, targets, codec.pad()),
            loss: loss_of(&case, &codec),
            config,
        };
        checked.reads();
        checked.learns();
    }
}

fn sar(case: &Case, labels: &LabelConfig) -> SarConfig {
    let model = &case.config["model"];
    let (encoder, decoder) = (&model["encoder"], &model["decoder"]);
    let flag = |value: &Json| value.as_bool().unwrap_or(false);
    SarConfig {
        labels: labels.clone(),
        encoder_bidirectional: flag(&encoder["enc_bi_rnn"]),
        encoder_gru: flag(&encoder["enc_gru"]),
        encoder_dropout: 0.0,
        decoder: match decoder["type"].as_str() {
            Some("SequentialSARDecoder") => SarDecoderKind::Sequential,
            _ => SarDecoderKind::Parallel,
        },
        decoder_gru: flag(&decoder["dec_gru"]),
        attention: decoder["d_k"].as_u64().unwrap() as usize,
        concat: flag(&decoder["pred_concat"]),
        dropout: 0.0,
        ..SarConfig::default()
    }
}

#[test]
fn sar_computes_reads_and_learns_as_the_reference() {
    for case in golden::cases("B_sar_") {
        let model = &case.config["model"];
        let labels = labels(&model["label_convertor"], &model["max_seq_len"]);
        let codec = labels.codec().unwrap();
        let checked = Checked {
            case: &case,
            labels: &labels,
            forward: &|net: &Sar, image, valid, targets| net.forward(image, valid, targets),
            loss: loss_of(&case, &codec),
            config: sar(&case, &labels),
        };
        if model["decoder"]["beam_width"].is_null() {
            checked.reads();
        }
        checked.learns();
    }
}

#[test]
fn the_beam_search_of_sums_is_the_references() {
    let case = golden::case("B_sar_beam");
    let model = &case.config["model"];
    let labels = labels(&model["label_convertor"], &model["max_seq_len"]);
    let net = load(sar(&case, &labels).init(labels.codec().unwrap().vocab().len(), &cpu()), &case);
    let codec = labels.codec().unwrap();
    let image = tensor::<4>(&case, "input/img", &cpu());
    let [_, _, _, width] = image.dims();
    let ratio = case.entry["json_inputs"]["valid_ratio"][0].as_f64().unwrap();
    let valid = valid_steps(width / 4, ratio);
    let width = model["decoder"]["beam_width"].as_u64().unwrap() as usize;
    let beam = StepBeam { width, score: BeamScore::ProbabilitySum };
    let options = StepOptions { search: Search::Beam(beam), ..sar(&case, &labels).steps().unwrap().unwrap() };
    let (rows, columns) = glyphic_recognize::write(net, image, &[valid], &options).unwrap().remove(0);
    case.assert_tensor(
        "decoder_test_out",
        &[1, rows.len() / columns, columns],
        &rows,
        Tolerance::RelMax(1e-4),
    );
    let read = Codec::decode(&codec, &rows, columns, Extent { valid: 0, content: 0.0 });
    assert_eq!(read.text, case.entry["json_outputs"]["decoded"][0]["text"].as_str().unwrap());
}

#[test]
fn robust_scanner_computes_reads_and_learns_as_the_reference() {
    for case in golden::cases("B_robust_scanner") {
        let model = &case.config["model"];
        let labels = labels(&model["label_convertor"], &model["max_seq_len"]);
        let codec = labels.codec().unwrap();
        let checked = Checked {
            case: &case,
            labels: &labels,
            forward: &|net: &RobustScanner, image, valid, targets| net.forward(image, valid, targets),
            loss: loss_of(&case, &codec),
            config: RobustScannerConfig { labels: labels.clone(), dropout: 0.0, ..Default::default() },
        };
        checked.reads();
        checked.learns();
    }
}

/// Runs a layer as the reference was run: eval output, train output, gradients of `sum(out * v)` in training.
fn check<M: Module, const D: usize, const E: usize>(
    case: &Case,
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, Vec<Tensor<D>>) -> Tensor<E>,
) {
    let device = cpu();
    let inputs: Vec<String> = case.names("input").into_iter().filter(|n| n.starts_with("input/")).collect();
    let out = forward(&load(init(&device), case), inputs.iter().map(|n| tensor(case, n, &device)).collect());
    case.assert_tensor("eval_out", &out.dims(), &values(out.clone()), Tolerance::RelMax(1e-5));
    let device = device.autodiff();
    let module = load(init(&device), case);
    let x: Vec<Tensor<D>> = inputs.iter().map(|n| tensor(case, n, &device).require_grad()).collect();
    let out = forward(&module, x.clone());
    let shape = out.dims();
    case.assert_tensor("train_out", &shape, &values(out.clone()), Tolerance::RelMax(1e-5));
    let stream = format!("input:{}.grad", case.name);
    let v = glyphic_testing::formula::values(case.salt(), &stream, shape.iter().product(), 1.0);
    let grads = (out * Tensor::from_data(TensorData::new(v, shape), &device)).sum().backward();
    for (name, x) in inputs.iter().zip(&x) {
        let x = x.grad(&grads).unwrap();
        let name = name.replace("input/", "grad_input/");
        case.assert_tensor(&name, &x.dims(), &values(x.clone()), Tolerance::RelMax(1e-3));
    }
    let found = gradients(&module, &grads);
    if case.has("grad_params/l2_sum_first_middle")
        && let Err(mismatch) = case.compare_gradients(|name| found.get(name).cloned(), 1e-3, 1e-4)
    {
        panic!("{mismatch}");
    }
}

fn size(case: &Case, key: &str) -> usize {
    case.config[key].as_u64().unwrap() as usize
}

fn flag(case: &Case, key: &str, default: bool) -> bool {
    case.config[key].as_bool().unwrap_or(default)
}

#[test]
fn layers_alone_compute_and_learn_as_the_reference() {
    for case in golden::cases("F_sar_encoder_") {
        let config = SarConfig {
            features: size(&case, "d_enc"),
            encoder_bidirectional: flag(&case, "enc_bi_rnn", false),
            encoder_gru: flag(&case, "enc_gru", false),
            encoder_dropout: 0.0,
            mask: flag(&case, "mask", true),
            ..SarConfig::default()
        };
        let init = |device: &Device| SarEncoder::init(&config, size(&case, "d_model"), device);
        check(&case, init, |encoder, x: Vec<Tensor<4>>| {
            let [_, _, _, width] = x[0].dims();
            let valid = [1.0, 0.45].map(|ratio| valid_steps(width, ratio) as f32);
            encoder.forward(x[0].clone(), Tensor::<1>::from_floats(valid, &x[0].device()).unsqueeze_dim(1))
        });
    }
    let case = golden::case("F_chan_red_encoder");
    let channels = [size(&case, "in_channels"), size(&case, "out_channels")];
    check(
        &case,
        |device| ChannelReduction::init(channels, device),
        |layer, x: Vec<Tensor<4>>| layer.forward(x[0].clone()),
    );
    let case = golden::case("F_position_aware");
    let features = size(&case, "dim_model");
    check(
        &case,
        |device| PositionAware::init(features, device),
        |layer, x: Vec<Tensor<4>>| layer.forward(x[0].clone()),
    );
    let case = golden::case("F_rs_fusion");
    let features = size(&case, "dim_model");
    check(
        &case,
        |device| Fusion::init(features, device),
        |layer, x: Vec<Tensor<3>>| layer.forward(x[0].clone(), x[1].clone()),
    );
    let case = golden::case("F_nrtr_modality");
    check(
        &case,
        |device| ModalityTransform::init(3, 32, 512, device),
        |layer, x: Vec<Tensor<4>>| layer.forward(x[0].clone()),
    );
    let case = golden::case("F_tf_encoder");
    let config = TransformerConfig {
        model: size(&case, "d_model"),
        inner: size(&case, "d_inner"),
        heads: size(&case, "n_head"),
        key: size(&case, "d_k"),
        value: size(&case, "d_v"),
        dropout: 0.0,
        ..TransformerConfig::default()
    };
    let layers = size(&case, "n_layers");
    check(
        &case,
        |device| TfEncoder::init(&config, layers, device),
        |encoder, x: Vec<Tensor<4>>| {
            let [batch, features, height, width] = x[0].dims();
            let valid = [1.0, 0.45].map(|ratio| valid_steps(width, ratio) as f32);
            let valid = Tensor::<1>::from_floats(valid, &x[0].device()).unsqueeze_dim(1);
            let (out, _) = encoder.forward(x[0].clone(), valid);
            out.swap_dims(1, 2).reshape([batch, features, height, width])
        },
    );
    let case = golden::case("F_dot_attn");
    let scale = (size(&case, "dim_model") as f64).powf(-0.5);
    let none = |_: &Device| Vec::<burn::nn::Linear>::new();
    check(&case, none, |_, x: Vec<Tensor<3>>| {
        // Inputs in the order of names: k, q, v; features before positions, and from the second sample's seventh on blocked.
        let [keys, query, values] = [0, 1, 2].map(|i| x[i].clone().swap_dims(1, 2));
        let [batch, positions, _] = keys.dims();
        let blocked = (0..batch * positions).map(|i| f32::from(u8::from(i >= positions + 7)));
        let blocked = TensorData::new(blocked.collect::<Vec<_>>(), [batch, 1, positions]);
        let bias = attention_bias(Tensor::<3>::from_data(blocked, &keys.device()));
        dot_attention(query.mul_scalar(scale), keys, values, bias).swap_dims(1, 2)
    });
}

fn number(x: &Tensor<3>) -> Value {
    Value::from_f32(&x.dims(), values(x.clone())).unwrap()
}

/// Encoder and step of a small network's graph compute what the network does.
fn assert_graphs<M: Learn>(name: &str, config: &M, [height, width]: [usize; 2])
where
    M::Net: Stepwise,
    RecognizerConfig: From<M>,
{
    config.validate().unwrap();
    let classes = config.vocab().unwrap().len();
    let mut net = config.init(classes, &cpu());
    let weights = formula_weights(&net);
    glyphic_nn::checkpoint::load_into(&mut net, &weights, &Default::default()).unwrap();
    let whole = config.graph(&net).unwrap();
    for (weight, shape) in state_names(&net) {
        let value = whole.named(&weight).unwrap_or_else(|| panic!("{name}: {weight}"));
        assert_eq!(whole.constants[&value].shape(), shape, "{name}: {weight}");
    }
    // What a file holds is the same.
    let whole = glyphic_onnx::from_bytes(&glyphic_onnx::to_bytes(&whole).unwrap()).unwrap();
    let parts = RecognizerConfig::from(config.clone()).parts(&whole).unwrap();
    let [encoder, step, ..] = &parts[..] else { panic!("{name}: {} parts", parts.len()) };
    let (encoder, step) = (Session::new(encoder.1.clone()).unwrap(), Session::new(step.1.clone()).unwrap());
    let (channels, _) = config.preprocess().input();
    // A network that is not resized takes one size alone.
    let twice = if Model::resize_mut(&mut config.clone()).is_some() { 2 * width } else { width };
    for (batch, width) in [(1, width), (3, twice)] {
        let shape = [batch, channels, height, width];
        let pixels = glyphic_testing::formula::values("", "input:steps", shape.iter().product(), 1.0);
        let image = Tensor::<4>::from_data(TensorData::new(pixels.clone(), shape), &cpu());
        let valid: Vec<f32> = (0..batch).map(|n| (1 + n) as f32).collect();
        let encoded =
            net.encode(image, Tensor::from_data(TensorData::new(valid.clone(), [batch, 1]), &cpu()));
        let inputs = [
            ("image", Value::from_f32(&shape, pixels).unwrap()),
            ("valid", Value::from_f32(&[batch, 1], valid).unwrap()),
        ];
        let close = |what: &str, found: &Value, expected: &Tensor<3>| {
            let expected = number(expected);
            assert_eq!(found.shape(), expected.shape(), "{name}: {what}");
            let (found, expected) = (found.as_f32().unwrap(), expected.as_f32().unwrap());
            let largest = expected.iter().filter(|v| v.abs() < 1e20).fold(1.0f32, |m, v| m.max(v.abs()));
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-4 * largest, "{name}, {what}: {a} and {b}");
            }
        };
        let found = encoder.run(&inputs).unwrap();
        let expected: Vec<_> = encoded.memory.iter().chain(&encoded.state).collect();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            close(&format!("encoder {i}"), found, expected);
        }
        let (memory, mut state) = found.split_at(encoded.memory.len());
        let mut held: Vec<Value>;
        let mut expected = encoded.state.clone();
        for position in 0..3 {
            let token: Vec<f32> = (0..batch).map(|n| ((n + position) % 3) as f32).collect();
            let mut inputs = vec![
                ("token".to_owned(), Value::from_f32(&[batch, 1], token.clone()).unwrap()),
                ("position".to_owned(), Value::from_f32(&[1], vec![position as f32]).unwrap()),
            ];
            inputs.extend(memory.iter().enumerate().map(|(i, v)| (format!("memory_{i}"), v.clone())));
            inputs.extend(state.iter().enumerate().map(|(i, v)| (format!("state_{i}"), v.clone())));
            let inputs: Vec<(&str, Value)> = inputs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
            let mut found = step.run(&inputs).unwrap();
            let token = Tensor::from_data(TensorData::new(token, [batch, 1]), &cpu());
            let position = Tensor::from_floats([position as f32], &cpu());
            let (logits, next) = net.step(&encoded.memory, expected, token, position);
            let [_, columns] = logits.dims();
            let row = Value::from_f32(&[batch, 1, columns], found.remove(0).into_f32().unwrap()).unwrap();
            close("logits", &row, &logits.unsqueeze_dim(1));
            for (i, (found, expected)) in found.iter().zip(&next).enumerate() {
                close(&format!("state {i}"), found, expected);
            }
            expected = next;
            held = found;
            state = &held;
        }
    }
}

fn small_nrtr() -> NrtrConfig {
    let (labels, channels) = (small_labels(), [4, 5, 6, 7, 8]);
    NrtrConfig { labels, channels, layers: 2, model: 12, inner: 10, heads: 3, ..NrtrConfig::default() }
}

fn small_labels() -> LabelConfig {
    LabelConfig { characters: "abc1".to_owned(), max_length: 6, ..LabelConfig::default() }
}

fn small_sar() -> SarConfig {
    SarConfig {
        labels: small_labels(),
        channels: [4, 5, 6, 7, 8, 9],
        features: 10,
        attention: 11,
        ..SarConfig::default()
    }
}

fn small_robust_scanner() -> RobustScannerConfig {
    let channels = [4, 5, 6, 7, 8, 9];
    RobustScannerConfig { labels: small_labels(), channels, features: 10, ..Default::default() }
}

fn small_satrn() -> SatrnConfig {
    SatrnConfig {
        labels: small_labels(),
        encoder_layers: 2,
        decoder_layers: 2,
        model: 12,
        inner: 10,
        heads: 3,
        ..SatrnConfig::default()
    }
}

fn small_master() -> MasterConfig {
    MasterConfig { labels: small_labels(), layers: 1, inner: 16, ..MasterConfig::default() }
}

#[test]
fn encoder_and_step_are_graphs_that_compute_what_the_networks_do() {
    use glyphic_recognize::nrtr::NrtrBackbone;
    assert_graphs("nrtr", &small_nrtr(), [32, 32]);
    let modality = NrtrConfig { backbone: NrtrBackbone::Modality, ..small_nrtr() };
    assert_graphs("nrtr modality", &modality, [32, 32]);
    assert_graphs("sar", &small_sar(), [48, 48]);
    let gru = SarConfig {
        encoder_bidirectional: true,
        encoder_gru: true,
        decoder_gru: true,
        concat: false,
        ..small_sar()
    };
    assert_graphs("sar gru", &gru, [48, 48]);
    let sequential = SarConfig { decoder: SarDecoderKind::Sequential, ..small_sar() };
    assert_graphs("sar sequential", &sequential, [48, 48]);
    assert_graphs("robust_scanner", &small_robust_scanner(), [48, 48]);
    let encoded = RobustScannerConfig { encode_value: true, mask: false, ..small_robust_scanner() };
    assert_graphs("robust_scanner encoded", &encoded, [48, 48]);
    assert_graphs("satrn", &small_satrn(), [32, 32]);
    assert_graphs("master", &small_master(), [48, 32]);
    let labels =
        LabelConfig { characters: "abc1".to_owned(), max_length: 7, ..ParseqConfig::default().labels };
    let parseq = ParseqConfig {
        labels,
        features: 24,
        layers: 1,
        heads: 3,
        decoder_heads: 4,
        ..ParseqConfig::default()
    };
    assert_graphs("parseq", &parseq, [32, 128]);
    assert_graphs("aster", &AsterConfig { attention: 10, hidden: 12, ..AsterConfig::default() }, [64, 256]);
}

/// A loss of a batch whose crops have several widths, with a gradient for every parameter.
fn assert_learns<M: Learn>(config: &M, targets: &[&str], height: usize, without: &[&str]) {
    let device = cpu().autodiff();
    let classes = config.vocab().unwrap().len();
    let mut net = config.init(classes, &device);
    let weights = formula_weights(&net);
    glyphic_nn::checkpoint::load_into(&mut net, &weights, &Default::default()).unwrap();
    let (channels, _) = config.preprocess().input();
    let shape = [targets.len(), channels, height, 64];
    let pixels = glyphic_testing::formula::values("", "input:learn", shape.iter().product(), 1.0);
    let widths: Vec<Width> =
        (0..targets.len()).map(|n| Width { content: 64 - 16 * n as u32, padded: 64 }).collect();
    let targets: Vec<Vec<usize>> = targets.iter().map(|t| config.target(t, widths[0]).unwrap()).collect();
    let batch = LineBatch {
        image: Tensor::from_data(TensorData::new(pixels, shape), &device),
        targets: &targets,
        widths: &widths,
        kinds: &vec![Default::default(); targets.len()],
    };
    let loss = config.loss(&net, &batch).unwrap();
    let value = values(loss.clone())[0];
    assert!(value.is_finite() && value > 0.0, "{value}");
    let found = gradients(&net, &loss.backward());
    for (name, _) in state_names(&net) {
        let skipped = ["running_", "position_table"].iter().any(|part| name.contains(part))
            || without.iter().any(|part| name.contains(part));
        if !skipped {
            let gradient = found.get(&name).unwrap_or_else(|| panic!("{name} has no gradient"));
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
            assert!(gradient.iter().any(|&g| g != 0.0), "{name}");
        }
    }
}

#[test]
fn every_parameter_learns() {
    assert_learns(&small_nrtr(), &["ab1", "c"], 32, &[]);
    assert_learns(&small_sar(), &["ab1", "c"], 48, &[]);
    let sequential = SarConfig { decoder: SarDecoderKind::Sequential, decoder_gru: true, ..small_sar() };
    assert_learns(&sequential, &["ab1", "c"], 48, &[]);
    assert_learns(&small_robust_scanner(), &["ab1", "c"], 48, &[]);
    assert_learns(&small_satrn(), &["ab1", "c"], 32, &["position_encoder"]);
    // A softmax does not see what is added to all of its logits.
    assert_learns(&small_master(), &["ab1", "c"], 48, &["conv_mask.bias"]);
}

#[test]
fn a_search_is_checked() {
    let beam = glyphic_recognize::StepBeam { width: 0, ..Default::default() };
    let config = NrtrConfig { search: Search::Beam(beam), ..small_nrtr() };
    assert!(config.validate().unwrap_err().to_string().contains("nrtr.search.beam.width = 0"));
}
