"""Trains crnn_lite on shards of 32-pixel-high crops (see pack_real.py and glyphic-synth's `render` example).

    python train_rec.py --out RUN --shards synth0.bin:3 real.bin:1 --val sroie.bin iiit5k.bin --steps 40000

A shard's number is its weight in the mix. Shards named by a pattern (`synth*.bin`) are looked up again once a minute, so
that more can be rendered while the run goes on. `touch RUN/finish` starts the final fall of the learning rate early.
A killed run goes on from RUN/last.pt with the same command.
"""

import argparse
import glob
import json
import mmap
import pathlib
import re
import struct
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from nets import CrnnLite, Ema, learning_rate, load_state, save_safetensors
from vocabulary import LATIN, looks_like

CLASS = {c: i + 1 for i, c in enumerate(LATIN)}
PAIRS = [(CLASS[c.lower()], CLASS[c]) for c in LATIN if c.isupper() and len(c.lower()) == 1 and c.lower() in CLASS]
LOWER = torch.tensor([p[0] for p in PAIRS])
UPPER = torch.tensor([p[1] for p in PAIRS])
FOLD_CASE, FOLD_SPACE = 1, 2


class Shard:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self.records, self.skipped = [], 0
        at, size = 0, len(self.map)
        while at + 12 <= size:
            width, height, length = struct.unpack_from("<III", self.map, at)
            text_at, pixels = at + 12, at + 12 + length
            end = pixels + width * height * 3
            if end > size:
                break
            text = self.map[text_at:pixels].decode()
            flag = {"\x01": FOLD_CASE, "\x02": FOLD_SPACE}.get(text[:1], 0)
            text = text[1:] if flag else text
            if flag == FOLD_CASE:
                text = "".join(c.upper() if len(c.upper()) == 1 else c for c in text)
            label = [CLASS.get(c, -1) for c in text]
            steps_needed = len(label) + sum(a == b for a, b in zip(label, label[1:]))
            if label and -1 not in label and steps_needed <= width // 4 and 8 <= width <= 1600:
                self.records.append((pixels, width, label, flag))
            else:
                self.skipped += 1
            at = end

    def pixels(self, record):
        at, width = record[0], record[1]
        return np.frombuffer(self.map, np.uint8, width * 96, at).reshape(32, width, 3)


class Mix:
    """Draws from patterns of shards by weight, in batches of similar width and about equal cost."""

    def __init__(self, specs, batch_pixels, seed):
        self.specs = [(s.rsplit(":", 1)[0], float(s.rsplit(":", 1)[1])) for s in specs]
        self.shards, self.rng, self.batch_pixels = {}, np.random.default_rng(seed), batch_pixels
        self.looked = 0.0

    def look(self):
        if time.time() - self.looked < 60 and self.shards:
            return
        self.looked = time.time()
        for pattern, _ in self.specs:
            for path in sorted(glob.glob(pattern)):
                if path not in self.shards:
                    self.shards[path] = Shard(path)
                    s = self.shards[path]
                    print(f"{path}: {len(s.records)} crops, {s.skipped} left out", flush=True)
        self.groups = []
        for pattern, weight in self.specs:
            paths = [p for p in sorted(glob.glob(pattern)) if p in self.shards]
            if paths:
                counts = np.array([len(self.shards[p].records) for p in paths])
                self.groups.append((weight, paths, counts / counts.sum()))

    def draw(self):
        weights = np.array([g[0] for g in self.groups])
        _, paths, p = self.groups[self.rng.choice(len(self.groups), p=weights / weights.sum())]
        shard = self.shards[paths[self.rng.choice(len(paths), p=p)]]
        return shard, shard.records[self.rng.integers(len(shard.records))]

    def batches(self):
        while True:
            self.look()
            pool = sorted((self.draw() for _ in range(2048)), key=lambda d: d[1][1])
            out, batch = [], []
            for item in pool:
                if batch and (len(batch) + 1) * (item[1][1] + 24) > self.batch_pixels:
                    out.append(batch)
                    batch = []
                batch.append(item)
            for i in self.rng.permutation(len(out)):
                yield out[i]


def warped(image, rng):
    """A sign seen from aside: shear, a turn and corners that move by parts of the height; colours of another lamp."""
    h, w = image.shape[:2]
    if rng.random() < 0.45:
        shear = rng.uniform(-0.3, 0.3) * h
        turn = rng.uniform(-0.09, 0.09) * min(w, 4 * h)
        corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        moved = corners + rng.uniform(-0.08, 0.08, (4, 2)) * h
        moved += [[shear / 2, -turn / 2], [shear / 2, turn / 2], [-shear / 2, turn / 2], [-shear / 2, -turn / 2]]
        moved -= moved.min(0)
        size = np.ceil(moved.max(0)).astype(int)
        matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
        image = cv2.warpPerspective(image, matrix, size.tolist(), borderMode=cv2.BORDER_REPLICATE)
        scale = h / image.shape[0]
        image = cv2.resize(image, (max(8, round(image.shape[1] * scale)), h), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.15:
        image = image[:, :, rng.permutation(3)]
    if rng.random() < 0.2:
        gains = rng.uniform(0.7, 1.3, 3).astype(np.float32)
        image = (255 * (image / 255.0) ** rng.uniform(0.6, 1.6) * gains).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 60))]
        image = cv2.imdecode(cv2.imencode(".jpg", np.ascontiguousarray(image), quality)[1], cv2.IMREAD_COLOR)
    return image


def collate(batch, rng=None, plain=0.0):
    """u8 crops -> [N, 3, 32, W] with the reader's normalisation; `rng` augments them but for a share of `plain`."""
    arrays = []
    dice = rng
    for shard, r in batch:
        rng = None if dice is None or dice.random() < plain else dice
        s = 1.0 if rng is None else rng.uniform(0.85, 1.2)
        image = shard.pixels(r) if rng is None else warped(shard.pixels(r), rng)
        a = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
        if rng is not None and rng.random() < 0.5:
            # A detector's outline is not the truth's: up to 5 pixels more or 2 less on each side.
            sides = [int(round(v)) for v in rng.uniform(-2.4, 5.4, 4) * (rng.random(4) < 0.6)]
            left, right, top, bottom = [max(v, 0) for v in sides]
            a = F.pad(a[None], (left, right, top, bottom), mode="replicate")[0]
            cut = [max(-v, 0) for v in sides]
            a = a[:, cut[2] : a.shape[1] - cut[3], cut[0] : a.shape[2] - cut[1]]
            a = F.interpolate(a[None], (32, a.shape[2]), mode="bilinear", antialias=True)[0]
        if rng is not None:
            need = 4 * (len(r[2]) + sum(x == y for x, y in zip(r[2], r[2][1:])))
            w = max(need, 8, round(a.shape[2] * s))
            h = 32 if rng.random() < 0.6 else int(rng.integers(11, 33))
            if h != 32 or w != a.shape[2]:
                # A lower height first is the blur of a small print.
                if h != 32:
                    a = F.interpolate(a[None], (h, max(4, round(w * h / 32))), mode="bilinear", antialias=True)[0]
                a = F.interpolate(a[None], (32, w), mode="bilinear", antialias=False)[0]
            if rng.random() < 0.5:
                # Signs in the dark and in glaring light keep a tenth of the contrast of paper.
                contrast = np.exp(rng.uniform(np.log(0.12), np.log(1.2)))
                a = a * contrast + rng.uniform(-1, 1) * max(0.25, 0.8 - contrast)
            if rng.random() < 0.05:
                a = -a
            if rng.random() < 0.08:
                # A camera that moved.
                length = int(rng.integers(2, 6))
                a = F.avg_pool2d(F.pad(a[None], (length - 1, 0, 0, 0), mode="replicate"), (1, length), 1)[0]
            if rng.random() < 0.3:
                a = a + torch.randn(a.shape) * rng.uniform(0.02, 0.15)
            if rng.random() < 0.15:
                a = a.mean(0, keepdim=True).expand(3, -1, -1)
            if rng.random() < 0.3:
                dy = int(rng.integers(-2, 3))
                a = torch.roll(a, dy, 1)
                if dy > 0:
                    a[:, :dy] = a[:, dy : dy + 1]
                elif dy < 0:
                    a[:, dy:] = a[:, dy - 1 : dy]
        arrays.append(a.clamp(-1, 1))
    widths = [a.shape[2] for a in arrays]
    padded = -(-(max(widths) + 8) // 32) * 32
    x = torch.zeros(len(batch), 3, 32, padded)
    for i, a in enumerate(arrays):
        x[i, :, :, : a.shape[2]] = a
    return x, widths


def ctc(logits, batch, widths):
    lp = logits.float().log_softmax(-1)
    flags = torch.tensor([r[3] for _, r in batch])
    fold = flags == FOLD_CASE
    if fold.any():
        # A label without case is explained by either case.
        rows = lp[fold]
        merged = torch.logaddexp(rows[..., LOWER], rows[..., UPPER])
        lp = lp.index_put((fold.nonzero()[:, 0],), rows.index_copy(2, UPPER, merged))
    spaceless = flags == FOLD_SPACE
    if spaceless.any():
        # Where the label has lost its spaces, a space read is as good as a blank.
        rows = lp[spaceless]
        merged = torch.logaddexp(rows[..., 0], rows[..., CLASS[" "]])[..., None]
        lp = lp.index_put((spaceless.nonzero()[:, 0],), torch.cat([merged, rows[..., 1:]], -1))
    targets = torch.tensor([c for _, r in batch for c in r[2]])
    lengths = torch.tensor([len(r[2]) for _, r in batch])
    steps = torch.full((len(batch),), logits.shape[1])
    losses = F.ctc_loss(lp.transpose(0, 1), targets, steps, lengths, reduction="none", zero_infinity=True)
    # Divided by the root of the length: neither long lines nor short words rule the gradient.
    return (losses / lengths.float().sqrt()).mean() / 2


def decode(logits, widths):
    texts = []
    for ids, w in zip(logits.argmax(-1).tolist(), widths):
        ids = ids[: -(-w // 4) + 1]
        texts.append("".join(LATIN[i - 1] for k, i in enumerate(ids) if i and (k == 0 or ids[k - 1] != i)))
    return texts


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def widened(state, net):
    """Classes that the weights do not have yet begin as those that look like them, and less likely."""
    for name, wanted in net.state_dict().items():
        have = state.get(name)
        if have is None or have.shape == wanted.shape or have.shape[1:] != wanted.shape[1:] or len(wanted) != len(LATIN) + 1:
            continue
        rows = [have]
        for c in LATIN[len(have) - 1 :]:
            like = CLASS.get(looks_like(c), len(have))
            row = have[like : like + 1] if like < len(have) else have.mean(0, keepdim=True)
            rows.append(row - 3 if have.ndim == 1 else row)
        state[name] = torch.cat(rows)
        print(f"{name}: {len(have)} classes widened to {len(state[name])}")
    return state


@torch.no_grad()
def validate(net, shard, bf16):
    net.eval()
    order = sorted(shard.records, key=lambda r: r[1])
    right = words = hit = errors = chars = strict = 0
    for i in range(0, len(order), 32):
        batch = [(shard, r) for r in order[i : i + 32]]
        x, widths = collate(batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = net(x.contiguous(memory_format=torch.channels_last))
        for text, (_, r) in zip(decode(logits, widths), batch):
            truth = "".join(LATIN[c - 1] for c in r[2])
            strict += text == truth
            squash = lambda s: re.sub("[^a-z0-9]", "", s.lower())
            right += squash(text) == squash(truth)
            got, want = text.lower().split(), truth.lower().split()
            words += len(got) + len(want)
            hit += 2 * sum(min(got.count(w), want.count(w)) for w in set(want))
            errors += edit_distance(text.lower(), truth.lower())
            chars += len(truth)
    n = len(order)
    return {"exact": strict / n, "acc_ics": right / n, "word_f1": hit / max(words, 1), "cer": errors / max(chars, 1)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True, type=pathlib.Path)
    p.add_argument("--shards", nargs="+", required=True)
    p.add_argument("--val", nargs="+", required=True)
    p.add_argument("--steps", type=int, default=40000)
    p.add_argument("--decay", type=int, default=4000, help="steps of the final fall of the rate")
    p.add_argument("--plain", type=float, default=0.0, help="share of crops taken as they are while the rate falls")
    p.add_argument("--warmup", type=int, default=500)
    p.add_argument("--lr", type=float, default=1.5e-3)
    p.add_argument("--batch-pixels", type=int, default=12800, help="sum of the padded widths of a batch")
    p.add_argument("--every", type=int, default=1000, help="steps between validations")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, help="the rate falls after so many minutes of CPU time")
    p.add_argument("--sequence", choices=["none", "bilstm", "attention"], default="none")
    p.add_argument("--init", help="weights to begin from, safetensors or ONNX")
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    net = CrnnLite(len(LATIN) + 1, a.sequence).to(memory_format=torch.channels_last)
    if a.init:
        net.load_state_dict(widened(load_state(a.init), net), strict=False)
    decays = [q for q in net.parameters() if q.ndim > 1]
    rest = [q for q in net.parameters() if q.ndim <= 1]
    groups = [{"params": decays, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=a.lr, betas=(0.9, 0.99))
    ema = Ema(net, 0.999)
    step, samples, finish, minutes = 0, 0, None, 0.0
    last = a.out / "last.pt"
    if last.exists():
        c = torch.load(last, weights_only=False)
        net.load_state_dict(c["net"])
        optimizer.load_state_dict(c["optimizer"])
        ema.state, ema.steps = c["ema"], c["step"]
        step, samples, finish, minutes = c["step"], c["samples"], c["finish"], c["minutes"]
        print(f"goes on from step {step}")
    mix = Mix(a.shards, a.batch_pixels, a.seed + step)
    rng = np.random.default_rng(a.seed * 7919 + step)
    vals = {v: Shard(v) for v in a.val}
    log = open(a.out / "log.jsonl", "a")
    began, mean_loss, mark = time.time() - minutes * 60, None, (time.time(), samples)
    batches = mix.batches()
    best = CrnnLite(len(LATIN) + 1, a.sequence).to(memory_format=torch.channels_last)
    while step < a.steps:
        late = a.minutes is not None and time.process_time() > a.minutes * 60
        if finish is None and (late or (a.out / "finish").exists() or step >= a.steps - a.decay):
            finish = step
            a.steps = step + a.decay
            print(f"the rate falls from step {step} to {a.steps}", flush=True)
        for g in optimizer.param_groups:
            g["lr"] = learning_rate(step, a.lr, a.warmup, finish, a.decay)
        batch = next(batches)
        x, widths = collate(batch, rng, a.plain if finish is not None else 0.0)
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            logits = net(x.contiguous(memory_format=torch.channels_last))
        loss = ctc(logits, batch, widths)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        if torch.isfinite(loss) and torch.isfinite(norm):
            optimizer.step()
            ema.update(net)
            mean_loss = loss.item() if mean_loss is None else 0.99 * mean_loss + 0.01 * loss.item()
        else:
            print(f"step {step}: loss {loss.item()}, gradient {norm.item()}: left out", flush=True)
        step += 1
        samples += len(batch)
        if step % 100 == 0:
            t, s = mark
            rate = (samples - s) / (time.time() - t)
            mark = (time.time(), samples)
            print(f"{step} loss {mean_loss:.4f} lr {g['lr']:.2e} {rate:.0f} crops/s", flush=True)
        if step % a.every == 0 or step == a.steps:
            best.load_state_dict(ema.state)
            scores = {pathlib.Path(k).stem: validate(best, v, a.bf16) for k, v in vals.items()}
            minutes = (time.time() - began) / 60
            row = {"step": step, "samples": samples, "minutes": minutes, "loss": mean_loss, "val": scores}
            log.write(json.dumps(row) + "\n")
            log.flush()
            print(json.dumps(row), flush=True)
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.state, "finish": finish}
            torch.save({**state, "step": step, "samples": samples, "minutes": minutes}, a.out / "partial.pt")
            (a.out / "partial.pt").rename(last)
            save_safetensors(ema.state, a.out / "ema.safetensors", metadata={"samples": str(samples)})


if __name__ == "__main__":
    main()
