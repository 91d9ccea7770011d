"""``mmocr.core.evaluation``."""

from .hmean import eval_hmean
from .hmean_ic13 import eval_hmean_ic13
from .hmean_iou import eval_hmean_iou
from .kie_metric import compute_f1_score
from .ner_metric import eval_ner_f1
from .ocr_metric import eval_ocr_metric

__all__ = [
    "compute_f1_score",
    "eval_hmean",
    "eval_hmean_ic13",
    "eval_hmean_iou",
    "eval_ner_f1",
    "eval_ocr_metric",
]
