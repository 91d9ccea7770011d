"""``mmocr.utils.fileio``."""

import os


def list_to_file(filename, lines):
    """Writes strings, one a line, UTF-8. Folders that are missing are made."""
    folder = os.path.dirname(filename)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(filename, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def list_from_file(filename, encoding="utf-8"):
    """The lines of a text file without their ends. A byte order mark of UTF-8 is no part of the first line."""
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    with open(filename, encoding=encoding) as file:
        return [line.rstrip("\n\r") for line in file]
