"""Exact-match F1 of SROIE's four fields as `glyphic extract` finds them.

    python eval_fields.py GLYPHIC sroie/val [--ocr read.json] [--model NAME|FILE --weights FILE]

From true texts, or from what `glyphic read --format json` gave of the pack's pictures (`--ocr`). A company or an address matches
where letters and digits are the same, a date or a total where its value is.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
FIELDS = ("company", "address", "date", "total")


def day(text):
    """YYYY-MM-DD of a true date; the day is first."""
    if match := re.fullmatch(r"(20\d\d)(\d\d)(\d\d)", text):
        return "-".join(match.groups())
    first, month, year = re.split(r"[-/. ]+", text.strip())
    month = MONTHS.index(month[:3].lower()) + 1 if month.isalpha() else int(month)
    return f"{int(year) % 100 + 2000}-{month:02}-{int(first):02}"


def amount(text):
    return float(re.sub(r"[^\d.]", "", text))


def plain(text):
    return "".join(c for c in text.casefold() if c.isalnum())


def right(name, field, truth):
    if name == "date":
        return field.get("date") == day(truth)
    if name == "total":
        number = field.get("amount", {}).get("number")
        return number is not None and float(number) == amount(truth)
    return plain(field["text"]) == plain(truth)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("glyphic")
    p.add_argument("pack", type=pathlib.Path)
    p.add_argument("--ocr")
    p.add_argument("--model")
    p.add_argument("--weights")
    args = p.parse_args()
    records = [json.loads(line) for line in open(args.pack / "gt.jsonl")]
    options = [f"--{name}={value}" for name in ("model", "weights") if (value := getattr(args, name))]
    with tempfile.TemporaryDirectory() as folder:
        ocr = pathlib.Path(args.ocr or f"{folder}/true.json")
        if not args.ocr:
            pages = []
            for r in records:
                texts = [{"polygon": a["polygon"], "score": 1.0, "text": a["text"], "text_score": 1.0} for a in r["annotations"]]
                pages.append({k: r[k] for k in ("file_name", "width", "height")} | {"instances": texts})
            ocr.write_text(json.dumps(pages))
        out = subprocess.run([args.glyphic, "extract", "--ocr", ocr, *options], capture_output=True, text=True, check=True)
    found = {page["file_name"]: page["fields"] for page in map(json.loads, out.stdout.splitlines())}
    scores = []
    for name in FIELDS:
        tp = given = true = 0
        for r in records:
            field, truth = found[r["file_name"]].get(name), r["key"].get(name)
            given += field is not None
            true += bool(truth)
            tp += bool(field and truth) and right(name, field, truth)
        scores.append((tp, given, true))
    f1 = lambda tp, given, true: 2 * tp / max(given + true, 1)
    print(f"all {f1(*map(sum, zip(*scores))):.3f} " + " ".join(f"{n} {f1(*s):.3f}" for n, s in zip(FIELDS, scores)))


if __name__ == "__main__":
    main()
