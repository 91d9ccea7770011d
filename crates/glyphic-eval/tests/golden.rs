//! The metrics against the reference's numbers.

use glyphic_core::{Point, Rect};
use glyphic_eval::{
    Entity, Error, HmeanReport, Ic13Options, IouOptions, Metric, NerRule, Outline, OutlineRule, Ratios,
    RecognitionScore, Score, Sweep, boundary_iou, box_corners, box_diagonal, centre, centre_distance,
    eval_hmean, eval_hmean_ic13, eval_hmean_iou, eval_kie_f1, eval_ner_f1, hmean_of, ignored_predictions,
    many_to_one, match_pair, most_probable, one_to_many, one_to_one, scores_above, scores_from,
};
use glyphic_testing::golden::{Case, case, cases};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn points(flat: &[f64]) -> Vec<Point> {
    flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
}

fn outlines(value: &Value) -> Vec<Vec<Point>> {
    matrix(value).iter().map(|flat| points(flat)).collect()
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got - expected).abs() <= tolerance, "{what}: {got}, should be {expected}");
}

fn images(case: &Case) -> Vec<Value> {
    let json = case.json();
    match json["images_from"].as_str() {
        Some(other) => glyphic_testing::golden::case(other).json()["images"].as_array().unwrap().clone(),
        None => json["images"].as_array().unwrap().clone(),
    }
}

/// Whether a ratio of areas is within rounding of the ICDAR 2013 thresholds.
fn on_an_edge(params: &Value, predictions: &[Vec<Point>], truths: &[Vec<Point>]) -> bool {
    let prepare = |all: &[Vec<Point>]| -> Vec<Outline> {
        all.iter().map(|p| Outline::new(p, OutlineRule::Mmocr021)).collect()
    };
    let near = |value: f64, key: &str| params[key].as_f64().is_some_and(|t| (value - t).abs() < 1e-9);
    let truths = prepare(truths);
    prepare(predictions).iter().any(|p| {
        truths.iter().any(|t| {
            let shared = p.intersection(t);
            near(shared / t.area(), "recall_thr") || near(shared / p.area(), "precision_thr")
        })
    })
}

/// Whether the share of a prediction that an ignored truth covers is within rounding of the threshold: the reference's answer
/// there hangs on the last bit of its clipping, and the manifest's list looks at the truths that count alone.
fn ignored_on_an_edge(params: &Value, predictions: &[Vec<Point>], ignored: &[Vec<Point>]) -> bool {
    let threshold = params["precision_thr"].as_f64().unwrap_or(0.4);
    let prepare = |all: &[Vec<Point>]| -> Vec<Outline> {
        all.iter().map(|p| Outline::new(p, OutlineRule::Mmocr021)).collect()
    };
    let ignored = prepare(ignored);
    prepare(predictions).iter().any(|p| {
        // No overlap at all is exact, and so is a threshold of 0.
        ignored
            .iter()
            .map(|t| p.intersection(t))
            .any(|shared| shared > 0.0 && threshold > 0.0 && (shared / p.area() - threshold).abs() < 1e-9)
    })
}

/// Runs every image alone, so that one the reference dies of does not hide the others, then compares counts, ratios
/// and, where no image stands on a threshold, the sum over the data set.
fn check_runs(
    case: &Case,
    evaluate: impl Fn(&Value, &[Vec<Point>], &[Vec<Point>], &[Vec<Point>]) -> glyphic_eval::Result<HmeanReport>,
    hits_key: &str,
) {
    let images = images(case);
    let parsed: Vec<_> =
        images.iter().map(|i| (outlines(&i["pred"]), outlines(&i["gt"]), outlines(&i["ignored"]))).collect();
    for run in case.json()["runs"].as_array().unwrap() {
        let what = format!("{} {}", case.name, run["params"]);
        let edge = indices(&run["knife_edge_images"]);
        let rows = indices(&run["image_index"]);
        let errors = run["errors"].as_object().unwrap();
        assert_eq!(rows.len() + errors.len(), images.len(), "{what}");
        let mut scores: Vec<Score> = Vec::new();
        let (mut compared, mut skipped) = (0, false);
        for (i, (pred, gt, ignored)) in parsed.iter().enumerate() {
            let result = evaluate(&run["params"], pred, gt, ignored);
            let Some(row) = rows.iter().position(|&r| r == i) else {
                let error = errors[&i.to_string()]["error"].as_str().unwrap();
                let ours = match result {
                    Err(Error::EmptyUnion { .. }) => "ZeroDivisionError",
                    Err(Error::NotAQuad { .. }) => "AssertionError",
                    // The manifest looks for images on a threshold among those that do not fail.
                    Ok(_) if on_an_edge(&run["params"], pred, gt) => continue,
                    ref other => panic!("{what}: image {i} should fail with {error}: {other:?}"),
                };
                assert_eq!(ours, error, "{what}: image {i}");
                continue;
            };
            let Ok(report) = result else {
                assert!(edge.contains(&i), "{what}: image {i}: {result:?}");
                continue;
            };
            let score = report.dataset;
            scores.push(score);
            if edge.contains(&i) || ignored_on_an_edge(&run["params"], pred, ignored) {
                skipped = true;
                continue;
            }
            let counts = numbers(&run["per_image_gts_dets_recallhits_prechits"][row]);
            assert_eq!(
                [score.truths as f64, score.predictions as f64, score.recall_hits, score.precision_hits],
                counts[..],
                "{what}: image {i}"
            );
            let ratios = numbers(&run["per_image_recall_precision_hmean"][row]);
            for (got, expected) in [score.recall, score.precision, score.hmean].into_iter().zip(ratios) {
                close(got, expected, 1e-12, &format!("{what}: image {i}"));
            }
            compared += 1;
        }
        assert!(compared > 0, "{what}: nothing compared");
        if edge.is_empty() && !skipped {
            let total = Score::total(&scores);
            let expected = &run["dataset"];
            assert_eq!(total.truths as u64, expected["num_gts"].as_u64().unwrap(), "{what}");
            assert_eq!(total.predictions as u64, expected["num_dets"].as_u64().unwrap(), "{what}");
            assert_eq!(total.recall_hits, expected[hits_key].as_f64().unwrap(), "{what}");
            close(total.recall, expected["recall"].as_f64().unwrap(), 1e-12, &what);
            close(total.precision, expected["precision"].as_f64().unwrap(), 1e-12, &what);
            close(total.hmean, expected["hmean"].as_f64().unwrap(), 1e-12, &what);
        }
    }
}

#[test]
fn hmean_iou_gives_the_reference_counts_and_ratios() {
    for case in cases("A_hmean_iou_") {
        let evaluate = |params: &Value, pred: &[Vec<Point>], gt: &[Vec<Point>], ignored: &[Vec<Point>]| {
            let options = IouOptions {
                iou_threshold: params["iou_thr"].as_f64().unwrap(),
                ignore_threshold: params["precision_thr"].as_f64().unwrap(),
                rule: OutlineRule::Mmocr021,
            };
            eval_hmean_iou(&[pred.to_vec()], &[gt.to_vec()], &[ignored.to_vec()], &options)
        };
        check_runs(&case, evaluate, "num_match");
    }
}

#[test]
fn hmean_ic13_gives_the_reference_counts_and_ratios() {
    for case in cases("A_hmean_ic13_") {
        let evaluate = |params: &Value, pred: &[Vec<Point>], gt: &[Vec<Point>], ignored: &[Vec<Point>]| {
            let default = Ic13Options::default();
            let get = |key: &str, default: f64| params[key].as_f64().unwrap_or(default);
            let options = Ic13Options {
                precision_threshold: get("precision_thr", default.precision_threshold),
                recall_threshold: get("recall_thr", default.recall_threshold),
                centre_distance: get("center_dist_thr", default.centre_distance),
                one_to_one: get("one2one_score", default.one_to_one),
                one_to_many: get("one2many_score", default.one_to_many),
                many_to_one: get("many2one_score", default.many_to_one),
                rule: OutlineRule::Mmocr021,
            };
            eval_hmean_ic13(&[pred.to_vec()], &[gt.to_vec()], &[ignored.to_vec()], &options)
        };
        check_runs(&case, evaluate, "num_recall");
    }
}

#[test]
fn the_score_sweep_gives_the_reference_best() {
    let json = case("A_eval_hmean").json();
    let images = json["images"].as_array().unwrap();
    let predictions: Vec<Vec<(Vec<Point>, f64)>> = images
        .iter()
        .map(|i| {
            let rows = matrix(&i["boundary_result"]);
            rows.iter().map(|r| (points(&r[..r.len() - 1]), r[r.len() - 1])).collect()
        })
        .collect();
    let truths: Vec<_> = images.iter().map(|i| outlines(&i["gt"])).collect();
    let ignored: Vec<_> = images.iter().map(|i| outlines(&i["ignored"])).collect();
    for run in json["runs"].as_array().unwrap() {
        let name = run["metrics"][0].as_str().unwrap();
        let metric = match name {
            "hmean-iou" => Metric::HmeanIou(IouOptions { rule: OutlineRule::Mmocr021, ..Default::default() }),
            _ => Metric::HmeanIc13(Ic13Options { rule: OutlineRule::Mmocr021, ..Default::default() }),
        };
        assert_eq!(metric.name(), name);
        let sweep = Sweep { min_score: run["score_thr"].as_f64().unwrap(), ..Sweep::default() };
        let report = eval_hmean(&predictions, &truths, &ignored, &metric, &sweep).unwrap().unwrap();
        for (threshold, images) in report.thresholds.iter().zip(&report.image_scores) {
            assert_eq!(threshold.score, Score::total(images));
        }
        let best = report.best.score;
        for (key, got) in [("recall", best.recall), ("precision", best.precision), ("hmean", best.hmean)] {
            let expected = run["out"][format!("{name}:{key}")].as_f64().unwrap();
            close(got, expected, 1e-12, &format!("{name} {key} above {}", sweep.min_score));
        }
    }
}

#[test]
fn polygon_pairs_have_the_reference_areas() {
    for pair in case("A_poly_pairs").json()["pairs"].as_array().unwrap() {
        let outline = |key: &str| Outline::new(&points(&numbers(&pair[key])), OutlineRule::Mmocr021);
        let (a, b) = (outline("a"), outline("b"));
        let shared = a.intersection(&b);
        // An area within the tolerance of none has no share that could be compared: that of a bow-tie may be rounding alone.
        let none = |area: f64| area.abs() <= 1e-6;
        let share = |area: f64| if area == 0.0 { 0.0 } else { shared / area };
        let expected = |key: &str| pair[key].as_f64().unwrap();
        let table = [
            ("area_a", a.area()),
            ("area_b", b.area()),
            ("inter", shared),
            ("inter", b.intersection(&a)),
            ("union", a.union(&b)),
        ];
        let shares = [("recall_b_of_a", a.area()), ("precision_b_of_a", b.area())];
        let shares =
            shares.into_iter().filter(|(_, area)| !none(*area)).map(|(key, area)| (key, share(area)));
        for (key, got) in table.into_iter().chain(shares) {
            close(got, expected(key), 1e-6 + 1e-9 * expected(key).abs(), &format!("{key} of {pair}"));
        }
        let flat = [points(&numbers(&pair["a"])), points(&numbers(&pair["b"]))];
        assert_eq!(boundary_iou(&flat[0], &flat[1], OutlineRule::Mmocr021), a.iou(&b));
        if none(a.union(&b)) {
            continue;
        }
        for (key, got) in [("iou", a.iou(&b)), ("iou_ba", b.iou(&a))] {
            match (pair[key]["ok"].as_f64(), got) {
                (Some(expected), Some(got)) => close(got, expected, 1e-9, &format!("{key} of {pair}")),
                (None, None) => assert_eq!(pair[key]["error"], "ZeroDivisionError"),
                (expected, got) => panic!("{key} is {got:?}, should be {expected:?}: {pair}"),
            }
        }
    }
}

#[test]
fn pairs_the_reference_crashes_on_have_an_intersection() {
    for pair in case("A_poly_pairs").json()["reference_segfaults_on"].as_array().unwrap() {
        let outline = |k: usize| Outline::new(&points(&numbers(&pair[k])), OutlineRule::EvenOdd);
        let (a, b) = (outline(0), outline(1));
        assert!(a.intersection(&b) > 0.0 && a.intersection(&b) <= a.area().min(b.area()) + 1e-9);
    }
}

#[test]
fn predictions_on_ignored_truth_are_those_of_the_reference() {
    for case in case("A_lowlevel").json()["ignore_pred"].as_array().unwrap() {
        let all = outlines(&case["gt_all"]);
        let ignored: Vec<_> = indices(&case["ignored_index"]).into_iter().map(|i| all[i].clone()).collect();
        let threshold = case["precision_thr"].as_f64().unwrap();
        let got = ignored_predictions(&outlines(&case["pred"]), &ignored, threshold, OutlineRule::Mmocr021)
            .unwrap();
        assert_eq!(got, indices(&case["pred_ignored_index"]), "{case}");
    }
}

#[test]
fn hmean_of_counts_is_that_of_the_reference() {
    for case in case("A_lowlevel").json()["compute_hmean"].as_array().unwrap() {
        let args = numbers(&case["args"]);
        let (recall, precision, hmean) = hmean_of(args[0], args[1], args[2] as usize, args[3] as usize);
        for (got, expected) in [recall, precision, hmean].into_iter().zip(numbers(&case["out"])) {
            close(got, expected, 1e-12, &case.to_string());
        }
    }
}

#[test]
fn icdar_2013_matching_is_that_of_the_reference() {
    for case in case("A_lowlevel").json()["match"].as_array().unwrap() {
        let ratios = Ratios {
            recall: matrix(&case["recall"]),
            precision: matrix(&case["precision"]),
            recall_threshold: case["recall_thr"].as_f64().unwrap(),
            precision_threshold: case["precision_thr"].as_f64().unwrap(),
        };
        let free = |flags: &str, ignored: &str| -> Vec<bool> {
            let ignored = indices(&case[ignored]);
            indices(&case[flags]).iter().enumerate().map(|(i, f)| *f == 0 && !ignored.contains(&i)).collect()
        };
        let (truth_free, prediction_free) = (free("gt_flag", "gt_ignored"), free("det_flag", "det_ignored"));
        let truth_taken = indices(&case["gt_flag"]);
        let prediction_taken = indices(&case["det_flag"]);
        let expected = |value: &Value| value[0].as_bool().unwrap().then(|| indices(&value[1]));
        for t in 0..ratios.recall.len() {
            for p in 0..prediction_free.len() {
                assert_eq!(one_to_one(&ratios, t, p), case["one2one"][t][p].as_bool().unwrap(), "{case}");
            }
            let got = one_to_many(&ratios, t, truth_taken[t] != 0, &prediction_free);
            assert_eq!(got, expected(&case["one2many"][t]), "truth {t} of {case}");
        }
        for p in 0..prediction_free.len() {
            let got = many_to_one(&ratios, p, prediction_taken[p] != 0, &truth_free);
            assert_eq!(got, expected(&case["many2one"][p]), "prediction {p} of {case}");
        }
    }
}

#[test]
fn recognition_gives_the_reference_values() {
    let json = case("A_ocr_metric").json();
    let texts = |key: &str| -> Vec<String> {
        json[key].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect()
    };
    let pairs: Vec<(String, String)> = texts("pred").into_iter().zip(texts("gt")).collect();
    for slice in json["slices"].as_array().unwrap() {
        let range = indices(&slice["range"]);
        let score = RecognitionScore::new(&pairs[range[0]..range[1]]).rounded();
        for (name, value) in &score.values()[..6] {
            assert_eq!(*value, slice["out"][name].as_f64().unwrap(), "{name} of {range:?}");
        }
    }
    for ((pred, gt), row) in pairs.iter().zip(json["per_pair"].as_array().unwrap()) {
        let m = match_pair(pred, gt);
        let row = numbers(row);
        let got = [
            f64::from(u8::from(m.word)),
            f64::from(u8::from(m.ignore_case)),
            f64::from(u8::from(m.ignore_case_symbol)),
            m.truth_chars as f64,
            m.predicted_chars as f64,
            m.true_positive_chars as f64,
        ];
        assert_eq!(got, row[..6], "{pred:?} {gt:?}");
        close(m.normalised_distance, row[6], 1e-15, &format!("{pred:?} {gt:?}"));
    }
}

#[test]
fn geometry_helpers_give_the_reference_values() {
    let json = case("A_lowlevel").json();
    for row in json["geometry"].as_array().unwrap() {
        let [a, b, c] = ["a", "b", "c"].map(|key| points(&numbers(&row[key])));
        let value = |key: &str| row[key].as_f64().unwrap();
        let (x, y) = (centre(&c).x, centre(&c).y);
        let expected = numbers(&row["center_c"]);
        let quad = |points: &[Point]| <[Point; 4]>::try_from(points).unwrap();
        for (key, got) in [
            ("dist_ab", centre_distance(&a, &b)),
            ("dist_ac", centre_distance(&a, &c)),
            ("diag_a", box_diagonal(&quad(&a))),
            ("diag_b", box_diagonal(&quad(&b))),
            ("p_dist", a[0].distance(b[0])),
        ] {
            close(got, value(key), 1e-9, key);
        }
        close(x, expected[0], 1e-9, "center_c");
        close(y, expected[1], 1e-9, "center_c");
    }
    for row in json["box2polygon"].as_array().unwrap() {
        let [x0, y0, x1, y1] = <[f64; 4]>::try_from(numbers(&row["box"])).unwrap();
        let outline = Outline::new(&box_corners(Rect { x0, y0, x1, y1 }), OutlineRule::Mmocr021);
        close(outline.area(), row["area"].as_f64().unwrap(), 1e-9, "box2polygon");
    }
    for row in json["score_filters"].as_array().unwrap() {
        let (results, scores) = (matrix(&row["results"]), numbers(&row["scores"]));
        let threshold = row["thr"].as_f64().unwrap();
        let above = scores_above(&scores, threshold);
        let kept: Vec<_> = above.iter().map(|&i| results[i].clone()).collect();
        assert_eq!(kept, matrix(&row["filter_2dlist"][0]), "{row}");
        let kept: Vec<f64> = above.iter().map(|&i| scores[i]).collect();
        assert_eq!(kept, numbers(&row["filter_2dlist"][1]), "{row}");
        assert_eq!(kept, numbers(&row["filter_result_scores"]), "{row}");
        let top: Vec<_> = scores_from(&scores, threshold).iter().map(|&i| results[i].clone()).collect();
        assert_eq!(top, matrix(&row["select_top"]), "{row}");
    }
}

#[test]
fn key_information_gives_the_reference_f1() {
    for row in case("A_kie_f1").json()["cases"].as_array().unwrap() {
        let (predicted, truths) = (indices(&row["argmax"]), indices(&row["gts"]));
        if row["preds"].is_array() {
            let rows = matrix(&row["preds"]);
            let narrow = |r: &Vec<f64>| r.iter().map(|v| *v as f32).collect::<Vec<_>>();
            let best: Vec<usize> = rows.iter().map(|r| most_probable(&narrow(r)).unwrap()).collect();
            assert_eq!(best, predicted);
        }
        let classes = row["num_classes"].as_u64().unwrap() as usize;
        let score = eval_kie_f1(&predicted, &truths, classes, &indices(&row["ignores"])).unwrap();
        let got: Vec<f64> = score.classes.iter().map(|c| f64::from(c.f1)).collect();
        let expected = numbers(&row["f1"]);
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            close(*got, *expected, 1e-6, "f1");
        }
    }
}

#[test]
fn entities_give_the_reference_f1() {
    for row in case("A_ner_f1").json()["cases"].as_array().unwrap() {
        let entity =
            |v: &Value| Entity::new(v[0].as_str().unwrap(), v[1].as_i64().unwrap(), v[2].as_i64().unwrap());
        let predicted: Vec<Vec<Entity>> = (row["results"].as_array().unwrap().iter())
            .map(|line| line.as_array().unwrap().iter().map(entity).collect())
            .collect();
        let truths: Vec<Vec<Entity>> = (row["gt_infos"].as_array().unwrap().iter())
            .map(|info| {
                let mut entities = Vec::new();
                for (category, surfaces) in info["label"].as_object().unwrap() {
                    for places in surfaces.as_object().unwrap().values() {
                        for place in places.as_array().unwrap() {
                            let (start, end) = (place[0].as_i64().unwrap(), place[1].as_i64().unwrap());
                            entities.push(Entity::new(category.clone(), start, end));
                        }
                    }
                }
                entities
            })
            .collect();
        let score = eval_ner_f1(&predicted, &truths, NerRule::Mmocr021).unwrap();
        let expected = row["out"].as_object().unwrap();
        assert_eq!(score.categories.len() + 1, expected.len(), "{row}");
        let all = [("all".to_owned(), score.all)];
        for (category, got) in score.categories.iter().chain(&all) {
            let expected = |key: &str| expected[category][key].as_f64().unwrap();
            for (key, got) in [("precision", got.precision), ("recall", got.recall), ("f1-score", got.f1)] {
                close(got, expected(key), 1e-12, &format!("{category} {key}"));
            }
        }
    }
}
