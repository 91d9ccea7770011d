"""MMOCR 0.2.1's module paths, names, arguments and results, computed by glyphic.

A script that uses ``mmocr`` for metrics, data sets, loaders or transforms changes its import line::

    from glyphic.mmocr.core.evaluation import eval_hmean_iou

Pictures are BGR here, as OpenCV reads them. Where MMOCR 0.2.1 is wrong, the right result is the default; the keyword
``compat=True`` of the functions concerned gives MMOCR's.
"""

from .._glyphic import __version__

__all__ = ["__version__"]
