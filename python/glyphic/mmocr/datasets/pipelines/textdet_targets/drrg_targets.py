"""``mmocr.datasets.pipelines.textdet_targets.drrg_targets``."""

from ...builder import PIPELINES
from ..compose import new_seed
from .base_textdet_targets import BaseTextDetTargets


@PIPELINES.register_module()
class DRRGTargets(BaseTextDetTargets):
    """The maps of TextSnake but for two heights in place of the radius, and ``gt_comp_attribs`` (n, 8).

    Options are MMOCR's; ``seed`` is that of the components, which follow NumPy's generator where it is not given.
    """

    kind = "DRRGTargets"

    def __init__(
        self,
        orientation_thr=2.0,
        resample_step=8.0,
        num_min_comps=9,
        num_max_comps=600,
        min_width=8.0,
        max_width=24.0,
        center_region_shrink_ratio=0.3,
        comp_shrink_ratio=1.0,
        comp_w_h_ratio=0.3,
        text_comp_nms_thr=0.25,
        min_rand_half_height=8.0,
        max_rand_half_height=24.0,
        jitter_level=0.2,
        compat=False,
        seed=None,
    ):
        self.seed = seed
        self._count = 0
        self._set(
            compat,
            orientation_thr=orientation_thr,
            resample_step=resample_step,
            num_min_comps=num_min_comps,
            num_max_comps=num_max_comps,
            min_width=min_width,
            max_width=max_width,
            center_region_shrink_ratio=center_region_shrink_ratio,
            comp_shrink_ratio=comp_shrink_ratio,
            comp_w_h_ratio=comp_w_h_ratio,
            text_comp_nms_thr=text_comp_nms_thr,
            min_rand_half_height=min_rand_half_height,
            max_rand_half_height=max_rand_half_height,
            jitter_level=jitter_level,
        )

    def generate_targets(self, results):
        self._count += 1
        maps = self._maps(results, seed=new_seed(self.seed, self._count))
        components = maps.pop("gt_comp_attribs")
        results = self._store(results, maps)
        results["gt_comp_attribs"] = components
        return results
