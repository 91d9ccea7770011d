"""``mmocr.datasets.pipelines.textdet_targets.dbnet_targets``."""

import numpy as np

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
        self._set(shrink_ratio=shrink_ratio, thr_min=thr_min, thr_max=thr_max, min_short_size=min_short_size)
        self._fixed = {"border_distance": "nearest_end" if compat else "segment"}

    def find_invalid(self, results):
        """Whether each text of ``gt_masks`` is left out: too small, or nothing remains of it once it has shrunk."""
        masks = results["gt_masks"]
        ignored = set(self._drawn((masks.height, masks.width), masks)["ignored"])
        return [i in ignored for i in range(len(masks))]

    def ignore_texts(self, results, ignore_tags):
        """Moves the texts that are marked from ``gt_masks`` to ``gt_masks_ignore``, without their labels and boxes."""
        kept = [i for i, ignored in enumerate(ignore_tags) if not ignored]
        moved = [i for i, ignored in enumerate(ignore_tags) if ignored]
        if moved:
            texts, others = results["gt_masks"], results["gt_masks_ignore"]
            results["gt_masks_ignore"] = type(others)([*others, *texts[moved]], others.height, others.width)
            results["gt_masks"] = texts[kept]
            for key in ("gt_labels", "gt_bboxes"):
                if key in results:
                    results[key] = np.asarray(results[key])[kept]
        return results, ignore_tags

    def generate_thr_map(self, img_size, polygons):
        """The threshold map (height, width) of texts, and the mask of where it counts."""
        maps = self._drawn(tuple(img_size), polygons)
        return maps["gt_thr"][0], maps["gt_thr_mask"][0]

    def generate_targets(self, results):
        maps = self._maps(results)
        ignored = maps.pop("ignored")
        if ignored:
            texts, others = results["gt_masks"], results["gt_masks_ignore"]
            results["gt_masks_ignore"] = type(others)([*others, *texts[ignored]], others.height, others.width)
        self._forget(results)
        return self._store(results, maps)
