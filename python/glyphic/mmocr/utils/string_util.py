"""``mmocr.utils.string_util``."""


class StringStrip:
    """Takes characters off the ends of a string.

    Args:
        strip: nothing is done where it is false.
        strip_pos: ``both``, ``left`` or ``right``.
        strip_str: the characters; white space where it is ``None``.
    """

    def __init__(self, strip=True, strip_pos="both", strip_str=None):
        assert isinstance(strip, bool)
        assert strip_pos in ("both", "left", "right")
        assert strip_str is None or isinstance(strip_str, str)
        self.strip = strip
        self.strip_pos = strip_pos
        self.strip_str = strip_str

    def __call__(self, in_str):
        if not self.strip:
            return in_str
        method = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[self.strip_pos]
        return method(in_str, self.strip_str)
