"""``mmocr.datasets.utils.loader``."""

import os

from .... import _glyphic
from ...utils.fileio import TextLines
from ..builder import LOADERS, build_parser


@LOADERS.register_module()
class Loader:
    """The records of a label file.

    Args:
        ann_file: the file.
        parser: the config of the parser that makes a dict of a line.
        repeat: how often the records come.
    """

    def __init__(self, ann_file, parser, repeat=1):
        assert isinstance(ann_file, str)
        assert isinstance(repeat, int)
        assert isinstance(parser, dict)
        assert repeat > 0
        assert os.path.exists(ann_file), f"{ann_file} is not exist"
        self.ori_data_infos = self._load(ann_file)
        self.parser = build_parser(parser)
        self.repeat = repeat

    def __len__(self):
        return len(self.ori_data_infos) * self.repeat

    def _load(self, ann_file):
        """The lines of a label file: loaders say how."""
        raise NotImplementedError

    def __getitem__(self, index):
        return self.parser.get_item(self.ori_data_infos, index)

    def __iter__(self):
        return (self[i] for i in range(len(self)))


@LOADERS.register_module()
class HardDiskLoader(Loader):
    """Reads lines from a text file as they are asked for; what is in memory is where each begins."""

    def _load(self, ann_file):
        return TextLines(ann_file)


@LOADERS.register_module()
class LmdbLoader(Loader):
    """Reads lines from an LMDB as they are asked for."""

    def _load(self, ann_file):
        return LmdbAnnFileBackend(ann_file)


class LmdbAnnFileBackend:
    """The lines of an LMDB with the keys ``0``, ``1``, ... and ``total_number``. It can be pickled."""

    def __init__(self, lmdb_path, coding="utf8"):
        self.lmdb_path = lmdb_path
        self.coding = coding
        self._database = _glyphic.LabelLmdb(lmdb_path)
        self.total_number = len(self._database)

    def __getitem__(self, index):
        return self._database.line(index).decode(self.coding)

    def __len__(self):
        return self.total_number

    def __reduce__(self):
        return type(self), (self.lmdb_path, self.coding)
