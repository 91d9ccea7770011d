"""``glyphic.mmocr.core.evaluation`` gives what the reference gives."""

import json
import logging

import numpy as np
import pytest
from golden import case, cases

from glyphic import GlyphicError
from glyphic.mmocr.core.evaluation import (
    compute_f1_score,
    eval_hmean,
    eval_hmean_ic13,
    eval_hmean_iou,
    eval_ner_f1,
    eval_ocr_metric,
    utils,
)
from glyphic.mmocr.core.evaluation.hmean_ic13 import compute_recall_precision
from glyphic.mmocr.core.evaluation.ocr_metric import count_matches

EVALUATIONS = {"A_hmean_iou": (eval_hmean_iou, "num_match"), "A_hmean_ic13": (eval_hmean_ic13, "num_recall")}
RATIOS = ("recall", "precision", "hmean")
SQUARE = [0, 0, 10, 0, 10, 10, 0, 10]


@pytest.mark.parametrize("golden", cases("A_hmean_iou_", "A_hmean_ic13_"), ids=repr)
def test_hmean_gives_the_reference_counts_and_ratios(golden):
    evaluate, hits = next(value for name, value in EVALUATIONS.items() if golden.name.startswith(name))
    data = golden.json()
    images = data["images"] if "images" in data else case(data["images_from"]).json()["images"]
    compared = 0
    for run in data["runs"]:
        edge = set(run["knife_edge_images"])
        rows = zip(run["per_image_recall_precision_hmean"], run["per_image_gts_dets_recallhits_prechits"])
        for i, (ratios, counts) in zip(run["image_index"], rows):
            if i in edge:
                continue
            image = images[i]
            boxes = ([image["pred"]], [image["gt"]], [image["ignored"]])
            whole, each = evaluate(*boxes, compat=True, **run["params"])
            what = f"{golden} {run['params']} image {i}"
            if run["params"].get("precision_thr") == 1.0 and whole["num_dets"] != counts[1]:
                # The reference's share of a region inside an ignored one is 1 or a rounding above it; ours is 1.
                nudged = {**run["params"], "precision_thr": 1.0 - 1e-9}
                assert evaluate(*boxes, compat=True, **nudged)[0]["num_dets"] == counts[1], what
                edge.add(i)
                continue
            assert [whole["num_gts"], whole["num_dets"], whole[hits]] == counts[:3], what
            assert [each[0][key] for key in RATIOS] == pytest.approx(ratios, abs=1e-12), what
            compared += 1
        if not edge:
            kept = [[images[i][key] for i in run["image_index"]] for key in ("pred", "gt", "ignored")]
            whole, each = evaluate(*kept, compat=True, **run["params"])
            assert len(each) == len(run["image_index"])
            assert set(whole) == set(run["dataset"])
            for key, expected in run["dataset"].items():
                assert whole[key] == pytest.approx(expected, abs=1e-12), f"{golden} {run['params']} {key}"
    assert compared > 0


def test_what_the_reference_dies_of_is_an_error_with_compat_and_a_result_without():
    point = [5] * 8
    with pytest.raises(GlyphicError, match="union"):
        eval_hmean_iou([[point]], [[point]], [[]], compat=True)
    whole, _ = eval_hmean_iou([[point]], [[point]], [[]])
    assert (whole["num_match"], whole["hmean"]) == (0, 0.0)
    hexagon = [0, 0, 10, 0, 20, 0, 20, 10, 10, 10, 0, 10]
    with pytest.raises(GlyphicError, match="diagonal"):
        eval_hmean_ic13([[hexagon]], [[hexagon]], [[]], compat=True)
    assert eval_hmean_ic13([[hexagon]], [[hexagon]], [[]])[0]["hmean"] == 1.0


def test_arguments_are_checked_as_by_the_reference():
    for wrong in ("boxes", [SQUARE], [[SQUARE], SQUARE][1:]):
        with pytest.raises(AssertionError):
            eval_hmean_iou(wrong, [[SQUARE]], [[]])
    with pytest.raises(AssertionError):
        eval_hmean_iou([[SQUARE]], [[SQUARE]], [])
    with pytest.raises(AssertionError):
        eval_hmean_iou([[SQUARE]], [[SQUARE]], [[]], iou_thr=1.5)
    with pytest.raises(AssertionError):
        eval_ocr_metric(["a"], [])
    with pytest.raises(GlyphicError, match="9 numbers"):
        eval_hmean_iou([[[*SQUARE, 1]]], [[SQUARE]], [[]])


def _sweep(images):
    results = [{"boundary_result": image["boundary_result"]} for image in images]
    infos = [{"filename": f"{i}.jpg"} for i in range(len(images))]
    truths = [
        {"masks": [[b] for b in image["gt"]], "masks_ignore": [[b] for b in image["ignored"]]} for image in images
    ]
    return results, infos, truths


def test_the_score_sweep_gives_the_reference_best():
    data = case("A_eval_hmean").json()
    sweep = _sweep(data["images"])
    for run in data["runs"]:
        options = dict(metrics=set(run["metrics"]), score_thr=run["score_thr"], logger="silent", compat=True)
        got = eval_hmean(*sweep, **options)
        assert got == pytest.approx(run["out"], abs=1e-12), run


def test_the_sweep_logs_each_threshold_and_ranks_the_pictures_at_the_best(tmp_path, caplog):
    sweep = _sweep(case("A_eval_hmean").json()["images"])
    logger = logging.getLogger("sweep")
    path = tmp_path / "rank.json"
    with caplog.at_level(logging.INFO, logger="sweep"):
        got = eval_hmean(*sweep, rank_list=str(path), logger=logger, compat=True)
    assert [record.message[:7] for record in caplog.records[1:]] == [f"thr 0.{i}" for i in range(3, 10)]
    ranked = json.loads(path.read_text())
    assert len(ranked) == len(sweep[0])
    assert [row["hmean"] for row in ranked] == sorted(row["hmean"] for row in ranked)
    assert {row["file_name"] for row in ranked} == {info["filename"] for info in sweep[1]}
    assert set(got) == {"hmean-iou:recall", "hmean-iou:precision", "hmean-iou:hmean"}


def test_polygon_pairs_have_the_reference_areas():
    for pair in case("A_poly_pairs").json()["pairs"]:
        a, b = (utils.points2polygon(pair[key], compat=True) for key in "ab")
        shared, polygon = utils.poly_intersection(b, a)
        union = utils.poly_union(b, a)
        expected = [pair[key] for key in ("area_a", "area_b", "inter", "union")]
        assert [a.area(), b.area(), shared, union] == pytest.approx(expected, abs=1e-6, rel=1e-9)
        assert (len(polygon) > 0) == (shared > 1e-6), pair
        for (first, second), outcome in (((a, b), pair["iou"]), ((b, a), pair["iou_ba"])):
            if "ok" in outcome:
                assert utils.poly_iou(first, second) == pytest.approx(outcome["ok"], abs=1e-9)
            else:
                with pytest.raises(ZeroDivisionError):
                    utils.poly_iou(first, second)
        if "ok" in pair["iou"]:
            assert utils.boundary_iou(pair["a"], pair["b"], compat=True) == pytest.approx(pair["iou"]["ok"], abs=1e-9)


def test_an_intersection_has_its_contours():
    a = utils.points2polygon(SQUARE)
    b = utils.points2polygon([5, 5, 15, 5, 15, 15, 5, 15])
    area, shared = utils.poly_intersection(a, b)
    assert area == shared.area() == 25.0
    assert len(shared) == 1
    corners = sorted((round(x, 6), round(y, 6)) for x, y in shared[0])
    assert corners == [(5, 5), (5, 10), (10, 5), (10, 10)]
    with pytest.raises(IndexError):
        shared[1]
    with pytest.raises(GlyphicError, match="intersection"):
        shared & a


def test_predictions_on_ignored_truth_are_those_of_the_reference():
    for row in case("A_lowlevel").json()["ignore_pred"]:
        polygons = [utils.points2polygon(box, compat=True) for box in row["gt_all"]]
        got = utils.ignore_pred(row["pred"], row["ignored_index"], polygons, row["precision_thr"], compat=True)
        assert [p.area() for p in got[0]] == [utils.points2polygon(b, True).area() for b in row["pred"]]
        assert got[1] == row["pred"]
        assert got[2] == row["pred_ignored_index"]


def test_hmean_of_counts_is_that_of_the_reference():
    for row in case("A_lowlevel").json()["compute_hmean"]:
        assert utils.compute_hmean(*row["args"]) == pytest.approx(row["out"], abs=1e-12)


def test_icdar_2013_matching_is_that_of_the_reference():
    for row in case("A_lowlevel").json()["match"]:
        recall, precision = np.array(row["recall"]), np.array(row["precision"])
        ratios = (recall, precision, row["recall_thr"], row["precision_thr"])
        truths, detections = recall.shape
        one = [[utils.one2one_match_ic13(t, d, *ratios) for d in range(detections)] for t in range(truths)]
        assert one == row["one2one"]
        flags = (row["gt_flag"], row["det_flag"])
        many = [utils.one2many_match_ic13(t, *ratios, *flags, row["det_ignored"]) for t in range(truths)]
        assert [list(m) for m in many] == row["one2many"]
        many = [utils.many2one_match_ic13(d, *ratios, *flags, row["gt_ignored"]) for d in range(detections)]
        assert [list(m) for m in many] == row["many2one"]


def test_recall_and_precision_matrices_hold_shares_of_both():
    truths = [utils.points2polygon(SQUARE)]
    found = [utils.points2polygon([5, 0, 10, 0, 10, 10, 5, 10]), utils.points2polygon([20, 0, 30, 0, 30, 9, 20, 9])]
    recall, precision = compute_recall_precision(truths, found)
    assert recall.tolist() == [[0.5, 0.0]] and precision.tolist() == [[1.0, 0.0]]
    assert compute_recall_precision(truths, [])[0].shape == (1, 0)


def test_geometry_helpers_give_the_reference_values():
    data = case("A_lowlevel").json()
    for row in data["geometry"]:
        a, b, c = (np.array(row[key], dtype=float) for key in "abc")
        got = {
            "dist_ab": utils.box_center_distance(a, b),
            "dist_ac": utils.box_center_distance(a, c),
            "diag_a": utils.box_diag(a),
            "diag_b": utils.box_diag(b),
            "p_dist": utils.point_distance(a[:2], b[:2]),
        }
        assert got == pytest.approx({key: row[key] for key in got}, abs=1e-9)
        assert utils.points_center(c) == pytest.approx(row["center_c"], abs=1e-9)
    for row in data["box2polygon"]:
        assert utils.box2polygon(row["box"]).area() == pytest.approx(row["area"], abs=1e-9)
        assert utils.box2polygon(np.array(row["box"])).area() == pytest.approx(row["area"], abs=1e-9)
    for row in data["score_filters"]:
        results, scores, threshold = row["results"], row["scores"], row["thr"]
        assert list(utils.filter_2dlist_result(results, scores, threshold)) == row["filter_2dlist"]
        kept, kept_scores = utils.filter_result(np.reshape(results, (-1, 8)), np.array(scores), threshold)
        assert kept_scores.tolist() == row["filter_result_scores"] and len(kept) == len(kept_scores)
        assert utils.select_top_boundary([results], [scores], threshold) == [row["select_top"]]
        boxes = utils.select_bboxes_via_score([np.reshape(results, (-1, 8))], [scores], threshold)
        assert boxes[0].tolist() == row["select_top"]


def test_recognition_gives_the_reference_values():
    data = case("A_ocr_metric").json()
    for row in data["slices"]:
        begin, end = row["range"]
        assert eval_ocr_metric(data["pred"][begin:end], data["gt"][begin:end]) == row["out"]
    columns = (
        "match_word_num",
        "match_word_ignore_case",
        "match_word_ignore_case_symbol",
        "gt_char_num",
        "pred_char_num",
        "true_positive_char_num",
    )
    for pred, truth, row in zip(data["pred"], data["gt"], data["per_pair"]):
        got = count_matches([pred], [truth])
        assert [got[key] for key in columns] == row[:6], (pred, truth)
        assert got["ned"] == pytest.approx(row[6], abs=1e-15)


def test_key_information_gives_the_reference_f1():
    for row in case("A_kie_f1").json()["cases"]:
        if row["preds"] is None:
            preds = np.eye(row["num_classes"], dtype=np.float32)[row["argmax"]]
        else:
            preds = np.array(row["preds"], dtype=np.float32)
        got = compute_f1_score(preds.reshape(-1, row["num_classes"]), np.array(row["gts"]), row["ignores"])
        assert got.dtype == np.float32
        assert got == pytest.approx(row["f1"], abs=1e-6)


def test_entities_give_the_reference_f1():
    for row in case("A_ner_f1").json()["cases"]:
        got = eval_ner_f1(row["results"], row["gt_infos"], compat=True)
        assert list(got) == list(row["out"])
        for category, scores in row["out"].items():
            assert got[category] == pytest.approx(scores, abs=1e-12), category


def test_a_category_that_is_only_predicted_is_listed_unless_compat():
    truth = [{"text": "a b", "label": {"name": {"a": [[0, 0]]}}}]
    found = [[["name", 0, 0], ["place", 2, 2]]]
    assert list(eval_ner_f1(found, truth)) == ["name", "place", "all"]
    assert list(eval_ner_f1(found, truth, compat=True)) == ["name", "all"]
