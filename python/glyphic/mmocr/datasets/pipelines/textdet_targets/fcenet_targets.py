"""``mmocr.datasets.pipelines.textdet_targets.fcenet_targets``."""

from ...builder import PIPELINES
from .base_textdet_targets import BaseTextDetTargets


@PIPELINES.register_module()
class FCENetTargets(BaseTextDetTargets):
    """``p3_maps``, ``p4_maps`` and ``p5_maps``: arrays (3 + 2 * (2 * degree + 1), H, W).

    Args:
        fourier_degree: the highest degree.
        resample_step: pixels of a level between points along a side.
        center_region_shrink_ratio: the height of the centre region as a share of the text's.
        level_size_divisors: how many times smaller each level is.
        level_proportion_range: which texts a level takes, by their longer side over the picture's height.
        compat: MMOCR's open intervals, by which some texts fall in no level.
    """

    kind = "FCENetTargets"

    def __init__(
        self,
        fourier_degree=5,
        resample_step=4.0,
        center_region_shrink_ratio=0.3,
        level_size_divisors=(8, 16, 32),
        level_proportion_range=((0, 0.4), (0.3, 0.7), (0.6, 1.0)),
        compat=False,
    ):
        assert len(level_size_divisors) == len(level_proportion_range)
        self._set(
            compat,
            fourier_degree=fourier_degree,
            resample_step=resample_step,
            center_region_shrink_ratio=center_region_shrink_ratio,
            level_size_divisors=level_size_divisors,
            level_proportion_range=level_proportion_range,
        )

    def generate_targets(self, results):
        levels = self._maps(results)
        results["mask_fields"].clear()
        results.update(levels)
        return results
