"""``mmocr.core.evaluation.kie_metric``."""

import numpy as np

from .... import _glyphic


def compute_f1_score(preds, gts, ignores=[]):  # noqa: B006
    """F1 of each class.

    Args:
        preds: probabilities or logits (N, C): an array, or a tensor on the processor.
        gts: the N classes of the truth.
        ignores: classes left out of the result. Their samples still count as mistakes of the others.

    Returns:
        An array of float32: the F1 of the other classes, ascending by class.
    """
    preds = np.asarray(preds, dtype=np.float32)
    assert preds.ndim == 2
    truths = np.asarray(gts).reshape(-1).astype(np.int64).tolist()
    return _glyphic.eval_kie_f1(preds, truths, [i for i in ignores if 0 <= i < preds.shape[1]])
