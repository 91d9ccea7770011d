#!/usr/bin/env python3
"""Trains every model on a handful of samples until it knows them: the table of docs/model-zoo.md.

    cargo build --release -p glyphic-cli
    python3 tools/zoo/overfit.py target/release/glyphic --data DIR --work DIR [--only NAME ...] [--minutes 20]
    python3 tools/zoo/overfit.py --report --work DIR

DIR of `--data` holds the packs rec_iiit5k and det_ic15. Recognizers learn 64 word crops, the first ones of IIIT5K's train pack;
detectors learn windows of eight pictures of ICDAR 2015's train pack, those of curved text eight pictures of `glyphic synth`. Each run is one
`glyphic train`, validated on the very samples that it learns, and ended as soon as a validation reaches the goal (word accuracy 1
without case and symbols, hmean .95) or when its steps or the minutes of the
processor are over. Nothing is augmented. The result of a run is
WORK/NAME/result.json. `--time` measures a step of the published networks instead, on 8 crops or a picture of 640x640:
WORK/NAME/timed.json. `--report` prints all of them as tables. Windows are cut by Pillow.
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

CROPS, PICTURES = 64, 8
# A timed step: crops or pictures in a batch, by whether it is a recognizer, and the side of a picture.
TIMED_STEPS, TIMED_BATCH, TIMED_SIDE = 3, {True: 8, False: 1}, 640
WORD_GOAL, HMEAN_GOAL = 1.0, 0.95

ADAM = {"adamw": {"learning_rate": 1e-3, "beta_2": 0.999, "weight_decay": 0.0}}


def adam(rate):
    return {"adamw": {**ADAM["adamw"], "learning_rate": rate}}


def narrow(height, width):
    """One size for all crops."""
    return {"height": height, "min_width": width, "max_width": width, "keep_aspect_ratio": False}


# Name -> what is trained. `model` is the table [model.X] as in a training file, narrow enough for one core of a processor; `full`
# is the published network, of which `--time` measures a step. Where both are the same there is no `full`.
THIN = [16, 32, 64, 64, 128, 128]
# None of the words is longer; attention decoders take a step a character.
SHORT = {"max_length": 25}
RECOGNIZERS = {
    "crnn_lite": dict(model={"crnn_lite": {}}, rate=1.5e-3, batch=16, steps=1500, every=40, note="as it is"),
    "crnn": dict(
        model={"crnn": {"resize": narrow(32, 192)}},
        rate=1e-3, batch=8, steps=1900, every=50, fall=500, note="as it is, 32x192, rate falls in the end",
    ),
    "crnn_tps": dict(
        model={"crnn": {"rectify": 20, "mean": [127.5], "std": [127.5], "resize": narrow(32, 100)}},
        rate=1e-3, factors={"preprocessor": 0.03}, batch=8, steps=1900, every=50, fall=500,
        note="as it is, rate falls in the end, 3 % of it for the rectification",
    ),
    "svtr": dict(
        model={"svtr": {"channels": [32, 64, 128], "depths": [1, 2, 1], "heads": [1, 2, 4], "local": 2, "features": 96, "dropout": 0.0, "drop_path": 0.0}},
        full={"svtr": {}},
        rate=5e-4, batch=16, steps=2000, every=40, note="half of svtr-tiny's channels, a third of its depth, no dropout",
    ),
    "parseq": dict(
        model={"parseq": {"features": 96, "layers": 3, "heads": 3, "decoder_heads": 3, "dropout": 0.0}},
        full={"parseq": {"features": 192, "heads": 3, "decoder_heads": 6}},
        rate=5e-4, batch=16, steps=2000, every=40, note="half of parseq-tiny's features, a quarter of its layers, no dropout",
    ),
    "nrtr": dict(
        model={"nrtr": {"dropout": 0.0, "layers": 2, "channels": [8, 16, 32, 64, 128], "model": 128, "inner": 256, "input": {"resize": narrow(32, 96)}}},
        full={"nrtr": {}},
        rate=5e-4, batch=16, steps=2000, every=40, note="r31_1by16_1by8 with a quarter of the channels and a third of the layers, 32x96, no dropout",
    ),
    "satrn": dict(
        model={"satrn": {"encoder_layers": 2, "decoder_layers": 2, "model": 128, "inner": 256, "labels": {"max_length": 25}, "dropout": 0.0}},
        full={"satrn": {"encoder_layers": 6, "model": 256, "inner": 1024, "labels": {"max_length": 25}}},
        rate=5e-4, batch=8, steps=2000, every=48, note="half of satrn_small's features, a third of its layers, no dropout",
    ),
    "aster": dict(
        model={"aster": {"labels": SHORT, "features": 128, "attention": 128, "hidden": 128}},
        full={"aster": {}},
        rate=1e-3, factors={"preprocessor": 0.1}, batch=16, steps=2400, every=40, fall=400,
        note="a quarter of the channels and features, rate falls in the end, a tenth of it for the rectification",
    ),
    "seg": dict(
        model={"seg": {"channels": [8, 16, 32, 64, 128, 128], "neck": 64, "input": {"resize": narrow(48, 288)}}},
        full={"seg": {}},
        rate=2e-3, batch=8, steps=1200, every=48, fall=400, note="a quarter of the channels, 48x288, rate falls in the end",
    ),
    "sar": dict(
        model={
            "sar": {
                "channels": THIN, "features": 128, "attention": 128, "dropout": 0.0, "encoder_dropout": 0.0,
                "labels": SHORT, "input": {"resize": narrow(32, 96)},
            }
        },
        full={"sar": {}},
        rate=1e-3, batch=8, steps=2000, every=48, note="parallel decoder, a quarter of the channels and features, 32x96, no dropout",
    ),
    "robust_scanner": dict(
        model={"robust_scanner": {"channels": THIN, "dropout": 0.0, "labels": SHORT, "input": {"resize": narrow(32, 96)}}},
        full={"robust_scanner": {}},
        rate=1e-3, batch=16, steps=1200, every=40, fall=400, note="a quarter of the channels, 32x96, no dropout, rate falls in the end",
    ),
    "master": dict(
        model={"master": {"features": 128, "inner": 256, "dropout": 0.0, "labels": SHORT, "input": {"resize": narrow(32, 96)}}},
        full={"master": {}},
        rate=5e-4, batch=16, steps=1200, every=40, fall=300, note="a quarter of the channels and features, 32x96, no dropout",
    ),
    "abinet": dict(
        model={"abinet": {"features": 128, "vision_layers": 1, "language_layers": 1, "inner": 256, "dropout": 0.0, "labels": SHORT}},
        full={"abinet": {}},
        rate=5e-4, batch=16, steps=1600, every=40, fall=400, note="a quarter of the channels and features, 1 of 3 and 1 of 4 layers, no dropout",
    ),
}

# Pictures are cut to windows of twice this side and halved: a network that is trained near texts alone knows nothing of the rest.
SIDE = 192
WHOLE = {"long_side": SIDE, "short_side": SIDE}
SMALL = {"depth": "18", "norm_eval": False}
CURVED_SIDE = 224

# `size` is the side of the window that is cut out in training: the whole of a halved picture.
DETECTORS = {
    # Looked at once and at the size that it is trained on.
    "dbnet_lite": dict(
        model={"dbnet_lite": {"level": "word", "zoom": {"words": 1.0, "coarse": 1.0}, "input": {"resize": {**WHOLE, "least_pixels": 0}}}},
        full={"dbnet_lite": {}},
        rate=2e-3, size=SIDE, batch=4, steps=1500, every=50, note="as it is, one look",
    ),
    "dbnet_r18": dict(model={"dbnet": {"input": {"resize": WHOLE}}}, rate=1e-3, size=SIDE, batch=2, steps=1200, every=50, note="as it is"),
    "dbnetpp": dict(
        model={"dbnet": {"input": {"resize": WHOLE}, "neck": {"scale_fusion": True}}},
        full={"dbnet": {"neck": {"scale_fusion": True}, "backbone": {"resnet": {"depth": "50", "deformable": [False, True, True, True]}}}},
        rate=1e-3, size=SIDE, batch=2, steps=1200, every=50, note="18 layers in place of 50",
    ),
    "panet_r18": dict(
        model={"panet": {"backbone": SMALL, "input": {"resize": WHOLE}}},
        full={"panet": {}},
        rate=1e-3, size=SIDE, batch=4, steps=1200, every=50, note="backbone.norm_eval = false",
    ),
    "psenet": dict(
        model={"psenet": {"backbone": SMALL, "neck": {"out_channels": 64}, "input": {"resize": WHOLE}}},
        full={"psenet": {}},
        rate=1e-3, size=SIDE, batch=2, steps=1200, every=50, note="18 layers and 64 channels in place of 50 and 256",
    ),
    "textsnake": dict(
        model={"textsnake": {"backbone": SMALL}}, curved=True,
        full={"textsnake": {}},
        rate=1e-3, batch=2, steps=1200, every=48, note="18 layers in place of 50",
    ),
    "fcenet": dict(
        model={"fcenet": {"backbone": SMALL, "neck_channels": 64, "decode": {"alpha": 1.0, "outline": "polygon"}}}, curved=True,
        full={"fcenet": {}},
        rate=1e-3, batch=4, steps=1500, every=48, note="18 layers and 64 channels in place of 50 and 256",
    ),
    "drrg": dict(
        model={"drrg": {"backbone": SMALL}}, curved=True,
        full={"drrg": {}},
        rate=1e-3, batch=2, steps=1200, every=48, note="18 layers in place of 50",
    ),
    "mask_rcnn": dict(
        model={"mask_rcnn": {"backbone": SMALL, "neck_channels": 64, "input": {"resize": WHOLE}}},
        full={"mask_rcnn": {}},
        rate=1e-3, size=SIDE, batch=4, steps=600, every=50, note="18 layers and 64 channels in place of 50 and 256",
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


def windows(source, pack, side, middle, fits):
    """A pack of windows of the first pictures: around the texts that `middle` gives of a record's, where `fits` says so of those
    that are whole. Texts that are cut are to be ignored."""
    from PIL import Image

    if pack.exists():
        return pack
    records = []
    for line in (source / "gt.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        around = middle([a["polygon"] for a in record["annotations"] if not a["ignore"]])
        if not around or min(record["width"], record["height"]) < side:
            continue
        xs, ys = [x for p in around for x in p[::2]], [y for p in around for y in p[1::2]]
        left = int(min(max((min(xs) + max(xs) - side) // 2, 0), record["width"] - side))
        top = int(min(max((min(ys) + max(ys) - side) // 2, 0), record["height"] - side))
        kept = []
        for a in record["annotations"]:
            polygon = [v - (top if k % 2 else left) for k, v in enumerate(a["polygon"])]
            inside = [min(max(v, 0), side) for v in polygon]
            if len(set(inside[::2])) > 1 and len(set(inside[1::2])) > 1:
                kept.append({**a, "polygon": inside, "ignore": a["ignore"] or inside != polygon})
        if not fits([a["polygon"] for a in kept if not a["ignore"]]):
            continue
        image = Image.open(source / "images" / record["file_name"]).convert("RGB")
        name = pathlib.Path(record["file_name"]).with_suffix(".png").name
        records.append((image.crop((left, top, left + side, top + side)), {"file_name": name, "height": side, "width": side, "annotations": kept}))
        if len(records) == PICTURES:
            break
    if len(records) < PICTURES:
        raise SystemExit(f"{source}: {len(records)} pictures of {PICTURES} fit")
    (pack / "images").mkdir(parents=True)
    for image, record in records:
        image.save(pack / "images" / record["file_name"])
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for _, record in records)
    (pack / "gt.jsonl").write_text("".join(lines), encoding="utf-8")
    return pack


def scenes(data, work):
    """At least two whole texts, none of them lower than 24 pixels of 720."""

    def fits(whole):
        return len(whole) >= 2 and min(map(shortest_side, whole)) >= 24

    return windows(data / "det_ic15/train", work / f"windows{PICTURES}", 2 * SIDE, lambda cared: cared, fits)


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
    """Around the first curved text, none of the whole ones lower than 14 pixels."""
    rendered = work / "rendered"
    if not rendered.exists():
        config = work / "curved.toml"
        config.write_text("min_page_side = 480\nmax_page_side = 640\ndegrade = false\n", encoding="utf-8")
        run = [glyphic, "synth", "pages", "--out", str(rendered), "--count", "600", "--seed", "7", "--config", str(config)]
        subprocess.run(run, check=True)

    def middle(cared):
        return [polygon for polygon in cared if bent(polygon)][:1]

    def fits(whole):
        return len(whole) <= 12 and any(map(bent, whole)) and min(map(shortest_area, whole)) >= 14

    return windows(rendered, work / f"curved{PICTURES}", CURVED_SIDE, middle, fits)


def shortest_area(polygon):
    """About the height of a text: its area over half of its length."""
    points = list(zip(polygon[::2], polygon[1::2]))
    pairs = list(zip(points, points[1:] + points[:1]))
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2
    return area / (sum(math.dist(a, b) for a, b in pairs) / 2)


def schedule(fall):
    """Of the rate: constant, or falling over the last `fall` steps, as a constant one goes on stirring the last words of some."""
    if fall is None:
        return {"warmup_steps": 20, "decay": "constant"}
    return {"warmup_steps": 20, "decay": "plateau", "decay_steps": fall, "final_ratio": 0.02}


def configuration(name, glyphic, data, work, timed=False):
    """The training file of a model; `timed` for a few steps of the published network."""
    recognizer = name in RECOGNIZERS
    entry = RECOGNIZERS.get(name) or DETECTORS[name]
    if timed:
        entry = {**entry, "model": entry.get("full", entry["model"]), "steps": TIMED_STEPS, "every": 10**6, "batch": TIMED_BATCH[recognizer], "size": TIMED_SIDE}
    run = {
        "out": work / name / ("timed" if timed else "run"),
        "seed": 1,
        "steps": entry["steps"],
        "workers": 1,
        "optimizer": adam(entry["rate"]),
        "schedule": schedule(entry.get("fall")),
        "rate_factors": entry.get("factors", {}),
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
        size = CURVED_SIDE if entry.get("curved") and not timed else entry["size"]
        augment = {"size": size, "min_scale": scale, "max_scale": scale, "stretch": 0.0, "rotation": 0.0, "photo": PHOTO_OFF}
        batches = {"batch_size": entry["batch"], "augment": augment}
    lines = ["[run]", *(f"{k} = {toml(v)}" for k, v in run.items())]
    (model,) = entry["model"]
    table = dict(entry["model"][model])
    if entry.get("curved") and not timed:
        table["input"] = {"resize": {"long_side": CURVED_SIDE, "short_side": CURVED_SIDE}}
    lines += [f"[model.{model}]", *(f"{k} = {toml(v)}" for k, v in table.items())]
    lines += ["[batches]", *(f"{k} = {toml(v)}" for k, v in batches.items())]
    lines += ["[[train]]", f"source.pack = {toml(pack)}"]
    if not timed:
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
    # The reference divides by one sample and a little more.
    goal = (WORD_GOAL if recognizer else HMEAN_GOAL) - 1e-6
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


def measure(name, a):
    """Seconds of the processor that a step of the published network takes, the first one left out."""
    folder = a.work / name
    shutil.rmtree(folder / "timed", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "timed.toml"
    text = configuration(name, a.glyphic, a.data, a.work, timed=True)

    def run(steps):
        shutil.rmtree(folder / "timed", ignore_errors=True)
        config.write_text(text.replace(f"steps = {TIMED_STEPS}", f"steps = {steps}"), encoding="utf-8")
        environment = {**os.environ, "RAYON_NUM_THREADS": str(a.threads)}
        with open(folder / "timed.txt", "w") as errors:
            process = subprocess.Popen([a.glyphic, "train", str(config), "--threads", str(a.threads)], stderr=errors, stdout=errors, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        if status:
            raise SystemExit(f"{name}: status {status}, see {folder / 'timed.txt'}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    (one, _), (all_steps, peak) = run(1), run(TIMED_STEPS)
    recognizer = name in RECOGNIZERS
    result = {
        "name": name,
        "batch": TIMED_BATCH[recognizer],
        "seconds": (all_steps - one) / (TIMED_STEPS - 1),
        "peak_mib": peak,
        "parameters": parameters(folder / "timed/best.safetensors"),
    }
    (folder / "timed.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder / "timed", ignore_errors=True)
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


    print("\n| Published network | Parameters | Batch | CPU seconds of a step | Peak memory |\n| --- | --- | --- | --- | --- |")
    for name in [*RECOGNIZERS, *DETECTORS]:
        path = work / name / "timed.json"
        if path.exists():
            r = json.loads(path.read_text(encoding="utf-8"))
            print(f"| {name} | {r['parameters'] / 1e6:.1f} M | {r['batch']} | {r['seconds']:.2f} | {r['peak_mib']:.0f} MiB |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("glyphic", nargs="?", help="the binary")
    p.add_argument("--data", type=pathlib.Path, help="folder of the packs")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/overfit"))
    p.add_argument("--only", action="append", choices=[*RECOGNIZERS, *DETECTORS])
    p.add_argument("--minutes", type=float, default=60.0, help="of the processor for a run at most")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--report", action="store_true", help="print the table of what was run")
    p.add_argument("--time", action="store_true", help="measure a step of the published networks instead")
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
        elif a.time:
            measure(name, a)
        else:
            train(name, a)


if __name__ == "__main__":
    sys.exit(main())
