"""``glyphic.mmocr.utils`` and ``core.mask``."""

import json
import logging
import pickle

import numpy as np
import pytest
from golden import case, has

import glyphic
from glyphic.mmocr import utils
from glyphic.mmocr.core.mask import extract_boundary, points2boundary, seg2boundary
from glyphic.mmocr.datasets import LmdbLoader
from glyphic.mmocr.utils.check_argument import is_2dlist, is_3dlist, is_type_list, valid_boundary

PARSERS = pytest.mark.skipif(not has("D_parsers_misc"), reason="the case is not in this folder")


def as_cycle(points, tolerance):
    """Compares with flat numbers that may begin at any vertex and go either way."""
    points = np.asarray(points, dtype=float).reshape(-1, 2)

    def same(other):
        other = np.asarray(other, dtype=float).reshape(-1, 2)
        if len(other) != len(points):
            return False
        turns = [np.roll(o, k, axis=0) for o in (other, other[::-1]) for k in range(len(other))]
        return any(np.abs(turn - points).max() <= tolerance for turn in turns)

    return same


@PARSERS
def test_strings_are_stripped_as_in_the_reference():
    for row in case("D_parsers_misc").json()["string_strip"]:
        assert utils.StringStrip(**row["kw"])(row["s"]) == row["out"]


@PARSERS
def test_boxes_are_stitched_as_in_the_reference():
    for row in case("D_parsers_misc").json()["stitch"]:
        got = utils.stitch_boxes_into_lines(row["boxes"], row["max_x_dist"], row["min_y_overlap_ratio"])
        assert got == row["out"]


def test_boxes_stand_on_one_line_where_their_heights_overlap():
    low, high, half = [0, 10, 5, 10, 5, 20, 0, 20], [9, 0, 12, 0, 12, 9, 9, 9], [9, 5, 12, 5, 12, 15, 9, 15]
    assert not utils.is_on_same_line(low, high)
    assert not utils.is_on_same_line(low, half)
    assert utils.is_on_same_line(low, half, 0.5)
    assert utils.is_on_same_line(low, half, None)
    assert utils.is_on_same_line(np.array(low), np.array(low) + 1)
    with pytest.raises(glyphic.GlyphicError, match="box"):
        utils.is_on_same_line([1, 2, 3], low)


@PARSERS
def test_arguments_are_judged_as_by_the_reference():
    data = case("D_parsers_misc").json()
    for row in data["checks"]:
        x = row["x"]
        got = (is_3dlist(x), is_2dlist(x), is_type_list(x, int))
        assert got == (row["is_3dlist"], row["is_2dlist"], row["is_list_of_int"]), x
    for row in data["valid_boundary"]:
        numbers = [0.0] * row["n"]
        assert valid_boundary(numbers) == row["with_score"]
        assert valid_boundary(numbers, False) == row["without"]
    assert utils.equal_len([1], "a", {2: 3}) and not utils.equal_len([1], [])
    assert utils.is_ndarray_list([np.zeros(1)]) and not utils.is_ndarray_list([1])
    assert utils.is_none_or_type(None, int) and utils.is_none_or_type(1, int)


def test_vertices_are_sorted_as_in_the_reference():
    for row in case("D_sort_vertex").json()["rows"]:
        p = [float(v) for v in row["p"]]
        assert utils.sort_vertex8(p) == pytest.approx(row["sort_vertex8"], abs=1e-4)
        x, y = utils.sort_vertex(p[::2], p[1::2])
        assert [list(x), list(y)] == [pytest.approx(v, abs=1e-4) for v in row["sort_vertex"]]
    square = [[10, 10], [0, 0], [0, 10], [10, 0]]
    assert [p.tolist() for p in utils.sort_points(square)] == [[0, 0], [10, 0], [10, 10], [0, 10]]


def test_bezier_curves_become_polygons():
    curve = [0, 0, 1, 0, 2, 0, 3, 0] + [3, 1, 2, 1, 1, 1, 0, 1]
    got = np.array(utils.bezier_to_polygon(curve, 4))
    assert got.shape == (8, 2)
    assert np.allclose(got, [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [2, 1], [1, 1], [0, 1]])
    assert utils.bezier_to_polygon(np.reshape(curve, (2, 4, 2)), 4) == got.tolist()


def test_lines_survive_a_file(tmp_path):
    lines = ["one", "", "zwei ä", "三"]
    path = str(tmp_path / "new" / "list.txt")
    utils.list_to_file(path, lines)
    assert utils.list_from_file(path) == lines
    (tmp_path / "bom.txt").write_bytes("\ufeffone\r\ntwo".encode())
    assert utils.list_from_file(str(tmp_path / "bom.txt")) == ["one", "two"]
    (tmp_path / "gbk.txt").write_bytes("三\n".encode("gbk"))
    assert utils.list_from_file(str(tmp_path / "gbk.txt"), "gbk") == ["三"]


def test_annotations_become_coco(tmp_path):
    infos = [
        {"file_name": "a.jpg", "height": 1, "width": 2, "anno_info": [{"bbox": [0, 0, 1, 1]}, {"bbox": [1, 1, 1, 1]}]},
        {"file_name": "b.jpg", "height": 1, "width": 2, "anno_info": [{"bbox": [2, 2, 1, 1]}]},
    ]
    path = tmp_path / "coco" / "out.json"
    got = utils.convert_annotations(infos, str(path))
    assert json.loads(path.read_text()) == got
    assert [(a["id"], a["image_id"]) for a in got["annotations"]] == [(0, 0), (1, 0), (2, 1)]
    assert [i["id"] for i in got["images"]] == [0, 1] and "anno_info" not in got["images"][0]
    assert got["categories"] == [{"id": 1, "name": "text"}]
    assert "annotations" not in utils.convert_annotations([], str(path))


def _jpeg(orientation):
    """A grey picture 16 wide and 8 high as JPEG, with an EXIF orientation."""
    # A baseline JPEG of two flat blocks: tables of the standard, then 2 x 2 zero coefficients.
    dqt = b"\xff\xdb\x00\x43\x00" + bytes([1] * 64)
    sof = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00"
    table = bytes([1] + [0] * 15) + b"\x00"
    dht = b"\xff\xc4\x00\x14\x00" + table + b"\xff\xc4\x00\x14\x10" + table
    sos = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x0f"
    tiff = (
        b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + bytes([orientation]) + b"\x00" * 6
    )
    exif = b"Exif\x00\x00" + tiff
    app1 = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    return b"\xff\xd8" + app1 + dqt + sof + dht + sos + b"\xff\xd9"


def test_a_turned_picture_is_replaced_by_its_pixels_as_stored(tmp_path, capsys):
    upright, turned = tmp_path / "upright.jpg", tmp_path / "turned.jpg"
    upright.write_bytes(_jpeg(1))
    turned.write_bytes(_jpeg(6))
    assert utils.drop_orientation(str(upright)) == str(upright) and upright.exists()
    assert glyphic.mmocr.datasets.pipelines.loading._glyphic.imread(str(turned), "color").shape == (16, 8, 3)
    target = utils.drop_orientation(str(turned))
    assert target == str(tmp_path / "turned.png") and not turned.exists()
    assert glyphic.mmocr.datasets.pipelines.loading._glyphic.imread(target, "color").shape == (8, 16, 3)
    assert "orientation" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        utils.drop_orientation(str(tmp_path / "none.jpg"))
    assert utils.is_not_png("a.jpg") and not utils.is_not_png("a.PNG")


def test_label_lines_survive_an_lmdb(tmp_path, capsys):
    lines = [f"img_{i}.jpg text {i}" for i in range(1234)]
    labels, database = str(tmp_path / "labels.txt"), str(tmp_path / "lmdb")
    utils.list_to_file(labels, lines)
    utils.lmdb_converter(labels, database)
    assert "done" in capsys.readouterr().out
    parser = dict(type="LineStrParser", keys=["filename", "text"], keys_idx=[0, 2])
    loader = LmdbLoader(database, parser, repeat=2)
    assert len(loader) == 2468
    assert loader[1233] == {"filename": "img_1233.jpg", "text": "1233"} == loader[2467]
    backend = pickle.loads(pickle.dumps(loader.ori_data_infos))
    assert [backend[i] for i in (0, 10, 9)] == [lines[i] for i in (0, 10, 9)]
    utils.list_to_file(labels, lines[:1])
    utils.lmdb_converter(labels, database, overwrite=False)
    assert len(LmdbLoader(database, parser)) == 1234
    utils.lmdb_converter(labels, database, overwrite=True)
    assert len(LmdbLoader(database, parser)) == 1


def test_a_truncated_lmdb_is_an_error_with_its_place(tmp_path):
    labels, database = str(tmp_path / "labels.txt"), tmp_path / "lmdb"
    utils.list_to_file(labels, ["x" * 100] * 1000)
    utils.lmdb_converter(labels, str(database))
    data = database / "data.mdb"
    data.write_bytes(data.read_bytes()[:-20000])
    with pytest.raises(glyphic.GlyphicError, match="data.mdb"):
        backend = LmdbLoader(str(database), dict(type="LineStrParser")).ori_data_infos
        [backend[i] for i in range(len(backend))]


def test_words_survive_an_lmdb_of_pictures(tmp_path):
    (tmp_path / "a.jpg").write_bytes(_jpeg(1))
    utils.list_to_file(str(tmp_path / "labels.txt"), ["a.jpg two words", "a.jpg x"])
    count = utils.recog2lmdb(str(tmp_path), str(tmp_path / "labels.txt"), str(tmp_path / "out"))
    assert count == 2 and (tmp_path / "out" / "data.mdb").stat().st_size > 0
    assert b"two words" in (tmp_path / "out" / "data.mdb").read_bytes()
    utils.list_to_file(str(tmp_path / "bad.txt"), ["a.jpg"])
    with pytest.raises(glyphic.GlyphicError, match="line 1"):
        utils.recog2lmdb(str(tmp_path), str(tmp_path / "bad.txt"), str(tmp_path / "out2"))


def test_the_root_logger_is_set_up_once(tmp_path):
    logger = utils.get_root_logger(str(tmp_path / "log.txt"))
    assert logger.name == "glyphic" and utils.get_root_logger() is logger
    assert len(logger.handlers) == 2
    logger.info("written")
    assert "written" in (tmp_path / "log.txt").read_text()
    logging.shutdown()


def test_the_environment_is_told():
    got = utils.collect_env()
    assert got["glyphic"] == glyphic.__version__ and "0.2.1" in got["MMOCR"]
    assert all(isinstance(value, str) for value in got.values())


def test_classes_are_built_by_their_names():
    registry = utils.Registry("thing")

    @registry.register_module()
    class Thing:
        def __init__(self, a, b=2):
            self.sum = a + b

    assert registry.build(dict(type="Thing", a=1)).sum == 3
    assert utils.build_from_cfg(dict(a=1), registry, dict(type=Thing, b=5)).sum == 6
    assert "Thing" in registry and len(registry) == 1
    with pytest.raises(KeyError, match="already registered"):
        registry.register_module(module=Thing)
    with pytest.raises(KeyError, match="Think"):
        registry.build(dict(type="Think"))
    with pytest.raises(TypeError, match="Thing"):
        registry.build(dict(type="Thing", c=1))


def test_masks_become_the_reference_boundaries():
    data = case("C_mask_to_boundary").json()
    for row in data["tiny"]:
        points = np.array(row["points"])
        for key, kind, width in (("quad", "quad", -1), ("poly", "poly", -1), ("quad_minw0", "quad", 0)):
            got = points2boundary(points, kind, 0.5, width)
            if row[key] is None:
                assert got is None, row
            else:
                assert got[-1] == 0.5
                assert as_cycle(row[key][:-1], 1e-3)(got[:-1]), row
    seg = np.zeros((20, 30))
    seg[5:15, 3:20] = 1
    assert as_cycle([3, 5, 19, 5, 19, 14, 3, 14], 0)(seg2boundary(seg, "poly"))
    assert as_cycle([3, 5, 19, 5, 19, 14, 3, 14, 0.0, 0.0][:8], 1e-3)(seg2boundary(seg, "quad", 0.25)[:-1])
    assert seg2boundary(np.zeros((4, 4)), "poly") is None


def test_boundaries_part_from_their_scores():
    rows = [[0, 0, 1, 0, 1, 1, 0, 1, 0.5]]
    assert extract_boundary({"boundary_result": rows}) == (rows, [rows[0][:-1]], [0.5])
