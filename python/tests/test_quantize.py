"""What `glyphic quantize` writes computes the same in ONNX Runtime."""

import os
import struct
import subprocess

import numpy as np
import pytest
from pictures import png

onnxruntime = pytest.importorskip("onnxruntime")

COMMAND = os.environ.get("GLYPHIC_COMMAND")
# The example `onnx_run` of glyphic-onnx.
RUNNER = os.environ.get("GLYPHIC_ONNX_RUN")

# Signs of 5 by 7 pixels, which look like some letters.
SIGNS = [0x1F8421F, 0x0E8C631F, 0x1F41041F, 0x118FE318, 0x21084210, 0x1F8C63F1]


def crop(seed):
    """Dark signs on bright paper, 32 pixels high."""
    rng = np.random.default_rng(seed)
    img = np.full((32, 160, 3), 230, np.uint8)
    for i, x in enumerate(range(6, 140, 20)):
        bits = SIGNS[(seed + i) % len(SIGNS)]
        sign = np.array([bits >> b & 1 for b in range(35)], bool).reshape(7, 5)
        img[5:26, x : x + 15][np.kron(sign, np.ones((3, 3), int)) > 0] = rng.integers(0, 90)
    # On flat paper one number between two levels stands in many places.
    return (img + rng.integers(-12, 13, img.shape)).clip(0, 255).astype(np.uint8)


def quantize(folder, loss, name):
    """The finished command and the file that it should write."""
    file = folder / name
    command = [COMMAND, "quantize", "crnn_lite", "--data", str(folder), f"--max-loss={loss}", "--out", str(file)]
    return subprocess.run(command, capture_output=True, text=True), file


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    if not COMMAND:
        pytest.skip("GLYPHIC_COMMAND does not name the command")
    folder = tmp_path_factory.mktemp("quantize")
    (folder / "crops").mkdir()
    for i in range(6):
        (folder / "crops" / f"{i}.png").write_bytes(png(crop(i)))
    (folder / "labels.tsv").write_text("".join(f"{i}.png\tsign\n" for i in range(6)))
    return folder


def varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def to_proto(array):
    """A TensorProto of floats."""

    def encoded(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    dims = b"".join(b"\x08" + encoded(d) for d in array.shape)
    raw = array.astype("<f4").tobytes()
    return dims + b"\x10\x01" + b"\x4a" + encoded(len(raw)) + raw


def from_proto(data):
    """The array of a TensorProto of floats."""
    at, dims, raw = 0, [], b""
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
            dims += [value] if tag >> 3 == 1 else []
            continue
        size, at = varint(data, at)
        piece, at = data[at : at + size], at + size
        if tag >> 3 == 1:
            place = 0
            while place < size:
                value, place = varint(piece, place)
                dims.append(value)
        elif tag >> 3 in (4, 9):
            raw = piece
    return np.array(struct.unpack(f"<{len(raw) // 4}f", raw), np.float32).reshape(dims)


def test_onnxruntime_computes_what_glyphic_computes(pack, tmp_path):
    if not RUNNER:
        pytest.skip("GLYPHIC_ONNX_RUN does not name the example onnx_run")
    done, file = quantize(pack, 1, "int8.onnx")
    assert done.returncode == 0, done.stderr
    assert "float: " in done.stdout and "int8, " in done.stdout

    def opened(level):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = level
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    session = opened(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    optimised = opened(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    assert session.get_modelmeta().custom_metadata_map["quantization"].startswith("int8, ")
    equal = 0
    for i in range(6):
        image = (crop(i).astype(np.float32).transpose(2, 0, 1)[None] - 127.5) / 127.5
        theirs = session.run(None, {"image": image})[0]
        (tmp_path / "input_image.pb").write_bytes(to_proto(image))
        subprocess.run([RUNNER, str(file), str(tmp_path)], check=True, capture_output=True)
        ours = from_proto((tmp_path / "output_0.pb").read_bytes())
        assert ours.shape == theirs.shape and theirs.std() > 0.1
        # A grey level of the outputs' range. A number that lies between two levels may go either way, and what it goes into follows.
        level = (theirs.max() - theirs.min()) / 255
        equal += np.abs(ours - theirs).max() <= level / 100
        assert np.sqrt(np.square(ours - theirs).mean()) <= level / 2
        assert (ours.argmax(-1) == theirs.argmax(-1)).mean() >= 0.95
        # Fused operators of ONNX Runtime round elsewhere than the file says.
        fused = optimised.run(None, {"image": image})[0]
        assert np.sqrt(np.square(ours - fused).mean()) <= level
    assert equal >= 3, f"{equal} of 6 pictures"


def test_a_refused_model_is_not_written(pack):
    done, file = quantize(pack, -2, "refused.onnx")
    assert done.returncode == 1 and "nothing was written" in done.stderr
    assert not file.exists()
