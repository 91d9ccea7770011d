"""``mmocr.core``: metrics, masks and boundaries."""

from .evaluation import (
    compute_f1_score,
    eval_hmean,
    eval_hmean_ic13,
    eval_hmean_iou,
    eval_ner_f1,
    eval_ocr_metric,
)
from .mask import extract_boundary, points2boundary, seg2boundary

__all__ = [
    "compute_f1_score",
    "eval_hmean",
    "eval_hmean_ic13",
    "eval_hmean_iou",
    "eval_ner_f1",
    "eval_ocr_metric",
    "extract_boundary",
    "points2boundary",
    "seg2boundary",
]
