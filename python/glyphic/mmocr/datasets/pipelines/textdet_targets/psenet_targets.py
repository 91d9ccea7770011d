"""``mmocr.datasets.pipelines.textdet_targets.psenet_targets``."""

from ...builder import PIPELINES
from .panet_targets import PANetTargets


@PIPELINES.register_module()
class PSENetTargets(PANetTargets):
    """:class:`PANetTargets` with PSENet's ratios."""

    kind = "PSENetTargets"

    def __init__(self, shrink_ratio=(1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4), max_shrink=20, compat=False):
        super().__init__(shrink_ratio=shrink_ratio, max_shrink=max_shrink, compat=compat)
