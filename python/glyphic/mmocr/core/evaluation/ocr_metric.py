"""``mmocr.core.evaluation.ocr_metric``."""

from difflib import SequenceMatcher

from .... import _glyphic


def cal_true_positive_char(pred, gt):
    """How many characters stand in the matching blocks of two texts, as they are."""
    return sum(block.size for block in SequenceMatcher(None, pred, gt).get_matching_blocks())


def count_matches(pred_texts, gt_texts):
    """The counts that :func:`eval_ocr_metric` is made of, and the mean normalised edit distance (``ned``)."""
    return _glyphic.count_matches(list(pred_texts), list(gt_texts))


def eval_ocr_metric(pred_texts, gt_texts):
    """Word accuracy, recall and precision of characters, and 1-N.E.D, rounded to four decimals.

    Args:
        pred_texts: what was read, a list of strings.
        gt_texts: the truth, likewise.

    Returns:
        ``word_acc``, ``word_acc_ignore_case``, ``word_acc_ignore_case_symbol``, ``char_recall``, ``char_precision``
        and ``1-N.E.D``. All but the first two are of lower-case texts without symbols.
    """
    assert isinstance(pred_texts, list)
    assert isinstance(gt_texts, list)
    assert len(pred_texts) == len(gt_texts)
    return _glyphic.eval_ocr_metric(pred_texts, gt_texts)
