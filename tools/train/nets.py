"""The default networks in PyTorch, with the state-dict names that glyphic loads strictly.

`crnn_lite` is described in crates/glyphic-recognize/src/crnn_lite, `dbnet_lite` in crates/glyphic-detect/src/dbnet.
"""

import json
import struct

import torch
import torch.nn.functional as F
from torch import nn


class ConvBn(nn.Module):
    def __init__(self, cin, cout, kernel, stride=1, padding=0, act=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.act = act

    def forward(self, x):
        x = self.bn(self.conv(x))
        return F.relu(x) if self.act else x


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride=(1, 1)):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        # A fresh block passes its input on.
        nn.init.zeros_(self.bn2.weight)
        changes = cin != cout or tuple(stride) != (1, 1)
        self.down = ConvBn(cin, cout, 1, stride, act=False) if changes else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.down is None else self.down(x)))


class MixBlock(nn.Module):
    """Two 1x5 convolutions along the line with a residual."""

    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, (1, 5), 1, (0, 2), bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, (1, 5), 1, (0, 2), bias=False)
        self.bn2 = nn.BatchNorm2d(c)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class BiLstm(nn.Module):
    """A bidirectional LSTM along the line with a residual; fresh, it passes its input on."""

    def __init__(self, c, hidden):
        super().__init__()
        self.rnn = nn.LSTM(c, hidden, bidirectional=True, batch_first=True)
        self.embedding = nn.Linear(2 * hidden, c)
        nn.init.zeros_(self.embedding.weight)
        nn.init.zeros_(self.embedding.bias)

    def forward(self, x):
        return x + self.embedding(self.rnn(x)[0])


class GlobalMix(nn.Module):
    """SVTR's global mixing block, normalization first; fresh, it passes its input on."""

    def __init__(self, c, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.fc1, self.fc2 = nn.Linear(c, 2 * c), nn.Linear(2 * c, c)
        for last in (self.proj, self.fc2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, c))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class CrnnLite(nn.Module):
    """[N, 3, 32, W] -> logits [N, W/4, classes].

    `sequence` stands between the convolutions and the classifier: none, "bilstm" or "attention".
    """

    def __init__(self, classes, sequence="none"):
        super().__init__()
        self.stem = ConvBn(3, 24, 3, 2, 1)
        self.stages = nn.ModuleList(
            [
                nn.ModuleList([BasicBlock(24, 48, (2, 2))]),
                nn.ModuleList([BasicBlock(48, 96, (2, 1)), BasicBlock(96, 96)]),
                nn.ModuleList([BasicBlock(96, 160, (2, 1)), BasicBlock(160, 160)]),
            ]
        )
        self.squeeze = ConvBn(160, 192, (2, 3), 1, (0, 1))
        self.mix = nn.ModuleList([MixBlock(192), MixBlock(192)])
        layers = {
            "none": lambda: [],
            "bilstm": lambda: [BiLstm(192, 128)],
            "attention": lambda: [GlobalMix(192, 6), GlobalMix(192, 6)],
        }
        self.sequence = nn.ModuleList(layers[sequence]())
        self.classifier = nn.Linear(192, classes)

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            for block in stage:
                x = block(x)
        x = self.squeeze(x)
        for block in self.mix:
            x = block(x)
        x = x.squeeze(2).transpose(1, 2)
        for layer in self.sequence:
            x = layer(x)
        return self.classifier(x)


class Lite(nn.Module):
    def __init__(self, fine=1):
        super().__init__()
        self.stem = nn.ModuleList([ConvBn(3, 16, 3, 2, 1), ConvBn(16, 24, 3, 2, 1)])
        self.fine = nn.ModuleList([BasicBlock(24, 24) for _ in range(fine)])
        self.stages = nn.ModuleList(
            [
                nn.ModuleList([BasicBlock(24, 40, (2, 2))]),
                nn.ModuleList([BasicBlock(40, 80, (2, 2)), BasicBlock(80, 80)]),
                nn.ModuleList([BasicBlock(80, 128, (2, 2))]),
            ]
        )

    def forward(self, x):
        for layer in self.stem:
            x = layer(x)
        for block in self.fine:
            x = block(x)
        features = [x]
        for stage in self.stages:
            for block in stage:
                x = block(x)
            features.append(x)
        return features


class Conv(nn.Module):
    def __init__(self, cin, cout, kernel):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, 1, kernel // 2, bias=False)

    def forward(self, x):
        return self.conv(x)


class Level(nn.Module):
    """Whether a picture's texts are its words or its lines: judged by the mean of the coarsest features, or given."""

    def __init__(self, coarsest, laterals, channels):
        super().__init__()
        self.judge = nn.Linear(coarsest, 1)
        self.scale = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(laterals)])
        self.shift = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(laterals)])

    def forward(self, coarsest):
        """Logits, above 0 for lines."""
        return self.judge(coarsest.float().mean((2, 3)))[:, 0]

    def lean(self, i, x, line):
        """Lateral `i` with its channels scaled and shifted where `line` is 1."""
        gain, offset = 1 + line[:, None] * self.scale[i], line[:, None] * self.shift[i]
        return x * gain[:, :, None, None].to(x.dtype) + offset[:, :, None, None].to(x.dtype)


class Fpnc(nn.Module):
    def __init__(self, channels, lateral, out):
        super().__init__()
        self.lateral_convs = nn.ModuleList([Conv(c, lateral, 1) for c in channels])
        self.smooth_convs = nn.ModuleList([Conv(lateral, out, 3) for _ in channels])

    def forward(self, features, lean):
        laterals = [lean(i, conv(f)) for i, (conv, f) in enumerate(zip(self.lateral_convs, features))]
        for i in range(len(laterals) - 1, 0, -1):
            laterals[i - 1] = laterals[i - 1] + F.interpolate(laterals[i], scale_factor=2)
        outs = [conv(x) for conv, x in zip(self.smooth_convs, laterals)]
        outs = [outs[0]] + [F.interpolate(o, scale_factor=2**i) for i, o in enumerate(outs) if i]
        return torch.cat(outs, 1)


class DbHead(nn.Module):
    def __init__(self, cin):
        super().__init__()
        self.binarize = self.branch(cin)
        self.threshold = self.branch(cin)

    @staticmethod
    def branch(cin):
        c = cin // 4
        return nn.Sequential(
            nn.Conv2d(cin, c, 3, 1, 1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            nn.ConvTranspose2d(c, c, 2, 2),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            nn.ConvTranspose2d(c, 1, 2, 2),
        )

    def forward(self, x):
        return self.binarize(x), self.threshold(x)


class DbNetLite(nn.Module):
    """[N, 3, H, W] -> logits of the probability and threshold maps, [N, 1, H, W] each, and of the level, [N].

    `line` (0 words, 1 lines, for each picture) overrules the judgement of the level.
    """

    def __init__(self, fine=1, out=12):
        super().__init__()
        self.backbone = Lite(fine)
        self.neck = Fpnc([24, 40, 80, 128], 48, out)
        self.level = Level(128, 4, 48)
        self.bbox_head = DbHead(4 * out)

    def forward(self, x, line=None):
        features = self.backbone(x)
        judged = self.level(features[-1])
        line = (judged > 0).float() if line is None else line
        x = self.neck(features, lambda i, x: self.level.lean(i, x, line))
        return (*self.bbox_head(x), judged)


def widened(net, state):
    """`state` of a network with a narrower neck, as one that computes the same in `net`'s shapes: channels that are new
    are fresh and nothing listens to them yet."""
    own, out = net.state_dict(), {}
    for name, value in state.items():
        target = own.get(name)
        if target is None or target.shape == value.shape:
            out[name] = value
            continue
        grown = target.clone()
        if value.ndim == 4:
            # Inputs stand second, but first in a transposed convolution; the head's come from four levels.
            axis = 0 if ".3." in name or ".6." in name else 1
            levels = 4 if name.endswith(".0.weight") else 1
            narrow, wide = value.shape[axis] // levels, target.shape[axis] // levels
            inputs = [l * wide + k for l in range(levels) for k in range(narrow)]
            outputs = value.shape[1 - axis]
            order = (lambda t: t.transpose(0, 1)) if axis == 0 else (lambda t: t)
            order(grown)[:outputs] = 0
            kept = torch.zeros_like(order(grown)[:outputs])
            kept[:, inputs] = order(value)
            order(grown)[:outputs] = kept
        else:
            grown[: value.shape[0]] = value
        out[name] = grown
    return out


def load_state(path):
    """The weights in a safetensors file or in an ONNX file of `glyphic export`, in single precision by state-dict names."""
    if str(path).endswith(".onnx"):
        import onnx
        from onnx.numpy_helper import to_array

        tensors = {t.name: torch.from_numpy(to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    else:
        from safetensors.torch import load_file

        tensors = load_file(path)
    return {name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()}


def save_safetensors(state, path, half=True, metadata=None):
    """Writes floats (f16 or f32) under their state-dict names, without `num_batches_tracked`."""
    header, blobs, offset = {"__metadata__": metadata or {}}, [], 0
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        array = tensor.detach().cpu().float().contiguous().numpy()
        # What half precision cannot hold stays in single.
        short = half and abs(array).max(initial=0) < 65504
        array = array.astype("<f2" if short else "<f4")
        data = array.tobytes()
        header[name] = {
            "dtype": "F16" if short else "F32",
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        blobs.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Ema:
    """Exponential moving average of a module's state, warmed up over the first steps."""

    def __init__(self, module, decay):
        self.decay, self.steps = decay, 0
        self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module):
        self.steps += 1
        d = min(self.decay, self.steps / (self.steps + 10))
        for k, v in module.state_dict().items():
            if v.dtype.is_floating_point:
                self.state[k].lerp_(v, 1 - d)
            else:
                self.state[k].copy_(v)


def learning_rate(step, base, warmup, decay_start, decay_steps):
    """Linear warm-up, a plateau, then a linear fall to 1 % of the base rate over `decay_steps`."""
    if step < warmup:
        return base * (step + 1) / warmup
    if decay_start is None or step < decay_start:
        return base
    return base * max(0.01, 1 - (step - decay_start) / decay_steps)
