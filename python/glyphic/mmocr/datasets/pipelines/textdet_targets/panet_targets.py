"""``mmocr.datasets.pipelines.textdet_targets.panet_targets``."""

from ...builder import PIPELINES
from .base_textdet_targets import BaseTextDetTargets


@PIPELINES.register_module()
class PANetTargets(BaseTextDetTargets):
    """``gt_kernels`` (a map a ratio) and ``gt_mask``.

    Args:
        shrink_ratio: how far texts shrink.
        max_shrink: the most by which they do, in pixels.
        compat: MMOCR's treatment of texts that fall apart.
    """

    kind = "PANetTargets"

    def __init__(self, shrink_ratio=(1.0, 0.5), max_shrink=20, compat=False):
        self._set(compat, shrink_ratio=shrink_ratio, max_shrink=max_shrink)

    def generate_targets(self, results):
        results = super().generate_targets(results)
        self._forget(results)
        return results
