"""``mmocr.datasets.pipelines.kie_transforms``."""

import json

import numpy as np

from .... import _glyphic
from ..builder import PIPELINES
from .compose import plain
from .custom_format_bundle import DefaultFormatBundle


@PIPELINES.register_module()
class ResizeNoImg:
    """What resizing to ``img_scale`` would do to a form whose picture is not there."""

    def __init__(self, img_scale, keep_ratio=True):
        self.img_scale = img_scale
        self.keep_ratio = keep_ratio
        self._json = json.dumps({"img_scale": plain(img_scale), "keep_ratio": keep_ratio})

    def __call__(self, results):
        info = results["img_info"]
        (height, width), factors = _glyphic.size_of_form(self._json, info["height"], info["width"])
        results["img_shape"] = (height, width, 1)
        results["scale_factor"] = np.array(factors, dtype=np.float32)
        results["keep_ratio"] = True
        return results

    def __repr__(self):
        return f"{type(self).__name__}(img_scale={self.img_scale}, keep_ratio={self.keep_ratio})"


@PIPELINES.register_module()
class KIEFormatBundle(DefaultFormatBundle):
    """:class:`DefaultFormatBundle`, and ``relations`` and ``texts`` of ``ann_info``, relations scaled with the form."""

    def __call__(self, results):
        super().__call__(results)
        info = results.get("ann_info", {})
        if "relations" in info:
            scale = results.get("scale_factor", 1.0)
            sx, sy = (scale, scale) if isinstance(scale, float) else scale[:2]
            ratio = sx / sy
            factors = np.array([sx, sy, ratio, 1, ratio], dtype=np.float32)
            results["relations"] = info["relations"] * factors[None, None]
        if "texts" in info:
            results["texts"] = np.asarray(info["texts"])
        return results

    def __repr__(self):
        return type(self).__name__
