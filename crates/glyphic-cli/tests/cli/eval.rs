//! `glyphic eval` with the files that people have.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::common::glyphic;

const USAGE: i32 = 2;
const INPUT: i32 = 3;

/// A folder with a truth of two pictures that are not there, and files beside it.
struct Folder(tempfile::TempDir);

const TRUTH: &str = concat!(
    r#"{"file_name": "a.png", "width": 200, "height": 100, "annotations": ["#,
    r#"{"polygon": [10, 10, 60, 10, 60, 30, 10, 30], "text": "OPEN", "label": 1},"#,
    r####"{"polygon": [10, 50, 40, 50, 40, 60, 10, 60], "text": "###", "ignore": true, "label": 0}]}"####,
    "\n",
    r#"{"file_name": "b.png", "width": 200, "height": 100, "annotations": ["#,
    r#"{"polygon": [20, 20, 100, 20, 100, 45, 20, 45], "text": "Coffee", "label": 2}]}"#,
    "\n",
);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(folder.0.path().join("pack/images")).unwrap();
        folder.write("pack/gt.jsonl", TRUTH);
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.path().join(name), text).unwrap();
        self.path(name)
    }

    /// The JSON report of the pack against these predictions.
    fn report(&self, task: &str, pred: &str, more: &[&str]) -> Value {
        let pred = self.write("pred.json", pred);
        let pack = self.path("pack");
        let args = [&["eval", task, "--truth", &pack, "--pred", &pred, "--format", "json"], more].concat();
        serde_json::from_str(&glyphic(&args).ok()).unwrap()
    }
}

#[test]
fn results_of_other_tools_are_read_and_pictures_are_not_needed() {
    let folder = Folder::new();
    let a = "[12, 10, 62, 10, 62, 30, 12, 30, 0.9]";
    for pred in [
        format!(r#"[{{"filename": "x/a.png", "boundary_result": [{a}]}}, {{"filename": "b.png", "boundary_result": []}}]"#),
        format!(r#"[{{"boundary_result": [{a}]}}, {{"boundary_result": []}}]"#),
        r#"{"filename": "a", "result": [{"box": [12, 10, 62, 10, 62, 30, 12, 30], "box_score": 0.9, "text": "open"}]}"#
            .to_owned(),
    ] {
        let report = folder.report("det", &pred, &[]);
        let all = &report["instances"]["all"];
        assert_eq!((&all["recall"], &all["precision"]), (&Value::from(0.5), &Value::from(1.0)), "{pred}");
    }
    let pred = r#"{"filename": "a", "result": [{"box": [12, 10, 62, 10, 62, 30, 12, 30], "box_score": 0.9, "text": "open"}]}"#;
    assert_eq!(folder.report("e2e", pred, &[])["instances"]["recall"], 0.5);
    assert_eq!(folder.report("e2e", pred, &["--match-case"])["instances"]["recall"], 0.0);
    assert_eq!(folder.report("e2e", pred, &["--score-threshold", "0.95"])["instances"]["predictions"], 0);
}

#[test]
fn results_written_as_labels_are_read() {
    let folder = Folder::new();
    let pack = folder.path("pack");
    fs::create_dir(folder.0.path().join("results")).unwrap();
    folder.write("results/res_a.txt", "12,10,62,10,62,30,12,30,OPEN\r\n");
    folder.write("results/res_b.txt", "20,20,100,20,100,45,20,45,coffee\r\n");
    let pred = folder.path("results");
    let report = glyphic(&["eval", "e2e", "--truth", &pack, "--pred", &pred, "--format", "json"]).ok();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["instances"]["hmean"], 1.0, "{report}");
}

#[test]
fn options_reach_the_metric() {
    let folder = Folder::new();
    // Two thirds of the first word, an outline without area, and both halves of the second.
    let pred = r#"[{"boundary_result": [[10,10,43,10,43,30,10,30,0.9],[1,1,2,2,3,3,0.8]]},
        {"boundary_result": [[20,20,58,20,58,45,20,45,0.9],[60,20,100,20,100,45,60,45,0.5]]}]"#;
    for (args, hits, predictions) in [
        (&[][..], 1.0, 4),
        (&["--iou", "0.7"], 0.0, 4),
        (&["--iou", "0.45"], 2.0, 4),
        (&["--metric", "hmean-ic13"], 0.8, 4),
    ] {
        let all = folder.report("det", pred, args)["instances"]["all"].clone();
        assert_eq!(
            (&all["recall_hits"], &all["predictions"]),
            (&hits.into(), &predictions.into()),
            "{args:?}"
        );
    }
    let report = folder.report("det", pred, &["--score-thresholds", "0.85,0.1"]);
    let thresholds = report["instances"]["thresholds"].as_array().unwrap();
    let got: Vec<_> =
        thresholds.iter().map(|t| (t["threshold"].as_f64(), t["predictions"].as_u64())).collect();
    assert_eq!(got, [(Some(0.1), Some(4)), (Some(0.85), Some(2))]);
    assert_eq!(report["warnings"][0]["kind"], "no_area");
    let threads = |n| folder.report("det", pred, &["--threads", n]);
    assert_eq!(threads("1"), threads("2"));
    let (pack, path) = (folder.path("pack"), folder.path("pred.json"));
    let det = ["eval", "det", "--truth", &pack, "--pred", &path];
    for more in
        [&["--iou", "1.5"][..], &["--iou", "0.5", "--metric", "hmean-ic13"], &["--truth-format", "docx"]]
    {
        glyphic(&[&det[..], more].concat()).fails(USAGE, &[more[0]]);
    }
}

#[test]
fn per_image_reports_and_plots_are_written() {
    let folder = Folder::new();
    let (images, plot) = (folder.path("images.jsonl"), folder.path("plot.svg"));
    let pred = r#"[{"boundary_result": [[12,10,62,10,62,30,12,30,0.9]]}, {"boundary_result": []}]"#;
    folder.report("det", pred, &["--per-image", &images, "--plot", &plot]);
    let lines: Vec<Value> = read(&images).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(
        (lines[0]["file_name"].as_str(), &lines[0]["missed"]),
        (Some("b.png"), &serde_json::json!([0]))
    );
    assert_eq!(lines[1]["matches"][0]["truth"], 0);
    assert!(read(&plot).starts_with("<svg") && read(&plot).contains("hmean-iou of 2 images"));
    fs::remove_file(&plot).unwrap();
    let pred = r#"{"filename": "a.png", "result": []}"#;
    folder.report("e2e", pred, &["--per-image", &images, "--plot", &plot]);
    assert!(read(&plot).starts_with("<svg") && read(&images).lines().count() == 2);
    let (truth, read_texts) =
        (folder.write("labels.tsv", "a.png\ttwo words\nb.png\tx\n"), "a.png\ttwo words\n");
    let pred = folder.write("read.tsv", read_texts);
    let args = ["eval", "rec", "--truth", &truth, "--pred", &pred, "--plot", &plot, "--per-image", &images];
    let report = glyphic(&args).ok();
    assert!(report.contains("word_acc") && report.contains("0.5000") && report.contains("b.png"), "{report}");
    assert_eq!(read(&images).lines().count(), 2);
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn classes_and_entities_are_scored() {
    let folder = Folder::new();
    let classes = folder.write("class_list.txt", "0 Ignore\n1 Name\n2 Price\n");
    let pred = r#"[{"nodes": [[0.1, 0.8, 0.1], [0.1, 0.8, 0.1]]}, {"nodes": [[0, 0, 1]]}]"#;
    let report = folder.report("kie", pred, &["--classes", &classes, "--ignore", "Ignore"]);
    assert_eq!((report["accuracy"].as_f64(), report["names"][2].as_str()), (Some(2.0 / 3.0), Some("Price")));
    assert_eq!(report["classes"].as_array().unwrap().len(), 2);
    let truth = folder.write("ner.json", "{\"text\": \"abcd\", \"label\": {\"name\": {\"ab\": [[0, 1]]}}}\n");
    let pred = folder.write("found.json", "[[[\"name\", 0, 1], [\"name\", 0, 1]]]");
    let args = ["eval", "ner", "--truth", &truth, "--pred", &pred, "--format", "json"];
    let recall = |args: &[&str]| {
        let report: Value = serde_json::from_str(&glyphic(args).ok()).unwrap();
        report["all"]["recall"].as_f64()
    };
    assert_eq!(recall(&args), Some(1.0));
    assert_eq!(recall(&[&args[..], &["--mmocr021"]].concat()), Some(2.0));
}

#[test]
fn broken_files_are_named_with_their_place() {
    let folder = Folder::new();
    let pack = folder.path("pack");
    let good = r#"{"file_name": "a.png", "instances": []}"#;
    for (pred, words) in [
        (
            format!("{good}\n{{\"file_name\": \"b.png\", \"instances\": [{{\"polygon\": [1,2,3]}}]}}\n"),
            &["line 2", "3 numbers"][..],
        ),
        (format!("{good}\n{{\"file_name\": "), &["line 2", "EOF"]),
        (format!("{good}\n{good}\n"), &["\"a.png\" occurs twice in the predictions"]),
        (r#"{"file_name": "c.png", "instances": []}"#.to_owned(), &["\"c.png\"", "none of this name"]),
        (r#"[{"boundary_result": []}]"#.to_owned(), &["1 predictions without file names for 2"]),
    ] {
        let path = folder.write("pred.json", &pred);
        glyphic(&["eval", "det", "--truth", &pack, "--pred", &path]).fails(INPUT, words);
    }
    let pickle = folder.path("results.pkl");
    fs::write(&pickle, b"\x80\x04]\x94.").unwrap();
    glyphic(&["eval", "det", "--truth", &pack, "--pred", &pickle])
        .fails(INPUT, &["results.pkl", "json.dump"]);
    let missing = glyphic(&["eval", "det", "--truth", &pack, "--pred", &folder.path("none.json")]);
    missing.fails(INPUT, &["cannot read", "none.json", "No such file"]);
    assert_eq!(missing.stderr.matches("No such file").count(), 1, "{}", missing.stderr);
    let texts = folder.write("labels.tsv", "a.png\tx\n");
    glyphic(&["eval", "det", "--truth", &texts, "--pred", &pickle])
        .fails(INPUT, &["labels.tsv:1", "texts of crops"]);
}

#[test]
fn the_worked_example_of_the_documentation_can_be_typed() {
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evaluation.md")).unwrap();
    let block = |name: &str| {
        let (_, rest) = docs.split_once(&format!("<!-- example: {name} -->\n```")).unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("```\n").unwrap().0.to_owned()
    };
    let folder = Folder::new();
    let truth: PathBuf = folder.0.path().join("pack/gt.jsonl");
    fs::write(&truth, block("truth")).unwrap();
    let (pack, pred) = (folder.path("pack"), folder.write("pred.jsonl", &block("predictions")));
    assert_eq!(glyphic(&["eval", "det", "--truth", &pack, "--pred", &pred]).ok(), block("hmean-iou"));
    assert_eq!(glyphic(&["eval", "e2e", "--truth", &pack, "--pred", &pred]).ok(), block("end to end"));
}

#[test]
fn predictions_may_be_labels_of_every_format_that_holds_what_is_evaluated() {
    let folder = Folder::new();
    let pack = folder.path("pack");
    for format in ["mmocr-det", "mmocr1", "coco", "wildreceipt", "paddle-det", "label-studio"] {
        let pred = folder.path(format);
        glyphic(&["data", "convert", &pack, &pred, "--to", format]).ok();
        let run = |task: &str, more: &[&str]| {
            let args = ["eval", task, "--truth", &pack, "--pred", &pred, "--format", "json"];
            glyphic(&[&args[..], more].concat())
        };
        let looks_like_predictions = ["mmocr-det", "label-studio"].contains(&format);
        if looks_like_predictions {
            run("det", &[]).fails(INPUT, &["--pred-format", format]);
        }
        let named = ["--pred-format", format];
        let more = if looks_like_predictions { &named[..] } else { &[] };
        let report: Value = serde_json::from_str(&run("det", more).ok()).unwrap();
        assert_eq!(report["instances"]["all"]["hmean"], 1.0, "{format}");
        if format == "coco" {
            run("kie", &named).fails(INPUT, &["no class"]);
            continue;
        }
        let report: Value = serde_json::from_str(&run("kie", more).ok()).unwrap();
        assert_eq!(report["accuracy"], 1.0, "{format}: {report}");
    }
    let crops = folder.path("crops");
    fs::create_dir_all(folder.path("crops/crops")).unwrap();
    folder.write("crops/labels.tsv", "a.png\tx\n");
    let report = glyphic(&["eval", "rec", "--truth", &crops, "--pred", &crops]).ok();
    assert!(report.contains("recognition of 1 texts"), "{report}");
}
