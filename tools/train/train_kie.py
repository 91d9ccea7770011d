"""Trains SDMGR without the picture on packs of pages whose boxes have classes; weights with MMOCR's names.

    python train_kie.py --out RUN --pack PACK[:WEIGHT] ... --val PACK ... --steps 3000
    python train_kie.py --out RUN --forms --pack FUNSD ... --val FUNSD ...

`glyphic train` with `[model.sdmgr]` trains the same network. This one takes besides: boxes whose class is unknown (no `entity`;
they cost nothing), texts in one case, other digits, smoothed labels, dropout, several packs with weights, and links
(`--forms`: forms.py says what is a box and which belong together).
"""

import argparse
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

import forms

CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/\\.$£€¥:-,*#()%@!'&=><+\"?|[]^"
CLASS_OF_CHAR = {c: i + 1 for i, c in enumerate(CHARS)}
WILDRECEIPT = ["Ignore"] + [
    f"{name}_{kind}"
    for name in ("Store_name", "Store_addr", "Tel", "Date", "Time", "Prod_item", "Prod_quantity", "Prod_price",
                 "Subtotal", "Tax", "Tips", "Total")
    for kind in ("value", "key")
] + ["Others"]
max_chars = 256

# SROIE's fields as WildReceipt's classes. Its other texts are of any class but these (NOT_THESE).
SROIE = {"company": "Store_name_value", "address": "Store_addr_value", "date": "Date_value", "total": "Total_value"}
UNKNOWN, NOT_THESE = -100, -2
THESE = ["Store_name_value", "Store_addr_value", "Date_value"]


class Page:
    """Boxes [n, 4], texts, classes (UNKNOWN, NOT_THESE); of forms links [n, n]: 1, 0, -1 where they cost nothing."""

    links = None

    def __init__(self, record, classes):
        self.width, self.height = record["width"], record["height"]
        self.boxes, self.texts, self.targets = [], [], []
        for a in record["annotations"]:
            xs, ys = a["polygon"][0::2], a["polygon"][1::2]
            self.boxes.append([min(xs), min(ys), max(xs), max(ys)])
            self.texts.append(a["text"])
            label = a.get("entity", a.get("label"))
            if "company" not in classes:
                label = SROIE.get(label, label)
            unknown = NOT_THESE if label == "other" and "other" not in classes else UNKNOWN
            self.targets.append(classes.get(label, unknown))
        self.boxes = np.array(self.boxes, dtype=np.float64).reshape(-1, 4)
        if "key" in record and "company" not in classes:
            self.doubt_totals(classes["Total_value"])

    def doubt_totals(self, total):
        """SROIE marks every text that says the total's amount: those without TOTAL on their row are of unknown class."""
        for i, target in enumerate(self.targets):
            if target != total:
                continue
            y0, y1 = self.boxes[i, 1], self.boxes[i, 3]
            shared = np.minimum(self.boxes[:, 3], y1) - np.maximum(self.boxes[:, 1], y0)
            row = " ".join(self.texts[k] for k in np.flatnonzero(shared > 0.5 * (y1 - y0))).upper()
            if "TOTAL" not in row or "SUB" in row:
                self.targets[i] = UNKNOWN


def read_pack(path, classes):
    pages = [Page(json.loads(line), classes) for line in open(pathlib.Path(path) / "gt.jsonl")]
    return [page for page in pages if page.texts]


class Form(Page):
    """A view of a form, by forms.py."""

    def __init__(self, view, classes):
        self.width, self.height, self.boxes, self.texts, labels, self.links = view
        self.targets = [classes.get(label, UNKNOWN) for label in labels]


def relations(boxes, width, height):
    """[n, n, 5], as crates/glyphic-extract/src/kie has them."""
    boxes = np.trunc(boxes)
    scale = min(1024 / max(width, height), 512 / min(width, height))
    sx = max(int(width * scale + 0.5), 1) / width
    sy = max(int(height * scale + 0.5), 1) / height
    w = np.maximum(boxes[:, 2] - boxes[:, 0] + 1, 1)
    h = np.maximum(boxes[:, 3] - boxes[:, 1] + 1, 1)
    n = len(boxes)
    out = np.empty((n, n, 5), dtype=np.float32)
    out[..., 0] = (boxes[None, :, 0] - boxes[:, None, 0]) / 10 * sx
    out[..., 1] = (boxes[None, :, 1] - boxes[:, None, 1]) / 10 * sy
    out[..., 2] = (w / h)[:, None] * sx / sy
    out[..., 3] = h[None] / h[:, None]
    out[..., 4] = w[None] / h[:, None] * sx / sy
    return out


def encode(text):
    return [CLASS_OF_CHAR[c] for c in text if c in CLASS_OF_CHAR][:max_chars]


def augmented(page, args, rng):
    """Boxes, texts, classes and links, changed."""
    n = len(page.texts)
    keep = list(range(n))
    if n > args.most:
        order = np.argsort(page.boxes[:, 1], kind="stable")
        start = rng.randrange(n - args.most + 1)
        keep = sorted(order[start : start + args.most].tolist())
    keep = [i for i in keep if rng.random() >= args.drop] or keep
    boxes = page.boxes[keep].copy()
    texts = [page.texts[i] for i in keep]
    targets = [page.targets[i] for i in keep]
    factor = [1 + args.stretch * rng.uniform(-1, 1) for _ in range(2)]
    heights = (boxes[:, 3] - boxes[:, 1])[:, None]
    boxes[:, 0::2] *= factor[0]
    boxes[:, 1::2] *= factor[1]
    shift = np.array([[rng.uniform(-1, 1) for _ in range(2)] for _ in keep]) * args.jitter * heights
    boxes += np.concatenate([shift, shift], 1)
    if args.shear:
        slope = args.shear * rng.uniform(-1, 1)
        middle = (boxes[:, 0] + boxes[:, 2]) / 2
        boxes[:, 1::2] += (middle * slope)[:, None]
    case = rng.random()
    pool = "".join(texts) or "0"
    for i, text in enumerate(texts):
        if rng.random() < args.garble:
            # Handwriting, or nothing that can be read.
            texts[i] = "".join(rng.choice(pool) for _ in range(rng.randrange(len(text) + 1)))
            continue
        if case < args.case / 2:
            text = text.upper()
        elif case < args.case:
            text = text.lower()
        out = []
        for c in text:
            r = rng.random()
            if c.isdigit() and r < args.digits:
                c = str(rng.randrange(10))
            elif r > 1 - args.misread:
                c = "" if r > 1 - args.misread / 2 else rng.choice(pool)
            out.append(c)
        texts[i] = "".join(out)
    links = None if page.links is None else page.links[np.ix_(keep, keep)]
    return boxes, texts, targets, links


class Gnn(nn.Module):
    def __init__(self, node, edge):
        super().__init__()
        self.in_fc = nn.Linear(2 * node + edge, node)
        self.coef_fc = nn.Linear(node, 1)
        self.out_fc = nn.Linear(node, node)

    def forward(self, nodes, relation, length, embed):
        """As crates/glyphic-extract/src/kie/sdmgr/model.rs: an edge is the embedded relation, of length 1."""
        n, node = nodes.shape
        w = self.in_fc.weight
        rows = F.linear(nodes, w[:, :node], self.in_fc.bias)
        columns = F.linear(nodes, w[:, node : 2 * node])
        of_edges = w[:, 2 * node :]
        edges = F.linear(relation, of_edges @ embed.weight, of_edges @ embed.bias) / length
        pairs = F.relu(edges + rows[:, None] + columns[None])
        scores = self.coef_fc(pairs)[..., 0] - 1e9 * torch.eye(n)
        attention = scores.softmax(1)
        residual = (attention[:, None] @ pairs)[:, 0]
        return nodes + F.relu(self.out_fc(residual)), pairs


class Head(nn.Module):
    linked = False

    def __init__(self, classes, node, edge, layers):
        super().__init__()
        self.node_embed = nn.Embedding(len(CHARS) + 1, 32, padding_idx=0)
        self.rnn = nn.LSTM(32, node, 1, batch_first=True)
        self.edge_embed = nn.Linear(5, edge)
        nn.init.normal_(self.edge_embed.weight, std=0.01)
        nn.init.zeros_(self.edge_embed.bias)
        self.gnn_layers = nn.ModuleList([Gnn(node, edge) for _ in range(layers)])
        self.node_cls = nn.Linear(node, classes)
        self.edge_cls = nn.Linear(node, 2)

    def forward(self, pages, dropout=0.0):
        """Pages of (boxes' relations, texts as classes) -> scores [all boxes, classes], and of links [n, n, 2] a page."""
        texts = [text for _, page in pages for text in page]
        # Texts of about one length are read together: packed sequences are slow to learn from on a processor.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for chunk in np.array_split(order, min(6, len(order))):
            length = max(len(texts[chunk[-1]]), 1)
            chars = torch.tensor([texts[i] + [0] * (length - len(texts[i])) for i in chunk])
            read, _ = self.rnn(self.node_embed(chars))
            ends = torch.tensor([max(len(texts[i]), 1) - 1 for i in chunk])
            parts.append(read[torch.arange(len(chunk)), ends])
        nodes = torch.cat(parts)[torch.tensor(np.argsort(order))]
        nodes = nodes * torch.tensor([[float(bool(text))] for text in texts])
        nodes = F.dropout(nodes, dropout, self.training)
        out, links, start = [], [], 0
        for relation, page in pages:
            own = nodes[start : start + len(page)]
            start += len(page)
            relation = torch.from_numpy(relation)
            length = self.edge_embed(relation).norm(dim=-1, keepdim=True).clamp_min(1e-12)
            for layer in self.gnn_layers:
                own, pairs = layer(own, relation, length, self.edge_embed)
            out.append(F.dropout(own, dropout, self.training))
            links.append(self.edge_cls(pairs) if self.linked else None)
        return self.node_cls(torch.cat(out)), links


def link_loss(scores, links, gamma, rank):
    """Focal loss of links, and how many there are, of [n, n, 2] and [n, n]; with `rank` each box's links beside its other pairs."""
    target = torch.from_numpy(links)
    known, linked = target >= 0, target == 1
    log = scores.log_softmax(-1)[known].gather(1, target[known][:, None])[:, 0]
    loss = (-((1 - log.exp()) ** gamma) * log).sum()
    if rank and linked.any():
        odds = scores[..., 1] - scores[..., 0]
        odds = (odds + odds.T) / 2
        rows = linked.any(1)
        best = lambda of: odds.masked_fill(~of, -1e4)[rows].logsumexp(1)
        loss = loss + rank * (best(known) - best(linked)).sum()
    return loss, int(linked.sum())


def macro_f1(found, truth, counted):
    scores = []
    for c in counted:
        tp = ((found == c) & (truth == c)).sum()
        total = (found == c).sum() + (truth == c).sum()
        scores.append(2 * tp / total if total else 0.0)
    return float(np.mean(scores))


@torch.no_grad()
def validate(net, packs, counted):
    net.eval()
    result = {}
    for name, pages in packs.items():
        found, truth, pairs = [], [], []
        for page in pages:
            scores, links = net([(relations(page.boxes, page.width, page.height), [encode(t) for t in page.texts])])
            found.append(scores.argmax(1).numpy())
            truth.append(np.array(page.targets))
            if page.links is not None:
                together = links[0].softmax(-1)[..., 1]
                pairs.append((page, found[-1], ((together + together.T) / 2).numpy()))
        found, truth = np.concatenate(found), np.concatenate(truth)
        known = truth >= 0
        result[name] = macro_f1(found[known], truth[known], counted)
        result[name + "/acc"] = float((found[known] == truth[known]).mean())
        if pairs:
            result[name + "/micro"] = forms.micro_f1(found[known], truth[known], counted)
            result[name + "/links"], result[name + "/threshold"] = forms.link_f1(pairs)
    net.train()
    return result


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--pack", nargs="+", required=True)
    p.add_argument("--val", nargs="+", default=[])
    p.add_argument("--forms", action="store_true", help="packs are of forms with entities and links; their classes")
    p.add_argument("--views", default="entities,lines", help="what is a box of a form in training; the first in validation")
    p.add_argument("--link-weight", type=float, default=1.0)
    p.add_argument("--gamma", type=float, default=1.0)
    p.add_argument("--receipts", nargs="*", default=[], help="PACK:WEIGHT of WildReceipt, its keys and values as links of forms")
    p.add_argument("--rank", type=float, default=0.0)
    p.add_argument("--garble", type=float, default=0.0, help="texts that are replaced")
    p.add_argument("--classes", default=None, help="comma-separated; WildReceipt's where absent")
    p.add_argument("--uncounted", default=None)
    p.add_argument("--init")
    p.add_argument("--steps", type=int, default=3000)
    p.add_argument("--minutes", type=float, default=1e9, help="the rate falls by the clock where steps are too slow")
    p.add_argument("--most", type=int, default=80, help="boxes of a page in training; of more a window of rows")
    p.add_argument("--max-chars", type=int, default=256, help="characters of a text that count")
    p.add_argument("--rare", type=int, default=4, help="how often a page of a class with fewer than 50 boxes comes")
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--node", type=int, default=128)
    p.add_argument("--edge", type=int, default=64)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--decay", type=float, default=0.01)
    p.add_argument("--ema", type=float, default=0.99)
    p.add_argument("--every", type=int, default=250)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--smooth", type=float, default=0.05)
    p.add_argument("--dropout", type=float, default=0.2)
    p.add_argument("--stretch", type=float, default=0.1)
    p.add_argument("--jitter", type=float, default=0.1)
    p.add_argument("--drop", type=float, default=0.1)
    p.add_argument("--misread", type=float, default=0.03)
    p.add_argument("--digits", type=float, default=0.3)
    p.add_argument("--case", type=float, default=0.4)
    p.add_argument("--shear", type=float, default=0.02)
    args = p.parse_args()
    global max_chars
    max_chars = args.max_chars
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    names = args.classes.split(",") if args.classes else forms.CLASSES if args.forms else WILDRECEIPT
    args.uncounted = "other" if args.forms else args.uncounted
    classes = {name: i for i, name in enumerate(names)}
    if args.uncounted:
        counted = [i for i, name in enumerate(names) if name not in args.uncounted.split(",")]
    else:
        counted = [i for i, name in enumerate(names) if name.endswith("_value")]
    packs = [(*pack.rsplit(":", 1), ) if pack.rsplit(":", 1)[-1].replace(".", "").isdigit() else (pack, "1") for pack in args.pack]
    if args.forms:
        views = args.views.split(",")
        read = lambda path, view: [Form(own, classes) for own in forms.read(path, view)]
        data = [(read(path, view), float(weight)) for path, weight in packs for view in views]
        for path, weight in (pack.rsplit(":", 1) for pack in args.receipts):
            data.append(([Form(own, classes) for own in forms.receipts(path)], float(weight)))
        val = {f"{pathlib.Path(path).name}/{view}": read(path, view) for path in args.val for view in views}
    else:
        data = [(read_pack(path, classes), float(weight)) for path, weight in packs]
        val = {pathlib.Path(path).name: read_pack(path, classes) for path in args.val}
    Head.linked = args.forms
    net = Head(len(names), args.node, args.edge, args.layers)
    if args.init:
        state = {k.removeprefix("bbox_head."): v.float() for k, v in load_file(args.init).items()}
        own = net.state_dict()
        # The classes of other documents begin anew.
        fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape and not (args.forms and "cls" in k)}
        net.load_state_dict(own | fits)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    average = {k: v.detach().clone() for k, v in net.state_dict().items()}
    adam = torch.optim.AdamW(net.parameters(), args.lr, weight_decay=args.decay, betas=(0.9, 0.99))
    queues = [[] for _ in data]
    count = np.bincount([t for pages, _ in data for page in pages for t in page.targets if t >= 0], minlength=len(names))
    rare = {i for i in counted if count[i] < 50}
    begun, cpu, best = time.time(), time.process_time(), 0.0
    log = open(out / "log.txt", "w")
    total = 0.0
    for step in range(1, args.steps + 1):
        done = min(max(step / args.steps, (time.time() - begun) / (60 * args.minutes)), 1.0)
        rate = args.lr * min(step / 50, 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in adam.param_groups:
            group["lr"] = rate
        batch, targets, truths = [], [], []
        while len(batch) < args.batch:
            k = rng.choices(range(len(data)), [weight for _, weight in data])[0]
            if not queues[k]:
                # Pages of the rarest classes come more often.
                often = [i for i, page in enumerate(data[k][0]) for _ in range(args.rare if rare & set(page.targets) else 1)]
                queues[k] = rng.sample(often, len(often))
            page = data[k][0][queues[k].pop()]
            boxes, texts, own, links = augmented(page, args, rng)
            truths.append(links)
            batch.append((relations(boxes, page.width, page.height), [encode(t) for t in texts]))
            targets += own
        (scores, links), targets = net(batch, args.dropout), torch.tensor(targets)
        known, others = targets >= 0, targets == NOT_THESE
        loss = F.cross_entropy(scores[known], targets[known], label_smoothing=args.smooth, reduction="sum")
        if others.any():
            rest = [i for i, name in enumerate(names) if name not in THESE]
            loss = loss + (scores[others].logsumexp(1) - scores[others][:, rest].logsumexp(1)).sum()
        loss = loss / (known | others).sum()
        if args.forms:
            costs = [link_loss(found, truth, args.gamma, args.rank) for found, truth in zip(links, truths)]
            loss = loss + args.link_weight * sum(cost for cost, _ in costs) / max(sum(count for _, count in costs), 1)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        adam.step()
        total += loss.item()
        keep = min(args.ema, step / (step + 10))
        for k, v in net.state_dict().items():
            average[k].mul_(keep).add_(v, alpha=1 - keep)
        if step % args.every == 0 or done == 1.0:
            own = {k: v.clone() for k, v in net.state_dict().items()}
            net.load_state_dict(average)
            result = validate(net, val, counted)
            net.load_state_dict(own)
            line = f"step {step} loss {total / args.every:.3f} " + " ".join(f"{k} {v:.4f}" for k, v in result.items())
            line += f" {time.time() - begun:.0f}s cpu {time.process_time() - cpu:.0f}s"
            print(line, file=log, flush=True)
            total = 0.0
            state = {"bbox_head." + k: v.contiguous() for k, v in average.items()}
            save_file(state, out / "last.safetensors")
            first = next(iter(result.values()), 0.0)
            if first > best:
                best = first
                save_file(state, out / "best.safetensors")
        if done == 1.0:
            break


if __name__ == "__main__":
    main()
