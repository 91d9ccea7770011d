"""The characters of glyphic's line recognizer: `LATIN` of crates/glyphic-core/src/vocab.rs, in the order of the classes."""

import unicodedata

LATIN = (
    " 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    "£€¥¢§°±·×÷©®™«»¿¡ªº²³¼½¾µ¶"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ŒœŠšŽžŸ–—‘’“”„•…"
    "ĀāĂăĄąĆćČčĎďĐđĒēĖėĘęĚěĞğĢģĪīĮįİıĶķĹĺĻļĽľŁłŃńŅņŇňŐőŔŕŘřŚśŞşŢţŤťŪūŮůŰűŲųŹźŻżȘșȚț"
    "−≤≥≈≠→←†‡‰№■□✓"
)
LOOKS = {"Đ": "D", "đ": "d", "ı": "i", "Ł": "L", "ł": "l", "−": "–", "≤": "<", "≥": ">", "≈": "=", "≠": "=", "†": "t", "‡": "t",
         "‰": "%", "№": "N", "■": "•", "→": "-", "←": "-", "Ș": "S", "ș": "s", "Ț": "T", "ț": "t"}


def looks_like(c):
    """The character that looks most like `c` among those of which it is made, or `c` itself."""
    return LOOKS.get(c) or unicodedata.normalize("NFD", c)[0]
