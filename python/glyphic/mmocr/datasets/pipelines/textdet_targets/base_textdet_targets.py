"""What the target generators have in common."""

import json

from ..... import _glyphic
from ....core.masks import BitmapMasks
from ..compose import outlines_of, plain


class BaseTextDetTargets:
    """Draws what a network shall learn from ``gt_masks`` and ``gt_masks_ignore``; ``kind`` is its name in Rust."""

    kind = ""

    def _set(self, compat=None, **config):
        self.config = {key: plain(value) for key, value in config.items()}
        if compat is not None:
            self.config["compat"] = "mmocr021" if compat else "fixed"

    def _maps(self, results, seed=0):
        assert isinstance(results, dict)
        texts, ignored = (outlines_of(results[key]) for key in ("gt_masks", "gt_masks_ignore"))
        size = list(results["img_shape"][:2])
        return _glyphic.draw_targets(self.kind, json.dumps(self.config), size, texts, ignored, seed)

    def _forget(self, results):
        """Takes away what the maps stand for: boxes, labels and outlines of the texts."""
        if "bbox_fields" in results:
            results["bbox_fields"].clear()
        for key in ("gt_labels", "gt_masks", "gt_bboxes", "gt_bboxes_ignore"):
            results.pop(key, None)

    def _store(self, results, maps):
        """Maps (n, height, width) as bitmaps; the outlines' fields are done with."""
        results["mask_fields"].clear()
        height, width = results["img_shape"][:2]
        for key, value in maps.items():
            results[key] = BitmapMasks(value, height, width)
            results["mask_fields"].append(key)
        return results

    def generate_targets(self, results):
        """The results with the maps in place of ``gt_masks`` among ``mask_fields``."""
        return self._store(results, self._maps(results))

    def __call__(self, results):
        return self.generate_targets(results)

    def __repr__(self):
        return f"{type(self).__name__}({self.config})"
