"""``mmocr.utils.lmdb_util``."""

import json
import os
import shutil

from ... import _glyphic
from ..._glyphic import GlyphicError
from .fileio import list_from_file


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
    with open(img_list_file, encoding="utf-8-sig" if coding.lower() in ("utf-8", "utf8") else coding) as file:
        _glyphic.write_label_lmdb((line.rstrip("\n\r").encode(coding) for line in file), os.fspath(output))
    print("done", flush=True)


def recog2lmdb(img_root, label_path, output, label_format="txt", label_separator=" "):
    """Writes pictures of words and their texts to an LMDB with the keys ``image-000000001``, ``label-000000001``, ...
    and ``num-samples``.

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
    samples = []
    for number, line in enumerate(list_from_file(label_path), 1):
        if label_format == "jsonl":
            row = json.loads(line)
            name, text = row["filename"], row["text"]
        else:
            name, separator, text = line.partition(label_separator)
            if not separator:
                raise GlyphicError(f"{label_path}, line {number}: no {label_separator!r} between file and text")
        samples.append((os.path.join(img_root, name), text))
    os.makedirs(output)
    return _glyphic.write_recognition_lmdb(samples, os.fspath(output))
