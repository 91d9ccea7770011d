//! The numbers of docs/evaluation.md are those that come out.

use std::path::Path;

use glyphic_core::{Page, Polygon, Region, TextInstance, Transcript};
use glyphic_eval::{
    ClassList, ClassifiedPage, DetectionOptions, EndToEndOptions, Entity, EntityText, Ic13Options,
    KieOptions, Metric, NamedPage, NerRule, PredictedCrop, Sweep, evaluate_detection, evaluate_end_to_end,
    evaluate_kie, evaluate_ner, evaluate_recognition, parse_predicted_pages,
};
use serde_json::Value;

/// The block of the page behind the mark of this name.
fn block(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evaluation.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- example: {name} -->\n```")).expect("the mark");
    let (_, rest) = rest.split_once('\n').expect("a line behind the fence");
    rest.split_once("```\n").expect("the end of the block").0.to_owned()
}

fn truth() -> Vec<NamedPage> {
    let instance = |a: &Value| {
        let numbers: Vec<f64> = serde_json::from_value(a["polygon"].clone()).unwrap();
        let polygon = Polygon::from_flat(&numbers).unwrap();
        TextInstance {
            transcript: Some(Transcript::truth(a["text"].as_str().unwrap())),
            ignore: a["ignore"].as_bool().unwrap_or(false),
            ..TextInstance::new(Region { polygon, score: 1.0 })
        }
    };
    let page = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let instances = value["annotations"].as_array().unwrap().iter().map(instance).collect();
        (value["file_name"].as_str().unwrap().to_owned(), Page { instances, ..Page::new(200, 100) })
    };
    block("truth").lines().map(page).collect()
}

#[test]
fn detection_and_end_to_end_score_as_the_page_says() {
    let (truth, predictions) = (truth(), parse_predicted_pages(&block("predictions"), "page").unwrap());
    let report = evaluate_detection(&truth, &predictions, &DetectionOptions::default()).unwrap();
    assert_eq!(report.to_string(), block("hmean-iou"));
    let ic13 =
        DetectionOptions { metric: Metric::HmeanIc13(Ic13Options::default()), sweep: Sweep::at(Vec::new()) };
    let report = evaluate_detection(&truth, &predictions, &ic13).unwrap().to_string();
    assert_eq!(report.split_once('\n').unwrap().1, block("hmean-ic13"));
    let report = evaluate_end_to_end(&truth, &predictions, &EndToEndOptions::default()).unwrap();
    assert_eq!(report.to_string(), block("end to end"));
}

#[test]
fn recognition_scores_as_the_page_says() {
    let texts = block("texts");
    let pairs = texts.lines().map(|l| l.split_once('\t').unwrap()).enumerate();
    let (truth, read): (Vec<_>, Vec<_>) = pairs
        .map(|(i, (truth, text))| {
            (
                (i.to_string(), truth.to_owned()),
                PredictedCrop { file_name: None, text: text.to_owned(), score: 1.0 },
            )
        })
        .unzip();
    assert_eq!(evaluate_recognition(&truth, &read).unwrap().to_string(), block("recognition"));
}

#[test]
fn key_information_scores_as_the_page_says() {
    let mut page = truth().remove(0).1;
    let labels = ["Date", "Total", "Total", "Other"];
    let first = page.instances[0].clone();
    page.instances =
        labels.map(|label| TextInstance { label: Some(label.to_owned()), ..first.clone() }).to_vec();
    let own = |list: &[&str]| list.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let predicted =
        ClassifiedPage { file_name: None, labels: own(&["Date", "Total", "Other", "Other"]), classes: 0 };
    let options = KieOptions {
        classes: Some(ClassList::new(own(&["Date", "Total", "Tip", "Other"]))),
        ignored: own(&["Other"]),
    };
    let report = evaluate_kie(&[("a.png".to_owned(), page)], &[predicted], &options).unwrap();
    assert_eq!(report.to_string(), block("key information"));
}

#[test]
fn entities_score_as_the_page_says() {
    let text = |entities: &[(&str, i64, i64)]| {
        let entities = entities.iter().map(|(c, s, e)| Entity::new(*c, *s, *e)).collect();
        [EntityText { text: None, entities }]
    };
    let truth = text(&[("city", 0, 3), ("name", 5, 7), ("name", 9, 12)]);
    let predicted = text(&[("city", 0, 3), ("city", 4, 7), ("name", 9, 12)]);
    let report = evaluate_ner(&truth, &predicted, NerRule::OneToOne).unwrap();
    assert_eq!(report.to_string(), block("entities"));
}
