"""Times glyphic beside RapidOCR, faster-paddle and Tesseract on the same pictures, process by process, in turns.

    python -m venv peers && peers/bin/pip install pillow rapidocr onnxruntime faster-paddle
    peers/bin/python crates/glyphic-bench/peers/compare.py target/release/glyphic PICTURE... [--rounds 5] [--out DIR]

A tool's time for a picture is the difference between a process that reads all pictures and one that reads the first
alone, divided by the pictures between them; so loading the models is not in it, but stands beside it as `start`. Each
figure is the median over the rounds. Memory is the largest resident size of the process. With --out, what each tool has
found is written as DIR/TOOL.jsonl for `glyphic eval e2e`.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time


def rapidocr(pictures):
    """Runs in a process of its own: writes one line a picture."""
    import logging

    logging.disable(logging.WARNING)
    import numpy
    from PIL import Image
    from rapidocr import RapidOCR

    engine = RapidOCR()
    for picture in pictures:
        # As an array: of files with a palette it takes the palette's indices for greys.
        found = engine(numpy.asarray(Image.open(picture).convert("RGB"))[..., ::-1])
        instances = []
        if found.boxes is not None:
            for box, text, score in zip(found.boxes, found.txts, found.scores):
                polygon = [float(v) for point in box for v in point]
                score = float(score)
                instances.append({"polygon": polygon, "score": score, "text": text, "text_score": score})
        name = pathlib.Path(picture).name
        print(json.dumps({"file_name": name, "width": 0, "height": 0, "instances": instances}, ensure_ascii=False))


def faster_paddle(pictures, size="tiny"):
    """Runs in a process of its own, with the models that its wheel holds."""
    import faster_paddle as package
    from PIL import Image

    engine = package.OcrEngine(model_size=size)
    for picture in pictures:
        found = engine.ocr(pathlib.Path(picture).read_bytes())
        instances = []
        for line in found["bounds"].values():
            (x0, y0), (x1, y1) = line["topLeftCoord"], line["bottomRightCoord"]
            score = float(line["confidence"])
            polygon = [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]
            instances.append({"polygon": polygon, "score": score, "text": line["text"], "text_score": score})
        name = pathlib.Path(picture).name
        width, height = Image.open(picture).size
        print(json.dumps({"file_name": name, "width": width, "height": height, "instances": instances}, ensure_ascii=False))


def faster_paddle_small(pictures):
    faster_paddle(pictures, "small")


def tesseract(pictures):
    """Runs in a process of its own: one tesseract after the other, as its command does not take several pictures."""
    for picture in pictures:
        table = subprocess.run(["tesseract", picture, "-", "--psm", "11", "tsv"], capture_output=True, text=True, check=True)
        instances = []
        for row in table.stdout.splitlines()[1:]:
            cells = row.split("\t")
            if len(cells) == 12 and float(cells[10]) >= 0 and cells[11].strip():
                x, y, w, h = (float(v) for v in cells[6:10])
                score = float(cells[10]) / 100
                polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
                instances.append({"polygon": polygon, "score": score, "text": cells[11], "text_score": score})
        name = pathlib.Path(picture).name
        print(json.dumps({"file_name": name, "width": 0, "height": 0, "instances": instances}, ensure_ascii=False))


def measured(command, out):
    """Wall seconds and peak memory in MB of a command."""
    began = time.perf_counter()
    with open(out, "wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:3]} ended with status {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("glyphic")
    p.add_argument("pictures", nargs="+")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    a = p.parse_args()
    if a.glyphic in ("rapidocr", "faster_paddle", "faster_paddle_small", "tesseract"):
        globals()[a.glyphic](a.pictures)
        return
    if len(a.pictures) < 2:
        p.error("at least two pictures are needed")
    a.out.mkdir(parents=True, exist_ok=True)
    me = [sys.executable, __file__]
    tools = {"glyphic": [a.glyphic, "read", "--format", "jsonl"]}
    for package, names in (("rapidocr", ["rapidocr"]), ("faster_paddle", ["faster_paddle", "faster_paddle_small"])):
        if importlib.util.find_spec(package):
            tools.update({name: [*me, name] for name in names})
        else:
            print(f"{package} is not installed: left out", file=sys.stderr)
    if shutil.which("tesseract"):
        tools["tesseract"] = [*me, "tesseract"]
    else:
        print("tesseract is not installed: left out", file=sys.stderr)
    rows = {name: [] for name in tools}
    for _ in range(a.rounds):
        for name, command in tools.items():
            out = a.out / f"{name}.jsonl"
            one, _ = measured([*command, a.pictures[0]], out)
            many, memory = measured([*command, *a.pictures], out)
            rows[name].append(((many - one) / (len(a.pictures) - 1), one, memory))
    print("| | seconds a picture | start and one picture, s | peak MB |\n|---|---|---|---|")
    for name, measures in rows.items():
        each, one, memory = (statistics.median(m[i] for m in measures) for i in range(3))
        print(f"| {name} | {each:.3f} | {one:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
