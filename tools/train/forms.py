"""Forms of FUNSD's kind: what is a box, and which belong together.

    glyphic read funsd/train/images/*.png --format json --out funsd-train.json

gives the boxes of the view `read=funsd-{}.json`: the reader's lines with the classes of the true words that they cover.
"""

import json
import pathlib

import numpy as np

CLASSES = ["other", "question", "answer", "header"]
# A line of an entity is divided at gaps wider than this, in heights of a word, as the reader does it.
WIDE_GAP = 1.5


def bounds(words):
    xs = [x for word in words for x in word["polygon"][0::2]]
    ys = [y for word in words for y in word["polygon"][1::2]]
    return [min(xs), min(ys), max(xs), max(ys)]


def lines(words):
    """An entity's words as lines that have no wide gap."""
    pieces = []
    for word in words:
        x0, y0, x1, y1 = bounds([word])
        if pieces:
            a = bounds(pieces[-1][-1:])
            shared = min(a[3], y1) - max(a[1], y0)
            height = min(a[3] - a[1], y1 - y0)
            if shared > 0.4 * height and -height < x0 - a[2] < WIDE_GAP * max(a[3] - a[1], y1 - y0):
                pieces[-1].append(word)
                continue
        pieces.append([word])
    return pieces


def distance(a, b):
    """Between two boxes."""
    dx = max(a[0] - b[2], b[0] - a[2], 0)
    dy = max(a[1] - b[3], b[1] - a[3], 0)
    return float(np.hypot(dx, dy))


def pairs_of(record):
    """Questions with their answers, as ids of entities."""
    label = {e["id"]: e["label"] for e in record["entities"]}
    linked = {tuple(link) for e in record["entities"] for link in e["linking"]}
    return sorted((a, b) for a, b in linked if label.get(a) == "question" and label.get(b) == "answer")


def true_pieces(record, unit):
    """(box, text, entity) of a form's true words."""
    words = {}
    for word in record["annotations"]:
        words.setdefault(word["entity"], []).append(word)
    for entity in record["entities"]:
        own = words.get(entity["id"], [])
        for piece in lines(own) if unit == "lines" else [own] if own else []:
            yield bounds(piece), " ".join(word["text"] for word in piece), entity["id"]


def split_at_colons(line, instances):
    """The words of a reader's line, divided behind a word that ends in a colon, as glyphic does it for forms."""
    pieces = [[]]
    for word in [instances[i] for i in line["instances"]]:
        pieces[-1].append(word)
        if word["text"].endswith(":"):
            pieces.append([])
    return [piece for piece in pieces if piece]


def read_pieces(record, page):
    """(box, text, entity) of what the reader gave of a form; the entity of most of the true words covered, None for none."""
    truth = [(bounds([word]), word["entity"]) for word in record["annotations"]]
    for line in page["lines"]:
        for piece in split_at_colons(line, page["instances"]):
            covered = {}
            for word in piece:
                x0, y0, x1, y1 = bounds([word])
                for (a, b, c, d), entity in truth:
                    w, h = min(x1, c) - max(x0, a), min(y1, d) - max(y0, b)
                    if w > 0 and h > 0 and w * h > 0.4 * min((x1 - x0) * (y1 - y0), (c - a) * (d - b)):
                        covered[entity] = covered.get(entity, 0) + w
            yield bounds(piece), " ".join(word["text"] for word in piece), max(covered, key=covered.get, default=None)


def view(record, pieces):
    """Width, height, boxes [n, 4], texts, labels and links [n, n] of a form.

    Links: 1 between a question and its answer, and between the lines of an entity that follow each other. Of a question and an
    answer of several lines those are linked that are nearest. Others of the same entities cost nothing (-1).
    """
    label = {e["id"]: e["label"] for e in record["entities"]}
    boxes, texts, labels, of = [], [], [], {}
    for box, text, entity in pieces:
        if entity is not None:
            of.setdefault(entity, []).append(len(boxes))
        boxes.append(box)
        texts.append(text)
        labels.append(label.get(entity))
    links = np.zeros((len(boxes), len(boxes)), dtype=np.int64)
    for own in of.values():
        links[np.ix_(own, own)] = -1
        for a, b in zip(own, own[1:]):
            links[a, b] = links[b, a] = 1
    for question, answer in pairs_of(record):
        a, b = of.get(question, []), of.get(answer, [])
        if a and b:
            links[np.ix_(a, b)] = links[np.ix_(b, a)] = -1
            i, j = min(((i, j) for i in a for j in b), key=lambda pair: distance(boxes[pair[0]], boxes[pair[1]]))
            links[i, j] = links[j, i] = 1
    np.fill_diagonal(links, -1)
    return record["width"], record["height"], np.array(boxes, dtype=np.float64).reshape(-1, 4), texts, labels, links


def read(path, unit):
    """The forms of a pack. `unit` says what is a box: `entities`, `lines` of entities, or `read=FILE` of the
    reader's JSON, `{}` in it for the name of the pack's folder."""
    records = [json.loads(line) for line in open(pathlib.Path(path) / "gt.jsonl")]
    pages = {}
    if unit.startswith("read="):
        pages = {page["file_name"]: page for page in json.load(open(unit.removeprefix("read=").format(pathlib.Path(path).name)))}
        pieces = lambda record: read_pieces(record, pages[record["file_name"]])
    else:
        pieces = lambda record: true_pieces(record, unit)
    views = (view(record, pieces(record)) for record in records if not pages or record["file_name"] in pages)
    return [own for own in views if own[3]]


def receipts(path):
    """WildReceipt's keys and values as questions and answers; all other boxes are of unknown class."""
    pages = []
    for record in map(json.loads, open(pathlib.Path(path) / "gt.jsonl")):
        own = record["annotations"]
        boxes = np.array([bounds([a]) for a in own], dtype=np.float64).reshape(-1, 4)
        links = np.zeros((len(own), len(own)), dtype=np.int64)
        labels = [None] * len(own)
        for j, value in enumerate(own):
            name = value["entity"].removesuffix("_value")
            if name == value["entity"] or name.startswith("Prod_"):
                continue
            keys = [i for i, key in enumerate(own) if key["entity"] == name + "_key"]
            if keys:
                i = min(keys, key=lambda i: distance(boxes[i], boxes[j]))
                labels[i], labels[j] = "question", "answer"
                links[i, j] = links[j, i] = 1
        np.fill_diagonal(links, -1)
        if own:
            pages.append((record["width"], record["height"], boxes, [a["text"] for a in own], labels, links))
    return pages


def micro_f1(found, truth, counted):
    tp = sum(int(((found == c) & (truth == c)).sum()) for c in counted)
    total = sum(int((found == c).sum() + (truth == c).sum()) for c in counted)
    return 2 * tp / total if total else 0.0


def link_f1(pages):
    """The best F1 of links between questions and answers over thresholds, and its threshold; of (page, classes, scores).

    A link is right where it joins a question and an answer that are linked; classes are the network's.
    """
    question, answer = CLASSES.index("question"), CLASSES.index("answer")
    hits, truths = [], 0
    for page, found, scores in pages:
        targets = np.array(page.targets)
        joined = (targets[:, None] == question) & (targets[None] == answer) & (page.links == 1)
        truths += int(joined.sum())
        kinds = (found[:, None] == question) & (found[None] == answer)
        # What costs nothing, as another line of the same answer, is neither right nor wrong.
        counted = kinds & ~((page.links == -1) & (targets[:, None] != targets[None]))
        hits += list(zip(scores[counted].tolist(), joined[counted].tolist()))
    hits.sort(reverse=True)
    best, tp = (0.0, 1.0), 0
    for k, (score, right) in enumerate(hits, 1):
        tp += right
        best = max(best, (2 * tp / (k + truths), score))
    return best


def joined_pairs(labels, scores, threshold):
    """Questions with their answers as lists of boxes, as crates/glyphic-extract/src/kie/fields.rs makes them of links."""
    first = list(range(len(labels)))
    found = np.argwhere(np.triu(scores, 1) > threshold)
    links = sorted(((scores[i, j], i, j) for i, j in found.tolist()), reverse=True)
    for _, i, j in links:
        if labels[i] == labels[j] and labels[i] in ("question", "answer"):
            a, b = sorted((first[i], first[j]))
            first = [a if box == b else box for box in first]
    question_of = {}
    for _, i, j in links:
        for a, b in ((i, j), (j, i)):
            if labels[a] == "question" and labels[b] == "answer":
                question_of.setdefault(first[b], first[a])
    boxes = lambda of: [i for i, box in enumerate(first) if box == of]
    return [(boxes(question), boxes(answer)) for answer, question in question_of.items()]


def plain(text):
    """Letters and digits of a text, without case."""
    return "".join(c for c in text.casefold() if c.isalnum())


def alike(a, b):
    """Whether two texts have an edit similarity of .8 or more."""
    if abs(len(a) - len(b)) > 0.2 * max(len(a), len(b)):
        return False
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1] <= 0.2 * max(len(a), len(b)) + 1e-9


def count_pairs(record, pairs):
    """Right pairs, pairs found, true pairs of a form; `pairs` are texts of questions and answers."""
    texts = {e["id"]: plain(e["text"]) for e in record["entities"]}
    truth = [(texts[a], texts[b]) for a, b in pairs_of(record)]
    truth = [pair for pair in truth if all(pair)]
    pairs = [pair for pair in ((plain(a), plain(b)) for a, b in pairs) if all(pair)]
    left, right = list(pairs), 0
    for question, answer in truth:
        hit = next((k for k, (a, b) in enumerate(left) if alike(question, a) and alike(answer, b)), None)
        if hit is not None:
            left.pop(hit)
            right += 1
    return right, len(pairs), len(truth)


def f1(counts):
    right, found, truth = np.sum(counts, axis=0).tolist() if counts else (0, 0, 0)
    return 2 * right / (found + truth) if found + truth else 0.0


def main():
    """Prints the F1 of the pairs that glyphic found: on every other form from the first (A), on the others (B), on all."""
    import sys

    pack, found = sys.argv[1:]
    text = open(found).read()
    pages = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    pages = {page["file_name"]: page for page in pages}
    records = [json.loads(line) for line in open(pathlib.Path(pack) / "gt.jsonl")]
    counts = []
    for record in sorted(records, key=lambda record: record["file_name"]):
        pairs = pages[record["file_name"]]["pairs"]
        counts.append(count_pairs(record, [(question["text"], answer["text"]) for question, answer in pairs]))
    for name, part in ("A", counts[0::2]), ("B", counts[1::2]), ("all", counts):
        right, number, truth = np.sum(part, axis=0)
        print(f"{name}: F1 {f1(part):.3f}, {right} right of {number} found and {truth} true pairs")


if __name__ == "__main__":
    main()
