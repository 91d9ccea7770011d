"""What the target generators have in common."""

import json
import sys

import numpy as np

from ..... import _glyphic
from ....core.masks import BitmapMasks
from ..compose import outlines_of, plain


def _outline(polygons):
    """The flat outline of a text that has exactly one."""
    assert len(polygons) == 1
    return np.asarray(polygons[0], dtype=np.float64).ravel().tolist()


class BaseTextDetTargets:
    """Draws the target maps of a network from ``gt_masks`` and ``gt_masks_ignore``. Options are attributes, which may be
    set until maps are drawn. ``kind`` is the generator's name in Rust."""

    kind = ""

    def _set(self, compat=None, **options):
        self._fixed = {} if compat is None else {"compat": "mmocr021" if compat else "fixed"}
        self._names = list(options)
        self.__dict__.update(options)

    @property
    def config(self):
        """The options as Rust takes them."""
        return {**{name: plain(getattr(self, name)) for name in self._names}, **self._fixed}

    def _drawn(self, size, texts=(), ignored=(), seed=0, kind=None, **options):
        """The maps of outlines for a picture (height, width), with options in place of the generator's own."""
        assert isinstance(size, tuple)
        texts, ignored = ([_outline(polygons) for polygons in masks] for masks in (texts, ignored))
        config = json.dumps({**({} if kind else self.config), **options})
        return _glyphic.draw_targets(kind or self.kind, config, list(size[:2]), texts, ignored, seed)

    def generate_kernels(self, img_size, text_polys, shrink_ratio, max_shrink=sys.maxsize, ignore_tags=None):
        """The kernels of texts at one ratio, as PANet and PSENet have them.

        Args:
            img_size: a tuple (height, width).
            text_polys: for each text a list of one flat outline.
            shrink_ratio: above 0, at most 1.
            max_shrink: the most by which outlines move inwards, in pixels.
            ignore_tags: is marked where a text has no kernel; ``None`` marks nothing.

        Returns:
            a map (height, width): 0 outside, else 1 + the text's index; and ``ignore_tags``.
        """
        assert isinstance(shrink_ratio, float)
        options = {"shrink_ratio": [shrink_ratio], "max_shrink": min(max_shrink, 2**32 - 1), "compat": "mmocr021"}
        kernels = self._drawn(img_size, text_polys, kind="PANetTargets", **options)["gt_kernels"][0].astype(np.float32)
        if ignore_tags is not None:
            for i in range(len(text_polys)):
                alone = self._drawn(img_size, text_polys[i : i + 1], kind="PANetTargets", **options)
                if not alone["gt_kernels"].any():
                    ignore_tags[i] = True
        return kernels, ignore_tags

    def generate_effective_mask(self, mask_size, polygons_ignore):
        """A map (height, width): 0 in the outlines given, else 1."""
        return self._drawn(mask_size, ignored=polygons_ignore, kind="PANetTargets")["gt_mask"][0]

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
