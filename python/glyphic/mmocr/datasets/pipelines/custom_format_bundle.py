"""``mmocr.datasets.pipelines.custom_format_bundle``, and ``ImageToTensor``, ``DefaultFormatBundle`` and ``Collect`` of
MMDetection.

Nothing here needs PyTorch: tensors are arrays, and there are no data containers around them.
"""

import numpy as np

from ...core.visualize import overlay_mask_img, show_feature
from ..builder import PIPELINES


def channels_first(img):
    """A picture (height, width, channels), or (height, width) of one channel, as (channels, height, width)."""
    return np.ascontiguousarray(np.atleast_3d(img).transpose(2, 0, 1))


@PIPELINES.register_module()
class ImageToTensor:
    """The pictures of ``keys`` as arrays (channels, height, width)."""

    def __init__(self, keys):
        self.keys = keys

    def __call__(self, results):
        for key in self.keys:
            results[key] = channels_first(results[key])
        return results

    def __repr__(self):
        return f"{type(self).__name__}(keys={self.keys})"


@PIPELINES.register_module()
class DefaultFormatBundle:
    """The picture as an array (channels, height, width); boxes and labels as arrays."""

    def __call__(self, results):
        if "img" in results:
            img = results["img"]
            results.setdefault("pad_shape", img.shape)
            results.setdefault("scale_factor", 1.0)
            channels = 1 if img.ndim < 3 else img.shape[2]
            results.setdefault(
                "img_norm_cfg",
                dict(
                    mean=np.zeros(channels, dtype=np.float32),
                    std=np.ones(channels, dtype=np.float32),
                    to_rgb=False,
                ),
            )
            results["img"] = channels_first(img)
        for key in ("gt_bboxes", "gt_bboxes_ignore", "gt_labels"):
            if key in results:
                results[key] = np.asarray(results[key])
        return results

    def __repr__(self):
        return type(self).__name__


@PIPELINES.register_module()
class CustomFormatBundle(DefaultFormatBundle):
    """:class:`DefaultFormatBundle` that asks for the maps that training needs.

    Args:
        keys: what must be there.
        call_super: whether picture, boxes and labels are formatted.
        visualize: with ``flag`` the picture and all maps are plotted, for debugging, with the border of the first map of
            ``boundary_key`` on the picture.
    """

    def __init__(self, keys=[], call_super=True, visualize=dict(flag=False, boundary_key=None)):  # noqa: B006
        self.visualize = visualize
        self.keys = keys
        self.call_super = call_super

    def _show(self, results):
        img = results["img"].astype(np.uint8)
        key = self.visualize.get("boundary_key")
        if key is not None:
            img = overlay_mask_img(img, results[key].masks[0])
        maps = [(f"{key}{i}", m) for key in results["mask_fields"] for i, m in enumerate(results[key].masks)]
        names = ["img"] + [name for name, _ in maps]
        show_feature([img] + [m for _, m in maps], names, [1] + [0] * len(maps))

    def __call__(self, results):
        if self.visualize["flag"]:
            self._show(results)
        if self.call_super:
            results = super().__call__(results)
        for key in self.keys:
            if key not in results:
                raise KeyError(f"{key} is missing: the step that makes it must come before")
        return results


@PIPELINES.register_module()
class Collect:
    """Keeps ``keys``, and ``meta_keys`` under ``img_metas``."""

    def __init__(
        self,
        keys,
        meta_keys=(
            "filename",
            "ori_filename",
            "ori_shape",
            "img_shape",
            "pad_shape",
            "scale_factor",
            "flip",
            "flip_direction",
            "img_norm_cfg",
        ),
    ):
        self.keys = keys
        self.meta_keys = meta_keys

    def __call__(self, results):
        data = {"img_metas": {key: results[key] for key in self.meta_keys}}
        data.update({key: results[key] for key in self.keys})
        return data

    def __repr__(self):
        return f"{type(self).__name__}(keys={self.keys}, meta_keys={self.meta_keys})"
