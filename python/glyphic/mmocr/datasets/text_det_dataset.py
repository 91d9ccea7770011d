"""``mmocr.datasets.text_det_dataset``."""

import numpy as np

from ..core.evaluation.hmean import eval_hmean
from .base_dataset import BaseDataset
from .builder import DATASETS

METRICS = {"hmean-iou", "hmean-ic13"}


def boxes_array(boxes):
    return np.asarray(boxes, dtype=np.float32).reshape(-1, 4)


def boundaries(filename, result):
    """What was found in a picture, as plain data."""
    return {"filename": filename, "boundary_result": result["boundary_result"]}


def chosen(metric):
    """The metrics named that there are."""
    return set(metric if isinstance(metric, list) else [metric]) & METRICS


@DATASETS.register_module()
class TextDetDataset(BaseDataset):
    """Text detection from lines of JSON: ``file_name``, ``height``, ``width`` and ``annotations`` with ``iscrowd``,
    ``category_id``, ``bbox`` and ``segmentation``."""

    def _parse_anno_info(self, annotations):
        """``bboxes``, ``labels`` and ``masks`` of texts that count, ``bboxes_ignore`` and ``masks_ignore`` of others."""
        crowd = [ann for ann in annotations if ann.get("iscrowd", False)]
        cared = [ann for ann in annotations if not ann.get("iscrowd", False)]
        return dict(
            bboxes=boxes_array([ann["bbox"] for ann in cared]),
            labels=np.array([ann["category_id"] for ann in cared], dtype=np.int64),
            bboxes_ignore=boxes_array([ann["bbox"] for ann in crowd]),
            masks_ignore=[ann.get("segmentation") for ann in crowd],
            masks=[ann.get("segmentation") for ann in cared],
        )

    def prepare_train_img(self, index):
        row = self.data_infos[index]
        results = dict(
            img_info={"filename": row["file_name"], "height": row["height"], "width": row["width"]},
            ann_info=self._parse_anno_info(row["annotations"]),
            bbox_fields=[],
            mask_fields=[],
            seg_fields=[],
        )
        self.pre_pipeline(results)
        return self.pipeline(results)

    def _formatted(self, index, result):
        return boundaries(self.data_infos[index]["file_name"], result)

    def evaluate(self, results, metric="hmean-iou", score_thr=0.3, rank_list=None, logger=None, **kwargs):
        """See :func:`glyphic.mmocr.core.evaluation.eval_hmean`."""
        rows = [self.data_infos[i] for i in range(len(self))]
        return eval_hmean(
            results,
            [{"filename": row["file_name"]} for row in rows],
            [self._parse_anno_info(row["annotations"]) for row in rows],
            metrics=chosen(metric),
            score_thr=score_thr,
            logger=logger,
            rank_list=rank_list,
            **kwargs,
        )
