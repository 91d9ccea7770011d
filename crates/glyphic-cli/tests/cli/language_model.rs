//! Making a language model and reading with it.

use std::fs;

use crate::common::{self, glyphic};

/// Words that no dictionary has, as a crop and as a text.
const WORDS: &str = "Qvzrkx Wqxjvz Zzyqkw Xvqjkz";

#[test]
fn a_model_of_texts_words_and_packs_is_made_and_read_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (pack, model, crops) = (path("pack"), path("model.safetensors"), path("pack/crops"));
    let config = common::synth_config(folder.path());
    glyphic(&["synth", "lines", "--config", &config, "--count", "120", "--seed", "11", "--out", &pack]).ok();
    fs::write(path("text.txt"), format!("{WORDS}\n")).unwrap();
    fs::write(path("words.txt"), "\u{feff}the 900\nof 400\nstraße\n").unwrap();
    let (text, words) = (path("text.txt=3"), path("words.txt=0.5"));
    let half = format!("{pack}=0.5");
    let named = ["--text", &text, "--words", &words, "--pack", &half, "--caseless-pack", &half];
    let said = glyphic(&[&["language-model", "--out", &model, "--min-count", "0"], &named[..]].concat()).ok();
    assert!(said.contains("n-grams of") && said.contains("model.safetensors"), "{said}");

    let read = |model: &str| {
        let out = glyphic(&["recognize", &crops, "--language-model", model, "--format", "jsonl"]).ok();
        let pred = path("pred.jsonl");
        fs::write(&pred, out).unwrap();
        let report = glyphic(&["eval", "rec", "--truth", &pack, "--pred", &pred, "--format", "json"]).ok();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report.to_string()
    };
    let accuracy = |report: String| {
        let at = report.find("\"word_acc\":").unwrap_or_else(|| panic!("{report}"));
        let rest = &report[at + 11..];
        rest[..rest.find([',', '}']).unwrap()].parse::<f64>().unwrap_or_else(|_| panic!("{report}"))
    };
    // A model that has seen the very texts reads them better than none does.
    assert!(accuracy(read(&model)) > accuracy(read("none")));
}

#[test]
fn what_makes_no_model_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let out = path("model.safetensors");
    let make = |more: &[&str]| glyphic(&[&["language-model", "--out", out.as_str()], more].concat());
    make(&[]).fails(2, &["--text", "--words", "--pack"]);
    make(&["--order", "9", "--text", "x"]).fails(2, &["9", "1..=7"]);
    make(&["--text", "x=-1"]).fails(2, &["weight", "-1"]);
    make(&["--text", &path("none.txt")]).fails(3, &["none.txt"]);
    fs::write(path("words.txt"), "the 3\nof many\n").unwrap();
    make(&["--words", &path("words.txt")]).fails(3, &["words.txt", "line 2", "many"]);
    fs::write(path("empty.txt"), " \n").unwrap();
    make(&["--text", &path("empty.txt")]).fails(3, &["not a single word"]);
    assert!(fs::metadata(&out).is_err(), "nothing was made");

    let photo = crate::common::photo().display().to_string();
    glyphic(&["read", &photo, "--language-model", "latein"]).fails(4, &["latein", "latin"]);
    let text = path("words.txt");
    glyphic(&["read", &photo, "--language-model", &text]).fails(4, &["words.txt", "not a language model"]);
}
