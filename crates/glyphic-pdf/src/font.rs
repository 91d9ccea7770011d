//! A font whose glyphs draw nothing: what invisible text is set in, embedded so that PDF/A stays PDF/A.

use std::collections::BTreeSet;
use std::io;

use lopdf::{Dictionary, Object, ObjectId, Stream};

use crate::write::deflated;

/// Widths of characters, in thousandths of the font size. Each has a glyph of its own, from glyph 1: PDF/A wants the widths
/// of the embedded font in the file's dictionaries, and no character without a glyph.
const WIDTHS: [u16; 11] = [556, 222, 278, 333, 500, 600, 667, 722, 778, 833, 1000];

/// Width of most characters.
pub(crate) const DEFAULT: u16 = WIDTHS[0];

/// The width of a UTF-16 unit, in thousandths of the font size: about that of a usual sans serif, so that most words of a
/// line are as wide as in print with one stretch for all of them.
pub(crate) fn width(unit: u16) -> u16 {
    let Some(c) = char::from_u32(u32::from(unit)) else { return 500 };
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '\u{2018}' | '\u{2019}' => 222,
        ' '
        | '!'
        | '.'
        | ','
        | ':'
        | ';'
        | '/'
        | '\\'
        | 'f'
        | 't'
        | 'I'
        | '['
        | ']'
        | 'ì'..='ï'
        | 'Ì'..='Ï'
        | 'ı'
        | 'ł' => 278,
        'r' | '(' | ')' | '-' | '`' | '{' | '}' | '"' | '*' | '°' | '\u{201c}'..='\u{201e}' => 333,
        's' | 'c' | 'k' | 'v' | 'x' | 'y' | 'z' | 'J' | 'ç' | 'š' | 'ž' => 500,
        'F' | 'T' | 'Z' | 'L' => 600,
        'A' | 'B' | 'E' | 'K' | 'P' | 'S' | 'V' | 'X' | 'Y' | '&' | 'À'..='Å' | 'È'..='Ë' => 667,
        'C' | 'D' | 'H' | 'N' | 'R' | 'U' | 'w' | 'Ù'..='Ü' => 722,
        'G' | 'O' | 'Q' | 'Ò'..='Ö' => 778,
        'm' | 'M' => 833,
        'W' | '%' | '@' | '—' | '…' => 1000,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' => 1000,
        '\u{ff00}'..='\u{ff60}' => 1000,
        _ => DEFAULT,
    }
}

/// The glyph of a UTF-16 unit.
fn glyph(unit: u16) -> u16 {
    let width = width(unit);
    WIDTHS.iter().position(|w| *w == width).map_or(1, |index| index as u16 + 1)
}

/// Neighbouring characters in PDF's array `W`.
pub(crate) enum Widths {
    /// One width from the first to the last.
    Same(u16, u16, u16),
    /// Widths one by one from the first.
    Each(u16, Vec<u16>),
}

/// The widths other than [`DEFAULT`].
pub(crate) fn widths() -> Vec<Widths> {
    /// So many neighbours of one width are a range.
    const RANGE: usize = 4;
    let mut runs: Vec<(u16, usize)> = Vec::new();
    for unit in 0..=u16::MAX {
        match runs.last_mut() {
            Some((first, count)) if width(*first) == width(unit) => *count += 1,
            _ => runs.push((unit, 1)),
        }
    }
    let mut out = Vec::new();
    let mut next: Option<u32> = None;
    for (first, count) in runs {
        let unit = width(first);
        if count >= RANGE {
            if unit != DEFAULT {
                out.push(Widths::Same(first, first + (count - 1) as u16, unit));
            }
            next = None;
            continue;
        }
        match out.last_mut() {
            Some(Widths::Each(_, list)) if next == Some(u32::from(first)) => {
                list.extend(std::iter::repeat_n(unit, count));
            }
            _ if unit == DEFAULT => continue,
            _ => out.push(Widths::Each(first, vec![unit; count])),
        }
        next = Some(u32::from(first) + count as u32);
    }
    out
}

/// Height above the baseline, in thousandths.
pub(crate) const ASCENT: f64 = 750.0;

/// Depth below the baseline, in thousandths, negative.
pub(crate) const DESCENT: f64 = -250.0;

/// The name in font dictionaries and of the embedded font.
pub(crate) const NAME: &str = "GlyphicInvisible";

/// How text stands in its strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    /// One byte a character, of WinAnsiEncoding: a tenth less than [`Coding::Utf16`] when deflated. A simple font: embedded
    /// tables of codes, by which composite fonts could have bytes too, are not understood by all readers (pdfminer).
    WinAnsi,
    /// UTF-16, big-endian, for everything else.
    Utf16,
}

/// What the bytes 0x80 to 0x9F mean in WinAnsiEncoding; 0 where nothing.
const WIN_ANSI: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
    0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0, 0x017E, 0x0178,
];

/// The first byte that means something in WinAnsiEncoding.
const FIRST: u8 = 0x20;

/// The UTF-16 unit of a byte of WinAnsiEncoding. The hard space and the soft hyphen, which are a space and a hyphen there,
/// are left out.
fn win_ansi(byte: u8) -> Option<u16> {
    match byte {
        FIRST..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => Some(byte.into()),
        0x80..=0x9F => Some(WIN_ANSI[usize::from(byte - 0x80)]).filter(|unit| *unit != 0),
        _ => None,
    }
}

/// The byte of a UTF-16 unit in WinAnsiEncoding.
fn win_ansi_byte(unit: u16) -> Option<u8> {
    let byte = match u8::try_from(unit) {
        Ok(byte) => byte,
        Err(_) => 0x80 + WIN_ANSI.iter().position(|known| *known == unit)? as u8,
    };
    (win_ansi(byte) == Some(unit)).then_some(byte)
}

impl Coding {
    /// The shortest that has all of some units.
    pub(crate) fn of(units: &[u16]) -> Self {
        let short = units.iter().all(|unit| win_ansi_byte(*unit).is_some());
        if short { Self::WinAnsi } else { Self::Utf16 }
    }

    /// The name in pages' resources. A name means one coding for good: text of an earlier run may stand on the same page.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::WinAnsi => "Gly8",
            Self::Utf16 => "Gly16",
        }
    }

    /// Units as a string; those that the coding has not are left out.
    pub(crate) fn string(self, units: &[u16]) -> Vec<u8> {
        match self {
            Self::WinAnsi => units.iter().filter_map(|unit| win_ansi_byte(*unit)).collect(),
            Self::Utf16 => units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        }
    }
}

/// Adds the objects of the font in some codings by `add`, which numbers an object, and gives back the fonts themselves. The
/// glyphs are the same in all of them.
pub(crate) fn fonts(
    codings: &BTreeSet<Coding>,
    add: &mut dyn FnMut(Object) -> io::Result<ObjectId>,
) -> io::Result<Vec<(Coding, Dictionary)>> {
    if codings.is_empty() {
        return Ok(Vec::new());
    }
    let font = truetype();
    let file = add(stream([("Length1", Object::Integer(font.len() as i64))], &font)?)?;
    let font = |coding: &Coding| {
        let font = match coding {
            Coding::WinAnsi => simple(file, add)?,
            Coding::Utf16 => {
                let descendant = descendant(file, add)?;
                let unicode = add(stream([], TO_UNICODE.as_bytes())?)?;
                Dictionary::from_iter([
                    ("Type", name("Font")),
                    ("Subtype", name("Type0")),
                    ("BaseFont", name(NAME)),
                    ("Encoding", name("Identity-H")),
                    ("DescendantFonts", Object::Array(vec![descendant.into()])),
                    ("ToUnicode", unicode.into()),
                ])
            }
        };
        Ok((*coding, font))
    };
    codings.iter().map(font).collect()
}

/// Flags of a font with a character set of its own, of one width, as most characters are; and of a Latin one.
const SYMBOLIC: i64 = 5;
const NONSYMBOLIC: i64 = 32;

/// The font in bytes.
fn simple(file: ObjectId, add: &mut dyn FnMut(Object) -> io::Result<ObjectId>) -> io::Result<Dictionary> {
    let descriptor = add(descriptor(file, NONSYMBOLIC))?;
    let widths = (FIRST..=u8::MAX).map(|byte| win_ansi(byte).map_or(DEFAULT, width));
    Ok(Dictionary::from_iter([
        ("Type", name("Font")),
        ("Subtype", name("TrueType")),
        ("BaseFont", name(NAME)),
        ("Encoding", name("WinAnsiEncoding")),
        ("FirstChar", Object::Integer(FIRST.into())),
        ("LastChar", Object::Integer(u8::MAX.into())),
        ("Widths", Object::Array(widths.map(|width| Object::Integer(width.into())).collect())),
        ("FontDescriptor", descriptor.into()),
    ]))
}

fn descriptor(file: ObjectId, flags: i64) -> Object {
    let integer = |v: f64| Object::Integer(v as i64);
    let bounds = [0.0, DESCENT, 1000.0, ASCENT].map(integer).to_vec();
    Object::Dictionary(Dictionary::from_iter([
        ("Type", name("FontDescriptor")),
        ("FontName", name(NAME)),
        ("Flags", Object::Integer(flags)),
        ("FontBBox", Object::Array(bounds)),
        ("ItalicAngle", Object::Integer(0)),
        ("Ascent", integer(ASCENT)),
        ("Descent", integer(DESCENT)),
        ("CapHeight", integer(ASCENT)),
        ("StemV", Object::Integer(80)),
        ("FontFile2", file.into()),
    ]))
}

/// The part of the font in UTF-16 that has its glyphs; the CIDs are UTF-16 units.
fn descendant(file: ObjectId, add: &mut dyn FnMut(Object) -> io::Result<ObjectId>) -> io::Result<ObjectId> {
    let number = |v: u16| Object::Integer(v.into());
    let glyphs: Vec<u8> = (0..=u16::MAX).flat_map(|unit| glyph(unit).to_be_bytes()).collect();
    let glyphs = add(stream([], &glyphs)?)?;
    let descriptor = add(descriptor(file, SYMBOLIC))?;
    let system = Dictionary::from_iter([
        ("Registry", Object::string_literal("Adobe")),
        ("Ordering", Object::string_literal("Identity")),
        ("Supplement", Object::Integer(0)),
    ]);
    let widths = widths().into_iter().flat_map(|row| match row {
        Widths::Same(first, last, width) => vec![number(first), number(last), number(width)],
        Widths::Each(first, list) => {
            vec![number(first), Object::Array(list.into_iter().map(number).collect())]
        }
    });
    add(Object::Dictionary(Dictionary::from_iter([
        ("Type", name("Font")),
        ("Subtype", name("CIDFontType2")),
        ("BaseFont", name(NAME)),
        ("CIDSystemInfo", Object::Dictionary(system)),
        ("FontDescriptor", descriptor.into()),
        ("DW", number(DEFAULT)),
        ("W", Object::Array(widths.collect())),
        ("CIDToGIDMap", glyphs.into()),
    ])))
}

fn name(name: &str) -> Object {
    Object::Name(name.as_bytes().to_vec())
}

/// A deflated stream with more entries in its dictionary.
fn stream<const N: usize>(entries: [(&str, Object); N], bytes: &[u8]) -> io::Result<Object> {
    let mut dictionary = Dictionary::from_iter(entries);
    dictionary.set("Filter", name("FlateDecode"));
    Ok(Object::Stream(Stream::new(dictionary, deflated(bytes)?)))
}

/// Codes are UTF-16 and mean themselves.
const TO_UNICODE: &str = "\
/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end
";

/// A TrueType font of empty glyphs: one that stands for no character, and one for each width.
fn truetype() -> Vec<u8> {
    let words = |values: &[u16]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let (ascent, descent) = (ASCENT as u16, (DESCENT as i16) as u16);
    let glyphs = WIDTHS.len() as u16 + 1;
    let mut head = words(&[1, 0, 1, 0, 0, 0, 0x5F0F, 0x3CF5, 0, 1000]);
    head.extend([0; 16]);
    head.extend(words(&[0, descent, 1000, ascent, 0, 8, 2, 0, 0]));
    let mut hhea = words(&[1, 0, ascent, descent, 0, 1000, 0, 0, 1000, 1, 0, 0]);
    hhea.extend(words(&[0, 0, 0, 0, 0, glyphs]));
    let hmtx: Vec<u16> = [DEFAULT].iter().chain(&WIDTHS).flat_map(|width| [*width, 0]).collect();
    let mut maxp = words(&[1, 0, glyphs]);
    maxp.extend(words(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
    // In the order of their tags, as the format wants it.
    let tables: [(&[u8; 4], Vec<u8>); 7] = [
        (b"cmap", words(&character_map())),
        (b"glyf", vec![0; 4]),
        (b"head", head),
        (b"hhea", hhea),
        (b"hmtx", words(&hmtx)),
        (b"loca", words(&vec![0; usize::from(glyphs) + 1])),
        (b"maxp", maxp),
    ];
    let mut font = words(&[1, 0, tables.len() as u16, 64, 2, 48]);
    let mut offset = font.len() + 16 * tables.len();
    let mut head = offset;
    for (tag, table) in &tables {
        if *tag == b"head" {
            head = offset;
        }
        font.extend(*tag);
        for number in [checksum(table), offset as u32, table.len() as u32] {
            font.extend(number.to_be_bytes());
        }
        offset += table.len().next_multiple_of(4);
    }
    for (_, table) in &tables {
        font.extend(table);
        font.resize(font.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xB1B0_AFBAu32.wrapping_sub(checksum(&font)).to_be_bytes();
    font[head + 8..head + 12].copy_from_slice(&adjustment);
    font
}

/// The table of the font that has the glyphs of WinAnsiEncoding's characters by their Unicode: stretches of neighbours,
/// and their glyphs one after the other (format 4).
fn character_map() -> Vec<u16> {
    let mut units: Vec<u16> = (FIRST..=u8::MAX).filter_map(win_ansi).collect();
    units.sort_unstable();
    let mut ends: Vec<u16> = units.windows(2).filter(|w| w[1] > w[0] + 1).map(|w| w[0]).collect();
    let mut starts: Vec<u16> = units.windows(2).filter(|w| w[1] > w[0] + 1).map(|w| w[1]).collect();
    starts.splice(..0, units.first().copied());
    ends.extend(units.last());
    // From each stretch's place in its list to the first of its glyphs, in bytes.
    let segments = starts.len() as u16 + 1;
    let mut before = 0;
    let mut offsets = Vec::new();
    for (i, (start, end)) in starts.iter().zip(&ends).enumerate() {
        offsets.push(2 * (segments - i as u16 + before));
        before += end - start + 1;
    }
    // The list ends with a stretch of the last code, which is no character.
    starts.push(u16::MAX);
    ends.push(u16::MAX);
    let mut deltas = vec![0; starts.len() - 1];
    deltas.push(1);
    offsets.push(0);
    let power = segments.ilog2();
    let range = 2_u16 << power;
    let length = 16 + 8 * segments + 2 * units.len() as u16;
    let glyphs = units.into_iter().map(glyph);
    // Version, number of tables; Windows' Unicode, 12 bytes from here; the table's head.
    let mut table = vec![0, 1, 3, 1, 0, 12, 4, length, 0];
    table.extend([2 * segments, range, power as u16, 2 * segments - range]);
    table.extend(ends);
    table.push(0);
    table.extend(starts.into_iter().chain(deltas).chain(offsets).chain(glyphs));
    table
}

/// The sum of a table's 32-bit words.
fn checksum(table: &[u8]) -> u32 {
    table.chunks(4).fold(0, |sum: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}
