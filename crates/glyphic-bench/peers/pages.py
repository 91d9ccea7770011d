"""Reading order, orientation and skew of pages with a text layer's words as truth.

    python -m venv peers && peers/bin/pip install pillow rapidocr onnxruntime
    peers/bin/python crates/glyphic-bench/peers/pages.py order PACK --first 20 --tool target/release/glyphic --tool tesseract
    peers/bin/python crates/glyphic-bench/peers/pages.py turn PACK... --half 1 --tool target/debug/examples/orientation
    peers/bin/python crates/glyphic-bench/peers/pages.py skew PACK --tool target/release/glyphic

PACK is a folder with `images` and `gt.jsonl`, one line an image: `file_name` and `annotations` of `polygon`, `text` and
`ignore` in the order of the text layer. A word is found where what was read holds the middle of its box.

order: Kendall's tau between the order of the words that were found and that of the text layer, mean over the pages, the share
of words that were found, and the F1 of the bag of words ignoring case, over all pages. Where a tool gives lines, its words
follow each other along them.

turn: pages of ten words and more, as they are and turned by 90, 180 and 270 degrees; how many were found to stand as they do,
and the processor's seconds. The tool is the example `orientation` of the crate glyphic. --half takes every other page of a
pack from the first (0) or the second (1) on.

skew: the F1 of the bag of words of the pages turned by 0, 3, 7 and 15 degrees on white.
"""

import argparse
import collections
import json
import pathlib
import resource
import subprocess
import tempfile


def bounds(polygon):
    return min(polygon[0::2]), min(polygon[1::2]), max(polygon[0::2]), max(polygon[1::2])


def truth(pack, first, half):
    """(file, words) of each picture; a word is its text, box, and whether it counts. By name."""
    pages = []
    for line in open(pack / "gt.jsonl", encoding="utf-8"):
        page = json.loads(line)
        words = [(a["text"], bounds(a["polygon"]), not a.get("ignore")) for a in page["annotations"]]
        pages.append((pack / "images" / page["file_name"], words))
    pages.sort(key=lambda page: page[0].name)
    if half is not None:
        pages = pages[half::2]
    return pages[:first]


def glyphic(tool, files):
    """Words in the order of reading: text and box."""
    with tempfile.NamedTemporaryFile("w+", suffix=".txt") as names, tempfile.TemporaryDirectory() as folder:
        names.write("\n".join(str(file) for file in files) + "\n")
        names.flush()
        out = pathlib.Path(folder) / "out.jsonl"
        subprocess.run([tool, "read", "--files-from", names.name, "--format", "jsonl", "--out", out], check=True)
        rows = [json.loads(line) for line in open(out, encoding="utf-8")]
    found = []
    for row in rows:
        words = [(i["text"], bounds(i["polygon"])) for i in row["instances"]]
        found.append([words[i] for line in row["lines"] for i in line["instances"]])
    return found


def tesseract(files):
    found = []
    for file in files:
        table = subprocess.run(["tesseract", file, "-", "--psm", "3", "tsv"], capture_output=True, text=True, check=True)
        words = []
        for row in table.stdout.splitlines()[1:]:
            cells = row.split("\t")
            if len(cells) == 12 and float(cells[10]) >= 0 and cells[11].strip():
                x, y, w, h = (float(v) for v in cells[6:10])
                words.append((cells[11], (x, y, x + w, y + h)))
        found.append(words)
    return found


def rapidocr(files):
    import logging

    logging.disable(logging.WARNING)
    import numpy
    from PIL import Image
    from rapidocr import RapidOCR

    engine = RapidOCR()
    found = []
    for file in files:
        # As an array: of files with a palette it takes the palette's indices for greys.
        page = engine(numpy.asarray(Image.open(file).convert("RGB"))[..., ::-1])
        lines = [] if page.boxes is None else zip(page.boxes, page.txts)
        found.append([(text, bounds([float(v) for point in box for v in point])) for box, text in lines])
    return found


def run(tool, files):
    return {"tesseract": tesseract, "rapidocr": rapidocr}.get(tool, lambda f: glyphic(tool, f))(files)


def ranks(words, read):
    """The place in the order of reading of each word that was found, in the order of the truth; how many count."""
    places, count = [], 0
    for text, (left, top, right, bottom), counts in words:
        if not counts or not text.strip():
            continue
        count += 1
        x, y = (left + right) / 2, (top + bottom) / 2
        holds = [
            ((b[2] - b[0]) * (b[3] - b[1]), i, x) for i, (_, b) in enumerate(read) if b[0] <= x <= b[2] and b[1] <= y <= b[3]
        ]
        if holds:
            _, i, x = min(holds)
            places.append((i, x))
    return places, count


def tau(places):
    """Kendall's: pairs in order less pairs out of order, of all pairs."""
    agree = total = 0
    for k, b in enumerate(places):
        for a in places[:k]:
            agree += (a < b) - (a > b)
            total += 1
    return agree / total if total else None


def bag(words):
    return collections.Counter(w.casefold() for text in words for w in text.split())


def f1(pages, found):
    right = read = due = 0
    for (_, words), got in zip(pages, found):
        ignored = [box for _, box, counts in words if not counts]

        def counts(box):
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            return not any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in ignored)

        a, b = bag(t for t, _, counts in words if counts), bag(t for t, box in got if counts(box))
        right += sum((a & b).values())
        read += sum(b.values())
        due += sum(a.values())
    return 2 * right / max(read + due, 1)


def order(args):
    for tool in args.tool:
        pages = [page for pack in args.pack for page in truth(pack, args.first, args.half)]
        found = run(tool, [file for file, _ in pages])
        taus, seen, due = [], 0, 0
        for (file, words), read in zip(pages, found):
            places, count = ranks(words, read)
            seen, due = seen + len(places), due + count
            value = tau(places)
            if value is not None:
                taus.append(value)
                if args.verbose:
                    print(f"  {value:.3f} {len(places)}/{count} {file.name}")
        print(f"{tool}: tau {sum(taus) / len(taus):.4f}, {seen / due:.1%} of {due} words found, words F1 {f1(pages, found):.4f}")


def turned(file, degrees, folder):
    """The picture turned clockwise."""
    from PIL import Image

    out = pathlib.Path(folder) / f"{file.stem}-{degrees}.png"
    with Image.open(file) as image:
        image = image.convert("RGB")
        if degrees % 90 == 0:
            image.rotate(-degrees, expand=True).save(out)
        else:
            image.rotate(-degrees, expand=True, fillcolor=(255, 255, 255), resample=Image.Resampling.BICUBIC).save(out)
    return out


def turn(args):
    pages = [page for pack in args.pack for page in truth(pack, args.first, args.half)]
    pages = [file for file, words in pages if sum(counts for _, _, counts in words) >= 10]
    with tempfile.TemporaryDirectory() as folder:
        for tool in args.tool:
            for degrees in (0, 90, 180, 270):
                files = [turned(file, degrees, folder) for file in pages]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                out = subprocess.run([tool, *files], capture_output=True, text=True, check=True).stdout
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                rows = [line.split("\t") for line in out.splitlines()]
                wrong = [row for row in rows if int(row[1]) != degrees]
                seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                print(f"{tool}, {degrees}: {len(rows) - len(wrong)} of {len(rows)} right, {seconds:.1f} processor seconds", flush=True)
                for row in wrong:
                    print("  " + "\t".join([pathlib.Path(row[0]).name, *row[1:]]))


def skew(args):
    pages = [page for pack in args.pack for page in truth(pack, args.first, args.half)]
    # The words' places are not turned with the pages: what is ignored counts for none of them.
    pages = [(file, [(t, b, True) for t, b, counts in words if counts]) for file, words in pages]
    with tempfile.TemporaryDirectory() as folder:
        for tool in args.tool:
            for degrees in args.degrees:
                files = [turned(file, degrees, folder) for file, _ in pages]
                print(f"{tool}, {degrees} degrees: words F1 {f1(pages, run(tool, files)):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["order", "turn", "skew"])
    parser.add_argument("pack", nargs="+", type=pathlib.Path)
    parser.add_argument("--tool", action="append", required=True, help="glyphic's program, tesseract or rapidocr; repeatable")
    parser.add_argument("--first", type=int, help="the first pages by name alone")
    parser.add_argument("--half", type=int, choices=[0, 1], help="every other page")
    parser.add_argument("--degrees", type=float, nargs="+", default=[0, 3, 7, 15], help="of skew")
    parser.add_argument("--verbose", action="store_true", help="each page's tau")
    args = parser.parse_args()
    {"order": order, "turn": turn, "skew": skew}[args.what](args)


if __name__ == "__main__":
    main()
