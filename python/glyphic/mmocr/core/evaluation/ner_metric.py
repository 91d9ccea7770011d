"""``mmocr.core.evaluation.ner_metric``."""

from .... import _glyphic


def gt_label2entity(gt_infos):
    """The entities of each truth: lists ``[category, start, end]``."""
    return [
        [
            [category, place[0], place[1]]
            for category, words in info["label"].items()
            for places in words.values()
            for place in places
        ]
        for info in gt_infos
    ]


def compute_f1_all(pred_entities, gt_entities, compat=False):
    """See :func:`eval_ner_f1`; the truth is given as entities."""

    def tuples(lists):
        return [[(entity[0], int(entity[1]), int(entity[2])) for entity in line] for line in lists]

    return _glyphic.eval_ner_f1(tuples(pred_entities), tuples(gt_entities), compat)


def eval_ner_f1(results, gt_infos, compat=False):
    """Precision, recall and F1 of named entities.

    Args:
        results: for each text, the entities found: ``[category, start, end]``.
        gt_infos: for each text, a dict with ``label``: ``{category: {words: [[start, end], ...]}}``.
        compat: counts a prediction made twice as right twice, and leaves out categories that are only predicted.

    Returns:
        For each category, and for ``all``: ``precision``, ``recall`` and ``f1-score``.
    """
    assert len(results) == len(gt_infos)
    return compute_f1_all(results, gt_label2entity(gt_infos), compat)
