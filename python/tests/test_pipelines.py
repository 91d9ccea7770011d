"""``glyphic.mmocr.datasets.pipelines``: the reference's maps and pixels, and steps in lists of dicts."""

import copy

import numpy as np
import pytest
from golden import case, cases, has, stream

from glyphic import GlyphicError
from glyphic.mmocr.core.masks import BitmapMasks, PolygonMasks
from glyphic.mmocr.datasets.pipelines import (
    Compose,
    DBNetTargets,
    DRRGTargets,
    FCENetTargets,
    LoadTextAnnotations,
    MultiRotateAugOCR,
    NormalizeOCR,
    OCRSegTargets,
    OnlineCropOCR,
    PANetTargets,
    PSENetTargets,
    RandomRotateImageBox,
    ResizeNoImg,
    ResizeOCR,
    ScaleAspectJitter,
    TextSnakeTargets,
    ToTensorOCR,
    crop_img,
    warp_img,
)


def needs(name):
    return pytest.mark.skipif(not has(name), reason="the case is not in this folder")


def results_of(golden):
    """What a target generator is given: outlines and a size."""
    height, width = golden.inputs["image_h_w"]
    masks = {}
    for key, name in (("gt_masks", "polygons"), ("gt_masks_ignore", "polygons_ignored")):
        masks[key] = PolygonMasks([[np.array(p)] for p in golden.inputs[name]], height, width)
    return dict(img_shape=(height, width, 3), mask_fields=[*masks], bbox_fields=["gt_bboxes"], **masks)


GENERATORS = {
    "D_targets_dbnet_": lambda config: DBNetTargets(compat=True),
    "D_targets_panet_": lambda config: PANetTargets(shrink_ratio=tuple(config["shrink_ratio"]), compat=True),
    "D_targets_psenet_": lambda config: PSENetTargets(compat=True),
    "D_targets_textsnake_": lambda config: TextSnakeTargets(),
    "D_targets_fcenet_": lambda config: FCENetTargets(fourier_degree=config["fourier_degree"], compat=True),
    "D_targets_drrg_": lambda config: DRRGTargets(compat=True, seed=7),
}


def target_cases():
    found = []
    for prefix in GENERATORS:
        try:
            found += cases(prefix)
        except AssertionError:
            continue
    assert found
    return found


@pytest.mark.parametrize("golden", target_cases(), ids=repr)
def test_targets_equal_the_reference(golden):
    make = next(make for prefix, make in GENERATORS.items() if golden.name.startswith(prefix))
    results = make(golden.config)(results_of(golden))
    compared = 0
    for name, expected in golden.tensors().items():
        key = name.rpartition("/")[2]
        if not name.startswith("target/"):
            continue
        if key == "gt_comp_attribs":
            assert results[key].shape == expected.shape
            continue
        got = results[key].masks if isinstance(results[key], BitmapMasks) else results[key]
        full = golden.entry["tensors"][name]
        assert list(got.shape) == full["shape"]
        got = got.reshape(-1)[:: full["flat_step"]].astype(np.float64)
        # Which side of a border a pixel lies on is open where the reference rounds: as the manifest says.
        tolerance = 0 if full["dtype"] == "uint8" else 1e-4
        assert np.abs(got - expected.reshape(-1)).max() <= tolerance, f"{golden} {key}"
        compared += 1
    assert compared > 0
    assert all(isinstance(results[key], BitmapMasks) for key in results["mask_fields"])


@needs("D_ocr_seg_targets")
def test_targets_of_characters_equal_the_reference():
    golden = case("D_ocr_seg_targets")
    tensors = golden.tensors()
    for name, row in golden.inputs.items():
        kind = name.rpartition("_")[0]
        info = {kind: copy.deepcopy(row["boxes"]), "chars": row["chars"]}
        shapes = {key: (*row[key], 3) for key in ("img_shape", "resize_shape", "pad_shape")}
        step = OCRSegTargets(golden.config["label_convertor"], box_type=kind, compat=True)
        results = step(dict(ann_info=info, **shapes))
        assert info[kind] == golden.outputs[f"{name}_scaled_boxes"]
        expected = tensors[f"{name}/binary_seg_mask"]
        assert (results["gt_kernels"].masks.astype(np.uint8) == expected).all(), name


def picture(tag, height, width):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    v = stream(f"img:{tag}", height * width * 3).reshape(height, width, 3)
    return np.clip(np.floor(128 + 60 * np.sin(x / 7) + 50 * np.cos(y / 5) + 9 * c + 30 * v + 0.5), 0, 255).astype(
        np.uint8
    )


def test_crops_are_resized_as_in_the_reference():
    golden = case("D_resize_ocr")
    for row in golden.outputs["shapes"]:
        step = ResizeOCR(**golden.config[row["set"]])
        img = np.zeros((row["h"], row["w"], 3), np.uint8)
        if row.get("error"):
            continue
        results = step(dict(img=img, img_shape=img.shape))
        got = [list(results["resize_shape"]), list(results["pad_shape"]), list(results["img"].shape)]
        assert got == [row["resize_shape"], row["pad_shape"], row["out_shape"]], row
        assert results["valid_ratio"] == pytest.approx(row["valid_ratio"])
        assert results["img_shape"] == img.shape
    tensors = golden.tensors()
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    compared = 0
    for name, expected in tensors.items():
        if not name.startswith("out/") or name.endswith(("_totensor", "_normalized")):
            continue
        options, _, index = name[4:].rpartition("_img_")
        img = tensors[f"input/img_{index}"]
        results = ResizeOCR(**golden.config[options])(dict(img=img, img_shape=img.shape))
        assert np.abs(results["img"].astype(int) - expected).max() <= 1, name
        if f"{name}_totensor" in tensors:
            results["img"] = expected
            for step, key in ((ToTensorOCR(), "_totensor"), (NormalizeOCR(mean, std), "_normalized")):
                results = step(results)
                row = golden.entry["tensors"][name + key]
                assert list(results["img"].shape) == row["shape"]
                got = results["img"].reshape(-1)[:: row["flat_step"]]
                assert np.abs(got - tensors[name + key].reshape(-1)).max() <= 1e-5, name
            assert results["img_norm_cfg"] == dict(mean=mean, std=std)
            compared += 1
    assert compared > 0


def test_crops_are_cut_as_in_the_reference():
    golden = case("D_crops")
    tensors = golden.tensors()
    img = tensors["input/img"]
    for i, box in enumerate(golden.inputs["boxes"]):
        for got, key in ((warp_img(img, box), f"warp_{i}"), (crop_img(img, box), f"crop_{i}")):
            expected = tensors[key]
            assert got.shape == expected.shape, key
            difference = np.abs(got.astype(int) - expected)
            assert difference.max() <= 2 and (difference > 1).mean() < 0.01, key
    keys = ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]
    info = dict(zip(keys, golden.inputs["boxes"][0]))
    results = OnlineCropOCR(jitter_prob=0)(dict(img=img, img_shape=img.shape, img_info=info))
    assert list(results["img_shape"]) == golden.outputs["online_crop_0_img_shape"]
    untouched = OnlineCropOCR()(dict(img=img, img_shape=img.shape, img_info={}))
    assert untouched["img"] is img


@needs("D_multi_rotate")
def test_tall_crops_are_turned_as_in_the_reference():
    seen = []

    def look(results):
        img = results["img"]
        seen.append([list(img.shape), int(img[0, 0, 0]), int(img[-1, -1, 2]), list(results["img_shape"])])
        return {"img": img}

    golden = case("D_multi_rotate")
    for index, row in enumerate(golden.json()["rows"]):
        img = picture(golden.entry.get("salt", "") + "mr", row["h"], row["w"])
        seen.clear()
        step = MultiRotateAugOCR([look], row["rotate_degrees"], row["force"], compat=True)
        data = step(dict(img=img, img_shape=img.shape))
        assert len(data["img"]) == len(row["calls"]), index
        assert sorted(map(str, seen)) == sorted(map(str, row["calls"])), index
        seen.clear()
        MultiRotateAugOCR([look], row["rotate_degrees"], row["force"])(dict(img=img, img_shape=img.shape))
        assert all(shape == told for shape, _, _, told in seen)


@needs("D_jitter")
def test_characters_turn_as_in_the_reference():
    for row in case("D_jitter").json()["rotate_bbox"]:
        chars = row.get("chars", [str(i) for i in range(len(row["boxes"]))])
        got, kept = RandomRotateImageBox.rotate_bbox(
            row["boxes"], chars, row["angle_rad"], row["center"], row["img_wh"]
        )
        assert len(got) == len(kept) == len(row["out_boxes"])
        assert np.allclose(got, row["out_boxes"], atol=1e-6, rtol=0)
        if "out_chars" in row and "chars" in row:
            assert kept == row["out_chars"]


@needs("D_jitter")
def test_sizes_are_jittered_as_in_the_reference():
    compared = 0
    for row in case("D_jitter").json()["scale_aspect_jitter"]:
        if "ok" not in row["out"]:
            continue
        step = ScaleAspectJitter(**{**row["config"], "img_scale": row["config"].get("img_scale")})
        height, width = step.size(row["h"], row["w"], row["uniform_draws"])
        assert [height, width] == row["out"]["ok"]["shape"][:2], row
        compared += 1
    assert compared > 0


@needs("D_bitmap_masks")
def test_bitmaps_scale_as_in_the_reference():
    tensors = case("D_bitmap_masks").tensors()
    masks = BitmapMasks(tensors["input/masks"], 15, 21)
    floats = BitmapMasks(tensors["input/float_mask"], 15, 21)
    for name, expected in tensors.items():
        if name.startswith("rescale_float_"):
            got = floats.rescale(float(name.rpartition("_")[2]))
        elif name.startswith("rescale_"):
            got = masks.rescale(float(name.rpartition("_")[2]))
        elif name.startswith("resize_"):
            got = masks.resize(tuple(int(v) for v in name.rpartition("_")[2].split("x")))
        else:
            continue
        assert got.masks.dtype == expected.dtype
        assert (got.masks == expected).all(), name
    assert masks.flip().masks[0, 0].tolist() == masks.masks[0, 0, ::-1].tolist()
    assert masks.crop([3, 2, 10, 9]).masks.shape == (2, 7, 7)
    assert masks.pad((20, 30), 1).masks[:, 15:].min() == 1


def test_forms_without_a_picture_are_resized_as_in_the_reference():
    if not has("E_kie_relations"):
        pytest.skip("the case is not in this folder")
    for row in case("E_kie_relations").json()["resize_no_img"]:
        height, width = row["hw"]
        got = ResizeNoImg((1024, 512))(dict(img_info=dict(height=height, width=width)))
        assert list(got["img_shape"]) == row["out"]["img_shape"]
        assert got["scale_factor"] == pytest.approx(row["out"]["scale_factor"], abs=1e-5)


SQUARE = [20.0, 20.0, 60.0, 20.0, 60.0, 40.0, 20.0, 40.0]


def scene(poly2mask=False):
    """A picture with a red text on white, and its annotations, loaded."""
    img = np.full((100, 160, 3), 255, np.uint8)
    img[20:40, 20:60] = (0, 0, 255)
    info = dict(
        bboxes=np.array([[20, 20, 60, 40]], np.float32),
        labels=np.array([0]),
        masks=[[SQUARE]],
        bboxes_ignore=np.array([[100, 60, 140, 80]], np.float32),
        masks_ignore=[[[100.0, 60.0, 140.0, 60.0, 140.0, 80.0, 100.0, 80.0]]],
    )
    results = dict(
        img=img,
        img_shape=img.shape,
        img_info=dict(height=100, width=160),
        ann_info=info,
        bbox_fields=[],
        mask_fields=[],
    )
    return LoadTextAnnotations(with_mask=True, poly2mask=poly2mask)(results)


STEPS = [
    dict(type="RandomScaling", size=200, scale=(0.75, 1.25)),
    dict(
        type="ScaleAspectJitter",
        ratio_range=(0.7, 1.3),
        aspect_ratio_range=(0.9, 1.1),
        long_size_bound=300,
        short_size_bound=100,
        resize_type="long_short_bound",
    ),
    dict(type="RandomRotatePolyInstances", rotate_ratio=1.0, max_angle=20),
    dict(type="RandomRotateTextDet", max_angle=10),
    dict(type="SquareResizePad", target_size=128, pad_ratio=0.6),
    dict(type="RandomCropPolyInstances", instance_key="gt_masks", crop_ratio=1.0),
    dict(type="RandomCropFlip", crop_ratio=1.0),
    dict(type="EastRandomCrop", target_size=(128, 96)),
    dict(type="ImgAug", args=[["Fliplr", 0.5], dict(cls="Affine", rotate=[-10, 10]), ["Resize", [0.5, 2.0]]]),
    dict(type="ColorJitter", brightness=0.1),
]


@pytest.mark.parametrize("config", STEPS, ids=lambda c: c["type"])
@pytest.mark.parametrize("seed", range(5))
def test_outlines_stay_on_their_text_through_random_steps(config, seed):
    results = Compose([dict(config, seed=seed)])(scene())
    height, width = results["img"].shape[:2]
    assert results["img_shape"] == results["img"].shape
    assert len(results["gt_masks"]) == len(results["gt_bboxes"]) == len(results["gt_labels"])
    assert (results["gt_masks"].height, results["gt_masks"].width) == (height, width)
    for polygons in results["gt_masks"]:
        x, y = polygons[0][::2].mean(), polygons[0][1::2].mean()
        if 2 <= x < width - 2 and 2 <= y < height - 2:
            blue, green, red = results["img"][int(y), int(x)].astype(int)
            assert red > blue + 60 and red > green + 60, (x, y)


def test_the_same_seed_gives_the_same_result():
    step = dict(type="RandomRotatePolyInstances", rotate_ratio=1.0, max_angle=30)

    def run(**seed):
        return Compose([dict(step, **seed)])(scene())["img"]

    assert (run(seed=3) == run(seed=3)).all()
    assert run(seed=3).shape != run(seed=4).shape or (run(seed=3) != run(seed=4)).any()
    np.random.seed(5)
    first = run()
    np.random.seed(5)
    assert (run() == first).all()


def test_bitmaps_move_with_the_picture():
    pipeline = Compose([dict(type="RandomRotateTextDet", max_angle=10, seed=1)])
    results = pipeline(scene(poly2mask=True))
    inside = results["gt_masks"].masks[0] > 0
    red = (results["img"][..., 2] > 128) & (results["img"][..., 0] < 128)
    assert (inside == red).mean() > 0.99
    targets = Compose([dict(type="RandomCropInstances", target_size=(64, 64), instance_key="gt_masks", seed=1)])
    assert targets(scene(poly2mask=True))["img"].shape == (64, 64, 3)


def test_a_detection_pipeline_of_a_configuration_runs_to_the_end():
    pipeline = Compose(
        [
            dict(type="ColorJitter", brightness=32.0 / 255, saturation=0.5),
            dict(type="ImgAug", args=[["Fliplr", 0.5], dict(cls="Affine", rotate=[-10, 10])]),
            dict(type="EastRandomCrop", target_size=(64, 64)),
            dict(type="DBNetTargets", shrink_ratio=0.4),
            dict(type="CustomFormatBundle", keys=["gt_shrink", "gt_shrink_mask", "gt_thr", "gt_thr_mask"]),
            dict(type="Collect", keys=["img", "gt_shrink", "gt_thr"], meta_keys=("img_shape",)),
        ]
    )
    data = pipeline(scene())
    assert data["img"].shape == (3, 64, 64)
    assert data["gt_shrink"].masks.shape == (1, 64, 64) and data["gt_thr"].masks.dtype == np.float32
    assert data["img_metas"]["img_shape"][:2] == (64, 64)
    with pytest.raises(KeyError, match="gt_nothing"):
        Compose([dict(type="CustomFormatBundle", keys=["gt_nothing"])])(scene())


def test_a_recognition_pipeline_of_a_configuration_runs_to_the_end():
    transforms = [
        dict(type="ResizeOCR", height=32, min_width=32, max_width=160),
        dict(type="ToTensorOCR"),
        dict(type="NormalizeOCR", mean=[0.5] * 3, std=[0.5] * 3),
        dict(type="Collect", keys=["img"], meta_keys=["img_shape", "valid_ratio"]),
    ]
    pipeline = Compose([dict(type="MultiRotateAugOCR", rotate_degrees=[0, 90, 270], transforms=transforms)])
    img = np.zeros((60, 20, 3), np.uint8)
    data = pipeline(dict(img=img, img_shape=img.shape))
    assert [i.shape for i in data["img"]] == [(3, 32, 160)] * 3
    assert data["img"][0].min() == -1.0


def test_characters_move_with_padding_and_turns():
    img = np.full((40, 100, 3), 200, np.uint8)
    img[10:30, 40:60] = 0
    quad = [40.0, 10.0, 60.0, 10.0, 60.0, 30.0, 40.0, 30.0]
    for config in (
        dict(type="RandomPaddingOCR", max_ratio=[0.5, 0.5, 0.5, 0.5], box_type="char_quads", seed=2),
        dict(type="RandomRotateImageBox", min_angle=-10, max_angle=10, box_type="char_quads", seed=2),
    ):
        info = dict(chars=["a"], char_quads=[list(quad)])
        results = Compose([config])(dict(img=img, img_shape=img.shape, ann_info=info))
        x, y = np.mean(info["char_quads"][0][::2]), np.mean(info["char_quads"][0][1::2])
        assert results["img"][int(y), int(x)].max() < 50
        assert info["chars"] == ["a"]


def test_wrong_options_are_named_when_the_pipeline_is_built():
    for config, word in (
        (dict(type="ResizeOCR", hight=32), "hight"),
        (dict(type="EastRandomCrap"), "EastRandomCrap"),
        (dict(type="ScaleAspectJitter", resize_type="round_trip"), "round_trip"),
    ):
        with pytest.raises((TypeError, KeyError, GlyphicError), match=word):
            Compose([config])


def test_a_step_in_the_wrong_place_says_so():
    with pytest.raises((GlyphicError, TypeError)):
        NormalizeOCR([0.5] * 3, [0.5] * 3)(dict(img=np.zeros((4, 4, 3), np.uint8)))


@pytest.mark.parametrize("poly2mask", [True, False])
def test_texts_too_small_to_be_learnt_are_ignored(poly2mask):
    def box(x, y, width, height):
        return [float(v) for v in (x, y, x + width, y, x + width, y + height, x, y + height)]

    # The second has a side below 8 pixels, the third vanishes when it shrinks by 4.
    boxes = [box(10, 10, 60, 30), box(10, 60, 60, 6), box(30, 85, 100, 8)]
    info = dict(
        bboxes=np.zeros((3, 4), np.float32),
        labels=np.zeros(3, np.int64),
        masks=[[b] for b in boxes],
        bboxes_ignore=np.zeros((1, 4), np.float32),
        masks_ignore=[[box(100, 60, 30, 20)]],
    )
    img = np.zeros((100, 160, 3), np.uint8)
    results = dict(img=img, img_shape=img.shape, img_info=dict(height=100, width=160), ann_info=info)
    results = LoadTextAnnotations(with_mask=True, poly2mask=poly2mask)(dict(results, bbox_fields=[], mask_fields=[]))
    results = DBNetTargets(shrink_ratio=0.01)(results)
    ignored = results["gt_masks_ignore"]
    assert type(ignored) is (BitmapMasks if poly2mask else PolygonMasks)
    if not poly2mask:
        assert [m[0].tolist() for m in ignored.masks] == [box(100, 60, 30, 20), boxes[1], boxes[2]]
    assert len(ignored) == 3
    assert set(results) >= {"gt_shrink", "gt_shrink_mask", "gt_thr", "gt_thr_mask", "gt_masks_ignore"}
    assert not {"gt_masks", "gt_labels", "gt_bboxes", "gt_bboxes_ignore"} & set(results)
    assert results["bbox_fields"] == [] and "gt_masks_ignore" not in results["mask_fields"]
    kept = results["gt_shrink_mask"].masks[0]
    assert [kept[y, x] for x, y in ((40, 25), (40, 63), (80, 89), (115, 70), (150, 90))] == [1, 0, 0, 0, 1]
