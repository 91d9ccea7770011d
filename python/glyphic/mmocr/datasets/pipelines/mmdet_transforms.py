"""``Resize``, ``RandomFlip``, ``Pad`` and ``Normalize`` of MMDetection 2.11, as MMOCR's configurations use them.

They change the pictures of ``img_fields`` and what ``bbox_fields`` and ``mask_fields`` name. What is random is drawn as
there: with the same state of NumPy's generator the results are the same. ``seed`` gives a step a generator of its own.
"""

import math

import numpy as np

from .... import _glyphic
from ...core.masks import rescaled_size
from ..builder import PIPELINES
from .compose import Generator


def _pictures(results):
    return results.get("img_fields", ["img"])


@PIPELINES.register_module()
class Resize:
    """Resizes to ``results['scale']``, else by ``results['scale_factor']``, else to a size of its own.

    Args:
        img_scale: (width, height), or (long side, short side) where the shape is kept; or a list of such.
        multiscale_mode: of several sizes, ``value`` takes one, ``range`` one between the two.
        ratio_range: the least and the largest factor of a single size.
        keep_ratio: whether the picture keeps its shape: it becomes as large as fits.
        bbox_clip_border: whether boxes are cut at the picture's border.
        backend: only ``cv2`` is there.
        override: whether a picture may be resized a second time, to a new size.
        seed: of the choice; NumPy's generator where it is not given.
    """

    def __init__(
        self,
        img_scale=None,
        multiscale_mode="range",
        ratio_range=None,
        keep_ratio=True,
        bbox_clip_border=True,
        backend="cv2",
        override=False,
        seed=None,
    ):
        if img_scale is not None:
            img_scale = img_scale if isinstance(img_scale, list) else [img_scale]
            assert all(isinstance(scale, tuple) for scale in img_scale), f"sizes are tuples, not {img_scale}"
        if ratio_range is not None:
            assert img_scale is not None and len(img_scale) == 1, "ratio_range goes with one img_scale"
        else:
            assert multiscale_mode in ("value", "range")
        assert backend == "cv2", "pictures are resized as OpenCV does it"
        self.img_scale = img_scale
        self.multiscale_mode = multiscale_mode
        self.ratio_range = ratio_range
        self.keep_ratio = keep_ratio
        self.bbox_clip_border = bbox_clip_border
        self.backend = backend
        self.override = override
        self._generator = Generator(seed)

    @staticmethod
    def random_select(img_scales, random=np.random):
        """One of the sizes, and its index."""
        index = random.randint(len(img_scales))
        return img_scales[index], index

    @staticmethod
    def random_sample(img_scales, random=np.random):
        """A size between two: its long side and its short side are drawn by themselves."""
        assert len(img_scales) == 2
        long_sides, short_sides = [max(s) for s in img_scales], [min(s) for s in img_scales]
        long_side = random.randint(min(long_sides), max(long_sides) + 1)
        short_side = random.randint(min(short_sides), max(short_sides) + 1)
        return (long_side, short_side), None

    @staticmethod
    def random_sample_ratio(img_scale, ratio_range, random=np.random):
        """A size times a factor within a range."""
        low, high = ratio_range
        assert low <= high
        ratio = random.random_sample() * (high - low) + low
        return (int(img_scale[0] * ratio), int(img_scale[1] * ratio)), None

    def _random_scale(self, results):
        assert self.img_scale is not None, "there is no img_scale, and no step before has set a scale"
        random = self._generator()
        if self.ratio_range is not None:
            chosen = self.random_sample_ratio(self.img_scale[0], self.ratio_range, random)
        elif len(self.img_scale) == 1:
            chosen = self.img_scale[0], 0
        elif self.multiscale_mode == "range":
            chosen = self.random_sample(self.img_scale, random)
        else:
            chosen = self.random_select(self.img_scale, random)
        results["scale"], results["scale_idx"] = chosen

    def _choose(self, results):
        if "scale" in results and self.override:
            results.pop("scale")
            results.pop("scale_factor", None)
        if "scale" in results:
            assert "scale_factor" not in results, "scale and scale_factor cannot be both set"
        elif "scale_factor" in results:
            factor = results["scale_factor"]
            assert isinstance(factor, float)
            height, width = results["img"].shape[:2]
            results["scale"] = int(width * factor), int(height * factor)
        else:
            self._random_scale(results)

    def __call__(self, results):
        self._choose(results)
        for key in _pictures(results):
            img = results[key]
            height, width = img.shape[:2]
            if self.keep_ratio:
                size = rescaled_size(height, width, results["scale"])
            else:
                size = results["scale"][1], results["scale"][0]
            resized = _glyphic.resize(img, *size)
            results[key] = resized if img.ndim == 3 else resized[..., 0]
            across, down = size[1] / width, size[0] / height
            results["scale_factor"] = np.array([across, down, across, down], dtype=np.float32)
            results["img_shape"] = results["pad_shape"] = results[key].shape
            results["keep_ratio"] = self.keep_ratio
        height, width = results["img_shape"][:2]
        for key in results.get("bbox_fields", []):
            boxes = results[key] * results["scale_factor"]
            if self.bbox_clip_border:
                boxes[:, 0::2] = np.clip(boxes[:, 0::2], 0, width)
                boxes[:, 1::2] = np.clip(boxes[:, 1::2], 0, height)
            results[key] = boxes
        for key in results.get("mask_fields", []):
            if results[key] is not None:
                masks = results[key]
                results[key] = masks.rescale(results["scale"]) if self.keep_ratio else masks.resize((height, width))
        return results

    def __repr__(self):
        return (
            f"{type(self).__name__}(img_scale={self.img_scale}, multiscale_mode={self.multiscale_mode}, "
            f"ratio_range={self.ratio_range}, keep_ratio={self.keep_ratio}, bbox_clip_border={self.bbox_clip_border})"
        )


@PIPELINES.register_module()
class RandomFlip:
    """Mirrors everything now and then, or as ``results['flip']`` and ``results['flip_direction']`` say.

    Args:
        flip_ratio: how often; of a list, how often in each direction.
        direction: ``horizontal``, ``vertical`` or ``diagonal`` (both), or a list of such.
        seed: of the choice; NumPy's generator where it is not given.
    """

    _AXES = {"horizontal": (0,), "vertical": (1,), "diagonal": (0, 1)}

    def __init__(self, flip_ratio=None, direction="horizontal", seed=None):
        ratios = flip_ratio if isinstance(flip_ratio, list) else [0.0 if flip_ratio is None else flip_ratio]
        if not all(isinstance(ratio, float) for ratio in ratios):
            raise ValueError(f"flip_ratio is None, a float or a list of floats, not {flip_ratio}")
        assert 0 <= sum(ratios) <= 1
        directions = direction if isinstance(direction, list) else [direction]
        if not all(isinstance(one, str) for one in directions):
            raise ValueError(f"direction is a str or a list of such, not {direction}")
        assert set(directions) <= set(self._AXES), f"directions are {', '.join(self._AXES)}, not {direction}"
        assert not isinstance(flip_ratio, list) or len(flip_ratio) == len(directions)
        self.flip_ratio = flip_ratio
        self.direction = direction
        self._generator = Generator(seed)

    def bbox_flip(self, bboxes, img_shape, direction):
        """Boxes (..., 4k) mirrored in a picture of (height, width)."""
        assert bboxes.shape[-1] % 4 == 0
        flipped = bboxes.copy()
        for axis in self._AXES[direction]:
            side = img_shape[1 - axis]
            flipped[..., axis::4] = side - bboxes[..., axis + 2 :: 4]
            flipped[..., axis + 2 :: 4] = side - bboxes[..., axis::4]
        return flipped

    def _choose(self):
        """A direction, or ``None``."""
        assert self.flip_ratio is not None, "there is no flip_ratio, and no step before has set flip"
        directions = self.direction if isinstance(self.direction, list) else [self.direction]
        if isinstance(self.flip_ratio, list):
            ratios = [*self.flip_ratio, 1 - sum(self.flip_ratio)]
        else:
            ratios = [self.flip_ratio / len(directions)] * len(directions) + [1 - self.flip_ratio]
        return self._generator().choice([*directions, None], p=ratios)

    def __call__(self, results):
        if "flip" not in results:
            direction = self._choose()
            results["flip"] = direction is not None
            results.setdefault("flip_direction", direction)
        if results["flip"]:
            direction = results["flip_direction"]
            axes = [1 - axis for axis in self._AXES[direction]]
            for key in _pictures(results):
                results[key] = np.ascontiguousarray(np.flip(results[key], axes))
            for key in results.get("bbox_fields", []):
                results[key] = self.bbox_flip(results[key], results["img_shape"], direction)
            for key in results.get("mask_fields", []):
                results[key] = results[key].flip(direction)
        return results

    def __repr__(self):
        return f"{type(self).__name__}(flip_ratio={self.flip_ratio})"


@PIPELINES.register_module()
class Pad:
    """Grows pictures and masks on the right and below.

    Args:
        size: to (height, width).
        size_divisor: to sides that are multiples of this.
        pad_val: the value around pictures and bitmaps.
    """

    def __init__(self, size=None, size_divisor=None, pad_val=0):
        assert (size is None) != (size_divisor is None), "one of size and size_divisor is needed"
        self.size = size
        self.size_divisor = size_divisor
        self.pad_val = pad_val

    def __call__(self, results):
        for key in _pictures(results):
            img = results[key]
            height, width = img.shape[:2]
            divisor = self.size_divisor
            size = self.size or [math.ceil(side / divisor) * divisor for side in (height, width)]
            assert size[0] >= height and size[1] >= width, f"{height} x {width} pixels do not fit into {size}"
            padded = np.full((*size, *img.shape[2:]), self.pad_val, dtype=img.dtype)
            padded[:height, :width] = img
            results[key] = padded
            results["pad_shape"] = padded.shape
        results["pad_fixed_size"] = self.size
        results["pad_size_divisor"] = self.size_divisor
        for key in results.get("mask_fields", []):
            results[key] = results[key].pad(results["pad_shape"][:2], pad_val=self.pad_val)
        return results

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, size_divisor={self.size_divisor}, pad_val={self.pad_val})"


@PIPELINES.register_module()
class Normalize:
    """Subtracts a mean a channel and divides by a deviation; ``to_rgb`` turns BGR around first.

    A grey picture has nothing to turn around.
    """

    def __init__(self, mean, std, to_rgb=True):
        self.mean = np.array(mean, dtype=np.float32)
        self.std = np.array(std, dtype=np.float32)
        self.to_rgb = to_rgb

    def __call__(self, results):
        for key in _pictures(results):
            img = results[key]
            if img.dtype not in (np.uint8, np.float32):
                img = img.astype(np.float32)
            normalized = _glyphic.normalize(img, self.mean.tolist(), self.std.tolist(), self.to_rgb)
            results[key] = normalized if img.ndim == 3 else normalized[..., 0]
        results["img_norm_cfg"] = dict(mean=self.mean, std=self.std, to_rgb=self.to_rgb)
        return results

    def __repr__(self):
        return f"{type(self).__name__}(mean={self.mean}, std={self.std}, to_rgb={self.to_rgb})"
