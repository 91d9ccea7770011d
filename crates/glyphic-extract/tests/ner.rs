//! BERT with softmax beside the reference's.
#![cfg(feature = "train")]

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::Entity;
use glyphic_extract::ner::bert_softmax::{BertSoftmax, EntityFinder, NerCodec, NerConfig, NerLoss, Tokens};
use glyphic_nn::checkpoint::{StateDict, gradients, state_names};
use glyphic_nn::device::cpu;
use glyphic_nn::loss::focal;
use glyphic_testing::golden::Tolerance;
use glyphic_testing::{Case, golden};
use serde_json::Value;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn weights(case: &Case, rename: impl Fn(&str) -> String) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape, values) in case.weights() {
        dict.insert(rename(&name), &shape, &values);
    }
    dict
}

fn config(case: &Case) -> NerConfig {
    let model = &case.config["model"];
    let number = |part: &str, key: &str| model[part][key].as_u64().unwrap() as usize;
    let of = |key: &str| number("encoder", key);
    let categories = model["label_convertor"]["categories"].as_array().unwrap();
    NerConfig {
        categories: categories.iter().map(|c| c.as_str().unwrap().to_owned()).collect(),
        max_len: number("label_convertor", "max_len"),
        vocab_size: of("vocab_size"),
        hidden_size: of("hidden_size"),
        num_hidden_layers: of("num_hidden_layers"),
        num_attention_heads: of("num_attention_heads"),
        intermediate_size: of("intermediate_size"),
        max_position_embeddings: of("max_position_embeddings"),
        dropout: 0.0,
        reference: true,
        ..NerConfig::default()
    }
}

fn vocabulary(case: &Case) -> String {
    let lines = case.entry["json_inputs"]["vocab"].as_array().unwrap();
    lines.iter().map(|l| format!("{}\n", l.as_str().unwrap())).collect()
}

/// The texts of a case with their entities.
fn lines(case: &Case) -> Vec<(Vec<char>, Vec<Entity>)> {
    let line = |line: &Value| {
        let mut entities = Vec::new();
        for (category, surfaces) in line["label"].as_object().unwrap() {
            for spans in surfaces.as_object().unwrap().values() {
                for span in spans.as_array().unwrap() {
                    let at = |i: usize| span[i].as_i64().unwrap();
                    entities.push(Entity::new(category.clone(), at(0), at(1)));
                }
            }
        }
        (line["text"].as_str().unwrap().chars().collect(), entities)
    };
    case.entry["json_inputs"]["lines"].as_array().unwrap().iter().map(line).collect()
}

/// The network, whose names are the case's.
fn load(config: &NerConfig, case: &Case, device: &Device) -> BertSoftmax {
    let net = config.load(&weights(case, str::to_owned), device).unwrap();
    let (mut expected, mut names) = (case.state_dict(), state_names(&net));
    expected.sort();
    names.sort();
    assert_eq!(names, expected);
    net
}

#[test]
fn bert_reads_computes_and_learns_as_the_reference() {
    for case in golden::cases("E_ner_") {
        let config = config(&case);
        let codec = NerCodec::new(&vocabulary(&case), &config).unwrap();
        let lines = lines(&case);
        let texts: Vec<Tokens> = lines.iter().map(|(text, _)| codec.encode(text)).collect();
        let ids: Vec<i64> = texts.iter().flat_map(|t| t.ids.iter().map(|id| *id as i64)).collect();
        assert_eq!(ids, case.stored("prep/input_ids").i64());
        let masks = case.stored("prep/attention_masks").i64();
        for (text, mask) in texts.iter().zip(masks.chunks_exact(config.max_len)) {
            assert_eq!(text.length as i64, mask.iter().sum::<i64>());
        }
        let stored: Vec<usize> = case.stored("prep/labels").i64().iter().map(|l| *l as usize).collect();
        // Entities that overlap overwrite each other in the order of the file, which a map does not keep.
        for ((text, entities), expected) in lines.iter().zip(stored.chunks_exact(config.max_len)) {
            let overlap = entities
                .iter()
                .enumerate()
                .any(|(i, a)| entities[..i].iter().any(|b| a.start <= b.end && b.start <= a.end));
            if !overlap {
                assert_eq!(codec.labels(text.len(), entities).unwrap(), expected);
            }
        }
        for text in case.entry["json_outputs"]["text2id"].as_array().unwrap() {
            let chars: Vec<char> = text["text"].as_str().unwrap().chars().collect();
            let expected: Vec<usize> =
                text["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as usize).collect();
            assert_eq!(codec.encode(&chars).ids, expected);
        }

        let net = load(&config, &case, &cpu());
        let out = net.forward(&texts, &cpu());
        let close = Tolerance::RelMax(1e-4);
        let pooled = net.pool(out.tokens.clone());
        case.assert_tensor("encoder_out0", &out.tokens.dims(), &values(out.tokens.clone()), close);
        case.assert_tensor("encoder_out1", &pooled.dims(), &values(pooled.clone()), close);
        case.assert_tensor("logits", &out.logits.dims(), &values(out.logits.clone()), close);
        let loss = config.loss(out.logits.clone(), &stored);
        case.assert_tensor("loss_eval_mode/loss_cls", &[1], &values(loss), close);
        let focal = NerConfig { loss: NerLoss::Focal(2.0), ..config.clone() };
        case.assert_tensor("focal_loss_eval_mode", &[1], &values(focal.loss(out.logits, &stored)), close);

        let device = cpu().autodiff();
        let net = load(&config, &case, &device);
        let loss = config.loss(net.forward(&texts, &device).logits, &stored);
        case.assert_tensor("loss_no_dropout/loss_cls", &[1], &values(loss.clone()), close);
        let found = gradients(&net, &loss.backward());
        let gradient = |name: &str| found.get(name).map(|value| value.data);
        if let Err(mismatch) = case.compare_gradients(gradient, 5e-3, 1e-4) {
            panic!("{mismatch}");
        }
    }
}

#[test]
fn tags_are_read_as_by_the_reference() {
    let case = golden::case("E_ner_bert2");
    let codec = NerCodec::new(&vocabulary(&case), &config(&case)).unwrap();
    let mut entities = 0;
    for entry in case.entry["json_outputs"]["pred2entities"].as_array().unwrap() {
        let numbers = |key: &str| -> Vec<usize> {
            entry[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
        };
        let length = numbers("mask").iter().sum::<usize>();
        let expected: Vec<Entity> = entry["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| Entity::new(e[0].as_str().unwrap(), e[1].as_i64().unwrap(), e[2].as_i64().unwrap()))
            .collect();
        assert_eq!(codec.entities(&numbers("preds")[1..length]), expected, "{entry}");
        entities += expected.len();
    }
    assert!(entities > 20, "{entities}");
}

#[test]
fn checkpoints_of_both_layouts_load_and_the_graph_finds_the_same_entities() {
    let case = golden::case("E_ner_bert2");
    let config = NerConfig { reference: false, ..config(&case) };
    let names = |name: &str| {
        let name = name.strip_prefix("encoder.").unwrap_or(name);
        name.replace("decoder.classifier.", "classifier.")
    };
    let mut face = weights(&case, names);
    face.insert("cls.predictions.bias", &[3], &[0.0; 3]);
    let net = config.load(&face, &cpu()).unwrap();
    face.insert("bert.encoder.layer.7.output.dense.bias", &[48], &[0.0; 48]);
    let error = config.load(&face, &cpu()).unwrap_err().to_string();
    assert!(error.contains("layer.7.output.dense.bias"), "{error}");

    let finder = EntityFinder::from_graph(&config, &vocabulary(&case), &net.graph().unwrap()).unwrap();
    let codec = NerCodec::new(&vocabulary(&case), &config).unwrap();
    for (text, _) in lines(&case) {
        let tokens = codec.encode(&text);
        let logits = net.forward(std::slice::from_ref(&tokens), &cpu()).logits;
        let tags: Vec<usize> = values(logits)
            .chunks_exact(config.num_labels())
            .skip(1)
            .take(text.len())
            .map(|row| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }))
            .collect();
        let found = finder.find(&text.iter().collect::<String>()).unwrap();
        let entities: Vec<Entity> = found.iter().map(|f| f.entity.clone()).collect();
        assert_eq!(entities, codec.entities(&tags));
        assert!(found.iter().all(|f| f.score > 0.0 && f.score <= 1.0 + 1e-5));
    }
    // No text, and one that is longer than the network's input.
    assert!(finder.find("").unwrap().is_empty());
    let long = "x要z、3".repeat(40);
    assert!(finder.find(&long).unwrap().iter().all(|f| (f.entity.end as usize) < long.chars().count()));
    let reference = NerConfig { reference: true, ..config };
    let finder = EntityFinder::from_graph(&reference, &vocabulary(&case), &net.graph().unwrap()).unwrap();
    assert!(finder.find("").unwrap_err().to_string().contains("0 characters"));
    assert!(finder.find(&long).unwrap_err().to_string().contains("1 to 22"));
}

#[test]
fn focal_loss_and_its_gradient_are_the_references() {
    for case in golden::cases("F_loss_focal_") {
        let (shape, logits) = case.tensor("input/logits");
        let logits = Tensor::<2>::from_data(TensorData::new(logits, shape), &cpu().autodiff()).require_grad();
        let targets = case.stored("target/target").i64();
        let weight: Option<Vec<f32>> = case.config["weight"]
            .as_array()
            .map(|list| list.iter().map(|v| v.as_f64().unwrap() as f32).collect());
        let gamma = case.config["gamma"].as_f64().unwrap_or(2.0);
        let ignore = case.config["ignore_index"].as_i64().unwrap_or(-100);
        let loss = focal(logits.clone(), &targets, gamma, weight.as_deref(), ignore);
        case.assert_tensor("out/loss", &[1], &values(loss.clone()), Tolerance::RelMax(1e-5));
        let gradient = logits.grad(&loss.backward()).unwrap();
        case.assert_tensor("grad/logits", &gradient.dims(), &values(gradient.clone()), Tolerance::Abs(1e-6));
    }
}

#[test]
fn networks_of_any_width_are_recorded() {
    let of = |hidden_size, num_attention_heads, intermediate_size| NerConfig {
        vocab_size: 600,
        hidden_size,
        num_hidden_layers: 1,
        num_attention_heads,
        intermediate_size,
        ..NerConfig::default()
    };
    for config in [of(8, 2, 16), of(48, 4, 96), of(192, 6, 768), of(768, 12, 3072)] {
        let graph = config.init(&cpu()).graph().map_err(|e| e.to_string());
        assert!(graph.is_ok(), "{config:?}: {:?}", graph.err());
    }
}
