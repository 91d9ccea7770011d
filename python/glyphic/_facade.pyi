from os import PathLike
from typing import Any, Sequence, Union, overload

from numpy import uint8
from numpy.typing import NDArray

from ._types import Page, Region, Transcript

Image = Union[str, "PathLike[str]", bytes, NDArray[uint8]]
File = Union[str, "PathLike[str]", None]

class Reader:
    def __init__(
        self,
        detector: Union[str, None] = None,
        recognizer: Union[str, None] = None,
        detector_weights: File = None,
        recognizer_weights: File = None,
        device: str = "cpu",
        crop_margin: Union[float, None] = None,
        min_text_score: Union[float, None] = None,
    ) -> None: ...
    @overload
    def read(self, image: Image) -> Page: ...
    @overload
    def read(self, image: Sequence[Image]) -> list[Page]: ...

class Detector:
    def __init__(self, model: Union[str, None] = None, weights: File = None, device: str = "cpu") -> None: ...
    @overload
    def detect(self, image: Image) -> list[Region]: ...
    @overload
    def detect(self, image: Sequence[Image]) -> list[list[Region]]: ...

class Recognizer:
    def __init__(self, model: Union[str, None] = None, weights: File = None, device: str = "cpu") -> None: ...
    @overload
    def recognize(self, image: Image) -> Transcript: ...
    @overload
    def recognize(self, image: Sequence[Image]) -> list[Transcript]: ...

def models() -> list[dict[str, Any]]: ...
@overload
def read(image: Image) -> Page: ...
@overload
def read(image: Sequence[Image]) -> list[Page]: ...
@overload
def detect(image: Image) -> list[Region]: ...
@overload
def detect(image: Sequence[Image]) -> list[list[Region]]: ...
@overload
def recognize(image: Image) -> Transcript: ...
@overload
def recognize(image: Sequence[Image]) -> list[Transcript]: ...
