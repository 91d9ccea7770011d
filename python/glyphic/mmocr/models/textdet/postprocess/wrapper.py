"""``mmocr.models.textdet.postprocess.wrapper``: from a network's maps to boundaries.

Maps are arrays of float32, or tensors; unlike MMOCR's functions, these leave them as they are. A boundary is
``x1, y1, x2, y2, ..., score`` in pixels of the map.
"""

import json
import sys

import numpy as np

from ..... import _glyphic

_OUTLINES = {"poly": "polygon", "quad": "quad"}


def _array(maps, dtype=np.float32):
    if hasattr(maps, "detach"):
        maps = maps.detach().cpu()
    return np.asarray(maps, dtype=dtype)


def _outline(text_repr_type):
    assert text_repr_type in _OUTLINES
    return _OUTLINES[text_repr_type]


def filter_instance(area, confidence, min_area, min_confidence):
    """Whether an instance is too small or too unsure."""
    return bool(area < min_area or confidence < min_confidence)


def decode(decoding_type="pan", **kwargs):
    """The boundaries of a network's maps: ``pan``, ``pse``, ``db``, ``textsnake``, ``fcenet`` or ``drrg``."""
    decoders = {
        "pan": pan_decode,
        "pse": pse_decode,
        "db": db_decode,
        "textsnake": textsnake_decode,
        "fcenet": fcenet_decode,
        "drrg": drrg_decode,
    }
    if decoding_type not in decoders:
        raise ValueError(f"there is no decoder {decoding_type!r}; there are {', '.join(decoders)}")
    return decoders[decoding_type](**kwargs)


def pan_decode(
    preds,
    text_repr_type="poly",
    min_text_confidence=0.5,
    min_kernel_confidence=0.5,
    min_text_avg_confidence=0.85,
    min_text_area=16,
    embedding_distance=None,
):
    """Boundaries of PAN's maps (6, H, W): logits of text and kernel, four values of embedding.

    ``embedding_distance`` is how near a pixel's embedding must be to its kernel's mean; MMOCR has no number of its own
    for it and takes ``min_text_avg_confidence``, as is done here where it is not given.
    """
    config = {
        "text_threshold": min_text_confidence,
        "kernel_threshold": min_kernel_confidence,
        "embedding_distance": min_text_avg_confidence if embedding_distance is None else embedding_distance,
        "min_score": min_text_avg_confidence,
        "min_area": min_text_area,
        "outline": _outline(text_repr_type),
    }
    return _glyphic.pan_decode(_array(preds), json.dumps(config))


def pse_decode(
    preds,
    text_repr_type="poly",
    min_kernel_confidence=0.5,
    min_text_avg_confidence=0.85,
    min_kernel_area=0,
    min_text_area=16,
    compat=False,
):
    """Boundaries of PSENet's maps (n, H, W): logits of the text, then of kernel after kernel, the smallest last.

    With ``compat`` the smallest kernels grow to the whole text at once, past the kernels between.
    """
    config = {
        "kernel_threshold": min_kernel_confidence,
        "min_score": min_text_avg_confidence,
        "min_kernel_area": min_kernel_area,
        "min_area": min_text_area,
        "expansion": "at_once" if compat else "progressive",
        "outline": _outline(text_repr_type),
    }
    return _glyphic.pse_decode(_array(preds), json.dumps(config))


def db_decode(
    preds,
    text_repr_type="poly",
    mask_thr=0.3,
    min_text_score=0.3,
    min_text_width=5,
    unclip_ratio=1.5,
    max_candidates=3000,
    compat=False,
):
    """Boundaries of DBNet's maps (n, H, W), of which the first holds probabilities.

    With ``compat`` polygons are what MMOCR 0.2.1 makes of them: nearly all are lost.
    """
    outline = _outline(text_repr_type)
    config = {
        "rule": "mmocr021",
        "mask_threshold": mask_thr,
        "min_score": min_text_score,
        "min_side": min_text_width,
        "unclip": {"ratio": unclip_ratio},
        "max_candidates": max_candidates,
        "outline": "polygon_of_pixels" if compat and outline == "polygon" else outline,
    }
    return _glyphic.db_decode(_array(preds)[0], json.dumps(config))


def textsnake_decode(
    preds,
    text_repr_type="poly",
    min_text_region_confidence=0.6,
    min_center_region_confidence=0.2,
    min_center_area=30,
    disk_overlap_thr=0.03,
    radius_shrink_ratio=1.03,
    compat=False,
):
    """Boundaries of TextSnake's maps (5, H, W): logits of text and centre line, sine, cosine, radius.

    As in MMOCR, ``min_text_region_confidence`` changes nothing. With ``compat`` a centre line ends at the first column,
    and of a text whose disks lie apart the lowest piece is taken, not the largest.
    """
    assert text_repr_type == "poly"
    config = {
        "centre_threshold": min_center_region_confidence,
        "min_centre_area": min_center_area,
        "disk_overlap": disk_overlap_thr,
        "radius_ratio": radius_shrink_ratio,
        "rule": "mmocr021" if compat else "right",
    }
    return _glyphic.textsnake_decode(_array(preds), json.dumps(config))


def fcenet_decode(
    preds,
    fourier_degree,
    num_reconstr_points,
    scale,
    alpha=1.0,
    beta=2.0,
    text_repr_type="poly",
    score_thr=0.3,
    nms_thr=0.1,
):
    """Boundaries of a level of FCENet, best first.

    ``preds`` are the level's logits (1, 4, H, W) and signatures (1, 2 * (2 * degree + 1), H, W); ``scale`` is how many
    pixels of the picture a pixel of the level is. Quads are quads here; MMOCR 0.2.1 returns polygons for them.
    """
    assert isinstance(preds, list)
    assert len(preds) == 2
    config = {
        "degree": fourier_degree,
        "points": num_reconstr_points,
        "alpha": alpha,
        "beta": beta,
        "score_threshold": score_thr,
        "overlap_threshold": nms_thr,
        "outline": _outline(text_repr_type),
    }
    classes, signatures = (_array(p)[0] for p in preds)
    return _glyphic.fcenet_decode(classes, signatures, scale, json.dumps(config))


def poly_nms(polygons, threshold):
    """The boundaries that overlap none of higher score by more than ``threshold``, best first."""
    assert isinstance(polygons, list)
    return _glyphic.poly_nms([_array(row, np.float64).tolist() for row in polygons], threshold)


def fourier2poly(fourier_coeff, num_reconstr_points=50):
    """Contours (n, 2 * points) of complex coefficients (n, 2k + 1) from the lowest degree to the highest; whole numbers,
    cut off towards 0."""
    rows = np.asarray(fourier_coeff)
    contours = [_glyphic.fourier_points([(c.real, c.imag) for c in row.tolist()], num_reconstr_points) for row in rows]
    return np.asarray(contours).reshape(len(rows), 2 * num_reconstr_points).astype(np.int32)


def drrg_decode(edges, scores, text_comps, link_thr, edge_len_thr=50.0):
    """Boundaries of DRRG's components (n, 9), four corners and a score each, and its scored edges (m, 2)."""
    assert len(edges) == len(scores)
    assert text_comps.ndim == 2
    assert text_comps.shape[1] == 9
    assert isinstance(link_thr, float)
    config = {"link_threshold": link_thr, "max_length": edge_len_thr}
    pairs = _array(edges, np.int64).reshape(-1, 2).tolist()
    numbers = _array(scores, np.float64).reshape(-1).tolist()
    return _glyphic.drrg_decode(pairs, numbers, _array(text_comps), json.dumps(config))


def comps2boundaries(text_comps, comp_pred_labels):
    """Boundaries of DRRG's components (n, 9) whose clusters are known, (n,) from 0 on, cluster by cluster.

    A component alone is its own four corners; MMOCR 0.2.1 repeats two of them.
    """
    comps, labels = _array(text_comps), _array(comp_pred_labels, np.int64)
    assert comps.ndim == 2
    assert len(comps) == len(labels)
    config = json.dumps({"link_threshold": 0.5, "max_length": sys.float_info.max})
    boundaries = []
    for cluster in range(int(labels.max()) + 1 if len(labels) else 0):
        members = comps[labels == cluster]
        if len(members) == 1:
            boundaries.append([*map(float, members[0, :8].astype(np.int32)), float(members[0, -1])])
        elif len(members) > 1:
            links = [(i, i + 1) for i in range(len(members) - 1)]
            boundaries += _glyphic.drrg_decode(links, [1.0] * len(links), members, config)
    return boundaries
