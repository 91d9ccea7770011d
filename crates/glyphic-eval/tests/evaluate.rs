//! Whole prediction sets against whole data sets.

use glyphic_core::{Line, Page, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_eval::{
    DetectionOptions, EndToEndOptions, Error, IouOptions, NamedPage, OutlineRule, PredictedCrop, Protocol,
    ProtocolChoice, Warning, eval_hmean_iou, evaluate_detection, evaluate_end_to_end, evaluate_recognition,
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
    (name.to_owned(), Page { width: 500, height: 100, instances, lines: Vec::new() })
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
            pool.install(|| eval_hmean_iou(&a, &b, &c, &IouOptions::default())).unwrap()
        };
        prop_assert_eq!(on(1), on(3));
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
