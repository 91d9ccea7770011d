"""``mmocr.utils.fileio``."""

import codecs
import os
import threading
from array import array


def list_to_file(filename, lines):
    """Writes strings, one a line, UTF-8. Folders that are missing are made."""
    folder = os.path.dirname(filename)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(filename, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def list_from_file(filename, encoding="utf-8"):
    """The lines of a text file without their ends. A byte order mark of UTF-8 is no part of the first line."""
    if codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"
    with open(filename, encoding=encoding) as file:
        return [line.rstrip("\n\r") for line in file]


class TextLines:
    """The lines of a text file as :func:`list_from_file` has them, but read when they are asked for: only where each
    begins is in memory, eight bytes a line. Threads and processes may share it, and it can be pickled.
    """

    def __init__(self, filename, encoding="utf-8"):
        assert "\n".encode(encoding) == b"\n", f"lines of {encoding} cannot be found by their bytes"
        self.filename = filename
        self.encoding = encoding
        self._open()
        mark = codecs.lookup(encoding).name == "utf-8" and self._file.read(3) == codecs.BOM_UTF8
        place = len(codecs.BOM_UTF8) if mark else 0
        self._file.seek(place)
        self._starts = array("Q", [place])
        for raw in self._file:
            # A carriage return alone ends a line, too.
            for line in raw.splitlines(keepends=True):
                place += len(line)
                self._starts.append(place)

    def _open(self):
        self._file = open(self.filename, "rb")
        self._lock = threading.Lock()

    def __len__(self):
        return len(self._starts) - 1

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"line {index} of {len(self)} in {self.filename}")
        start, end = self._starts[place], self._starts[place + 1]
        return self._read(start, end - start).rstrip(b"\n\r").decode(self.encoding)

    def _read(self, start, count):
        if hasattr(os, "pread"):
            # Forked processes share a file's position: this needs none.
            return os.pread(self._file.fileno(), count, start)
        with self._lock:
            self._file.seek(start)
            return self._file.read(count)

    def __getstate__(self):
        return {"filename": self.filename, "encoding": self.encoding, "_starts": self._starts}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._open()
