//! What the commands print, on the picture that the README reads.

use std::fs;

use crate::common::{self, glyphic, photo};
use serde_json::Value;

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn read_prints_words_and_lines_as_json_lines() {
    let out = glyphic(&["read", &photo().display().to_string(), "--format", "jsonl"]).ok();
    assert_eq!(out.lines().count(), 1);
    let page = json(&out);
    // What was dropped is counted where anything was.
    let members: Vec<&str> = keys(&page).into_iter().filter(|key| *key != "dropped").collect();
    assert_eq!(members, ["blocks", "file_name", "height", "instances", "lines", "width"]);
    assert_eq!(page["file_name"], "receipt.jpg");
    let (instances, lines) = (page["instances"].as_array().unwrap(), page["lines"].as_array().unwrap());
    assert!(instances.len() > 10 && lines.len() > 5, "{} words, {} lines", instances.len(), lines.len());
    for word in instances {
        let members: Vec<&str> = keys(word).into_iter().filter(|key| *key != "bold").collect();
        assert_eq!(members, ["polygon", "score", "text", "text_score"]);
        assert!(!word["text"].as_str().unwrap().contains(' '), "{word}");
    }
    // Every word stands in one line, and a line says what its words say.
    let mut seen = Vec::new();
    for line in lines {
        assert_eq!(keys(line), ["instances", "polygon", "score", "text"]);
        let words: Vec<usize> =
            line["instances"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect();
        let texts: Vec<&str> = words.iter().map(|i| instances[*i]["text"].as_str().unwrap()).collect();
        assert_eq!(line["text"].as_str().unwrap(), texts.join(" "));
        seen.extend(words);
    }
    assert_eq!(seen, (0..instances.len()).collect::<Vec<_>>());
    // Every line stands in one block.
    let blocks = page["blocks"].as_array().unwrap().iter();
    let mut seen: Vec<u64> =
        blocks.flat_map(|block| block["lines"].as_array().unwrap()).map(|i| i.as_u64().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..lines.len() as u64).collect::<Vec<_>>());
}

#[test]
fn read_prints_the_lines_text_and_the_names_of_several_pictures() {
    let photo = photo();
    let path = photo.display().to_string();
    let page = json(&glyphic(&["read", &path, "--format", "jsonl"]).ok());
    let lines: Vec<&str> =
        page["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap()).collect();
    let text = glyphic(&["read", &path]).ok();
    // Lines beside each other are printed in one row.
    assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), lines.join(" "));
    assert!(text.lines().count() <= lines.len() && text.lines().count() > 10, "{text}");
    assert_eq!(crate::common::with_stdin(&["read", "-"], &fs::read(&photo).unwrap()).ok(), text);
    let twice = glyphic(&["read", &path, &path]).ok();
    let one = format!("==> receipt.jpg <==\n{text}");
    assert_eq!(twice, format!("{one}\n{one}"));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads_nor_on_where_the_weights_come_from() {
    let path = photo().display().to_string();
    // What the default reads with on this processor.
    let weights = match glyphic_kernels::has_byte_products() {
        true => concat!("detect=", env!("CARGO_MANIFEST_DIR"), "/../../weights/dbnet_lite.int8.onnx"),
        false => concat!("detect=", env!("CARGO_MANIFEST_DIR"), "/../../weights/dbnet_lite.onnx"),
    };
    let expected = glyphic(&["read", &path, "--format", "jsonl"]).ok();
    for args in [["--threads", "1"], ["--threads", "3"], ["--model", "dbnet_lite"], ["--weights", weights]] {
        let out = glyphic(&[&["read", &path, "--format", "jsonl"], &args[..]].concat()).ok();
        assert!(out == expected, "{args:?}");
    }
}

#[test]
fn json_is_one_document_of_the_pages() {
    let path = photo().display().to_string();
    let line = json(&glyphic(&["read", &path, "--format", "jsonl"]).ok());
    let document = json(&glyphic(&["read", &path, &path, "--format", "json"]).ok());
    assert_eq!(document, Value::Array(vec![line.clone(), line]));
}

#[test]
fn detect_prints_outlines_without_text() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("found.jsonl");
    let path = photo().display().to_string();
    assert_eq!(glyphic(&["detect", &path, "--out", &out.display().to_string()]).ok(), "");
    let page = json(&fs::read_to_string(&out).unwrap());
    assert_eq!(keys(&page["instances"][0]), ["polygon", "score"]);
    assert_eq!(page["instances"][0]["polygon"].as_array().unwrap().len() % 2, 0);
    // No partial file beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn overlays_are_pictures_of_the_same_height() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("overlays");
    let path = photo().display().to_string();
    glyphic(&["read", &path, "--format", "overlay", "--out", &out.display().to_string()]).ok();
    let (photo, overlay) = (
        glyphic_core::Image::open(photo()).unwrap(),
        glyphic_core::Image::open(out.join("receipt.png")).unwrap(),
    );
    assert_eq!(overlay.height(), photo.height());
    // A receipt is crowded: what was read may stand beside it.
    assert!([photo.width(), 2 * photo.width()].contains(&overlay.width()), "{}", overlay.width());
    let row = 3 * photo.width() as usize;
    let rows = photo.rgb().chunks_exact(row).zip(overlay.rgb().chunks_exact(3 * overlay.width() as usize));
    let changed: usize = rows
        .map(|(photo, drawn)| photo.iter().zip(drawn).filter(|(a, b)| a.abs_diff(**b) > 40).count())
        .sum();
    assert!(changed > 1000, "{changed} values differ");
}

#[test]
fn truth_handed_in_as_predictions_scores_one() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pages");
    let pack_path = pack.display().to_string();
    let config = common::synth_config(folder.path());
    glyphic(&["synth", "pages", "--config", &config, "--count", "2", "--seed", "3", "--out", &pack_path])
        .ok();
    let truth = fs::read_to_string(pack.join("gt.jsonl")).unwrap();
    assert_eq!((truth.lines().count(), fs::read_dir(pack.join("images")).unwrap().count()), (2, 2));
    let pred = folder.path().join("pred.jsonl");
    fs::write(&pred, truth.replace("\"annotations\"", "\"instances\"")).unwrap();
    let pred = pred.display().to_string();
    for (task, score) in [("det", "all"), ("e2e", "")] {
        let report =
            glyphic(&["eval", task, "--truth", &pack_path, "--pred", &pred, "--format", "json"]).ok();
        let instances = &json(&report)["instances"];
        let score = if score.is_empty() { instances } else { &instances[score] };
        assert_eq!(score["hmean"], 1.0, "{task}: {report}");
    }
    glyphic(&["synth", "pages", "--count", "1", "--out", &pack_path]).fails(2, &["exists already"]);
}

#[test]
fn crops_are_read_from_a_folder_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("lines");
    let path = |p: &std::path::Path| p.display().to_string();
    let config = common::synth_config(folder.path());
    glyphic(&["synth", "lines", "--config", &config, "--count", "40", "--seed", "5", "--out", &path(&pack)])
        .ok();
    let out = glyphic(&["recognize", &path(&pack.join("crops")), "--format", "jsonl"]).ok();
    assert_eq!(out.lines().count(), 40);
    let first = json(out.lines().next().unwrap());
    assert_eq!(keys(&first), ["file_name", "score", "text"]);
    assert_eq!(first["file_name"], "000000.png");
    // Alone a crop says what it says among others.
    let alone = glyphic(&["recognize", &path(&pack.join("crops/000000.png")), "--format", "jsonl"]).ok();
    assert_eq!(json(&alone), first);
    let several =
        glyphic(&["recognize", &path(&pack.join("crops")), "--format", "jsonl", "--n-best", "4"]).ok();
    for (several, one) in several.lines().zip(out.lines()) {
        let (mut several, one) = (json(several), json(one));
        let others = several.as_object_mut().unwrap().remove("alternatives").unwrap();
        assert_eq!(several, one, "the first is read as before");
        let scores: Vec<f64> =
            others.as_array().unwrap().iter().map(|o| o["score"].as_f64().unwrap()).collect();
        assert_eq!(scores.len(), 3);
        assert!(others.as_array().unwrap().iter().all(|other| other["text"] != one["text"]), "{others}");
    }
    // The doubtful half is left out, counted and named.
    let mut scores: Vec<f64> = out.lines().map(|line| json(line)["score"].as_f64().unwrap()).collect();
    scores.sort_by(f64::total_cmp);
    let least = scores[20];
    let below = scores.iter().filter(|score| (**score as f32) < least as f32).count();
    let args = ["recognize", &path(&pack.join("crops")), "--min-score", &least.to_string()];
    let run = glyphic(&args);
    assert_eq!(run.stdout.lines().count(), 40 - below);
    assert!(run.stderr.contains(&format!("{below} crops are left out")), "{}", run.stderr);
    assert_eq!(run.stderr.matches("left out, read with confidence").count(), below, "{}", run.stderr);
    glyphic(&["recognize", "x.png", "--min-score", "1.5"]).fails(2, &["--min-score", "from 0 to 1"]);
    glyphic(&["recognize", "x.png", "--n-best", "2", "--language-model", "none"])
        .fails(2, &["--n-best", "gives one text"]);
    let pred = folder.path().join("pred.jsonl");
    fs::write(&pred, out).unwrap();
    let report = glyphic(&["eval", "rec", "--truth", &path(&pack), "--pred", &path(&pred)]).ok();
    assert!(report.contains("recognition of 40 texts"), "{report}");
}

#[test]
fn the_printed_configuration_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml");
    let shown = glyphic(&["config", "show"]).ok();
    fs::write(&file, &shown).unwrap();
    assert_eq!(glyphic(&["config", "show", &file.display().to_string()]).ok(), shown);
    let other = glyphic(&["config", "show", "dbnet_r18", "crnn"]).ok();
    assert!(other.contains("resnet") && other.contains("[recognizer.crnn]"), "{other}");
}

#[test]
fn models_and_doctor_name_the_shipped_weights() {
    let models = glyphic(&["models"]).ok();
    for name in ["dbnet_lite", "crnn_lite", "latin"] {
        let line = models.lines().find(|l| l.starts_with(name)).unwrap();
        assert!(line.contains("default"), "{line}");
    }
    let catalog = json(&glyphic(&["models", "--format", "json"]).ok());
    let rows = |of: &str| catalog[of].as_array().unwrap().len();
    assert_eq!(rows("models") + rows("extractors") + rows("language_models"), models.lines().count());
    let doctor = glyphic(&["doctor"]).ok();
    assert!(doctor.contains("device cpu") && doctor.contains("ready"), "{doctor}");
}

#[test]
fn help_tells_the_exit_codes() {
    let help = glyphic(&["--help"]).ok();
    for code in ["0  success", "3  some inputs could not be read", "5  the output could not be written"] {
        assert!(help.contains(code), "{help}");
    }
}
