"""``mmocr.datasets.pipelines.test_time_aug``, and ``MultiScaleFlipAug`` of MMDetection."""

import warnings

import numpy as np

from ..builder import PIPELINES
from .compose import Compose


def gathered(samples):
    """A dict of lists of dicts with the same keys."""
    return {key: [data[key] for data in samples] for key in samples[0]}


@PIPELINES.register_module()
class MultiScaleFlipAug:
    """Runs transforms on a picture in several sizes, each as it is and mirrored, and gives lists of their results.

    Args:
        transforms: what is done each time; ``Resize`` and ``RandomFlip`` among them follow the size and the mirroring.
        img_scale: a size for ``Resize`` or a list of such.
        scale_factor: in place of sizes, a factor or a list of such.
        flip: whether pictures are mirrored too.
        flip_direction: ``horizontal``, ``vertical`` or ``diagonal``, or a list of such.
    """

    def __init__(self, transforms, img_scale=None, scale_factor=None, flip=False, flip_direction="horizontal"):
        self.transforms = Compose(transforms)
        assert (img_scale is None) != (scale_factor is None), "one of img_scale and scale_factor is needed"
        scale = scale_factor if img_scale is None else img_scale
        self.img_scale = scale if isinstance(scale, list) else [scale]
        self.scale_key = "scale_factor" if img_scale is None else "scale"
        assert img_scale is None or all(isinstance(size, tuple) for size in self.img_scale)
        self.flip = flip
        self.flip_direction = flip_direction if isinstance(flip_direction, list) else [flip_direction]
        assert all(isinstance(direction, str) for direction in self.flip_direction)
        if not flip and self.flip_direction != ["horizontal"]:
            warnings.warn("flip_direction has no effect when flip is False", stacklevel=2)
        if flip and not any(type(step).__name__ == "RandomFlip" for step in self.transforms.transforms):
            warnings.warn("flip has no effect when RandomFlip is not in transforms", stacklevel=2)

    def __call__(self, results):
        mirrored = [(False, None)]
        if self.flip:
            mirrored += [(True, direction) for direction in self.flip_direction]
        samples = []
        for scale in self.img_scale:
            for flip, direction in mirrored:
                one = {**results, self.scale_key: scale, "flip": flip, "flip_direction": direction}
                samples.append(self.transforms(one))
        return gathered(samples)

    def __repr__(self):
        return (
            f"{type(self).__name__}(transforms={self.transforms}, img_scale={self.img_scale}, flip={self.flip}, "
            f"flip_direction={self.flip_direction})"
        )


@PIPELINES.register_module()
class MultiRotateAugOCR:
    """Runs transforms on a crop that is higher than wide in several turns, and gives lists of their results.

    Args:
        transforms: what is done to each turn.
        rotate_degrees: multiples of 90, counter-clockwise; 0 is always among them.
        force_rotate: turns wide crops too.
        compat: leaves ``img_shape`` at that before the turn, so that a line turned by 90 degrees is resized wrongly.
    """

    def __init__(self, transforms, rotate_degrees=None, force_rotate=False, compat=False):
        self.transforms = Compose(transforms)
        self.force_rotate = force_rotate
        self.compat = compat
        degrees = rotate_degrees if isinstance(rotate_degrees, list) else [rotate_degrees or 0]
        for degree in degrees:
            assert isinstance(degree, int) and 0 <= degree < 360 and degree % 90 == 0
        self.rotate_degrees = degrees if 0 in degrees else [*degrees, 0]

    def __call__(self, results):
        height, width = results["img_shape"][:2]
        turn = self.force_rotate or height > width
        samples = []
        for degree in sorted(set(self.rotate_degrees)) if turn else [0]:
            turned = results.copy()
            turned["img"] = np.ascontiguousarray(np.rot90(results["img"], degree // 90))
            if not self.compat:
                turned["img_shape"] = turned["img"].shape
            samples.append(self.transforms(turned))
        return gathered(samples)

    def __repr__(self):
        return f"{type(self).__name__}(transforms={self.transforms}, rotate_degrees={self.rotate_degrees})"
