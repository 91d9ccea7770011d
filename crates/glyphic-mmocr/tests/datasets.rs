//! Data sets evaluated on results: the truths of this crate, the metrics of `glyphic-eval`, the reference's numbers. And
//! results written to files, from which they come back.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use glyphic_core::Point;
use glyphic_eval::{
    ClassList, ClassifiedPage, Entity, EntityText, Ic13Options, IouOptions, KieOptions, Metric, NerRule,
    OutlineRule, PredictedCrop, PredictedPage, PredictedText, Sweep, SweepReport, evaluate_detection_set,
    evaluate_kie_set, evaluate_ner_set, evaluate_recognition_set, most_probable, read_classified_pages,
    read_entity_texts, read_predicted_crops, read_predicted_pages, write_predictions,
};
use glyphic_mmocr::dataset::{
    Concat, Dataset, IcdarDataset, IcdarOptions, KieDataset, LineJsonParser, Loader, NerDataset, OcrDataset,
    OcrSegDataset, Parser, TextDetDataset, Truths,
};
use glyphic_testing::golden::case;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Named values, as a data set's evaluation gives them.
type Values = Vec<(String, f64)>;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    list(value).iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn points(flat: &[f64]) -> Vec<Point> {
    flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
}

/// Label files of a test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A loader of a JSON object a line.
    fn loader(&self, rows: &[Value], keys: &[&str], repeat: usize) -> Loader {
        // A file of its own: loaders read on while others are made.
        let labels = fs::read_dir(self.0.path()).unwrap().count();
        let path = self.path(&format!("labels_{labels}.txt"));
        fs::write(&path, rows.iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
        let keys = keys.iter().map(|k| (*k).to_owned()).collect();
        Loader::hard_disk(path, Parser::LineJson(LineJsonParser::new(keys).unwrap()), repeat).unwrap()
    }
}

/// Checks that what was written is read back.
#[track_caller]
fn assert_comes_back<T, R>(files: &Files, results: &[T], read: R)
where
    T: serde::Serialize + PartialEq + std::fmt::Debug,
    R: Fn(PathBuf) -> glyphic_eval::Result<Vec<T>>,
{
    let path = files.path("results.jsonl");
    write_predictions(&path, results).unwrap();
    assert_eq!(read(path).unwrap(), results);
    assert!(write_predictions(files.path("no/such/folder.jsonl"), results).is_err());
}

/// Values by the reference's names.
fn values(metric: &Metric, report: Option<SweepReport>) -> Values {
    let best = report.expect("thresholds").best.score;
    let values = [("recall", best.recall), ("precision", best.precision), ("hmean", best.hmean)];
    values.map(|(name, value)| (format!("{}:{name}", metric.name()), value)).to_vec()
}

#[track_caller]
fn assert_values(got: &Values, expected: &Value, prefix: &str, tolerance: f64) {
    for (name, value) in got {
        let expected = expected[name.strip_prefix(prefix).unwrap()].as_f64().unwrap();
        assert!((value - expected).abs() <= tolerance, "{name} is {value}, should be {expected}");
    }
}

#[test]
fn detection_data_sets_evaluate_to_the_reference_values() {
    let golden = case("A_eval_hmean").json();
    let images = list(&golden["images"]);
    let annotations = |i: usize| -> Vec<Value> {
        let annotation = |iscrowd: u8| move |flat: &Value| json!({"iscrowd": iscrowd, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "segmentation": [flat]});
        let cared = list(&images[i]["gt"]).iter().map(annotation(0));
        cared.chain(list(&images[i]["ignored"]).iter().map(annotation(1))).collect()
    };
    let name = |i: usize| format!("{i}.jpg");
    let rows: Vec<Value> = (0..images.len())
        .map(|i| json!({"file_name": name(i), "height": 500, "width": 500, "annotations": annotations(i)}))
        .collect();
    let all: Vec<Value> = (0..images.len())
        .flat_map(|i| {
            annotations(i).into_iter().map(move |mut a| {
                a["image_id"] = json!(i);
                a
            })
        })
        .collect();
    let pictures: Vec<Value> = (0..images.len())
        .map(|i| json!({"id": i, "file_name": name(i), "height": 500, "width": 500}))
        .collect();
    let document = json!({"images": pictures, "annotations": all, "categories": [{"id": 1, "name": "text"}]});

    let results: Vec<PredictedPage> = (0..images.len())
        .map(|i| {
            let found = |row: &Value| {
                let row = numbers(row);
                let (score, flat) = row.split_last().unwrap();
                PredictedText { outline: points(flat), score: *score, ..PredictedText::default() }
            };
            let instances = list(&images[i]["boundary_result"]).iter().map(found).collect();
            PredictedPage { file_name: Some(name(i)), instances, lines: Vec::new() }
        })
        .collect();

    let files = Files::new();
    assert_comes_back(&files, &results, read_predicted_pages);
    let keys = ["file_name", "height", "width", "annotations"];
    let lines =
        TextDetDataset { loader: files.loader(&rows, &keys, 1), img_prefix: String::new(), test_mode: true };
    let twice =
        TextDetDataset { loader: files.loader(&rows, &keys, 2), img_prefix: String::new(), test_mode: true };
    let path = files.path("instances.json");
    fs::write(&path, document.to_string()).unwrap();
    let open = |select_first_k| {
        let options = IcdarOptions { test_mode: true, select_first_k, ..IcdarOptions::default() };
        IcdarDataset::open(&path, options).unwrap()
    };
    let icdar = Concat::new(vec![open(None), open(Some(7))]).unwrap();
    let both = [&results[..], &results[..7]].concat();
    let repeated = [&results[..], &results].concat();
    for run in list(&golden["runs"]) {
        let metric = match run["metrics"][0].as_str().unwrap() {
            "hmean-iou" => Metric::HmeanIou(IouOptions { rule: OutlineRule::Mmocr021, ..Default::default() }),
            _ => Metric::HmeanIc13(Ic13Options { rule: OutlineRule::Mmocr021, ..Default::default() }),
        };
        let sweep = Sweep { min_score: run["score_thr"].as_f64().unwrap(), ..Sweep::default() };
        let out = &run["out"];
        let got = evaluate_detection_set(&lines, &results, &metric, &sweep).unwrap();
        assert_values(&values(&metric, got), out, "", 1e-12);
        let got = evaluate_detection_set(&twice, &repeated, &metric, &sweep).unwrap();
        assert_values(&values(&metric, got), out, "", 1e-12);

        let each = |sets: &[IcdarDataset], parts: &[&[PredictedPage]]| -> Result<Values, Box<dyn Error>> {
            Ok(values(&metric, evaluate_detection_set(sets, &parts.concat(), &metric, &sweep)?))
        };
        let got = icdar.evaluate(&both, each).unwrap();
        assert_values(&got[..3].to_vec(), out, "0_", 1e-12);
        let first = evaluate_detection_set(&open(Some(7)), &results[..7], &metric, &sweep).unwrap();
        let second: Values = got[3..].iter().map(|(n, v)| (n.replace("1_", ""), *v)).collect();
        assert_eq!(second, values(&metric, first));
    }
    let error = evaluate_detection_set(&icdar, &results, &Metric::default(), &Sweep::default()).unwrap_err();
    assert!(matches!(error, glyphic_eval::Error::Order { expected, got } if expected == got + 7), "{error}");
}

/// Recognition as the reference gives it: six values, rounded.
fn recognition<D: Truths<Truth = String> + ?Sized>(set: &D, results: &[PredictedCrop]) -> Values {
    let values = evaluate_recognition_set(set, results).unwrap().rounded().values();
    values[..6].iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn recognition_data_sets_evaluate_to_the_reference_values() {
    let golden = case("A_ocr_metric").json();
    let slices = list(&golden["slices"]);
    let of = |slice: &Value, key: &str| -> Vec<String> {
        let range = indices(&slice["range"]);
        list(&golden[key])[range[0]..range[1]].iter().map(|t| t.as_str().unwrap().to_owned()).collect()
    };
    let results = |texts: Vec<String>| -> Vec<PredictedCrop> {
        let crop = |(i, text)| PredictedCrop { file_name: Some(format!("{i}.png")), text, score: 0.5 };
        texts.into_iter().enumerate().map(crop).collect()
    };
    let row = |(i, text): (usize, &String)| json!({"filename": format!("{i}.png"), "file_name": format!("{i}.png"), "text": text, "annotations": []});
    let files = Files::new();
    let dataset = |texts: &[String], repeat| {
        let rows: Vec<Value> = texts.iter().enumerate().map(row).collect();
        let loader = files.loader(&rows, &["filename", "text"], repeat);
        OcrDataset { loader, img_prefix: String::new(), test_mode: true }
    };
    for slice in slices {
        let (truths, predicted) = (of(slice, "gt"), results(of(slice, "pred")));
        // A data set without a label is refused.
        if truths.is_empty() {
            continue;
        }
        let got = recognition(&dataset(&truths, 1), &predicted);
        assert_values(&got, &slice["out"], "", 0.0);
        let rows: Vec<Value> = truths.iter().enumerate().map(row).collect();
        let loader = files.loader(&rows, &["file_name", "text", "annotations"], 1);
        let characters = OcrSegDataset { loader, img_prefix: String::new(), test_mode: true };
        assert_values(&recognition(&characters, &predicted), &slice["out"], "", 0.0);
    }
    assert_comes_back(&files, &results(of(&slices[0], "pred")), read_predicted_crops);

    // Two sources, one of them repeated: apart, and at once.
    let (one, two) = (&slices[3], &slices[4]);
    let truths = [of(one, "gt"), of(two, "gt")];
    let predicted = [of(one, "pred"), of(two, "pred"), of(two, "pred")].concat();
    let predicted = results(predicted);
    let mut concat = Concat::new(vec![dataset(&truths[0], 1), dataset(&truths[1], 2)]).unwrap();
    let each = |sets: &[OcrDataset], parts: &[&[PredictedCrop]]| -> Result<Values, Box<dyn Error>> {
        Ok(recognition(sets, &parts.concat()))
    };
    let got = concat.evaluate(&predicted, each).unwrap();
    assert_values(&got[..6].to_vec(), &one["out"], "0_", 0.0);
    assert_values(&got[6..].to_vec(), &two["out"], "1_", 0.0);
    concat.separate_eval = false;
    let together = concat.evaluate(&predicted, each).unwrap();
    assert_eq!(together, recognition(&concat, &predicted));
    let all = [truths[0].clone(), truths[1].clone(), truths[1].clone()].concat();
    assert_eq!(concat.truths().unwrap(), all);
    assert!(concat.evaluate(&predicted[1..], each).is_err());
}

#[test]
fn key_information_data_sets_evaluate_to_the_reference_f1() {
    let files = Files::new();
    fs::write(files.path("dict.txt"), "a\n").unwrap();
    for row in list(&case("A_kie_f1").json()["cases"]) {
        let truths = indices(&row["gts"]);
        // Two receipts, where there are boxes for two.
        let (first, second) = truths.split_at(truths.len() / 2);
        let receipts: Vec<&[usize]> = [first, second].into_iter().filter(|r| !r.is_empty()).collect();
        let boxes = |labels: &[usize]| -> Vec<Value> {
            labels.iter().map(|l| json!({"box": [0, 0, 9, 0, 9, 9, 0, 9], "text": "a", "label": l})).collect()
        };
        let rows: Vec<Value> = (receipts.iter().enumerate())
            .map(|(i, r)| json!({"file_name": format!("{i}.jpg"), "height": 9, "width": 9, "annotations": boxes(r)}))
            .collect();
        let loader = files.loader(&rows, &["file_name", "height", "width", "annotations"], 1);
        let dataset = KieDataset::open(loader, files.path("dict.txt"), Default::default()).unwrap();
        assert_eq!(dataset.prepare(0).unwrap().ann_info.labels.len(), receipts[0].len());

        let predicted: Vec<usize> = match row["preds"].as_array() {
            None => indices(&row["argmax"]),
            Some(nodes) => nodes
                .iter()
                .map(|n| most_probable(&numbers(n).iter().map(|v| *v as f32).collect::<Vec<_>>()).unwrap())
                .collect(),
        };
        let classes = row["num_classes"].as_u64().unwrap() as usize;
        let mut left = predicted.iter().map(usize::to_string);
        let results: Vec<ClassifiedPage> = (receipts.iter().enumerate())
            .map(|(i, r)| ClassifiedPage {
                file_name: Some(format!("{i}.jpg")),
                labels: left.by_ref().take(r.len()).collect(),
                classes,
            })
            .collect();
        assert_comes_back(&files, &results, read_classified_pages);

        let ignored = indices(&row["ignores"]).iter().map(usize::to_string).collect();
        let mut options = KieOptions { ignored, ..KieOptions::default() };
        let score = evaluate_kie_set(&dataset, &results, &options).unwrap();
        options.classes = Some(ClassList::new((0..classes).map(|c| format!("class {c}")).collect()));
        assert_eq!(evaluate_kie_set(&dataset, &results, &options).unwrap(), score);
        let expected = numbers(&row["f1"]);
        assert_eq!(score.classes.len(), expected.len());
        for (got, expected) in score.classes.iter().zip(&expected) {
            assert!((f64::from(got.f1) - expected).abs() < 1e-6, "{got:?}, should be {expected}");
        }
    }
}

#[test]
fn entity_data_sets_evaluate_to_the_reference_f1() {
    let files = Files::new();
    let entity =
        |v: &Value| Entity::new(v[0].as_str().unwrap(), v[1].as_i64().unwrap(), v[2].as_i64().unwrap());
    for row in list(&case("A_ner_f1").json()["cases"]) {
        if list(&row["gt_infos"]).is_empty() {
            continue;
        }
        let loader = files.loader(list(&row["gt_infos"]), &["text", "label"], 1);
        let dataset = NerDataset { loader, test_mode: true };
        let results: Vec<EntityText> = list(&row["results"])
            .iter()
            .map(|r| EntityText { text: None, entities: list(r).iter().map(entity).collect() })
            .collect();
        assert_comes_back(&files, &results, read_entity_texts);
        let score = evaluate_ner_set(&dataset, &results, NerRule::Mmocr021).unwrap().score;
        let all = [("all".to_owned(), score.all)];
        assert_eq!(score.categories.len() + 1, row["out"].as_object().unwrap().len());
        for (category, got) in score.categories.iter().chain(&all) {
            let expected = |key: &str| row["out"][category][key].as_f64().unwrap();
            for (key, got) in [("precision", got.precision), ("recall", got.recall), ("f1-score", got.f1)] {
                assert!((got - expected(key)).abs() < 1e-12, "{category} {key}: {got}");
            }
        }
    }
}
