"""Times this engine beside ONNX Runtime on the same ONNX files: one thread, in turns, CPU time.

    cargo build --release -p glyphic-onnx --example onnx_speed
    python crates/glyphic-bench/peers/networks.py target/release/examples/onnx_speed [--rounds 15] [--only NAME] [--dir DIR]

Files that are missing in DIR are exported first: `crnn_lite` and `dbnet_lite` from tools/train/nets.py, DBNet with
ResNet-18, CRNN and a transformer encoder from the definitions below, all with random weights, which do not matter for
time. RapidOCR's files come from the installed package. Each round runs every engine for the same short while; a
figure is the median over the rounds of the round's median run, and a ratio the median of the rounds' ratios.
`--exported DIR` times the networks that the example `export_networks` of glyphic-bench has written there: every detector,
every recognizer's encoder, and BERT. `--threads 2` times the wall clock of both engines instead, for the gain of a second thread.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]

# name -> input shape
SHAPES = {
    "crnn_lite": (1, 3, 32, 320),
    "crnn_lite_16": (16, 3, 32, 320),
    "dbnet_lite": (1, 3, 640, 640),
    "dbnet_r18": (1, 3, 640, 640),
    "crnn": (1, 1, 32, 320),
    "encoder": (1, 128, 512),
    "ppocr_det": (1, 3, 640, 640),
    "ppocr_rec": (1, 3, 48, 320),
}


def definitions():
    """name -> module, for those that are exported here."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    sys.path.insert(0, str(ROOT / "tools/train"))
    import nets

    def random(net):
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.0)
                nn.init.uniform_(module.running_mean, -0.1, 0.1)
        return net.eval()

    class Probability(nn.Module):
        """dbnet_lite as it is used: words, the probability map alone."""

        def __init__(self):
            super().__init__()
            self.net = nets.DbNetLite()

        def forward(self, x):
            features = self.net.backbone(x)
            x = self.net.neck(features, lambda _, x: x)
            return torch.sigmoid(self.net.bbox_head.binarize(x))

    class ResBlock(nn.Module):
        def __init__(self, cin, cout, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
            self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
            down = stride != 1 or cin != cout
            self.down = nets.ConvBn(cin, cout, 1, stride, act=False) if down else nn.Identity()

        def forward(self, x):
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.down(x))

    class DbNetR18(nn.Module):
        """MMOCR's dbnet_r18_fpnc_1200e_icdar2015 in inference."""

        def __init__(self):
            super().__init__()
            self.stem = nets.ConvBn(3, 64, 7, 2, 3)
            widths = [64, 64, 128, 256, 512]
            self.layers = nn.ModuleList(
                nn.Sequential(ResBlock(a, b, 1 if i == 0 else 2), ResBlock(b, b, 1))
                for i, (a, b) in enumerate(zip(widths, widths[1:]))
            )
            self.neck = nets.Fpnc(widths[1:], 256, 64)
            self.head = nets.DbHead(256)

        def forward(self, x):
            x = F.max_pool2d(self.stem(x), 3, 2, 1)
            features = []
            for layer in self.layers:
                x = layer(x)
                features.append(x)
            return torch.sigmoid(self.head.binarize(self.neck(features, lambda _, x: x)))

    class Crnn(nn.Module):
        """MMOCR's crnn_academic_dataset: VGG and two bidirectional LSTMs."""

        def __init__(self):
            super().__init__()
            widths, kernels = [1, 64, 128, 256, 256, 512, 512, 512], [3, 3, 3, 3, 3, 3, 2]
            pools = {0: ((2, 2), (2, 2), 0), 1: ((2, 2), (2, 2), 0), 3: ((2, 2), (2, 1), (0, 1)), 5: ((2, 2), (2, 1), (0, 1))}
            layers = []
            for i, k in enumerate(kernels):
                layers.append(nn.Conv2d(widths[i], widths[i + 1], k, 1, 0 if k == 2 else 1))
                if i in (2, 4, 6):
                    layers.append(nn.BatchNorm2d(widths[i + 1]))
                layers.append(nn.ReLU())
                if i in pools:
                    layers.append(nn.MaxPool2d(*pools[i]))
            self.cnn = nn.Sequential(*layers)
            self.rnn1, self.emb1 = nn.LSTM(512, 256, bidirectional=True), nn.Linear(512, 256)
            self.rnn2, self.emb2 = nn.LSTM(256, 256, bidirectional=True), nn.Linear(512, 37)

        def forward(self, x):
            x = self.cnn(x).squeeze(2).permute(2, 0, 1)
            return self.emb2(self.rnn2(self.emb1(self.rnn1(x)[0]))[0])

    class EncoderLayer(nn.Module):
        def __init__(self, c, heads, inner):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
            self.q, self.k, self.v, self.proj = (nn.Linear(c, c) for _ in range(4))
            self.fc1, self.fc2 = nn.Linear(c, inner), nn.Linear(inner, c)

        def forward(self, x):
            n, t, c = x.shape
            y = self.norm1(x)
            q, k, v = (f(y).view(n, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
            weights = torch.softmax(q @ k.transpose(2, 3) / (c // self.heads) ** 0.5, -1)
            x = x + self.proj((weights @ v).transpose(1, 2).reshape(n, t, c))
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    return {
        "crnn_lite": lambda: random(nets.CrnnLite(CLASSES, SEQUENCE)),
        "dbnet_lite": lambda: random(Probability()),
        "dbnet_r18": lambda: random(DbNetR18()),
        "crnn": lambda: random(Crnn()),
        "encoder": lambda: nn.Sequential(*(EncoderLayer(512, 8, 2048) for _ in range(6))).eval(),
    }


# The default model's.
CLASSES, SEQUENCE = 200, "bilstm"


def file_of(name, directory, exported=None):
    if exported:
        return exported / f"{name}.onnx"
    if name.startswith("ppocr"):
        spec = importlib.util.find_spec("rapidocr")
        if spec is None:
            return None
        return pathlib.Path(spec.origin).parent / "models" / f"PP-OCRv6_{name.removeprefix('ppocr_')}_small.onnx"
    stem = name.removesuffix("_16")
    path = directory / f"{stem}.onnx"
    if not path.exists():
        import torch

        torch.manual_seed(0)
        net = definitions()[stem]()
        axes = {0: "N", 1: "T"} if stem == "encoder" else {0: "N", 2: "H", 3: "W"}
        if stem.startswith("crnn"):
            axes.pop(2)
        example = torch.rand(SHAPES[stem])
        torch.onnx.export(net, (example,), path, opset_version=17, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes={"x": axes})
    return path


def ort_worker(path, shape, threads):
    """Runs in a process of its own: a line "SECONDS" on stdin is answered by [CPU ms, wall ms] of the median run."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    # Below 1: of a sentence's characters all are the first of the dictionary.
    x = numpy.random.default_rng(0).random(shape, dtype=numpy.float32)
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        runs = []
        while not runs or time.perf_counter() < end:
            cpu, wall = time.process_time(), time.perf_counter()
            session.run(None, {name: x})
            runs.append((time.process_time() - cpu, time.perf_counter() - wall))
        print(json.dumps([1e3 * statistics.median(r[i] for r in runs) for i in (0, 1)]), flush=True)


class Worker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("engine")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--seconds", type=float, default=0.4, help="of an engine in a round")
    p.add_argument("--only", action="append")
    p.add_argument("--exported", type=pathlib.Path, help="folder of the example export_networks")
    p.add_argument("--dir", type=pathlib.Path, default=ROOT / "target/networks")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    shapes = json.loads((a.exported / "shapes.json").read_text()) if a.exported else SHAPES
    unknown = set(a.only or ()) - set(shapes)
    if unknown:
        p.error(f"unknown networks {sorted(unknown)}; expected some of {', '.join(shapes)}")
    a.dir.mkdir(parents=True, exist_ok=True)
    print(f"{'network':<14} {'input':<14} {'ours ms':>8} {'ort ms':>8} {'ratio':>6}", "(wall)" if a.threads > 1 else "(CPU)")
    for name in a.only or shapes:
        path = file_of(name, a.dir, a.exported)
        if path is None:
            print(f"{name}: rapidocr is not installed", file=sys.stderr)
            continue
        shape = "x".join(map(str, shapes[name]))
        run = [str(path), shape, str(a.threads)]
        workers = [Worker(command) for command in ([a.engine, *run], [sys.executable, __file__, "ort", *run])]
        for w in workers:
            w.run(0.2)
        which = 1 if a.threads > 1 else 0
        rounds = [[w.run(a.seconds)[which] for w in workers] for _ in range(a.rounds)]
        for w in workers:
            w.end()
        ours, ort = (statistics.median(r[i] for r in rounds) for i in (0, 1))
        ratio = statistics.median(o / t for o, t in rounds)
        print(f"{name:<14} {shape:<14} {ours:>8.2f} {ort:>8.2f} {ratio:>6.3f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ort"]:
        ort_worker(sys.argv[2], tuple(map(int, sys.argv[3].split("x"))), int(sys.argv[4]))
    else:
        main()
