from os import PathLike
from typing import Any, Iterable, List, Tuple, Union, overload

from numpy import uint8
from numpy.typing import NDArray

from ._types import Orientation, Page, Region, Transcript

_Image = Union[str, "PathLike[str]", bytes, NDArray[uint8]]
_Images = Union[List[_Image], Tuple[_Image, ...]]
_File = Union[str, "PathLike[str]", None]

class Reader:
    def __init__(
        self,
        detector: Union[str, None] = None,
        recognizer: Union[str, None] = None,
        detector_weights: _File = None,
        recognizer_weights: _File = None,
        device: str = "cpu",
        crop_margin: Union[float, None] = None,
        min_text_score: Union[float, None] = None,
        level: Union[str, None] = None,
        language_model: Union[str, None] = None,
        *,
        model: Union[str, None] = None,
        n_best: int = 1,
    ) -> None: ...
    @overload
    def read(self, image: _Image) -> Page: ...
    @overload
    def read(self, image: _Images) -> list[Page]: ...
    @overload
    def orientation(self, image: _Image) -> Orientation: ...
    @overload
    def orientation(self, image: _Images) -> list[Orientation]: ...

class Detector:
    def __init__(
        self,
        model: Union[str, None] = None,
        weights: _File = None,
        device: str = "cpu",
        level: Union[str, None] = None,
    ) -> None: ...
    @overload
    def detect(self, image: _Image) -> list[Region]: ...
    @overload
    def detect(self, image: _Images) -> list[list[Region]]: ...

class Recognizer:
    def __init__(
        self,
        model: Union[str, None] = None,
        weights: _File = None,
        device: str = "cpu",
        language_model: Union[str, None] = None,
        *,
        n_best: int = 1,
    ) -> None: ...
    @overload
    def recognize(self, image: _Image) -> Transcript: ...
    @overload
    def recognize(self, image: _Images) -> list[Transcript]: ...

def export(pages: Iterable[Page]) -> dict[str, Any]: ...
def models() -> list[dict[str, Any]]: ...
@overload
def read(image: _Image) -> Page: ...
@overload
def read(image: _Images) -> list[Page]: ...
@overload
def detect(image: _Image) -> list[Region]: ...
@overload
def detect(image: _Images) -> list[list[Region]]: ...
@overload
def recognize(image: _Image) -> Transcript: ...
@overload
def recognize(image: _Images) -> list[Transcript]: ...
