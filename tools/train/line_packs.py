"""Adds lines to packs of words of upright pages, for a detector that finds lines.

    python line_packs.py OUT PACK ...

Each PACK (gt.jsonl + images/) is written to OUT/<name of the pack>-<split> with the same pictures (links) and words, and beside them
"lines". Words stand in one line where they share a row and nothing divides them: a gap wider than 0.9 of the height, or
1.8 of the row's own usual gap where it is set wide, and a rule between them divide. Where the
boxes are the font's (the pack has `line`), which are a quarter higher than print, the outline of a line is its ink and a little more.
"""

import json
import os
import pathlib
import statistics
import sys

import cv2
import numpy as np

WIDE = 0.9


def box(annotation):
    points = np.array(annotation["polygon"], np.float32).reshape(-1, 2)
    return (*points.min(0), *points.max(0))


def rows_of(words):
    """Lists of words in one row, by the pack's own `line` or by overlap."""
    if all(w.get("line") is not None for w in words):
        rows = {}
        for w in words:
            rows.setdefault(w["line"], []).append(w)
        return list(rows.values())
    rows = []
    for w in sorted(words, key=lambda w: box(w)[0]):
        x0, y0, x1, y1 = box(w)
        best, most = None, 0.5
        for row in rows:
            a0, b0, a1, b1 = box(row[-1])
            share = (min(y1, b1) - max(y0, b0)) / max(min(y1 - y0, b1 - b0), 1e-6)
            near = x0 - a1 < 2 * max(y1 - y0, b1 - b0) and x0 > a0
            if near and share > most and max(y1 - y0, b1 - b0) < 2.2 * min(y1 - y0, b1 - b0):
                best, most = row, share
        if best is None:
            rows.append([w])
        else:
            best.append(w)
    return rows


def ruled(gray, x0, x1, y0, y1):
    """Whether a rule stands between x0 and x1 through the whole height of a row and beyond."""
    h = y1 - y0
    a, b = max(int(y0 - 0.25 * h), 0), int(np.ceil(y1 + 0.25 * h))
    strip = gray[a:b, max(int(x0), 0) : int(np.ceil(x1))]
    if strip.shape[0] < 4 or strip.shape[1] < 1:
        return False
    paper = np.median(gray[a:b, max(int(x0 - 3 * h), 0) : int(x1 + 3 * h)])
    marked = np.abs(strip.astype(np.int16) - int(paper)) > 50
    return bool((marked.mean(0) > 0.95).any())


def parts_of(row, gray):
    """A row divided at wide gaps and rules."""
    row = sorted(row, key=lambda w: box(w)[0])
    height = statistics.median(box(w)[3] - box(w)[1] for w in row)
    gaps = [box(b)[0] - box(a)[2] for a, b in zip(row, row[1:])]
    usual = statistics.median(gaps) if len(gaps) > 3 else 0
    limit = max(WIDE * height, 1.8 * usual)
    parts = [[row[0]]]
    for (a, b), gap in zip(zip(row, row[1:]), gaps):
        y0, y1 = min(box(a)[1], box(b)[1]), max(box(a)[3], box(b)[3])
        if gap > limit or gap > 2 and ruled(gray, box(a)[2], box(b)[0], y0, y1):
            parts.append([])
        parts[-1].append(b)
    return parts


def inked(gray, x0, y0, x1, y1):
    """The rows of a box between which its ink lies, with a margin; never less than .55 of the box's height."""
    h = y1 - y0
    a, b = max(int(y0 - 0.1 * h), 0), int(np.ceil(y1 + 0.1 * h))
    strip = gray[a:b, max(int(x0), 0) : int(np.ceil(x1))].astype(np.int16)
    if strip.size == 0:
        return y0, y1
    paper = np.median(strip)
    far = np.abs(strip - paper)
    ink = np.flatnonzero((far > max(0.45 * np.percentile(far, 99), 12)).mean(1) > 0.004)
    if not len(ink):
        return y0, y1
    margin = 0.07 * h + 0.5
    top, low = max(a + ink[0] - margin, y0 - 0.1 * h), min(a + ink[-1] + 1 + margin, y1 + 0.1 * h)
    lack = 0.55 * h - (low - top)
    if lack > 0:
        middle = (y0 + y1) / 2
        up = min(lack, max(top - middle + 0.3 * h, 0)) if top > middle else lack / 2
        top, low = top - up, low + lack - up
    return float(top), float(low)


def lines_of(row, gray):
    words = [a for a in row["annotations"] if not a["ignore"]]
    lines = [a for a in row["annotations"] if a["ignore"]]
    for group in rows_of(words) if words else []:
        for part in parts_of(group, gray):
            boxes = np.array([box(w) for w in part])
            x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
            if "line" in part[0]:
                y0, y1 = inked(gray, x0, y0, x1, y1)
            polygon = [round(float(v), 1) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]
            text = " ".join(w["text"] for w in part)
            lines.append({"polygon": polygon, "text": text, "ignore": False})
    return lines


def main():
    out, *packs = sys.argv[1:]
    for pack in map(pathlib.Path, packs):
        target = pathlib.Path(out) / f"{pack.parent.name}-{pack.name}"
        target.mkdir(parents=True, exist_ok=True)
        if not (target / "images").exists():
            os.symlink((pack / "images").resolve(), target / "images")
        count = 0
        with open(target / "gt.jsonl", "w", encoding="utf-8") as f:
            for text in (pack / "gt.jsonl").read_text(encoding="utf-8").splitlines():
                row = json.loads(text)
                gray = cv2.imread(str(pack / "images" / row["file_name"]), cv2.IMREAD_GRAYSCALE)
                row["lines"] = lines_of(row, gray)
                row["scene"] = False
                count += len(row["lines"])
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"{target}: {count} lines")


if __name__ == "__main__":
    main()
