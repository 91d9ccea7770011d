"""``mmocr.utils.box_util``, and helpers on vertices and curves."""

from __future__ import annotations

import numpy as np

from ... import _glyphic


def _numbers(box):
    return np.asarray(box, dtype=np.float64).reshape(-1).tolist()


def is_on_same_line(box_a, box_b, min_y_overlap_ratio=0.8):
    """Whether two boxes (x, y, x, y, ...) stand on one line.

    Their extents in y must overlap by more than this share of either height; with ``None`` touching is enough.
    """
    return _glyphic.is_on_same_line(_numbers(box_a), _numbers(box_b), min_y_overlap_ratio)


def stitch_boxes_into_lines(boxes, max_x_dist=10, min_y_overlap_ratio=0.8):
    """Joins words into lines from left to right.

    Args:
        boxes: dicts of ``box`` (x, y, x, y, ...) and ``text``.
        max_x_dist: a gap wider than this, in pixels, begins another line.
        min_y_overlap_ratio: see :func:`is_on_same_line`.

    Returns:
        dicts of ``box`` (eight numbers, upright) and ``text`` (joined by spaces). Fewer than two boxes come back as given.
    """
    if len(boxes) <= 1:
        return boxes
    numbers = [_numbers(box["box"]) for box in boxes]
    lines = _glyphic.stitch_boxes_into_lines(numbers, max_x_dist, min_y_overlap_ratio)
    whole = all(np.asarray(box["box"]).dtype.kind in "iu" for box in boxes)
    merged = []
    for members, bounds in lines:
        x0, y0, x1, y1 = (int(v) for v in bounds) if whole else bounds
        text = " ".join(boxes[i]["text"] for i in members)
        merged.append({"text": text, "box": [x0, y0, x1, y0, x1, y1, x0, y1]})
    return merged


def sort_vertex(points_x, points_y):
    """Four vertices clockwise from the top-left one: their x, their y."""
    assert len(points_x) == 4
    assert len(points_y) == 4
    points = np.asarray(_glyphic.sort_vertices(_numbers(np.stack([points_x, points_y], axis=-1))), np.float32)
    return list(points[::2]), list(points[1::2])


def sort_vertex8(points):
    """``x1, y1, ..., x4, y4`` clockwise from the top-left vertex."""
    assert len(points) == 8
    return list(np.asarray(_glyphic.sort_vertices(_numbers(points)), np.float32))


def sort_points(points):
    """Points clockwise around their mean, beginning at the left end of the upper half: a list of arrays ``[x, y]``."""
    points = np.asarray(points)
    assert points.ndim == 2 and points.shape[1] == 2
    return list(np.asarray(_glyphic.sort_points(_numbers(points))).reshape(-1, 2))


def bezier_to_polygon(bezier_points, num_sample=20):
    """The outline between two cubic Bezier curves.

    Args:
        bezier_points: 16 numbers, or an array (2, 4, 2) or (8, 2): four control points of the upper curve, then four of
            the lower one.
        num_sample: points along each curve.

    Returns:
        ``2 * num_sample`` lists ``[x, y]``.
    """
    assert num_sample > 0, "The sampling number should greater than 0"
    outline = _glyphic.bezier_points(_numbers(bezier_points), num_sample)
    return np.asarray(outline).reshape(-1, 2).tolist()
