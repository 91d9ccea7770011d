"""``mmocr.utils.lmdb_util``."""

import json
import os
import shutil

from ... import _glyphic
from ..._glyphic import GlyphicError
from .fileio import TextLines, list_from_file


def lmdb_converter(img_list_file, output, batch_size=1000, coding="utf-8", overwrite=None):
    """Writes the lines of a label file to an LMDB with the keys ``0``, ``1``, ... and ``total_number``.

    Args:
        img_list_file: the file; its lines go by one by one.
        output: the folder.
        batch_size: taken for the sake of scripts; everything is one transaction.
        coding: the encoding of the file and of the values.
        overwrite: whether a folder that exists is replaced. ``None`` asks, as MMOCR does.
    """
    if os.path.isdir(output):
        while overwrite is None:
            answer = input(f"{output} already exist, delete or not? [Y/n]").strip()
            overwrite = {"Y": True, "y": True, "N": False, "n": False}.get(answer)
        if not overwrite:
            return
        shutil.rmtree(output)
    print(f"create database {output}")
    os.makedirs(output)
    # UTF-16 and its like cannot be read line by line.
    flat = "\n".encode(coding) == b"\n"
    lines = TextLines(img_list_file, coding) if flat else list_from_file(img_list_file, coding)

    def entries():
        for index in _in_byte_order(len(lines)):
            yield str(index).encode(), lines[index].encode(coding)
        yield b"total_number", str(len(lines)).encode()

    _glyphic.write_lmdb(entries(), os.fspath(output))
    print("done", flush=True)


def _in_byte_order(count):
    """The numbers below ``count`` in the order of their digits as text, which is that of an LMDB's keys."""
    waiting = [*range(9, 0, -1), 0]
    while waiting:
        number = waiting.pop()
        if number < count:
            yield number
            if number:
                waiting.extend(range(10 * number + 9, 10 * number - 1, -1))


def _recognition_sample(line, place, label_format, separator):
    """File and text of a label line; ``place`` stands in errors."""
    if label_format == "jsonl":
        row = json.loads(line)
        return row["filename"], row["text"]
    name, found, text = line.partition(separator)
    if not found:
        raise GlyphicError(f"{place}: no {separator!r} between file and text")
    return name, text


def recog2lmdb(img_root, label_path, output, label_format="txt", label_separator=" "):
    """Writes pictures of words and their texts to an LMDB with the keys ``image-000000001``, ``label-000000001``, ...
    and ``num-samples``. Labels and pictures go by one by one.

    Args:
        img_root: the folder of the pictures.
        label_path: a line a picture: ``file text`` (the text may hold the separator), or JSON with ``filename`` and
            ``text``.
        output: the folder of the database, which must not exist.
        label_format: ``txt`` or ``jsonl``.
        label_separator: between file and text.

    Returns:
        The number of pictures written.
    """
    assert label_format in ("txt", "jsonl")
    lines = TextLines(label_path)

    def samples():
        for number, line in enumerate(lines, 1):
            place = f"{label_path}, line {number}"
            yield number, _recognition_sample(line, place, label_format, label_separator)

    def entries():
        for number, (name, _) in samples():
            with open(os.path.join(img_root, name), "rb") as file:
                yield f"image-{number:09}".encode(), file.read()
        for number, (_, text) in samples():
            yield f"label-{number:09}".encode(), text.encode()
        yield b"num-samples", str(len(lines)).encode()

    # A broken line is found before anything is written.
    for _ in samples():
        pass
    os.makedirs(output)
    return (_glyphic.write_lmdb(entries(), os.fspath(output)) - 1) // 2
