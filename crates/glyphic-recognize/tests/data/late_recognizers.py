"""Writes late_recognizers.json, whose path it is given: SVTR-tiny, PARSeq-tiny and ASTER in PyTorch, written from the papers and
the layouts of MMOCR 1.x and of the authors of PARSeq, with weights by the formula of glyphic-testing."""
import json, math, sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
MASK64 = (1 << 64) - 1

def stream(name, n):
    h = 14695981039346656037
    for b in name.encode():
        h = (h ^ b) * 1099511628211 & MASK64
    i = np.arange(1, n + 1, dtype=np.uint64)
    with np.errstate(over='ignore'):
        z = np.uint64(h) + i * np.uint64(11400714819323198485)
        z = (z ^ z >> np.uint64(30)) * np.uint64(13787848793156543929)
        z = (z ^ z >> np.uint64(27)) * np.uint64(10723151780598845931)
    z = z ^ z >> np.uint64(31)
    return 2.0 * ((z >> np.uint64(40)).astype(np.float64) / float(1 << 24)) - 1.0

def weight(name, shape):
    n = int(np.prod(shape))
    v = stream(name, n)
    last = name.split('.')[-1]
    if name.endswith('stn_fc2.weight'):
        return 0.05 * v
    if name.endswith('stn_fc2.bias'):
        return None
    if last == 'running_mean':
        return 0.1 * v
    if last == 'running_var':
        return 1.0 + 0.2 * np.abs(v)
    if last.startswith(('weight_ih', 'weight_hh')):
        return v * math.sqrt(1.0 / shape[1])
    if last.startswith(('bias_ih', 'bias_hh')):
        return 0.1 * v
    if last == 'weight' and len(shape) == 1:
        return 1.0 + 0.1 * v
    if last == 'weight':
        return v * 1.2 * math.sqrt(3.0 / np.prod(shape[1:]))
    if last == 'bias':
        return 0.1 * v
    if last in ('in_proj_weight', 'in_proj_bias', 'pos_embed', 'pos_queries', 'absolute_pos_embed'):
        return 0.1 * v
    return None

def fill(net):
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if name.endswith('num_batches_tracked'):
                continue
            w = weight(name, tuple(t.shape))
            if w is not None:
                t.copy_(torch.from_numpy(w.astype(np.float32)).reshape(t.shape))
    return net.eval()

def image(shape, name='input:image'):
    return torch.from_numpy(stream(name, int(np.prod(shape))).astype(np.float32)).reshape(shape)

def waves(shape):
    """Smooth pictures: gradients through a rectification of noise differ with the last bit of its points."""
    n, c, y, x = np.meshgrid(*[np.arange(size) for size in shape], indexing='ij')
    return torch.from_numpy(np.sin(0.07 * (c + 1 + n) * x + 0.11 * (n + 1) * y + n).astype(np.float32))


class ConvBn(nn.Module):

    def __init__(s, i, o, k, st, p, act):
        super().__init__()
        s.conv = nn.Conv2d(i, o, k, st, p, bias=False)
        s.bn = nn.BatchNorm2d(o)
        s.act = [act]

    def forward(s, x):
        return s.act[0](s.bn(s.conv(x)))

class Spline(nn.Module):

    def __init__(s, size, n, margins):
        super().__init__()
        half = n // 2
        mx, my = margins
        xs = np.linspace(mx, 1 - mx, half)
        c = np.concatenate([np.stack([xs, np.full(half, my)], 1), np.stack([xs, np.full(half, 1 - my)], 1)])

        def phi(a, b):
            d = ((a[:, None] - b[None]) ** 2).sum(-1)
            return 0.5 * d * np.log(np.where(d == 0, 1, d))
        k = np.zeros((n + 3, n + 3))
        k[:n, :n] = phi(c, c)
        k[:n, n] = 1
        k[n, :n] = 1
        k[:n, n + 1:] = c
        k[n + 1:, :n] = c.T
        h, w = size
        yy, xx = np.meshgrid(np.arange(h) / (h - 1), np.arange(w) / (w - 1), indexing='ij')
        t = np.stack([xx.ravel(), yy.ravel()], 1)
        b = lambda name, v: s.register_buffer(name, torch.from_numpy(v.astype(np.float32)))
        b('inverse_kernel', np.linalg.inv(k))
        b('padding_matrix', np.zeros((3, 2)))
        b('target_coordinate_repr', np.concatenate([phi(t, c), np.ones((h * w, 1)), t], 1))
        b('target_control_points', c)
        s.size = size

    def forward(s, x, p):
        n = p.shape[0]
        m = s.inverse_kernel @ torch.cat([p, s.padding_matrix.expand(n, 3, 2)], 1)
        g = (s.target_coordinate_repr @ m).view(n, *s.size, 2).clamp(0, 1) * 2 - 1
        return F.grid_sample(x, g, align_corners=False)

class Stn(nn.Module):

    def __init__(s, size):
        super().__init__()
        s.tps = Spline(size, 20, (0.05, 0.05))
        layers = []
        i = 3
        for j, o in enumerate([32, 64, 128, 256, 256, 256]):
            if j:
                layers.append(nn.MaxPool2d(2, 2))
            layers.append(ConvBn(i, o, 3, 1, 1, F.relu))
            i = o
        s.stn_convnet = nn.Sequential(*layers)
        s.stn_fc1 = nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU())
        s.stn_fc2 = nn.Linear(512, 40)
        xs = np.linspace(0.01, 0.99, 10)
        c = np.concatenate([np.stack([xs, np.full(10, 0.01)], 1), np.stack([xs, np.full(10, 0.99)], 1)])
        s.stn_fc2.bias.data = torch.from_numpy(c.astype(np.float32)).reshape(-1)

    def forward(s, x):
        y = s.stn_convnet(F.interpolate(x, (32, 64), mode='bilinear', align_corners=True)).flatten(1)
        return s.tps(x, s.stn_fc2(0.1 * s.stn_fc1(y)).view(-1, 20, 2))

class Qkv(nn.Module):

    def __init__(s, d, heads, mask=None):
        super().__init__()
        s.qkv = nn.Linear(d, 3 * d)
        s.proj = nn.Linear(d, d)
        s.h = heads
        if mask is not None:
            s.register_buffer('mask', mask)

    def forward(s, x):
        n, l, d = x.shape
        q, k, v = s.qkv(x).reshape(n, l, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
        a = q * (d // s.h) ** (-0.5) @ k.transpose(-1, -2)
        if hasattr(s, 'mask'):
            a = a + s.mask
        return s.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(n, l, d))

class Mlp(nn.Module):

    def __init__(s, d, i):
        super().__init__()
        s.fc1 = nn.Linear(d, i)
        s.fc2 = nn.Linear(i, d)

    def forward(s, x):
        return s.fc2(F.gelu(s.fc1(x)))

class Block(nn.Module):

    def __init__(s, d, heads, name, mask=None, eps=1e-06):
        super().__init__()
        s.norm1 = nn.LayerNorm(d, eps=eps)
        setattr(s, name, Qkv(d, heads, mask))
        s.norm2 = nn.LayerNorm(d, eps=eps)
        s.mlp = Mlp(d, 4 * d)
        s.name = name

    def forward(s, x):
        x = x + getattr(s, s.name)(s.norm1(x))
        return x + s.mlp(s.norm2(x))

def local(h, w):
    m = torch.full((h * w, h * w), float('-inf'))
    for a in range(h * w):
        for b in range(h * w):
            if abs(a // w - b // w) <= 3 and abs(a % w - b % w) <= 5:
                m[a, b] = 0
    return m[None, None]

class Merge(nn.Module):

    def __init__(s, i, o):
        super().__init__()
        s.conv = nn.Conv2d(i, o, 3, (2, 1), 1)
        s.norm = nn.LayerNorm(o)

    def forward(s, x):
        return s.norm(s.conv(x).flatten(2).transpose(1, 2))

class SvtrEncoder(nn.Module):

    def __init__(s, d=(64, 128, 256), depth=(3, 6, 3), heads=(2, 4, 8), nlocal=6, h=8, w=25, out=192):
        super().__init__()
        s.hw = (h, w)
        s.d = d
        s.patch_embed = nn.Module()
        s.patch_embed.net = nn.Sequential()
        s.patch_embed.net.add_module('ConvModule0', ConvBn(3, d[0] // 2, 3, 2, 1, F.gelu))
        s.patch_embed.net.add_module('ConvModule1', ConvBn(d[0] // 2, d[0], 3, 2, 1, F.gelu))
        s.absolute_pos_embed = nn.Parameter(torch.zeros(1, h * w, d[0]))
        n = 0
        for st in range(3):
            m = local(h >> st, w)
            blocks = []
            for _ in range(depth[st]):
                blocks.append(Block(d[st], heads[st], 'mixer', m.clone() if n < nlocal else None))
                n += 1
            setattr(s, f'blocks{st + 1}', nn.ModuleList(blocks))
            if st < 2:
                setattr(s, f'downsample{st + 1}', Merge(d[st], d[st + 1]))
        s.layer_norm = nn.LayerNorm(d[2], eps=1e-06)
        s.last_conv = nn.Conv2d(d[2], out, 1, bias=False)

    def forward(s, x):
        x = s.patch_embed.net(x).flatten(2).transpose(1, 2) + s.absolute_pos_embed
        h, w = s.hw
        for st in range(3):
            for b in getattr(s, f'blocks{st + 1}'):
                x = b(x)
            if st < 2:
                x = getattr(s, f'downsample{st + 1}')(x.transpose(1, 2).reshape(-1, s.d[st], h >> st, w))
        x = s.layer_norm(x).transpose(1, 2).reshape(-1, s.d[2], h >> 2, w)
        return F.hardswish(s.last_conv(F.adaptive_avg_pool2d(x, (1, w))))

class Svtr(nn.Module):

    def __init__(s):
        super().__init__()
        s.preprocessor = Stn((32, 100))
        s.encoder = SvtrEncoder()
        s.decoder = nn.Module()
        s.decoder.decoder = nn.Linear(192, 38)

    def forward(s, x):
        return s.decoder.decoder(s.encoder(s.preprocessor(x)).squeeze(2).transpose(1, 2))

class Basic(nn.Module):

    def __init__(s, i, o, st):
        super().__init__()
        s.conv1 = nn.Conv2d(i, o, 1, bias=False)
        s.bn1 = nn.BatchNorm2d(o)
        s.conv2 = nn.Conv2d(o, o, 3, st, 1, bias=False)
        s.bn2 = nn.BatchNorm2d(o)
        if i != o or st != (1, 1):
            s.downsample = ConvBn(i, o, 1, st, 0, lambda x: x)

    def forward(s, x):
        r = s.downsample(x) if hasattr(s, 'downsample') else x
        return F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))) + r)

class Aster(nn.Module):

    def __init__(s):
        super().__init__()
        s.preprocessor = Stn((32, 100))
        b = s.backbone = nn.Module()
        b.stem_layers = nn.Sequential(ConvBn(3, 32, 3, 1, 1, F.relu))
        i = 32
        for j, (n, o, st) in enumerate(zip([3, 4, 6, 6, 3], [32, 64, 128, 256, 512], [(2, 2), (2, 2), (2, 1), (2, 1), (2, 1)])):
            setattr(b, f'layer{j + 1}', nn.Sequential(*[Basic(i if k == 0 else o, o, st if k == 0 else (1, 1)) for k in range(n)]))
            i = o
        s.encoder = nn.Module()
        s.encoder.bilstm = nn.LSTM(512, 256, 2, bidirectional=True, batch_first=True)
        d = s.decoder = nn.Module()
        d.proj_feat = nn.Linear(512, 512)
        d.proj_hidden = nn.Linear(512, 512)
        d.proj_sum = nn.Linear(512, 1)
        d.embedding = nn.Embedding(93, 512)
        d.gru = nn.GRU(1024, 512, batch_first=True)
        d.fc = nn.Linear(512, 93)

    def columns(s, x):
        x = s.backbone.stem_layers(s.preprocessor(x))
        for j in range(5):
            x = getattr(s.backbone, f'layer{j + 1}')(x)
        return s.encoder.bilstm(x.squeeze(2).transpose(1, 2))[0]

    def forward(s, x, tokens):
        f = s.columns(x)
        d = s.decoder
        h = torch.zeros(1, x.shape[0], 512)
        out = []
        for t in range(tokens.shape[1]):
            a = d.proj_sum(torch.tanh(d.proj_feat(f) + d.proj_hidden(h[0])[:, None])).softmax(1)
            o, h = d.gru(torch.cat([d.embedding(tokens[:, t]), (a * f).sum(1)], 1)[:, None], h)
            out.append(d.fc(o))
        return torch.cat(out, 1)

class Parseq(nn.Module):

    def __init__(s, d=192, depth=12, heads=3, dec_heads=6):
        super().__init__()
        e = s.encoder = nn.Module()
        e.pos_embed = nn.Parameter(torch.zeros(1, 128, d))
        e.patch_embed = nn.Module()
        e.patch_embed.proj = nn.Conv2d(3, d, (4, 8), (4, 8))
        e.blocks = nn.ModuleList([Block(d, heads, 'attn') for _ in range(depth)])
        e.norm = nn.LayerNorm(d, eps=1e-06)
        s.decoder = nn.Module()
        l = nn.Module()
        s.decoder.layers = nn.ModuleList([l])
        s.decoder.norm = nn.LayerNorm(d)
        l.self_attn = nn.MultiheadAttention(d, dec_heads, batch_first=True)
        l.cross_attn = nn.MultiheadAttention(d, dec_heads, batch_first=True)
        l.linear1 = nn.Linear(d, 4 * d)
        l.linear2 = nn.Linear(4 * d, d)
        for n in ('norm1', 'norm2', 'norm_q', 'norm_c'):
            setattr(l, n, nn.LayerNorm(d))
        s.head = nn.Linear(d, 95)
        s.text_embed = nn.Module()
        s.text_embed.embedding = nn.Embedding(97, d)
        s.pos_queries = nn.Parameter(torch.zeros(1, 26, d))
        s.d = d

    def encode(s, x):
        e = s.encoder
        x = e.patch_embed.proj(x).flatten(2).transpose(1, 2) + e.pos_embed
        for b in e.blocks:
            x = b(x)
        return e.norm(x)

    def decode(s, tok, mem, mask, pad=None, query=None):
        n, l = tok.shape
        emb = math.sqrt(s.d) * s.text_embed.embedding(tok)
        c = torch.cat([emb[:, :1], emb[:, 1:] + s.pos_queries[:, :l - 1]], 1)
        q = s.pos_queries[:, :l].expand(n, -1, -1) if query is None else query.expand(n, -1, -1)
        y = s.decoder.layers[0]
        cn = y.norm_c(c)
        q = q + y.self_attn(y.norm_q(q), cn, cn, attn_mask=mask, key_padding_mask=pad, need_weights=False)[0]
        q = q + y.cross_attn(y.norm1(q), mem, mem, need_weights=False)[0]
        q = q + y.linear2(F.gelu(y.linear1(y.norm2(q))))
        return s.head(s.decoder.norm(q))

    def read(s, x, steps, refine=1, nar=False):
        mem = s.encode(x)
        n = x.shape[0]
        if nar:
            logits = s.decode(torch.full((n, 1), 95), mem, None, None, s.pos_queries[:, :steps])
        else:
            tok = torch.full((n, steps), 96)
            tok[:, 0] = 95
            out = []
            for i in range(steps):
                p = s.decode(tok[:, :i + 1], mem, None, None, s.pos_queries[:, i:i + 1])
                out.append(p)
                if i + 1 < steps:
                    tok[:, i + 1] = p[:, 0].argmax(-1)
                if (tok == 0).any(-1).all():
                    break
            logits = torch.cat(out, 1)
        first = logits
        for _ in range(refine):
            l = logits.shape[1]
            tok = torch.cat([torch.full((n, 1), 95), logits[:, :-1].argmax(-1)], 1)
            m = torch.zeros(l, l, dtype=torch.bool)
            for i in range(l - 1):
                m[i, i + 1] = True
            logits = s.decode(tok, mem, m, (tok == 0).int().cumsum(-1) > 0)
        return (first, logits)

    def plm(s, x, tgt, orders):
        mem = s.encode(x)
        total = 0
        count = 0
        tin, tout = (tgt[:, :-1], tgt[:, 1:].clone())
        pad = (tin == 96) | (tin == 0)
        for i, o in enumerate(orders):
            sz = len(o)
            m = torch.zeros(sz, sz, dtype=torch.bool)
            for j in range(sz):
                m[o[j], [k for k in o[j + 1:]]] = True
            m[torch.eye(sz, dtype=torch.bool)] = True
            if i == 2:
                tout = torch.where(tout == 0, 96, tout)
            out = s.decode(tin, mem, m[1:, :-1], pad)
            n = int((tout != 96).sum())
            total = total + n * F.cross_entropy(out.flatten(0, 1), tout.flatten(), ignore_index=96)
            count += n
        return total / count

def rounded(t):
    return [float(f'{v:.7g}') for v in t.detach().flatten().tolist()]

def learnt(net):
    return sum((p.numel() for p in net.parameters()))

def norms(net, names):
    ps = dict(net.named_parameters())
    return {n: float(f'{ps[n].grad.norm().item():.7g}') for n in names}

def main(path):
    torch.set_num_threads(1)
    result = {}
    names = lambda net: [[n, list(t.shape)] for n, t in net.state_dict().items() if not n.endswith('num_batches_tracked')]
    net = fill(Svtr())
    x = image((2, 3, 64, 256))
    case = {'parameters': learnt(net), 'state': names(net), 'rectified': rounded(net.preprocessor(x)[:, :, ::8, ::10]), 'logits': rounded(net(x))}
    net.train()
    logits = net(waves((3, 3, 64, 256)))
    loss = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), torch.tensor([10, 11, 1, 12, 12, 10]), torch.tensor([25, 25, 25]), torch.tensor([3, 1, 2]), blank=36, zero_infinity=True)
    loss.backward()
    case |= {'loss': loss.item(), 'gradients': norms(net, ['preprocessor.stn_fc2.weight', 'preprocessor.stn_convnet.0.conv.weight', 'encoder.absolute_pos_embed', 'encoder.blocks1.0.mixer.qkv.weight', 'encoder.downsample2.conv.weight', 'encoder.blocks3.2.mlp.fc2.weight', 'decoder.decoder.weight'])}
    result['svtr'] = case
    net = fill(Aster())
    tokens = torch.tensor([[90, 10, 11, 1, 90, 91], [90, 12, 90, 91, 91, 91], [90, 12, 10, 90, 91, 91]])
    case = {'parameters': learnt(net), 'state': names(net), 'logits': rounded(net(x, tokens[:2]))}
    net.train()
    logits = net(waves((3, 3, 64, 256)), tokens)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=91, reduction='none').mean()
    loss.backward()
    case |= {'tokens': tokens.tolist(), 'loss': loss.item(), 'gradients': norms(net, ['preprocessor.stn_fc2.weight', 'backbone.layer1.0.conv1.weight', 'backbone.layer5.2.conv2.weight', 'encoder.bilstm.weight_ih_l0', 'decoder.gru.weight_hh_l0', 'decoder.proj_sum.weight', 'decoder.fc.weight'])}
    result['aster'] = case
    net = fill(Parseq())
    x = image((2, 3, 32, 128))
    ar = [net.read(x[i:i + 1], 26) for i in range(2)]
    nar = net.read(x, 26, nar=True)
    case = {'parameters': learnt(net), 'state': names(net), 'memory': rounded(net.encode(x)[:, ::16, ::8]), 'first': [rounded(a[0][:, :, :]) if a[0].shape[1] <= 8 else rounded(a[0][:, :6]) for a in ar], 'lengths': [a[0].shape[1] for a in ar], 'refined': [rounded(a[1][:, :6]) for a in ar], 'parallel': rounded(nar[0][:, :4]), 'parallel_refined': rounded(nar[1][:, :4])}
    tgt = torch.tensor([[95, 11, 12, 2, 0], [95, 13, 0, 96, 96]])
    orders = [[0, 1, 2, 3, 4], [0, 4, 3, 2, 1], [0, 2, 1, 3, 4], [0, 3, 1, 2, 4], [0, 1, 3, 2, 4], [0, 2, 3, 1, 4]]
    loss = net.plm(x, tgt, orders)
    loss.backward()
    case |= {'targets': tgt.tolist(), 'orders': orders, 'loss': loss.item(), 'gradients': norms(net, ['encoder.pos_embed', 'encoder.blocks.0.attn.qkv.weight', 'encoder.patch_embed.proj.weight', 'decoder.layers.0.self_attn.in_proj_weight', 'decoder.layers.0.cross_attn.out_proj.weight', 'decoder.layers.0.norm_q.weight', 'text_embed.embedding.weight', 'pos_queries', 'head.weight'])}
    result['parseq'] = case
    base = Parseq(384, 12, 6, 12)
    result['parameters'] = {'parseq': learnt(base)}
    with open(path, 'w') as f:
        json.dump(result, f, separators=(',', ':'))
    print(path)
main(sys.argv[1])
