"""``mmocr.datasets.pipelines.box_utils``."""

from ...utils.box_util import sort_vertex, sort_vertex8

__all__ = ["sort_vertex", "sort_vertex8"]
