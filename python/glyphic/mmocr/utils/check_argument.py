"""``mmocr.utils.check_argument``. As there, only the first element of a list is looked at."""

import numpy as np


def is_type_list(x, type):
    """A list whose elements are of a type, or empty."""
    return isinstance(x, list) and (not x or isinstance(x[0], type))


def is_2dlist(x):
    """A list of lists, or empty."""
    return is_type_list(x, list)


def is_3dlist(x):
    """A list of lists of lists; any level may be empty."""
    return is_2dlist(x) and (not x or not x[0] or isinstance(x[0][0], list))


def is_ndarray_list(x):
    """A list of arrays, or empty."""
    return is_type_list(x, np.ndarray)


def is_none_or_type(x, type):
    """``None``, or an instance of a type."""
    return x is None or isinstance(x, type)


def equal_len(*argv):
    """Whether all have the same length."""
    assert argv
    return len({len(arg) for arg in argv}) == 1


def valid_boundary(x, with_score=True):
    """Whether the numbers are at least four points, with a score behind them or without."""
    return len(x) >= 8 and len(x) % 2 == int(with_score)
