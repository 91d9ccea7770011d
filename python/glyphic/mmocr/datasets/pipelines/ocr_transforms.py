"""``mmocr.datasets.pipelines.ocr_transforms``. A tensor is an array (channels, height, width) of float32; a step that is
given a tensor of PyTorch gives one."""

import math

import numpy as np

from .... import _glyphic
from ..builder import PIPELINES
from .compose import Step


@PIPELINES.register_module()
class ResizeOCR(Step):
    """Brings a crop to a height, keeping its shape, and pads it on the right.

    Args:
        height: in pixels; of a tuple, a device takes the one of its rank (here the first).
        min_width, max_width: bounds of the width; narrower crops are padded to ``max_width``.
        keep_aspect_ratio: else every crop is stretched to ``max_width``.
        img_pad_value: the value of padding.
        width_downsample_ratio: the width becomes a multiple of its inverse.
        backend: only ``cv2`` is there.
        compat: reads the size from ``img_shape``, which a turn before may have left behind, not from the picture; and
            a width may round to 0, which is an error.
    """

    kind = "ResizeOCR"

    def __init__(
        self,
        height,
        min_width=None,
        max_width=None,
        keep_aspect_ratio=True,
        img_pad_value=0,
        width_downsample_ratio=1.0 / 16,
        backend=None,
        compat=False,
    ):
        assert isinstance(height, (int, tuple))
        if not keep_aspect_ratio:
            assert max_width is not None, '"max_width" must assigned if "keep_aspect_ratio" is False'
        self._set(
            height=height,
            min_width=min_width,
            max_width=max_width,
            keep_aspect_ratio=keep_aspect_ratio,
            img_pad_value=img_pad_value,
            width_downsample_ratio=width_downsample_ratio,
            backend=backend,
            compat="mmocr021" if compat else "fixed",
        )

    def __call__(self, results):
        # Boxes of characters stay as they are: OCRSegTargets scales them, as in MMOCR.
        out = self._run(results["img"], {"img_shape": list(results["img_shape"][:2])})
        channels = results["img"].shape[2:]
        results["img"] = out["img"].reshape(out["img"].shape[:2] + channels)
        results["resize_shape"] = (*out["resize_shape"], *channels)
        results["pad_shape"] = results["img"].shape
        results["valid_ratio"] = out["valid_ratio"]
        return results


class Tensor(np.ndarray):
    """An array (channels, height, width) with the one method of PyTorch's tensors that scripts need: ``numpy()``."""

    def numpy(self):
        """The values as a plain array."""
        return self.view(np.ndarray)


def _like(given, array):
    """The array as what was given: a tensor of PyTorch, or a :class:`Tensor`."""
    make = getattr(given, "new_tensor", None)
    return array.view(Tensor) if make is None else make(array)


@PIPELINES.register_module()
class ToTensorOCR(Step):
    """The picture as a tensor, bytes divided by 255."""

    kind = "ToTensorOCR"

    def __init__(self):
        self._set()

    def __call__(self, results):
        results["img"] = self._run(results["img"], {})["tensor"].view(Tensor)
        return results


@PIPELINES.register_module()
class NormalizeOCR(Step):
    """Subtracts a mean a channel from a tensor and divides by a deviation."""

    kind = "NormalizeOCR"

    def __init__(self, mean, std):
        self.mean = mean
        self.std = std
        self._set(mean=mean, std=std)

    def __call__(self, results):
        results["img"] = _like(results["img"], self._run(results["img"], {}, tensor=True)["tensor"])
        results["img_norm_cfg"] = dict(mean=self.mean, std=self.std)
        return results


@PIPELINES.register_module()
class OnlineCropOCR(Step):
    """Cuts the word out of the picture whose corners stand in ``img_info``; without them nothing happens.

    Args:
        box_keys: where the corners stand.
        jitter_prob: the probability of moving them; with ``compat`` that of not moving them.
        max_jitter_ratio_x, max_jitter_ratio_y: how far, as shares of the word's height.
        seed: of the random choices; NumPy's generator where it is not given.
    """

    kind = "OnlineCropOCR"
    random = True

    def __init__(
        self,
        box_keys=["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"],  # noqa: B006
        jitter_prob=0.5,
        max_jitter_ratio_x=0.05,
        max_jitter_ratio_y=0.02,
        compat=False,
        seed=None,
    ):
        self.box_keys = box_keys
        self._set(
            seed,
            box_keys=box_keys,
            jitter_prob=jitter_prob,
            max_jitter_ratio_x=max_jitter_ratio_x,
            max_jitter_ratio_y=max_jitter_ratio_y,
            compat="mmocr021" if compat else "fixed",
        )

    def __call__(self, results):
        info = results.get("img_info", {})
        if any(key not in info for key in self.box_keys):
            return results
        quad = [float(info[key]) for key in self.box_keys]
        cut = self._run(results["img"], {"texts": [quad]})["img"]
        results["img"] = cut if results["img"].ndim == 3 else cut[..., 0]
        results["img_shape"] = results["img"].shape
        return results


@PIPELINES.register_module()
class FancyPCA(Step):
    """Shifts the colours of a tensor along the principal components of ImageNet's."""

    kind = "FancyPCA"
    random = True

    def __init__(self, eig_vec=None, eig_val=None, seed=None):
        config = {}
        if eig_vec is not None:
            config["eig_vec"] = np.asarray(eig_vec, np.float32)
        if eig_val is not None:
            config["eig_val"] = np.asarray(eig_val, np.float32).reshape(-1)
        self._set(seed, **config)

    def __call__(self, results):
        results["img"] = _like(results["img"], self._run(results["img"], {}, tensor=True)["tensor"])
        return results


@PIPELINES.register_module()
class RandomPaddingOCR(Step):
    """Repeats the edge on each side at random; boxes of characters move along.

    Args:
        max_ratio: the most on the left, above, on the right and below, as shares of width and height.
        box_type: ``char_rects``, ``char_quads`` or ``None``.
        seed: of the random choices; NumPy's generator where it is not given.
    """

    kind = "RandomPaddingOCR"
    random = True

    def __init__(self, max_ratio=None, box_type=None, seed=None):
        assert box_type is None or box_type in ("char_rects", "char_quads")
        self._set(seed, max_ratio=[0.1, 0.2, 0.1, 0.2] if max_ratio is None else max_ratio, box_type=box_type)


@PIPELINES.register_module()
class RandomRotateImageBox(Step):
    """Turns the picture and the boxes of its characters; characters that mostly leave it are dropped.

    Args:
        min_angle, max_angle: in degrees, counter-clockwise.
        box_type: ``char_rects`` or ``char_quads``.
        seed: of the random choices; NumPy's generator where it is not given.
    """

    kind = "RandomRotateImageBox"
    random = True

    def __init__(self, min_angle=-10, max_angle=10, box_type="char_quads", seed=None):
        assert box_type in ("char_rects", "char_quads")
        self._set(seed, min_angle=min_angle, max_angle=max_angle, box_type=box_type)

    @staticmethod
    def rotate_bbox(boxes, chars, angle, center, img_box):
        """Boxes turned by an angle in radians, and their characters, without those that mostly leave the picture.

        ``img_box`` is the picture's width and height (MMOCR takes a Shapely box of it; its bounds are read).
        """
        bounds = getattr(img_box, "bounds", None)
        size = [bounds[2], bounds[3]] if bounds is not None else list(img_box)[-2:]
        quads = [_quad(box) for box in boxes]
        return _glyphic.rotate_boxes(quads, list(chars), angle, list(center), [float(v) for v in size])

    @staticmethod
    def rotate_point(point, angle, center):
        """A point turned by an angle in radians, counter-clockwise on the screen."""
        cos, sin = math.cos(-angle), math.sin(-angle)
        x, y = point[0] - center[0], point[1] - center[1]
        return [x * cos - y * sin + center[0], x * sin + y * cos + center[1]]


def _quad(box):
    box = [float(v) for v in box]
    return [box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]] if len(box) == 4 else box


@PIPELINES.register_module()
class RandomRotateImage(RandomRotateImageBox):
    """``RandomRotateImageBox`` by its shorter name."""


@PIPELINES.register_module()
class OpencvToPil:
    """A BGR picture as an image of Pillow, or as an RGB array where Pillow is not installed."""

    def __init__(self, **kwargs):
        pass

    def __call__(self, results):
        rgb = np.ascontiguousarray(results["img"][..., ::-1])
        try:
            from PIL import Image
        except ImportError:
            results["img"] = rgb
        else:
            results["img"] = Image.fromarray(rgb)
        return results

    def __repr__(self):
        return type(self).__name__


@PIPELINES.register_module()
class PilToOpencv(OpencvToPil):
    """RGB, as an array or an image of Pillow, to BGR."""

    def __call__(self, results):
        results["img"] = np.ascontiguousarray(np.asarray(results["img"])[..., ::-1])
        return results


__all__ = [
    "FancyPCA",
    "NormalizeOCR",
    "OnlineCropOCR",
    "OpencvToPil",
    "PilToOpencv",
    "RandomPaddingOCR",
    "RandomRotateImage",
    "RandomRotateImageBox",
    "ResizeOCR",
    "ToTensorOCR",
]
