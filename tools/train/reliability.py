"""Draws how often words are right against how sure the recognizer is of them.

    python reliability.py OUT.svg WEIGHTS.safetensors VAL.bin ...

A crop without a space in its label is one word, compared ignoring case and symbols; of lines, words are compared ignoring
case, each with those of the label. Two confidences of a word: the mean of its characters', and that of its weakest.
"""

import re
import sys

import matplotlib
import numpy as np
import torch
from safetensors.torch import load_file

from nets import CrnnLite
from train_rec import LATIN, Shard, collate

matplotlib.use("svg")
import matplotlib.pyplot as plt

BINS = 10


def characters(probabilities, width):
    """(character, probability at the run's first step) of the best path."""
    best = probabilities[: -(-width // 4) + 1].max(-1)
    ids, sure = best.indices.tolist(), best.values.tolist()
    return [(LATIN[c - 1], p) for k, (c, p) in enumerate(zip(ids, sure)) if c and (k == 0 or ids[k - 1] != c)]


@torch.no_grad()
def words(net, shard):
    """(confidences of the characters, right or not) of every word read."""
    order = sorted(shard.records, key=lambda r: r[1])
    squash = lambda s: re.sub("[^a-z0-9]", "", s.lower())
    for i in range(0, len(order), 32):
        batch = [(shard, r) for r in order[i : i + 32]]
        x, widths = collate(batch)
        for (_, r), p, width in zip(batch, net(x).softmax(-1), widths):
            truth = "".join(LATIN[c - 1] for c in r[2])
            key = str.lower if " " in truth else squash
            left = [key(w) for w in truth.split()]
            word = []
            for char, sure in [*characters(p, width), (" ", 1.0)]:
                if char != " ":
                    word.append((char, sure))
                elif word:
                    text = key("".join(c for c, _ in word))
                    right = text in left
                    if right:
                        left.remove(text)
                    yield [s for _, s in word], right
                    word = []


def main():
    out, weights, *shards = sys.argv[1:]
    net = CrnnLite(len(LATIN) + 1, "bilstm")
    net.load_state_dict({k: v.float() for k, v in load_file(weights).items()}, strict=False)
    net.eval()
    read = [w for s in shards for w in words(net, Shard(s))]
    right = np.array([r for _, r in read], float)
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, of in (("mean of the characters", np.mean), ("weakest character", min)):
        sure = np.array([of(s) for s, _ in read])
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        filled = [b for b in range(BINS) if (place == b).sum() >= 5]
        x, y = ([v[place == b].mean() for b in filled] for v in (sure, right))
        off = sum((place == b).mean() * abs(sure[place == b].mean() - right[place == b].mean()) for b in set(place))
        axes.plot(x, y, marker="o", label=f"{name}, off by {off:.3f} on average")
        print(f"{name}: {len(read)} words, {right.mean():.3f} right, expected calibration error {off:.3f}")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of words that are right")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
