"""What scripts call of MMOCR's steps, targets, loaders and drawings beside the steps themselves."""

import numpy as np
import pytest

from glyphic import GlyphicError
from glyphic.mmocr.core import visualize
from glyphic.mmocr.core.evaluation.utils import points2polygon
from glyphic.mmocr.core.masks import BitmapMasks, PolygonMasks
from glyphic.mmocr.datasets import BaseDataset
from glyphic.mmocr.datasets.pipelines import (
    CustomFormatBundle,
    DBNetTargets,
    EastRandomCrop,
    FancyPCA,
    LoadTextAnnotations,
    NormalizeOCR,
    OCRSegTargets,
    OnlineCropOCR,
    PANetTargets,
    PilToOpencv,
    OpencvToPil,
    PSENetTargets,
    RandomCropFlip,
    RandomCropInstances,
    RandomCropPolyInstances,
    RandomPaddingOCR,
    RandomRotatePolyInstances,
    RandomScaling,
    ScaleAspectJitter,
    SquareResizePad,
    TextSnakeTargets,
    ToTensorOCR,
    box_jitter,
)
from glyphic.mmocr.datasets.utils import HardDiskLoader, Loader

SQUARES = [[np.array([0.0, 0, 12, 0, 12, 12, 0, 12])], [np.array([20.0, 0, 32, 0, 32, 12, 20, 12])]]


class Script:
    """NumPy's functions with given results, in the order of the calls."""

    def __init__(self, *calls):
        self.calls = list(calls)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*arguments):
            expected, value = self.calls.pop(0)
            assert expected == name, f"{name}{arguments} where {expected} was expected"
            return value

        return call


def scripted(step, *calls):
    script = Script(*calls)
    step.draws = lambda: script
    return script


def polygons(count=2, size=40):
    texts = PolygonMasks(SQUARES[:count], size, size)
    results = {
        "img": np.zeros((size, size, 3), np.uint8),
        "img_shape": (size, size, 3),
        "gt_masks": texts,
        "gt_masks_ignore": PolygonMasks([], size, size),
        "gt_labels": np.arange(count),
        "mask_fields": ["gt_masks", "gt_masks_ignore"],
    }
    return results


def test_polygons_count_their_points_and_know_their_bounds():
    polygon = points2polygon([1, 2, 7, 2, 9, 8, 1, 8])
    assert polygon.nPoints() == 4
    assert polygon.boundingBox() == (1, 9, 2, 8)
    nothing = polygon & points2polygon([50, 50, 60, 50, 60, 60, 50, 60])
    assert nothing.nPoints() == 0
    with pytest.raises(GlyphicError):
        nothing.boundingBox()


def test_jittered_corners_stay_within_their_shares_of_the_height():
    xs, ys = [20, 120, 120, 20], [20, 20, 40, 40]
    box_jitter(xs, ys, jitter_ratio_x=0.0, jitter_ratio_y=0.0)
    assert xs == [20, 120, 120, 20] and ys == [20, 20, 40, 40]
    np.random.seed(0)
    # The first pair of numbers moves the first corner.
    same = np.random.RandomState(0).random_sample(2) * 2 - 1
    box_jitter(xs, ys, jitter_ratio_x=0.5, jitter_ratio_y=0.1)
    assert np.allclose([xs[0], ys[0]], [20 + same[0] * 0.5 * 20, 20 + same[1] * 0.1 * 20])
    with pytest.raises(AssertionError):
        box_jitter(xs, ys, jitter_ratio_x=1.0)
    with pytest.raises(AssertionError):
        box_jitter(xs[:3], ys)


def test_pieces_are_cut_where_the_draws_say():
    marks = np.zeros((6, 6), int)
    marks[2:, 2:] = 1
    step = RandomCropInstances(3, instance_key="gt_kernels")
    script = scripted(step, ("random_sample", 0.1), ("randint", 1), ("randint", 2))
    assert step.sample_offset(marks, (6, 6)) == (1, 2)
    assert script.calls == []
    # Not by texts: anywhere.
    scripted(step, ("random_sample", 0.9), ("randint", 0), ("randint", 2))
    assert step.sample_offset(marks, (6, 6)) == (0, 2)
    piece, box = step.crop_img(marks, (1, 2), (3, 9))
    assert piece.shape == (3, 4) and box.tolist() == [2, 1, 6, 4]
    with pytest.raises(GlyphicError):
        step.sample_offset(marks, (5, 6))

    results = {"img": marks, "gt_kernels": BitmapMasks([marks], 6, 6), "mask_fields": ["gt_kernels"]}
    scripted(step, ("random_sample", 0.1), ("randint", 1), ("randint", 1))
    step(results)
    assert (results["img"] == marks[1:4, 1:4]).all()


def test_a_piece_around_a_text_follows_the_draws():
    step = RandomCropPolyInstances(crop_ratio=1.0, min_side_ratio=0.3)
    draws = [("randint", 0)] + [("randint", v) for v in (0, 0, 0, 16, 0, 0, 0, 40)]
    script = scripted(step, *draws)
    assert step.sample_crop_box((40, 40), polygons()).tolist() == [0, 0, 16, 40]
    assert script.calls == []
    with pytest.raises(GlyphicError):
        step.sample_crop_box((40, 40), {**polygons(), "gt_masks": PolygonMasks([], 40, 40)})


def test_random_steps_draw_numpys_numbers_as_the_reference_does():
    def same(seed=3):
        np.random.seed(seed)
        return np.random.RandomState(seed)

    same_draws = same()
    scaled = RandomScaling(size=40, scale=(0.5, 2.0))(polygons())
    assert scaled["img"].shape[0] == int(40 * same_draws.uniform(0.5, 2.0))

    same_draws = same()
    jitter = ScaleAspectJitter(
        resize_type="indep_sample_in_range", scale_range=(20.0, 90.0), ratio_range=None, aspect_ratio_range=None
    )
    width, height = (int(same_draws.random_sample() * 70 + 20) for _ in range(2))
    assert jitter(polygons())["img"].shape[:2] == (height, width)

    same_draws = same()
    padded = RandomPaddingOCR(max_ratio=[0.5, 0.5, 0.5, 0.5])({"img": np.zeros((20, 60, 3), np.uint8)})
    left, top, right, bottom = (same_draws.uniform(0, 0.5) for _ in range(4))
    expected = (20 + round(top * 20) + round(bottom * 20), 60 + round(left * 60) + round(right * 60))
    assert padded["img"].shape[:2] == expected

    same_draws = same(5)
    turned = RandomRotatePolyInstances(rotate_ratio=1.0, max_angle=20)(polygons())
    same_draws.random_sample()
    angle = np.radians(same_draws.random_sample() * 40 - 20)
    side = int(40 * abs(np.sin(angle)) + 40 * abs(np.cos(angle)))
    assert turned["img"].shape[:2] == (side, side)


def test_a_seed_of_a_step_is_its_own_generator():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    step = EastRandomCrop(target_size=(32, 32), seed=4)
    first, second = step(polygons())["gt_masks"].masks, step(polygons())["gt_masks"].masks
    assert (np.random.get_state()[1] == before).all()
    again = EastRandomCrop(target_size=(32, 32), seed=4)
    for masks in (first, second):
        repeated = again(polygons())["gt_masks"].masks
        assert len(masks) == len(repeated)
        assert all(np.allclose(a[0], b[0]) for a, b in zip(masks, repeated))


def test_a_failing_generator_is_an_error_of_the_step():
    step = SquareResizePad(target_size=20, pad_ratio=0.5)
    scripted(step, ("random_sample", "no number"))
    with pytest.raises(TypeError):
        step({**polygons(), "img": np.zeros((10, 20, 3), np.uint8)})


def test_rows_and_columns_without_texts_are_named():
    step = RandomCropFlip()
    rows, columns = step.generate_crop_target(np.zeros((16, 40, 3)), SQUARES, 2, 3)
    assert rows.tolist() == [0, 1, 14, 15, 16, 17, 18, 19]
    assert columns.tolist() == [*range(3), *range(15, 23), *range(35, 46)]


def test_jitter_of_the_reference_is_what_its_probability_is_not():
    crop = {"img": np.zeros((60, 60, 3), np.uint8), "img_info": dict(zip(
        ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"], [10, 10, 50, 10, 50, 30, 10, 30]))}
    step = OnlineCropOCR(jitter_prob=0.25, compat=True)
    # 0.2 is not above 0.25: no further draw.
    script = scripted(step, ("random_sample", 0.2))
    assert step(dict(crop))["img"].shape == (20, 40, 3) and script.calls == []
    script = scripted(step, ("random_sample", 0.3), *[("random_sample", 0.5)] * 8)
    assert step(dict(crop))["img"].shape == (20, 40, 3) and script.calls == []


def test_options_are_attributes_which_decide_when_maps_are_drawn():
    assert DBNetTargets().shrink_ratio == 0.4
    assert PSENetTargets().shrink_ratio == (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    targets = TextSnakeTargets()
    narrow = targets.generate_center_mask_attrib_maps((40, 40), SQUARES)[0].sum()
    targets.center_region_shrink_ratio = 1.0
    assert targets.generate_center_mask_attrib_maps((40, 40), SQUARES)[0].sum() > narrow > 0
    assert EastRandomCrop(target_size=(64, 32)).max_tries == 10
    with pytest.raises(AttributeError):
        EastRandomCrop().no_such_option


def test_kernels_and_masks_of_outlines():
    targets = PANetTargets()
    whole, tags = targets.generate_kernels((20, 40), SQUARES, 1.0)
    assert tags is None and whole[:13, :13].min() == 1 and whole[:13, 20:33].min() == 2
    # Two pixels high: nothing is left of it one pixel further in.
    flat = [[np.array([0.0, 15, 30, 15, 30, 17, 0, 17])]]
    _, tags = targets.generate_kernels((20, 40), SQUARES + flat, 0.1, ignore_tags=np.array([False] * 3))
    assert tags.tolist() == [False, False, True]
    mask = targets.generate_effective_mask((20, 40), SQUARES[:1])
    assert mask[:13, :13].max() == 0 and mask[:, 13:].min() == 1
    with pytest.raises(AssertionError):
        targets.generate_effective_mask((20, 40), [SQUARES[0] * 2])


def test_texts_that_are_left_out_change_sides():
    targets = DBNetTargets()
    small = PolygonMasks([*SQUARES, [np.array([0.0, 20, 5, 20, 5, 25, 0, 25])]], 40, 40)
    assert targets.find_invalid({"gt_masks": small}) == [False, False, True]
    results = {**polygons(), "gt_bboxes": np.arange(8.0).reshape(2, 4)}
    targets.ignore_texts(results, [True, False])
    assert len(results["gt_masks"]) == 1 and results["gt_labels"].tolist() == [1]
    assert results["gt_bboxes"].tolist() == [[4, 5, 6, 7]]
    assert np.allclose(results["gt_masks_ignore"].masks[0][0], SQUARES[0][0])
    values, where = targets.generate_thr_map((40, 40), SQUARES)
    assert values.shape == (40, 40) and values.min() >= 0.29 and 0.6 < values.max() <= 0.71
    assert set(np.unique(where)) == {0, 1}


def test_ends_of_a_text():
    head, tail = TextSnakeTargets().find_head_tail(np.array([[1.0, 1], [5, 1], [5, 3], [1, 3]]), 2.0)
    assert (head, tail) == ([3, 0], [1, 2])
    with pytest.raises(AssertionError):
        TextSnakeTargets().find_head_tail(np.zeros((3, 2)), 2.0)


def test_kernels_of_characters():
    step = OCRSegTargets(dict(type="SegConvertor", dict_list=list("ab")), 0.5, 0.5)
    kernels = step.generate_kernels((8, 8), (8, 10), [[2, 2, 6, 6]], [2], 0.5, binary=False)
    assert kernels[:, 8:].min() == 255 and kernels[4, 4] == 2 and kernels[0, 0] == 0
    assert step.generate_kernels((8, 8), (8, 10), [[2, 2, 6, 6]], [2], 0.5)[4, 4] == 1
    with pytest.raises(AssertionError):
        step.generate_kernels((8, 8), (8, 10), [2, 2, 6, 6], [2], 0.5)


def test_tensors_are_arrays_that_have_the_method_numpy():
    img = np.full((4, 6, 3), 51, np.uint8)
    tensor = ToTensorOCR()({"img": img})["img"]
    assert type(tensor.numpy()) is np.ndarray and tensor.shape == (3, 4, 6)
    assert np.allclose(tensor.numpy(), 0.2)
    normal = NormalizeOCR([0.2] * 3, [0.5] * 3)({"img": tensor})["img"]
    assert np.allclose(normal.numpy(), 0)
    assert FancyPCA()({"img": tensor})["img"].shape == (3, 4, 6)


def test_tensors_of_pytorch_stay_such():
    torch = pytest.importorskip("torch")
    img = NormalizeOCR([0.5] * 3, [0.5] * 3)({"img": torch.zeros(3, 4, 6)})["img"]
    assert isinstance(img, torch.Tensor) and (img == -1).all()
    assert isinstance(FancyPCA()({"img": torch.rand(3, 4, 6)})["img"], torch.Tensor)


def test_pictures_go_to_pillow_and_back():
    bgr = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    results = OpencvToPil()({"img": bgr})
    try:
        from PIL import Image
    except ImportError:
        assert (results["img"] == bgr[..., ::-1]).all()
    else:
        assert isinstance(results["img"], Image.Image) and results["img"].size == (4, 2)
    assert (PilToOpencv()(results)["img"] == bgr).all()


def test_masks_are_loaded_alone():
    results = {
        "img_info": {"height": 100, "width": 100},
        "ann_info": {"masks": [], "masks_ignore": [[[4, 9, 31, 9, 31, 24, 4, 24]]]},
        "mask_fields": [],
    }
    loaded = LoadTextAnnotations(with_mask=True, poly2mask=False)._load_masks(results)
    assert loaded["mask_fields"] == ["gt_masks_ignore", "gt_masks"]
    assert np.allclose(loaded["gt_masks_ignore"].masks[0][0], [4, 9, 31, 9, 31, 24, 4, 24])


def test_loaders_and_data_sets_say_what_they_lack(tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("a.jpg one\nb.jpg two\n")
    parser = dict(type="LineStrParser", keys=["file_name", "text"], keys_idx=[0, 1], separator=" ")
    with pytest.raises(NotImplementedError):
        Loader(str(labels), parser)
    loader = HardDiskLoader(str(labels), parser)
    assert loader.ori_data_infos[1] == "b.jpg two" and len(list(loader)) == 2
    data = BaseDataset(str(labels), dict(type="HardDiskLoader", parser=parser), pipeline=[])
    assert data.prepare_train_img(0)["img_info"] == {"file_name": "a.jpg", "text": "one"}
    with pytest.raises(NotImplementedError):
        data.evaluate([])
    assert data.format_results([{}, {}]) is None


def test_outlines_are_drawn_and_written(tmp_path):
    from glyphic.mmocr.core.images import imread, imwrite

    img = np.zeros((30, 40, 3), np.uint8)
    row = [5, 5, 30, 5, 30, 20, 5, 20, 0.9]
    out = tmp_path / "deep" / "drawn.png"
    drawn = visualize.imshow_pred_boundary(img, [row, [*row[:8], 0.1]], [0, 0], 0.5, show=False, out_file=str(out))
    assert drawn[5, 15].tolist() == [255, 0, 0] and drawn[12, 15].tolist() == [0, 0, 0] and not img.any()
    assert (imread(str(out)) == drawn).all()
    assert visualize.imshow_pred_boundary(img, [], [], show=False) is None
    both = visualize.show_pred_gt([row[:8]], [[8, 8, 20, 8, 20, 15, 8, 15]])
    assert both.shape == (120, 130, 3) and both[5, 15].tolist() == [0, 0, 255] and both[8, 14].tolist() == [255, 0, 0]
    mask = np.zeros((30, 40))
    mask[10:20, 10:30] = 1
    assert visualize.overlay_mask_img(img, mask)[10, 20].tolist() == [0, 255, 0]
    tiles = visualize.tile_image([img, np.zeros((10, 50), np.uint8)])
    assert tiles.shape == (40, 50, 3)
    with pytest.raises(GlyphicError, match="red, green"):
        visualize.imshow_pred_boundary(img, [row], [0], boundary_color="mauve", show=False)
    imwrite(img, str(tmp_path / "again.png"))


def test_texts_are_written_beside_their_picture():
    pytest.importorskip("PIL")
    img = np.full((40, 60, 3), 128, np.uint8)
    label = visualize.imshow_text_label(img, "one", "two")
    assert label.shape == (192, 96, 3)
    assert (label[:64] != 255).any() and (label[128:] != 255).any()
    result = {"result": [{"box": [5, 5, 50, 5, 50, 30, 5, 30], "text": "word"}]}
    shown = visualize.det_recog_show_result(img, result)
    assert shown.shape == (40, 120, 3) and (shown[:, 60:] < 60).any()
    nodes = visualize.imshow_edge_node(img, {"nodes": np.array([[0.1, 0.9]])}, [[5, 15, 50, 30]], {"1": "total"})
    assert nodes.shape == (40, 180, 3)


def test_maps_are_plotted_for_debugging(monkeypatch, tmp_path):
    plots = []

    class Plots:
        def __getattr__(self, name):
            return lambda *arguments: plots.append(name)

    # Matplotlib need not be there.
    monkeypatch.setitem(vars(visualize), "plt", Plots())
    results = PANetTargets()(polygons())
    bundle = CustomFormatBundle(keys=["gt_kernels"], visualize=dict(flag=True, boundary_key="gt_kernels"))
    assert "gt_kernels" in bundle(results)
    # The picture, two kernels and the mask.
    assert plots.count("title") == 4 and plots.count("show") == 1
    visualize.show_feature([np.zeros((3, 3))], ["one"], [0], str(tmp_path / "plot.png"))
    assert plots[-1] == "savefig"
    visualize.show_img_boundary(np.zeros((10, 10, 3)), [0, 0, 5, 0, 5, 5, 0, 5])
    assert plots[-1] == "show"
