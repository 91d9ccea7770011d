"""``mmocr.datasets.utils.parser``. An index beyond the end begins again: that is how ``repeat`` works."""

import json

from ...utils.string_util import StringStrip
from ..builder import PARSERS


@PARSERS.register_module()
class LineStrParser:
    """Splits lines at a separator.

    Args:
        keys: the keys of the dicts.
        keys_idx: which part each of them takes.
        separator: between parts.
        rest: whether the last part takes everything behind it, so that a text may hold the separator. MMOCR drops what
            is behind the parts it takes.
        kwargs: see :class:`StringStrip`.
    """

    def __init__(self, keys=["filename", "text"], keys_idx=[0, 1], separator=" ", rest=False, **kwargs):  # noqa: B006
        assert isinstance(keys, list)
        assert isinstance(keys_idx, list)
        assert isinstance(separator, str)
        assert len(keys) > 0
        assert len(keys) == len(keys_idx)
        self.keys = keys
        self.keys_idx = keys_idx
        self.separator = separator
        self.rest = rest
        self.strip_cls = StringStrip(**kwargs)

    def get_item(self, data_ret, index):
        last = max(self.keys_idx)
        line = self.strip_cls(data_ret[index % len(data_ret)])
        parts = line.split(self.separator, last if self.rest else -1)
        if len(parts) <= last:
            raise Exception(f"key index: {last} out of range: {parts}")
        return {key: parts[i] for key, i in zip(self.keys, self.keys_idx)}


@PARSERS.register_module()
class LineJsonParser:
    """Takes keys out of lines of JSON."""

    def __init__(self, keys=[]):  # noqa: B006
        assert isinstance(keys, list)
        assert len(keys) > 0
        self.keys = keys

    def get_item(self, data_ret, index):
        row = json.loads(data_ret[index % len(data_ret)])
        for key in self.keys:
            if key not in row:
                raise Exception(f"key {key} not in line json {row}")
        return {key: row[key] for key in self.keys}
