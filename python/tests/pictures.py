"""Pictures as files, without a library for them."""

import struct
import zlib

import numpy as np


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels, exif=b""):
    """A PNG of an array of uint8 or uint16: (height, width), or (height, width, 3 or 4) in RGB."""
    height, width = pixels.shape[:2]
    colour = {1: 0, 3: 2, 4: 6}[1 if pixels.ndim == 2 else pixels.shape[2]]
    depth = 8 * pixels.dtype.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    data = b"".join(b"\x00" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
        + (_chunk(b"eXIf", exif) if exif else b"")
        + _chunk(b"IDAT", zlib.compress(data, 1))
        + _chunk(b"IEND", b"")
    )


# EXIF data that ask for a quarter turn, clockwise.
TURNED = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"


def drawn(height, width, outlines):
    """White paper with texts as red quadrilaterals, upright boxes of outlines, in RGB."""
    img = np.full((height, width, 3), 255, np.uint8)
    for outline in outlines:
        x0, y0, x1, y1 = min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2])
        img[y0:y1, x0:x1] = (255, 0, 0)
    return img
