"""``mmocr.core.mask``."""

import numpy as np

from ... import _glyphic
from ..utils.check_argument import is_2dlist


def points2boundary(points, text_repr_type, text_score=None, min_width=-1):
    """The outline of a text from its pixels.

    Args:
        points: pixels, an array (n, 2) of x and y.
        text_repr_type: ``quad`` (the rectangle of least area, at any angle) or ``poly`` (the traced outline).
        text_score: is put behind the numbers where it is given.
        min_width: quads whose shorter side is not longer are none.

    Returns:
        ``x1, y1, x2, y2, ...``, or ``None`` where less than 8 numbers come out.
    """
    assert isinstance(points, np.ndarray)
    assert points.ndim == 2 and points.shape[1] == 2
    assert text_repr_type in ("quad", "poly")
    assert text_score is None or 0 <= text_score <= 1
    pixels = np.ascontiguousarray(points, dtype=np.int64)
    boundary = _glyphic.points2boundary(pixels, text_repr_type == "quad", float(min_width))
    if text_repr_type == "poly":
        boundary = [int(v) for v in boundary]
    if text_score is not None:
        boundary.append(text_score)
    return boundary if len(boundary) >= 8 else None


def seg2boundary(seg, text_repr_type, text_score=None):
    """:func:`points2boundary` of the pixels of a mask (height, width) that are not 0; ``None`` where there are none."""
    assert isinstance(seg, np.ndarray)
    assert isinstance(text_repr_type, str)
    assert text_score is None or 0 <= text_score <= 1
    rows, columns = np.nonzero(seg)
    if not len(rows):
        return None
    return points2boundary(np.stack([columns, rows], axis=-1), text_repr_type, text_score)


def extract_boundary(result):
    """The boundaries of a detection result: with their scores, without, and the scores alone."""
    assert isinstance(result, dict)
    assert "boundary_result" in result
    rows = result["boundary_result"]
    assert is_2dlist(rows)
    return rows, [row[:-1] for row in rows], [row[-1] for row in rows]
