"""The native half. Its functions take and give plain lists and arrays; the modules around it are the interface."""

from os import PathLike
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union, final

import numpy as np
from numpy.typing import NDArray

_Path = Union[str, "PathLike[str]"]
_Boxes = Sequence[Sequence[Sequence[float]]]
_Report = Tuple[Dict[str, Any], List[Dict[str, float]]]

__version__: str
__all__ = [
    "Detector",
    "GlyphicError",
    "LabelLmdb",
    "NerEncoder",
    "Polygon",
    "Reader",
    "Recognizer",
    "__version__",
    "apply_step",
    "bezier_points",
    "boundary_iou",
    "box_center_distance",
    "box_diag",
    "check_step",
    "compute_hmean",
    "count_matches",
    "crop_around",
    "crop_box",
    "crop_offset",
    "db_decode",
    "draw_outlines",
    "draw_targets",
    "drop_orientation",
    "drrg_decode",
    "eval_hmean",
    "eval_hmean_ic13",
    "eval_hmean_iou",
    "eval_kie_f1",
    "eval_ner_f1",
    "eval_ocr_metric",
    "fcenet_decode",
    "find_head_tail",
    "fourier_points",
    "free_places",
    "ignore_pred",
    "imread",
    "imwrite",
    "is_on_same_line",
    "jitter_corners",
    "jitter_size",
    "many2one",
    "mask_borders",
    "models",
    "normalize",
    "ocr_seg_targets",
    "one2many",
    "one2one",
    "pan_decode",
    "point_distance",
    "points2boundary",
    "points_center",
    "poly_nms",
    "polygon_mask",
    "pse_decode",
    "recall_precision",
    "relations",
    "resize",
    "resize_masks",
    "rotate_boxes",
    "scores_above",
    "scores_from",
    "size_of_form",
    "sort_points",
    "sort_vertices",
    "stitch_boxes_into_lines",
    "task_of",
    "textsnake_decode",
    "to_gray",
    "write_lmdb",
]

class GlyphicError(ValueError): ...

@final
class Reader:
    def __new__(
        cls,
        detector: Optional[str] = None,
        recognizer: Optional[str] = None,
        detector_weights: Optional[_Path] = None,
        recognizer_weights: Optional[_Path] = None,
        device: str = "cpu",
        crop_margin: Optional[float] = None,
        min_text_score: Optional[float] = None,
        level: Optional[str] = None,
        language_model: Optional[str] = None,
        n_best: int = 1,
    ) -> Reader: ...
    def read(self, image: Any, bgr: bool = False) -> List[Dict[str, Any]]: ...
    def orientation(self, image: Any, bgr: bool = False) -> List[Tuple[int, float]]: ...

@final
class Detector:
    def __new__(
        cls,
        model: Optional[str] = None,
        weights: Optional[_Path] = None,
        device: str = "cpu",
        level: Optional[str] = None,
    ) -> Detector: ...
    def detect(self, image: Any, bgr: bool = False) -> List[List[Dict[str, Any]]]: ...

@final
class Recognizer:
    def __new__(
        cls,
        model: Optional[str] = None,
        weights: Optional[_Path] = None,
        device: str = "cpu",
        language_model: Optional[str] = None,
        n_best: int = 1,
    ) -> Recognizer: ...
    def recognize(self, image: Any, bgr: bool = False) -> List[Dict[str, Any]]: ...

def models() -> List[Dict[str, Any]]: ...
def task_of(model: str) -> str: ...

@final
class Polygon:
    def __new__(cls, points: Sequence[float], compat: bool = False) -> Polygon: ...
    @property
    def compat(self) -> bool: ...
    def area(self) -> float: ...
    def nPoints(self) -> int: ...
    def boundingBox(self) -> Tuple[float, float, float, float]: ...
    def intersection_area(self, other: Polygon) -> float: ...
    def iou(self, other: Polygon) -> Optional[float]: ...
    def __and__(self, value: Polygon, /) -> Polygon: ...
    def __rand__(self, value: Any, /) -> Any: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> List[Tuple[float, float]]: ...

@final
class LabelLmdb:
    def __new__(cls, path: _Path) -> LabelLmdb: ...
    def __len__(self) -> int: ...
    def line(self, index: int) -> bytes: ...

@final
class NerEncoder:
    def __new__(cls, vocabulary: _Path, categories: Sequence[str], max_len: int) -> NerEncoder: ...
    def encode(self, text: str, entities: Sequence[Tuple[str, int, int]]) -> Dict[str, Any]: ...

def eval_hmean_iou(
    pred: _Boxes, truth: _Boxes, ignored: _Boxes, iou_thr: float, precision_thr: float, compat: bool
) -> _Report: ...
def eval_hmean_ic13(
    pred: _Boxes, truth: _Boxes, ignored: _Boxes, numbers: Sequence[float], compat: bool
) -> _Report: ...
def eval_hmean(
    boxes: _Boxes,
    scores: Sequence[Sequence[float]],
    truth: _Boxes,
    ignored: _Boxes,
    metric: str,
    score_thr: float,
    compat: bool,
) -> Tuple[List[Tuple[float, Dict[str, Any]]], int, List[Dict[str, float]]]: ...
def eval_ocr_metric(pred: Sequence[str], truth: Sequence[str]) -> Dict[str, float]: ...
def count_matches(pred: Sequence[str], truth: Sequence[str]) -> Dict[str, Any]: ...
def eval_kie_f1(preds: NDArray[np.float32], truths: Sequence[int], ignores: Sequence[int]) -> NDArray[np.float32]: ...
def eval_ner_f1(
    predicted: Sequence[Sequence[Tuple[str, int, int]]],
    truths: Sequence[Sequence[Tuple[str, int, int]]],
    compat: bool,
) -> Dict[str, Dict[str, float]]: ...
def compute_hmean(recall: float, precision: float, truths: int, predictions: int) -> Tuple[float, float, float]: ...
def ignore_pred(
    predictions: Sequence[Polygon], ignored: Sequence[Polygon], precision_thr: float, compat: bool
) -> List[int]: ...
def boundary_iou(a: Sequence[float], b: Sequence[float], compat: bool) -> float: ...
def one2one(
    truth: int,
    prediction: int,
    recall: NDArray[np.float64],
    precision: NDArray[np.float64],
    recall_thr: float,
    precision_thr: float,
) -> bool: ...
def one2many(
    truth: int,
    recall: NDArray[np.float64],
    precision: NDArray[np.float64],
    recall_thr: float,
    precision_thr: float,
    truth_taken: bool,
    prediction_free: Sequence[bool],
) -> Optional[List[int]]: ...
def many2one(
    prediction: int,
    recall: NDArray[np.float64],
    precision: NDArray[np.float64],
    recall_thr: float,
    precision_thr: float,
    prediction_taken: bool,
    truth_free: Sequence[bool],
) -> Optional[List[int]]: ...
def points_center(numbers: Sequence[float]) -> Tuple[float, float]: ...
def point_distance(a: Sequence[float], b: Sequence[float]) -> float: ...
def box_center_distance(a: Sequence[float], b: Sequence[float]) -> float: ...
def box_diag(numbers: Sequence[float]) -> float: ...
def scores_above(scores: Sequence[float], threshold: float) -> List[int]: ...
def scores_from(scores: Sequence[float], threshold: float) -> List[int]: ...
def recall_precision(truths: Sequence[Polygon], predictions: Sequence[Polygon]) -> Tuple[List[float], List[float]]: ...
def is_on_same_line(box_a: Sequence[float], box_b: Sequence[float], min_y_overlap_ratio: Optional[float]) -> bool: ...
def stitch_boxes_into_lines(
    boxes: Sequence[Sequence[float]], max_x_dist: float, min_y_overlap_ratio: Optional[float]
) -> List[Tuple[List[int], List[float]]]: ...
def sort_vertices(numbers: Sequence[float]) -> List[float]: ...
def sort_points(numbers: Sequence[float]) -> List[float]: ...
def bezier_points(controls: Sequence[float], samples: int) -> List[float]: ...
def drop_orientation(file: _Path, target: _Path) -> bool: ...
def imread(file: _Path, color_type: str) -> NDArray[Any]: ...
def to_gray(img: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
def write_lmdb(entries: Iterator[Tuple[bytes, bytes]], folder: _Path) -> int: ...
def points2boundary(pixels: NDArray[np.int64], quad: bool, min_width: float) -> List[float]: ...
def polygon_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> bytes: ...
def resize_masks(masks: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]: ...
def pan_decode(maps: NDArray[np.float32], json: str) -> List[List[float]]: ...
def pse_decode(maps: NDArray[np.float32], json: str) -> List[List[float]]: ...
def db_decode(map: NDArray[np.float32], json: str) -> List[List[float]]: ...
def textsnake_decode(maps: NDArray[np.float32], json: str) -> List[List[float]]: ...
def fcenet_decode(
    classes: NDArray[np.float32], signatures: NDArray[np.float32], stride: float, json: str
) -> List[List[float]]: ...
def drrg_decode(
    edges: Sequence[Sequence[int]], scores: Sequence[float], components: NDArray[np.float32], json: str
) -> List[List[float]]: ...
def poly_nms(polygons: Sequence[Sequence[float]], threshold: float) -> List[List[float]]: ...
def fourier_points(coefficients: Sequence[Sequence[float]], samples: int) -> List[float]: ...
def draw_targets(
    kind: str,
    json: str,
    size: Sequence[int],
    texts: Sequence[Sequence[float]],
    ignored: Sequence[Sequence[float]],
    seed: int,
) -> Dict[str, Any]: ...
def ocr_seg_targets(
    json: str,
    image: Sequence[int],
    resized: Sequence[int],
    padded: Sequence[int],
    boxes: Sequence[Sequence[float]],
    classes: Sequence[int],
) -> Tuple[NDArray[np.int32], List[List[int]]]: ...
def apply_step(json: str, img: NDArray[Any], tensor: bool, beside: Dict[str, Any], draws: Any) -> Dict[str, Any]: ...
def crop_offset(json: str, size: Sequence[int], texts: Optional[Sequence[bool]], draws: Any) -> List[int]: ...
def crop_around(
    json: str, size: Sequence[int], texts: Sequence[Sequence[float]], all: Sequence[Sequence[float]], draws: Any
) -> List[int]: ...
def free_places(size: Sequence[int], texts: Sequence[Sequence[float]], pads: Sequence[int]) -> List[List[int]]: ...
def jitter_corners(corners: Sequence[float], ratio_x: float, ratio_y: float, draws: Any) -> List[float]: ...
def find_head_tail(outline: Sequence[float], orientation_thr: float) -> Optional[List[List[int]]]: ...
def draw_outlines(
    img: NDArray[np.uint8],
    outlines: Sequence[Sequence[float]],
    colours: Sequence[Sequence[int]],
    thickness: float = 1.0,
    fill: Optional[float] = None,
) -> NDArray[np.uint8]: ...
def mask_borders(mask: NDArray[np.bool_]) -> List[List[float]]: ...
def imwrite(img: NDArray[np.uint8], file: _Path) -> None: ...
def check_step(json: str) -> None: ...
def resize(img: NDArray[Any], height: int, width: int) -> NDArray[Any]: ...
def normalize(img: NDArray[Any], mean: Sequence[float], std: Sequence[float], turn: bool) -> NDArray[np.float32]: ...
def crop_box(img: NDArray[Any], quad: Sequence[float], pads: Optional[Sequence[float]] = None) -> NDArray[Any]: ...
def rotate_boxes(
    boxes: Sequence[Sequence[float]],
    chars: Sequence[str],
    angle: float,
    centre: Sequence[float],
    size: Sequence[float],
) -> Tuple[List[List[float]], List[str]]: ...
def jitter_size(json: str, height: int, width: int, draws: Sequence[float]) -> List[int]: ...
def size_of_form(json: str, height: int, width: int) -> Tuple[List[int], List[float]]: ...
def relations(boxes: Sequence[Sequence[float]], norm: float) -> NDArray[np.float32]: ...
