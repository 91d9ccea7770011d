"""What `glyphic export` writes runs in ONNX Runtime, at any batch and size."""

import os
import subprocess

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")

COMMAND = os.environ.get("GLYPHIC_COMMAND")


@pytest.fixture(scope="module", params=["dbnet_lite", "crnn_lite"])
def session(request, tmp_path_factory):
    if not COMMAND:
        pytest.skip("GLYPHIC_COMMAND does not name the command")
    file = tmp_path_factory.mktemp("export") / f"{request.param}.onnx"
    done = subprocess.run(
        [COMMAND, "export", request.param, "--out", str(file)], capture_output=True, text=True, check=True
    )
    assert "largest difference" in done.stderr
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Weights that training alone needs are not used.
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def run(session, batch, height, width):
    """The first output for a batch of noise, and for its members alone."""
    known = {i.name: i.shape for i in session.get_inputs()}
    rows = known["image"][2] if isinstance(known["image"][2], int) else height
    image = np.random.default_rng(1).uniform(-1, 1, (batch, 3, rows, width)).astype(np.float32)
    given = {"image": image}
    if "line" in known:
        given["line"] = np.ones(batch, np.float32)
    name = session.get_outputs()[0].name
    alone = [session.run([name], {k: v[n : n + 1] for k, v in given.items()})[0] for n in range(batch)]
    return session.run([name], given)[0], np.concatenate(alone)


def test_batch_and_sizes_are_free(session):
    for batch, height, width in [(1, 64, 96), (3, 96, 160)]:
        together, alone = run(session, batch, height, width)
        assert together.shape[0] == batch
        assert np.isfinite(together).all() and together.std() > 0
        np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


def test_the_file_says_how_to_use_it(session):
    metadata = session.get_modelmeta().custom_metadata_map
    assert len(metadata["sha256"]) == 64
    assert "[detector." in metadata["config"] or "[recognizer." in metadata["config"]
    classes = session.get_outputs()[0].shape[-1]
    if "character" in metadata:
        assert len(metadata["character"].split("\n")) == classes - 1
