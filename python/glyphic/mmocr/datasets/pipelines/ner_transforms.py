"""``mmocr.datasets.pipelines.ner_transforms``."""

import numpy as np

from .... import _glyphic
from ..builder import PIPELINES


@PIPELINES.register_module()
class NerTransform:
    """A text and its entities as the numbers a network reads.

    Args:
        label_convertor: a dict of ``type`` (``NerConvertor``), ``annotation_type`` (``bio``), ``vocab_file``,
            ``categories`` and ``max_len``.
        max_len: the length of a sample. A longer text is cut, entities with it; MMOCR fails on it.
    """

    def __init__(self, label_convertor, max_len):
        config = dict(label_convertor)
        assert config.pop("type", "NerConvertor") == "NerConvertor"
        assert config.pop("annotation_type", "bio") == "bio", "labels are of the scheme B, I, O"
        self.max_len = max_len
        self._encoder = _glyphic.NerEncoder(config["vocab_file"], list(config["categories"]), max_len)

    def __call__(self, results):
        entities = [
            (category, place[0], place[1])
            for category, words in results["label"].items()
            for places in words.values()
            for place in places
        ]
        encoded = self._encoder.encode(results["text"], entities)
        # As in MMOCR, the ids stand in the picture's place too, where `Collect` looks for one.
        return dict(encoded, img=encoded["input_ids"])


@PIPELINES.register_module()
class ToTensorNER:
    """Lists of ``img_metas``, where :class:`Collect` has put them, as arrays of int64."""

    def __call__(self, results):
        lists = results["img_metas"]
        names = {
            "input_ids": "input_ids",
            "attention_masks": "attention_mask",
            "labels": "labels",
            "token_type_ids": "token_type_ids",
        }
        metas = {name: np.asarray(lists[key], dtype=np.int64) for name, key in names.items()}
        return dict(img=lists["img"], img_metas=metas)
