"""Pages as the world prints them, set by headless Chromium from HTML, with the outlines of their words and lines.

    python make_pages.py OUT --texts TEXTS --code FOLDER --count 300 --seed 1 [--chromium PATH]

TEXTS holds `<language>.txt` with one paragraph a line (read_texts.py makes them); --code is searched for source files. A pack is
written as glyphic-synth writes its own: images/ and gt.jsonl with words under "annotations" and "lines" beside them. What is
rendered depends on the seed alone (and on the fonts and the browser of the system). A page may come as born digital, scanned
or photographed; its outlines are bent with it.
"""

import argparse
import base64
import html
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import cv2
import numpy as np

from line_packs import inked, parts_of

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb --remote-debugging-pipe"
).split()
# Rectangles of all words in view, in reading order of the document, with the block and the row they stand in.
WORDS = r"""
(() => {
  const out = [], blocks = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const blockOf = (e) => {
    while (e !== document.body && getComputedStyle(e).display === "inline") e = e.parentElement;
    if (!blocks.has(e)) blocks.set(e, blocks.size);
    return blocks.get(e);
  };
  const range = document.createRange();
  let row = -1, last = null;
  for (let node; (node = walker.nextNode()); ) {
    const block = blockOf(node.parentElement);
    for (const m of node.data.matchAll(/\S+/g)) {
      range.setStart(node, m.index);
      range.setEnd(node, m.index + m[0].length);
      let pieces = [];
      const rects = [...range.getClientRects()].filter((r) => r.width > 0);
      if (rects.length === 1) pieces = [[m[0], rects[0]]];
      else if (rects.length > 1)
        for (let i = 0; i < m[0].length; i++) {
          range.setStart(node, m.index + i);
          range.setEnd(node, m.index + i + 1);
          const r = range.getBoundingClientRect(), p = pieces[pieces.length - 1];
          if (p && Math.abs(p[1].top - r.top) < 2 && r.left >= p[1].left)
            pieces[pieces.length - 1] = [p[0] + m[0][i], {left: p[1].left, top: p[1].top, right: r.right, bottom: r.bottom}];
          else pieces.push([m[0][i], r]);
        }
      for (const [text, r] of pieces) {
        const h = r.bottom - r.top;
        const together = last && last.block === block && r.left >= last.left &&
          Math.min(r.bottom, last.bottom) - Math.max(r.top, last.top) > 0.4 * Math.min(h, last.bottom - last.top);
        if (!together) row++;
        last = {block, left: r.left, top: r.top, bottom: r.bottom};
        out.push([text, row, r.left, r.top, r.right, r.bottom]);
      }
    }
  }
  return JSON.stringify(out);
})()
"""
SANS = ["Liberation Sans", "DejaVu Sans", "Roboto", "Open Sans", "Lato", "Carlito", "Inter", "Cantarell", "Nimbus Sans",
        "TeX Gyre Heros", "Noto Sans", "Montserrat", "Quicksand", "Cabin", "Arimo", "TeX Gyre Adventor", "Nimbus Sans Narrow",
        "DejaVu Sans Condensed", "Dosis", "Source Sans 3"]
SERIF = ["Liberation Serif", "DejaVu Serif", "EB Garamond", "Linux Libertine O", "Caladea", "CMU Serif", "Latin Modern Roman",
         "Nimbus Roman", "TeX Gyre Pagella", "TeX Gyre Termes", "TeX Gyre Schola", "P052", "C059", "Noto Serif", "GFS Didot",
         "TeX Gyre Bonum", "Junicode", "Tinos"]
MONO = ["Liberation Mono", "DejaVu Sans Mono", "Hack", "Fira Code", "Inconsolata", "JetBrains Mono", "Nimbus Mono PS",
        "Roboto Mono", "Noto Mono", "Latin Modern Mono", "Cousine", "TeX Gyre Cursor"]
DISPLAY = ["Oswald", "Bebas Neue", "Lobster", "Comfortaa", "Montserrat", "Linux Biolinum O", "TeX Gyre Chorus", "Z003",
           "Play", "Noto Sans Display", "Noto Serif Display", "URW Bookman", "URW Gothic"]
LOCALES = {"en": ["en_US", "en_GB"], "de": ["de_DE"], "fr": ["fr_FR"], "es": ["es_ES"], "it": ["it_IT"], "pt": ["pt_BR"],
           "nl": ["nl_NL"], "da": ["da_DK"], "sv": ["sv_SE"], "fi": ["fi_FI"], "nb": ["no_NO"],
           "pl": ["pl_PL"], "cs": ["cs_CZ"], "sk": ["sk_SK"], "hu": ["hu_HU"], "ro": ["ro_RO"], "tr": ["tr_TR"], "hr": ["hr_HR"],
           "sl": ["sl_SI"], "lt": ["lt_LT"], "lv": ["lv_LV"], "et": ["et_EE"]}
LABELS = {
    "en": "Name|Address|Date|Phone|Total|Amount|Quantity|Price|Invoice No.|Customer|Order|Tax|Subtotal|Description|Signature|City|Country|Status|Reference|Due date|Unit price|Page|Notes|Email|Bank|Balance",
    "de": "Name|Anschrift|Datum|Telefon|Summe|Betrag|Menge|Preis|Rechnungs-Nr.|Kunde|Bestellung|MwSt.|Zwischensumme|Beschreibung|Unterschrift|Ort|Land|Zustand|Zeichen|Fällig am|Einzelpreis|Seite|Bemerkungen|E-Mail|Konto",
    "fr": "Nom|Adresse|Date|Téléphone|Total|Montant|Quantité|Prix|Facture n°|Client|Commande|TVA|Sous-total|Désignation|Signature|Ville|Pays|État|Référence|Échéance|Prix unitaire|Page|Remarques|Courriel",
    "es": "Nombre|Dirección|Fecha|Teléfono|Total|Importe|Cantidad|Precio|Factura n.º|Cliente|Pedido|IVA|Subtotal|Descripción|Firma|Ciudad|País|Estado|Referencia|Vencimiento|Página|Observaciones",
    "it": "Nome|Indirizzo|Data|Telefono|Totale|Importo|Quantità|Prezzo|Fattura n.|Cliente|Ordine|IVA|Subtotale|Descrizione|Firma|Città|Paese|Stato|Riferimento|Scadenza|Pagina|Note",
    "pt": "Nome|Endereço|Data|Telefone|Total|Valor|Quantidade|Preço|Fatura n.º|Cliente|Pedido|Imposto|Subtotal|Descrição|Assinatura|Cidade|País|Estado|Referência|Vencimento|Página|Observações",
    "pl": "Nazwisko|Imię|Adres|Data|Telefon|Razem|Kwota|Ilość|Cena|Faktura nr|Klient|Zamówienie|VAT|Opis|Podpis|Miejscowość|Kraj|Uwagi|Strona|Sprzedawca|Nabywca|Należność|Wartość brutto",
    "cs": "Jméno|Příjmení|Adresa|Datum|Telefon|Celkem|Částka|Množství|Cena|Faktura č.|Zákazník|Objednávka|DPH|Popis|Podpis|Město|Země|Poznámka|Strana|Dodavatel|Odběratel|Splatnost",
    "hu": "Név|Cím|Dátum|Telefon|Összesen|Összeg|Mennyiség|Egységár|Számla sorszáma|Vevő|Rendelés|ÁFA|Leírás|Aláírás|Település|Ország|Megjegyzés|Oldal|Fizetési határidő|Kibocsátó",
    "ro": "Nume|Adresă|Data|Telefon|Total|Valoare|Cantitate|Preț|Factura nr.|Client|Comandă|TVA|Descriere|Semnătura|Oraș|Țara|Observații|Pagina|Furnizor|Scadență",
    "tr": "Ad Soyad|Adres|Tarih|Telefon|Toplam|Tutar|Miktar|Fiyat|Fatura No|Müşteri|Sipariş|KDV|Açıklama|İmza|Şehir|Ülke|Notlar|Sayfa|Satıcı|Alıcı|Vade",
}


class Browser:
    """One headless Chromium, spoken to through a pipe."""

    def __init__(self, path):
        self.profile = tempfile.mkdtemp(prefix="pages-")
        to_read, self.write = os.pipe()
        self.read, to_write = os.pipe()

        def pipes():
            a, b = os.dup(to_read), os.dup(to_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        command = [path, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=pipes, close_fds=False, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.number, self.buffer, self.session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0") if len(str(params)) < 60000 else self.long(message)
        while True:
            while b"\0" not in self.buffer:
                part = os.read(self.read, 1 << 20)
                if not part:
                    raise EOFError("the browser has gone")
                self.buffer += part
            text, self.buffer = self.buffer.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def long(self, message):
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data[:60000]) :]

    def page(self, document, width, height, scale, slack):
        """BGR picture and words `[text, row, x0, y0, x1, y1]` in its pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.call("Page.setDocumentContent", frameId=self.frame, html=document)
        self.call("Runtime.evaluate", expression="document.fonts.ready.then(() => 1)", awaitPromise=True)
        high = self.call("Runtime.evaluate", expression="document.body.scrollHeight", returnByValue=True)["result"]["value"]
        if high < 0.8 * height:
            # No page is mostly empty: it ends somewhere below its text.
            height = max(round(high * (1 + 0.4 * slack)), 64)
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        words = json.loads(self.call("Runtime.evaluate", expression=WORDS, returnByValue=True)["result"]["value"])
        shot = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"]
        image = cv2.imdecode(np.frombuffer(base64.b64decode(shot), np.uint8), cv2.IMREAD_COLOR)
        return image, [[w[0], w[1], *(v * scale for v in w[2:])] for w in words]

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


class Writer:
    """Texts, names and styles drawn for one page."""

    def __init__(self, rng, texts, code, fakers, marks=0.0):
        self.rng, self.texts, self.code = rng, texts, code
        self.language = "en" if "en" in texts and rng.random() < 0.4 else str(rng.choice(sorted(texts)))
        self.fake = fakers[self.language]
        self.labels = LABELS.get(self.language, LABELS["en"]).split("|")
        # Apostrophe, opening and closing quote, dash, and how often; `aside` takes them away while it draws its own words.
        self.marks = None if marks <= 0 else (self.pick("'’’’"), *self.pick(['""', "“”", "“”", "„“", "«»", "‘’"]), self.pick(["-", "–", "–", "—"]), marks)

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def words(self, low, high):
        """A piece of running text of about so many words."""
        wanted, out = self.number(low, high), []
        while len(out) < wanted:
            out += self.pick(self.texts[self.language]).split()
            if self.chance(0.12):
                break
        start = self.number(0, max(len(out) - wanted, 0))
        return " ".join(self.marked(out[start : start + wanted]))

    def marked(self, words):
        """Words as a typesetter leaves them: curly quotes, dashes, and now and then an abbreviation, initials, a number or a name of code."""
        if self.marks is None:
            return words
        single, opening, closing, dash, often = self.marks
        out = []
        for word in words:
            word = word.replace("'", single)
            if word == "-":
                word = dash
            u = self.rng.random()
            if u < often:
                stem = word.rstrip(".,;:!?")
                word = f"{opening}{stem}{closing}{word[len(stem):]}" if self.chance(0.7) else f"{opening}{word}{closing}"
            elif u < 2 * often:
                word = f"({word.strip('().,;')}){self.pick(['', ',', '.', ';'])}"
            elif u < 3 * often:
                out.append(self.aside())
            out.append(word)
        return out

    def aside(self):
        """One of the short things between words that a reader of prose alone has not seen."""
        letters, n = "ABCDEFGHIJKLMNOPRSTVWYZ", self.number
        self.marks, marks = None, self.marks
        text = self.drawn(letters, n)
        self.marks = marks
        return text

    def drawn(self, letters, n):
        u = self.rng.random()
        if u < 0.12:
            return self.pick(["e.g.,", "i.e.,", "et al.,", "et al.", "cf.", "etc.),", "vs.", "p.", "pp.", "No.", "z.B.", "d.h.", "u.a.", "S.", "Fig.", "Eq.", "c.f.", "ca.", "v.", "a.m.", "p.m.,"])
        if u < 0.26:
            initials = self.pick([" ", ""]).join(f"{self.pick(letters)}." for _ in range(n(1, 3)))
            return f"{self.pick(letters)}{self.words(1, 1).lower().strip('.,;:')}, {initials}{self.pick([',', '', ' &', '.,'])}"
        if u < 0.36:
            low = n(1, 900)
            return f"{n(1, 99)}, {low}{self.pick(['–', '-', '–'])}{low + n(1, 60)}{self.pick(['.', ',', ''])}"
        if u < 0.46:
            return ".".join(str(n(1, 12)) for _ in range(n(2, 4))) + self.pick(["", ".", ""])
        if u < 0.56:
            return f"{self.pick(['$', '€', '£', '', ''])}{n(1, 999)}{self.pick([',', '.'])}{n(0, 999):03}{self.pick(['', '.', ',', ' million', ' %'])}"
        if u < 0.64:
            return self.pick([f"[{n(1, 60)}]", f"[{n(1, 30)},{n(31, 60)}].", f"({n(1900, 2030)})", f"({n(1900, 2030)}),", f"{n(1, 9)})", f"§ {n(1, 300)}", f"#{n(1, 9999)}"])
        if u < 0.74:
            return self.pick(["a", "b", "c", "x", "y", "z", "n", "k", "i", "j", "I", "A", "E", "N", "R", "Y", "V", "o", "u", "w", "s", "q", "p", "g"]) + self.pick(["", "", ",", ".", "1", "2,", " =", "_i", "^2"])
        if u < 0.86:
            name = "_".join(x.strip(".,;:()").lower() for x in self.words(1, 3).split())
            return self.pick([f"\\{name}{{{self.words(1, 1).strip('.,')}}}", f"\\{name}", f"{name}()", f"{{{name}}}", f"{name};", f"{name}[{n(0, 9)}]", f"--{name}", f"'{name}'", f"\"{name}\":", f"<{name}>", f"{name} |", f"{name}={n(0, 99)}"])
        if u < 0.93:
            return self.pick([self.fake.email(), self.fake.email() + ",", "www." + self.fake.domain_name(), "https://" + self.fake.domain_name() + "/" + self.fake.slug(), "@" + self.fake.user_name()])
        return self.pick(["–", "—", "|", "/", "&", "•", "*", "+", "=", "×", "…", "°C", "½", "®", "©", "™", "~", "{", "}", "\\",
                          "→", "←", "†", "‡", "■", f"≤ {n(1, 99)}", f"≥ {n(1, 99)},", f"−{n(1, 999)}", f"≈ {n(1, 99)}.{n(0, 9)}", "≠", f"{n(1, 99)} ‰",
                          f"№ {n(1, 999)}", f"□ {self.words(1, 1)}", f"✓ {self.words(1, 1)}", f"{n(1, 30)} ± {n(1, 9)}"])

    def title(self):
        text = self.words(1, 7).strip(".,;:")
        u = self.rng.random()
        return text.upper() if u < 0.3 else text.title() if u < 0.5 else text[:1].upper() + text[1:]

    def paragraph(self, low=20, high=110):
        """HTML of a paragraph with some of its words set apart."""
        parts = []
        for word in self.words(low, high).split():
            word = html.escape(word)
            u = self.rng.random()
            tag = "b" if u < 0.012 else "i" if u < 0.024 else "u" if u < 0.028 else "a" if u < 0.032 else None
            parts.append(f"<{tag}>{word}</{tag}>" if tag else word)
        return " ".join(parts)

    def money(self):
        value = float(np.exp(self.rng.uniform(0, 10)))
        text = f"{value:,.2f}"
        if self.language != "en" and self.chance(0.8):
            text = text.replace(",", "x").replace(".", ",").replace("x", self.pick([".", " ", "."]))
        u = self.rng.random()
        return f"€ {text}" if u < 0.1 else f"{text} €" if u < 0.2 else f"${text}" if u < 0.3 else f"£{text}" if u < 0.35 else text

    def code_word(self):
        u = self.rng.random()
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        if u < 0.3:
            return f"{self.pick(letters)}{self.pick(letters)}-{self.number(0, 99999):05}"
        if u < 0.5:
            return f"{self.number(1, 999)}{self.pick('./-')}{self.number(1, 99)}"
        if u < 0.65:
            return f"{self.rng.random() * 100:.{self.number(0, 3)}f} %"
        if u < 0.75:
            return "".join(self.pick(letters + "0123456789") for _ in range(self.number(5, 17)))
        if u < 0.85:
            return f"({self.number(1, 50)})"
        return str(self.number(0, 10 ** self.number(1, 7)))

    def date(self):
        y, m, d = self.number(1950, 2030), self.number(1, 12), self.number(1, 28)
        return self.pick([f"{d:02}.{m:02}.{y}", f"{y}-{m:02}-{d:02}", f"{m}/{d}/{y % 100:02}", f"{d}/{m:02}/{y}", self.fake.date(pattern="%d %B %Y")])

    def value(self):
        kinds = [self.money, self.code_word, self.date, self.fake.name, self.fake.city, self.fake.company, self.fake.phone_number,
                 self.fake.email, lambda: self.words(1, 4), lambda: self.pick(["-", "yes", "no", "n/a", "x", "0", "–", "1", "A", "B"])]
        return " ".join(str(self.pick(kinds)()).split())

    def address(self):
        return [x.strip() for x in (self.fake.name() + "\n" + self.fake.address()).splitlines() if x.strip()]

    def label(self):
        return self.pick(self.labels) if self.chance(0.6) else self.words(1, 3).strip(".,;:")

    def ink(self, dark):
        base = self.rng.integers(0, 60, 3) if dark else self.rng.integers(190, 256, 3)
        if self.chance(0.25):
            base = self.rng.integers(0, 130, 3) if dark else self.rng.integers(150, 256, 3)
        return "rgb({},{},{})".format(*base.tolist())

    def family(self, kind=None):
        kind = kind or ("sans" if self.chance(0.5) else "serif" if self.chance(0.8) else "mono" if self.chance(0.4) else "display")
        return "'" + self.pick({"sans": SANS, "serif": SERIF, "mono": MONO, "display": DISPLAY}[kind]) + "'"

    def color(self):
        return "rgb({},{},{})".format(*self.rng.integers(20, 190, 3).tolist())


def e(text):
    return html.escape(text)


def heading(w, size):
    spacing = w.rng.uniform(0, 0.25) if w.chance(0.15) else 0
    align = w.pick(["left", "left", "center", "right"])
    weight = w.pick([400, 700, 700])
    return (f"<div style='font-size:{size:.1f}px;letter-spacing:{spacing:.2f}em;text-align:{align};font-weight:{weight};"
            f"font-family:{w.family()};margin:{w.rng.uniform(.3, 1):.2f}em 0 {w.rng.uniform(.2, .7):.2f}em;line-height:1.15'>{e(w.title())}</div>")


def table(w, size):
    """A table: ruled, half ruled or bare; with a dark head or zebra rows."""
    columns, rows = w.number(2, 8), w.number(3, 16)
    style = w.pick(["all", "all", "rows", "head", "none", "none", "columns", "outer"])
    line = f"{w.pick([1, 1, 1, 2])}px {w.pick(['solid', 'solid', 'solid', 'dotted'])} {w.ink(True)}"
    cell = {"all": f"border:{line}", "rows": f"border-bottom:{line}", "columns": f"border-left:{line};border-right:{line}"}.get(style, "")
    pad_x = w.number(2, 14) if style in ("all", "columns") else w.number(7, 22)
    pad_y = w.number(0, 8)
    kinds = [w.pick(["text", "label", "money", "code", "date", "value"]) for _ in range(columns)]
    make = {"text": lambda: w.words(1, 9), "label": w.label, "money": w.money, "code": w.code_word, "date": w.date, "value": w.value}
    aligns = ["right" if k in ("money", "code") and w.chance(0.7) else w.pick(["left", "left", "center"]) for k in kinds]
    head = ""
    if w.chance(0.6):
        dark = f"background:{w.color()};color:#fff;" if w.chance(0.4) else ""
        rule = f"border-bottom:{line};" if style == "head" else ""
        head = "".join(f"<th style='{dark}{rule}{cell};padding:{pad_y}px {pad_x}px;text-align:{a}'>{e(w.label())}</th>" for a in aligns)
        head = f"<tr>{head}</tr>"
    zebra = w.ink(False) if w.chance(0.2) else None
    body = ""
    for r in range(rows):
        fill = f"background:{zebra};color:#111;" if zebra and r % 2 else ""
        cells = "".join(
            f"<td style='{cell};padding:{pad_y}px {pad_x}px;text-align:{a};{'white-space:nowrap' if k != 'text' else ''}'>"
            f"{e(make[k]()) if w.chance(0.93) else ''}</td>"
            for k, a in zip(kinds, aligns))
        body += f"<tr style='{fill}'>{cells}</tr>"
    outer = f"border:{line};" if style == "outer" else ""
    wide = "width:100%;" if w.chance(0.5) else ""
    return f"<table style='border-collapse:collapse;{outer}{wide}font-size:{size:.1f}px;margin:.8em 0;vertical-align:top'>{head}{body}</table>"


def listing(w):
    out, mark = "", w.pick(["•", "-", "–", "1", "a", "*", "·", "(1)", "»"])
    for i in range(w.number(3, 10)):
        m = f"{i + 1}." if mark == "1" else f"{chr(97 + i)})" if mark == "a" else f"({i + 1})" if mark == "(1)" else mark
        out += (f"<div style='display:flex;margin:.25em 0 .25em {w.pick([0, 1, 2])}em'><div style='min-width:{w.pick([1.6, 2, 2.6])}em'>{e(m)}</div>"
                f"<div>{w.paragraph(2, 28)}</div></div>")
    return out


def figure(w):
    tone = w.rng.integers(90, 230, 3).tolist()
    other = w.rng.integers(60, 240, 3).tolist()
    caption = f"<div style='font-size:.85em'>{w.paragraph(4, 18)}</div>" if w.chance(0.6) else ""
    return (f"<div style='margin:.7em 0;break-inside:avoid'><div style='height:{w.number(40, 190)}px;background:linear-gradient({w.number(0, 180)}deg,"
            f"rgb({tone[0]},{tone[1]},{tone[2]}),rgb({other[0]},{other[1]},{other[2]}))'></div>{caption}</div>")


def flow(w, size, count):
    """Headings, paragraphs, lists, figures and tables one after another."""
    out = ""
    indent = f"text-indent:{w.rng.uniform(.8, 2):.1f}em;margin:0" if w.chance(0.4) else f"margin:0 0 {w.rng.uniform(.3, 1.1):.2f}em"
    for _ in range(count):
        u = w.rng.random()
        if u < 0.13:
            out += heading(w, size * w.rng.uniform(1.0, 2.2))
        elif u < 0.2:
            out += listing(w)
        elif u < 0.25:
            out += figure(w)
        else:
            note = f"<sup style='font-size:.7em'>{w.number(1, 40)}</sup>" if w.chance(0.08) else ""
            out += f"<p style='{indent}'>{w.paragraph()}{note}</p>"
    return out


def article(w):
    size = w.pick([w.rng.uniform(6.5, 10), w.rng.uniform(10, 15), w.rng.uniform(12, 17), w.rng.uniform(16, 26)])
    columns = w.pick([1, 1, 2, 2, 3, 4]) if size < 13 else w.pick([1, 1, 2])
    rule = f"column-rule:1px solid {w.ink(True)};" if w.chance(0.2) else ""
    gap = w.rng.uniform(1.1, 3)
    head = f"<div style='display:flex;justify-content:space-between;font-size:.85em;margin-bottom:1.2em'><div>{e(w.title())}</div><div>{w.number(1, 600)}</div></div>" if w.chance(0.4) else ""
    top = heading(w, size * w.rng.uniform(1.4, 3.2)) if w.chance(0.7) else ""
    foot = (f"<div style='border-top:1px solid #555;width:{w.pick([30, 100])}%;margin-top:1em'></div><div style='font-size:.8em'>{w.paragraph(8, 50)}</div>") if w.chance(0.3) else ""
    align = w.pick(["justify", "justify", "left"])
    body = flow(w, size, w.number(5, 26) * (2 if size < 10 else 1))
    return (f"{head}{top}<div style='columns:{columns};column-gap:{gap:.1f}em;{rule}text-align:{align};font-size:{size:.1f}px;"
            f"line-height:{w.rng.uniform(1.08, 1.7):.2f}'>{body}</div>{foot}"), size


def tables(w):
    size = w.rng.uniform(7, 16)
    out = heading(w, size * 1.6) if w.chance(0.6) else ""
    for _ in range(w.number(1, 4)):
        out += f"<p>{w.paragraph(8, 50)}</p>" if w.chance(0.6) else ""
        out += table(w, size)
    return out, size


def form(w):
    size = w.rng.uniform(8, 15)
    out = heading(w, size * w.rng.uniform(1.3, 2.2))
    style = w.pick(["boxes", "lines", "grid", "grid"])
    ink = w.ink(True)
    for _ in range(w.number(6, 18)):
        cells = ""
        for _ in range(w.number(1, 4)):
            label, value = e(w.label()) + w.pick([":", "", "."]), e(w.value()) if w.chance(0.7) else ""
            if style == "grid":
                cells += (f"<div style='flex:{w.number(1, 3)};border:1px solid {ink};margin:-1px 0 0 -1px;padding:1px 4px'><div style='font-size:.72em'>{label}</div>"
                          f"<div style='min-height:1.3em'>{value}</div></div>")
            elif style == "boxes":
                cells += f"<div style='flex:1;display:flex;gap:1em;margin:3px'><div>{label}</div><div style='flex:1;border:1px solid {ink};padding:1px 5px;min-height:1.2em'>{value}</div></div>"
            else:
                cells += f"<div style='flex:1;display:flex;gap:.9em;margin:4px 10px 4px 0'><div>{label}</div><div style='flex:1;border-bottom:1px solid {ink}'>{value}</div></div>"
        if w.chance(0.15):
            cells = "".join(f"<div style='display:flex;gap:1em;margin:4px 1.5em 4px 0'><div style='width:.9em;height:.9em;border:1px solid {ink};text-align:center;line-height:.9em'>{'x' if w.chance(.3) else ''}</div><div>{e(w.label())}</div></div>" for _ in range(w.number(2, 4)))
        out += f"<div style='display:flex'>{cells}</div>"
        if w.chance(0.08):
            bar = f"background:{w.color()};color:#fff" if w.chance(0.6) else "background:#ccc"
            out += f"<div style='{bar};padding:2px 6px;margin:6px 0'>{e(w.title())}</div>"
    return out, size


def invoice(w):
    size = w.rng.uniform(8.5, 14)
    left, right = (w.address() for _ in range(2))
    block = lambda lines: "<div>" + "".join(f"<div>{e(x)}</div>" for x in lines) + "</div>"
    facts = "".join(f"<div style='display:flex;gap:1.5em;justify-content:space-between'><div>{e(w.label())}:</div><div>{e(w.value())}</div></div>" for _ in range(w.number(2, 6)))
    totals = "".join(f"<div style='display:flex;gap:3em;justify-content:flex-end'><div>{e(w.label())}</div><div>{e(w.money())}</div></div>" for _ in range(w.number(1, 4)))
    return (f"{heading(w, size * w.rng.uniform(1.5, 3))}<div style='display:flex;justify-content:space-between;margin:1em 0'>{block(left)}<div>{facts}</div></div>"
            f"{block(right)}{table(w, size)}{totals}<p style='font-size:.8em'>{w.paragraph(10, 60)}</p>"), size


def letter(w):
    size = w.rng.uniform(11, 18)
    block = lambda lines, a: f"<div style='text-align:{a};margin-bottom:1.6em'>" + "".join(f"<div>{e(x)}</div>" for x in lines) + "</div>"
    body = "".join(f"<p style='margin:0 0 .9em'>{w.paragraph(20, 90)}</p>" for _ in range(w.number(2, 6)))
    return (f"{block(w.address(), w.pick(['right', 'center', 'left']))}{block(w.address(), 'left')}<div style='text-align:right'>{e(w.fake.city())}, {e(w.date())}</div>"
            f"<p><b>{e(w.title())}</b></p>{body}<p>{e(w.words(2, 4))},</p><p style='margin-top:3em'>{e(w.fake.name())}</p>"), size


def contents(w):
    size, out = w.rng.uniform(9, 17), heading(w, 24)
    dots = w.chance(0.6)
    for i in range(w.number(10, 34)):
        title, page = e(w.title()), w.number(1, 900)
        number = f"<div style='min-width:3em'>{i // 4 + 1}.{i % 4 + 1}</div>" if w.chance(0.9) else ""
        fill = f"<div style='flex:1;overflow:hidden;height:1.3em;border-bottom:2px dotted #444;margin:0 .6em .3em'></div>" if dots else "<div style='flex:1;min-width:2em'></div>"
        out += f"<div style='display:flex;margin:.2em 0 .2em {w.pick([0, 0, 1.5])}em;line-height:1.3'>{number}<div>{title}</div>{fill}<div>{page}</div></div>"
    return out, size


def code(w):
    size = w.rng.uniform(8, 17)
    lines = w.pick(w.code)
    start = w.number(0, max(len(lines) - 45, 0))
    numbers = w.chance(0.5)
    colors = [w.color() if w.chance(0.6) else "inherit" for _ in range(4)]
    out = ""
    for i, line in enumerate(lines[start : start + w.number(12, 70)]):
        indent = len(line) - len(line.lstrip())
        words = " ".join(f"<span style='color:{w.pick(colors)}'>{e(x)}</span>" for x in line.split())
        number = f"<div style='width:3em;opacity:.6;text-align:right;margin-right:1.6em'>{start + i + 1}</div>" if numbers else ""
        out += f"<div style='display:flex;white-space:nowrap;min-height:1.2em'>{number}<div style='margin-left:{indent * .6:.1f}em'>{words}</div></div>"
    return f"<div style='font-family:{w.family('mono')};font-size:{size:.1f}px;line-height:{w.rng.uniform(1.15, 1.6):.2f}'>{out}</div>", size


def slide(w):
    size = w.rng.uniform(18, 40)
    out = heading(w, size * w.rng.uniform(1.3, 2.4))
    out += listing(w) if w.chance(0.7) else "".join(f"<p>{w.paragraph(3, 20)}</p>" for _ in range(w.number(1, 4)))
    if w.chance(0.3):
        out = f"<div style='display:flex;gap:2em'><div style='flex:1'>{out}</div><div style='flex:1'>{figure(w)}{listing(w)}</div></div>"
    return out, size


def poster(w):
    out = ""
    for _ in range(w.number(3, 9)):
        size = float(np.exp(w.rng.uniform(np.log(14), np.log(150))))
        text = w.words(1, max(1, int(170 / size)))
        text = text.upper() if w.chance(0.5) else text
        out += (f"<div style='font-family:{w.family(w.pick(['display', 'display', 'sans', 'serif']))};font-size:{size:.0f}px;font-weight:{w.pick([300, 400, 700, 900])};"
                f"text-align:{w.pick(['center', 'left', 'right'])};color:{w.color() if w.chance(.4) else 'inherit'};letter-spacing:{w.rng.uniform(0, .2) if w.chance(.2) else 0:.2f}em;"
                f"line-height:1.1;margin:.2em 0'>{e(text)}</div>")
    return out, 40


def menu(w):
    size, out = w.rng.uniform(11, 22), heading(w, 38)
    for _ in range(w.number(2, 5)):
        out += heading(w, size * 1.4)
        for _ in range(w.number(2, 7)):
            detail = f"<div style='font-size:.8em;font-style:italic'>{e(w.words(3, 12))}</div>" if w.chance(0.5) else ""
            out += f"<div style='display:flex;justify-content:space-between;gap:2em;margin:.3em 0'><div>{e(w.title())}{detail}</div><div>{e(w.money())}</div></div>"
    return f"<div style='columns:{w.pick([1, 1, 2])};column-gap:3em;font-size:{size:.1f}px'>{out}</div>", size


def screen(w):
    """A window of an application."""
    size = w.rng.uniform(10, 16)
    bar = "".join(f"<div style='padding:.3em .9em'>{e(w.label())}</div>" for _ in range(w.number(3, 9)))
    side = "".join(f"<div style='padding:.35em .8em;white-space:nowrap'>{e(w.words(1, 3))}</div>" for _ in range(w.number(6, 18)))
    buttons = "".join(f"<div style='padding:.3em 1em;border-radius:4px;background:{w.color()};color:#fff;margin-right:.8em'>{e(w.label())}</div>" for _ in range(w.number(1, 4)))
    main = w.pick([lambda: table(w, size), lambda: flow(w, size, 6), lambda: form(w)[0], lambda: code(w)[0]])()
    return (f"<div style='display:flex;border-bottom:1px solid #888'>{bar}</div><div style='display:flex'><div style='border-right:1px solid #888;min-width:9em;margin-right:1.5em'>{side}</div>"
            f"<div style='flex:1'>{heading(w, size * 1.5)}<div style='display:flex;margin:.6em 0'>{buttons}</div>{main}</div></div>"), size


KINDS = [(article, 0.3), (tables, 0.14), (form, 0.1), (invoice, 0.08), (letter, 0.06), (contents, 0.04), (code, 0.07), (slide, 0.05),
         (poster, 0.06), (menu, 0.03), (screen, 0.07)]


def document(w):
    """HTML of a page, its size in CSS pixels and the pixels of the picture for each of these."""
    make = [k for k, _ in KINDS][w.rng.choice(len(KINDS), p=[p for _, p in KINDS])]
    body, size = make(w)
    dark = w.chance({screen: 0.45, code: 0.5, slide: 0.3, poster: 0.4}.get(make, 0.03))
    if make in (slide, screen) or w.chance(0.1):
        width, height = w.pick([(960, 540), (1024, 768), (1280, 720), (1100, 620)])
    else:
        width, height = w.pick([(794, 1123), (794, 1123), (816, 1056), (559, 794), (794, 560), (600, 900)])
    dpi = float(np.exp(w.rng.uniform(np.log(72), np.log(230))))
    if w.chance(0.15):
        # High resolutions of a part of a page.
        height //= 2
        dpi = w.rng.uniform(220, 400)
    paper = ("rgb({},{},{})".format(*w.rng.integers(0, 55, 3).tolist()) if dark
             else "#fff" if w.chance(0.7) else "rgb({},{},{})".format(*w.rng.integers(215, 256, 3).tolist()))
    margin = w.number(8, 30) if make is screen else w.number(24, 90)
    align = "" if make is not article else ""
    page = (f"<!DOCTYPE html><html lang='{w.language}'><meta charset='utf-8'><style>*{{box-sizing:border-box}}html{{background:{paper}}}"
            f"body{{margin:0;padding:{margin}px;font-family:{w.family()};font-size:{size:.1f}px;color:{w.ink(not dark)};line-height:{w.rng.uniform(1.1, 1.6):.2f};"
            f"hyphens:manual;overflow-wrap:break-word;{align}}}p{{margin:.5em 0}}th{{font-weight:{w.pick([400, 700, 700])}}}</style><body>{body}</body></html>")
    return page, width, height, dpi / 96, make.__name__


def bent(image, rng):
    """A page photographed: in perspective, curled, on a desk, in uneven light. The picture and the map of its points."""
    h, w = image.shape[:2]
    border = 0.06
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = corners + rng.uniform(-0.07, 0.07, (4, 2)) * [w, h]
    moved = moved * (1 - 2 * border) + border * np.array([w, h])
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    curl = rng.uniform(-0.02, 0.02) * h if rng.random() < 0.6 else 0.0
    phase, waves = rng.uniform(0, np.pi), rng.uniform(0.5, 1.3)

    def there(points):
        points = np.asarray(points, np.float64).reshape(-1, 2).copy()
        points[:, 1] += curl * np.sin(phase + waves * np.pi * points[:, 0] / w)
        return cv2.perspectiveTransform(points[None], matrix)[0]

    inverse = np.linalg.inv(matrix)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    k = inverse[2, 0] * xs + inverse[2, 1] * ys + inverse[2, 2]
    map_x = ((inverse[0, 0] * xs + inverse[0, 1] * ys + inverse[0, 2]) / k).astype(np.float32)
    map_y = ((inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]) / k).astype(np.float32)
    map_y -= (curl * np.sin(phase + waves * np.pi * map_x / w)).astype(np.float32)
    desk = rng.integers(10, 200, 3).tolist()
    out = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderValue=desk).astype(np.float32)
    shade = cv2.resize(rng.uniform(0.55, 1.05, (3, 3)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    out *= shade[:, :, None] * rng.uniform(0.85, 1.08, 3).astype(np.float32)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.1))
    out += rng.normal(0, rng.uniform(1, 8), out.shape)
    return out.clip(0, 255).astype(np.uint8), there


def copied(image, rng):
    """A page through a scanner or a fax."""
    x = image.astype(np.float32)
    h, w = x.shape[:2]
    if rng.random() < 0.5:
        x[:] = x.mean(2, keepdims=True)
    if rng.random() < 0.25:
        # The back of the sheet shines through.
        back = cv2.GaussianBlur(x[:, ::-1], (0, 0), 1.5)
        x = np.minimum(x, 255 - (255 - back) * rng.uniform(0.05, 0.2))
    if rng.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.3:
        low, high = rng.uniform(0, 90), rng.uniform(170, 255)
        x = low + x * (high - low) / 255
    if rng.random() < 0.25:
        x = x + cv2.resize(rng.normal(0, 12, (h // 8 + 1, w // 8 + 1, 1)).astype(np.float32), (w, h))[:, :, None]
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(2, 14), (h, w, 1))
    if rng.random() < 0.2:
        # Two tones, as faxes and old copies have them.
        gray = x.mean(2)
        x = np.repeat(np.where(gray > gray.max() * rng.uniform(0.45, 0.7), 255.0, 0.0)[:, :, None], 3, 2)
    if rng.random() < 0.2:
        for _ in range(rng.integers(1, 4)):
            x[:, rng.integers(0, w)] = rng.uniform(0, 255)
    return x.clip(0, 255).astype(np.uint8)


def along(polygon, count=8):
    """The outline of an upright rectangle with points along its long sides."""
    x0, y0, x1, y1 = polygon[0], polygon[1], polygon[4], polygon[5]
    xs = np.linspace(x0, x1, count)
    return [v for x in xs for v in (x, y0)] + [v for x in xs[::-1] for v in (x, y1)]


def annotate(words, image):
    """Words and lines of a rendered page; those cut by its edge, or all but invisible, are ignored."""
    h, w = image.shape[:2]
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    annotations, rows = [], {}
    for text, row, x0, y0, x1, y1 in words:
        if x1 <= 1 or y1 <= 1 or x0 >= w - 1 or y0 >= h - 1 or x1 - x0 < 1.5 or y1 - y0 < 3:
            continue
        cut = x0 < 0 or y0 < 0 or x1 > w or y1 > h
        seen = gray[max(int(y0), 0) : int(y1) + 1, max(int(x0), 0) : int(x1) + 1]
        # Ink that hardly differs from its ground is no text to be found.
        cut = cut or int(seen.max()) - int(seen.min()) < 50
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
        top, low = inked(gray, x0, y0, x1, y1)
        a = {"polygon": [x0, y0, x1, y0, x1, y1, x0, y1], "text": text, "ignore": cut, "line": row}
        if not cut:
            rows.setdefault(row, []).append(a)
        annotations.append((a, top, low))
    lines = [{"polygon": a["polygon"], "text": a["text"], "ignore": True} for a, _, _ in annotations if a["ignore"]]
    for row in rows.values():
        for part in parts_of(row, gray):
            x0, y0 = (min(p["polygon"][k] for p in part) for k in (0, 1))
            x1, y1 = (max(p["polygon"][k] for p in part) for k in (4, 5))
            top, low = inked(gray, x0, y0, x1, y1)
            lines.append({"polygon": [x0, top, x1, top, x1, low, x0, low], "text": " ".join(p["text"] for p in part), "ignore": False})
    for a, top, low in annotations:
        x0, x1 = a["polygon"][0], a["polygon"][2]
        a["polygon"] = [x0, top, x1, top, x1, low, x0, low]
    return [a for a, _, _ in annotations], lines


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--texts", required=True, type=pathlib.Path)
    p.add_argument("--code", required=True, type=pathlib.Path)
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--marks", type=float, default=0.0, help="share of words that get quotes, brackets, or an aside before them, each")
    p.add_argument("--chromium", default="chromium")
    a = p.parse_args()
    from faker import Faker

    cv2.setNumThreads(1)
    texts = {f.stem: f.read_text(encoding="utf-8").splitlines() for f in sorted(a.texts.glob("*.txt"))}
    sources = sorted(f for k in ("rs", "py", "js", "c", "toml", "sh") for f in a.code.rglob(f"*.{k}") if f.stat().st_size < 60000)
    order = np.random.default_rng(0).permutation(len(sources))[:1500]
    code_lines = []
    for k in order:
        lines = [x[:110] for x in sources[k].read_text(encoding="utf-8", errors="ignore").expandtabs(4).splitlines() if x.isascii()]
        if len(lines) > 15:
            code_lines.append(lines)
    fakers = {k: Faker(LOCALES.get(k, ["en_US"])) for k in texts}
    (a.out / "images").mkdir(parents=True, exist_ok=True)
    browser = Browser(a.chromium)
    words = lines_count = 0
    with open(a.out / "gt.partial", "w", encoding="utf-8") as f:
        for i in range(a.count):
            rng = np.random.default_rng([a.seed, i])
            for fake in fakers.values():
                fake.seed_instance(int(a.seed * 100003 + i))
            writer = Writer(rng, texts, code_lines, fakers, a.marks)
            page, width, height, scale, kind = document(writer)
            image, found = browser.page(page, width, height, scale, rng.random())
            annotations, lines = annotate(found, image)
            if not any(not x["ignore"] for x in lines):
                continue
            look, bend = rng.random(), None
            if look < 0.2:
                image, bend = bent(image, rng)
            elif look < 0.5:
                image = copied(image, rng)
            for x in annotations + lines:
                if bend is not None:
                    x["polygon"] = bend(along(x["polygon"])).reshape(-1)
                x["polygon"] = [round(float(v), 1) for v in x["polygon"]]
            name = f"{a.seed}_{i:05}.jpg"
            quality = int(rng.integers(35, 96)) if rng.random() < 0.5 else 95
            cv2.imwrite(str(a.out / "images" / name), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            row = {"file_name": name, "height": image.shape[0], "width": image.shape[1], "kind": kind, "lang": writer.language,
                   "scene": False, "annotations": annotations, "lines": lines}
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
            words, lines_count = words + len(annotations), lines_count + len(lines)
    browser.close()
    (a.out / "gt.partial").rename(a.out / "gt.jsonl")
    print(f"{a.count} pages, {lines_count} lines, {words} words in {a.out}")


if __name__ == "__main__":
    main()
