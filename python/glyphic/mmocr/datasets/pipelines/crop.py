"""``mmocr.datasets.pipelines.crop``."""

import numpy as np

from .... import _glyphic
from ...utils.check_argument import is_type_list


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
