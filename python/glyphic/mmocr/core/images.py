"""Pictures on disk and on the screen, by MMCV's names: ``imread``, ``imwrite`` and ``imshow``. Arrays are BGR."""

import os

import numpy as np

from ... import _glyphic


def imread(img):
    """The picture of a file; an array as it is."""
    return img if isinstance(img, np.ndarray) else _glyphic.imread(os.fspath(img), "color")


def imwrite(img, file_path):
    """Writes a picture; the end of the name says the format."""
    folder = os.path.dirname(file_path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    _glyphic.imwrite(np.ascontiguousarray(img, dtype=np.uint8), os.fspath(file_path))


def imshow(img, win_name="", wait_time=0):
    """Shows a picture in a window of matplotlib, until it is closed or for ``wait_time`` milliseconds above 0."""
    from matplotlib import pyplot

    pyplot.figure(win_name or None)
    pyplot.axis("off")
    pyplot.imshow(imread(img)[..., ::-1])
    pyplot.show(block=wait_time <= 0)
    if wait_time > 0:
        pyplot.pause(wait_time / 1000)
        pyplot.close()
