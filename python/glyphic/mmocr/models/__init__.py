"""``mmocr.models``: what reads text off a network's maps."""
