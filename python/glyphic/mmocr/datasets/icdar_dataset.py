"""``mmocr.datasets.icdar_dataset``."""

import json
import os

import numpy as np

from ..core.evaluation.hmean import eval_hmean
from ..utils.check_argument import is_type_list
from .base_dataset import _Rows
from .builder import DATASETS
from .pipelines.compose import Compose
from .text_det_dataset import boundaries, boxes_array, chosen


@DATASETS.register_module()
class IcdarDataset(_Rows):
    """Text detection from a file in COCO's style.

    Args:
        ann_file: the file.
        pipeline: configs of the steps.
        classes: names of categories in place of ``text``.
        data_root: the folder that ``ann_file`` and the prefixes are relative to.
        img_prefix: the folder of the pictures.
        test_mode: whether a broken sample is an error, and every picture is taken.
        filter_empty_gt: whether pictures without annotations are left out of training.
        select_first_k: how many pictures are taken; all where it is not above 0. (MMOCR takes one more.)
    """

    CLASSES = ("text",)

    def __init__(
        self,
        ann_file,
        pipeline,
        classes=None,
        data_root=None,
        img_prefix="",
        seg_prefix=None,
        proposal_file=None,
        test_mode=False,
        filter_empty_gt=True,
        select_first_k=-1,
    ):
        def under_root(path):
            absolute = path is None or data_root is None or os.path.isabs(path)
            return path if absolute else os.path.join(data_root, path)

        self.select_first_k = select_first_k
        self.test_mode = test_mode
        self.filter_empty_gt = filter_empty_gt
        self.ann_file = under_root(ann_file)
        self.img_prefix = under_root(img_prefix)
        self.seg_prefix = under_root(seg_prefix)
        self.proposal_file = under_root(proposal_file)
        if classes is not None:
            self.CLASSES = (classes,) if isinstance(classes, str) else tuple(classes)
        self.data_infos = self.load_annotations(self.ann_file)
        if not test_mode:
            kept = self._filter_imgs()
            self.data_infos = [self.data_infos[i] for i in kept]
        self._set_group_flag()
        self.pipeline = Compose(pipeline)

    def load_annotations(self, ann_file):
        """The pictures' rows, by id."""
        with open(ann_file, encoding="utf-8-sig") as file:
            document = json.load(file)
        self.cat_ids = [c["id"] for c in document["categories"] if c["name"] in self.CLASSES]
        self.cat2label = {category: i for i, category in enumerate(self.cat_ids)}
        self._annotations = {}
        for annotation in document.get("annotations", []):
            self._annotations.setdefault(annotation["image_id"], []).append(annotation)
        infos = sorted(document["images"], key=lambda info: info["id"])
        if self.select_first_k > 0:
            infos = infos[: self.select_first_k]
        self.img_ids = [info["id"] for info in infos]
        return [{**info, "filename": info["file_name"]} for info in infos]

    def _filter_imgs(self, min_size=32):
        def has_text(info):
            return any(ann["category_id"] in self.cat_ids for ann in self._annotations.get(info["id"], []))

        return [
            i
            for i, info in enumerate(self.data_infos)
            if min(info["width"], info["height"]) >= min_size and (has_text(info) or not self.filter_empty_gt)
        ]

    def get_ann_info(self, idx):
        """The annotations of a sample as arrays and lists."""
        info = self.data_infos[idx]
        return self._parse_ann_info(info, self._annotations.get(info["id"], []))

    def _parse_ann_info(self, img_info, ann_info):
        cared, crowd = [], []
        for ann in ann_info:
            _, _, w, h = ann["bbox"]
            if ann.get("ignore", False) or ann["area"] <= 0 or w < 1 or h < 1:
                continue
            if ann["category_id"] in self.cat_ids:
                (crowd if ann.get("iscrowd", False) else cared).append(ann)

        def boxes(anns):
            return boxes_array([(x, y, x + w, y + h) for x, y, w, h in (ann["bbox"] for ann in anns)])

        return dict(
            bboxes=boxes(cared),
            labels=np.array([self.cat2label[ann["category_id"]] for ann in cared], dtype=np.int64),
            bboxes_ignore=boxes(crowd),
            masks_ignore=[ann.get("segmentation") for ann in crowd],
            masks=[ann.get("segmentation") for ann in cared],
            seg_map=img_info["filename"].replace("jpg", "png"),
        )

    def pre_pipeline(self, results):
        results.update(
            img_prefix=self.img_prefix,
            seg_prefix=self.seg_prefix,
            proposal_file=self.proposal_file,
            bbox_fields=[],
            mask_fields=[],
            seg_fields=[],
        )

    def prepare_train_img(self, index):
        results = dict(img_info=self.data_infos[index], ann_info=self.get_ann_info(index))
        self.pre_pipeline(results)
        return self.pipeline(results)

    def prepare_test_img(self, img_info):
        results = dict(img_info=self.data_infos[img_info])
        self.pre_pipeline(results)
        return self.pipeline(results)

    def _formatted(self, index, result):
        return boundaries(self.data_infos[index]["file_name"], result)

    def evaluate(self, results, metric="hmean-iou", logger=None, score_thr=0.3, rank_list=None, **kwargs):
        """See :func:`glyphic.mmocr.core.evaluation.eval_hmean`."""
        assert is_type_list(results, dict)
        return eval_hmean(
            results,
            [{"filename": info["file_name"]} for info in self.data_infos],
            [self.get_ann_info(i) for i in range(len(self))],
            metrics=chosen(metric),
            score_thr=score_thr,
            logger=logger,
            rank_list=rank_list,
            **kwargs,
        )
