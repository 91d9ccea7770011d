"""``mmocr.datasets.kie_dataset``."""

import os

import numpy as np

from ... import _glyphic
from ..core.evaluation.kie_metric import compute_f1_score
from ..utils.box_util import sort_vertex8
from ..utils.check_argument import is_type_list
from ..utils.fileio import list_from_file
from .base_dataset import BaseDataset
from .builder import DATASETS


def _nodes(result):
    """The scores of the boxes' classes: an array, also of a tensor."""
    scores = result["nodes"]
    return np.asarray(scores.detach().cpu() if hasattr(scores, "detach") else scores)


@DATASETS.register_module()
class KIEDataset(BaseDataset):
    """Key information of forms: ``file_name``, ``height``, ``width`` and ``annotations`` with ``box`` (eight numbers),
    ``text``, ``label`` and ``edge``.

    Args:
        ann_file, loader, img_prefix, pipeline, test_mode: see :class:`BaseDataset`.
        dict_file: the characters, one a line.
        norm: distances are divided by it.
        directed: whether edges count one way only.
    """

    def __init__(
        self,
        ann_file,
        loader,
        dict_file,
        img_prefix="",
        pipeline=None,
        norm=10.0,
        directed=False,
        test_mode=True,
        **kwargs,
    ):
        super().__init__(ann_file, loader, pipeline, img_prefix=img_prefix, test_mode=test_mode)
        assert os.path.exists(dict_file)
        self.norm = norm
        self.directed = directed
        self.dict = {"": 0, **{line: i for i, line in enumerate(list_from_file(dict_file), 1)}}

    def pre_pipeline(self, results):
        name = results["img_info"]["filename"]
        results["img_prefix"] = self.img_prefix
        results["bbox_fields"] = []
        results["ori_texts"] = results["ann_info"]["ori_texts"]
        results["filename"] = os.path.join(self.img_prefix, name)
        results["ori_filename"] = name
        # Steps ask for a picture; there is none.
        results["img"] = np.zeros((0, 0, 0), dtype=np.uint8)

    def _parse_anno_info(self, annotations):
        """``bboxes`` (n, 4), ``relations`` (n, n, 5), ``texts`` (n, longest), ``labels`` (n, 1 + n)."""
        assert is_type_list(annotations, dict)
        assert len(annotations) > 0, "Please remove data with empty annotation"
        assert "box" in annotations[0]
        assert "text" in annotations[0]
        info = self.list_to_numpy(
            dict(
                boxes=[sort_vertex8(ann["box"][:8]) for ann in annotations],
                text_inds=[[self.dict[c] for c in ann["text"] if c in self.dict] for ann in annotations],
                edges=[ann.get("edge", 0) for ann in annotations],
                labels=[ann.get("label", 0) for ann in annotations],
            )
        )
        info["ori_texts"] = [ann["text"] for ann in annotations]
        return info

    def prepare_train_img(self, index):
        row = self.data_infos[index]
        results = dict(
            img_info={"filename": row["file_name"], "height": row["height"], "width": row["width"]},
            ann_info=self._parse_anno_info(row["annotations"]),
        )
        self.pre_pipeline(results)
        return self.pipeline(results)

    def evaluate(self, results, metric="macro_f1", metric_options=None, **kwargs):
        """``macro_f1`` of results with ``nodes`` (n, classes); ``metric_options["macro_f1"]["ignores"]`` are classes
        left out of it."""
        assert set(kwargs) <= {"logger"}
        for name in metric if isinstance(metric, list) else [metric]:
            if name != "macro_f1":
                raise KeyError(f"metric {name} is not supported")
        return self.compute_macro_f1(results, **(metric_options or {}).get("macro_f1", {}))

    def _formatted(self, index, result):
        return {"filename": self.data_infos[index]["file_name"], "nodes": _nodes(result)}

    def compute_macro_f1(self, results, ignores=[]):  # noqa: B006
        nodes, truths = [], []
        for i, result in enumerate(results):
            nodes.append(_nodes(result))
            truths += [ann["label"] for ann in self.data_infos[i]["annotations"]]
        return {"macro_f1": compute_f1_score(np.concatenate(nodes), truths, ignores).mean()}

    def list_to_numpy(self, ann_infos):
        """Lists of boxes, indices of characters, labels and edges as arrays."""
        relations, bboxes = self.compute_relation(np.array(ann_infos["boxes"], np.int32))
        labels = ann_infos.get("labels")
        if labels is not None:
            labels = np.array(labels, np.int32)
            edges = ann_infos.get("edges")
            if edges is not None:
                labels = labels[:, None]
                edges = np.array(edges)
                edges = (edges[:, None] == edges[None, :]).astype(np.int32)
                if self.directed:
                    edges = (edges & labels == 1).astype(np.int32)
                np.fill_diagonal(edges, -1)
                labels = np.concatenate([labels, edges], -1)
        texts = self.pad_text_indices(ann_infos["text_inds"])
        return dict(bboxes=bboxes, relations=relations, texts=texts, labels=labels)

    def pad_text_indices(self, text_inds):
        """Indices of characters, -1 behind shorter texts."""
        padded = -np.ones((len(text_inds), max(map(len, text_inds))), np.int32)
        for row, indices in zip(padded, text_inds):
            row[: len(indices)] = indices
        return padded

    def compute_relation(self, boxes):
        """What each box is to each other one (dx, dy, and ratios of sizes), and the upright boxes."""
        boxes = np.asarray(boxes)
        relations = np.asarray(_glyphic.relations(boxes.astype(np.float64).tolist(), self.norm), np.float32)
        return relations, boxes[:, [0, 1, 4, 5]].astype(np.float32)
