"""Cuts pieces of one to six words from the lines of annotated pages into a shard, as pack_real.py has them.

    python pack_pieces.py OUT.bin PACK[:COUNT] ... [--seed 1]

A PACK knows the `line` of each word (pdf_pages, make_pages.py) or is one of line_packs.py's. Pieces are as high as their ink; those of bent
pages are left out. With COUNT, so many pieces are drawn at random.
"""

import argparse
import json
import pathlib
import struct

import cv2
import numpy as np

from line_packs import WIDE, box, inked, rows_of

HEIGHT = 32


def pieces(row, gray, rng):
    """(x0, y0, x1, y1, text) of runs of words that stand close."""
    words = [w for w in row["annotations"] if not w["ignore"] and w["text"].strip()]
    if any(len(w["polygon"]) != 8 for w in words):
        return
    for line in rows_of(words) if words else []:
        line = sorted(line, key=lambda w: box(w)[0])
        run, wanted = [], int(rng.integers(1, 7))
        for w in [*line, None]:
            if run and (w is None or len(run) == wanted or box(w)[0] - box(run[-1])[2] > WIDE * (box(w)[3] - box(w)[1])):
                boxes = np.array([box(v) for v in run])
                x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
                if "source" in row:
                    y0, y1 = inked(gray, x0, y0, x1, y1)
                yield x0, y0, x1, y1, " ".join(v["text"] for v in run)
                run, wanted = [], int(rng.integers(1, 7))
            if w is not None:
                run.append(w)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("packs", nargs="+")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    rng = np.random.default_rng(a.seed)
    count = 0
    with open(a.out, "wb") as f:
        for spec in a.packs:
            path, _, most = spec.partition(":")
            pack, found = pathlib.Path(path), []
            for text in (pack / "gt.jsonl").read_text(encoding="utf-8").splitlines():
                row = json.loads(text)
                image = cv2.imread(str(pack / "images" / row["file_name"]))
                for x0, y0, x1, y1, label in pieces(row, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), rng):
                    crop = image[max(round(y0), 0) : round(y1), max(round(x0), 0) : round(x1)]
                    if min(crop.shape[:2]) < 5:
                        continue
                    width = max(8, round(crop.shape[1] * HEIGHT / crop.shape[0]))
                    if width > 900:
                        continue
                    method = cv2.INTER_AREA if crop.shape[0] > HEIGHT else cv2.INTER_LINEAR
                    small = cv2.cvtColor(cv2.resize(crop, (width, HEIGHT), interpolation=method), cv2.COLOR_BGR2RGB)
                    found.append((width, label.encode(), small.tobytes()))
            if most:
                found = [found[k] for k in rng.permutation(len(found))[: int(most)]]
            for width, label, pixels in found:
                f.write(struct.pack("<III", width, HEIGHT, len(label)) + label + pixels)
                count += 1
    print(f"{count} crops in {a.out}")


if __name__ == "__main__":
    main()
