"""Draws scores against samples seen, from the logs of runs.

    python plot_curves.py OUT.svg RUN/log.jsonl[=BEFORE[=NAME]] ...

BEFORE is how many samples the weights that a run began with had seen.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt


def curves(row):
    """(pack, score) of a row: of detectors the best hmean over the score thresholds, of recognizers the share of words; of
    a log of `glyphic train` the hmean at the configuration's threshold."""
    for name, score in row.get("scores", {}).items():
        pack, measure = name.split("/")
        if measure == "hmean":
            yield f"{pack.replace('icdar2015', 'det_ic15')}: hmean", score
    for pack, scores in row.get("val", {}).items():
        name = pathlib.Path(pack).parent.name if "/" in pack else pack
        if "acc_ics" in scores:
            yield f"{name}: words, ignoring case and symbols", scores["acc_ics"]
            yield f"{name}: word F1", scores["word_f1"]
        else:
            yield f"{name}: hmean", max(v[2] for k, v in scores.items() if k != "level")


def main():
    out, *logs = sys.argv[1:]
    colours, styles = {}, ["-", "--", ":", "-."]
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for i, spec in enumerate(logs):
        given = spec.split("=")
        path, before, name = given + ["0", given[0]][len(given) - 1 :]
        rows = [json.loads(line) for line in open(path)]
        lines = {}
        for row in rows:
            for label, score in curves(row):
                lines.setdefault(label, []).append((row["samples"] + int(before), score))
        for label, points in lines.items():
            colour = colours.setdefault(label, f"C{len(colours)}")
            x, y = zip(*points)
            axes.plot(x, y, styles[i % 4], color=colour, marker=".", label=f"{label} ({name})")
    axes.set_xscale("log")
    axes.set_xlabel("samples seen")
    axes.set_ylabel("score on the validation pack")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
