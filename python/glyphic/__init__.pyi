from ._facade import Detector as Detector
from ._facade import Reader as Reader
from ._facade import Recognizer as Recognizer
from ._facade import detect as detect
from ._facade import export as export
from ._facade import models as models
from ._facade import read as read
from ._facade import recognize as recognize
from ._glyphic import GlyphicError as GlyphicError
from ._types import Alternative as Alternative
from ._types import Block as Block
from ._types import Cell as Cell
from ._types import Char as Char
from ._types import Line as Line
from ._types import Orientation as Orientation
from ._types import Page as Page
from ._types import Region as Region
from ._types import Transcript as Transcript
from ._types import Word as Word

__version__: str
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
