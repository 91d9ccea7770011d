"""``mmocr.datasets.pipelines.loading``, and ``LoadImageFromFile`` and ``LoadAnnotations`` of MMDetection."""

import os

import numpy as np

from .... import _glyphic
from ...core.masks import BitmapMasks, PolygonMasks, polygon_mask
from ..builder import PIPELINES


def _meta(results, img, filename, ori_filename):
    results["filename"] = filename
    results["ori_filename"] = ori_filename
    results["img"] = img
    results["img_shape"] = img.shape
    results["ori_shape"] = img.shape
    results["img_fields"] = ["img"]
    return results


@PIPELINES.register_module()
class LoadImageFromFile:
    """Reads the picture of ``img_info['filename']`` as BGR.

    Args:
        to_float32: whether it becomes single precision.
        color_type: ``color`` or ``grayscale`` (height, width), upright by the file's EXIF data;
            ``color_ignore_orientation``, as it is stored; ``unchanged``, also with its own channels and depth.
        file_client_args: only files on disk are read: ``dict(backend="disk")``.
    """

    def __init__(self, to_float32=False, color_type="color", file_client_args=dict(backend="disk")):  # noqa: B006
        assert color_type in ("color", "color_ignore_orientation", "grayscale", "unchanged")
        assert file_client_args.get("backend", "disk") == "disk", "pictures are read from disk"
        self.to_float32 = to_float32
        self.color_type = color_type

    def __call__(self, results):
        name = results["img_info"]["filename"]
        prefix = results.get("img_prefix")
        filename = os.path.join(prefix, name) if prefix is not None else name
        grey = self.color_type == "grayscale"
        img = _glyphic.imread(filename, "color" if grey else self.color_type)
        if grey:
            img = _glyphic.to_gray(img)[..., 0]
        if self.to_float32:
            img = img.astype(np.float32)
        return _meta(results, img, filename, name)

    def __repr__(self):
        return f"{type(self).__name__}(to_float32={self.to_float32}, color_type='{self.color_type}')"


@PIPELINES.register_module()
class LoadImageFromNdarray(LoadImageFromFile):
    """Takes the picture ``img`` that is there already, uint8 BGR."""

    def __call__(self, results):
        img = results["img"]
        assert img.dtype == "uint8"
        if self.color_type == "grayscale" and img.shape[2] == 3:
            img = _glyphic.to_gray(img)
        if self.color_type == "color" and img.shape[2] == 1:
            img = np.repeat(img, 3, axis=2)
        if self.to_float32:
            img = img.astype(np.float32)
        return _meta(results, img, None, None)


@PIPELINES.register_module()
class LoadAnnotations:
    """Puts boxes, labels and masks of ``ann_info`` where the steps behind look for them.

    Args:
        with_bbox: ``gt_bboxes`` and ``gt_bboxes_ignore``.
        with_label: ``gt_labels``.
        with_mask: ``gt_masks``.
        with_seg: must be false: maps of classes are no part of text annotations.
        poly2mask: masks as bitmaps; else as polygons.
    """

    def __init__(self, with_bbox=True, with_label=True, with_mask=False, with_seg=False, poly2mask=True):
        assert not with_seg, "maps of classes are no part of text annotations"
        self.with_bbox = with_bbox
        self.with_label = with_label
        self.with_mask = with_mask
        self.with_seg = with_seg
        self.poly2mask = poly2mask

    def process_polygons(self, polygons):
        """The polygons with an even count of at least six numbers."""
        return [p for p in map(np.array, polygons) if len(p) % 2 == 0 and len(p) >= 6]

    def _masks(self, results, key):
        height, width = results["img_info"]["height"], results["img_info"]["width"]
        polygons = [self.process_polygons(text) for text in results["ann_info"][key]]
        if not self.poly2mask:
            return PolygonMasks(polygons, height, width)
        masks = BitmapMasks([polygon_mask(p, height, width) for p in polygons], height, width)
        if all(polygons):
            masks.outlines = [p[0].astype(np.float64).tolist() for p in polygons]
        return masks

    def _load_masks(self, results):
        results["gt_masks"] = self._masks(results, "masks")
        results["mask_fields"].append("gt_masks")
        return results

    def __call__(self, results):
        info = results["ann_info"]
        if self.with_bbox:
            results["gt_bboxes"] = info["bboxes"].copy()
            if info.get("bboxes_ignore") is not None:
                results["gt_bboxes_ignore"] = info["bboxes_ignore"].copy()
                results["bbox_fields"].append("gt_bboxes_ignore")
            results["bbox_fields"].append("gt_bboxes")
        if self.with_label:
            results["gt_labels"] = info["labels"].copy()
        if self.with_mask:
            self._load_masks(results)
        return results

    def __repr__(self):
        options = f"with_bbox={self.with_bbox}, with_label={self.with_label}, with_mask={self.with_mask}"
        return f"{type(self).__name__}({options}, poly2mask={self.poly2mask})"


@PIPELINES.register_module()
class LoadTextAnnotations(LoadAnnotations):
    """:class:`LoadAnnotations`, with polygons in single precision, and ``gt_masks_ignore`` of the ignored texts."""

    def process_polygons(self, polygons):
        return super().process_polygons([np.array(p).astype(np.float32) for p in polygons])

    def _load_masks(self, results):
        if results["ann_info"].get("masks_ignore") is not None:
            results["gt_masks_ignore"] = self._masks(results, "masks_ignore")
            results["mask_fields"].append("gt_masks_ignore")
        return super()._load_masks(results)
