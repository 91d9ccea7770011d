"""``mmocr.datasets.pipelines.textdet_targets.textsnake_targets``."""

import numpy as np

from ..... import _glyphic
from ...builder import PIPELINES
from .base_textdet_targets import BaseTextDetTargets


@PIPELINES.register_module()
class TextSnakeTargets(BaseTextDetTargets):
    """``gt_text_mask``, ``gt_center_region_mask``, ``gt_mask``, ``gt_radius_map``, ``gt_sin_map`` and ``gt_cos_map``.

    Args:
        orientation_thr: how much longer a quadrilateral's flatter sides may be and still be its ends.
        resample_step: pixels between points along a side.
        center_region_shrink_ratio: the height of the centre region as a share of the text's.
    """

    kind = "TextSnakeTargets"

    def __init__(self, orientation_thr=2.0, resample_step=4.0, center_region_shrink_ratio=0.3):
        self._set(
            orientation_thr=orientation_thr,
            resample_step=resample_step,
            center_region_shrink_ratio=center_region_shrink_ratio,
        )

    def find_head_tail(self, points, orientation_thr):
        """The two vertices of a text's first edge and of its last, as indices into ``points`` (n, 2), n at least 4."""
        points = np.asarray(points, dtype=np.float64)
        assert points.ndim == 2 and points.shape[0] >= 4 and points.shape[1] == 2
        assert isinstance(orientation_thr, float)
        head, tail = _glyphic.find_head_tail(points.ravel().tolist(), orientation_thr)
        return list(head), list(tail)

    def generate_text_region_mask(self, img_size, text_polys):
        """A map (height, width): 1 in the texts, else 0."""
        return self._drawn(img_size, text_polys)["gt_text_mask"][0]

    def generate_center_mask_attrib_maps(self, img_size, text_polys):
        """Maps (height, width) of the centre regions of texts: where they are, the radius, sine and cosine."""
        maps = self._drawn(img_size, text_polys)
        names = ("gt_center_region_mask", "gt_radius_map", "gt_sin_map", "gt_cos_map")
        return tuple(maps[name][0] for name in names)
