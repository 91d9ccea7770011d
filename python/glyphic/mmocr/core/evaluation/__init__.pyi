from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, Union
from logging import Logger

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "compute_f1_score",
    "eval_hmean",
    "eval_hmean_ic13",
    "eval_hmean_iou",
    "eval_ner_f1",
    "eval_ocr_metric",
]

_Boxes = List[List[List[float]]]
_Report = Tuple[Dict[str, Any], List[Dict[str, float]]]

def eval_hmean_iou(
    pred_boxes: _Boxes,
    gt_boxes: _Boxes,
    gt_ignored_boxes: _Boxes,
    iou_thr: float = 0.5,
    precision_thr: float = 0.5,
    compat: bool = False,
) -> _Report: ...
def eval_hmean_ic13(
    det_boxes: _Boxes,
    gt_boxes: _Boxes,
    gt_ignored_boxes: _Boxes,
    precision_thr: float = 0.4,
    recall_thr: float = 0.8,
    center_dist_thr: float = 1.0,
    one2one_score: float = 1.0,
    one2many_score: float = 0.8,
    many2one_score: float = 1.0,
    compat: bool = False,
) -> _Report: ...
def eval_hmean(
    results: List[Dict[str, Any]],
    img_infos: List[Dict[str, Any]],
    ann_infos: List[Dict[str, Any]],
    metrics: Set[str] = ...,
    score_thr: float = 0.3,
    rank_list: Optional[str] = None,
    logger: Union[Logger, str, None] = None,
    compat: bool = False,
    **kwargs: Any,
) -> Dict[str, float]: ...
def eval_ocr_metric(pred_texts: List[str], gt_texts: List[str]) -> Dict[str, float]: ...
def compute_f1_score(preds: ArrayLike, gts: ArrayLike, ignores: Sequence[int] = ...) -> NDArray[np.float32]: ...
def eval_ner_f1(
    results: Sequence[Sequence[Sequence[Any]]], gt_infos: Sequence[Dict[str, Any]], compat: bool = False
) -> Dict[str, Dict[str, float]]: ...
