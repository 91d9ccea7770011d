use std::fs;

use glyphic_core::{Entity, EntityText};
use glyphic_testing::golden;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use glyphic_labels::Error as LabelError;
use glyphic_labels::Location;
use glyphic_labels::formats::{Format, Picture, Record, Truth, WriteOptions, Writer};

fn at() -> Location {
    Location { file: std::path::Path::new("made").into(), line: 1 }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a string").to_owned()).collect()
}

fn strip_of(config: &Value) -> StringStrip {
    StringStrip {
        strip: config["strip"].as_bool().unwrap_or(true),
        position: match config["strip_pos"].as_str() {
            Some("left") => StripPosition::Left,
            Some("right") => StripPosition::Right,
            _ => StripPosition::Both,
        },
        chars: config["strip_str"].as_str().map(str::to_owned),
    }
}

fn file(content: &str) -> (TempDir, std::path::PathBuf) {
    let dir = TempDir::new().expect("a temporary folder");
    let path = dir.path().join("labels.txt");
    fs::write(&path, content).expect("writable");
    (dir, path)
}

#[test]
fn parsers_do_what_the_reference_does() {
    let golden = golden::case("D_parsers_misc").json();
    for case in golden["line_str"].as_array().expect("cases") {
        let config = &case["config"];
        let columns =
            config["keys_idx"].as_array().expect("a list").iter().map(|v| v.as_u64().unwrap_or(0) as usize);
        let mut parser = LineStrParser::new(
            strings(&config["keys"]),
            columns.collect(),
            config["separator"].as_str().expect("a string"),
        )
        .expect("valid");
        parser.strip = strip_of(config);
        parser.split_every = true;
        let lines = strings(&case["lines"]);
        for (i, expected) in case["out"].as_array().expect("a list").iter().enumerate() {
            let got = parser.parse(&lines[i % lines.len()], &at());
            match expected.get("ok") {
                Some(expected) => assert_eq!(&Value::Object(got.expect("parsed")), expected, "{case}"),
                None => assert!(got.is_err(), "{case} {i}"),
            }
        }
    }
    let parser = LineJsonParser::new(vec!["filename".into(), "text".into()]).expect("valid");
    let lines = strings(&golden["line_json"]["lines"]);
    for (i, expected) in golden["line_json"]["out"].as_array().expect("a list").iter().enumerate() {
        let got = parser.parse(&lines[i % lines.len()], &at());
        match expected.get("ok") {
            Some(expected) => assert_eq!(&Value::Object(got.expect("parsed")), expected),
            None => assert!(got.is_err(), "{i}"),
        }
    }
    for case in golden["string_strip"].as_array().expect("cases") {
        let got = strip_of(&case["kw"]).apply(case["s"].as_str().expect("a string")).to_owned();
        assert_eq!(got, case["out"].as_str().expect("a string"), "{case}");
    }
}

#[test]
fn spaces_in_a_text_survive_by_default() {
    let parser = LineStrParser::default();
    let info = parser.parse("img.png two  words \r", &at()).expect("parsed");
    assert_eq!(Value::Object(info), json!({"filename": "img.png", "text": "two  words"}));
    let tab = LineStrParser::new(vec!["filename".into(), "text".into()], vec![0, 1], "\t").expect("valid");
    assert_eq!(tab.parse("a b.png\tx y", &at()).expect("parsed")["text"], "x y");
    for (keys, columns, separator) in [(0, 0, " "), (2, 1, " "), (1, 1, "")] {
        let keys = vec!["k".to_owned(); keys];
        assert!(LineStrParser::new(keys, vec![0; columns], separator).is_err());
    }
    assert!(LineJsonParser::new(Vec::new()).is_err());
}

#[test]
fn loaders_repeat_and_give_the_same_from_disk_and_lmdb() {
    let (dir, path) = file("\u{feff}a.png x\r\nb.png two words\r\nbroken\r\nc.png \u{4e2d}");
    let parser = || Parser::LineStr(LineStrParser::default());
    let disk = Loader::hard_disk(&path, parser(), 3).expect("opened");
    assert_eq!((disk.len(), disk.location(6).line), (12, 3));
    assert_eq!(disk.get(5).expect("parsed")["text"], "two words");
    assert_eq!(disk.get(7).expect("parsed")["text"], "\u{4e2d}");
    let error = disk.get(2).expect_err("no separator").to_string();
    assert!(error.contains("labels.txt:3") && error.contains("has 1"), "{error}");
    let record = |name: &str, text: &str| Record {
        at: at(),
        file_name: name.to_owned(),
        picture: Picture::Memory((*b"bytes").into()),
        size: None,
        truth: Truth::Text(text.to_owned()),
        fields: Vec::new(),
        links: Vec::new(),
    };
    for (format, parser) in [
        (Format::LmdbLines, parser()),
        (
            Format::Lmdb,
            Parser::LineJson(LineJsonParser::new(vec!["filename".into(), "text".into()]).expect("valid")),
        ),
    ] {
        let folder = dir.path().join(format.name());
        let mut writer = Writer::create(&folder, format, &WriteOptions::default()).expect("writable");
        (0..12).for_each(|i| writer.put(&record(&format!("{i}.png"), &format!("text {i}"))).expect("fits"));
        writer.finish().expect("written");
        let lmdb = Loader::lmdb(&folder, parser, 2).expect("opened");
        assert_eq!(lmdb.len(), 24, "{format}");
        assert_eq!(lmdb.get(22).expect("parsed")["text"], "text 10", "{format}");
        assert_eq!(lmdb.iter().filter(|i| i.is_ok()).count(), 24, "{format}");
    }
    assert!(Loader::hard_disk(&path, parser(), 0).is_err());
    assert!(Loader::hard_disk(dir.path().join("gone"), parser(), 1).is_err());
    let (_dir, empty) = file("");
    assert!(Loader::hard_disk(empty, parser(), 1).is_err());
}

#[test]
fn broken_samples_are_passed_over_in_training_and_errors_in_tests() {
    let (_dir, path) = file("a.png x\nbroken\nc.png z");
    let dataset = |test_mode| OcrDataset {
        loader: Loader::hard_disk(&path, Parser::LineStr(LineStrParser::default()), 1).expect("opened"),
        img_prefix: "imgs".into(),
        test_mode,
    };
    let train = dataset(false);
    assert_eq!(train.get(1, |item| Ok(Some(item.text))).expect("the next one"), "z");
    // A pipeline that makes nothing is asked for the next one, around the end.
    let got = train.get(2, |item| Ok((item.text == "x").then_some(item.img_prefix)));
    assert_eq!(got.expect("the first"), "imgs");
    let error = train.get(0, |_| Ok(None::<()>)).expect_err("none is usable");
    assert!(matches!(error, Error::NothingUsable { attempts: 3, .. }), "{error:?}");
    let test = dataset(true);
    assert!(matches!(test.get(1, |item| Ok(Some(item.text))), Err(Error::Labels(LabelError::Label { .. }))));
    assert!(matches!(test.get(0, |_| Ok(None::<()>)), Err(Error::NothingUsable { .. })));
    assert!(test.truths().is_err());
}

fn json_dataset(lines: &[Value], keys: &[&str]) -> (TempDir, Loader) {
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let (dir, path) = file(&text.join("\n"));
    let keys = keys.iter().map(|k| (*k).to_owned()).collect();
    let parser = Parser::LineJson(LineJsonParser::new(keys).expect("valid"));
    (dir, Loader::hard_disk(path, parser, 1).expect("opened"))
}

#[test]
fn detection_keeps_texts_to_ignore_apart() {
    let line = json!({"file_name": "a.jpg", "height": 10, "width": 20, "annotations": [
        {"iscrowd": 0, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]},
        {"iscrowd": 1, "category_id": 1, "bbox": [5, 5, 2, 2], "segmentation": [[5, 5, 7, 5, 7, 7]]},
        {"category_id": 2, "bbox": [0, 0, 1, 1]}]});
    let (_dir, loader) = json_dataset(&[line], &["file_name", "height", "width", "annotations"]);
    let dataset = TextDetDataset { loader, img_prefix: String::new(), test_mode: true };
    let item = dataset.prepare(0).expect("parsed");
    assert_eq!((item.filename.as_str(), item.height, item.width), ("a.jpg", 10, 20));
    assert_eq!(item.ann_info.bboxes, [[1., 2., 3., 4.], [0., 0., 1., 1.]]);
    assert_eq!((item.ann_info.labels, item.ann_info.bboxes_ignore), (vec![1, 2], vec![[5., 5., 2., 2.]]));
    let truth = &dataset.truths().expect("parsed")[0];
    assert_eq!((truth.outlines[0].len(), truth.outlines[1].len(), truth.ignored.len()), (3, 0, 1));
}

#[test]
fn icdar_filters_and_selects() {
    let document = json!({
        "images": [
            {"id": 4, "file_name": "a.jpg", "height": 100, "width": 200},
            {"id": 2, "file_name": "empty.jpg", "height": 100, "width": 200},
            {"id": 9, "file_name": "tiny.jpg", "height": 31, "width": 200},
            {"id": 1, "file_name": "b.jpg", "height": 100, "width": 200}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 1, "segmentation": [[1, 1, 6, 1, 6, 6]]},
            {"id": 2, "image_id": 4, "category_id": 3, "bbox": [1, 1, 5, 5], "area": 25, "segmentation": [[1, 1, 6, 1, 6, 6]]},
            {"id": 3, "image_id": 4, "category_id": 3, "bbox": [1, 1, 0.5, 5], "area": 25, "segmentation": [[1, 1, 6, 1, 6, 6]]},
            {"id": 4, "image_id": 4, "category_id": 3, "bbox": [1, 1, 5, 5], "area": 0, "segmentation": [[1, 1, 6, 1, 6, 6]]},
            {"id": 5, "image_id": 4, "category_id": 3, "bbox": [1, 1, 5, 5], "area": 9, "ignore": true},
            {"id": 6, "image_id": 4, "category_id": 5, "bbox": [1, 1, 5, 5], "area": 9},
            {"id": 7, "image_id": 9, "category_id": 3, "bbox": [1, 1, 5, 5], "area": 9}],
        "categories": [{"id": 5, "name": "other"}, {"id": 3, "name": "text"}]});
    let (_dir, path) = file(&document.to_string());
    let open = |options: IcdarOptions| IcdarDataset::open(&path, options).expect("opened");
    let names = |d: &IcdarDataset| -> Vec<String> {
        d.truths().expect("sound").into_iter().map(|t| t.file_name).collect()
    };
    let train = open(IcdarOptions::default());
    assert_eq!(names(&train), ["a.jpg", "b.jpg"]);
    let item = train.prepare(0).expect("sound");
    assert_eq!((item.ann_info.bboxes, item.ann_info.labels), (vec![[1., 1., 6., 6.]], vec![0]));
    assert_eq!(train.prepare(1).expect("sound").ann_info.masks_ignore.len(), 1);
    assert_eq!(names(&open(IcdarOptions { filter_empty_gt: false, ..Default::default() })).len(), 3);
    let test = IcdarOptions { test_mode: true, select_first_k: Some(2), ..Default::default() };
    assert_eq!(names(&open(test.clone())), ["a.jpg", "empty.jpg"]);
    assert_eq!(names(&open(IcdarOptions { one_more: true, ..test })).len(), 3);
    assert!(matches!(train.prepare(2), Err(Error::Index { len: 2, .. })));
    let (_dir, other) = file(r#"{"images": [], "categories": []}"#);
    assert!(matches!(IcdarDataset::open(other, IcdarOptions::default()), Err(Error::Setup { .. })));
}

#[test]
fn receipts_are_prepared_with_classes_edges_and_padding() {
    let line = json!({"file_name": "a.jpg", "height": 10, "width": 20, "annotations": [
        {"box": [1, 1, 9, 1, 9, 5, 1, 5], "text": "ab?", "label": 1, "edge": 7},
        {"box": [9, 15, 1, 15, 1, 11, 9, 11], "text": "b", "label": 2, "edge": 7},
        {"box": [20, 20, 30, 20, 30, 25, 20, 25], "text": "", "edge": 1}]});
    let keys = ["file_name", "height", "width", "annotations"];
    let (_again, again) = json_dataset(std::slice::from_ref(&line), &keys);
    let (dir, loader) = json_dataset(&[line], &keys);
    let dict = dir.path().join("dict.txt");
    fs::write(&dict, "x\n\na\r\nb\n").expect("writable");
    let dataset = KieDataset::open(loader, &dict, KieOptions::default()).expect("opened");
    let item = dataset.prepare(0).expect("parsed");
    assert_eq!(item.ann_info.texts, [vec![3, 4], vec![4, -1], vec![-1, -1]]);
    assert_eq!(item.ann_info.labels, [vec![1, -1, 1, 0], vec![2, 1, -1, 0], vec![0, 0, 0, -1]]);
    assert_eq!(item.ann_info.bboxes[1], [1., 11., 9., 15.]);
    assert_eq!((item.ann_info.relations.len(), item.ori_texts.len()), (9, 3));
    assert_eq!(dataset.truths().expect("parsed"), [vec![1, 2, 0]]);
    let directed = KieOptions { directed: true, ..KieOptions::default() };
    let directed = KieDataset::open(again, &dict, directed).expect("opened");
    let labels = directed.prepare(0).expect("parsed").ann_info.labels;
    assert_eq!(labels, [vec![1, -1, 1, 0], vec![2, 0, -1, 0], vec![0, 0, 0, -1]]);
}

#[test]
fn characters_and_entities_are_prepared() {
    let line = json!({"file_name": "a.png", "text": "ab", "annotations": [
        {"char_text": "a", "char_box": [1, 2, 3, 4]},
        {"char_text": "b", "char_box": [1, 2, 3, 4], "char_box_type": "xywh"},
        {"char_text": "c", "char_box": [5, 1, 9, 2, 8, 6, 4, 5]}]});
    let bad = json!({"file_name": "b.png", "text": "x", "annotations": [{"char_text": "a", "char_box": [1, 2, 3]}]});
    let (_dir, loader) = json_dataset(&[line, bad], &["file_name", "text", "annotations"]);
    let dataset = OcrSegDataset { loader, img_prefix: String::new(), test_mode: false };
    let item = dataset.prepare(0).expect("parsed");
    assert_eq!(item.ann_info.char_rects, [[1., 2., 3., 4.], [1., 2., 4., 6.], [4., 1., 9., 6.]]);
    assert_eq!(item.ann_info.char_quads[1], [1., 2., 4., 2., 4., 6., 1., 6.]);
    assert_eq!(dataset.truths().expect("parsed"), ["ab", "x"]);
    assert!(dataset.prepare(1).expect_err("3 numbers").to_string().contains(":2: char_box of 3"));
    let label = json!({"name": {"x": [[0, 0], [2, 2]]}, "address": {"xyx": [[0, 2]]}});
    let rows = [json!({"text": "xyx", "label": label}), json!({"text": "x", "label": {"name": [0, 0]}})];
    let (_dir, loader) = json_dataset(&rows[..1], &["text", "label"]);
    let ner = NerDataset { loader, test_mode: false };
    let entities = [("address", 0, 2), ("name", 0, 0), ("name", 2, 2)];
    let entities = entities.map(|(c, start, end)| Entity::new(c, start, end)).to_vec();
    assert_eq!(ner.truths().expect("parsed"), [EntityText { text: Some("xyx".into()), entities }]);
    let (_dir, loader) = json_dataset(&rows, &["text", "label"]);
    let error = NerDataset { loader, test_mode: false }.truths().expect_err("a list is no object");
    assert!(error.to_string().contains(":2: "), "{error}");
    let parser = LineJsonParser::new(vec!["text".to_owned()]).expect("valid");
    let error =
        parser.parse(r#"{"text": "a", "more": [{"x": 1, "x": 2}]}"#, &at()).expect_err("x stands twice");
    assert!(error.to_string().contains("duplicate field `x`"), "{error}");
}

#[test]
fn several_sources_are_one_and_evaluated_apart_or_together() {
    let dataset = |n: usize| {
        let lines: Vec<Value> =
            (0..n).map(|i| json!({"filename": "a", "text": format!("{n}-{i}")})).collect();
        let (dir, loader) = json_dataset(&lines, &["filename", "text"]);
        // The loader holds the file open.
        drop(dir);
        OcrDataset { loader, img_prefix: String::new(), test_mode: false }
    };
    let mut concat = Concat::new(vec![dataset(2), dataset(3)]).expect("two");
    assert_eq!((concat.len(), concat.cumulative_sizes()), (5, vec![2, 5]));
    assert_eq!(concat.prepare(3).expect("parsed").text, "3-1");
    assert!(concat.locate(5).is_err());
    let results = ["2-0", "wrong", "3-0", "3-1", "3-2"];
    let accuracy = |sets: &[OcrDataset], parts: &[&[&str]]| -> crate::Result<Vec<(String, f64)>> {
        let mut right = 0;
        let mut all = 0;
        for (set, part) in sets.iter().zip(parts) {
            right += set.truths()?.iter().zip(*part).filter(|(a, b)| a == *b).count();
            all += part.len();
        }
        Ok(vec![("word_acc".to_owned(), right as f64 / all as f64)])
    };
    let got = concat.evaluate(&results, accuracy).expect("evaluated");
    assert_eq!(got, [("0_word_acc".to_owned(), 0.5), ("1_word_acc".to_owned(), 1.0)]);
    concat.separate_eval = false;
    assert_eq!(concat.evaluate(&results, accuracy).expect("evaluated"), [("word_acc".to_owned(), 0.8)]);
    assert!(concat.evaluate(&results[..4], accuracy).is_err());
}
