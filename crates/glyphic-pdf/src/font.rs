//! A font whose glyphs draw nothing: what invisible text is set in, embedded so that PDF/A stays PDF/A.

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

/// The array `W` as text.
fn widths_array() -> String {
    let rows = widths().into_iter().map(|row| match row {
        Widths::Same(first, last, width) => format!("{first} {last} {width}"),
        Widths::Each(first, list) => {
            let list: Vec<String> = list.iter().map(u16::to_string).collect();
            format!("{first} [{}]", list.join(" "))
        }
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(" "))
}

/// Height above the baseline, in thousandths.
pub(crate) const ASCENT: f64 = 750.0;

/// Depth below the baseline, in thousandths, negative.
pub(crate) const DESCENT: f64 = -250.0;

/// The name in font dictionaries and of the embedded font.
pub(crate) const NAME: &str = "GlyphicInvisible";

/// The objects of the font, each its dictionary without `<<` and `>>`, and a stream where it has one. References are
/// written as `{n}`, n the index in this list; the first is the font itself.
pub(crate) fn objects() -> Vec<(String, Option<Vec<u8>>)> {
    let font = truetype();
    vec![
        (
            format!(
                "/Type /Font /Subtype /Type0 /BaseFont /{NAME} /Encoding /Identity-H /DescendantFonts [{{1}}] \
                 /ToUnicode {{4}}"
            ),
            None,
        ),
        (
            format!(
                "/Type /Font /Subtype /CIDFontType2 /BaseFont /{NAME} /CIDSystemInfo << /Registry (Adobe) \
                 /Ordering (Identity) /Supplement 0 >> /FontDescriptor {{2}} /DW {DEFAULT} /W {} /CIDToGIDMap {{5}}",
                widths_array()
            ),
            None,
        ),
        (
            format!(
                "/Type /FontDescriptor /FontName /{NAME} /Flags 5 /FontBBox [0 {DESCENT} 1000 {ASCENT}] \
                 /ItalicAngle 0 /Ascent {ASCENT} /Descent {DESCENT} /CapHeight {ASCENT} /StemV 80 /FontFile2 {{3}}"
            ),
            None,
        ),
        (format!("/Length1 {}", font.len()), Some(font)),
        (String::new(), Some(TO_UNICODE.as_bytes().to_vec())),
        (String::new(), Some((0..=u16::MAX).flat_map(|unit| glyph(unit).to_be_bytes()).collect())),
    ]
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
    let tables: [(&[u8; 4], Vec<u8>); 6] = [
        (b"glyf", vec![0; 4]),
        (b"head", head),
        (b"hhea", hhea),
        (b"hmtx", words(&hmtx)),
        (b"loca", words(&vec![0; usize::from(glyphs) + 1])),
        (b"maxp", maxp),
    ];
    let mut font = words(&[1, 0, tables.len() as u16, 64, 2, 32]);
    let mut offset = font.len() + 16 * tables.len();
    for (tag, table) in &tables {
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
    let head = 12 + 16 * tables.len() + 4;
    font[head + 8..head + 12].copy_from_slice(&adjustment);
    font
}

/// The sum of a table's 32-bit words.
fn checksum(table: &[u8]) -> u32 {
    table.chunks(4).fold(0, |sum: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}
