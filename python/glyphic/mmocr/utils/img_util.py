"""``mmocr.utils.img_util``."""

import os

from ... import _glyphic


def drop_orientation(img_file):
    """Replaces a picture with EXIF orientation by a PNG of its pixels as stored; other pictures stay.

    Annotations made on the stored pixels fit then. Returns the file's name, which is another one where it was replaced.
    Unlike MMOCR, which compares heights and widths, it also sees pictures that are mirrored or turned by 180 degrees.
    """
    assert isinstance(img_file, str)
    assert img_file
    target = os.path.splitext(img_file)[0] + ".png"
    if not _glyphic.drop_orientation(img_file, target):
        return img_file
    if os.path.abspath(target) != os.path.abspath(img_file):
        os.remove(img_file)
    print(f"{img_file} has orientation info. Ignore it by converting to png")
    return target


def is_not_png(img_file):
    """Whether the name does not end in ``.png`` or ``.PNG``."""
    assert isinstance(img_file, str)
    assert img_file
    return os.path.splitext(img_file)[1] not in (".PNG", ".png")
