"""``mmocr.core.evaluation.hmean``."""

import json

from .... import _glyphic
from ...utils.check_argument import is_type_list, valid_boundary
from ...utils.logger import print_log
from ..mask import extract_boundary
from .utils import _boxes, _numbers


def output_ranklist(img_results, img_infos, out_file):
    """Writes the pictures from the worst hmean to the best as JSON, and returns that list."""
    assert is_type_list(img_results, dict)
    assert is_type_list(img_infos, dict)
    assert isinstance(out_file, str)
    assert out_file.endswith("json")
    for result, info in zip(img_results, img_infos):
        # Data sets say `filename`, MMOCR's documentation of this function `file_name`.
        result["file_name"] = info["file_name"] if "file_name" in info else info["filename"]
    ranked = sorted(img_results, key=lambda result: result["hmean"])
    with open(out_file, "w", encoding="utf-8") as file:
        json.dump(ranked, file)
    return ranked


def get_gt_masks(ann_infos):
    """The flat outlines of each picture: those that count and those that do not."""
    assert is_type_list(ann_infos, dict)

    def outlines(masks):
        for mask in masks:
            assert len(mask[0]) >= 8 and len(mask[0]) % 2 == 0
        return [mask[0] for mask in masks]

    cared = [outlines(info["masks"]) for info in ann_infos]
    return cared, [outlines(info["masks_ignore"]) for info in ann_infos]


def eval_hmean(
    results,
    img_infos,
    ann_infos,
    metrics={"hmean-iou"},  # noqa: B006
    score_thr=0.3,
    rank_list=None,
    logger=None,
    compat=False,
    **kwargs,
):
    """The best recall, precision and hmean over the score thresholds 0.3, 0.4, ..., 0.9.

    Args:
        results: a dict a picture, with ``boundary_result``: rows of ``x1, y1, ..., score``.
        img_infos: a dict a picture, with ``file_name`` or ``filename``.
        ann_infos: a dict a picture, with ``masks`` and ``masks_ignore``.
        metrics: a set of ``hmean-iou`` and ``hmean-ic13``.
        score_thr: predictions take part above it.
        rank_list: a JSON file for the pictures from the worst to the best at the best threshold. (MMOCR's file holds
            those at the last.)
        logger: see :func:`glyphic.mmocr.utils.logger.print_log`.
        compat: see :func:`eval_hmean_iou` and :func:`eval_hmean_ic13`.

    Returns:
        ``METRIC:recall``, ``METRIC:precision`` and ``METRIC:hmean`` of each metric.
    """
    assert is_type_list(results, dict)
    assert is_type_list(img_infos, dict)
    assert is_type_list(ann_infos, dict)
    assert len(results) == len(img_infos) == len(ann_infos)
    assert isinstance(metrics, set)
    truths, ignored = get_gt_masks(ann_infos)
    boxes, scores = [], []
    for result in results:
        _, texts, text_scores = extract_boundary(result)
        assert all(valid_boundary(text, False) for text in texts)
        boxes.append(texts)
        scores.append(_numbers(text_scores))
    boxes, truths, ignored = _boxes(boxes), _boxes(truths), _boxes(ignored)
    eval_results = {}
    for metric in sorted(metrics):
        print_log(("\n" if logger is None else "") + f"Evaluating {metric}...", logger=logger)
        thresholds, best, images = _glyphic.eval_hmean(boxes, scores, truths, ignored, metric, score_thr, compat)
        for threshold, score in thresholds:
            numbers = ", ".join(f"{key}: {score[key]:.3f}" for key in ("recall", "precision", "hmean"))
            print_log(f"thr {threshold:.1f}, {numbers}", logger=logger)
        if rank_list is not None:
            output_ranklist(images, img_infos, rank_list)
        for key in ("recall", "precision", "hmean"):
            eval_results[f"{metric}:{key}"] = thresholds[best][1][key]
    return eval_results
