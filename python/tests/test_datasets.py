"""``glyphic.mmocr.datasets``: parsers, loaders, data sets and their evaluation."""

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from golden import case, has
from pictures import png

from glyphic.mmocr.datasets import (
    BaseDataset,
    HardDiskLoader,
    IcdarDataset,
    KIEDataset,
    LineJsonParser,
    LineStrParser,
    NerDataset,
    OCRDataset,
    OCRSegDataset,
    TextDetDataset,
    UniformConcatDataset,
    build_dataset,
)
from glyphic.mmocr.utils import list_from_file
from glyphic.mmocr.utils.fileio import TextLines


# Two black pixels.
PNG = png(np.zeros((1, 2, 3), np.uint8))


def outcome(parser, lines, index):
    try:
        return {"ok": parser.get_item(lines, index)}
    except Exception as e:
        return {"error": type(e).__name__, "message": str(e)}


@pytest.mark.skipif(not has("D_parsers_misc"), reason="the case is not in this folder")
def test_lines_are_parsed_as_by_the_reference():
    data = case("D_parsers_misc").json()
    for row in data["line_str"]:
        parser = LineStrParser(**row["config"])
        assert [outcome(parser, row["lines"], i) for i in range(len(row["out"]))] == row["out"]
    rows = data["line_json"]
    parser = LineJsonParser(**rows.get("config", {"keys": ["filename", "text"]}))
    assert [outcome(parser, rows["lines"], i) for i in range(len(rows["out"]))] == rows["out"]


def test_a_text_may_hold_the_separator_with_rest():
    parser = LineStrParser(rest=True)
    assert parser.get_item(["a.jpg two words"], 0) == {"filename": "a.jpg", "text": "two words"}


def write(path, rows):
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_loader_repeats_and_iterates(tmp_path):
    path = write(tmp_path / "l.txt", ["a.jpg A", "b.jpg B"])
    loader = HardDiskLoader(path, dict(type="LineStrParser"), repeat=3)
    assert len(loader) == 6 and [row["text"] for row in loader] == ["A", "B"] * 3
    with pytest.raises(AssertionError, match="not exist"):
        HardDiskLoader(str(tmp_path / "none"), dict(type="LineStrParser"))


@pytest.mark.parametrize("encoding, mark", [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("gbk", b"")])
def test_lines_are_found_in_a_file_of_any_kind(encoding, mark, tmp_path):
    lines = ["a.jpg 你好", "", "b.jpg two words ", "\tc", "last"]
    text = "a.jpg 你好\r\n\nb.jpg two words \r\tc\nlast"
    path = tmp_path / "l.txt"
    path.write_bytes(mark + text.encode(encoding))
    found = TextLines(str(path), encoding)
    assert list(found) == lines == list_from_file(str(path), encoding)
    assert found[-1] == "last" and found[1:3] == lines[1:3] and len(found) == 5
    for index in (5, -6):
        with pytest.raises(IndexError):
            found[index]
    sent = pickle.loads(pickle.dumps(found))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sent.__getitem__, list(range(5)) * 50)) == lines * 50
    path.write_bytes(mark)
    assert len(TextLines(str(path), encoding)) == 0
    with pytest.raises(AssertionError, match="utf-16"):
        TextLines(str(path), "utf-16")


LONG = """
import resource, sys
from glyphic.mmocr.datasets import HardDiskLoader, LmdbLoader
from glyphic.mmocr.utils import lmdb_converter

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

path, database = sys.argv[1:]
parser = dict(type="LineStrParser")
before = peak()
loader = HardDiskLoader(path, parser)
assert len(loader) == 1_000_000
assert loader[999_999]["text"] == "word999999" and loader[0]["filename"].endswith("0000000.jpg")
lmdb_converter(path, database)
# Lines as strings take 100 MiB; their places take 8.
assert peak() - before < 40 * 1024, f"{peak() - before} KiB"
data = LmdbLoader(database, parser)
assert len(data) == 1_000_000
for i in (0, 7, 10, 99_999, 999_999):
    assert data[i]["text"] == f"word{i}"
"""


def test_a_long_label_file_stays_on_disk(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "l.txt"
    with open(path, "w") as file:
        file.writelines(f"folder/picture_of_a_word_{i:07}.jpg word{i}\n" for i in range(1_000_000))
    # A process of its own, so that nothing else has filled the memory before.
    run = subprocess.run(
        [sys.executable, "-c", LONG, str(path), str(tmp_path / "db")], stderr=subprocess.PIPE, text=True
    )
    assert run.returncode == 0, run.stderr


LOADER = dict(type="HardDiskLoader", repeat=1, parser=dict(type="LineStrParser"))


def test_words_are_loaded_and_evaluated(tmp_path):
    write(tmp_path / "l.txt", ["a.png hello", "b.png World"])
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.png").write_bytes(PNG)
    pipeline = [dict(type="LoadImageFromFile"), dict(type="ResizeOCR", height=8, min_width=8, max_width=32)]
    data = OCRDataset(str(tmp_path / "l.txt"), LOADER, pipeline, img_prefix=str(tmp_path))
    assert len(data) == 2
    sample = data[1]
    assert sample["text"] == "World" and sample["img"].shape == (8, 32, 3)
    got = data.evaluate([{"text": "hello"}, {"text": "world"}])
    assert (got["word_acc"], got["word_acc_ignore_case"]) == (0.5, 1.0)


def test_broken_samples_are_passed_over_in_training_and_raised_in_tests(tmp_path, capsys):
    write(tmp_path / "l.txt", ["gone.png x", "a.png y"])
    (tmp_path / "a.png").write_bytes(PNG)
    arguments = (str(tmp_path / "l.txt"), LOADER, [dict(type="LoadImageFromFile")], str(tmp_path))
    assert OCRDataset(*arguments)[0]["text"] == "y"
    assert "gone.png" in capsys.readouterr().out
    with pytest.raises(OSError, match="gone.png"):
        OCRDataset(*arguments, test_mode=True)[0]
    (tmp_path / "a.png").unlink()
    with pytest.raises(OSError):
        OCRDataset(*arguments)[0]
    with pytest.raises(IndexError):
        OCRDataset(*arguments)[2]


BOX = [1, 1, 9, 1, 9, 5, 1, 5]


def detection_rows():
    one = dict(iscrowd=0, category_id=1, bbox=[1, 1, 8, 4], segmentation=[BOX])
    two = dict(iscrowd=1, category_id=1, bbox=[20, 1, 8, 4], segmentation=[[20, 1, 28, 1, 28, 5, 20, 5]])
    return [dict(file_name="a.png", height=40, width=40, annotations=[one, two])]


FOUND = [{"boundary_result": [[*BOX, 0.95], [20, 1, 28, 1, 28, 5, 20, 5, 0.95]]}]


def test_text_is_loaded_from_lines_of_json_and_evaluated(tmp_path):
    parser = dict(type="LineJsonParser", keys=["file_name", "height", "width", "annotations"])
    path = write(tmp_path / "l.jsonl", detection_rows())
    loader = dict(type="HardDiskLoader", parser=parser)
    pipeline = [dict(type="LoadTextAnnotations", with_mask=True)]
    data = TextDetDataset(path, loader, pipeline, img_prefix="")
    sample = data[0]
    assert sample["gt_bboxes"].tolist() == [[1, 1, 8, 4]] and len(sample["gt_masks_ignore"]) == 1
    assert sample["gt_masks"].masks.shape == (1, 40, 40) and sample["gt_masks"].masks[0, 2, 3] == 1
    got = data.evaluate(FOUND, metric=["hmean-iou", "hmean-ic13", "fps"], logger="silent")
    assert got["hmean-iou:hmean"] == got["hmean-ic13:hmean"] == 1.0 and len(got) == 6


def coco(tmp_path, count=3):
    rows = [dict(id=i, file_name=f"{i}.png", height=40, width=40) for i in range(count)]
    ann = dict(id=0, image_id=0, category_id=1, bbox=[1, 1, 8, 4], area=32, iscrowd=0, segmentation=[BOX])
    crowd = dict(ann, id=1, iscrowd=1, bbox=[20, 1, 8, 4], segmentation=[[20, 1, 28, 1, 28, 5, 20, 5]])
    tiny = dict(ann, id=2, bbox=[1, 1, 0.5, 4])
    path = tmp_path / "coco.json"
    document = dict(images=rows, annotations=[ann, crowd, tiny], categories=[dict(id=1, name="text")])
    path.write_text(json.dumps(document))
    return str(path)


def test_text_is_loaded_from_coco(tmp_path):
    path = coco(tmp_path)
    training = IcdarDataset(path, [dict(type="LoadTextAnnotations", with_mask=True, poly2mask=False)])
    assert len(training) == 1
    assert training[0]["gt_bboxes"].tolist() == [[1, 1, 9, 5]]
    assert len(IcdarDataset(path, [], test_mode=True)) == 3
    assert len(IcdarDataset(path, [], test_mode=True, select_first_k=2)) == 2
    assert len(IcdarDataset(path, [], filter_empty_gt=False)) == 3
    info = training.get_ann_info(0)
    assert len(info["masks"]) == len(info["masks_ignore"]) == 1
    assert training.evaluate(FOUND, logger="silent")["hmean-iou:hmean"] == 1.0


def test_characters_are_loaded(tmp_path):
    annotations = [
        dict(char_text="a", char_box=[1, 2, 5, 8]),
        dict(char_text="b", char_box=[1, 2, 5, 8], char_box_type="xywh"),
        dict(char_text="c", char_box=[0, 0, 4, 1, 4, 5, 0, 4]),
    ]
    path = write(tmp_path / "l.jsonl", [dict(file_name="a.png", text="abc", annotations=annotations)])
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["file_name", "annotations", "text"]))
    data = OCRSegDataset(path, loader, [])
    info = data[0]["ann_info"]
    assert info["char_rects"] == [[1, 2, 5, 8], [1, 2, 6, 10], [0, 0, 4, 5]]
    assert info["char_quads"][1] == [1, 2, 6, 2, 6, 10, 1, 10] and info["chars"] == ["a", "b", "c"]
    assert data.evaluate([{"text": "abc"}])["word_acc"] == 1.0


def test_forms_are_loaded_and_evaluated(tmp_path):
    annotations = [
        dict(box=[0, 0, 10, 0, 10, 5, 0, 5], text="ab", label=1, edge=1),
        dict(box=[20, 0, 40, 0, 40, 5, 20, 5], text="bcz", label=2, edge=1),
    ]
    path = write(tmp_path / "l.jsonl", [dict(file_name="a.png", height=50, width=50, annotations=annotations)])
    keys = ["file_name", "height", "width", "annotations"]
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=keys))
    (tmp_path / "dict.txt").write_text("a\nb\nc\n")
    pipeline = [
        dict(type="ResizeNoImg", img_scale=(100, 100)),
        dict(type="KIEFormatBundle"),
        dict(type="Collect", keys=["relations", "texts"], meta_keys=["img_shape", "ori_texts"]),
    ]
    data = KIEDataset(path, loader, str(tmp_path / "dict.txt"), pipeline=pipeline)
    sample = data[0]
    assert sample["texts"].tolist() == [[1, 2], [2, 3]]
    assert sample["relations"].shape == (2, 2, 5) and sample["relations"][0, 1, 0] == pytest.approx(4.0)
    assert sample["img_metas"]["ori_texts"] == ["ab", "bcz"]
    nodes = np.eye(3, dtype=np.float32)[[1, 2]]
    assert data.evaluate([{"nodes": nodes}])["macro_f1"] == pytest.approx(2 / 3)
    got = data.evaluate([{"nodes": nodes}], metric_options={"macro_f1": {"ignores": [0]}})
    assert got["macro_f1"] == pytest.approx(1.0)
    with pytest.raises(KeyError):
        data.evaluate([], metric="accuracy")


@pytest.mark.skipif(not has("E_kie_relations"), reason="the case is not in this folder")
def test_relations_equal_the_reference(tmp_path):
    (tmp_path / "dict.txt").write_text("a\n")
    path = write(tmp_path / "l.jsonl", [])
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["file_name"]))
    for row in case("E_kie_relations").json()["relations"]:
        data = KIEDataset(path, loader, str(tmp_path / "dict.txt"), norm=row["norm"])
        relations, bboxes = data.compute_relation(np.array(row["boxes"], np.int32))
        assert np.allclose(relations, row["relation"], atol=1e-5, rtol=1e-5)
        assert bboxes.shape == (len(row["boxes"]), 4) and relations.dtype == np.float32


def test_entities_are_evaluated(tmp_path):
    row = dict(text="ab cd", label={"name": {"ab": [[0, 1]]}})
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["text", "label"]))
    data = NerDataset(write(tmp_path / "l.jsonl", [row]), loader, [])
    assert data.evaluate([[["name", 0, 1]]])["all"]["f1-score"] == 1.0


def test_several_sources_make_one_data_set(tmp_path):
    first = dict(type="OCRDataset", ann_file=write(tmp_path / "1.txt", ["a A", "b B"]), loader=LOADER, pipeline=None)
    second = dict(first, ann_file=write(tmp_path / "2.txt", ["c C"]))
    pipeline = [dict(type="Collect", keys=["text"], meta_keys=[])]
    data = UniformConcatDataset([first, second], pipeline=pipeline)
    assert len(data) == 3 and [data[i]["text"] for i in (0, 2, -1)] == ["A", "C", "C"]
    results = [{"text": t} for t in "AXC"]
    got = data.evaluate(results, logger="silent")
    assert (got["0_word_acc"], got["1_word_acc"]) == (0.5, 1.0)
    whole = UniformConcatDataset([first, second], separate_eval=False, pipeline=pipeline)
    assert whole.evaluate(results, logger="silent")["word_acc"] == pytest.approx(0.6667)
    files = dict(first, pipeline=pipeline, ann_file=[first["ann_file"], second["ann_file"]])
    assert len(build_dataset(files)) == 3
    assert len(build_dataset(dict(type="RepeatDataset", times=4, dataset=dict(first, pipeline=pipeline)))) == 8


def rows_of(written):
    (path,) = written.values()
    return [json.loads(line) for line in list_from_file(path)]


def test_results_are_written_for_the_evaluation(tmp_path):
    words = OCRDataset(write(tmp_path / "l.txt", ["a.png hello", "b.png World"]), LOADER, [])
    prefix = str(tmp_path / "out" / "words")
    written, folder = words.format_results([{"text": "hello", "score": [0.5, 1.0]}, {"text": "x"}], prefix)
    assert written == {"results": prefix + ".jsonl"} and folder is None
    assert rows_of(written) == [
        {"file_name": "a.png", "text": "hello", "score": [0.5, 1.0]},
        {"file_name": "b.png", "text": "x", "score": None},
    ]
    with pytest.raises(AssertionError, match="1 results for 2 samples"):
        words.format_results([{"text": "hello"}])

    pages = IcdarDataset(coco(tmp_path), [], test_mode=True, select_first_k=1)
    found = [{"boundary_result": [np.array([*BOX, 0.5], np.float32)]}]
    written, folder = pages.format_results(found)
    assert rows_of(written) == [{"filename": "0.png", "boundary_result": [[*BOX, 0.5]]}]
    folder.cleanup()
    entities = NerDataset(
        write(tmp_path / "n.jsonl", [{"text": "ab"}]),
        dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["text"])),
        [],
    )
    written, folder = entities.format_results([[["name", 0, 1]]])
    assert rows_of(written) == [[["name", 0, 1]]]

    both = UniformConcatDataset([dict(type="OCRDataset", ann_file=words.ann_file, loader=LOADER, pipeline=[])] * 2)
    written, folder = both.format_results([{"text": t} for t in "abcd"], str(tmp_path / "both"))
    assert list(written) == ["0_results", "1_results"]
    assert [row["text"] for path in written.values() for row in rows_of({"": path})] == list("abcd")
    # Of no task: nothing is written, as in MMOCR.
    assert BaseDataset(words.ann_file, LOADER, []).format_results([{}, {}]) is None
