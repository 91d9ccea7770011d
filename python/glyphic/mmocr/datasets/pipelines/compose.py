"""``Compose`` of MMDetection, and what every step that Rust runs has in common."""

import json

import numpy as np

from .... import _glyphic
from ...core.masks import BitmapMasks, PolygonMasks
from ...core.mask import seg2boundary
from ...utils.registry import build_from_cfg
from ..builder import PIPELINES


class Compose:
    """Steps one after the other: callables, or dicts with ``type``. A step that gives ``None`` ends it with ``None``."""

    def __init__(self, transforms):
        self.transforms = []
        for transform in transforms or []:
            if isinstance(transform, dict):
                transform = build_from_cfg(transform, PIPELINES)
            elif not callable(transform):
                raise TypeError("transform must be callable or a dict")
            self.transforms.append(transform)

    def __call__(self, data):
        for transform in self.transforms:
            data = transform(data)
            if data is None:
                return None
        return data

    def __repr__(self):
        return f"Compose({self.transforms})"


class Generator:
    """Gives NumPy's generator, which scripts seed, or one of a seed of its own. It can be pickled."""

    def __init__(self, seed):
        self._own = None if seed is None else np.random.RandomState(seed)

    def __call__(self):
        return self._own or np.random


def new_seed(seed, count):
    """The seed of the next call: drawn from NumPy's generator, which scripts seed, or counted on from a given one."""
    return int(np.random.randint(0, 2**31)) if seed is None else (int(seed) << 20) + count


def plain(value):
    """Arrays and tuples as lists, for JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def outlines_of(masks):
    """A flat outline for each instance of polygon or bitmap masks, as lists."""
    if isinstance(masks, BitmapMasks):
        known = getattr(masks, "outlines", None)
        if known is not None and len(known) == len(masks):
            return known
        traced = (seg2boundary(mask, "poly") for mask in masks.masks)
        return [[float(v) for v in outline] if outline else [0.0] * 8 for outline in traced]
    return [np.asarray(polygons[0], dtype=np.float64).tolist() for polygons in masks]


class Step:
    """A step that Rust runs on the picture and on everything that moves with it.

    ``kind`` is its name there, ``config`` its options, which are attributes as well. Random numbers are drawn from
    ``numpy.random``, in the order in which MMOCR draws them, or from a generator of ``seed``.
    """

    kind = ""
    random = False

    def _set(self, seed=None, **config):
        self.config = {key: plain(value) for key, value in config.items()}
        self.seed = seed
        self.draws = Generator(seed)
        _glyphic.check_step(self._json())

    def __getattr__(self, name):
        config = self.__dict__.get("config", {})
        if name in config:
            return config[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _json(self):
        return json.dumps({"type": self.kind or type(self).__name__, **self.config})

    def _run(self, img, beside, tensor=False):
        img = np.asarray(img)
        if img.dtype != np.float32 and (tensor or img.dtype != np.uint8):
            img = img.astype(np.float32)
        return _glyphic.apply_step(self._json(), img, tensor, beside, self.draws())

    def __call__(self, results):
        out = self._run(results["img"], pack(results))
        unpack(out, results)
        return results

    def __repr__(self):
        options = ", ".join(f"{key}={value}" for key, value in self.config.items())
        return f"{type(self).__name__}({options})"


def pack(results):
    """What moves with the picture, as Rust takes it."""
    beside = {}
    masks = {}
    fields = [key for key in results.get("mask_fields", []) if key in results]
    for key, name in (("gt_masks", "texts"), ("gt_masks_ignore", "ignored")):
        if key in fields:
            beside[name] = outlines_of(results[key])
    for key in fields:
        if isinstance(results[key], BitmapMasks):
            masks[key] = [
                np.ascontiguousarray(m if m.dtype == np.uint8 else m.astype(np.float32)) for m in results[key].masks
            ]
    if masks:
        beside["masks"] = masks
    if "gt_bboxes" in results.get("bbox_fields", []):
        boxes = np.asarray(results["gt_bboxes"], dtype=np.float64).reshape(-1, 4)
        if "texts" not in beside:
            # Boxes alone are texts that are upright.
            beside["texts"] = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].tolist()
        beside["boxes"] = boxes.tolist()
    if "gt_labels" in results and len(results["gt_labels"]) == len(beside.get("texts", [])):
        beside["labels"] = np.asarray(results["gt_labels"]).tolist()
    characters = _characters(results.get("ann_info") or {})
    if characters:
        beside["characters"] = characters
    return beside


def _characters(info):
    if "chars" not in info:
        return []
    if "char_quads" in info:
        quads = [[float(v) for v in quad] for quad in info["char_quads"]]
    elif "char_rects" in info:
        quads = [[float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)] for x0, y0, x1, y1 in info["char_rects"]]
    else:
        return []
    return list(zip(info["chars"], quads))


def unpack(out, results):
    """Takes over what a step has moved."""
    img = out["img"]
    if np.ndim(results["img"]) == 2:
        img = img[..., 0]
    results["img"] = img
    results["img_shape"] = img.shape
    results["pad_shape"] = img.shape
    height, width = img.shape[:2]
    fields = [key for key in results.get("mask_fields", []) if key in results]
    for key, name in (("gt_masks", "texts"), ("gt_masks_ignore", "ignored")):
        if key not in fields:
            continue
        if isinstance(results[key], PolygonMasks):
            polygons = [[np.asarray(outline, dtype=np.float32)] for outline in out[name]]
            results[key] = PolygonMasks(polygons, height, width)
    for key, maps in out["masks"].items():
        if key in results:
            dtype = results[key].masks.dtype
            results[key] = BitmapMasks([m[..., 0].astype(dtype) for m in maps], height, width)
            outlines = out.get({"gt_masks": "texts", "gt_masks_ignore": "ignored"}.get(key))
            if outlines is not None and len(outlines) == len(results[key]):
                results[key].outlines = outlines
    if "gt_bboxes" in results.get("bbox_fields", []):
        results["gt_bboxes"] = np.asarray(out["boxes"], dtype=np.float32).reshape(-1, 4)
    if "gt_bboxes_ignore" in results.get("bbox_fields", []) and "gt_masks_ignore" in fields:
        boxes = [_bounds(outline) for outline in out["ignored"]]
        results["gt_bboxes_ignore"] = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    if "gt_labels" in results and len(out["labels"]) == len(out["texts"]):
        results["gt_labels"] = np.asarray(out["labels"], dtype=np.asarray(results["gt_labels"]).dtype)
    info = results.get("ann_info") or {}
    if _characters(info):
        info["chars"] = [text for text, _, _ in out["characters"]]
        if "char_quads" in info:
            info["char_quads"] = [quad for _, quad, _ in out["characters"]]
        if "char_rects" in info:
            info["char_rects"] = [list(rect) for _, _, rect in out["characters"]]


def _bounds(outline):
    return [min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2])]
