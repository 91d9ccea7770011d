"""``mmocr.datasets.pipelines.textdet_targets.dbnet_targets``."""

from ...builder import PIPELINES
from .base_textdet_targets import BaseTextDetTargets


@PIPELINES.register_module()
class DBNetTargets(BaseTextDetTargets):
    """``gt_shrink``, ``gt_shrink_mask``, ``gt_thr`` and ``gt_thr_mask``.

    Texts that are too small, or that vanish as they shrink, go to ``gt_masks_ignore``. As in MMOCR, the texts themselves,
    their boxes and labels are gone after that.

    Args:
        shrink_ratio: how far texts shrink.
        thr_min, thr_max: the threshold map away from outlines and on them.
        min_short_size: texts with a shorter side below it are ignored.
        compat: MMOCR's distance to an outline, which is wrong beside the middle of a side.
    """

    kind = "DBNetTargets"

    def __init__(self, shrink_ratio=0.4, thr_min=0.3, thr_max=0.7, min_short_size=8, compat=False):
        self._set(
            shrink_ratio=shrink_ratio,
            thr_min=thr_min,
            thr_max=thr_max,
            min_short_size=min_short_size,
            border_distance="nearest_end" if compat else "segment",
        )

    def generate_targets(self, results):
        maps = self._maps(results)
        ignored = maps.pop("ignored")
        if ignored:
            texts, others = results["gt_masks"], results["gt_masks_ignore"]
            results["gt_masks_ignore"] = type(others)([*others, *texts[ignored]], others.height, others.width)
        self._forget(results)
        return self._store(results, maps)
