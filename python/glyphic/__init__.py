"""Reads text in pictures.

>>> import glyphic
>>> page = glyphic.read("receipt.jpg")
>>> print(page.text)

A picture is a path, the bytes of an image file, or an array of uint8 in RGB: ``(height, width, 3)``,
``(height, width, 1)`` or ``(height, width)``. Coordinates are pixels of the upright picture, x to the right, y down.
"""

from ._facade import Detector, Reader, Recognizer, detect, export, models, read, recognize
from ._glyphic import GlyphicError, __version__
from ._types import Alternative, Block, Cell, Char, Line, Orientation, Page, Region, Transcript, Word

__all__ = [
    "Alternative",
    "Block",
    "Cell",
    "Char",
    "Detector",
    "GlyphicError",
    "Line",
    "Orientation",
    "Page",
    "Reader",
    "Recognizer",
    "Region",
    "Transcript",
    "Word",
    "__version__",
    "detect",
    "export",
    "models",
    "read",
    "recognize",
]
