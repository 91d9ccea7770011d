"""``mmocr.core.visualize``: outlines, texts and maps drawn on pictures.

Outlines need nothing besides. Texts are drawn by Pillow, windows and plots by matplotlib: a function that needs one of
them says so where it is not installed.
"""

import math
import sys

import numpy as np

from ... import _glyphic
from ..utils.check_argument import equal_len, is_2dlist, is_3dlist, is_ndarray_list, is_none_or_type, is_type_list
from . import images as mmcv

_COLOURS = {
    "red": (0, 0, 255),
    "green": (0, 255, 0),
    "blue": (255, 0, 0),
    "cyan": (255, 255, 0),
    "yellow": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def __getattr__(name):
    # Matplotlib is loaded when something is plotted.
    if name != "plt":
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    try:
        from matplotlib import pyplot
    except ImportError as e:
        raise _glyphic.GlyphicError("plots need matplotlib: pip install matplotlib") from e
    return pyplot


def _plt():
    return sys.modules[__name__].plt


def _colour(colour):
    """The blue, green and red of a colour's name or of three numbers."""
    if isinstance(colour, str):
        if colour not in _COLOURS:
            raise _glyphic.GlyphicError(f"unknown colour {colour!r}; expected one of {', '.join(_COLOURS)}")
        return _COLOURS[colour]
    return tuple(int(v) for v in colour)


def _bytes(img):
    """A BGR picture of bytes that may be drawn on."""
    return np.ascontiguousarray(mmcv.imread(img), dtype=np.uint8)


def _outlined(img, outlines, colours, thickness=1, fill=None):
    flat = [np.asarray(outline, dtype=np.float64).ravel().tolist() for outline in outlines]
    return _glyphic.draw_outlines(img, flat, [_colour(c) for c in colours], float(thickness), fill)


def _written(img, texts):
    """The picture with texts on it: each of its words, its place (left, top), its height and its colour."""
    texts = [text for text in texts if text[0]]
    if not texts:
        return img
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as e:
        raise _glyphic.GlyphicError("texts are drawn by Pillow: pip install pillow") from e
    canvas = Image.fromarray(np.ascontiguousarray(img[..., ::-1]))
    draw = ImageDraw.Draw(canvas)
    for words, place, height, colour in texts:
        font = ImageFont.load_default(size=max(int(height), 4))
        draw.text(place, words, fill=_colour(colour)[::-1], font=font)
    return np.ascontiguousarray(np.asarray(canvas)[..., ::-1])


def _give(img, show, win_name, wait_time, out_file):
    if show:
        mmcv.imshow(img, win_name, wait_time)
    if out_file is not None:
        mmcv.imwrite(img, out_file)
    return img


def overlay_mask_img(img, mask):
    """A picture, BGR or grey, with the borders of a mask (height, width) drawn on it."""
    assert isinstance(img, np.ndarray)
    assert isinstance(mask, np.ndarray)
    borders = _glyphic.mask_borders(np.ascontiguousarray(mask != 0))
    return _outlined(_bytes(img), borders, ["green"] * len(borders))


def show_feature(features, names, to_uint8, out_file=None):
    """Plots maps side by side.

    Args:
        features: a list of arrays.
        names: their titles.
        to_uint8: for each, 1 to plot it as bytes.
        out_file: where the plot is written; shown in a window where it is not given.
    """
    assert is_ndarray_list(features)
    assert is_type_list(names, str)
    assert is_type_list(to_uint8, int)
    assert is_none_or_type(out_file, str)
    assert equal_len(features, names, to_uint8)
    plt = _plt()
    side = math.ceil(math.sqrt(len(features)))
    for i, (feature, name, as_bytes) in enumerate(zip(features, names, to_uint8), 1):
        plt.subplot(side, side, i)
        plt.title(name)
        plt.imshow(feature.astype(np.uint8) if as_bytes else feature)
    if out_file is None:
        plt.show()
    else:
        plt.savefig(out_file)


def show_img_boundary(img, boundary):
    """Shows a picture with one outline, a list of ints or of floats, in a window."""
    assert isinstance(img, np.ndarray)
    assert is_type_list(boundary, int) or is_type_list(boundary, float)
    plt = _plt()
    plt.imshow(_outlined(_bytes(img), [boundary], ["green"])[..., ::-1])
    plt.show()


def show_pred_gt(preds, gts, show=False, win_name="", wait_time=0, out_file=None):
    """Draws detected outlines in red and the truth in blue on a white picture, and returns it.

    Args:
        preds, gts: lists of flat outlines.
        show: whether it is shown in a window.
        out_file: where it is written.
    """
    assert is_2dlist(preds)
    assert is_2dlist(gts)
    assert isinstance(show, bool)
    assert isinstance(win_name, str)
    assert isinstance(wait_time, int)
    assert is_none_or_type(out_file, str)
    points = np.array([v for outline in preds + gts for v in outline], dtype=np.float64).reshape(-1, 2)
    width, height = (points.max(axis=0).astype(int) if len(points) else np.zeros(2, int)) + 100
    white = np.full((height, width, 3), 255, dtype=np.uint8)
    drawn = _outlined(white, preds + gts, ["red"] * len(preds) + ["blue"] * len(gts))
    return _give(drawn, show, win_name, wait_time, out_file)


def imshow_pred_boundary(
    img,
    boundaries_with_scores,
    labels,
    score_thr=0,
    boundary_color="blue",
    text_color="blue",
    thickness=1,
    font_scale=0.5,
    show=True,
    win_name="",
    wait_time=0,
    out_file=None,
    show_score=False,
):
    """Draws the outlines, each with its score as the last number, whose score is above ``score_thr``.

    Returns:
        the picture; ``None`` where nothing was detected.
    """
    assert isinstance(img, (str, np.ndarray))
    assert is_2dlist(boundaries_with_scores)
    assert is_type_list(labels, int)
    assert equal_len(boundaries_with_scores, labels)
    if not boundaries_with_scores:
        return None
    kept = [row for row in boundaries_with_scores if row[-1] > score_thr]
    drawn = _outlined(_bytes(img), [row[:-1] for row in kept], [boundary_color] * len(kept), thickness)
    if show_score:
        size = 24 * font_scale
        texts = [(f"{row[-1]:.02f}", (row[0], row[1] - size - 2), size, text_color) for row in kept]
        drawn = _written(drawn, texts)
    return _give(drawn, show, win_name, wait_time, out_file)


def imshow_text_char_boundary(
    img,
    text_quads,
    boundaries,
    char_quads,
    chars,
    show=False,
    thickness=1,
    font_scale=0.5,
    win_name="",
    wait_time=-1,
    out_file=None,
):
    """Draws texts in red, with what they say, and their characters in blue or green.

    Args:
        text_quads: a flat quadrilateral for each text.
        boundaries: its outline, or an empty list.
        char_quads: a list of flat quadrilaterals for each text.
        chars: the characters of each text.
    """
    assert isinstance(img, (np.ndarray, str))
    assert is_2dlist(text_quads)
    assert is_2dlist(boundaries)
    assert is_3dlist(char_quads)
    assert is_2dlist(chars)
    assert equal_len(text_quads, char_quads, boundaries)
    outlines, colours = [], []
    for i, (quad, boundary, characters) in enumerate(zip(text_quads, boundaries, char_quads)):
        for outline in filter(len, (quad, boundary)):
            outlines.append(outline)
            colours.append("red")
        outlines.extend(characters)
        colours.extend([("blue", "green")[i % 2]] * len(characters))
    drawn = _outlined(_bytes(img), outlines, colours, thickness)
    size = 24 * font_scale
    texts = [("".join(t), (q[0], q[1] - size - 2), size, "red") for q, t in zip(text_quads, chars)]
    return _give(_written(drawn, texts), show, win_name, wait_time, out_file)


def tile_image(images):
    """Pictures below one another, grey ones as BGR."""
    assert isinstance(images, list)
    assert len(images) > 0
    images = [np.repeat(img[..., None], 3, axis=2) if img.ndim == 2 else img for img in images]
    tiled = np.zeros((sum(len(img) for img in images), max(img.shape[1] for img in images), 3), dtype=np.uint8)
    top = 0
    for img in images:
        tiled[top : top + len(img), : img.shape[1]] = img
        top += len(img)
    return tiled


def imshow_text_label(img, pred_label, gt_label, show=False, win_name="", wait_time=-1, out_file=None):
    """A crop, brought to 64 rows, between what was read (above) and the truth (below, where it is not empty)."""
    assert isinstance(img, (np.ndarray, str))
    assert isinstance(pred_label, str)
    assert isinstance(gt_label, str)
    assert isinstance(show, bool)
    assert isinstance(win_name, str)
    assert isinstance(wait_time, int)
    img = _bytes(img)
    height = 64
    width = max(int(img.shape[1] / img.shape[0] * height), 1)
    crop = _glyphic.resize(img, height, width)

    def label(text, colour):
        return _written(np.full((height, width, 3), 255, dtype=np.uint8), [(text, (5, 18), 28, colour)])

    tiles = [label(pred_label, "red"), crop] + ([label(gt_label, "blue")] if gt_label else [])
    return _give(tile_image(tiles), show, win_name, wait_time, out_file)


def imshow_edge_node(img, result, boxes, idx_to_cls={}, show=False, win_name="", wait_time=-1, out_file=None):  # noqa: B006
    """The picture of a form with its boxes, and beside it the class and score of each.

    Args:
        result: ``nodes`` are scores (boxes, classes), an array or a tensor.
        boxes: ``x0, y0, x1, y1``.
        idx_to_cls: names of classes by their numbers as strings.
    """
    img = _bytes(img)
    height, width = img.shape[:2]
    nodes = result["nodes"]
    nodes = np.asarray(nodes.detach().cpu() if hasattr(nodes, "detach") else nodes)
    quads = [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in (box[:4] for box in boxes)]
    drawn = _outlined(img, quads, [(255, 255, 0)] * len(quads))
    texts = []
    for quad, row in zip(quads, nodes):
        name = str(int(row.argmax()))
        words = f"{idx_to_cls.get(name, name)}({row.max():.2f})"
        texts.append((words, (min(quad[0::2]) * 2, min(quad[1::2]) - 12), 12, (255, 0, 0)))
    beside = _written(np.full((height, 2 * width, 3), 255, dtype=np.uint8), texts)
    return _give(np.concatenate([drawn, beside], axis=1), show, win_name, wait_time, out_file)


def gen_color():
    """Twelve colours, BGR."""
    return [(int(128 + 127 * math.cos(k)), int(128 + 127 * math.cos(k + 2.1)), int(128 + 127 * math.cos(k + 4.2)))
            for k in (0.52 * i for i in range(12))]


def draw_polygons(img, polys):
    """A picture with filled outlines that let it shine through."""
    colours = gen_color()
    return _outlined(_bytes(img), polys, [colours[i % len(colours)] for i in range(len(polys))], fill=0.5)


def draw_texts(img, boxes, texts):
    """Outlines and what they say on a white picture of the same size."""
    colours = gen_color()
    white = np.full(img.shape[:2] + (3,), 255, dtype=np.uint8)
    drawn = _outlined(white, boxes, [colours[i % len(colours)] for i in range(len(boxes))])
    rows = []
    for box, text in zip(boxes, texts):
        xs, ys = box[0::2], box[1::2]
        size = min(0.8 * (max(ys) - min(ys)), 1.8 * (max(xs) - min(xs)) / max(len(text), 1))
        rows.append((text, (min(xs), (min(ys) + max(ys) - size) / 2), size, "black"))
    return _written(drawn, rows)


def det_recog_show_result(img, end2end_res):
    """A picture with the texts found on it, beside what they say.

    Args:
        end2end_res: ``result`` is a list of dicts with ``box`` (flat) and ``text``.
    """
    img = _bytes(img)
    boxes = [row["box"] for row in end2end_res["result"]]
    texts = [row["text"] for row in end2end_res["result"]]
    return np.concatenate([draw_polygons(img, boxes), draw_texts(img, boxes, texts)], axis=1)
