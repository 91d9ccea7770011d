"""Reader, detector and recognizer, and functions that share one of each."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List

from . import _glyphic
from ._types import Page, Region, Transcript


def _one_or_all(image: Any, run: Callable[[Any], List[Any]]) -> Any:
    """A list of pictures gives a list, a picture alone its result."""
    results = run(image)
    return results if isinstance(image, (list, tuple)) else results[0]


class Reader:
    """Reads pictures: words and lines in reading order. Threads may share one.

    Args:
        detector: a model's name (see :func:`models`) or a TOML file; the default detector where it is not given.
        recognizer: the same for the recognizer.
        detector_weights: a ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights where it is not given.
        recognizer_weights: the same for the recognizer.
        device: ``cpu``, or another device that this build has.
        crop_margin: what a crop shows around its region, in heights of the region, -0.25 to 1.
        min_text_score: regions whose words are read with less confidence, on average by their length, are dropped, 0 to 1.
        level: what one region is: ``word``, ``line``, or ``auto``: words of a scene, lines of a page.
        language_model: a language model's name or a file that ``glyphic language-model`` wrote; ``none`` reads the best
            class of each time step, as MMOCR does.
    """

    def __init__(
        self,
        detector=None,
        recognizer=None,
        detector_weights=None,
        recognizer_weights=None,
        device="cpu",
        crop_margin=None,
        min_text_score=None,
        level=None,
        language_model=None,
    ):
        self._inner = _glyphic.Reader(
            detector,
            recognizer,
            detector_weights,
            recognizer_weights,
            device,
            crop_margin,
            min_text_score,
            level,
            language_model,
        )

    def read(self, image):
        """The page of a picture, or a list of pages for a list of pictures."""
        return _one_or_all(image, lambda i: [Page._of(row) for row in self._inner.read(i)])


class Detector:
    """Finds text. Threads may share one.

    Args:
        model: a model's name (see :func:`models`) or a TOML file; the default detector where it is not given.
        weights: a ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights where it is not given.
        device: ``cpu``, or another device that this build has.
        level: what one region is: ``word``, ``line``, or ``auto``: words of a scene, lines of a page.
    """

    def __init__(self, model=None, weights=None, device="cpu", level=None):
        self._inner = _glyphic.Detector(model, weights, device, level)

    def detect(self, image):
        """The regions of a picture, or a list of them for each picture of a list."""

        def run(i: Any) -> List[List[Region]]:
            return [[Region._of(row) for row in rows] for rows in self._inner.detect(i)]

        return _one_or_all(image, run)


class Recognizer:
    """Reads crops that hold one word or line each. Threads may share one.

    Args:
        model: a model's name (see :func:`models`) or a TOML file; the default recognizer where it is not given.
        weights: a ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights where it is not given.
        device: ``cpu``, or another device that this build has.
        language_model: a language model's name or a file that ``glyphic language-model`` wrote; ``none`` reads the best
            class of each time step, as MMOCR does.
    """

    def __init__(self, model=None, weights=None, device="cpu", language_model=None):
        self._inner = _glyphic.Recognizer(model, weights, device, language_model)

    def recognize(self, image):
        """The transcript of a crop, or a list of them for a list of crops."""
        return _one_or_all(image, lambda i: [Transcript._of(row) for row in self._inner.recognize(i)])


def models():
    """The models of the catalog: dicts of ``name``, ``task``, ``summary`` and whether ``weights`` are shipped."""
    return _glyphic.models()


_lock = threading.Lock()
_shared: Dict[type, Any] = {}


def _default(kind: type) -> Any:
    with _lock:
        if kind not in _shared:
            _shared[kind] = kind()
        return _shared[kind]


def read(image):
    """:meth:`Reader.read` with the default models, which are loaded at the first call."""
    return _default(Reader).read(image)


def detect(image):
    """:meth:`Detector.detect` with the default detector, which is loaded at the first call."""
    return _default(Detector).detect(image)


def recognize(image):
    """:meth:`Recognizer.recognize` with the default recognizer, which is loaded at the first call."""
    return _default(Recognizer).recognize(image)
