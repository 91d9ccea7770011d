"""``mmocr.core``: metrics, masks and boundaries."""

from . import evaluation
from .evaluation import *  # noqa: F403
from .mask import extract_boundary, points2boundary, seg2boundary

__all__ = ["extract_boundary", "points2boundary", "seg2boundary", *evaluation.__all__]
