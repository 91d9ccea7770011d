"""Pages as rows, data frames, docTR's dicts and HTML; the plugin of OCRmyPDF."""

import builtins
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import glyphic
from glyphic.mmocr.datasets.pipelines import LoadImageFromFile

CASES = Path(__file__).resolve().parents[2] / "crates" / "glyphic" / "tests" / "cases"
EXAMPLE = next((Path(__file__).resolve().parents[2] / "examples").rglob("*.jpg"))


@pytest.fixture(scope="module")
def page():
    return glyphic.read(str(EXAMPLE))


def test_rows_hold_each_word_once_in_reading_order(page):
    rows = page.rows()
    assert [row["text"] for row in rows] == [page.words[i].text for line in page.lines for i in line.words]
    assert [(row["line"], row["word"]) for row in rows] == sorted((row["line"], row["word"]) for row in rows)
    for row in rows:
        assert row["left"] < row["right"] and row["top"] < row["bottom"] and 0 <= row["score"] <= 1
    assert glyphic.Page(5, 5, [], []).rows() == []


def test_data_frames_need_pandas_and_say_so(page, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install pandas.*rows\(\)"):
        page.to_pandas()


def test_data_frames_hold_the_rows(page):
    pytest.importorskip("pandas")
    frame = page.to_pandas()
    assert list(frame.to_dict("records")) == page.rows()
    assert list(glyphic.Page(5, 5, [], []).to_pandas().columns) == list(frame.columns)


def test_export_is_as_doctrs(page):
    out = page.export()
    assert out["dimensions"] == (page.height, page.width)
    words = [word for block in out["blocks"] for line in block["lines"] for word in line["words"]]
    assert [word["value"] for word in words] == [row["text"] for row in page.rows()]
    for word in words:
        (left, top), (right, bottom) = word["geometry"]
        assert -0.01 <= left < right <= 1.01 and -0.01 <= top < bottom <= 1.01


def test_notebooks_show_the_words_at_their_places(page):
    root = ElementTree.fromstring(page._repr_html_())
    assert [text.text for text in root] == [word.text for word in page.words]
    odd = glyphic.Word([(0, 0), (9, 0), (9, 9), (0, 9)], 1.0, glyphic.Transcript("<&>\0", float("nan"), []))
    assert ElementTree.fromstring(glyphic.Page(9, 9, [odd], [])._repr_html_())[0].text == "<&>"


@pytest.mark.parametrize("turned", [0, 90])
def test_ocrmypdf_reads_with_glyphic(tmp_path, turned):
    pytest.importorskip("ocrmypdf")
    if shutil.which("gs") is None or shutil.which("pdftotext") is None:
        pytest.skip("OCRmyPDF needs Ghostscript, and the test pdftotext")
    from PIL import Image

    upright = Image.open(CASES / "ruled-table.png").convert("RGB")
    upright.rotate(-turned, expand=True).save(tmp_path / "in.png", dpi=(200, 200))
    command = [sys.executable, "-m", "ocrmypdf", "--plugin", "glyphic.ocrmypdf", "--image-dpi", "200", "--output-type", "pdf"]
    command += ["--rotate-pages", "--deskew", "--jobs", "1", str(tmp_path / "in.png"), str(tmp_path / "out.pdf")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    text = subprocess.run(["pdftotext", str(tmp_path / "out.pdf"), "-"], capture_output=True, text=True).stdout.split()
    expected = (CASES / "ruled-table.txt").read_text().split()
    assert sum(word in text for word in expected) >= 0.8 * len(expected), text


def test_the_plugin_tells_the_skew_and_leaves_gaps_between_words():
    plugin = pytest.importorskip("glyphic.ocrmypdf", exc_type=ImportError)
    from PIL import Image

    page = Image.open(CASES / "upside-down.png").convert("RGB").rotate(180)
    for degrees in (0.0, 4.0, -3.0):
        skewed = page.rotate(-degrees, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
        assert abs(plugin._skew(np.asarray(skewed)) - degrees) < 0.7
    square = [(0.0, 0.0), (50.0, 0.0), (50.0, 10.0), (0.0, 10.0)]
    words = [glyphic.Word([(x + dx, y) for x, y in square], 1.0, glyphic.Transcript("<&>", 1.0, [])) for dx in (0, 51)]
    line = glyphic.Line([(0.0, 0.0), (101.0, 0.0), (101.0, 10.0), (0.0, 10.0)], "<&> <&>", 1.0, [0, 1])
    tree = ElementTree.fromstring(plugin._hocr(glyphic.Page(120, 20, words, [line]), "a '<b>.png"))
    found = [e for e in tree.iter() if e.get("class") == "ocrx_word"]
    assert [e.text for e in found] == ["<&>", "<&>"]
    assert [e.get("title").split(";")[0] for e in found] == ["bbox 0 0 49 10", "bbox 51 0 101 10"]


def test_other_texts_are_given_where_they_are_asked_for(page):
    assert all(word.transcript.alternatives == [] for word in page.words)
    read = glyphic.Reader(n_best=3).read(str(EXAMPLE))
    assert [word.text for word in read.words] == [word.text for word in page.words]
    # Of a word that is sure the search follows no other text to the end.
    assert any(len(word.transcript.alternatives) == 2 for word in read.words)
    for word in read.words:
        others = word.transcript.alternatives
        assert len(others) <= 2 and all(other.text != word.text and 0 <= other.score <= 1 for other in others)
        assert [other.score for other in others] == sorted((other.score for other in others), reverse=True)
    with pytest.raises(glyphic.GlyphicError, match="gives one text"):
        glyphic.Recognizer(language_model="none", n_best=2)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_the_orientation_is_told_without_reading_the_page(angle):
    load = LoadImageFromFile()
    picture = load({"img_prefix": None, "img_info": {"filename": str(CASES / "upside-down.png")}})["img"]
    # Quarter turns of numpy are anticlockwise, the angle is told clockwise.
    turned = np.ascontiguousarray(np.rot90(picture[..., ::-1], 2 - angle // 90))
    reader = glyphic.Reader()
    found = reader.orientation(turned)
    assert found.angle == angle and found.confidence > 0.6
    assert reader.read(turned).orientation == angle
    assert reader.orientation([np.full((90, 90, 3), 255, np.uint8)]) == [glyphic.Orientation(0, 0.0)]


def test_several_pages_are_exported_as_a_document(page):
    out = glyphic.export([page, page])
    assert [p["page_idx"] for p in out["pages"]] == [0, 1]
    assert out["pages"][1]["blocks"] == page.export()["blocks"]


def test_blocks_hold_each_line_once_and_tables_their_cells(page):
    assert sorted(i for block in page.blocks for i in block.lines) == list(range(len(page.lines)))
    ruled = glyphic.read(str(CASES / "ruled-table.png"))
    (table,) = ruled.blocks
    assert table.kind == "table" and len(table.rows) == 8
    texts = [[" ".join(ruled.lines[i].text for i in cell.lines) for cell in row] for row in table.rows]
    assert texts[1] == ["Bolts M6", "4", "0.35", "1.40", "A"]
    assert all((cell.row_span, cell.column_span) == (1, 1) for row in table.rows for cell in row)
    assert glyphic.Page(5, 5, [], []).export()["blocks"] == []


def test_figures_are_left_out_for_doctr():
    figure = glyphic.Block("figure", [(0.0, 0.0), (50.0, 0.0), (50.0, 25.0), (0.0, 25.0)], [])
    assert glyphic.Page(100, 50, [], [], blocks=[figure]).export()["blocks"] == []
