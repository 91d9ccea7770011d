"""Reader, detector and recognizer, and functions that share one instance of each."""

from __future__ import annotations

import importlib.util
import pathlib
import threading
from typing import Any, Callable, Dict, List, Tuple

from . import _glyphic
from ._types import Orientation, Page, Region, Transcript


def _one_or_all(image: Any, run: Callable[[Any], List[Any]]) -> Any:
    """A list of pictures gives a list, a picture alone its result."""
    results = run(image)
    return results if isinstance(image, (list, tuple)) else results[0]


#: Files of weights that an installed package brings, for the models that glyphic ships none for.
_BROUGHT: Dict[str, Tuple[str, str, str]] = {
    "ppocr_v6_small": ("rapidocr", "models/PP-OCRv6_det_small.onnx", "models/PP-OCRv6_rec_small.onnx"),
}


def _brought(model: str) -> Tuple[pathlib.Path, pathlib.Path]:
    """The detector's and the recognizer's file of a model whose weights another package brings."""
    package, *files = _BROUGHT[model]
    found = importlib.util.find_spec(package)
    folders = [] if found is None else [pathlib.Path(f) for f in found.submodule_search_locations or []]
    for folder in folders:
        detector, recognizer = (folder / file for file in files)
        if detector.is_file() and recognizer.is_file():
            return detector, recognizer
    where = f"its folder holds no {files[0]} and {files[1]}" if folders else "it is not installed"
    raise _glyphic.GlyphicError(
        f"model {model!r} takes its weights from the package {package}: {where}; run `pip install glyphic[ppocr]`, or give "
        "detector_weights and recognizer_weights"
    )


class Reader:
    """Reads images: words and lines in reading order. An instance may be shared by threads.

    Args:
        detector: name of a model (see :func:`models`) or a TOML file; the default detector if ``None``.
        recognizer: the same for the recognizer.
        model: one name or TOML file for both stages, in place of ``detector`` and ``recognizer``. The weights of
            ``ppocr_v6_small`` are those of an installed package ``rapidocr`` (``pip install glyphic[ppocr]``).
        detector_weights: an ``.onnx`` or ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights if ``None``.
        recognizer_weights: the same for the recognizer.
        device: ``cpu``, or another device of this build.
        crop_margin: margin of a crop around its region, in heights of the region, -0.25 to 1.
        min_text_score: minimum confidence of a region's text, averaged by length, 0 to 1; others are dropped.
        level: granularity of detected regions: ``word``, ``line``, or ``auto``, decided per image.
        language_model: language model for beam search: a name or a file written by ``glyphic language-model``; ``none``
            decodes greedily, as MMOCR does.
        n_best: how many texts of each word or crop are given: the one that is read, and ``n_best - 1`` others as its
            ``alternatives``. The beam search finds 8 at most.
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
        *,
        model=None,
        n_best=1,
    ):
        if model is not None:
            if detector is not None or recognizer is not None:
                raise _glyphic.GlyphicError("model names both stages; give it, or detector and recognizer, not both")
            detector = recognizer = model
            if model in _BROUGHT and (detector_weights is None or recognizer_weights is None):
                brought = _brought(model)
                detector_weights = detector_weights or brought[0]
                recognizer_weights = recognizer_weights or brought[1]
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
            n_best,
        )

    def read(self, image):
        """The page of a picture, or a list of pages for a list of pictures."""
        return _one_or_all(image, lambda i: [Page._of(row) for row in self._inner.read(i)])

    def orientation(self, image):
        """How a page stands, or a list of that for a list of pictures, from its longest lines alone: a fraction of the time of
        :meth:`read`. Whatever ``min_text_score`` says, a page of hardly any text has confidence 0."""
        return _one_or_all(image, lambda i: [Orientation(*row) for row in self._inner.orientation(i)])


class Detector:
    """Detects text regions. An instance may be shared by threads.

    Args:
        model: name of a model (see :func:`models`) or a TOML file; the default detector if ``None``.
        weights: an ``.onnx`` or ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights if ``None``.
        device: ``cpu``, or another device of this build.
        level: granularity of detected regions: ``word``, ``line``, or ``auto``, decided per image.
    """

    def __init__(self, model=None, weights=None, device="cpu", level=None):
        self._inner = _glyphic.Detector(model, weights, device, level)

    def detect(self, image):
        """The regions of a picture, or a list of them for each picture of a list."""

        def run(i: Any) -> List[List[Region]]:
            return [[Region._of(row) for row in rows] for rows in self._inner.detect(i)]

        return _one_or_all(image, run)


class Recognizer:
    """Recognizes crops that hold one word or one line each. An instance may be shared by threads.

    Args:
        model: name of a model (see :func:`models`) or a TOML file; the default recognizer if ``None``.
        weights: an ``.onnx`` or ``.safetensors`` file or a ``.pth`` checkpoint; the shipped weights if ``None``.
        device: ``cpu``, or another device of this build.
        language_model: language model for beam search: a name or a file written by ``glyphic language-model``; ``none``
            decodes greedily, as MMOCR does.
        n_best: how many texts of each word or crop are given: the one that is read, and ``n_best - 1`` others as its
            ``alternatives``. The beam search finds 8 at most.
    """

    def __init__(self, model=None, weights=None, device="cpu", language_model=None, *, n_best=1):
        self._inner = _glyphic.Recognizer(model, weights, device, language_model, n_best)

    def recognize(self, image):
        """The transcript of a crop, or a list of them for a list of crops."""
        return _one_or_all(image, lambda i: [Transcript._of(row) for row in self._inner.recognize(i)])


def export(pages):
    """Pages as docTR's ``Document.export()`` has them, which its ``Document.from_dict`` takes: see :meth:`Page.export`."""
    return {"pages": [{**page.export(), "page_idx": index} for index, page in enumerate(pages)]}


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
