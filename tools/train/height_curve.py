"""Recall of a detector's lines over the height of text, in pixels of the network's input.

    python height_curve.py WEIGHTS.safetensors ... --texts TEXTS [--pages 4] [--chromium PATH]

For each height pages of running text in different faces are set by the browser, so that print is as sharp as its size allows, and
looked at once at their own size, without enlarging and at the level of lines. A line counts as found at an IoU of .5.
"""

import argparse
import html
import pathlib

import cv2
import numpy as np
import torch

from make_pages import MONO, SANS, SERIF, Browser, annotate
from nets import DbNetLite, load_state
from train_det import decode, hmean, network_input

HEIGHTS = (4, 5, 6, 7, 8, 10, 12, 16, 20, 26, 34, 45, 64, 90, 128, 200)


def pages(browser, texts, height, count):
    """(picture, outlines of lines) of `count` pages; one of four is light on dark."""
    for k in range(count):
        rng = np.random.default_rng([height, k])
        family = (SANS, SERIF, SANS, MONO)[k % 4]
        size = height / 0.93
        width = int(np.clip(34 * size, 320, 1280))
        high = int(np.clip(14 * 1.4 * size, 160, 1280))
        words, need = [], int(1.5 * width * high / (size * size * 3.4)) + 4
        while len(words) < need:
            words += texts[rng.integers(len(texts))].split()
        ink, paper = ("#eee", "#151515") if k % 4 == 3 else ("#111", "#fff")
        body = html.escape(" ".join(words[:need]))
        document = (f"<!DOCTYPE html><meta charset='utf-8'><style>html{{background:{paper}}}body{{margin:0;padding:{max(8, size / 2):.0f}px;color:{ink};"
                    f"font:{size:.2f}px/1.35 '{family[rng.integers(len(family))]}';hyphens:manual;overflow-wrap:break-word}}</style><body>{body}</body>")
        image, found = browser.page(document, width, high, 1, 0.2)
        _, lines = annotate(found, image)
        yield image, [(np.array(x["polygon"], np.float32).reshape(-1, 2), x["ignore"]) for x in lines]


@torch.no_grad()
def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("weights", nargs="+")
    p.add_argument("--texts", required=True, type=pathlib.Path)
    p.add_argument("--pages", type=int, default=4)
    p.add_argument("--chromium", default="chromium")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    texts = (a.texts / "en.txt").read_text(encoding="utf-8").splitlines()
    nets = []
    for path in a.weights:
        net = DbNetLite().to(memory_format=torch.channels_last).eval()
        net.load_state_dict(load_state(path), strict=False)
        nets.append(net)
    browser = Browser(a.chromium)
    print("| height | lines | " + " | ".join(pathlib.Path(w).stem for w in a.weights) + " |")
    print("|---|---|" + "---|" * len(nets))
    for height in HEIGHTS:
        sums = np.zeros((len(nets), 3))
        for image, truth in pages(browser, texts, height, a.pages):
            x, (sx, sy), (sh, sw) = network_input(image, 4096)
            for k, net in enumerate(nets):
                prob = net(x.contiguous(memory_format=torch.channels_last), torch.ones(1))[0]
                found = decode(prob.float().sigmoid()[0, 0, :sh, :sw].numpy(), 0.4, 0.6, 1.8)
                sums[k] += hmean([(b.astype(np.float32), s) for b, s in found], truth)
        print(f"| {height} | {int(sums[0, 2])} | " + " | ".join(f"{s[0] / max(s[2], 1):.3f}" for s in sums) + " |", flush=True)
    browser.close()


if __name__ == "__main__":
    main()
