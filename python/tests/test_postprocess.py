"""``glyphic.mmocr.models.textdet.postprocess`` gives the reference's boundaries."""

import numpy as np
import pytest
from golden import case, has
from test_utils import as_cycle

from glyphic import GlyphicError
from glyphic.mmocr.models.textdet.postprocess import comps2boundaries, decode, poly_nms
from glyphic.mmocr.models.textdet.postprocess.wrapper import fourier2poly


def needs(name):
    return pytest.mark.skipif(not has(name), reason="the case is not in this folder")


def close(got, expected, tolerance):
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected):
        assert ours[-1] == pytest.approx(theirs[-1], abs=1e-5)
        assert as_cycle(_open(theirs[:-1]), tolerance)(ours[:-1])


def _open(flat):
    """Without a last vertex that repeats the first."""
    return flat[:-2] if len(flat) > 8 and flat[:2] == flat[-2:] else flat


@needs("C_post_pan")
def test_pan():
    golden = case("C_post_pan")
    preds = golden.tensors()["input/preds"]
    kept = preds.copy()
    close(decode("pan", preds=preds), golden.outputs["boundaries_poly"], 0)
    close(decode("pan", preds=preds, text_repr_type="quad"), golden.outputs["boundaries_quad"], 1e-3)
    close(decode("pan", preds=preds, min_text_avg_confidence=0.5), golden.outputs["boundaries_poly_avg0.5"], 0)
    assert (preds == kept).all()


@needs("C_post_pse")
def test_pse():
    golden = case("C_post_pse")
    preds = golden.tensors()["input/preds"]
    close(decode("pse", preds=preds, compat=True), golden.outputs["boundaries_poly"], 0)
    got = decode("pse", preds=preds, compat=True, text_repr_type="quad")
    close(got, golden.outputs["boundaries_quad"], 1e-3)
    got = decode("pse", preds=preds, compat=True, min_text_avg_confidence=0.5, min_text_area=200)
    close(got, golden.outputs["boundaries_poly_avg0.5_area200"], 0)


def test_db():
    golden = case("C_post_db")
    preds = golden.tensors()["input/prob_map"][None]
    close(decode("db", preds=preds, text_repr_type="quad"), golden.outputs["boundaries_quad"], 1e-3)
    got = decode("db", preds=preds, text_repr_type="quad", mask_thr=0.5, min_text_score=0.6, unclip_ratio=2.0)
    close(got, golden.outputs["boundaries_quad_thr0.5_score0.6_unclip2"], 1e-3)
    assert decode("db", preds=preds, compat=True) == golden.outputs["boundaries_poly"] == []
    assert len(decode("db", preds=preds)) == len(golden.outputs["boundaries_quad"])


@needs("C_post_textsnake")
def test_textsnake():
    golden = case("C_post_textsnake")
    preds = golden.tensors()["input/preds"]
    close(decode("textsnake", preds=preds, compat=True), golden.outputs["boundaries_poly"], 0)


@needs("C_post_fce")
def test_fcenet():
    golden = case("C_post_fce")
    tensors, config = golden.tensors(), golden.config
    for alpha, beta in config["alpha_beta_sets"]:
        for level, scale in enumerate(config["scales"]):
            got = decode(
                "fcenet",
                preds=[tensors[f"input/level{level}_{kind}"][None] for kind in ("cls", "reg")],
                fourier_degree=config["fourier_degree"],
                num_reconstr_points=config["num_reconstr_points"],
                scale=scale,
                alpha=alpha,
                beta=beta,
            )
            close(got, golden.outputs[f"level{level}_a{alpha:.1f}_b{beta:.1f}_poly"], 1)
    real, imaginary = golden.inputs["fourier2poly_in_real_imag"]
    got = fourier2poly(np.array(real) + 1j * np.array(imaginary), 50)
    assert got.tolist() == golden.outputs["fourier2poly_50"]
    for threshold in (0.1, 0.3, 0.6):
        got = poly_nms(golden.inputs["poly_nms_in"], threshold)
        expected = golden.outputs[f"poly_nms_thr{threshold}"]
        assert [row[:-1] for row in got] == [row[:-1] for row in expected]
        assert [row[-1] for row in got] == pytest.approx([row[-1] for row in expected], abs=1e-6)


@needs("C_post_drrg")
def test_drrg():
    golden = case("C_post_drrg")
    arguments = [np.array(golden.inputs[key]) for key in ("edges", "scores", "text_comps")]
    for link in golden.config["link_thr"]:
        got = decode("drrg", edges=arguments[0], scores=arguments[1], text_comps=arguments[2], link_thr=link)
        expected = golden.outputs[f"boundaries_link{link}"]
        assert len(got) == len(expected)
        for row in got:
            same = as_cycle(row[:-1], 0)
            fits = [e for e in expected if same(_open(e[:-1])) and e[-1] == pytest.approx(row[-1], abs=1e-5)]
            assert fits, row
        clusters = _clusters(*arguments, link)
        assert comps2boundaries(arguments[2], clusters) == got


def _clusters(edges, scores, comps, link):
    """The clusters of components by the edges between near ones, in their order; -1 for components without another."""
    centres = comps[:, :8].reshape(-1, 4, 2).mean(axis=1)
    pairs = {}
    for (a, b), score in zip(edges.tolist(), scores.tolist()):
        score = score if np.linalg.norm(centres[a] - centres[b]) <= 50 else 0.0
        pair = (min(a, b), max(a, b))
        pairs[pair] = 0.5 * (pairs[pair] + score) if pair in pairs else score
    groups = np.arange(len(comps))
    for a, b in (pair for pair, score in pairs.items() if score >= link):
        low, high = sorted((groups[a], groups[b]))
        groups[groups == high] = low
    kept = [g for g in np.unique(groups) if (groups == g).sum() > 1]
    return np.array([kept.index(g) if g in kept else -1 for g in groups])


def test_components_of_known_clusters_are_strung_and_one_alone_is_itself():
    quad = [2, 3, 12, 3, 12, 9, 2, 9]
    comps = np.array([[*np.add(quad, [x, 0] * 4), 0.5 + x / 100] for x in (0, 8, 16, 60)], np.float32)
    first, second = comps2boundaries(comps, np.array([0, 0, 0, 1]))
    assert first[-1] == pytest.approx(0.58)
    assert as_cycle(first[:-1], 0)([2, 3, 7, 3, 15, 3, 23, 3, 28, 3, 28, 9, 23, 9, 15, 9, 7, 9, 2, 9])
    assert second == [62, 3, 72, 3, 72, 9, 62, 9, pytest.approx(1.1)]
    assert comps2boundaries(np.zeros((0, 9)), []) == []


def test_wrong_maps_are_an_error_that_says_what_would_be_right():
    with pytest.raises(GlyphicError, match="6"):
        decode("pan", preds=np.zeros((5, 8, 8), np.float32))
    with pytest.raises(ValueError, match="textsnake"):
        decode("east", preds=np.zeros((5, 8, 8), np.float32))
    with pytest.raises(GlyphicError, match="mask_threshold"):
        decode("db", preds=np.zeros((1, 8, 8), np.float32), mask_thr=2.0)
    with pytest.raises(AssertionError):
        decode("db", preds=np.zeros((1, 8, 8), np.float32), text_repr_type="blob")
