"""``mmocr.apis``, and ``init_detector`` of MMDetection."""

from .inference import init_detector, model_inference

__all__ = ["init_detector", "model_inference"]
