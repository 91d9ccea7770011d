"""Trains dbnet_lite on packs of annotated pictures (gt.jsonl + images/), real ones and those glyphic-synth renders.

    python train_det.py --out RUN --packs ic15/train:word:2 sroie/train:line:1 'synth_pages*:both:2' \\
        --val ic15/val:word sroie/val:line

A pack is named with what it outlines and with its weight in the mix; patterns are looked up again once a minute. `touch RUN/finish` starts the final
fall of the learning rate. A killed run goes on from RUN/last.pt with the same command.
"""

import argparse
import glob
import hashlib
import json
import pathlib
import time

import cv2
import numpy as np
import pyclipper
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset

from nets import DbNetLite, Ema, learning_rate, load_state, save_safetensors, widened

MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255
SHRINK = 0.4
# Weight of the pixels between texts that nearly touch: few, and what keeps neighbours apart.
GAP = 4
cv2.setNumThreads(1)


def outlines(annotations):
    boxes = []
    for a in annotations:
        points = np.array(a["polygon"], np.float32).reshape(-1, 2)
        if len(points) >= 3:
            boxes.append((points, bool(a["ignore"])))
    return boxes


def read_pack(path, level="word"):
    """Rows of (picture, [outlines of words, of lines]); None where the pack knows no such outlines.

    An annotation of a page is of the pack's `level`; a row of glyphic-synth has words under "annotations" and "lines".
    """
    rows = []
    for line in (pathlib.Path(path) / "gt.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        boxes = outlines(row["annotations"])
        known = [boxes, None] if level == "word" else [None, boxes]
        if "lines" in row:
            known = [boxes, outlines(row["lines"])]
        name = str(pathlib.Path(path) / "images" / row["file_name"])
        rows.append((name, known, row.get("scene", level == "word")))
    return rows


def half(rows, which=None):
    """The rows of half "a" or "b" by a hash of the picture's name; all without one."""
    side = lambda row: "ab"[hashlib.md5(pathlib.Path(row[0]).name.encode()).digest()[0] & 1]
    return [r for r in rows if which is None or side(r) == which]


def offset(points, distance):
    """Clipper's round-joined offset; a list of integer polygons."""
    clipper = pyclipper.PyclipperOffset()
    clipper.AddPath(points.round().astype(int).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.array(p, np.int32) for p in clipper.Execute(distance)]


def segment_distance(points, x0, y0, x1, y1):
    """Distance of each pixel of the box to the closed outline."""
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    best = np.full(xs.shape, 1e9, np.float32)
    for a, b in zip(points, np.roll(points, -1, 0)):
        d = b - a
        t = ((xs - a[0]) * d[0] + (ys - a[1]) * d[1]) / max(float(d @ d), 1e-6)
        t = t.clip(0, 1)
        best = np.minimum(best, np.hypot(xs - a[0] - t * d[0], ys - a[1] - t * d[1]))
    return best


def targets(boxes, size):
    wide, high = size
    shrink, mask = np.zeros((high, wide), np.uint8), np.ones((high, wide), np.uint8)
    near_texts = np.zeros((high, wide), np.uint8)
    thr, thr_mask = np.full((high, wide), 0.3, np.float32), np.zeros((high, wide), np.uint8)
    for points, ignore in boxes:
        area = abs(cv2.contourArea(points))
        length = cv2.arcLength(points, True)
        if ignore or area < 12 or min(cv2.minAreaRect(points)[1]) < 4:
            cv2.fillPoly(mask, [points.round().astype(np.int32)], 0)
            continue
        distance = area * (1 - SHRINK**2) / length
        kernels = offset(points, -distance)
        if not kernels:
            cv2.fillPoly(mask, [points.round().astype(np.int32)], 0)
            continue
        cv2.fillPoly(shrink, kernels[:1], 1)
        grown = offset(points, distance)
        if not grown:
            continue
        cv2.fillPoly(thr_mask, grown[:1], 1)
        x0, y0 = grown[0].min(0).clip(0, size)
        x1, y1 = (grown[0].max(0) + 1).clip(0, size)
        own = np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), np.uint8)
        if own.size:
            cv2.fillPoly(own, [grown[0] - [x0, y0]], 1)
            near_texts[y0:y1, x0:x1] += own
        if x1 > x0 and y1 > y0:
            near = (1 - segment_distance(points, x0, y0, x1, y1) / distance).clip(0, 1)
            thr[y0:y1, x0:x1] = np.maximum(thr[y0:y1, x0:x1], near * 0.4 + 0.3)
    mask[(near_texts >= 2) & (shrink == 0) & (mask == 1)] = GAP
    return shrink, mask, thr, thr_mask


def scanned(x, rng):
    """RGB as a copier, a camera or a screen shows it: an uneven lamp, ink that bleeds, dust, JPEG."""
    h, w = x.shape[:2]
    if rng.random() < 0.15:
        slope = rng.uniform(-0.35, 0.35, 2)
        ramp = 1 + slope[0] * (np.arange(w) / w - 0.5) + slope[1] * (np.arange(h)[:, None] / h - 0.5)
        x = x * ramp[:, :, None].astype(np.float32)
    if rng.random() < 0.06:
        kernel = np.ones((2, 2), np.uint8)
        x = (cv2.erode if rng.random() < 0.6 else cv2.dilate)(x, kernel)
    if rng.random() < 0.08:
        specks = rng.random((h, w)) < rng.uniform(0.0005, 0.006)
        x = np.where(specks[:, :, None], np.float32(255 * rng.random()), x)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))]
        x = cv2.imdecode(cv2.imencode(".jpg", x.clip(0, 255).astype(np.uint8), quality)[1], cv2.IMREAD_COLOR)
    return x.astype(np.float32)


def text_height(points):
    """The shorter side of an outline."""
    return min(cv2.minAreaRect(points)[1])


def sample(row, size, rng):
    path, known, scene = row
    line = int(known[0] is None or known[1] is not None and rng.random() < (0.15 if scene else 0.85))
    boxes = known[line]
    image = cv2.imread(path)
    if image is None:
        raise OSError(f"cannot read {path}")
    h, w = image.shape[:2]
    cared = [b for b, ignore in boxes if not ignore] or [np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)]
    focus = cared[rng.integers(len(cared))]
    if rng.random() < 0.6:
        s = np.exp(rng.uniform(np.log(640), np.log(1900))) / max(h, w)
    else:
        # The text looked at gets a height of 5 to 200 pixels, most often of print.
        u = rng.random()
        low, high = (6, 14) if u < 0.4 else (14, 45) if u < 0.75 else (45, 200) if u < 0.93 else (4.5, 7)
        high = min(high, 0.7 * min(size))
        s = np.exp(rng.uniform(np.log(low), np.log(high))) / max(text_height(focus), 2)
    # What is enlarged much is blur, and a page of dust is no text.
    s = float(np.clip(s, 320 / max(h, w), 5.0))
    aspect = np.exp(rng.uniform(-0.25, 0.25)) if rng.random() < 0.5 else 1.0
    sx, sy = s * aspect**0.5, s / aspect**0.5
    u = rng.random()
    angle = np.deg2rad(rng.normal(0, 1.0) if u < 0.6 else rng.uniform(-20, 20) if u < 0.94 else rng.uniform(-45, 45))
    c, n = np.cos(angle), np.sin(angle)
    linear = np.array([[c * sx, -n * sy], [n * sx, c * sy]])
    cared = [b for b, ignore in boxes if not ignore] or [np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)]
    # The window is put so that a text chosen at random lies in it, and inside the picture where that is possible.
    focus = focus.mean(0)
    place = rng.uniform(0.1, 0.9, 2) * size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ linear.T
    low, high = corners.min(0), corners.max(0)
    origin = linear @ focus - place
    for k in range(2):
        if high[k] - low[k] > size[k]:
            origin[k] = np.clip(origin[k], low[k], high[k] - size[k])
    matrix = np.concatenate([linear, -origin[:, None]], 1)
    if max(s, sx, sy) < 0.6:
        image = cv2.resize(image, None, fx=sx, fy=sy, interpolation=cv2.INTER_AREA)
        matrix_image = matrix @ np.diag([w / image.shape[1], h / image.shape[0], 1])
    else:
        matrix_image = matrix
    fill = rng.integers(0, 256, 3).tolist()
    out = cv2.warpAffine(image, matrix_image, size, flags=cv2.INTER_LINEAR, borderValue=fill)
    kept = []
    window = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    for points, ignore in boxes:
        p = (points @ linear.T + matrix[:, 2]).astype(np.float32)
        if p[:, 0].max() <= 0 or p[:, 1].max() <= 0 or (p.min(0) >= size).any():
            continue
        if (p < 0).any() or (p > size).any():
            hull = cv2.convexHull(p)
            whole = cv2.contourArea(hull)
            inside, cut = cv2.intersectConvexConvex(hull, window)
            if cut is None or len(cut) < 3:
                continue
            ignore = ignore or inside < 0.3 * whole
            p = cut.reshape(-1, 2)
        kept.append((p, ignore))
    x = out[:, :, ::-1].astype(np.float32)
    if rng.random() < 0.7:
        x = x * rng.uniform(0.6, 1.35) + rng.uniform(-40, 40)
        if rng.random() < 0.5:
            x *= rng.uniform(0.8, 1.2, 3).astype(np.float32)
    if rng.random() < (0.08 if scene else 0.2):
        x = 255 - x
    if rng.random() < 0.2:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.2:
        x = x + rng.normal(0, rng.uniform(3, 15), x.shape)
    x = scanned(x, rng)
    x = ((x.clip(0, 255) - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)
    return (np.ascontiguousarray(x), *targets(kept, size), np.float32(line), np.float32(not scene))


class Stream(IterableDataset):
    """Batches, each of one shape: most square, others wide or high with the same number of pixels."""

    def __init__(self, specs, size, batch, seed):
        self.specs = [(s.split(":")[0], s.split(":")[1], float(s.split(":")[2])) for s in specs]
        self.batch, self.seed = batch, seed
        round32 = lambda v: max(32, round(v / 32) * 32)
        self.shapes = [(round32(size * k), round32(size / k)) for k in (1, 1.5, 2, 2 / 3)]

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        packs, groups, looked = {}, [], 0
        while True:
            if time.time() - looked > 60:
                looked, groups = time.time(), []
                for pattern, level, weight in self.specs:
                    rows = []
                    for path in sorted(glob.glob(pattern)):
                        if path not in packs and (pathlib.Path(path) / "gt.jsonl").exists():
                            packs[path] = read_pack(path, level)
                            print(f"{path}: {len(packs[path])} pictures", flush=True)
                        rows += packs.get(path, [])
                    if rows:
                        groups.append((weight, rows))
            p = np.array([g[0] for g in groups])
            shape = self.shapes[rng.choice(len(self.shapes), p=[0.55, 0.15, 0.2, 0.1])]
            batch = []
            for _ in range(self.batch):
                rows = groups[rng.choice(len(groups), p=p / p.sum())][1]
                batch.append(sample(rows[rng.integers(len(rows))], shape, rng))
            yield torch.utils.data.default_collate(batch)


def db_loss(prob_logit, thr_logit, judged, batch):
    _, shrink, mask, thr, thr_mask, _, page = batch
    shrink, mask, thr_mask = shrink.float(), mask.float(), thr_mask.float()
    prob_logit, thr_map = prob_logit[:, 0].float(), thr_logit[:, 0].float().sigmoid()
    bce = F.binary_cross_entropy_with_logits(prob_logit, shrink, reduction="none")
    positive, negative = shrink * mask, (1 - shrink) * mask
    n_pos = int(positive.sum())
    n_neg = min(int((negative > 0).sum()), max(3 * n_pos, 1000))
    hard = (bce * negative).flatten().topk(n_neg).values.sum() if n_neg else 0.0
    loss_prob = ((bce * positive).sum() + hard) / (n_pos + n_neg + 1e-6)
    binary = torch.sigmoid(50 * (prob_logit.sigmoid() - thr_map))
    inter = (binary * shrink * mask).sum()
    loss_db = 1 - 2 * inter / ((binary * mask).sum() + (shrink * mask).sum() + 1e-6)
    loss_thr = ((thr_map - thr).abs() * thr_mask).sum() / (thr_mask.sum() + 1e-6)
    loss_level = F.binary_cross_entropy_with_logits(judged.float(), page)
    return 5 * loss_prob + loss_db + 10 * loss_thr + 0.5 * loss_level


def decode(prob, thr=0.3, keep=0.5, unclip=1.6):
    out = []
    contours, _ = cv2.findContours((prob > thr).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for c in contours[:2000]:
        if len(c) < 4:
            continue
        box = cv2.boxPoints(cv2.minAreaRect(c))
        if min(cv2.minAreaRect(c)[1]) < 2:
            continue
        x0, y0 = np.floor(box.min(0)).astype(int).clip(0)
        x1, y1 = np.ceil(box.max(0)).astype(int) + 1
        m = np.zeros_like(prob[y0:y1, x0:x1], np.uint8)
        if not m.size:
            continue
        cv2.fillPoly(m, [c.reshape(-1, 2) - [x0, y0]], 1)
        score = cv2.mean(prob[y0:y1, x0:x1], m)[0]
        if score < keep:
            continue
        grown = offset(box, abs(cv2.contourArea(box)) * unclip / cv2.arcLength(box, True))
        if len(grown) != 1:
            continue
        rect = cv2.minAreaRect(grown[0])
        if min(rect[1]) > 3:
            out.append((cv2.boxPoints(rect), score))
    return out


def hmean(found, truth):
    """Greedy matching at IoU .5; (hits, predictions, truths) without what lies on ignored truth."""
    cared = [b for b, i in truth if not i]
    ignored = [cv2.convexHull(b) for b, i in truth if i]
    hits = predictions = 0
    used = set()
    for box, _ in found:
        box = cv2.convexHull(box)
        area = cv2.contourArea(box)
        if any(cv2.intersectConvexConvex(box, g)[0] > 0.5 * area for g in ignored):
            continue
        predictions += 1
        for k, g in enumerate(cared):
            if k in used:
                continue
            g = cv2.convexHull(g)
            inter = cv2.intersectConvexConvex(box, g)[0]
            if inter > 0.5 * (area + cv2.contourArea(g) - inter):
                used.add(k)
                hits += 1
                break
    return hits, predictions, len(cared)


def network_input(image, long_side):
    h, w = image.shape[:2]
    s = min(1.0, long_side / max(h, w))
    small = cv2.resize(image, (round(w * s), round(h * s)), interpolation=cv2.INTER_AREA) if s < 1 else image
    sh, sw = small.shape[:2]
    x = np.zeros((3, -(-sh // 32) * 32, -(-sw // 32) * 32), np.float32)
    x[:, :sh, :sw] = ((small[:, :, ::-1] - MEAN) / STD).transpose(2, 0, 1)
    return torch.from_numpy(x)[None], (sw / w, sh / h), (sh, sw)


@torch.no_grad()
def validate(net, rows, long_side, bf16, thr=0.5, unclip=1.8, thresholds=(0.5, 0.6, 0.65, 0.7)):
    net.eval()
    sums = {t: np.zeros(3) for t in thresholds}
    right = 0
    for path, boxes, scene in rows:
        truth = boxes[0] if boxes[1] is None else boxes[1]
        x, (sx, sy), (sh, sw) = network_input(cv2.imread(path), long_side)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            prob, _, judged = net(x.contiguous(memory_format=torch.channels_last))
        right += int((judged.item() > 0) == (not scene))
        found = decode(prob.float().sigmoid()[0, 0, :sh, :sw].numpy(), thr, min(thresholds), unclip)
        found = [(b / [sx, sy], s) for b, s in found]
        for t in thresholds:
            sums[t] += hmean([(b.astype(np.float32), s) for b, s in found if s >= t], truth)
    out = {"level": right / len(rows)}
    for t, (hits, predicted, truths) in sums.items():
        p, r = hits / max(predicted, 1), hits / max(truths, 1)
        out[str(t)] = [round(float(v), 4) for v in (p, r, 2 * p * r / max(p + r, 1e-9))]
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True, type=pathlib.Path)
    p.add_argument("--packs", nargs="+", required=True)
    p.add_argument("--val", nargs="+", required=True)
    p.add_argument("--val-side", type=int, default=1280)
    p.add_argument("--steps", type=int, default=20000)
    p.add_argument("--decay", type=int, default=2000, help="steps of the final fall of the rate")
    p.add_argument("--warmup", type=int, default=200)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--every", type=int, default=500)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, help="the rate falls after so many minutes of CPU time")
    p.add_argument("--fine", type=int, default=1, help="residual blocks at a quarter of the size")
    p.add_argument("--neck", type=int, default=12, help="channels that each level gives to the head")
    p.add_argument("--init", help="weights to begin from, safetensors or ONNX")
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--workers", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    net = DbNetLite(a.fine, a.neck).to(memory_format=torch.channels_last)
    if a.init:
        state = load_state(a.init)
        net.load_state_dict(widened(net, state), strict=False)
    decays = [q for q in net.parameters() if q.ndim > 1]
    rest = [q for q in net.parameters() if q.ndim <= 1]
    groups = [{"params": decays, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=a.lr)
    ema = Ema(net, 0.998)
    step, finish, minutes = 0, None, 0.0
    last = a.out / "last.pt"
    if last.exists():
        c = torch.load(last, weights_only=False)
        net.load_state_dict(c["net"])
        optimizer.load_state_dict(c["optimizer"])
        ema.state, ema.steps = c["ema"], c["step"]
        step, finish, minutes = c["step"], c["finish"], c["minutes"]
        print(f"goes on from step {step}")
    loader = DataLoader(
        Stream(a.packs, a.size, a.batch, a.seed * 7919 + step), None, num_workers=a.workers, prefetch_factor=3
    )
    vals = {v.split(":")[0]: half(read_pack(*v.split(":")[:2]), *v.split(":")[2:]) for v in a.val}
    log = open(a.out / "log.jsonl", "a")
    began, mean_loss, mark = time.time() - minutes * 60, None, time.time()
    shadow = DbNetLite(a.fine, a.neck).to(memory_format=torch.channels_last)
    batches = iter(loader)
    while step < a.steps:
        late = a.minutes is not None and time.process_time() > a.minutes * 60
        if finish is None and (late or (a.out / "finish").exists() or step >= a.steps - a.decay):
            finish = step
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, a.out / "plateau.pt")
            a.steps = step + a.decay
            print(f"the rate falls from step {step} to {a.steps}", flush=True)
        for g in optimizer.param_groups:
            g["lr"] = learning_rate(step, a.lr, a.warmup, finish, a.decay)
        batch = next(batches)
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            found = net(batch[0].contiguous(memory_format=torch.channels_last), batch[5])
        loss = db_loss(*found, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        if torch.isfinite(loss) and torch.isfinite(norm):
            optimizer.step()
            ema.update(net)
            mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        else:
            print(f"step {step}: loss {loss.item()}, gradient {norm.item()}: left out", flush=True)
        step += 1
        if step % 50 == 0:
            rate = 50 * a.batch / (time.time() - mark)
            mark = time.time()
            print(f"{step} loss {mean_loss:.4f} lr {g['lr']:.2e} {rate:.1f} pictures/s", flush=True)
        if step % a.every == 0 or step == a.steps:
            shadow.load_state_dict(ema.state)
            scores = {k: validate(shadow, v, a.val_side, a.bf16) for k, v in vals.items()}
            minutes = (time.time() - began) / 60
            row = {"step": step, "samples": step * a.batch, "minutes": minutes, "loss": mean_loss, "val": scores}
            log.write(json.dumps(row) + "\n")
            log.flush()
            print(json.dumps(row), flush=True)
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state, "finish": finish}
            torch.save({**state, "step": step, "minutes": minutes}, a.out / "partial.pt")
            (a.out / "partial.pt").rename(last)
            save_safetensors(ema.state, a.out / "ema.safetensors", metadata={"samples": str(step * a.batch)})
            mark = time.time()


if __name__ == "__main__":
    main()
