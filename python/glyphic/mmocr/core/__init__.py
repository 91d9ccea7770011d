"""``mmocr.core``: metrics, masks, boundaries and drawings."""

from .evaluation import (
    compute_f1_score,
    eval_hmean,
    eval_hmean_ic13,
    eval_hmean_iou,
    eval_ner_f1,
    eval_ocr_metric,
)
from .mask import extract_boundary, points2boundary, seg2boundary
from .visualize import (
    det_recog_show_result,
    imshow_edge_node,
    imshow_pred_boundary,
    imshow_text_char_boundary,
    imshow_text_label,
    overlay_mask_img,
    show_feature,
    show_img_boundary,
    show_pred_gt,
)

__all__ = [
    "compute_f1_score",
    "det_recog_show_result",
    "eval_hmean",
    "eval_hmean_ic13",
    "eval_hmean_iou",
    "eval_ner_f1",
    "eval_ocr_metric",
    "extract_boundary",
    "imshow_edge_node",
    "imshow_pred_boundary",
    "imshow_text_char_boundary",
    "imshow_text_label",
    "overlay_mask_img",
    "points2boundary",
    "seg2boundary",
    "show_feature",
    "show_img_boundary",
    "show_pred_gt",
]
