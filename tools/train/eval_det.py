"""Scores detectors on packs, by halves of the pictures' names, as train_det.py validates.

    python eval_det.py WEIGHTS.safetensors ... --val ic15/val:word sroie/val:line [--mean OUT.safetensors 0.4 0.6]

Prints for each file and pack the best threshold on half "a", and recall, precision and hmean there and, at the same threshold, on half "b". `--mean`
writes the weighted mean of the files first and scores it too.
"""

import argparse
import time

import torch

from nets import DbNetLite, load_state, save_safetensors
from train_det import half, read_pack, validate

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("weights", nargs="+")
    p.add_argument("--val", nargs="+", required=True)
    p.add_argument("--side", type=int, default=1280)
    p.add_argument("--most", type=int, help="pictures of each half")
    p.add_argument("--mean", nargs="+", help="a file and a share of each of the weights")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    states = [load_state(w) for w in a.weights]
    if a.mean:
        shares = [float(v) for v in a.mean[1:]]
        mean = {k: sum(s * state[k] for s, state in zip(shares, states)) for k in states[0]}
        save_safetensors(mean, a.mean[0])
        states.append(mean)
        a.weights.append(a.mean[0])
    for v in a.val:
        name, level = v.split(":")
        rows = read_pack(name, level)
        for path, state in zip(a.weights, states):
            net = DbNetLite().to(memory_format=torch.channels_last)
            net.load_state_dict(state, strict=False)
            began = time.process_time()
            scores = [validate(net, half(rows, h)[: a.most], a.side, True, 0.4, 1.8, THRESHOLDS) for h in "ab"]
            best = max(THRESHOLDS, key=lambda t: scores[0][str(t)][2])
            text = " | ".join("P {:.3f} R {:.3f} H {:.3f}".format(*s[str(best)]) for s in scores)
            print(f"{name} {path} at {best}: a {text} (b), level {scores[0]['level']:.2f} {scores[1]['level']:.2f}, {time.process_time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
