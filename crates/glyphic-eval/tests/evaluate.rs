//! Whole prediction sets against whole data sets.

use glyphic_core::{Line, Page, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_eval::{
    ClassList, ClassifiedPage, DetectionOptions, EndToEndOptions, Entity, EntityText, Error, Ic13Options,
    IouOptions, KieOptions, Metric, NamedPage, NerRule, OutlineRule, PredictedCrop, PredictedPage,
    PredictedText, Protocol, ProtocolChoice, Sweep, Warning, boundary_iou, eval_hmean, eval_hmean_ic13,
    eval_hmean_iou, evaluate_detection, evaluate_end_to_end, evaluate_kie, evaluate_ner,
    evaluate_recognition, sweep_end_to_end, sweep_recognition,
};
use proptest::prelude::*;

fn rect(x: f64, y: f64, w: f64, h: f64) -> Polygon {
    Polygon::from_rect(Rect { x0: x, y0: y, x1: x + w, y1: y + h }).unwrap()
}

/// A word of 10 x 10 pixels at column `x`. `###` is ignored, `?` has no text.
fn word(x: f64, text: &str, score: f32) -> TextInstance {
    let mut instance = TextInstance::new(Region { polygon: rect(x, 0.0, 10.0, 10.0), score });
    instance.ignore = text == "###";
    instance.transcript = (text != "?").then(|| Transcript::truth(text));
    instance
}

fn page(name: &str, words: &[(f64, &str)]) -> NamedPage {
    let instances = words.iter().map(|(x, text)| word(*x, text, 0.9)).collect();
    (name.to_owned(), Page { width: 500, height: 100, instances, ..Page::default() })
}

#[test]
fn the_truth_itself_is_a_perfect_prediction() {
    let truth = [page("a.png", &[(0.0, "one"), (20.0, "###"), (40.0, "two")]), page("b.png", &[])];
    let detection = evaluate_detection(&truth, &truth, &DetectionOptions::default()).unwrap();
    assert_eq!((detection.instances.all.truths, detection.instances.all.predictions), (2, 2));
    assert_eq!(detection.instances.all.hmean, 1.0);
    assert_eq!(detection.instances.best.unwrap().score.hmean, 1.0);
    assert_eq!((detection.lines, detection.warnings), (None, vec![]));
    for protocol in [ProtocolChoice::Spotting, ProtocolChoice::BagOfWords] {
        let options = EndToEndOptions { protocol, ..Default::default() };
        let report = evaluate_end_to_end(&truth, &truth, &options).unwrap();
        assert_eq!((report.instances.score.truths, report.instances.score.hmean), (2, 1.0));
    }
}

#[test]
fn an_image_without_prediction_counts_as_empty_and_is_named() {
    let truth = [page("a.png", &[(0.0, "one")]), page("b.png", &[(0.0, "two")])];
    let report = evaluate_detection(&truth, &truth[..1], &DetectionOptions::default()).unwrap();
    assert_eq!((report.instances.all.recall, report.instances.all.precision), (0.5, 1.0));
    assert_eq!(report.warnings, [Warning::NoPrediction { file_name: "b.png".to_owned() }]);
    assert_eq!(report.instances.images[0].file_name, "b.png", "the worst image comes first");
    assert!(report.to_string().contains("b.png"), "{report}");
}

#[test]
fn a_prediction_without_truth_and_a_name_given_twice_are_errors_that_name_it() {
    let truth = [page("a.png", &[]), page("b.png", &[])];
    let stranger = [page("c.png", &[])];
    let twice = [page("a.png", &[]), page("x/a.png", &[])];
    let options = EndToEndOptions::default();
    let unknown = evaluate_end_to_end(&truth, &stranger, &options).unwrap_err();
    assert!(
        matches!(&unknown, Error::UnknownImage { file_name, images: 2 } if file_name == "c.png"),
        "{unknown}"
    );
    let double = evaluate_end_to_end(&truth, &twice, &options).unwrap_err();
    assert!(matches!(&double, Error::DuplicateImage { side: "predictions", .. }), "{double}");
    let double =
        evaluate_end_to_end(&[truth[0].clone(), truth[0].clone()], &stranger[..0], &options).unwrap_err();
    assert!(matches!(&double, Error::DuplicateImage { side: "truth", .. }), "{double}");
}

#[test]
fn a_path_finds_its_image_by_the_last_component_where_that_is_unique() {
    let truth = [page("a.png", &[(0.0, "one")]), page("x/b.png", &[]), page("y/b.png", &[])];
    let found =
        evaluate_detection(&truth, &[page("/home/me/a.png", &[(0.0, "one")])], &DetectionOptions::default());
    assert_eq!(found.unwrap().instances.all.recall, 1.0);
    let ambiguous = evaluate_detection(&truth, &[page("/home/me/b.png", &[])], &DetectionOptions::default());
    assert!(matches!(ambiguous, Err(Error::UnknownImage { .. })));
}

#[test]
fn the_sweep_finds_the_threshold_that_drops_false_detections() {
    let truth = [page("a.png", &[(0.0, "one")])];
    let mut predicted = truth.clone();
    predicted[0].1.instances.push(word(100.0, "ghost", 0.55));
    let level = evaluate_detection(&truth, &predicted, &DetectionOptions::default()).unwrap().instances;
    assert_eq!((level.all.precision, level.all.predictions), (0.5, 2));
    let best = level.best.unwrap();
    assert_eq!((best.score.hmean, (best.threshold * 10.0).round()), (1.0, 6.0));
    assert_eq!(level.thresholds.len(), 7);
}

#[test]
fn lines_are_scored_where_they_are_predicted() {
    let truth = [page("a.png", &[(0.0, "one two")])];
    let mut predicted = [page("a.png", &[])];
    predicted[0].1.instances =
        vec![TextInstance::new(Region { polygon: rect(0.0, 0.0, 4.0, 10.0), score: 1.0 })];
    let line = |text: &str| Line {
        polygon: rect(0.0, 0.0, 10.0, 10.0),
        text: text.to_owned(),
        score: 1.0,
        instances: vec![0],
    };
    predicted[0].1.lines = vec![line("one two")];
    let report = evaluate_detection(&truth, &predicted, &DetectionOptions::default()).unwrap();
    assert_eq!((report.instances.all.hmean, report.lines.unwrap().all.hmean), (0.0, 1.0));
    let options = EndToEndOptions { protocol: ProtocolChoice::Spotting, ..Default::default() };
    let report = evaluate_end_to_end(&truth, &predicted, &options).unwrap();
    assert_eq!((report.instances.score.hmean, report.lines.unwrap().score.hmean), (0.0, 1.0));
}

#[test]
fn spotting_asks_for_place_and_text_and_leaves_ignored_truth_out() {
    // truth, prediction, ignore case, ignore end symbols, (truths, predictions, hits)
    type Row<'a> = (&'a [(f64, &'a str)], &'a [(f64, &'a str)], bool, bool, (usize, usize, f64));
    let table: [Row<'_>; 9] = [
        (&[(0., "Cat")], &[(0., "cat")], true, false, (1, 1, 1.0)),
        (&[(0., "Cat")], &[(0., "cat")], false, false, (1, 1, 0.0)),
        (&[(0., "Cat")], &[(0., "Cat!")], true, false, (1, 1, 0.0)),
        (&[(0., "Cat")], &[(0., "\"Cat!")], true, true, (1, 1, 1.0)),
        (&[(0., "&")], &[(0., "!")], true, true, (1, 1, 0.0)),
        (&[(0., "cat")], &[(5., "cat")], true, false, (1, 1, 0.0)),
        (&[(0., "cat"), (20., "###")], &[(0., "cat"), (21., "dog")], true, false, (1, 1, 1.0)),
        (&[(0., "cat"), (20., "?")], &[(0., "cat"), (21., "dog")], true, false, (1, 1, 1.0)),
        // The first box of the right place takes the truth, whatever it says.
        (&[(0., "cat")], &[(1., "dog"), (0., "cat")], true, false, (1, 2, 0.0)),
    ];
    for (truth, predicted, ignore_case, ignore_end_symbols, expected) in table {
        let options = EndToEndOptions {
            protocol: ProtocolChoice::Spotting,
            ignore_case,
            ignore_end_symbols,
            ..Default::default()
        };
        let score = evaluate_end_to_end(&[page("a", truth)], &[page("a", predicted)], &options)
            .unwrap()
            .instances
            .score;
        assert_eq!((score.truths, score.predictions, score.recall_hits), expected, "{truth:?} {predicted:?}");
    }
}

#[test]
fn a_bag_of_words_counts_each_word_as_often_as_it_stands_there() {
    let truth = [page("a", &[(0., "to be or"), (20., "not to BE")]), page("b", &[(0., "be quiet")])];
    let predicted =
        [page("a", &[(90., "be to to to"), (60., "or not")]), page("b", &[(0., "Quiet  please")])];
    let mut options = EndToEndOptions::default();
    let report = evaluate_end_to_end(&truth, &predicted, &options).unwrap();
    assert_eq!(report.protocol, Protocol::BagOfWords, "boxes that hold lines are told by their spaces");
    let score = report.instances.score;
    assert_eq!((score.truths, score.predictions, score.recall_hits), (8, 8, 6.0));
    options.ignore_case = false;
    let score = evaluate_end_to_end(&truth, &predicted, &options).unwrap().instances.score;
    assert_eq!(score.recall_hits, 5.0);
}

#[test]
fn words_on_ignored_truth_leave_the_bag() {
    let truth = [page("a", &[(0., "total due"), (20., "###")])];
    let predicted = [page("a", &[(0., "total due"), (20., "smudge")])];
    let score = evaluate_end_to_end(&truth, &predicted, &EndToEndOptions::default()).unwrap().instances.score;
    assert_eq!((score.truths, score.predictions, score.hmean), (2, 2, 1.0));
}

#[test]
fn recognition_lists_its_mistakes_with_the_farthest_first() {
    let pairs = |texts: &[&str]| -> Vec<(String, String)> {
        texts.iter().enumerate().map(|(i, t)| (format!("{i}.png"), (*t).to_owned())).collect()
    };
    let read = |texts: &[&str]| -> Vec<PredictedCrop> {
        let crop = |(n, text)| PredictedCrop { file_name: Some(n), text, score: 1.0 };
        pairs(texts).into_iter().map(crop).collect()
    };
    let report = evaluate_recognition(&pairs(&["same", "near", "lost"]), &read(&["same", "neat"])).unwrap();
    assert_eq!(report.mistakes.iter().map(|m| m.truth.as_str()).collect::<Vec<_>>(), ["lost", "near"]);
    assert_eq!(report.warnings, [Warning::NoPrediction { file_name: "2.png".to_owned() }]);
    assert_eq!(
        (report.score.pairs, report.score.rounded().word_acc, report.score.cer),
        (3, 0.3333, 5.0 / 12.0)
    );
    assert!(report.to_string().contains("1-N.E.D"));
}

#[test]
fn reports_survive_serialisation() {
    let truth = [page("a.png", &[(0.0, "one")]), page("b.png", &[])];
    let detection = evaluate_detection(&truth, &truth[..1], &DetectionOptions::default()).unwrap();
    let json = serde_json::to_string(&detection).unwrap();
    assert_eq!(serde_json::from_str::<glyphic_eval::DetectionReport>(&json).unwrap(), detection);
    let reading = evaluate_end_to_end(&truth, &truth, &EndToEndOptions::default()).unwrap();
    let json = serde_json::to_string(&reading).unwrap();
    assert_eq!(serde_json::from_str::<glyphic_eval::EndToEndReport>(&json).unwrap(), reading);
}

#[test]
fn options_outside_their_range_and_lists_of_other_lengths_are_errors() {
    let none: Vec<Vec<Vec<glyphic_core::Point>>> = vec![vec![]];
    let options = IouOptions { iou_threshold: 1.5, ..Default::default() };
    let range = eval_hmean_iou(&none, &none, &none, &options).unwrap_err();
    assert!(matches!(range, Error::Option { name: "iou_threshold", .. }), "{range}");
    let count = eval_hmean_iou(&none[..0], &none, &none, &IouOptions::default()).unwrap_err();
    assert!(matches!(count, Error::Count { what: "predictions", expected: 1, got: 0 }), "{count}");
    let nan = IouOptions { ignore_threshold: f64::NAN, ..Default::default() };
    assert!(eval_hmean_iou(&none, &none, &none, &nan).is_err());
}

#[test]
fn an_empty_data_set_is_perfect() {
    let report = evaluate_detection::<NamedPage>(&[], &[], &DetectionOptions::default()).unwrap();
    assert_eq!(
        (report.instances.all.recall, report.instances.all.precision, report.instances.all.hmean),
        (1., 1., 1.)
    );
}

#[test]
fn predictions_without_names_are_those_of_the_truth_in_its_order() {
    let truth = [page("a.png", &[(0.0, "one")]), page("b.png", &[(20.0, "two")])];
    let nameless = |words: &[(f64, &str)]| PredictedPage {
        file_name: None,
        instances: words.iter().map(|(x, text)| found(*x, text, 1.0)).collect(),
        lines: Vec::new(),
    };
    let predictions = [nameless(&[(0.0, "one")]), nameless(&[(20.0, "two")])];
    let report = evaluate_detection(&truth, &predictions, &DetectionOptions::default()).unwrap();
    assert_eq!((report.instances.all.hmean, report.warnings), (1.0, vec![]));
    let short = evaluate_detection(&truth, &predictions[..1], &DetectionOptions::default()).unwrap_err();
    assert!(matches!(short, Error::Order { expected: 2, got: 1 }), "{short}");
    let mut mixed = predictions.clone();
    mixed[0].file_name = Some("a.png".to_owned());
    let mixed = evaluate_detection(&truth, &mixed, &DetectionOptions::default()).unwrap_err();
    assert!(matches!(mixed, Error::UnnamedPrediction { index: 1 }), "{mixed}");
}

/// A prediction of 10 x 10 pixels at column `x`.
fn found(x: f64, text: &str, score: f64) -> PredictedText {
    let outline = rect(x, 0.0, 10.0, 10.0).points().to_vec();
    PredictedText { outline, score, text: Some(text.to_owned()), label: None }
}

#[test]
fn an_outline_without_area_is_a_wrong_prediction_and_a_warning() {
    let truth = [page("a.png", &[(0.0, "one")])];
    let mut instances = vec![found(0.0, "one", 1.0)];
    for flat in [&[][..], &[5.0, 5.0], &[0.0, 0.0, 9.0, 9.0], &[0.0, 0.0, 5.0, 5.0, 9.0, 9.0]] {
        let outline = flat.chunks_exact(2).map(|c| glyphic_core::Point::new(c[0], c[1])).collect();
        instances.push(PredictedText { outline, ..found(0.0, "", 1.0) });
    }
    // A symmetric bow-tie has a shoelace area of 0 and still encloses something.
    let bow_tie = [0.0, 0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0];
    let outline = bow_tie.chunks_exact(2).map(|c| glyphic_core::Point::new(c[0], c[1])).collect();
    instances.push(PredictedText { outline, ..found(0.0, "", 1.0) });
    let predicted = [PredictedPage { file_name: None, instances, lines: Vec::new() }];
    let report = evaluate_detection(&truth, &predicted, &DetectionOptions::default()).unwrap();
    assert_eq!((report.instances.all.predictions, report.instances.all.precision_hits), (6, 1.0));
    assert_eq!(report.instances.images[0].wrong, [1, 2, 3, 4, 5]);
    assert_eq!(report.warnings, [Warning::NoArea { file_name: "a.png".to_owned(), outlines: 4 }]);
    assert!(report.to_string().contains("a.png: 4 predicted outlines without area"), "{report}");
}

#[test]
fn scores_keep_all_their_digits() {
    // 0.6 lies below 6 * 0.1 in doubles; in single precision it would lie above.
    let truth = [page("a.png", &[(0.0, "one")])];
    let at = |score| PredictedPage { file_name: None, instances: vec![found(0.0, "", score)], lines: vec![] };
    for (score, kept) in [(0.6, 3), (0.6000000000000001, 4), (0.3, 0), (0.31, 1), (0.9, 7)] {
        let report = evaluate_detection(&truth, &[at(score)], &DetectionOptions::default()).unwrap();
        let hits = report.instances.thresholds.iter().filter(|t| t.score.recall_hits > 0.0).count();
        assert_eq!(hits, kept, "{score}");
    }
}

#[test]
fn each_image_says_what_matched_what_was_missed_and_what_was_wrong() {
    let truth = [page("a.png", &[(0.0, "###"), (20.0, "one"), (40.0, "two")])];
    let predicted = [page("a.png", &[(0.0, "x"), (42.0, "tow"), (80.0, "ghost")])];
    let report = evaluate_detection(&truth, &predicted, &DetectionOptions::default()).unwrap();
    let image = &report.instances.images[0];
    assert_eq!((image.matches.len(), image.matches[0].truth, image.matches[0].prediction), (1, 2, 1));
    assert!((image.matches[0].iou - 80.0 / 120.0).abs() < 1e-12, "{image:?}");
    assert_eq!(
        (&image.missed[..], &image.wrong[..]),
        (&[1][..], &[2][..]),
        "the one on ignored truth is neither"
    );
    for (protocol, misread, missed, wrong) in [
        (ProtocolChoice::Spotting, vec![("two", "tow")], vec!["one"], vec!["ghost"]),
        (ProtocolChoice::BagOfWords, vec![], vec!["one", "two"], vec!["tow", "ghost"]),
    ] {
        let options = EndToEndOptions { protocol, ..Default::default() };
        let report = evaluate_end_to_end(&truth, &predicted, &options).unwrap();
        let image = &report.instances.images[0];
        let pairs: Vec<_> = image.misread.iter().map(|m| (&*m.truth, &*m.prediction)).collect();
        assert_eq!(pairs, misread);
        assert_eq!((&image.missed, &image.wrong), (&own(&missed), &own(&wrong)));
    }
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

#[test]
fn a_score_threshold_leaves_predictions_out_end_to_end() {
    let truth = [page("a.png", &[(0.0, "one"), (20.0, "two")])];
    let instances = vec![found(0.0, "one", 0.9), found(20.0, "two", 0.5), found(40.0, "ghost", 0.4)];
    let predicted = [PredictedPage { file_name: None, instances, lines: Vec::new() }];
    let mut options = EndToEndOptions::default();
    // threshold, recall, precision
    let table = [(0.0, 1.0, 2.0 / 3.0), (0.5, 1.0, 1.0), (0.6, 0.5, 1.0), (1.0, 0.0, 0.0)];
    let curve = sweep_end_to_end(&truth, &predicted, &options, &table.map(|t| t.0)).unwrap();
    for ((threshold, recall, precision), swept) in table.into_iter().zip(curve) {
        options.min_score = Some(threshold);
        let score = evaluate_end_to_end(&truth, &predicted, &options).unwrap().instances.score;
        assert_eq!((score.recall, score.precision), (recall, precision), "{threshold}");
        assert_eq!((swept.threshold, swept.score), (threshold, score));
    }
}

#[test]
fn a_reject_threshold_trades_recall_for_precision() {
    let truth: Vec<(String, String)> =
        ["a", "b", "c"].iter().map(|t| (format!("{t}.png"), (*t).to_owned())).collect();
    let crop = |name: &str, text: &str, score| PredictedCrop {
        file_name: Some(format!("{name}.png")),
        text: text.to_owned(),
        score,
    };
    let predicted = [crop("a", "a", 0.9), crop("b", "x", 0.4)];
    let curve = sweep_recognition(&truth, &predicted, &[0.0, 0.4, 0.5, 1.0]).unwrap();
    let got: Vec<_> = curve.iter().map(|t| (t.score.recall, t.score.precision)).collect();
    assert_eq!(got, [(1.0 / 3.0, 0.5), (1.0 / 3.0, 0.5), (1.0 / 3.0, 1.0), (0.0, 0.0)]);
}

fn receipt(name: &str, labels: &[&str]) -> NamedPage {
    let mut truth =
        page(name, &labels.iter().enumerate().map(|(i, l)| (20.0 * i as f64, *l)).collect::<Vec<_>>());
    for (instance, label) in truth.1.instances.iter_mut().zip(labels) {
        instance.label = Some((*label).to_owned());
    }
    truth
}

fn classified(name: &str, labels: &[&str]) -> ClassifiedPage {
    ClassifiedPage { file_name: Some(name.to_owned()), labels: own(labels), classes: 0 }
}

#[test]
fn classes_are_told_by_name_or_number() {
    let list = ClassList::parse("0 Ignore\r\n1 Total key\n\n2 Date\n", "list.txt").unwrap();
    assert_eq!(list.names(), ["Ignore", "Total key", "Date"]);
    assert_eq!(["Date", "1", "3", "x"].map(|c| list.index(c)), [Some(2), Some(1), None, None]);
    assert_eq!(ClassList::parse("Ignore\nDate", "list.txt").unwrap().names(), ["Ignore", "Date"]);
    for (text, line) in [("0 a\n2 b", 2), ("0 a\nb", 2), ("1 a", 1)] {
        let error = ClassList::parse(text, "list.txt").unwrap_err();
        assert!(matches!(&error, Error::ClassLine { line: l, .. } if *l == line), "{error}");
    }
    let truth = [receipt("a.png", &["Date", "Total key", "Date"])];
    let options = KieOptions { classes: Some(list), ignored: own(&["Ignore"]) };
    let report = evaluate_kie(&truth, &[classified("a.png", &["2", "2", "Date"])], &options).unwrap();
    assert_eq!(report.score.classes.iter().map(|c| c.class).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((report.score.macro_f1, report.score.accuracy), (0.4, 2.0 / 3.0));
    let mistake = &report.images[0].mistakes[0];
    assert_eq!(
        (mistake.index, &*mistake.truth, mistake.prediction.as_deref()),
        (1, "Total key", Some("Date"))
    );
    assert!(report.to_string().contains("macro F1"), "{report}");
}

#[test]
fn without_a_list_the_classes_are_those_that_occur() {
    let report = evaluate_kie(
        &[receipt("a.png", &["x", "y"])],
        &[classified("a.png", &["x", "z"])],
        &KieOptions::default(),
    );
    assert_eq!(report.unwrap().names, ["x", "y", "z"]);
    let numbers = ClassifiedPage { classes: 5, ..classified("a.png", &["1", "3"]) };
    let report = evaluate_kie(&[receipt("a.png", &["1", "10"])], &[numbers], &KieOptions::default());
    assert_eq!(report.unwrap().names.len(), 11, "numbers count up to the largest");
    // Numbers among names belong to a list that is not given.
    let mixed = evaluate_kie(
        &[receipt("a.png", &["x", "y"])],
        &[classified("a.png", &["0", "1"])],
        &KieOptions::default(),
    );
    assert!(matches!(mixed, Err(Error::UnknownClass { .. })), "{mixed:?}");
}

#[test]
fn boxes_without_prediction_are_wrong_and_counts_must_fit() {
    let truth = [receipt("a.png", &["x"]), receipt("b.png", &["x", "y"])];
    let options = KieOptions::default();
    let report = evaluate_kie(&truth, &[classified("b.png", &["x", "y"])], &options).unwrap();
    assert_eq!((report.score.boxes, report.score.accuracy), (3, 2.0 / 3.0));
    assert_eq!(report.warnings, [Warning::NoPrediction { file_name: "a.png".to_owned() }]);
    assert_eq!(report.images[0].mistakes[0].prediction, None);
    let few = evaluate_kie(&truth, &[classified("b.png", &["x"])], &options).unwrap_err();
    assert!(matches!(few, Error::BoxCount { expected: 2, got: 1, .. }), "{few}");
    let plain = evaluate_kie(&[page("a.png", &[(0.0, "one")])], &[], &options).unwrap_err();
    assert!(matches!(plain, Error::NoClass { index: 0, .. }), "{plain}");
}

#[test]
fn entities_of_each_text_are_found_missed_or_wrong() {
    let text = |text: &str, entities: &[(&str, i64, i64)]| EntityText {
        text: Some(text.to_owned()),
        entities: entities.iter().map(|(c, s, e)| Entity::new(*c, *s, *e)).collect(),
    };
    let truth = [text("one", &[("name", 0, 1)]), text("two", &[("city", 0, 2), ("name", 1, 1)])];
    let predicted = [text("one", &[("name", 0, 1)]), text("two", &[("city", 0, 1)])];
    let report = evaluate_ner(&truth, &predicted, NerRule::OneToOne).unwrap();
    assert_eq!((report.score.all.recall, report.score.all.precision), (1.0 / 3.0, 0.5));
    let worst = &report.each[0];
    assert_eq!(
        (worst.index, worst.hits, worst.missed.len(), &worst.wrong[..]),
        (1, 0, 2, &predicted[1].entities[..])
    );
    assert!(report.to_string().contains("all"), "{report}");
    let short = evaluate_ner(&truth, &predicted[..1], NerRule::OneToOne).unwrap_err();
    assert!(matches!(short, Error::Order { expected: 2, got: 1 }), "{short}");
    let swapped = [predicted[1].clone(), predicted[0].clone()];
    let swapped = evaluate_ner(&truth, &swapped, NerRule::OneToOne).unwrap_err();
    assert!(matches!(swapped, Error::TextDiffers { index: 0, .. }), "{swapped}");
}

#[test]
fn of_several_failing_images_the_first_is_named_whatever_the_threads() {
    let flat = vec![glyphic_core::Point::new(1.0, 1.0); 4];
    let one: Outlines = vec![vec![flat]; 400];
    let none: Outlines = vec![Vec::new(); 400];
    let options = IouOptions { rule: OutlineRule::Mmocr021, ..Default::default() };
    for threads in [1, 2, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let error = pool.install(|| eval_hmean_iou(&one, &one, &none, &options)).unwrap_err();
        assert!(matches!(error, Error::EmptyUnion { image: 0, .. }), "{error}");
    }
}

type Outlines = Vec<Vec<Vec<glyphic_core::Point>>>;

fn outlines() -> impl Strategy<Value = Outlines> {
    let quad = (0.0..200.0f64, 0.0..200.0f64, 5.0..80.0f64, 5.0..40.0f64)
        .prop_map(|(x, y, w, h)| rect(x, y, w, h).points().to_vec());
    prop::collection::vec(prop::collection::vec(quad, 0..6), 8)
}

proptest! {
    #[test]
    fn the_number_of_threads_does_not_matter(a in outlines(), b in outlines(), c in outlines()) {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let scored: Vec<Vec<_>> =
                    a.iter().map(|i| i.iter().map(|o| (o, o[0].x / 200.0)).collect()).collect();
                let sweep = |metric| eval_hmean(&scored, &b, &c, &metric, &Sweep::fine()).unwrap();
                let ic13 = Ic13Options::default();
                (
                    eval_hmean_iou(&a, &b, &c, &IouOptions::default()).unwrap(),
                    eval_hmean_ic13(&a, &b, &c, &ic13).unwrap(),
                    sweep(Metric::HmeanIou(IouOptions::default())),
                    sweep(Metric::HmeanIc13(ic13)),
                )
            })
        };
        let one = on(1);
        prop_assert_eq!(&one, &on(2));
        prop_assert_eq!(&one, &on(3));
    }

    #[test]
    fn the_order_of_images_and_the_place_on_the_page_do_not_matter(
        mut a in outlines(), mut b in outlines(), by in 0..8usize, x in -64..64i32, y in -64..64i32
    ) {
        let none: Outlines = vec![Vec::new(); a.len()];
        let options = IouOptions::default();
        let before = eval_hmean_iou(&a, &b, &none, &options).unwrap().dataset;
        a.rotate_left(by);
        b.rotate_left(by);
        prop_assert_eq!(before, eval_hmean_iou(&a, &b, &none, &options).unwrap().dataset);
        // Half pixels are exact, so that no overlap crosses the threshold by rounding.
        let grid = |all: &Outlines, dx: f64, dy: f64| -> Outlines {
            let moved = |p: &glyphic_core::Point| {
                glyphic_core::Point::new((p.x * 2.0).round() / 2.0 + dx, (p.y * 2.0).round() / 2.0 + dy)
            };
            all.iter().map(|i| i.iter().map(|o| o.iter().map(moved).collect()).collect()).collect()
        };
        let (dx, dy) = (f64::from(x), f64::from(y));
        let here = eval_hmean_iou(&grid(&a, 0.0, 0.0), &grid(&b, 0.0, 0.0), &none, &options).unwrap();
        let there = eval_hmean_iou(&grid(&a, dx, dy), &grid(&b, dx, dy), &none, &options).unwrap();
        prop_assert_eq!(here, there);
    }

    #[test]
    fn iou_is_symmetric_and_blind_to_the_order_of_vertices(a in outlines(), b in outlines(), by in 0..4usize) {
        for (p, q) in a.iter().flatten().zip(b.iter().flatten()) {
            let iou = |p: &[glyphic_core::Point], q: &[glyphic_core::Point]| {
                boundary_iou(p, q, OutlineRule::EvenOdd).unwrap()
            };
            let expected = iou(p, q);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&expected));
            prop_assert!((iou(q, p) - expected).abs() < 1e-12);
            let mut other = p.clone();
            other.rotate_left(by);
            other.reverse();
            prop_assert!((iou(&other, q) - expected).abs() < 1e-12);
            prop_assert!((iou(p, p) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_prediction_more_never_raises_the_precision_hits_of_others(a in outlines(), b in outlines()) {
        // One-to-one matching: hits are at most the smaller side, and recall never falls with more predictions.
        let none: Outlines = vec![Vec::new(); a.len()];
        let options = IouOptions::default();
        let all = eval_hmean_iou(&a, &b, &none, &options).unwrap();
        for score in &all.images {
            prop_assert!(score.recall_hits as usize <= score.truths.min(score.predictions));
        }
        let fewer: Outlines = a.iter().map(|i| i[..i.len() / 2].to_vec()).collect();
        let part = eval_hmean_iou(&fewer, &b, &none, &options).unwrap();
        prop_assert!(part.dataset.recall <= all.dataset.recall);
    }

    #[test]
    fn identical_sets_are_perfect_and_simple_outlines_score_the_same_under_both_rules(a in outlines(), b in outlines()) {
        let none: Outlines = vec![Vec::new(); a.len()];
        let own = eval_hmean_iou(&a, &a, &none, &IouOptions::default()).unwrap();
        prop_assert_eq!(own.dataset.hmean, 1.0);
        let reference = IouOptions { rule: OutlineRule::Mmocr021, ..Default::default() };
        let same = eval_hmean_iou(&a, &b, &none, &IouOptions::default()).unwrap();
        prop_assert_eq!(same, eval_hmean_iou(&a, &b, &none, &reference).unwrap());
    }
}
