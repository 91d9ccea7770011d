"""A plugin of OCRmyPDF: ``ocrmypdf --plugin glyphic.ocrmypdf in.pdf out.pdf`` reads with glyphic in place of Tesseract.

Orientation (``--rotate-pages``), skew (``--deskew``) and text are glyphic's. Tesseract need not be installed.
"""

from __future__ import annotations

import functools
import html
import math
import os
import shutil
import statistics
from pathlib import Path
from typing import Any, List, Sequence, Set, Tuple

import ocrmypdf  # type: ignore[import-not-found]
from ocrmypdf import hookimpl
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence  # type: ignore[import-not-found]

from . import Detector, Reader, __version__
from ._types import Page, Point, _bounds

__all__ = ["GlyphicEngine", "get_ocr_engine", "initialize", "validate"]

#: Languages whose letters the shipped recognizer has, as Tesseract names them: OCRmyPDF refuses others.
_LANGUAGES = frozenset(
    "afr bos bre cat ces cos dan deu eng enm est eus fao fil fin fra frm fry gla gle glg hat hrv hun ind isl ita ita_old jav "
    "kmr lat lav lit ltz mri msa nld nor oci pol por que ron slk slv spa spa_old sqi srp_latn sun swa swe tur".split()
)

#: OCRmyPDF turns a page where the confidence is above its threshold, 14 by default. A page that reads well is surer than
#: that, whichever way it stands; one that hardly reads is not.
_SUREST = 30.0

#: A region this many times longer than high tells the skew.
_LONG = 5.0

#: Words of a line stand apart by this share of their height at least.
_GAP = 0.2

#: Steeper regions do not tell the skew of a page, in degrees.
_STEEPEST = 30.0


@functools.lru_cache(maxsize=1)
def _reader() -> Reader:
    return Reader()


@functools.lru_cache(maxsize=1)
def _detector() -> Detector:
    return Detector(level="line")


def _base(polygon: List[Point]) -> Tuple[float, float, float]:
    """The direction of a text, in degrees clockwise from left to right, its length and its height."""
    if len(polygon) != 4:
        left, right = min(x for x, _ in polygon), max(x for x, _ in polygon)
        top, bottom = min(y for _, y in polygon), max(y for _, y in polygon)
        return 0.0, right - left, bottom - top
    (x0, y0), (x1, y1), _, (x3, y3) = polygon
    return math.degrees(math.atan2(y1 - y0, x1 - x0)), math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0)


def _place(page: Page, words: List[int]) -> List[Tuple[int, List[float]]]:
    """The words of a line and their boxes. Readers of PDF join words that touch: a gap is left before the next word."""
    boxes = []
    for k, following in zip(words, [*words[1:], None]):
        left, top, right, bottom = _bounds(page.words[k].polygon)
        if following is not None:
            next_left, next_top, _, next_bottom = _bounds(page.words[following].polygon)
            beside = min(bottom, next_bottom) - max(top, next_top) > 0.5 * (bottom - top)
            if beside and next_left > (left + right) / 2:
                right = min(right, max(next_left - _GAP * (bottom - top), (left + right) / 2))
        boxes.append((k, [left, top, right, bottom]))
    return boxes


def _skew(image: Any) -> float:
    """Degrees clockwise by which the lines of a picture run down."""
    angles: List[float] = []
    for region in _detector().detect(image):
        angle, length, height = _base(region.polygon)
        if length > _LONG * height and abs(angle) < _STEEPEST:
            # Long lines tell it better.
            angles += [angle] * max(1, round(length / max(height, 1.0) / _LONG))
    return statistics.median(angles) if angles else 0.0


def _box(sides: Sequence[float]) -> str:
    return " ".join(str(max(0, round(side))) for side in sides)


def _escaped(text: str) -> str:
    return html.escape("".join(c for c in text if c.isprintable()))


def _hocr(page: Page, name: str) -> str:
    rows = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><head><title></title>',
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>',
        f'<meta name="ocr-system" content="glyphic {__version__}"/>',
        '<meta name="ocr-capabilities" content="ocr_page ocr_par ocr_line ocrx_word ocrp_wconf"/></head><body>',
        f"<div class='ocr_page' id='page_1' title='image \"{_escaped(name)}\"; bbox 0 0 {page.width} {page.height}; ppageno 0'>",
    ]
    for i, line in enumerate(page.lines, 1):
        box, angle = _box(_bounds(line.polygon)), -_base(line.polygon)[0]
        turned = f"; textangle {angle % 360:.1f}" if abs(angle) >= 0.5 else ""
        rows.append(f"<p class='ocr_par' id='par_1_{i}' title='bbox {box}'>")
        rows.append(f"<span class='ocr_line' id='line_1_{i}' title='bbox {box}{turned}'>")
        for k, sides in _place(page, line.words):
            word = page.words[k]
            title = f"bbox {_box(sides)}; x_wconf {round(100 * word.transcript.score)}"
            rows.append(f"<span class='ocrx_word' id='word_1_{k + 1}' title='{title}'>{_escaped(word.text)}</span>")
        rows.append("</span></p>")
    return "\n".join([*rows, "</div></body></html>", ""])


class GlyphicEngine(OcrEngine):  # type: ignore[misc]
    """What OCRmyPDF asks of an engine."""

    @staticmethod
    def version() -> str:
        return __version__

    @staticmethod
    def creator_tag(options: Any) -> str:
        return f"glyphic {__version__}"

    def __str__(self) -> str:
        return f"glyphic {__version__}"

    @staticmethod
    def languages(options: Any) -> Set[str]:
        return set(_LANGUAGES)

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:
        found = _reader().orientation(input_file)
        return OrientationConfidence(angle=found.angle, confidence=_SUREST * found.confidence)

    @staticmethod
    def get_deskew(input_file: Path, options: Any) -> float:
        return _skew(input_file)

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:
        page = _reader().read(input_file)
        Path(output_hocr).write_text(_hocr(page, Path(input_file).name), encoding="utf-8")
        Path(output_text).write_text(page.text + "\n" if page.text else "", encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:
        from ocrmypdf.font import MultiFontManager  # type: ignore[import-not-found]
        from ocrmypdf.fpdf_renderer import Fpdf2PdfRenderer  # type: ignore[import-not-found]
        from ocrmypdf.hocrtransform import HocrParser  # type: ignore[import-not-found]
        from PIL import Image

        hocr = Path(output_pdf).with_suffix(".hocr")
        GlyphicEngine.generate_hocr(input_file, hocr, output_text, options)
        with Image.open(input_file) as image:
            dpi = float(image.info.get("dpi", (300.0, 300.0))[0])
        renderer = Fpdf2PdfRenderer(page=HocrParser(hocr).parse(), dpi=dpi, multi_font_manager=MultiFontManager(Path(ocrmypdf.__file__).parent / "data"))
        renderer.render(Path(output_pdf))


@hookimpl
def initialize(plugin_manager: Any) -> None:
    """OCRmyPDF's own engine asks for Tesseract, which nothing needs here."""
    if shutil.which("tesseract") is None:
        plugin_manager.set_blocked("ocrmypdf.builtin_plugins.tesseract_ocr")


@hookimpl
def validate(pdfinfo: Any, options: Any) -> None:
    """OCRmyPDF reads pages side by side: each takes its share of the processor."""
    jobs = options.jobs or os.cpu_count() or 1
    os.environ.setdefault("RAYON_NUM_THREADS", str(max(1, jobs // max(1, len(pdfinfo)))))


@hookimpl(tryfirst=True)
def get_ocr_engine(options: Any = None) -> GlyphicEngine:
    """The engine."""
    return GlyphicEngine()
