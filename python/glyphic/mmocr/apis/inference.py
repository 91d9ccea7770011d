"""``mmocr.apis.inference``."""

import os

import numpy as np

from ... import _glyphic

# MMOCR's configurations (the beginnings of their file names) and short names whose networks there are.
_KNOWN = {
    "dbnet_r18_fpnc": "dbnet_r18",
    "DB_r18": "dbnet_r18",
    "dbnet_r50dcnv2_fpnc": "dbnet_r50dcnv2",
    "DB_r50": "dbnet_r50dcnv2",
    "dbnetpp_r50dcnv2_fpnc": "dbnetpp_r50dcnv2",
    "psenet_r50_fpnf_600e_icdar2015": "psenet_r50",
    "PS_IC15": "psenet_r50",
    "psenet_r50_fpnf_600e_icdar2017": "psenet_r50_icdar2017",
    "psenet_r50_fpnf_600e_ctw1500": "psenet_r50_ctw1500",
    "PS_CTW": "psenet_r50_ctw1500",
    "panet_r18_fpem_ffm_600e_icdar2015": "panet_r18",
    "PANet_IC15": "panet_r18",
    "panet_r18_fpem_ffm_600e_ctw1500": "panet_r18_ctw1500",
    "PANet_CTW": "panet_r18_ctw1500",
    "panet_r50_fpem_ffm_600e_icdar2017": "panet_r50",
    "crnn_academic": "crnn",
    "CRNN": "crnn",
}


class _Model:
    """A network ready to run, with the name it was made of under ``cfg``."""

    def __init__(self, cfg, stage):
        self.cfg = cfg
        self.stage = stage

    def run(self, images):
        if isinstance(self.stage, _glyphic.Detector):
            return [{"boundary_result": [_boundary(r) for r in regions]} for regions in self.stage.detect(images, True)]
        return [_text(t) for t in self.stage.recognize(images, True)]

    def eval(self):
        """The model: networks here never train."""
        return self


def _boundary(region):
    return [v for point in region["polygon"] for v in point] + [region["score"]]


def _text(transcript):
    return {"text": transcript["text"], "score": [score for _, score, _, _ in transcript["chars"]]}


def init_detector(config, checkpoint=None, device="cpu", cfg_options=None):
    """A detector or recognizer, ready to run.

    Args:
        config: a model's name (see :func:`glyphic.models`), a TOML file, or the file or short name of an MMOCR
            configuration whose network there is, such as ``dbnet_r18_fpnc_*.py`` (``DB_r18``) or
            ``crnn_academic_*.py`` (``CRNN``). MMOCR's files are known by name; they are not read.
        checkpoint: a ``.pth`` of MMOCR or a ``.safetensors`` file; the shipped weights where it is not given.
        device: ``cpu``, or another device that this build has.
        cfg_options: not taken: options stand in the TOML file.
    """
    assert cfg_options is None, "options stand in the TOML file"
    name = os.fspath(config)
    stem = os.path.basename(name)
    known = next((model for start, model in _KNOWN.items() if stem.startswith(start)), None)
    if stem.endswith(".py") and known is None:
        starts = ", ".join(start for start in _KNOWN if "_" in start)
        raise _glyphic.GlyphicError(f"{stem} is of no network that there is; known are configurations named {starts}")
    model = name if known is None or os.path.exists(name) and not stem.endswith(".py") else known
    kind = _glyphic.Detector if _glyphic.task_of(model) == "detect" else _glyphic.Recognizer
    return _Model(config, kind(model, checkpoint, device))


def model_inference(model, imgs, batch_mode=False):
    """What a model finds or reads in pictures.

    Args:
        model: of :func:`init_detector`.
        imgs: a file, a BGR array, or a list or tuple of either.
        batch_mode: whether pictures go through the network together. Results do not depend on it.

    Returns:
        ``{"boundary_result": [[x1, y1, ..., score], ...]}`` of a detector, ``{"text", "score"}`` (the scores of the
        characters) of a recognizer; a list of them for a list of pictures.
    """
    many = isinstance(imgs, (list, tuple))
    images = list(imgs) if many else [imgs]
    if not all(isinstance(img, (np.ndarray, str)) for img in images):
        raise AssertionError("imgs must be strings or numpy arrays")
    results = model.run(images) if batch_mode else [result for img in images for result in model.run([img])]
    return results if many else results[0]
