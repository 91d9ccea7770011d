"""Draws how often crops are read right against how sure the recognizer is of them.

    glyphic recognize PACK/crops --format jsonl --out read.jsonl
    python reliability.py OUT.svg NAME=read.jsonl:PACK/labels.tsv ...

Files of one NAME make one curve. Texts are compared ignoring case and everything but letters and digits.
"""

import json
import re
import sys

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt

BINS = 10


def crops(read, labels):
    """(confidence, right or not) of every crop that was read as something."""
    squash = lambda s: re.sub(r"[\W_]", "", s.lower())
    with open(labels, encoding="utf-8") as f:
        truth = dict(line.rstrip("\n").split("\t", 1) for line in f)
    with open(read, encoding="utf-8") as f:
        for row in map(json.loads, f):
            if row["text"]:
                yield row["score"], squash(row["text"]) == squash(truth[row["file_name"].split("/")[-1]])


def main():
    out, *specs = sys.argv[1:]
    curves = {}
    for spec in specs:
        name, files = spec.split("=", 1)
        curves.setdefault(name, []).extend(crops(*files.rsplit(":", 1)))
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, rows in curves.items():
        sure, right = np.array(rows, float).T
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        filled = [b for b in range(BINS) if (place == b).sum() >= 5]
        x, y = ([v[place == b].mean() for b in filled] for v in (sure, right))
        off = sum((place == b).mean() * abs(sure[place == b].mean() - right[place == b].mean()) for b in set(place))
        axes.plot(x, y, marker="o", label=f"{name}, off by {off:.3f} on average")
        print(f"{name}: {len(rows)} crops, {right.mean():.3f} right, expected calibration error {off:.3f}")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of crops that are right")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
