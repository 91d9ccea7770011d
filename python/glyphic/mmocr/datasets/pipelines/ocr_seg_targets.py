"""``mmocr.datasets.pipelines.ocr_seg_targets``."""

import json

from .... import _glyphic
from ...core.masks import BitmapMasks
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
        self._json = json.dumps(
            {
                "attn_shrink_ratio": attn_shrink_ratio,
                "seg_shrink_ratio": seg_shrink_ratio,
                "box_type": box_type,
                "pad_val": pad_val,
                "compat": "mmocr021" if compat else "fixed",
            }
        )

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
