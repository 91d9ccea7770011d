"""What reading gives: plain frozen dataclasses."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Optional, Tuple

Point = Tuple[float, float]


@dataclass(frozen=True)
class _Record:
    def to_dict(self) -> Dict[str, Any]:
        """The same as dicts, lists, strings and numbers."""
        return asdict(self)


@dataclass(frozen=True)
class Char(_Record):
    """A character of a transcript; ``start`` and ``end`` are fractions of the crop's width."""

    char: str
    score: float
    start: float
    end: float


@dataclass(frozen=True)
class Alternative(_Record):
    """Another text that a crop or a word may hold; ``score`` as that of a transcript."""

    text: str
    score: float


@dataclass(frozen=True)
class Transcript(_Record):
    """What a crop says. ``score`` is 0 to 1, and 0 for an empty text. ``alternatives`` are other texts that it may hold, the
    surest first; empty unless they were asked for (``n_best``)."""

    text: str
    score: float
    chars: List[Char]
    alternatives: List[Alternative] = field(default_factory=list)

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Transcript:
        others = [Alternative(*other) for other in row["alternatives"]]
        return cls(row["text"], row["score"], [Char(*c) for c in row["chars"]], others)


@dataclass(frozen=True)
class Orientation(_Record):
    """How a page stands: ``angle`` is 0, 90, 180 or 270, the degrees clockwise by which its text is turned, ``confidence``
    0 to 1: how surely the lines that were looked at read that way; 0 where hardly anything reads."""

    angle: int
    confidence: float


@dataclass(frozen=True)
class Region(_Record):
    """A piece of a picture that holds text: its outline, clockwise, and the detector's score, 0 to 1."""

    polygon: List[Point]
    score: float

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Region:
        return cls(row["polygon"], row["score"])


@dataclass(frozen=True)
class Word(_Record):
    """A word of a page. ``score`` is the detector's, ``transcript.score`` the recognizer's."""

    polygon: List[Point]
    score: float
    transcript: Transcript
    #: Whether it is in bold print or in italics; ``False`` where that is not known.
    bold: bool = False
    italic: bool = False

    @property
    def text(self) -> str:
        return self.transcript.text

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Word:
        return cls(row["polygon"], row["score"], Transcript._of(row["transcript"]), row["bold"], row["italic"])


@dataclass(frozen=True)
class Line(_Record):
    """A line of text; ``words`` are indices into ``Page.words``, in reading order."""

    polygon: List[Point]
    text: str
    score: float
    words: List[int]


@dataclass(frozen=True)
class Cell(_Record):
    """A cell of a table: its first column from 0, how many rows and columns it takes, and its lines as indices into
    ``Page.lines``."""

    column: int
    row_span: int
    column_span: int
    lines: List[int]


@dataclass(frozen=True)
class Block(_Record):
    """Lines that belong together, or a figure. ``kind`` is ``heading``, ``paragraph``, ``list_item``, ``table``, ``key_value``,
    ``caption``, ``header``, ``footer`` or ``figure``; ``lines`` are indices into ``Page.lines``, none for a figure; ``rows`` are
    those of a table, each of the cells that begin in it, ``key`` and ``value`` the texts of a key and its value; ``None`` for
    other blocks."""

    kind: str
    polygon: List[Point]
    lines: List[int]
    rows: Optional[List[List[Cell]]] = None
    key: Optional[str] = None
    value: Optional[str] = None

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Block:
        rows = row["rows"]
        cells = None if rows is None else [[Cell(*cell) for cell in cells] for cells in rows]
        return cls(row["kind"], row["polygon"], row["lines"], cells, row["key"], row["value"])


@dataclass(frozen=True)
class Page(_Record):
    """A picture's text, in reading order."""

    width: int
    height: int
    words: List[Word]
    lines: List[Line]
    #: Degrees clockwise by which the page's text stands turned: 0, 90, 180 or 270. Places are those of the picture as it is.
    orientation: int = 0
    #: The blocks in reading order: every line is in one.
    blocks: List[Block] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines, one a row."""
        return "\n".join(line.text for line in self.lines)

    def rows(self) -> List[Dict[str, Any]]:
        """A dict for each word, in reading order: ``line`` and ``word`` (their numbers from 0), ``text``, ``score`` (the
        recognizer's), ``detection_score``, and ``left``, ``top``, ``right`` and ``bottom`` in pixels."""
        rows = []
        for number, line in enumerate(self.lines):
            for place, index in enumerate(line.words):
                word = self.words[index]
                left, top, right, bottom = _bounds(word.polygon)
                rows.append(
                    {
                        "line": number,
                        "word": place,
                        "text": word.text,
                        "score": word.transcript.score,
                        "detection_score": word.score,
                        "left": left,
                        "top": top,
                        "right": right,
                        "bottom": bottom,
                    }
                )
        return rows

    def to_pandas(self) -> Any:
        """:meth:`rows` as a ``pandas.DataFrame``.

        Raises:
            ImportError: pandas is not installed; :meth:`rows` needs it not.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: run `pip install pandas`, or take rows()") from error
        columns = ["line", "word", "text", "score", "detection_score", "left", "top", "right", "bottom"]
        return pandas.DataFrame(self.rows(), columns=columns)

    def export(self) -> Dict[str, Any]:
        """The page as docTR's ``Page.export()`` has it: blocks of lines of words, with places relative to the picture's size,
        ``((left, top), (right, bottom))`` from 0 to 1. Figures are left out: ``from_dict`` takes no artefacts. Of a page without
        blocks each line is one. A list of pages goes into :func:`export`."""

        def geometry(polygon: List[Point]) -> Tuple[Point, Point]:
            left, top, right, bottom = _bounds(polygon)
            width, height = max(self.width, 1), max(self.height, 1)
            return (left / width, top / height), (right / width, bottom / height)

        def word(index: int) -> Dict[str, Any]:
            word = self.words[index]
            return {
                "value": word.text,
                "confidence": word.transcript.score,
                "geometry": geometry(word.polygon),
                "objectness_score": word.score,
                "crop_orientation": {"value": 0, "confidence": None},
            }

        def line(line: Line) -> Dict[str, Any]:
            scores = [self.words[i].score for i in line.words]
            score = sum(scores) / len(scores) if scores else 0.0
            words = [word(i) for i in line.words]
            return {"geometry": geometry(line.polygon), "objectness_score": score, "words": words}

        def block(block: Block) -> Dict[str, Any]:
            place = geometry(block.polygon)
            lines = [line(self.lines[i]) for i in block.lines]
            score = sum(line["objectness_score"] for line in lines) / len(lines) if lines else 0.0
            return {"geometry": place, "objectness_score": score, "lines": lines, "artefacts": []}

        blocks = self.blocks or [Block("paragraph", line.polygon, [i]) for i, line in enumerate(self.lines)]
        return {
            "page_idx": 0,
            "dimensions": (self.height, self.width),
            "orientation": {"value": self.orientation, "confidence": None},
            "language": {"value": None, "confidence": None},
            "blocks": [block(b) for b in blocks if b.kind != "figure"],
        }

    def _repr_html_(self) -> str:
        """The words at their places, for notebooks; words that are less sure are paler."""
        texts = []
        for word in self.words:
            left, top, right, bottom = _bounds(word.polygon)
            opacity = 0.4 + 0.6 * min(max(word.transcript.score, 0.0), 1.0)
            size = 0.8 * min(bottom - top, right - left) if right > left and bottom > top else 1.0
            texts.append(
                f'<text x="{left:.0f}" y="{bottom - 0.2 * (bottom - top):.0f}" font-size="{max(size, 1.0):.0f}" '
                f'textLength="{max(right - left, 1.0):.0f}" lengthAdjust="spacingAndGlyphs" opacity="{opacity:.2f}">'
                f"{html.escape(''.join(c for c in word.text if c.isprintable()))}</text>"
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'style="max-width:100%;max-height:40em;background:#fff;border:1px solid #ccc;font-family:sans-serif">'
            + "".join(texts)
            + "</svg>"
        )

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Page:
        words = [Word._of(word) for word in row["words"]]
        lines = [Line(**line) for line in row["lines"]]
        blocks = [Block._of(block) for block in row["blocks"]]
        return cls(row["width"], row["height"], words, lines, row["orientation"], blocks)


def _bounds(polygon: List[Point]) -> Tuple[float, float, float, float]:
    """The upright rectangle around a polygon: left, top, right, bottom."""
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
