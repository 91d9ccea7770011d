"""``mmocr.datasets.pipelines.crop``."""

import numpy as np

from .... import _glyphic
from ...utils.box_util import sort_vertex
from ...utils.check_argument import is_type_list


def box_jitter(points_x, points_y, jitter_ratio_x=0.5, jitter_ratio_y=0.1):
    """Moves four vertices at random, in place, each by up to these shares of the box's height.

    Args:
        points_x, points_y: lists of four numbers, clockwise from the top-left vertex.
        jitter_ratio_x, jitter_ratio_y: floats, at least 0 and below 1.
    """
    assert len(points_x) == 4
    assert len(points_y) == 4
    assert isinstance(jitter_ratio_x, float) and 0 <= jitter_ratio_x < 1
    assert isinstance(jitter_ratio_y, float) and 0 <= jitter_ratio_y < 1
    corners = [float(v) for pair in zip(points_x, points_y) for v in pair]
    moved = _glyphic.jitter_corners(corners, jitter_ratio_x, jitter_ratio_y, np.random)
    points_x[:], points_y[:] = moved[0::2], moved[1::2]


def warp_img(src_img, box, jitter_flag=False, jitter_ratio_x=0.5, jitter_ratio_y=0.1):
    """A quadrilateral of a picture, cut out and straightened; with ``jitter_flag`` its corners are moved at random, by
    up to these shares of its height."""
    assert is_type_list(box, float) or is_type_list(box, int)
    assert len(box) == 8
    if not jitter_flag:
        return _glyphic.crop_box(src_img, box)
    from .ocr_transforms import OnlineCropOCR

    step = OnlineCropOCR(jitter_prob=1.0, max_jitter_ratio_x=jitter_ratio_x, max_jitter_ratio_y=jitter_ratio_y)
    return step._run(src_img, {"texts": [[float(v) for v in box]]})["img"]


def crop_img(src_img, box, long_edge_pad_ratio=0.4, short_edge_pad_ratio=0.2):
    """The upright box around a quadrilateral, with a margin of these shares of its shorter side."""
    assert is_type_list(box, float) or is_type_list(box, int)
    assert len(box) == 8
    assert 0.0 <= long_edge_pad_ratio < 1.0
    assert 0.0 <= short_edge_pad_ratio < 1.0
    return _glyphic.crop_box(np.ascontiguousarray(src_img), box, [long_edge_pad_ratio, short_edge_pad_ratio])


__all__ = ["box_jitter", "crop_img", "sort_vertex", "warp_img"]
