"""What the target generators have in common."""

import json
from typing import Any

from ....core.masks import BitmapMasks
from ..compose import outlines_of, plain


class BaseTextDetTargets:
    """Draws what a network shall learn from ``gt_masks`` and ``gt_masks_ignore``."""

    # The native function.
    _draw: Any = None

    def _set(self, compat=None, **config):
        self.config = {key: plain(value) for key, value in config.items()}
        if compat is not None:
            self.config["compat"] = "mmocr021" if compat else "fixed"

    def _maps(self, results, *more):
        assert isinstance(results, dict)
        height, width = results["img_shape"][:2]
        texts = outlines_of(results["gt_masks"])
        ignored = outlines_of(results["gt_masks_ignore"])
        return type(self)._draw(json.dumps(self.config), [height, width], texts, ignored, *more)

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
