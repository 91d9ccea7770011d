"""``mmocr.utils.collect_env``."""

import os
import platform
import sys

import numpy as np

from ... import _glyphic


def collect_env():
    """What this runs on: a dict of strings."""
    return {
        "sys.platform": sys.platform,
        "Python": sys.version.replace("\n", ""),
        "Machine": platform.machine(),
        "Processors": str(os.cpu_count()),
        "NumPy": np.__version__,
        "glyphic": _glyphic.__version__,
        "MMOCR": f"0.2.1's interface, by glyphic {_glyphic.__version__}",
    }


if __name__ == "__main__":
    print("\n".join(f"{name}: {value}" for name, value in collect_env().items()))
