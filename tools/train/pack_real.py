"""Cuts the recognition crops of annotated packs into one shard of 32-pixel-high lines.

    python pack_real.py OUT.bin PACK[:fold_case|:fold_space|:plain][:COUNT] ...

A shard repeats {u32 width, u32 height, u32 text bytes, text, RGB rows}, little endian. The text of a crop whose label
does not tell upper from lower case is marked by a leading \\x01, one whose label has lost its spaces by \\x02.
"""

import json
import pathlib
import struct
import sys

import cv2
import numpy as np

HEIGHT = 32
MARK = {"plain": "", "fold_case": "\x01", "fold_space": "\x02"}


def crops(pack):
    labels = pack / "labels.tsv"
    if labels.exists():
        for line in labels.read_text(encoding="utf-8").splitlines():
            name, text = line.split("\t", 1)
            yield cv2.imread(str(pack / "crops" / name)), text
        return
    for line in (pack / "gt.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        # Of glyphic-synth's pages the scenes: what a camera sees small is packed as a detector cuts it.
        if not row.get("scene", True):
            continue
        image = cv2.imread(str(pack / "images" / row["file_name"]))
        for a in row["annotations"]:
            if a["ignore"] or not a["text"].strip():
                continue
            points = np.array(a["polygon"], np.float32).reshape(-1, 2)
            if len(points) != 4 and "scene" in row:
                continue
            if len(points) != 4:
                points = cv2.boxPoints(cv2.minAreaRect(points))
            w = round(max(np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[3] - points[2])))
            h = round(max(np.linalg.norm(points[1] - points[2]), np.linalg.norm(points[0] - points[3])))
            if w < 4 or h < 6 or (h > 2 * w and len(a["text"]) > 1):
                continue
            corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
            matrix = cv2.getPerspectiveTransform(points, corners)
            yield cv2.warpPerspective(image, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE), a["text"]


def main():
    out, *packs = sys.argv[1:]
    count = 0
    with open(out, "wb") as f:
        for spec in packs:
            path, kind, *limit = spec.split(":")
            rows = list(crops(pathlib.Path(path)))[: int(limit[0]) if limit else None]
            for image, text in rows:
                text = " ".join(text.split())
                h, w = image.shape[:2]
                width = max(8, round(w * HEIGHT / h))
                if width > 1600:
                    continue
                # Area averaging stands in for the antialiased filter of the reader when shrinking.
                method = cv2.INTER_AREA if h > HEIGHT else cv2.INTER_LINEAR
                small = cv2.cvtColor(cv2.resize(image, (width, HEIGHT), interpolation=method), cv2.COLOR_BGR2RGB)
                label = (MARK[kind] + text).encode()
                f.write(struct.pack("<III", width, HEIGHT, len(label)) + label + small.tobytes())
                count += 1
    print(f"{count} crops in {out}")


if __name__ == "__main__":
    main()
