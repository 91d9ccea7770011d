"""Compares glyphic with ONNX Runtime on ONNX models, and prints the largest difference of each output.

    cargo build -p glyphic-onnx --example onnx_run
    python onnx_equal.py [--runner target/debug/examples/onnx_run] [MODEL.onnx ...]

Without models: the files of an installed `rapidocr`. Inputs are random, and a picture where one is given by --image. Each
model is run as it is, and as written by glyphic and read again, by both engines.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

# Sizes for the named axes of RapidOCR's models, [N, C, H, W]; several, since plans depend on them.
SHAPES = {
    "det": [(1, 3, 160, 224), (1, 3, 352, 320), (2, 3, 96, 96)],
    "rec": [(1, 3, 48, 320), (3, 3, 48, 180), (1, 3, 48, 641)],
    "cls": [(1, 3, 48, 192), (4, 3, 48, 192)],
}


def kind(path):
    return next((k for k in SHAPES if f"_{k}_" in path.name), "det")


def picture(path, shape):
    import cv2

    n, _, h, w = shape
    image = cv2.resize(cv2.imread(str(path)), (w, h)).astype(np.float32)
    return np.repeat((image / 127.5 - 1).transpose(2, 0, 1)[None], n, 0)


def run_onnxruntime(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options).run(None, inputs)


def run_glyphic(runner, model, inputs, written=None):
    with tempfile.TemporaryDirectory() as folder:
        for name, value in inputs.items():
            file = Path(folder) / f"input_{name.replace('/', '_').replace(':', '_')}.pb"
            file.write_bytes(numpy_helper.from_array(value).SerializeToString())
        command = [runner, str(model), folder] + ([str(written)] if written else [])
        subprocess.run(command, check=True)
        outputs = []
        while (file := Path(folder) / f"output_{len(outputs)}.pb").exists():
            tensor = onnx.TensorProto()
            tensor.ParseFromString(file.read_bytes())
            outputs.append(numpy_helper.to_array(tensor))
        return outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--runner", default="target/debug/examples/onnx_run")
    parser.add_argument("--image", type=Path, help="a picture to run beside random input")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    models = args.models
    if not models:
        import rapidocr

        models = sorted((Path(rapidocr.__file__).parent / "models").glob("*.onnx"))
    random = np.random.default_rng(0)
    failed = False
    for model in models:
        for shape in SHAPES[kind(model)]:
            name = onnxruntime.InferenceSession(str(model)).get_inputs()[0].name
            given = {"random": random.uniform(-1, 1, shape).astype(np.float32)}
            if args.image:
                given["picture"] = picture(args.image, shape)
            for label, value in given.items():
                inputs = {name: value}
                expected = run_onnxruntime(model, inputs)
                with tempfile.TemporaryDirectory() as folder:
                    written = Path(folder) / "written.onnx"
                    results = {
                        "read": run_glyphic(args.runner, model, inputs),
                        "written and read": run_glyphic(args.runner, model, inputs, written),
                        "written, by ONNX Runtime": run_onnxruntime(written, inputs),
                    }
                for way, outputs in results.items():
                    worst = max(
                        float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
                        for a, b in zip(expected, outputs, strict=True)
                    )
                    failed |= not worst <= args.tolerance
                    print(f"{model.name} {shape} {label}, {way}: {worst:.2e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
