//! `glyphic data`: conversion, sheets, lint and statistics.

use std::fs;
use std::path::{Path, PathBuf};

use glyphic_core::Image;
use tempfile::TempDir;

use crate::common::glyphic;

/// Two pictures with three regions, one of them ignored.
fn pack() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("pack");
    fs::create_dir_all(folder.join("images")).unwrap();
    for (name, colour) in [("a.png", [200, 40, 40]), ("b.png", [40, 200, 40])] {
        Image::filled(120, 60, colour).unwrap().save(folder.join("images").join(name)).unwrap();
    }
    let lines = [
        r####"{"file_name": "a.png", "width": 120, "height": 60, "annotations": [{"polygon": [5, 5, 95, 5, 95, 25, 5, 25], "text": "two words"}, {"polygon": [5, 30, 50, 30, 50, 50, 5, 50], "text": "###"}]}"####,
        r#"{"file_name": "b.png", "width": 120, "height": 60, "annotations": [{"polygon": [5, 5, 60, 5, 60, 25, 5, 25], "text": "abc"}]}"#,
    ];
    fs::write(folder.join("gt.jsonl"), lines.join("\n")).unwrap();
    (dir, folder)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn labels_go_from_format_to_format_and_back() {
    let (dir, folder) = pack();
    let mut from = folder.clone();
    for format in ["coco", "paddle-det", "icdar2015", "totaltext", "mmocr1", "mmocr-det"] {
        let to = dir.path().join(format);
        let run = glyphic(&[
            "data",
            "convert",
            text(&from),
            text(&to),
            "--to",
            format,
            "--images",
            text(&folder.join("images")),
        ]);
        assert!(run.stderr.contains("2 records"), "{}", run.stderr);
        assert_eq!(run.ok(), "");
        from = to;
    }
    let line = fs::read_to_string(&from).unwrap();
    assert!(line.contains("two words") && line.contains("[5.0,5.0,95.0,5.0,95.0,25.0,5.0,25.0]"), "{line}");
    let back = dir.path().join("again");
    glyphic(&["data", "convert", text(&from), text(&back), "--images", text(&folder.join("images"))]).ok();
    assert!(back.join("images/a.png").is_file() && back.join("gt.jsonl").is_file());
}

#[test]
fn regions_become_crops_in_packs_and_databases() {
    let (dir, folder) = pack();
    let (crops, db) = (dir.path().join("crops"), dir.path().join("db"));
    let run = glyphic(&["data", "convert", text(&folder), text(&crops), "--crops"]);
    assert!(run.stderr.contains("note: 1 region to be ignored is left out"), "{}", run.stderr);
    run.ok();
    assert_eq!(fs::read_to_string(crops.join("labels.tsv")).unwrap(), "a_0.png\ttwo words\nb_0.png\tabc\n");
    glyphic(&["data", "lmdb", text(&folder), text(&db)]).ok();
    let stats = glyphic(&["data", "stats", text(&db)]).ok();
    assert!(stats.contains("format             lmdb") && stats.contains("crops              2"), "{stats}");
    glyphic(&["data", "convert", text(&folder), text(&dir.path().join("x.tsv"))])
        .fails(3, &["--crops", "gt.jsonl:1"]);
    assert!(!dir.path().join("x.tsv").exists());
    glyphic(&["data", "lmdb", text(&crops), text(&db)]).fails(5, &["exists already"]);
}

#[test]
fn a_broken_label_ends_a_conversion_unless_it_may_be_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let (labels, out) = (dir.path().join("labels.txt"), dir.path().join("out.jsonl"));
    fs::write(&labels, "a.png\tx\nbroken\nc.png\tz\n").unwrap();
    let args = ["data", "convert", text(&labels), text(&out), "--to", "mmocr-rec"];
    glyphic(&args).fails(3, &["labels.txt:2", "no TAB", "--skip-broken"]);
    assert!(!out.exists());
    let run = glyphic(&[&args[..], &["--skip-broken"]].concat());
    assert!(run.stderr.contains("labels.txt:2") && run.stderr.contains("1 left out"), "{}", run.stderr);
    run.ok();
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 2);
    glyphic(&["data", "convert", text(&labels), "x.json"]).fails(2, &["--to", "mmocr1"]);
    glyphic(&["data", "convert", text(&labels), "x", "--to", "nothing"])
        .fails(2, &["unknown format", "icdar2015"]);
    glyphic(&["data", "stats", text(&labels)]).fails(3, &["1 labels", "data lint"]);
    glyphic(&["data", "convert", text(&labels), text(&labels), "--to", "text"])
        .fails(2, &["labels.txt would be replaced"]);
    glyphic(&["data", "convert", text(dir.path()), text(&labels), "--from", "icdar2015", "--to", "text"])
        .fails(2, &["labels.txt would be replaced"]);
    assert_eq!(fs::read_to_string(&labels).unwrap().lines().count(), 3);
}

#[test]
fn texts_of_several_words_are_divided_for_synthtext_where_that_is_asked_for() {
    let (dir, folder) = pack();
    fs::write(
        folder.join("gt.jsonl"),
        r#"{"file_name": "a.png", "annotations": [{"polygon": [5, 5, 95, 5, 95, 25, 5, 25], "text": "two words"}]}"#,
    )
    .unwrap();
    let mat = dir.path().join("gt.mat");
    let args = ["data", "convert", text(&folder), text(&mat)];
    glyphic(&args).fails(3, &["\"two words\" is not one word", "--split-words"]);
    let run = glyphic(&[&args[..], &["--split-words"]].concat());
    assert!(run.stderr.contains("texts of several words are divided"), "{}", run.stderr);
    run.ok();
    let back = dir.path().join("back.txt");
    glyphic(&["data", "convert", text(&mat), text(&back), "--to", "paddle-det"]).ok();
    let line = fs::read_to_string(&back).unwrap();
    assert!(
        line.contains("[[5.0,5.0],[35.0,5.0],[35.0,25.0],[5.0,25.0]]") && line.contains("\"words\""),
        "{line}"
    );
    glyphic(&["data", "convert", text(&folder), text(&back), "--to", "coco", "--split-words"])
        .fails(5, &["synthtext"]);
}

#[test]
fn sentences_are_checked_and_have_nothing_to_show() {
    let dir = tempfile::tempdir().unwrap();
    let labels = dir.path().join("ner.jsonl");
    fs::write(&labels, r#"{"text": "李明在北京", "label": {"name": {"李明": [[0, 1]]}}}"#).unwrap();
    assert!(glyphic(&["data", "lint", text(&labels)]).ok().contains("1 samples"));
    let sheet = dir.path().join("sheet.png");
    glyphic(&["data", "show", text(&labels), "--out", text(&sheet)])
        .fails(3, &["ner.jsonl:1", "sentences", "without pictures"]);
    let coco = dir.path().join("coco.json");
    glyphic(&["data", "convert", text(&labels), text(&coco), "--to", "coco"]).fails(3, &["cluener"]);
}

#[test]
fn a_sheet_shows_pictures_and_crops() {
    let (dir, folder) = pack();
    let sheet = dir.path().join("sheet.png");
    glyphic(&["data", "show", text(&folder), "--out", text(&sheet)]).ok();
    let image = Image::open(&sheet).unwrap();
    assert!(image.width() >= 480 && image.height() >= 240, "{}x{}", image.width(), image.height());
    // The outline of the first region, from green on red.
    let outlined = image.rgb().chunks_exact(3).any(|p| p == [60, 200, 90]);
    assert!(outlined, "no outline is drawn");
    let db = dir.path().join("db");
    glyphic(&["data", "lmdb", text(&folder), text(&db)]).ok();
    let jpeg = dir.path().join("sheet.jpg");
    glyphic(&["data", "show", text(&db), "--out", text(&jpeg), "--count", "1"]).ok();
    assert!(Image::open(&jpeg).unwrap().width() < 400);
    glyphic(&["data", "show", text(&db), "--out", text(&jpeg), "--skip", "9"]).fails(3, &["no picture"]);
    glyphic(&["data", "show", text(&db), "--out", "sheet.doc"]).fails(2, &["doc"]);
}

#[test]
fn lint_names_what_is_wrong_and_ends_with_3() {
    let (dir, folder) = pack();
    assert!(glyphic(&["data", "lint", text(&folder)]).ok().contains("2 samples, 2 can be trained on"));
    let val = dir.path().join("val");
    fs::create_dir_all(val.join("crops")).unwrap();
    fs::copy(folder.join("images/a.png"), val.join("crops/same.png")).unwrap();
    fs::write(val.join("labels.tsv"), "same.png\t\u{4e2d}\ngone.png\tx\n").unwrap();
    let run = glyphic(&["data", "lint", text(&folder), text(&val)]);
    run.fails(3, &["findings"]);
    for words in ["U+4E2D", "gone.png does not exist", "the same picture as in another split"] {
        assert!(run.stdout.contains(words), "no {words:?} in {}", run.stdout);
    }
    glyphic(&["data", "lint", text(&folder), "--vocab", "dict36"]).fails(3, &["findings"]);
    glyphic(&["data", "lint", text(&folder), "--vocab", "no/such/file"]).fails(2, &["no/such/file"]);
}

#[test]
fn what_gives_no_crop_and_references_that_lead_nowhere_are_named() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../glyphic-labels/tests/cases");
    let dir = tempfile::tempdir().unwrap();
    let run = glyphic(&[
        "data",
        "lmdb",
        text(&cases.join("outside-regions/out.txt")),
        text(&dir.path().join("db")),
    ]);
    let named = "annotation 0: it lies outside of its 500x300 picture (\"OUT\"); it is left out";
    assert!(run.stderr.contains(named) && run.stderr.contains("1 records"), "{}", run.stderr);
    run.ok();
    let coco = cases.join("dangling-coco/dangling.json");
    let out = dir.path().join("coco.txt");
    let run = glyphic(&["data", "convert", text(&coco), text(&out), "--to", "mmocr-det"]);
    for words in ["image id 9", "category id 7", "annotation id 1"] {
        assert!(run.stderr.contains(words), "no {words:?} in {}", run.stderr);
    }
    run.ok();
    glyphic(&["data", "lint", text(&coco)]).fails(3, &["findings"]);
}
