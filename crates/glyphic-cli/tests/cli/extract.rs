//! Key information and named entities, from a training of two steps to results.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{glyphic, photo};

/// A pack of one page with two texts.
fn pack(folder: &Path) -> String {
    fs::create_dir_all(folder.join("images")).unwrap();
    fs::copy(photo(), folder.join("images/a.jpg")).unwrap();
    let image = glyphic_core::Image::open(photo()).unwrap();
    let text = |y: f64, text: &str, class: &str| json!({"polygon": [5.0, y, 90.0, y, 90.0, y + 20.0, 5.0, y + 20.0], "text": text, "label": class});
    let page = json!({
        "file_name": "a.jpg",
        "width": image.width(),
        "height": image.height(),
        "annotations": [text(5.0, "ACME", "company"), text(40.0, "$4.70", "total")],
    });
    fs::write(folder.join("gt.jsonl"), format!("{page}\n")).unwrap();
    folder.display().to_string()
}

#[test]
fn an_extractor_is_trained_and_gives_fields_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (config, run, pack) = (at("train.toml"), at("run"), pack(&folder.path().join("pack")));
    let toml = format!(
        "[run]\nout = {run:?}\nsteps = 2\nvalidate_every = 2\n[model.sdmgr]\nclasses = [\"other\", \"company\", \"total\"]\n\
         uncounted = [\"other\"]\nnode_embed = 8\nedge_embed = 8\n[batches]\nbatch_size = 1\n\
         [[train]]\nsource.pack = {pack:?}\n[[validate]]\nname = \"own\"\npack = {pack:?}\n"
    );
    fs::write(&config, &toml).unwrap();
    glyphic(&["train", &config]).ok();
    let (model, weights) = (at("run/config.toml"), at("run/best.safetensors"));
    let extract =
        |args: &[&str]| glyphic(&[&["extract", "--model", &model, "--weights", &weights], args].concat());

    let ocr = at("ocr.json");
    let outline = |y: i32| json!([[5, y], [90, y], [90, y + 20], [5, y + 20]]);
    fs::write(&ocr, json!([[[outline(5), ["ACME", 0.9]], [outline(40), ["$4.70", 0.8]]]]).to_string())
        .unwrap();
    let out: Value = serde_json::from_str(&extract(&["--ocr", &ocr]).ok()).unwrap();
    assert_eq!(out["file_name"], "ocr.json");
    let boxes = out["boxes"].as_array().unwrap();
    assert_eq!([&boxes[0]["text"], &boxes[1]["text"]], ["ACME", "$4.70"]);
    for found in boxes {
        assert!(["other", "company", "total"].contains(&found["label"].as_str().unwrap()), "{found}");
    }
    for key in ["fields", "items", "pairs", "links"] {
        assert!(!out[key].is_null(), "{out}");
    }
    assert!(extract(&["--ocr", &ocr, "--format", "table"]).ok().starts_with("ocr.json\n"));
    let drawn = folder.path().join("drawn");
    extract(&["--ocr", &ocr, "--format", "overlay", "--out", drawn.to_str().unwrap()]).ok();
    assert!(drawn.join("ocr.png").is_file());

    let photo = photo().display().to_string();
    let read = at("read.json");
    glyphic(&["read", &photo, "--format", "json", "--out", &read]).ok();
    // Coordinates are rounded in the file, so that classes may differ where they are in doubt; texts do not.
    let texts = |out: &str| -> Vec<Value> {
        let out: Value = serde_json::from_str(out).unwrap();
        assert_eq!(out["file_name"], "receipt.jpg");
        out["boxes"].as_array().unwrap().iter().map(|found| found["text"].clone()).collect()
    };
    let of_photo = texts(&extract(&[&photo]).ok());
    assert!(of_photo.len() > 10, "{of_photo:?}");
    assert_eq!(of_photo, texts(&extract(&["--ocr", &read]).ok()));

    // A line that gives no box is named.
    let hocr = at("ocr.hocr");
    let line = |bbox: &str, text: &str| format!("<span class='ocr_line' title='bbox {bbox}'>{text}</span>");
    fs::write(&hocr, format!("<html>{}{}</html>", line("5 5 90 25", "ACME"), line("5 40 5 60", "lost")))
        .unwrap();
    let out = extract(&["--ocr", &hocr]);
    assert!(out.stderr.contains("1 lines left out: line 2") && out.stderr.contains("lost"), "{}", out.stderr);
    out.ok();

    // Exported, it gives the same.
    let onnx = at("run.onnx");
    glyphic(&["export", &model, "--weights", &weights, "--out", &onnx]).ok();
    let exported = glyphic(&["extract", "--ocr", &ocr, "--model", &model, "--weights", &onnx]).ok();
    let labels = |out: &str| -> Vec<Value> {
        let out: Value = serde_json::from_str(out).unwrap();
        out["boxes"].as_array().unwrap().iter().map(|found| found["label"].clone()).collect()
    };
    assert_eq!(labels(&exported), labels(&extract(&["--ocr", &ocr]).ok()));

    let visual = at("visual.toml");
    fs::write(&visual, "[extractor.sdmgr.visual]\n").unwrap();
    glyphic(&["extract", "--ocr", &ocr, "--model", &visual, "--weights", &weights])
        .fails(2, &["needs images", "--ocr"]);
    glyphic(&["extract", "--ocr", &at("none"), "--model", &model, "--weights", &weights])
        .fails(3, &["cannot read"]);
}

#[test]
fn a_receipt_becomes_fields_in_one_command() {
    let till = photo().with_file_name("till.jpg").display().to_string();
    let out: Value =
        serde_json::from_str(&glyphic(&["read", &till, "--extract", "--format", "json"]).ok()).unwrap();
    let [page] = &out.as_array().unwrap()[..] else { panic!("{out}") };
    let fields = &page["fields"];
    assert_eq!(fields["company"]["text"], "CORNER BAKERY");
    assert_eq!(fields["date"]["date"], "2024-03-14");
    assert_eq!(fields["time"]["time"], "09:41:00");
    assert_eq!(fields["total"]["amount"], json!({"number": "18.01", "currency": "USD"}));
    let items = page["items"].as_array().unwrap();
    let prices: Vec<&Value> = items.iter().map(|item| &item["price"]["amount"]["number"]).collect();
    assert_eq!(prices, ["7.00", "3.80", "2.70", "3.25"]);
    assert_eq!(items[0]["name"]["text"], "Rye bread");
    assert_eq!(items[2]["quantity"]["amount"]["number"], "3");

    let line: Value = serde_json::from_str(&glyphic(&["extract", &till]).ok()).unwrap();
    assert_eq!(line["fields"], page["fields"]);
    let lines = glyphic(&["read", &till, &till, "--extract", "--format", "jsonl"]).ok();
    assert_eq!(lines.lines().count(), 2);
    assert!(glyphic(&["read", &till, "--extract"]).ok().contains("total          $18.01"));
    let folder = tempfile::tempdir().unwrap();
    let drawn = folder.path().join("drawn.png");
    glyphic(&["read", &till, "--extract", "--format", "overlay", "--out", drawn.to_str().unwrap()]).ok();
    assert!(drawn.is_file());
    glyphic(&["extract", &till, "--model", "sdmgr"]).fails(2, &["\"sdmgr\"", "sdmgr_wildreceipt"]);
    glyphic(&["read", &till, "--extractor", "sdmgr_wildreceipt"]).fails(2, &["--extract"]);
}

/// Questions and answers of a record.
fn pairs(record: &Value) -> Vec<(String, String)> {
    let text = |field: &Value| field["text"].as_str().unwrap().to_owned();
    record["pairs"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[test]
fn a_form_becomes_pairs_of_questions_and_answers() {
    let form = photo().with_file_name("form.png").display().to_string();
    let read = glyphic(&["read", &form, "--extract", "--extractor", "sdmgr_funsd", "--format", "json"]).ok();
    let out: Value = serde_json::from_str(&read).unwrap();
    let found = pairs(&out[0]);
    for (question, answer) in [
        ("Name:", "Marta Lindholm"),
        ("Department:", "Soil Chemistry"),
        ("Fax:", "555-0190"),
        ("Serial number:", "FS-2207"),
        ("Approved by:", "H. Okafor"),
    ] {
        assert!(found.contains(&(question.to_owned(), answer.to_owned())), "{question}: {found:?}");
    }
    assert_eq!(out[0]["fields"], json!({}));
    assert!(!out[0]["links"].as_array().unwrap().is_empty());

    let folder = tempfile::tempdir().unwrap();
    let ocr = folder.path().join("ocr.json").display().to_string();
    glyphic(&["read", &form, "--format", "json", "--out", &ocr]).ok();
    // Rules of geometry alone find them where labels end in a colon.
    let page: Value = serde_json::from_str(&fs::read_to_string(&ocr).unwrap()).unwrap();
    let blocks = page[0]["blocks"].as_array().unwrap();
    let blocks: Vec<_> = blocks.iter().filter(|block| block["kind"] == "key_value").collect();
    let has = |key: &str, value: &str| blocks.iter().any(|b| b["key"] == key && b["value"] == value);
    assert_eq!(blocks.len(), 13, "{blocks:?}");
    assert!(
        has("Room", "B 214") && has("Purpose", "Measuring plots 4 to 9 before the second sowing"),
        "{blocks:?}"
    );
    let record = glyphic(&["extract", "--ocr", &ocr, "--model", "sdmgr_funsd"]).ok();
    assert_eq!(pairs(&serde_json::from_str(&record).unwrap()), found);
    let table = glyphic(&["extract", "--ocr", &ocr, "--model", "sdmgr_funsd", "--format", "table"]).ok();
    assert!(table.contains("Soil Chemistry"), "{table}");
}

#[test]
fn pages_without_text_or_with_too_many_boxes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: &[Value]| {
        let path = folder.path().join(name).display().to_string();
        fs::write(&path, json!([lines]).to_string()).unwrap();
        path
    };
    let line =
        |x: f64, text: &str| json!([[[x, 1.0], [x + 9.0, 1.0], [x + 9.0, 9.0], [x, 9.0]], [text, 0.9]]);
    let empty = folder.path().join("empty.json");
    fs::write(&empty, "[null]").unwrap();
    let out: Value =
        serde_json::from_str(&glyphic(&["extract", "--ocr", empty.to_str().unwrap()]).ok()).unwrap();
    assert_eq!([&out["fields"], &out["items"], &out["boxes"]], [&json!({}), &json!([]), &json!([])]);
    let many: Vec<Value> = (0..3000).map(|i| line(f64::from(i), "x")).collect();
    glyphic(&["extract", "--ocr", &write("many.json", &many)])
        .fails(3, &["many.json", "3000 boxes; at most 800"]);
    // One page of several that is refused does not lose the others.
    let several = folder.path().join("several.json").display().to_string();
    let total = [line(1.0, "TOTAL"), line(20.0, "5.00")];
    fs::write(&several, json!([total, many, total]).to_string()).unwrap();
    let run = glyphic(&["extract", "--ocr", &several]);
    run.fails(3, &["3000 boxes", "nothing could be extracted from 1 of 3 pages"]);
    assert_eq!(run.stdout.lines().count(), 2);
    // Characters that the network does not know, and boxes one over the other.
    let odd = [line(1.0, "\u{6570}\u{636e}"), line(1.0, "\u{1f600}"), line(1.0, "5.00")];
    let out: Value =
        serde_json::from_str(&glyphic(&["extract", "--ocr", &write("odd.json", &odd)]).ok()).unwrap();
    assert_eq!(out["boxes"].as_array().unwrap().len(), 3);
    let other = folder.path().join("other.toml").display().to_string();
    fs::write(
        &other,
        "[extractor.sdmgr]\nclasses = [\"a\"]\nuncounted = []\nnode_embed = 96\nedge_embed = 48\n",
    )
    .unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/sdmgr_wildreceipt.onnx");
    glyphic(&["extract", "--ocr", &write("odd.json", &odd), "--model", &other, "--weights", weights])
        .fails(4, &["26 classes", "lists 1"]);
    glyphic(&["extract", "--ocr", &write("odd.json", &odd), "--model", &other]).fails(2, &["--weights"]);
}

#[test]
fn a_finder_of_entities_is_trained_and_finds_some_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (config, run, data) = (at("train.toml"), at("run"), at("data.jsonl"));
    let line = json!({"text": "Ann met Bob", "label": {"name": {"Ann": [[0, 2]], "Bob": [[8, 10]]}}});
    fs::write(&data, format!("{line}\n{line}\n")).unwrap();
    let toml = format!(
        "[run]\nout = {run:?}\nsteps = 2\nvalidate_every = 2\n[model.bert_softmax]\nvocab_size = 64\nhidden_size = 8\n\
         num_hidden_layers = 1\nnum_attention_heads = 2\nintermediate_size = 16\n[batches]\nbatch_size = 2\n\
         [[train]]\nsource.pack = {data:?}\n[[validate]]\nname = \"own\"\npack = {data:?}\n"
    );
    fs::write(&config, &toml).unwrap();
    glyphic(&["train", &config]).ok();
    let (model, weights, vocabulary) =
        (at("run/config.toml"), at("run/best.safetensors"), at("run/vocab.txt"));
    let ner = |text: &str, weights: &str| {
        glyphic(&["ner", text, "--model", &model, "--vocabulary", &vocabulary, "--weights", weights])
    };
    let out: Value = serde_json::from_str(&ner("Ann met Bob", &weights).ok()).unwrap();
    assert_eq!(out["text"], "Ann met Bob");
    for entity in out["entities"].as_array().unwrap() {
        let span = [&entity["start"], &entity["end"]].map(|v| v.as_i64().unwrap());
        assert!(0 <= span[0] && span[0] <= span[1] && span[1] < 11, "{entity}");
    }
    // A file with one text per line.
    fs::write(at("texts.txt"), "Ann met Bob\n\nBob\n").unwrap();
    let lines = ner(&at("texts.txt"), &weights).ok();
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap(), out);
    ner("Ann", &at("none.safetensors")).fails(4, &["none.safetensors"]);
}
