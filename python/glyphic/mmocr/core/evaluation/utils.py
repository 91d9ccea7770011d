"""``mmocr.core.evaluation.utils``: what the detection metrics are made of.

Polygons are :class:`Polygon`; ``area()``, ``&``, ``len()`` and indexing work as they do with Polygon3's.
"""

import numpy as np

from .... import _glyphic
from ...utils.check_argument import valid_boundary

Polygon = _glyphic.Polygon


def _numbers(points):
    return np.asarray(points, dtype=np.float64).reshape(-1).tolist()


def _boxes(boxes):
    """Lists of pictures of flat outlines; arrays are taken as well."""
    return [[_numbers(box) for box in image] for image in boxes]


def ignore_pred(pred_boxes, gt_ignored_index, gt_polys, precision_thr, compat=False):
    """Which predictions lie on ignored truths.

    Args:
        pred_boxes: flat outlines of one picture.
        gt_ignored_index: which of ``gt_polys`` are ignored.
        gt_polys: the truth's polygons.
        precision_thr: the share of a prediction on one ignored truth above which it does not count.

    Returns:
        the predictions' polygons, their points as given, and the indices of those that do not count.
    """
    assert isinstance(pred_boxes, list)
    assert isinstance(gt_ignored_index, list)
    assert isinstance(gt_polys, list)
    assert 0 <= precision_thr <= 1
    polygons = [points2polygon(box, compat) for box in pred_boxes]
    ignored = [gt_polys[i] for i in gt_ignored_index]
    return polygons, list(pred_boxes), _glyphic.ignore_pred(polygons, ignored, precision_thr, compat)


def compute_hmean(accum_hit_recall, accum_hit_prec, gt_num, pred_num):
    """Recall, precision and their harmonic mean.

    Without truths the recall is 1, and the precision 1 where nothing is predicted, else 0.
    """
    assert isinstance(accum_hit_recall, (float, int))
    assert isinstance(accum_hit_prec, (float, int))
    assert isinstance(gt_num, int)
    assert isinstance(pred_num, int)
    assert accum_hit_recall >= 0
    assert accum_hit_prec >= 0
    assert gt_num >= 0
    assert pred_num >= 0
    return _glyphic.compute_hmean(accum_hit_recall, accum_hit_prec, gt_num, pred_num)


def box2polygon(box, compat=False):
    """The polygon of ``x0, y0, x1, y1``."""
    box = np.asarray(box)
    assert box.size == 4
    x0, y0, x1, y1 = _numbers(box)
    return Polygon([x0, y0, x1, y0, x1, y1, x0, y1], compat)


def points2polygon(points, compat=False):
    """The polygon of at least four points, ``x1, y1, x2, y2, ...``."""
    points = np.asarray(points)
    assert points.size % 2 == 0 and points.size >= 8
    return Polygon(_numbers(points), compat)


def poly_intersection(poly_det, poly_gt):
    """The area of what two polygons share, and that as a polygon."""
    assert isinstance(poly_det, Polygon)
    assert isinstance(poly_gt, Polygon)
    shared = poly_det & poly_gt
    return shared.area(), shared


def poly_union(poly_det, poly_gt):
    """The areas of both less what they share."""
    assert isinstance(poly_det, Polygon)
    assert isinstance(poly_gt, Polygon)
    return poly_det.area() + poly_gt.area() - poly_det.intersection_area(poly_gt)


def boundary_iou(src, target, compat=False):
    """Intersection over union of two flat outlines. 0 where the union is empty, which ``compat`` divides by."""
    assert valid_boundary(src, False)
    assert valid_boundary(target, False)
    return _glyphic.boundary_iou(_numbers(src), _numbers(target), compat)


def poly_iou(poly_det, poly_gt):
    """Intersection over union of two polygons; 0 where the union is empty, which polygons with ``compat`` divide by."""
    assert isinstance(poly_det, Polygon)
    assert isinstance(poly_gt, Polygon)
    iou = poly_det.iou(poly_gt)
    if iou is None:
        if poly_det.compat or poly_gt.compat:
            raise ZeroDivisionError("float division by zero")
        return 0.0
    return iou


def _ratios(recall_mat, precision_mat):
    assert isinstance(recall_mat, np.ndarray)
    assert isinstance(precision_mat, np.ndarray)
    return recall_mat.astype(np.float64, copy=False), precision_mat.astype(np.float64, copy=False)


def one2one_match_ic13(gt_id, det_id, recall_mat, precision_mat, recall_thr, precision_thr):
    """Whether the pair matches and is the only one of its row and its column that does.

    The matrices hold the share of truth (row) and of detection (column) that the two share.
    """
    assert isinstance(gt_id, int)
    assert isinstance(det_id, int)
    assert 0 <= recall_thr <= 1
    assert 0 <= precision_thr <= 1
    recall, precision = _ratios(recall_mat, precision_mat)
    return _glyphic.one2one(gt_id, det_id, recall, precision, recall_thr, precision_thr)


def _group_match(match, index, ratios, thresholds, own_flags, other_flags, ignored):
    """Whether the truth or detection ``index`` and free ones of the others fill one another, and which of them."""
    assert isinstance(index, int)
    assert all(0 <= threshold <= 1 for threshold in thresholds)
    assert isinstance(own_flags, list)
    assert isinstance(other_flags, list)
    assert isinstance(ignored, list)
    left_out = set(ignored)
    free = [flag == 0 and i not in left_out for i, flag in enumerate(other_flags)]
    found = match(index, *_ratios(*ratios), *thresholds, own_flags[index] != 0, free)
    return found is not None, found or []


def one2many_match_ic13(
    gt_id,
    recall_mat,
    precision_mat,
    recall_thr,
    precision_thr,
    gt_match_flag,
    det_match_flag,
    det_ignored_index,
):
    """Whether free detections together cover a truth, and which."""
    ratios, thresholds = (recall_mat, precision_mat), (recall_thr, precision_thr)
    return _group_match(_glyphic.one2many, gt_id, ratios, thresholds, gt_match_flag, det_match_flag, det_ignored_index)


def many2one_match_ic13(
    det_id,
    recall_mat,
    precision_mat,
    recall_thr,
    precision_thr,
    gt_match_flag,
    det_match_flag,
    gt_ignored_index,
):
    """Whether a detection covers free truths that together fill it, and which."""
    ratios, thresholds = (recall_mat, precision_mat), (recall_thr, precision_thr)
    return _group_match(_glyphic.many2one, det_id, ratios, thresholds, det_match_flag, gt_match_flag, gt_ignored_index)


def points_center(points):
    """The mean of points, an array ``[x, y]``."""
    assert isinstance(points, np.ndarray)
    assert points.size % 2 == 0
    return np.asarray(_glyphic.points_center(_numbers(points)))


def point_distance(p1, p2):
    """The distance of two points."""
    assert isinstance(p1, np.ndarray)
    assert isinstance(p2, np.ndarray)
    assert p1.size == 2
    assert p2.size == 2
    return _glyphic.point_distance(_numbers(p1), _numbers(p2))


def box_center_distance(b1, b2):
    """The distance of the means of the vertices of two boxes."""
    assert isinstance(b1, np.ndarray)
    assert isinstance(b2, np.ndarray)
    return _glyphic.box_center_distance(_numbers(b1), _numbers(b2))


def box_diag(box):
    """The distance of the first and the third vertex of a quadrilateral."""
    assert isinstance(box, np.ndarray)
    assert box.size == 8
    return _glyphic.box_diag(_numbers(box))


def filter_2dlist_result(results, scores, score_thr):
    """The results whose score lies above a threshold, and their scores."""
    assert isinstance(results, list)
    assert len(results) == len(scores)
    assert isinstance(score_thr, float)
    assert 0 <= score_thr <= 1
    kept = _glyphic.scores_above(_numbers(scores), score_thr)
    return [results[i] for i in kept], [scores[i] for i in kept]


def filter_result(results, scores, score_thr):
    """The rows of an array whose score lies above a threshold, and their scores."""
    assert results.ndim == 2
    assert scores.shape[0] == results.shape[0]
    assert isinstance(score_thr, float)
    assert 0 <= score_thr <= 1
    kept = _glyphic.scores_above(_numbers(scores), score_thr)
    return results[kept, :], scores[kept]


def select_top_boundary(boundaries_list, scores_list, score_thr):
    """For each picture, the boundaries whose score is at least a threshold."""
    assert isinstance(boundaries_list, list)
    assert isinstance(scores_list, list)
    assert isinstance(score_thr, float)
    assert len(boundaries_list) == len(scores_list)
    assert 0 <= score_thr <= 1
    selected = []
    for boundaries, scores in zip(boundaries_list, scores_list):
        # As in MMOCR, boundaries without any score all stay.
        if len(scores):
            assert len(scores) == len(boundaries)
            boundaries = [boundaries[i] for i in _glyphic.scores_from(_numbers(scores), score_thr)]
        selected.append(boundaries)
    return selected


def select_bboxes_via_score(bboxes_list, scores_list, score_thr):
    """For each picture, the rows of an array whose score is at least a threshold."""
    assert isinstance(bboxes_list, list)
    assert isinstance(scores_list, list)
    assert isinstance(score_thr, float)
    assert len(bboxes_list) == len(scores_list)
    assert 0 <= score_thr <= 1
    selected = []
    for bboxes, scores in zip(bboxes_list, scores_list):
        if len(scores):
            assert len(scores) == bboxes.shape[0]
            bboxes = bboxes[_glyphic.scores_from(_numbers(scores), score_thr), :]
        selected.append(bboxes)
    return selected
