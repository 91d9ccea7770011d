"""``mmocr.datasets.utils``."""

from .loader import HardDiskLoader, LmdbLoader, Loader
from .parser import LineJsonParser, LineStrParser

__all__ = ["HardDiskLoader", "LineJsonParser", "LineStrParser", "LmdbLoader", "Loader"]
