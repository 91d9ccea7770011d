"""``mmocr.models.textdet``."""
