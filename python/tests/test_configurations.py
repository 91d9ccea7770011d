"""Pipelines of MMOCR 0.2.1's configurations, from label file and picture to what the network takes."""

import copy
import json
import pickle

import numpy as np
import pytest
from pictures import TURNED, drawn, png
from pipelines import (
    DETECTION_TESTS,
    DETECTION_TRAINING,
    FORMS,
    NORM,
    RECOGNITION,
    SEG_TRAINING,
    entities,
)

from glyphic.mmocr.core.masks import BitmapMasks, PolygonMasks
from glyphic.mmocr.datasets import IcdarDataset, KIEDataset, NerDataset, OCRDataset, OCRSegDataset
from glyphic.mmocr.datasets.pipelines import (
    Compose,
    LoadAnnotations,
    LoadImageFromFile,
    MultiScaleFlipAug,
    Normalize,
    Pad,
    RandomFlip,
    Resize,
)

HEIGHT, WIDTH = 480, 640
# Six words in three lines, and one nobody can read.
TEXTS = [
    [x, y, x + width, y, x + width, y + 40, x, y + 40]
    for x, y, width in ((40, 60, 180), (300, 60, 260), (40, 200, 260), (360, 200, 200), (40, 340, 300), (400, 340, 160))
]
IGNORED = [40, 430, 120, 430, 120, 450, 40, 450]
METAS = {
    "filename",
    "ori_filename",
    "ori_shape",
    "img_shape",
    "pad_shape",
    "scale_factor",
    "flip",
    "flip_direction",
    "img_norm_cfg",
}


def annotation(number, outline, crowd):
    x0, y0, x1, y1 = min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2])
    return dict(
        id=number,
        image_id=0,
        category_id=1,
        bbox=[x0, y0, x1 - x0, y1 - y0],
        area=(x1 - x0) * (y1 - y0),
        iscrowd=crowd,
        segmentation=[outline],
    )


@pytest.fixture
def page(tmp_path):
    """A label file in COCO's style, and its picture."""
    (tmp_path / "page.png").write_bytes(png(drawn(HEIGHT, WIDTH, TEXTS)))
    outlines = [(outline, 0) for outline in TEXTS] + [(IGNORED, 1)]
    document = dict(
        images=[dict(id=0, file_name="page.png", height=HEIGHT, width=WIDTH)],
        categories=[dict(id=1, name="text")],
        annotations=[annotation(i, *one) for i, one in enumerate(outlines)],
    )
    (tmp_path / "labels.json").write_text(json.dumps(document))
    return dict(ann_file=str(tmp_path / "labels.json"), img_prefix=str(tmp_path))


def red(tensor):
    """Where a normalised picture (3, height, width) in RGB is red and not white, however its colours were jittered."""
    rgb = tensor * np.reshape(NORM["std"], (3, 1, 1)) + np.reshape(NORM["mean"], (3, 1, 1))
    return rgb[0] > rgb[1] + 40


def text_map(data):
    """Where the maps of a network say that text is; fields that are given in smaller maps are spread out."""
    if "gt_shrink" in data:
        return data["gt_shrink"].masks[0] > 0
    if "gt_kernels" in data:
        return data["gt_kernels"].masks[-1] > 0
    if "gt_text_mask" in data:
        return (data["gt_text_mask"].masks[0] > 0) & (data["gt_mask"].masks[0] > 0)
    if "gt_masks" in data:
        return data["gt_masks"].masks.any(axis=0)
    inside = np.zeros(data["img"].shape[1:], bool)
    for level, stride in (("p3_maps", 8), ("p4_maps", 16), ("p5_maps", 32)):
        # The pixel of a level stands for its top-left one.
        inside[::stride, ::stride] |= data[level][1] > 0
    return inside


SIDES = {"dbnet": 640, "textsnake": 800, "fcenet": 800, "drrg": 800}


@pytest.mark.parametrize("name", DETECTION_TRAINING)
@pytest.mark.parametrize("seed", range(3))
def test_a_detector_is_trained_on_pictures_with_their_maps(name, seed, page):
    np.random.seed(seed)
    data = IcdarDataset(pipeline=copy.deepcopy(DETECTION_TRAINING[name]), **page)[0]
    metas = data.pop("img_metas")
    assert set(metas) == METAS and set(data) == set(DETECTION_TRAINING[name][-1]["keys"])
    assert metas["ori_filename"] == "page.png" and metas["filename"].endswith("page.png")
    assert metas["ori_shape"] == (HEIGHT, WIDTH, 3)

    img = data["img"]
    assert img.dtype == np.float32 and img.flags.c_contiguous and img.shape[0] == 3
    assert metas["pad_shape"] == (*img.shape[1:], 3)
    assert all(side % 32 == 0 for side in img.shape[1:])
    assert all(inner <= outer for inner, outer in zip(metas["img_shape"], metas["pad_shape"]))
    side = SIDES.get(name.split("_")[0])
    assert side is None or img.shape == (3, side, side)
    assert np.allclose(metas["img_norm_cfg"]["mean"], NORM["mean"]) and metas["img_norm_cfg"]["to_rgb"] is True
    flips = {"unknown"} if name.startswith("dbnet") else {True, False}
    assert metas["flip"] in flips
    assert metas["flip_direction"] in ("unknown", "horizontal", None)
    if "jitter" in str(DETECTION_TRAINING[name]).lower() and "ScaleAspectJitter" in str(DETECTION_TRAINING[name]):
        assert np.shape(metas["scale_factor"]) == (4,)

    masks = [value for value in data.values() if isinstance(value, BitmapMasks)]
    assert all(value.masks.shape[1:] == img.shape[1:] for value in masks)
    inside = text_map(data)
    # A picture may be cut to a piece without text, but not every one.
    assert inside.any() or seed > 0
    assert not inside.any() or red(img)[inside].mean() > 0.9


def test_maps_have_their_channels(page):
    np.random.seed(1)

    def data(family):
        name = next(name for name in DETECTION_TRAINING if name.startswith(family))
        return IcdarDataset(pipeline=copy.deepcopy(DETECTION_TRAINING[name]), **page)[0]

    assert len(data("psenet")["gt_kernels"]) == 7 and len(data("panet")["gt_kernels"]) == 2
    assert data("dbnet")["gt_thr"].masks.dtype == np.float32
    fcenet = data("fcenet")
    assert [fcenet[f"p{i}_maps"].shape for i in (3, 4, 5)] == [(25, side, side) for side in (100, 50, 25)]
    drrg = data("drrg")
    assert drrg["gt_comp_attribs"].shape[1] == 8
    rcnn = data("mask_rcnn")
    assert len(rcnn["gt_bboxes"]) == len(rcnn["gt_labels"]) == len(rcnn["gt_masks"])
    for (x0, y0, x1, y1), mask in zip(rcnn["gt_bboxes"], rcnn["gt_masks"]):
        rows, columns = np.nonzero(mask)
        assert np.allclose([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], [x0, y0, x1, y1], atol=2.5)


# Height and width of the resized picture, which is the largest that fits into MultiScaleFlipAug's size.
RESIZED = {
    "dbnet": (736, 981),
    "psenet": (736, 981),
    "panet": (736, 981),
    "fcenet": (1695, 2260),
    "drrg": (640, 853),
    "mask": (1440, 1920),
}


@pytest.mark.parametrize("name", DETECTION_TESTS)
def test_a_detector_is_tested_on_whole_pictures(name, page):
    pipeline = copy.deepcopy(DETECTION_TESTS[name])
    data = IcdarDataset(pipeline=pipeline, test_mode=True, **page)[0]
    assert set(data) == {"img", "img_metas"} and len(data["img"]) == 1
    (img,), (metas,) = data["img"], data["img_metas"]
    height, width = RESIZED[name.split("_")[0]]
    assert set(metas) == METAS and metas["img_shape"] == (height, width, 3)
    padded = [height, width] if name.startswith("mask") else [-(-side // 32) * 32 for side in (height, width)]
    assert list(img.shape) == [3, *padded] and metas["pad_shape"] == (*padded, 3)
    factors = [width / WIDTH, height / HEIGHT] * 2
    assert metas["scale_factor"] == pytest.approx(factors) and metas["scale_factor"].dtype == np.float32
    assert metas["flip"] is False and metas["flip_direction"] is None
    # Padding comes after the normalisation: it is 0.
    assert not img[:, height:].any() and not img[:, :, width:].any()
    white = (255 - np.float32(NORM["mean"])) / np.float32(NORM["std"])
    assert img[:, 0, 0] == pytest.approx(white, rel=1e-6)
    x, y = np.mean(TEXTS[0][::2]) * factors[0], np.mean(TEXTS[0][1::2]) * factors[1]
    assert red(img)[int(y), int(x)]


LOADER = dict(type="HardDiskLoader", repeat=1, parser=dict(type="LineStrParser"))


@pytest.mark.parametrize("name", RECOGNITION)
def test_a_recognizer_is_trained_and_tested_on_words(name, tmp_path):
    (tmp_path / "l.txt").write_text("wide.png hello\ntall.png world\n")
    (tmp_path / "wide.png").write_bytes(png(drawn(30, 90, [[10, 5, 80, 25]])))
    (tmp_path / "tall.png").write_bytes(png(drawn(90, 30, [[5, 10, 25, 80]])))
    train, test = copy.deepcopy(RECOGNITION[name])
    height = train[1]["height"]
    grey = train[0].get("color_type") == "grayscale"
    channels = 1 if grey else 3
    arguments = dict(ann_file=str(tmp_path / "l.txt"), loader=LOADER, img_prefix=str(tmp_path))

    data = OCRDataset(pipeline=train, **arguments)[0]
    metas = data["img_metas"]
    assert metas["text"] == "hello" and metas["ori_shape"] == ((30, 90) if grey else (30, 90, 3))
    assert data["img"].shape == (channels, height, train[1]["max_width"]) and data["img"].dtype == np.float32
    assert metas["resize_shape"][0] == height and 0 < metas["valid_ratio"] <= 1
    assert grey or metas["valid_ratio"] == pytest.approx(metas["resize_shape"][1] / 160)

    tested = OCRDataset(pipeline=test, test_mode=True, **arguments)
    for index, turns in ((0, 1), (1, 3)):
        images = tested[index]["img"]
        if not isinstance(images, list):
            images, turns = [images], 1
        assert len(images) == turns
        assert all(image.shape[:2] == (channels, height) for image in images)


def test_a_segmenting_recognizer_is_trained_on_characters(tmp_path):
    quads = [[10 + 30 * i, 8, 30 + 30 * i, 8, 30 + 30 * i, 32, 10 + 30 * i, 32] for i in range(3)]
    (tmp_path / "w.png").write_bytes(png(drawn(40, 120, quads)))
    annotations = [dict(char_text=c, char_box=quad) for c, quad in zip("abc", quads)]
    row = dict(file_name="w.png", annotations=annotations, text="abc")
    (tmp_path / "l.jsonl").write_text(json.dumps(row) + "\n")
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["file_name", "annotations", "text"]))
    np.random.seed(3)
    pipeline = copy.deepcopy(SEG_TRAINING)
    data = OCRSegDataset(str(tmp_path / "l.jsonl"), loader, pipeline, img_prefix=str(tmp_path))[0]
    assert data["img"].shape == (3, 64, 512) and data["img"].dtype == np.float32
    attention, segmentation, _ = data["gt_kernels"].masks
    assert attention.shape == (64, 512) and set(np.unique(segmentation)) >= {0, 11, 12, 13}
    assert data["img_metas"]["ori_shape"] == (40, 120, 3)


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_read_with_and_without_their_picture(name, tmp_path):
    (tmp_path / "page.png").write_bytes(png(drawn(HEIGHT, WIDTH, TEXTS)))
    (tmp_path / "dict.txt").write_text("\n".join("abcdef") + "\n")
    annotations = [dict(box=box, text=c, label=i, edge=i // 2) for i, (box, c) in enumerate(zip(TEXTS, "abcdef"))]
    row = dict(file_name="page.png", height=HEIGHT, width=WIDTH, annotations=annotations)
    (tmp_path / "l.jsonl").write_text(json.dumps(row) + "\n")
    keys = ["file_name", "height", "width", "annotations"]
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=keys))
    arguments = (str(tmp_path / "l.jsonl"), loader, str(tmp_path / "dict.txt"), str(tmp_path))
    data = KIEDataset(*arguments, pipeline=copy.deepcopy(FORMS[name]))[0]
    n = len(TEXTS)
    assert data["relations"].shape == (n, n, 5) and data["relations"].dtype == np.float32
    assert data["texts"].tolist() == [[i] for i in range(1, n + 1)]
    assert data["gt_labels"].shape == (n, n + 1) and data["gt_bboxes"].shape == (n, 4)
    metas = data["img_metas"]
    # 512 / 480: the short side decides, for the picture and for the relations.
    factor = 512 / HEIGHT
    assert data["relations"][0, 1, 0] == pytest.approx((TEXTS[1][0] - TEXTS[0][0]) / 10 * 683 / WIDTH, rel=1e-5)
    if name.startswith("sdmgr_unet16"):
        assert data["img"].shape == (3, 512, 704) and metas["img_shape"] == (512, 683, 3)
        assert metas["flip"] is False and metas["scale_factor"][1] == pytest.approx(factor)
        assert data["gt_bboxes"][0] == pytest.approx([40 * 683 / WIDTH, 64, 220 * 683 / WIDTH, 100 * factor], rel=1e-5)
        x, y = data["gt_bboxes"][0, ::2].mean(), data["gt_bboxes"][0, 1::2].mean()
        assert red(data["img"])[int(y), int(x)]
    else:
        assert data["img"].shape == (0, 0, 0) and metas["ori_texts"] == list("abcdef")


def test_entities_go_through_their_configuration(tmp_path):
    row = dict(text="ab cd", label={"name": {"ab": [[0, 1]]}})
    (tmp_path / "l.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "vocab.txt").write_text("\n".join([f"[{i}]" for i in range(103)] + list("abcd")) + "\n")
    convertor = dict(
        type="NerConvertor",
        annotation_type="bio",
        vocab_file=str(tmp_path / "vocab.txt"),
        categories=["name", "place"],
        max_len=10,
    )
    loader = dict(type="HardDiskLoader", parser=dict(type="LineJsonParser", keys=["text", "label"]))
    data = NerDataset(str(tmp_path / "l.jsonl"), loader, entities(convertor))[0]
    ids = [101, 103, 104, 100, 105, 106, 102, 0, 0, 0]
    assert data["img"] == ids
    metas = data["img_metas"]
    assert set(metas) == {"input_ids", "attention_masks", "labels", "token_type_ids"}
    assert metas["input_ids"].tolist() == ids and metas["attention_masks"].sum() == 7
    assert all(value.dtype == np.int64 for value in metas.values())


def results_of(img, **more):
    return dict(img=img, img_shape=img.shape, ori_shape=img.shape, img_fields=["img"], **more)


def outlined(poly2mask):
    """A picture with one text, loaded as MMDetection does it."""
    outline = [20, 10, 60, 10, 60, 30, 20, 30]
    info = dict(bboxes=np.array([[20, 10, 60, 30]], np.float32), labels=np.array([0]), masks=[[outline]])
    results = results_of(drawn(50, 100, [outline])[..., ::-1].copy(), ann_info=info, bbox_fields=[], mask_fields=[])
    results["img_info"] = dict(height=50, width=100)
    return LoadAnnotations(with_mask=True, poly2mask=poly2mask)(results)


@pytest.mark.parametrize("poly2mask", [True, False])
def test_everything_is_resized_mirrored_and_padded_together(poly2mask):
    kind = BitmapMasks if poly2mask else PolygonMasks
    results = Resize(img_scale=(200, 80), keep_ratio=True)(outlined(poly2mask))
    assert results["img_shape"] == (80, 160, 3) and results["keep_ratio"] is True
    assert results["scale"] == (200, 80) and results["scale_idx"] == 0
    assert results["gt_bboxes"].tolist() == [[32, 16, 96, 48]]
    masks = results["gt_masks"]
    assert isinstance(masks, kind) and (masks.height, masks.width) == (80, 160)
    results = RandomFlip(flip_ratio=1.0, direction="diagonal")(results)
    assert results["flip"] is True and results["flip_direction"] == "diagonal"
    assert results["gt_bboxes"].tolist() == [[64, 32, 128, 64]]
    results = Pad(size=(100, 200), pad_val=7)(results)
    assert results["pad_shape"] == (100, 200, 3) and results["img_shape"] == (80, 160, 3)
    assert (results["img"][80:] == 7).all() and (results["img"][:, 160:] == 7).all()
    masks = results["gt_masks"]
    inside = np.zeros((100, 200), bool)
    inside[32:64, 64:128] = True
    if poly2mask:
        assert (masks.masks[0][:80, :160] == inside[:80, :160]).all()
        assert masks.outlines == [[128, 64, 64, 64, 64, 32, 128, 32]]
    else:
        assert masks.masks[0][0].tolist() == [128, 64, 64, 64, 64, 32, 128, 32]
    assert ((results["img"][..., 2] > 128) & (results["img"][..., 0] < 100) == inside).mean() > 0.99


def test_without_its_shape_a_picture_gets_the_size_exactly():
    results = Resize(img_scale=(64, 32), keep_ratio=False)(outlined(poly2mask=False))
    assert results["img_shape"] == (32, 64, 3)
    assert results["scale_factor"] == pytest.approx([0.64, 0.64, 0.64, 0.64])
    # A box that reaches over the border is cut, unless that is not wanted.
    for clip, right in ((True, 50), (False, 60)):
        wide = dict(outlined(poly2mask=False), gt_bboxes=np.array([[20, 10, 120, 30]], np.float32))
        wide = Resize(img_scale=(50, 25), keep_ratio=False, bbox_clip_border=clip)(wide)
        assert wide["gt_bboxes"].tolist() == [[10, 5, right, 15]]


def test_sizes_are_drawn_as_by_numpy():
    grey = np.zeros((10, 20, 3), np.uint8)

    def scale(seed=None, **options):
        return Resize(seed=seed, **options)(results_of(grey))["scale"]

    sizes = [(1333, 640), (1333, 800), (1000, 600)]
    for seed in range(20):
        same = np.random.RandomState(seed)
        np.random.seed(seed)
        assert scale(img_scale=sizes, multiscale_mode="value") == sizes[same.randint(3)]
        ratio = same.random_sample() * 1.5 + 0.5
        assert scale(img_scale=(100, 50), ratio_range=(0.5, 2.0)) == (int(100 * ratio), int(50 * ratio))
        expected = same.randint(1000, 1334), same.randint(640, 801)
        assert scale(img_scale=[(1333, 640), (1000, 800)]) == expected
        assert scale(seed, img_scale=sizes, multiscale_mode="value") == sizes[np.random.RandomState(seed).randint(3)]
    with pytest.raises(AssertionError):
        Resize(img_scale=sizes, ratio_range=(0.5, 2.0))


def test_a_size_from_a_step_before_comes_first_and_only_once():
    grey = np.zeros((10, 20, 3), np.uint8)
    assert Resize(img_scale=(99, 99))(results_of(grey, scale=(40, 40)))["img_shape"] == (20, 40, 3)
    assert Resize()(results_of(grey, scale_factor=1.5))["img_shape"] == (15, 30, 3)
    twice = [dict(type="Resize", img_scale=(40, 40)), dict(type="Resize", img_scale=(60, 60))]
    with pytest.raises(AssertionError):
        Compose(twice)(results_of(grey))
    twice[1]["override"] = True
    assert Compose(twice)(results_of(grey))["img_shape"] == (30, 60, 3)


def test_pictures_are_mirrored_as_often_as_asked():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    step = RandomFlip(flip_ratio=[0.5, 0.25], direction=["horizontal", "vertical"], seed=0)
    seen = [step(results_of(img))["flip_direction"] for _ in range(400)]
    counts = [seen.count(direction) for direction in ("horizontal", "vertical", None)]
    assert counts == pytest.approx([200, 100, 100], abs=45)
    told = RandomFlip()(results_of(img, flip=True, flip_direction="vertical"))
    assert (told["img"] == img[::-1]).all()
    for config, error in ((dict(flip_ratio=1), ValueError), (dict(flip_ratio=0.5, direction="up"), AssertionError)):
        with pytest.raises(error):
            RandomFlip(**config)
    with pytest.raises(AssertionError, match="flip_ratio"):
        RandomFlip()(results_of(img))


def test_a_picture_is_tested_in_several_sizes_and_mirrored():
    transforms = [
        dict(type="Resize", keep_ratio=True),
        dict(type="RandomFlip"),
        dict(type="ImageToTensor", keys=["img"]),
        dict(type="Collect", keys=["img"], meta_keys=["flip", "flip_direction", "img_shape"]),
    ]
    img = np.random.default_rng(0).integers(0, 256, (10, 20, 3), dtype=np.uint8)
    step = MultiScaleFlipAug(transforms, [(40, 40), (60, 60)], flip=True, flip_direction=["horizontal", "vertical"])
    data = step(results_of(img))
    assert [i.shape for i in data["img"]] == [(3, 20, 40)] * 3 + [(3, 30, 60)] * 3
    assert [m["flip_direction"] for m in data["img_metas"]] == [None, "horizontal", "vertical"] * 2
    assert (data["img"][1] == data["img"][0][:, :, ::-1]).all()
    assert (data["img"][5] == data["img"][3][:, ::-1]).all()
    half = MultiScaleFlipAug([transforms[0], *transforms[2:]], scale_factor=0.5)(results_of(img))
    assert half["img"][0].shape == (3, 5, 10)
    with pytest.warns(UserWarning, match="RandomFlip"):
        MultiScaleFlipAug(transforms[2:], (40, 40), flip=True)
    with pytest.raises(AssertionError):
        MultiScaleFlipAug(transforms, (40, 40), scale_factor=2.0)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pictures_are_normalised_as_opencv_does_it(kind):
    img = (np.random.default_rng(0).random((9, 7, 3)) * 255).astype(kind)
    mean, std = np.float32(NORM["mean"]), np.float32(NORM["std"])
    results = Normalize(**NORM)(results_of(img))
    expected = (img[..., ::-1].astype(np.float32) - mean).astype(np.float64) * (1 / std.astype(np.float64))
    assert results["img"].dtype == np.float32 and (results["img"] == expected.astype(np.float32)).all()
    assert results["img_norm_cfg"]["to_rgb"] is True and (results["img_norm_cfg"]["std"] == std).all()
    grey = Normalize([127], [127])(results_of(img[..., 0]))
    assert grey["img"].shape == (9, 7) and grey["img"][0, 0] == pytest.approx((img[0, 0, 0] - 127) / 127, abs=1e-6)
    with pytest.raises(ValueError, match="3 channels"):
        Normalize([127], [127])(results_of(img))


def test_files_are_read_in_the_way_asked_for(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    alpha = np.concatenate([pixels, np.full((4, 6, 1), 255, np.uint8)], axis=2)
    files = {
        "plain": png(pixels),
        "turned": png(pixels, TURNED),
        "alpha": png(alpha),
        "grey": png(pixels[..., 0]),
        "deep": png(pixels.astype(np.uint16) * 257),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.png").write_bytes(data)

    def read(name, color_type="color", **options):
        step = LoadImageFromFile(color_type=color_type, **options)
        return step(dict(img_prefix=str(tmp_path), img_info=dict(filename=f"{name}.png")))["img"]

    bgr = pixels[..., ::-1]
    assert (read("plain") == bgr).all() and (read("plain", "unchanged") == bgr).all()
    assert read("turned").shape == (6, 4, 3) and (read("turned") == np.rot90(bgr, -1)).all()
    assert (read("turned", "color_ignore_orientation") == bgr).all()
    assert read("turned", "grayscale").shape == (6, 4)
    assert (read("alpha", "unchanged")[..., [2, 1, 0, 3]] == alpha).all()
    assert (read("grey", "unchanged") == pixels[..., 0]).all() and read("grey").shape == (4, 6, 3)
    deep = read("deep", "unchanged")
    assert deep.dtype == np.uint16 and (deep == bgr.astype(np.uint16) * 257).all()
    assert read("plain", to_float32=True).dtype == np.float32
    (tmp_path / "broken.png").write_bytes(files["plain"][:40])
    for color_type in ("color", "color_ignore_orientation", "unchanged", "grayscale"):
        with pytest.raises(ValueError, match="broken.png"):
            read("broken", color_type)
        with pytest.raises(OSError, match="none.png"):
            read("none", color_type)


def test_steps_can_be_sent_to_other_processes(page):
    pipeline = copy.deepcopy(DETECTION_TRAINING["textsnake_r50_fpn_unet_1200e_ctw1500"])
    for step in pipeline:
        if step["type"] in ("RandomFlip", "ScaleAspectJitter", "RandomCropPolyInstances"):
            step["seed"] = 1
    data = IcdarDataset(pipeline=pipeline, **page)
    sent = pickle.loads(pickle.dumps(data))
    np.random.seed(0)
    here = data[0]["img"]
    np.random.seed(0)
    assert (sent[0]["img"] == here).all()
