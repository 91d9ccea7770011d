"""``mmocr.core.evaluation.hmean_ic13``."""

import numpy as np

from .... import _glyphic
from ...utils.check_argument import is_3dlist
from .utils import _boxes


def compute_recall_precision(gt_polys, pred_polys):
    """The share of each truth (row) and of each prediction (column) that the two share: two matrices."""
    assert isinstance(gt_polys, list)
    assert isinstance(pred_polys, list)
    recall, precision = _glyphic.recall_precision(gt_polys, pred_polys)
    size = (len(gt_polys), len(pred_polys))
    return np.reshape(recall, size).astype(np.float64), np.reshape(precision, size).astype(np.float64)


def eval_hmean_ic13(
    det_boxes,
    gt_boxes,
    gt_ignored_boxes,
    precision_thr=0.4,
    recall_thr=0.8,
    center_dist_thr=1.0,
    one2one_score=1.0,
    one2many_score=0.8,
    many2one_score=1.0,
    compat=False,
):
    """Detection one to one, one to many and many to one, as ICDAR 2013 counts.

    Args:
        det_boxes: for each picture, flat outlines of at least 8 numbers.
        gt_boxes: the truth, likewise.
        gt_ignored_boxes: truths that neither reward nor punish, likewise.
        precision_thr: the share of the prediction that must lie on the truth.
        recall_thr: the share of the truth that must be covered.
        center_dist_thr: how near the centres of a pair must be, in mean diagonals.
        one2one_score, one2many_score, many2one_score: the credit of each kind of match.
        compat: MMOCR's areas of outlines that cross themselves, and its error where a polygon matches one to one.

    Returns:
        ``num_gts``, ``num_dets``, ``num_recall``, ``num_precision``, ``recall``, ``precision`` and ``hmean`` of all; the
        last three of each picture.
    """
    assert is_3dlist(det_boxes)
    assert is_3dlist(gt_boxes)
    assert is_3dlist(gt_ignored_boxes)
    assert 0 <= precision_thr <= 1
    assert 0 <= recall_thr <= 1
    assert center_dist_thr > 0
    assert 0 <= one2one_score <= 1
    assert 0 <= one2many_score <= 1
    assert 0 <= many2one_score <= 1
    assert len(det_boxes) == len(gt_boxes) == len(gt_ignored_boxes)
    numbers = [precision_thr, recall_thr, center_dist_thr, one2one_score, one2many_score, many2one_score]
    return _glyphic.eval_hmean_ic13(_boxes(det_boxes), _boxes(gt_boxes), _boxes(gt_ignored_boxes), numbers, compat)
