"""``mmocr.datasets.pipelines.transforms``. Options are MMOCR's; ``seed`` is that of the random choices, which follow
NumPy's generator where it is not given."""

import json

import numpy as np

from .... import _glyphic
from ..builder import PIPELINES
from .compose import Step, outlines_of


@PIPELINES.register_module()
class RandomCropInstances(Step):
    """Cuts a piece of a size out, now and then (``positive_sample_ratio``) one with text.

    Args:
        target_size: height and width, or one for both.
        instance_key: the bitmaps that say where texts are.
        mask_type: ``inx0`` (the first of them) or ``union_all``.
    """

    random = True

    def __init__(self, target_size, instance_key, mask_type="inx0", positive_sample_ratio=5.0 / 8.0, seed=None):
        assert mask_type in ("inx0", "union_all")
        self._set(
            seed,
            target_size=target_size,
            instance_key=instance_key,
            mask_type=mask_type,
            positive_sample_ratio=positive_sample_ratio,
        )

    def sample_offset(self, img_gt, img_size):
        """The first row and column of a piece of a picture (height, width); ``img_gt`` is above 0 where texts are."""
        texts = None if img_gt is None else (np.asarray(img_gt) > 0).ravel().tolist()
        return tuple(_glyphic.crop_offset(json.dumps(self.config), list(img_size[:2]), texts, self.draws()))

    @staticmethod
    def crop_img(img, offset, target_size):
        """The piece of a size at an offset (row, column), cut to the picture, and its box ``x0, y0, x1, y1``."""
        height, width = img.shape[:2]
        top, left = offset
        bottom, right = min(top + target_size[0], height), min(left + target_size[1], width)
        return img[top:bottom, left:right], np.array([left, top, right, bottom])


@PIPELINES.register_module()
class RandomRotateTextDet(Step):
    """Turns the picture around its centre by up to ``max_angle`` degrees; its size stays."""

    random = True

    def __init__(self, rotate_ratio=1.0, max_angle=10, seed=None):
        self._set(seed, rotate_ratio=rotate_ratio, max_angle=max_angle)

    @staticmethod
    def sample_angle(max_angle):
        """An angle in degrees, counter-clockwise."""
        return np.random.random_sample() * 2 * max_angle - max_angle


@PIPELINES.register_module()
class ColorJitter(Step):
    """Changes brightness, contrast, saturation and hue, in any order, as torchvision does."""

    random = True

    def __init__(self, seed=None, **kwargs):
        self._set(seed, **kwargs)

    def __call__(self, results):
        # The step is for RGB.
        results["img"] = self._run(results["img"][..., ::-1], {})["img"][..., ::-1].copy()
        return results


@PIPELINES.register_module()
class ScaleAspectJitter(Step):
    """Resizes by a random scale and aspect; ``resize_type`` says what the scale goes by."""

    random = True

    def __init__(
        self,
        img_scale=None,
        multiscale_mode="range",
        ratio_range=None,
        keep_ratio=False,
        resize_type="around_min_img_scale",
        aspect_ratio_range=None,
        long_size_bound=None,
        short_size_bound=None,
        scale_range=None,
        seed=None,
    ):
        if isinstance(img_scale, tuple):
            img_scale = [img_scale]
        self._set(
            seed,
            img_scale=img_scale,
            multiscale_mode=multiscale_mode,
            ratio_range=ratio_range,
            keep_ratio=keep_ratio,
            resize_type=resize_type,
            aspect_ratio_range=aspect_ratio_range,
            long_size_bound=long_size_bound,
            short_size_bound=short_size_bound,
            scale_range=scale_range,
        )

    @staticmethod
    def sample_from_range(range):
        """A number between the least and the greatest of two."""
        assert len(range) == 2
        low, high = min(range), max(range)
        return np.random.random_sample() * (high - low) + low

    def _random_scale(self, results):
        """Puts the size (width, height) that it chooses for a picture under ``scale``."""
        height, width = results["img"].shape[:2]
        draws = self.draws()
        new_height, new_width = self.size(height, width, [draws.random_sample() for _ in range(2)])
        results["scale"] = (new_width, new_height)
        results["scale_idx"] = None

    def size(self, height, width, draws):
        """The size (height, width) that it chooses with these draws from 0 to 1."""
        config = json.dumps(self.config)
        return tuple(_glyphic.jitter_size(config, height, width, [float(draw) for draw in draws]))

    def __call__(self, results):
        height, width = results["img"].shape[:2]
        results = super().__call__(results)
        new_height, new_width = results["img"].shape[:2]
        sx, sy = new_width / width, new_height / height
        results["scale"] = (new_width, new_height)
        results["scale_idx"] = None
        results["scale_factor"] = np.array([sx, sy, sx, sy], dtype=np.float32)
        results["keep_ratio"] = self.config["keep_ratio"]
        return results


@PIPELINES.register_module()
class RandomCropPolyInstances(Step):
    """Cuts a piece out around a text, without cutting through any, with probability ``crop_ratio``."""

    random = True

    def __init__(self, instance_key="gt_masks", crop_ratio=5.0 / 8.0, min_side_ratio=0.4, seed=None):
        self._set(seed, instance_key=instance_key, crop_ratio=crop_ratio, min_side_ratio=min_side_ratio)

    def sample_crop_box(self, img_size, results):
        """A piece ``x0, y0, x1, y1`` of a picture (height, width) around one text and across none."""
        fields = [key for key in results.get("mask_fields", []) if key in results]
        every = [outline for key in fields for outline in outlines_of(results[key])]
        texts = outlines_of(results[self.instance_key])
        config = json.dumps(self.config)
        return np.array(_glyphic.crop_around(config, list(img_size[:2]), texts, every, self.draws()))

    def crop_img(self, img, bbox):
        """The piece ``x0, y0, x1, y1`` of a picture."""
        assert img.ndim == 3
        x0, y0, x1, y1 = (int(v) for v in bbox)
        assert 0 <= y0 < y1 <= img.shape[0] and 0 <= x0 < x1 <= img.shape[1]
        return img[y0:y1, x0:x1]


@PIPELINES.register_module()
class RandomRotatePolyInstances(Step):
    """Turns the picture, which grows so that nothing is lost; the gaps get a colour or a piece of the picture."""

    random = True

    def __init__(self, rotate_ratio=0.5, max_angle=10, pad_with_fixed_color=False, pad_value=(0, 0, 0), seed=None):
        self._set(
            seed,
            rotate_ratio=rotate_ratio,
            max_angle=max_angle,
            pad_with_fixed_color=pad_with_fixed_color,
            pad_value=pad_value,
        )


@PIPELINES.register_module()
class SquareResizePad(Step):
    """Makes the picture a square: padded (with probability ``pad_ratio``) or stretched."""

    random = True

    def __init__(self, target_size, pad_ratio=0.6, pad_with_fixed_color=False, pad_value=(0, 0, 0), seed=None):
        assert isinstance(target_size, int)
        assert isinstance(pad_ratio, float)
        self._set(
            seed,
            target_size=target_size,
            pad_ratio=pad_ratio,
            pad_with_fixed_color=pad_with_fixed_color,
            pad_value=pad_value,
        )


@PIPELINES.register_module()
class RandomScaling(Step):
    """Scales the longer side to ``size`` times a random factor."""

    random = True

    def __init__(self, size=800, scale=(3.0 / 4, 5.0 / 2), seed=None):
        assert isinstance(size, int)
        assert isinstance(scale, (float, tuple))
        self._set(seed, size=size, scale=scale)


@PIPELINES.register_module()
class RandomCropFlip(Step):
    """Mirrors pieces of the picture in their place, without cutting through texts."""

    random = True

    def __init__(self, pad_ratio=0.1, crop_ratio=0.5, iter_num=1, min_area_ratio=0.2, seed=None):
        assert isinstance(crop_ratio, float)
        assert isinstance(iter_num, int)
        assert isinstance(min_area_ratio, float)
        self._set(seed, pad_ratio=pad_ratio, crop_ratio=crop_ratio, iter_num=iter_num, min_area_ratio=min_area_ratio)

    def generate_crop_target(self, image, all_polys, pad_h, pad_w):
        """The rows and columns that no text crosses, counted from the first of a padding of ``pad_h`` rows and ``pad_w``
        columns on each side."""
        texts = [np.asarray(polygons[0], dtype=np.float64).tolist() for polygons in all_polys]
        rows, columns = _glyphic.free_places(list(image.shape[:2]), texts, [pad_h, pad_w])
        return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
