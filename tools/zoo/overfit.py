#!/usr/bin/env python3
"""Trains every model on a handful of samples until it knows them: the table of docs/model-zoo.md.

    cargo build --release -p glyphic-cli
    python3 tools/zoo/overfit.py target/release/glyphic --data DIR --work DIR [--only NAME ...] [--minutes 20]
    python3 tools/zoo/overfit.py --report --work DIR

DIR of `--data` holds the packs rec_iiit5k and det_ic15. Recognizers learn 64 word crops, the first ones of IIIT5K's train pack;
detectors learn eight pictures of ICDAR 2015's train pack, those of curved text eight pictures of `glyphic synth`. Each run is one
`glyphic train`, validated on the very samples that it learns, and ended as soon as a validation reaches the goal (word accuracy 1
without case and symbols, hmean .95) or when its steps or the minutes of the
processor are over. Nothing is augmented. The result of a run is
WORK/NAME/result.json; `--report` prints all of them as a table. Standard library alone.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

CROPS, PICTURES, CURVED = 64, 8, 8
WORD_GOAL, HMEAN_GOAL = 1.0, 0.95

ADAM = {"adamw": {"learning_rate": 1e-3, "beta_2": 0.999, "weight_decay": 0.0}}


def adam(rate):
    return {"adamw": {**ADAM["adamw"], "learning_rate": rate}}


def narrow(height, width):
    """One size for all crops."""
    return {"height": height, "min_width": width, "max_width": width, "keep_aspect_ratio": False}


# Name -> what is trained. `model` is the table [model.X] as in a training file, `note` says where it is smaller than
# the configuration it is named after. Recognizers of 32x100 see crops stretched to that, as MMOCR does in training.
RECOGNIZERS = {
    "crnn_lite": dict(model={"crnn_lite": {}}, rate=1.5e-3, batch=16, steps=1500, every=40, note="default"),
    "crnn": dict(
        model={"crnn": {"resize": narrow(32, 100)}},
        rate=1e-3, batch=8, steps=1500, every=50, note="crnn_academic_dataset, 32x100",
    ),
    "crnn_tps": dict(
        model={"crnn": {"rectify": 20, "mean": [127.5], "std": [127.5], "resize": narrow(32, 100)}},
        rate=5e-4, batch=8, steps=1500, every=50, note="crnn_tps_academic_dataset",
    ),
    "svtr_tiny": dict(
        model={"svtr": {"dropout": 0.0, "drop_path": 0.0}},
        rate=5e-4, batch=16, steps=2000, every=40, note="svtr-tiny, no dropout",
    ),
    "parseq_tiny": dict(
        model={"parseq": {"features": 192, "heads": 3, "decoder_heads": 6, "dropout": 0.0}},
        rate=7e-4, batch=8, steps=1500, every=50, note="parseq-tiny, no dropout",
    ),
    "nrtr": dict(
        model={"nrtr": {"dropout": 0.0, "layers": 2, "channels": [16, 32, 64, 128, 256], "model": 256, "input": {"resize": {**narrow(32, 100), "width_divisor": 4}}}},
        rate=5e-4, batch=8, steps=1500, every=50, note="r31_1by16_1by8, half the channels, 2 + 2 of 6 + 6 layers, 32x100, no dropout",
    ),
    "satrn_small": dict(
        model={"satrn": {"encoder_layers": 6, "model": 256, "inner": 1024, "labels": {"max_length": 25}, "dropout": 0.0}},
        rate=3e-4, batch=8, steps=1200, every=50, note="satrn_small, no dropout",
    ),
    "aster": dict(model={"aster": {}}, rate=1e-3, batch=8, steps=1500, every=50, note="aster_resnet45"),
    "seg": dict(
        model={"seg": {"channels": [16, 32, 64, 128, 256, 256], "neck": 128}},
        rate=1e-3, batch=4, steps=1500, every=64, note="half the channels",
    ),
    "sar": dict(
        model={"sar": {"channels": [32, 64, 128, 128, 256, 256], "features": 256, "attention": 256, "dropout": 0.0, "encoder_dropout": 0.0}},
        rate=1e-3, batch=8, steps=1000, every=40, note="half the channels, no dropout",
    ),
    "robust_scanner": dict(
        model={"robust_scanner": {"channels": [32, 64, 128, 128, 256, 256]}},
        rate=1e-3, batch=8, steps=1000, every=40, note="half the channels",
    ),
    "master": dict(
        model={"master": {"layers": 1, "inner": 512, "dropout": 0.0}},
        rate=4e-4, batch=4, steps=600, every=32, note="1 of 3 decoder layers, inner 512, no dropout",
    ),
    "abinet_vision": dict(
        model={"abinet": {"language": False, "vision_layers": 1, "inner": 512, "dropout": 0.0}},
        rate=2e-4, batch=4, steps=1000, every=64, note="abinet_vision_only, 1 of 3 layers, inner 512, no dropout",
    ),
    "abinet": dict(
        model={"abinet": {"vision_layers": 1, "language_layers": 1, "inner": 512, "dropout": 0.0}},
        rate=2e-4, batch=4, steps=1000, every=64, note="1 of 3 and 1 of 4 layers, inner 512, no dropout",
    ),
}

HALF = {"long_side": 640, "short_side": 640}
SMALL = {"depth": "18", "norm_eval": False}
CURVED_SIDE = 320


# `size` is the side of the window that is cut out in training, `scale` what the pictures are scaled by first.
DETECTORS = {
    "dbnet_lite": dict(model={"dbnet_lite": {"input": {"resize": HALF}}}, rate=2e-3, size=320, batch=4, steps=1500, every=50, note="default"),
    "dbnet_r18": dict(model={"dbnet": {"input": {"resize": HALF}}}, rate=1e-3, size=320, batch=2, steps=800, every=50, note="dbnet_r18_fpnc"),
    "dbnetpp_r18": dict(
        model={"dbnet": {"input": {"resize": HALF}, "neck": {"scale_fusion": True}}},
        rate=1e-3, size=320, batch=2, steps=800, every=50, note="DBNet++ with ResNet-18 in place of the 50 layers",
    ),
    "panet_r18": dict(
        model={"panet": {"backbone": SMALL, "input": {"resize": HALF}}},
        rate=1e-3, size=320, batch=4, steps=800, every=50, note="panet_r18_fpem_ffm, norm_eval = false",
    ),
    "psenet_r18": dict(
        model={"psenet": {"backbone": SMALL, "neck": {"out_channels": 64}, "input": {"resize": HALF}}},
        rate=1e-3, size=320, batch=2, steps=800, every=50, note="ResNet-18 and 64 channels in place of 50 layers and 256",
    ),
    "textsnake_r18": dict(
        model={"textsnake": {"backbone": SMALL}}, curved=True,
        rate=1e-3, batch=2, steps=800, every=40, note="ResNet-18 in place of 50 layers",
    ),
    "fcenet_r18": dict(
        model={"fcenet": {"backbone": SMALL, "neck_channels": 128, "decode": {"alpha": 1.0, "outline": "polygon"}}}, curved=True,
        rate=1e-3, batch=4, steps=1000, every=50, note="ResNet-18 and 128 channels in place of 50 layers and 256",
    ),
    "drrg_r18": dict(
        model={"drrg": {"backbone": SMALL}}, curved=True,
        rate=1e-3, batch=2, steps=800, every=40, note="ResNet-18 in place of 50 layers",
    ),
    "mask_rcnn_r18": dict(
        model={"mask_rcnn": {"backbone": SMALL, "neck_channels": 64, "input": {"resize": HALF}}},
        rate=1e-3, size=320, batch=1, steps=1000, every=50, note="ResNet-18 and 64 channels in place of 50 layers and 256",
    ),
}

PHOTO_OFF = {"colour": 0.0, "grey": 0.0, "invert": 0.0, "blur": 0.0, "noise": 0.0, "jpeg": 0.0}
LINE_OFF = {"crop": 0.0, "perspective": 0.0, "slant": 0.0, "rotation": 0.0, "stretch": 0.0, "low_resolution": 0.0, "photo": PHOTO_OFF}


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(str(value) if isinstance(value, pathlib.Path) else value)


def words(data, work):
    """The pack of the first crops."""
    pack = work / f"words{CROPS}"
    if not pack.exists():
        source = data / "rec_iiit5k/train"
        lines = (source / "labels.tsv").read_text(encoding="utf-8").splitlines()[:CROPS]
        (pack / "crops").mkdir(parents=True)
        for line in lines:
            name = line.split("\t")[0]
            shutil.copy(source / "crops" / name, pack / "crops" / name)
        (pack / "labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pack


def shortest_side(polygon):
    points = list(zip(polygon[::2], polygon[1::2]))
    return min(math.dist(a, b) for a, b in zip(points, points[1:] + points[:1]))


def pictures(source, pack, count, wanted):
    """A pack of the first pictures whose record is wanted."""
    if not pack.exists():
        records = (json.loads(line) for line in (source / "gt.jsonl").read_text(encoding="utf-8").splitlines())
        chosen = [record for record in records if wanted(record)][:count]
        if len(chosen) < count:
            raise SystemExit(f"{source}: {len(chosen)} pictures of {count} fit")
        (pack / "images").mkdir(parents=True)
        for record in chosen:
            shutil.copy(source / "images" / record["file_name"], pack / "images" / record["file_name"])
        (pack / "gt.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in chosen), encoding="utf-8")
    return pack


def scenes(data, work):
    """Pictures of at least two texts that are to be found, none of them lower than 24 pixels of 720."""

    def wanted(record):
        cared = [a["polygon"] for a in record["annotations"] if not a["ignore"]]
        return len(cared) >= 2 and min(map(shortest_side, cared)) >= 24

    return pictures(data / "det_ic15/train", work / f"scenes{PICTURES}", PICTURES, wanted)


def bent(polygon):
    """Whether an outline is that of a curved text: it has more corners than four, and its sides do not close flat."""
    points = list(zip(polygon[::2], polygon[1::2]))
    if len(points) <= 4:
        return False
    turns = 0.0
    for a, b, c in zip(points, points[1:] + points[:1], points[2:] + points[:2]):
        angle = math.atan2(c[1] - b[1], c[0] - b[0]) - math.atan2(b[1] - a[1], b[0] - a[0])
        turns += abs(math.remainder(angle, 2 * math.pi))
    # A convex outline turns once, a bent one further.
    return turns > 2 * math.pi + 0.4


def curved(glyphic, work):
    """Rendered pictures with at least one curved text and none that is too small."""
    rendered = work / "rendered"
    if not rendered.exists():
        config = work / "curved.toml"
        config.write_text(f"min_page_side = {CURVED_SIDE}\nmax_page_side = {CURVED_SIDE}\ndegrade = false\n", encoding="utf-8")
        run = [glyphic, "synth", "pages", "--out", str(rendered), "--count", "600", "--seed", "7", "--config", str(config)]
        subprocess.run(run, check=True)

    def wanted(record):
        polygons = [a["polygon"] for a in record["annotations"] if not a["ignore"]]
        return 0 < len(polygons) <= 12 and any(map(bent, polygons)) and min(map(shortest_area, polygons)) >= 14

    return pictures(rendered, work / f"curved{CURVED}", CURVED, wanted)


def shortest_area(polygon):
    """About the height of a text: its area over half of its length."""
    points = list(zip(polygon[::2], polygon[1::2]))
    pairs = list(zip(points, points[1:] + points[:1]))
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2
    return area / (sum(math.dist(a, b) for a, b in pairs) / 2)


def configuration(name, glyphic, data, work):
    """The training file of a model."""
    recognizer = name in RECOGNIZERS
    entry = RECOGNIZERS.get(name) or DETECTORS[name]
    run = {
        "out": work / name / "run",
        "seed": 1,
        "steps": entry["steps"],
        "workers": 1,
        "optimizer": adam(entry["rate"]),
        "schedule": {"warmup_steps": 20, "decay": "constant"},
        # The averaged weights are validated; they shall follow closely.
        "average_decay": 0.9,
        "log_every": 10,
        "validate_every": entry["every"],
        "checkpoint_every": 1000000,
    }
    if recognizer:
        pack = words(data, work)
        batches = {"batch_size": entry["batch"], "pool": 1, "augment": LINE_OFF}
    else:
        pack = curved(glyphic, work) if entry.get("curved") else scenes(data, work)
        scale = 1.0 if entry.get("curved") else 0.5
        size = CURVED_SIDE if entry.get("curved") else entry["size"]
        augment = {"size": size, "min_scale": scale, "max_scale": scale, "stretch": 0.0, "rotation": 0.0, "photo": PHOTO_OFF}
        batches = {"batch_size": entry["batch"], "augment": augment}
    lines = ["[run]", *(f"{k} = {toml(v)}" for k, v in run.items())]
    (model,) = entry["model"]
    table = dict(entry["model"][model])
    if entry.get("curved"):
        table["input"] = {"resize": {"long_side": CURVED_SIDE, "short_side": CURVED_SIDE}}
    lines += [f"[model.{model}]", *(f"{k} = {toml(v)}" for k, v in table.items())]
    lines += ["[batches]", *(f"{k} = {toml(v)}" for k, v in batches.items())]
    lines += ["[[train]]", f"source.pack = {toml(pack)}"]
    lines += ["[[validate]]", 'name = "same"', f"pack = {toml(pack)}"]
    return "\n".join(lines) + "\n"


def rows(folder):
    log = folder / "log.jsonl"
    if not log.exists():
        return []
    out = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            out.append(json.loads(line))
        except ValueError:
            pass  # Half a line: it is being written.
    return out


def score(row, recognizer):
    return row.get("scores", {}).get("same/word_acc_ignore_case_symbol" if recognizer else "same/hmean")


def processor_minutes(pid):
    """What a running process has had of the processor, as Linux counts it: others on the machine do not shorten a run."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") / 60


def parameters(path):
    """Weights of a safetensors file but for running statistics."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(v["shape"]) for k, v in header.items() if k != "__metadata__" and "running_" not in k)


def train(name, a):
    recognizer = name in RECOGNIZERS
    entry = RECOGNIZERS.get(name) or DETECTORS[name]
    folder = a.work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = folder / "train.toml"
    config.write_text(configuration(name, a.glyphic, a.data, a.work), encoding="utf-8")
    goal = WORD_GOAL if recognizer else HMEAN_GOAL
    began = time.monotonic()
    with open(folder / "stderr.txt", "w") as errors:
        environment = {**os.environ, "RAYON_NUM_THREADS": str(a.threads)}
        command = [a.glyphic, "train", str(config), "--threads", str(a.threads)]
        process = subprocess.Popen(command, stderr=errors, stdout=errors, env=environment)
        stopped, done = None, None
        try:
            while done is None:
                time.sleep(1.0)
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    done = (status, usage)
                    break
                if stopped:
                    continue
                best = max((score(r, recognizer) or 0.0 for r in rows(folder / "run")), default=0.0)
                if best >= goal:
                    stopped = "goal"
                elif processor_minutes(process.pid) > a.minutes:
                    stopped = "minutes"
                if stopped:
                    process.send_signal(signal.SIGTERM)
            process.returncode = done[0]
        finally:
            if done is None:
                process.kill()
    log = rows(folder / "run")
    scored = [(score(r, recognizer), r) for r in log if score(r, recognizer) is not None]
    reached = next(((s, r) for s, r in scored if s >= goal), None)
    best = reached or max(scored, key=lambda pair: pair[0], default=(None, None))
    last = log[-1] if log else None
    weights = folder / "run/best.safetensors"
    result = {
        "name": name,
        "note": entry["note"],
        "kind": "recognizer" if recognizer else "detector",
        "parameters": parameters(weights) if weights.exists() else None,
        "batch": entry["batch"],
        "rate": entry["rate"],
        "steps_planned": entry["steps"],
        "steps_done": last["step"] if last else 0,
        "reached": bool(reached),
        "score": best[0],
        "step_of_score": best[1]["step"] if best[1] else None,
        "minutes_of_score": best[1]["minutes"] if best[1] else None,
        "minutes": last["minutes"] if last else None,
        "wall_minutes": (time.monotonic() - began) / 60,
        "cpu_minutes": (done[1].ru_utime + done[1].ru_stime) / 60,
        # Kilobytes on Linux.
        "peak_mib": done[1].ru_maxrss / 1024,
        "loss_first": log[0]["loss"] if log else None,
        "loss_last": last["loss"] if last else None,
        "end": stopped or ("steps" if done[0] == 0 else f"status {done[0]}"),
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result), flush=True)


def report(work):
    results = {}
    for path in work.glob("*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        results[result["name"]] = result
    for kind, table, metric in (("recognizer", RECOGNIZERS, "Word accuracy"), ("detector", DETECTORS, "hmean")):
        print(f"\n| Model | As trained | Parameters | Batch | Steps | Minutes | CPU minutes | Peak memory | {metric} |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for name in table:
            r = results.get(name)
            if r is None:
                print(f"| {name} | {table[name]['note']} | | | | | | | not run |")
                continue
            number = f"{r['parameters'] / 1e6:.1f} M" if r["parameters"] else ""
            value = "none" if r["score"] is None else f"{r['score']:.3f}"
            if not r["reached"]:
                value += f" at step {r['step_of_score']}, ended by its {r['end']}"
            steps = r["step_of_score"] if r["reached"] else r["steps_done"]
            minutes = r["minutes_of_score"] if r["reached"] else r["minutes"]
            cells = [name, r["note"], number, r["batch"], steps, f"{minutes or 0:.1f}", f"{r['cpu_minutes']:.1f}", f"{r['peak_mib']:.0f} MiB", value]
            print("| " + " | ".join(map(str, cells)) + " |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("glyphic", nargs="?", help="the binary")
    p.add_argument("--data", type=pathlib.Path, help="folder of the packs")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/overfit"))
    p.add_argument("--only", action="append", choices=[*RECOGNIZERS, *DETECTORS])
    p.add_argument("--minutes", type=float, default=60.0, help="of the processor for a run at most")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--report", action="store_true", help="print the table of what was run")
    p.add_argument("--config", action="store_true", help="print the training files instead of running them")
    a = p.parse_args()
    if a.report:
        return report(a.work)
    if not a.glyphic or not a.data:
        p.error("the binary and --data are needed")
    a.work.mkdir(parents=True, exist_ok=True)
    for name in a.only or [*RECOGNIZERS, *DETECTORS]:
        if a.config:
            print(f"# {name}\n{configuration(name, a.glyphic, a.data, a.work)}")
        else:
            train(name, a)


if __name__ == "__main__":
    sys.exit(main())
