"""``mmocr.datasets.pipelines.dbnet_transforms``."""

from ..builder import PIPELINES
from .compose import Step


@PIPELINES.register_module()
class ImgAug(Step):
    """Augmenters as MMOCR's configurations write them: ``["Fliplr", 0.5]``, ``dict(cls="Affine", rotate=[-10, 10])``,
    ``["Resize", [0.5, 3.0]]``."""

    random = True

    def __init__(self, args=None, seed=None):
        self.augmenter_args = args
        self._set(seed, args=args)

    def __call__(self, results):
        if not self.augmenter_args:
            return results
        results = super().__call__(results)
        results["flip"] = "unknown"
        results["flip_direction"] = "unknown"
        return results


@PIPELINES.register_module()
class EastRandomCrop(Step):
    """Cuts a piece out that cuts through no text, scaled and padded to ``target_size`` (width, height)."""

    random = True

    def __init__(self, target_size=(640, 640), max_tries=10, min_crop_side_ratio=0.1, seed=None):
        self._set(seed, target_size=target_size, max_tries=max_tries, min_crop_side_ratio=min_crop_side_ratio)
