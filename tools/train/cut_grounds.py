"""Cuts pieces without text from the pictures of annotated packs, for glyphic-synth to set text upon.

    python cut_grounds.py OUT PACK ...

A piece keeps clear of everything annotated, ignored or not, by 8 pixels; of each picture the largest two are kept.
"""

import json
import pathlib
import sys

import cv2
import numpy as np

LEAST = 200
GAP = 8


def pieces(free, rng):
    """Up to two windows of 0/1 `free` that are wholly free: the largest of many drawn at random."""
    h, w = free.shape
    blocked = np.pad(1 - free, ((1, 0), (1, 0))).astype(np.int64).cumsum(0).cumsum(1)
    found = []
    for _ in range(600):
        wide = int(rng.uniform(LEAST, w + 1))
        high = int(wide * rng.uniform(0.5, 1.0))
        if high > h or high < LEAST // 2:
            continue
        x, y = int(rng.integers(0, w - wide + 1)), int(rng.integers(0, h - high + 1))
        x1, y1 = x + wide, y + high
        if blocked[y1, x1] - blocked[y, x1] - blocked[y1, x] + blocked[y, x] == 0:
            found.append((wide * high, x, y, x1, y1))
    found.sort(reverse=True)
    kept = []
    for _, x, y, x1, y1 in found:
        if all(x1 <= k[0] or k[2] <= x or y1 <= k[1] or k[3] <= y for k in kept):
            kept.append((x, y, x1, y1))
        if len(kept) == 2:
            break
    return kept


def main():
    out, *packs = sys.argv[1:]
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    count = 0
    for pack in map(pathlib.Path, packs):
        for line in (pack / "gt.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            image = cv2.imread(str(pack / "images" / row["file_name"]))
            free = np.ones(image.shape[:2], np.uint8)
            for a in row["annotations"]:
                points = np.array(a["polygon"], np.float32).reshape(-1, 2).round().astype(np.int32)
                cv2.fillPoly(free, [points], 0)
                cv2.polylines(free, [points], True, 0, 2 * GAP)
            for x, y, x1, y1 in pieces(free, rng):
                cv2.imwrite(str(out / f"{count:05}.jpg"), image[y:y1, x:x1], [cv2.IMWRITE_JPEG_QUALITY, 92])
                count += 1
    print(f"{count} pieces in {out}")


if __name__ == "__main__":
    main()
