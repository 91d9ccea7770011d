"""``mmocr.utils``."""

from .box_util import (
    bezier_to_polygon,
    is_on_same_line,
    sort_points,
    sort_vertex,
    sort_vertex8,
    stitch_boxes_into_lines,
)
from .check_argument import (
    equal_len,
    is_2dlist,
    is_3dlist,
    is_ndarray_list,
    is_none_or_type,
    is_type_list,
    valid_boundary,
)
from .collect_env import collect_env
from .data_convert_util import convert_annotations
from .fileio import list_from_file, list_to_file
from .img_util import drop_orientation, is_not_png
from .lmdb_util import lmdb_converter, recog2lmdb
from .logger import get_root_logger
from .registry import Registry, build_from_cfg
from .string_util import StringStrip

__all__ = [
    "Registry",
    "StringStrip",
    "bezier_to_polygon",
    "build_from_cfg",
    "collect_env",
    "convert_annotations",
    "drop_orientation",
    "equal_len",
    "get_root_logger",
    "is_2dlist",
    "is_3dlist",
    "is_ndarray_list",
    "is_none_or_type",
    "is_not_png",
    "is_on_same_line",
    "is_type_list",
    "list_from_file",
    "list_to_file",
    "lmdb_converter",
    "recog2lmdb",
    "sort_points",
    "sort_vertex",
    "sort_vertex8",
    "stitch_boxes_into_lines",
    "valid_boundary",
]
