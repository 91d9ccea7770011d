"""``mmocr.core.evaluation.hmean_iou``."""

from .... import _glyphic
from ...utils.check_argument import is_3dlist
from .utils import _boxes


def eval_hmean_iou(pred_boxes, gt_boxes, gt_ignored_boxes, iou_thr=0.5, precision_thr=0.5, compat=False):
    """Detection by intersection over union, as ICDAR 2015 counts.

    Args:
        pred_boxes: for each picture, flat outlines of at least 8 numbers.
        gt_boxes: the truth, likewise.
        gt_ignored_boxes: truths that neither reward nor punish, likewise.
        iou_thr: a pair matches above it.
        precision_thr: the share of a prediction on one ignored truth above which it does not count.
        compat: MMOCR's areas of outlines that cross themselves, and its error where a union is empty.

    Returns:
        ``num_gts``, ``num_dets``, ``num_match``, ``recall``, ``precision`` and ``hmean`` of all; the last three of each
        picture.
    """
    assert is_3dlist(pred_boxes)
    assert is_3dlist(gt_boxes)
    assert is_3dlist(gt_ignored_boxes)
    assert 0 <= iou_thr <= 1
    assert 0 <= precision_thr <= 1
    assert len(pred_boxes) == len(gt_boxes) == len(gt_ignored_boxes)
    return _glyphic.eval_hmean_iou(
        _boxes(pred_boxes), _boxes(gt_boxes), _boxes(gt_ignored_boxes), iou_thr, precision_thr, compat
    )
