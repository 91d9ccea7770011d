"""``glyphic``: reading, detecting, recognizing; and ``glyphic.mmocr.apis``."""

import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import glyphic
from glyphic.mmocr.apis import init_detector, model_inference
from glyphic.mmocr.datasets.pipelines import LoadImageFromFile

EXAMPLE = next((Path(__file__).resolve().parents[2] / "examples").rglob("*.jpg"))


@pytest.fixture(scope="module")
def bgr():
    return LoadImageFromFile()(dict(img_info=dict(filename=str(EXAMPLE))))["img"]


@pytest.fixture(scope="module")
def page():
    return glyphic.read(str(EXAMPLE))


def test_a_page_has_words_and_lines_inside_the_picture(page, bgr):
    assert (page.height, page.width) == bgr.shape[:2]
    assert page.words and page.lines and page.text.splitlines() == [line.text for line in page.lines]
    assert sorted(i for line in page.lines for i in line.words) == list(range(len(page.words)))
    for word in page.words:
        assert word.text == word.transcript.text and 0 < word.transcript.score <= 1
        assert len(word.polygon) >= 4
        assert "".join(c.char for c in word.transcript.chars).strip() == word.text.strip() or word.transcript.chars
    assert page.to_dict()["words"][0]["transcript"]["text"] == page.words[0].text
    assert pickle.loads(pickle.dumps(page)) == page


def test_every_form_of_a_picture_reads_the_same(page, bgr):
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    for picture in (EXAMPLE, EXAMPLE.read_bytes(), rgb, bgr[..., ::-1]):
        assert glyphic.read(picture) == page
    pages = glyphic.read([rgb, rgb[: rgb.shape[0] // 2]])
    assert pages[0] == page and pages[1].height == rgb.shape[0] // 2


def test_a_grey_picture_is_read(bgr):
    assert glyphic.read(bgr.mean(axis=2).astype(np.uint8)).words


def test_threads_share_a_reader(page, bgr):
    reader = glyphic.Reader()
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    results = []
    threads = [threading.Thread(target=lambda: results.append(reader.read(rgb))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [page] * 3


def test_a_surer_reader_keeps_fewer_words(page):
    sure = glyphic.Reader(min_text_score=0.95).read(EXAMPLE)
    assert 0 < len(sure.words) < len(page.words)
    assert any(word.transcript.score < 0.95 for word in page.words)
    assert {word.transcript.text for word in sure.words} <= {word.transcript.text for word in page.words}


def test_levels_and_language_models_are_chosen(page):
    lines = glyphic.Reader(level="line", language_model="latin").read(EXAMPLE)
    assert lines.words and lines != glyphic.Reader(level="word").read(EXAMPLE)
    greedy = glyphic.Reader(language_model="none").read(EXAMPLE)
    assert [w.transcript.score for w in greedy.words] != [w.transcript.score for w in page.words]
    assert glyphic.Detector(level="line").detect(EXAMPLE) != glyphic.Detector(level="word").detect(EXAMPLE)
    assert glyphic.Recognizer(language_model="none").recognize(EXAMPLE).chars is not None
    for wrong, word in (({"level": "page"}, "word or line"), ({"language_model": "latein"}, "latin")):
        with pytest.raises(glyphic.GlyphicError, match=word):
            glyphic.Reader(**wrong)
    with pytest.raises(glyphic.GlyphicError, match="dbnet_lite"):
        glyphic.Reader(detector="dbnet_r18", detector_weights="none.pth", level="word")


def test_a_model_takes_the_weights_that_a_package_brings(tmp_path, monkeypatch):
    package = tmp_path / "rapidocr"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the package need not be imported')")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    with pytest.raises(glyphic.GlyphicError, match="PP-OCRv6_det_small.onnx.*glyphic\\[ppocr\\]"):
        glyphic.Reader(model="ppocr_v6_small")
    for name in ("det", "rec"):
        (package / "models" / f"PP-OCRv6_{name}_small.onnx").write_bytes(b"no graph")
    with pytest.raises(glyphic.GlyphicError, match="PP-OCRv6_det_small.onnx"):
        glyphic.Reader(model="ppocr_v6_small")
    with pytest.raises(glyphic.GlyphicError, match="both"):
        glyphic.Reader("dbnet_lite", model="ppocr_v6_small")


def test_pp_ocr_reads_with_the_weights_of_rapidocr():
    pytest.importorskip("rapidocr", reason="its wheel holds the weights of PP-OCRv6")
    page = glyphic.Reader(model="ppocr_v6_small").read(EXAMPLE)
    assert len(page.words) > 5 and all(word.text for word in page.words)


def test_regions_are_cropped_and_recognized(bgr):
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    regions = glyphic.detect(rgb)
    assert regions and all(0 < region.score <= 1 for region in regions)
    x, y = zip(*regions[0].polygon)
    crop = rgb[max(int(min(y)), 0) : int(max(y)) + 1, max(int(min(x)), 0) : int(max(x)) + 1]
    one, two = glyphic.recognize([crop, crop])
    assert one == two == glyphic.recognize(crop) and isinstance(one.text, str)
    assert glyphic.Detector("dbnet_lite").detect([rgb])[0] == regions


def test_the_catalog_names_models_and_tasks():
    models = {model["name"]: model for model in glyphic.models()}
    assert models["dbnet_lite"]["task"] == "detect" and models["dbnet_lite"]["weights"]
    assert models["crnn"]["task"] == "recognize"


def test_what_cannot_be_used_is_said():
    for picture, word in (
        (np.zeros((4, 4, 3)), "float64"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (b"no picture", "format"),
        (7, "int"),
    ):
        with pytest.raises(glyphic.GlyphicError, match=word):
            glyphic.read(picture)
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        glyphic.read("none.jpg")
    with pytest.raises(glyphic.GlyphicError, match="dbnet_lite"):
        glyphic.Detector("dbnet_light")
    with pytest.raises(glyphic.GlyphicError, match="weights"):
        glyphic.Detector("dbnet_r18")
    with pytest.raises(glyphic.GlyphicError, match="recognize"):
        glyphic.Recognizer("dbnet_lite")
    with pytest.raises(glyphic.GlyphicError, match="tpu"):
        glyphic.Reader(device="tpu")
    with pytest.raises(glyphic.GlyphicError, match="crop_margin"):
        glyphic.Reader(crop_margin=5.0)
    assert issubclass(glyphic.GlyphicError, ValueError)


def test_inference_gives_the_reference_shapes(bgr):
    detector = init_detector("dbnet_lite")
    found = model_inference(detector, bgr)
    regions = glyphic.detect(np.ascontiguousarray(bgr[..., ::-1]))
    assert [row[-1] for row in found["boundary_result"]] == [region.score for region in regions]
    assert all(len(row) >= 9 and len(row) % 2 == 1 for row in found["boundary_result"])
    assert model_inference(detector, str(EXAMPLE)) == found
    for batch_mode in (False, True):
        assert model_inference(detector, [bgr, bgr], batch_mode) == [found, found]
    recognizer = init_detector("crnn_lite")
    crop = bgr[:48, :200]
    read = model_inference(recognizer, (crop,))
    assert len(read) == 1 and set(read[0]) == {"text", "score"}
    assert len(read[0]["score"]) == len(read[0]["text"])


def test_configurations_of_the_reference_are_known_by_name():
    for name in ("configs/textdet/dbnet/dbnet_r18_fpnc_1200e_icdar2015.py", "DB_r18"):
        with pytest.raises(glyphic.GlyphicError, match="weights"):
            init_detector(name)
    with pytest.raises(glyphic.GlyphicError, match="psenet"):
        init_detector("psenet_r50_fpnf_600e_icdar2015.py")
    with pytest.raises(FileNotFoundError, match="none.pth"):
        init_detector("DB_r18", "none.pth")
    with pytest.raises(AssertionError, match="numpy arrays"):
        model_inference(init_detector("dbnet_lite"), 7)
