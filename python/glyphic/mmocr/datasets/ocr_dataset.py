"""``mmocr.datasets.ocr_dataset``."""

from ..core.evaluation.ocr_metric import eval_ocr_metric
from .base_dataset import BaseDataset
from .builder import DATASETS


@DATASETS.register_module()
class OCRDataset(BaseDataset):
    """Text recognition: records of ``filename`` and ``text``."""

    def pre_pipeline(self, results):
        results["img_prefix"] = self.img_prefix
        results["text"] = results["img_info"]["text"]

    def _formatted(self, index, result):
        row = self.data_infos[index]
        name = row.get("filename", row.get("file_name"))
        return {"file_name": name, "text": result["text"], "score": result.get("score")}

    def evaluate(self, results, metric="acc", logger=None, **kwargs):
        """See :func:`glyphic.mmocr.core.evaluation.eval_ocr_metric`; each result has its ``text``."""
        truths = [self.data_infos[i]["text"] for i in range(len(self))]
        return eval_ocr_metric([results[i]["text"] for i in range(len(self))], truths)
