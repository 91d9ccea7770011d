"""``mmocr.datasets.ner_dataset``."""

from ..core.evaluation.ner_metric import eval_ner_f1
from .base_dataset import BaseDataset
from .builder import DATASETS


@DATASETS.register_module()
class NerDataset(BaseDataset):
    """Named entities: records of ``text`` and ``label``."""

    def prepare_train_img(self, index):
        return self.pipeline(self.data_infos[index])

    def _formatted(self, index, result):
        return result

    def evaluate(self, results, metric=None, logger=None, **kwargs):
        """See :func:`glyphic.mmocr.core.evaluation.eval_ner_f1`; a result is the list of a text's entities."""
        return eval_ner_f1(results, [self.data_infos[i] for i in range(len(self))], **kwargs)
