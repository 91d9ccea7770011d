"""``mmocr.datasets.ocr_seg_dataset``."""

from ..utils.check_argument import is_type_list
from .builder import DATASETS
from .ocr_dataset import OCRDataset


@DATASETS.register_module()
class OCRSegDataset(OCRDataset):
    """Text recognition with the boxes of characters: ``file_name``, ``text`` and ``annotations`` with ``char_text`` and
    ``char_box``, four numbers (``char_box_type`` ``xyxy`` or ``xywh``) or eight."""

    def pre_pipeline(self, results):
        results["img_prefix"] = self.img_prefix

    def _parse_anno_info(self, annotations):
        """``chars``, ``char_rects`` (``x0, y0, x1, y1``) and ``char_quads``."""
        assert is_type_list(annotations, dict)
        assert "char_box" in annotations[0]
        assert "char_text" in annotations[0]
        assert len(annotations[0]["char_box"]) in (4, 8)
        chars, rects, quads = [], [], []
        for ann in annotations:
            box = list(ann["char_box"])
            if len(box) == 8:
                rects.append([min(box[::2]), min(box[1::2]), max(box[::2]), max(box[1::2])])
                quads.append(box)
            elif len(box) == 4:
                kind = ann.get("char_box_type", "xyxy")
                if kind not in ("xyxy", "xywh"):
                    raise ValueError(f"invalid char_box_type {kind}")
                x0, y0, x1, y1 = box
                if kind == "xywh":
                    x1, y1 = x0 + x1, y0 + y1
                rects.append([x0, y0, x1, y1])
                quads.append([x0, y0, x1, y0, x1, y1, x0, y1])
            else:
                raise ValueError(f"invalid num in char box: {len(box)} not in (4, 8)")
            chars.append(ann["char_text"])
        return dict(chars=chars, char_rects=rects, char_quads=quads)

    def prepare_train_img(self, index):
        row = self.data_infos[index]
        info = self._parse_anno_info(row["annotations"])
        results = dict(img_info={"filename": row["file_name"]}, ann_info=info)
        self.pre_pipeline(results)
        return self.pipeline(results)
