"""Collects running text for make_pages.py: manual pages, HTML, translations of programs, Markdown and the train packs' own words.

    python read_texts.py OUT [--man /usr/share/man] [--html LANGUAGE=FOLDER ...] [--locale /usr/share/locale]
        [--markdown FOLDER] [--pages pdf_pages/train]

Debian's manpages-*, libreoffice-help-*, debian-handbook and the programs' own translations hold text in all languages of the table below.

Writes OUT/<language>.txt, one paragraph a line; only paragraphs whose characters the recognizer knows.
"""

import argparse
import gettext
import gzip
import html
import json
import pathlib
import re

from vocabulary import LATIN

LANGUAGES = {"de": "de", "fr": "fr", "es": "es", "it": "it", "pt_BR": "pt", "nl": "nl", "da": "da", "sv": "sv", "fi": "fi", "nb": "nb",
             **{k: k for k in "pl cs sk hu ro tr hr sl lt lv et".split()}}
# Romanian texts in an old coding have the Turkish letters with a cedilla.
COMMAS = str.maketrans("ŞşŢţ", "ȘșȚț")
ESCAPES = [(r"\\f[BIRP]|\\f\(..|\\f\[\w*\]|\\&|\\s[-+]?\d|\\/|\\,|\\c", ""), (r"\\\(aq|\\\[aq\]", "'"), (r"\\\(em|\\\[em\]", "—"),
           (r"\\\(en|\\\[en\]", "–"), (r"\\\(lq|\\\[lq\]", "“"), (r"\\\(rq|\\\[rq\]", "”"), (r"\\-", "-"), (r"\\ |\\~|\\0", " "),
           (r"\\\(bu|\\\[bu\]", "•"), (r"\\e|\\\(rs", r"\\")]


def known(text):
    return len(text) > 30 and all(c in LATIN for c in text)


def manual(path):
    raw = gzip.open(path, "rb").read() if path.suffix == ".gz" else path.read_bytes()
    paragraph = []
    for line in raw.decode("utf-8", errors="ignore").splitlines():
        if line.startswith((".B ", ".I ", ".BR ", ".IR ")):
            line = line.split(" ", 1)[1].replace('"', "")
        if line.startswith((".", "'")) or not line.strip():
            yield " ".join(" ".join(paragraph).split())
            paragraph = []
            continue
        for pattern, plain in ESCAPES:
            line = re.sub(pattern, plain, line)
        paragraph.append(line)
    yield " ".join(" ".join(paragraph).split())


def markdown(path):
    text = path.read_text(encoding="utf-8", errors="ignore")
    text = re.sub(r"```.*?```", "\n\n", text, flags=re.S)
    for block in re.split(r"\n\s*\n", text):
        block = re.sub(r"\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\[[^\]]*\]", r"\1\2", block)
        block = re.sub(r"^[\s#>*-]+", "", " ".join(block.split()))
        if "http" not in block and "|" not in block and len(block) > 60:
            yield block.replace("**", "").replace("`", "")


def plain(markup):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def web_page(path):
    for found in re.finditer(r"<(p|li|h\d|dd|td)\b[^>]*>(.*?)</\1>", path.read_text(encoding="utf-8", errors="ignore"), re.S):
        yield plain(found[2])


def translations(path):
    with open(path, "rb") as f:
        try:
            catalog = gettext.GNUTranslations(f)._catalog
        except UnicodeDecodeError as e:
            print(f"{path}: left out, {e}")
            return
    for source, text in catalog.items():
        if source and isinstance(text, str) and text != source:
            yield from map(plain, text.replace("_", "").replace("&", "").split("\n"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--man", type=pathlib.Path, default=pathlib.Path("/usr/share/man"))
    p.add_argument("--html", nargs="*", default=[], help="LANGUAGE=FOLDER")
    p.add_argument("--locale", type=pathlib.Path, help="a folder of LANGUAGE/LC_MESSAGES/*.mo")
    p.add_argument("--markdown", type=pathlib.Path)
    p.add_argument("--pages", type=pathlib.Path, nargs="*", default=[])
    p.add_argument("--most", type=int, default=6000, help="paragraphs of a language")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    found = {}
    for folder, language in [("", "en"), *LANGUAGES.items()]:
        for path in sorted((a.man / folder).glob("man[1-8]/*")):
            found.setdefault(language, set()).update(t for t in manual(path) if known(t) and "\\" not in t)
    for language, folder in (spec.split("=", 1) for spec in a.html):
        for path in sorted(pathlib.Path(folder).rglob("*.html")):
            found.setdefault(language, set()).update(t for t in web_page(path) if known(t))
    for folder, language in LANGUAGES.items() if a.locale else []:
        for path in sorted((a.locale / folder / "LC_MESSAGES").glob("*.mo")):
            found.setdefault(language, set()).update(t for t in translations(path) if known(t) and "%" not in t)
    if "ro" in found:
        found["ro"] = {t.translate(COMMAS) for t in found["ro"]}
    for path in sorted(a.markdown.rglob("*.md")) if a.markdown else []:
        found.setdefault("en", set()).update(t for t in markdown(path) if known(t))
    for pack in a.pages:
        for line in (pack / "gt.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts = {}
            for w in row["annotations"]:
                if not w["ignore"]:
                    texts.setdefault(w["line"], []).append(w["text"])
            lines = [" ".join(t) for t in texts.values()]
            pieces = (" ".join(lines[i : i + 4]) for i in range(0, len(lines), 4))
            found.setdefault(row["lang"], set()).update(t for t in pieces if known(t))
    for language, texts in found.items():
        if language not in ("en", *LANGUAGES.values()) or len(texts) < 200:
            continue
        # Evenly from all that was found.
        texts = sorted(texts, key=lambda t: hash_of(t))[: a.most]
        (a.out / f"{language}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        print(f"{language}: {len(texts)} paragraphs, {sum(len(t.split()) for t in texts)} words")


def hash_of(text):
    import hashlib

    return hashlib.md5(text.encode()).digest()


if __name__ == "__main__":
    main()
