"""What reading gives: plain frozen dataclasses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Tuple

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
class Transcript(_Record):
    """What a crop says. ``score`` is 0 to 1, and 0 for an empty text."""

    text: str
    score: float
    chars: List[Char]

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Transcript:
        return cls(row["text"], row["score"], [Char(*c) for c in row["chars"]])


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

    @property
    def text(self) -> str:
        return self.transcript.text

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Word:
        return cls(row["polygon"], row["score"], Transcript._of(row["transcript"]))


@dataclass(frozen=True)
class Line(_Record):
    """A line of text; ``words`` are indices into ``Page.words``, in reading order."""

    polygon: List[Point]
    text: str
    score: float
    words: List[int]


@dataclass(frozen=True)
class Page(_Record):
    """A picture's text, in reading order."""

    width: int
    height: int
    words: List[Word]
    lines: List[Line]

    @property
    def text(self) -> str:
        """The lines, one a row."""
        return "\n".join(line.text for line in self.lines)

    @classmethod
    def _of(cls, row: Dict[str, Any]) -> Page:
        words = [Word._of(word) for word in row["words"]]
        return cls(row["width"], row["height"], words, [Line(**line) for line in row["lines"]])
