"""``mmocr.models.textdet.postprocess``."""

from .wrapper import decode

__all__ = ["decode"]
