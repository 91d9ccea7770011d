"""``mmocr.datasets.pipelines.test_time_aug``."""

import numpy as np

from ..builder import PIPELINES
from .compose import Compose


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
        gathered = None
        for degree in sorted(set(self.rotate_degrees)) if turn else [0]:
            turned = results.copy()
            turned["img"] = np.ascontiguousarray(np.rot90(results["img"], degree // 90))
            if not self.compat:
                turned["img_shape"] = turned["img"].shape
            data = self.transforms(turned)
            gathered = {key: [] for key in data} if gathered is None else gathered
            for key, value in data.items():
                gathered[key].append(value)
        return gathered

    def __repr__(self):
        return f"{type(self).__name__}(transforms={self.transforms}, rotate_degrees={self.rotate_degrees})"
