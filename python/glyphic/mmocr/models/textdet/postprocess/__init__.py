"""``mmocr.models.textdet.postprocess``."""

from .wrapper import (
    comps2boundaries,
    db_decode,
    decode,
    drrg_decode,
    fcenet_decode,
    pan_decode,
    poly_nms,
    pse_decode,
    textsnake_decode,
)

__all__ = [
    "comps2boundaries",
    "db_decode",
    "decode",
    "drrg_decode",
    "fcenet_decode",
    "pan_decode",
    "poly_nms",
    "pse_decode",
    "textsnake_decode",
]
