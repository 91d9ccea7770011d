"""The golden cases: expected outputs of the reference, in the folder that ``GLYPHIC_GOLDEN`` names or in the project's."""

import json
import os
import struct
from pathlib import Path

import numpy as np

_PROJECT = Path(__file__).resolve().parents[2] / "crates" / "glyphic-testing" / "golden"
ROOT = Path(os.environ.get("GLYPHIC_GOLDEN") or _PROJECT)

_MASK = (1 << 64) - 1


class Case:
    """A case of the manifest."""

    def __init__(self, entry):
        self.entry = entry
        self.name = entry["case"]
        self.config = entry.get("config") or {}
        self.inputs = entry.get("json_inputs") or {}
        self.outputs = entry.get("json_outputs") or {}

    def __repr__(self):
        return self.name

    def path(self):
        return ROOT / Path(self.entry["file"]).name

    def json(self):
        return json.loads(self.path().read_text(encoding="utf-8"))

    def tensors(self):
        """The stored tensors, by name; halves widened to single precision."""
        raw = self.path().read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        kinds = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "U8": "u1", "I32": "<i4", "I64": "<i8", "BOOL": "?"}
        tensors = {}
        for name, row in header.items():
            if name == "__metadata__":
                continue
            begin, end = row["data_offsets"]
            values = np.frombuffer(raw[8 + length + begin : 8 + length + end], kinds[row["dtype"]])
            values = values.reshape(row["shape"])
            tensors[name] = values.astype(np.float32) if row["dtype"] == "F16" else values
        return tensors


def _all():
    manifest = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
    return [Case(entry) for entry in manifest["cases"]]


_CASES = _all()


def cases(*prefixes):
    """The cases there are whose names start with one of these; it is an error when there is none of a prefix."""
    found = []
    for prefix in prefixes:
        of_prefix = [case for case in _CASES if case.name.startswith(prefix)]
        assert of_prefix, f"no case starts with {prefix} in {ROOT}"
        found += of_prefix
    return found


def case(name):
    return next(c for c in _CASES if c.name == name)


def has(name):
    return any(c.name == name for c in _CASES)


def stream(name, count):
    """The first values of a stream, from -1 to 1: see the golden vectors' formula."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & _MASK
    values = np.empty(count)
    for i in range(count):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
        values[i] = 2.0 * ((z >> 40) * 2.0**-24) - 1.0
    return values
