"""``mmocr.datasets.pipelines.ocr_seg_targets``."""

import json

import numpy as np

from .... import _glyphic
from ...core.masks import BitmapMasks
from ...utils.check_argument import is_2dlist, is_type_list
from ...utils.fileio import list_from_file
from ..builder import PIPELINES

DICT36 = "0123456789abcdefghijklmnopqrstuvwxyz"
DICT90 = DICT36 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%&'()*+,-./:;<=>?@[\\]_`~"


def _classes(type="SegConvertor", dict_type="DICT36", dict_file=None, dict_list=None, with_unknown=True, lower=False):
    """Character to class, the class of others (or ``None``), and whether characters are lowered: background is 0."""
    assert type == "SegConvertor"
    assert dict_type in ("DICT36", "DICT90")
    if dict_file is not None:
        characters = [line.strip() for line in list_from_file(dict_file) if line.strip()]
    elif dict_list is not None:
        characters = list(dict_list)
    else:
        characters = list(DICT36 if dict_type == "DICT36" else DICT90)
    classes = {character: i for i, character in enumerate(characters, 1)}
    return classes, len(characters) + 1 if with_unknown else None, lower


@PIPELINES.register_module()
class OCRSegTargets:
    """``gt_kernels``: attention kernels, segmentation kernels with the characters' classes, and what is no padding.

    Args:
        label_convertor: a dict of ``type`` (``SegConvertor``), ``dict_type``, ``dict_file`` or ``dict_list``,
            ``with_unknown`` and ``lower``.
        attn_shrink_ratio, seg_shrink_ratio: the size of kernels against the character.
        box_type: ``char_rects`` or ``char_quads``.
        pad_val: the value of padding.
        compat: leaves out the padding below the picture.
    """

    def __init__(
        self,
        label_convertor=None,
        attn_shrink_ratio=0.5,
        seg_shrink_ratio=0.25,
        box_type="char_rects",
        pad_val=255,
        compat=False,
    ):
        assert isinstance(attn_shrink_ratio, float)
        assert isinstance(seg_shrink_ratio, float)
        assert 0.0 < attn_shrink_ratio < 1.0
        assert 0.0 < seg_shrink_ratio < 1.0
        assert label_convertor is not None
        assert box_type in ("char_rects", "char_quads")
        self.box_type = box_type
        self._classes, self._unknown, self._lower = _classes(**label_convertor)
        self.attn_shrink_ratio = attn_shrink_ratio
        self.seg_shrink_ratio = seg_shrink_ratio
        self.pad_val = pad_val
        self._config = {"box_type": box_type, "pad_val": pad_val, "compat": "mmocr021" if compat else "fixed"}
        self._json = self._with_ratios(attn_shrink_ratio, seg_shrink_ratio)

    def _with_ratios(self, attention, segmentation):
        return json.dumps({"attn_shrink_ratio": attention, "seg_shrink_ratio": segmentation, **self._config})

    def generate_kernels(self, resize_shape, pad_shape, char_boxes, char_inds, shrink_ratio=0.5, binary=True):
        """The kernels of characters.

        Args:
            resize_shape, pad_shape: tuples (height, width) of the resized picture, without and with padding.
            char_boxes: a box for each character, in pixels of the resized picture.
            char_inds: the class of each.
            shrink_ratio: the size of a kernel against the character.
            binary: whether kernels are 1; else they are the class.

        Returns:
            an array (height, width) of int32: 0 outside, ``pad_val`` on padding.
        """
        assert isinstance(resize_shape, tuple) and isinstance(pad_shape, tuple)
        assert is_2dlist(char_boxes)
        assert is_type_list(char_inds, int)
        assert isinstance(shrink_ratio, float)
        sizes = [list(resize_shape[:2]), list(resize_shape[:2]), list(pad_shape[:2])]
        boxes = [[float(v) for v in box] for box in char_boxes]
        maps, _ = _glyphic.ocr_seg_targets(self._with_ratios(shrink_ratio, shrink_ratio), *sizes, boxes, char_inds)
        return np.asarray(maps[0 if binary else 1])

    def _class(self, character):
        known = self._classes.get(character.lower() if self._lower else character, self._unknown)
        if known is None:
            raise Exception(f"Char: {character} is not in dict and has no unknown class")
        return known

    def __call__(self, results):
        info = results["ann_info"]
        boxes = [[float(v) for v in box] for box in info[self.box_type]]
        sizes = [list(results[key][:2]) for key in ("img_shape", "resize_shape", "pad_shape")]
        classes = [self._class(character) for character in info["chars"][: len(boxes)]]
        maps, scaled = _glyphic.ocr_seg_targets(self._json, *sizes, boxes, classes)
        info[self.box_type] = scaled
        results["gt_kernels"] = BitmapMasks(maps, *sizes[2])
        results["mask_fields"] = ["gt_kernels"]
        return results
