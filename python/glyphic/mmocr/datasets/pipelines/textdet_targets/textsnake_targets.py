"""``mmocr.datasets.pipelines.textdet_targets.textsnake_targets``."""

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
