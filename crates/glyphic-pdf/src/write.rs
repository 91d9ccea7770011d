//! Searchable PDF: pictures or existing pages with their text over them, invisible.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};
use glyphic_core::{Image, Point, Polygon};
use lopdf::{Dictionary, IncrementalDocument, Object, ObjectId, Stream, Writer};

use crate::{
    Error, Result,
    font::{self, Coding},
    read::POINTS,
};

/// A word of the text layer to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct TextWord {
    /// What it says.
    pub text: String,
    /// Its outline in pixels, from the text's top-left corner clockwise; of other than four vertices the upright rectangle
    /// around them counts.
    pub polygon: Polygon,
}

/// The text of one page of an existing PDF, as it will be written: some bytes a word, so that many pages can wait.
#[derive(Debug, Clone, PartialEq)]
pub struct PageText {
    page: usize,
    /// Deflated; empty where there is no text.
    operators: Vec<u8>,
    codings: BTreeSet<Coding>,
}

impl PageText {
    /// The words of a page, counted from 0, in reading order. `to_page` leads from the words' pixels to the page's coordinates:
    /// `x' = a x + c y + e`, `y' = b x + d y + f`, in the order a to f.
    ///
    /// # Errors
    /// The system's.
    pub fn new(page: usize, words: &[TextWord], to_page: [f64; 6]) -> io::Result<Self> {
        if words.is_empty() {
            return Ok(Self { page, operators: Vec::new(), codings: BTreeSet::new() });
        }
        let mut operators = b"q\n".to_vec();
        let codings = text_operators(&mut operators, words, to_page);
        operators.extend(b"Q\n");
        Ok(Self { page, operators: deflated(&operators)?, codings })
    }
}

/// Words of a line stand apart by this share of their height at least: readers of PDF join words that touch.
const GAP: f64 = 0.2;

/// The top and the bottom of a word may lie so far from where they were seen, in points.
const TOLERANCE: f64 = 0.6;

/// So may its left side.
const ASIDE: f64 = 0.6;

/// Its right side may lie so much farther off.
const LONGER: f64 = 1.1;

/// A word whose base rises or falls by less is set level, in points.
const LEVEL: f64 = 0.4;

/// Places on the page are rounded to this, in points.
const STEP: f64 = 0.5;

/// A word in the page's coordinates.
struct Placed {
    /// UTF-16.
    units: Vec<u16>,
    /// Its corners, from the text's top-left corner clockwise.
    corners: [Point; 4],
    /// The direction of its base, of length 1.
    along: Point,
    /// Its width and height in points.
    length: f64,
    height: f64,
}

impl Placed {
    fn new(word: &TextWord, to_page: [f64; 6]) -> Option<Self> {
        let [a, b, c, d, e, f] = to_page;
        let map = |p: Point| Point::new(a * p.x + c * p.y + e, b * p.x + d * p.y + f);
        let corners @ [tl, tr, br, bl] = corners(&word.polygon).map(map);
        let base = Point::new(br.x - bl.x, br.y - bl.y);
        let length = (base.x.hypot(base.y) + tl.distance(tr)) / 2.0;
        let height = (tl.distance(bl) + br.distance(tr)) / 2.0;
        let mut along = Point::new(base.x / base.x.hypot(base.y), base.y / base.x.hypot(base.y));
        // A word that is hardly askew is level: the next one need not turn back.
        if along.x > 0.0 && along.y.abs() * length < LEVEL {
            along = Point::new(1.0, 0.0);
        }
        let units: Vec<u16> =
            word.text.chars().filter(|c| !c.is_control()).collect::<String>().encode_utf16().collect();
        let finite = [along.x, along.y, length, height].iter().all(|v| v.is_finite());
        (!units.is_empty() && finite && length > 1e-3 && height > 1e-3).then_some(Self {
            units,
            corners,
            along,
            length,
            height,
        })
    }

    /// Width without stretch in a font of size 1.
    fn natural(&self) -> f64 {
        natural(&self.units)
    }
}

/// Width of text without stretch in a font of size 1.
fn natural(units: &[u16]) -> f64 {
    units.iter().map(|unit| f64::from(font::width(*unit))).sum::<f64>() / 1000.0
}

/// The line that is being written.
struct Run {
    /// Where its base begins, and its directions along and up.
    origin: Point,
    along: Point,
    /// Their text, as the matrix has it.
    turn: String,
    /// How far along the next character would stand.
    pen: f64,
    open: Open,
}

/// What has to be closed before something else follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// The array of a line's texts and steps.
    Array,
    /// A text in it.
    Text,
}

impl Run {
    /// Where a point lies along and above the base.
    fn place(&self, p: Point) -> (f64, f64) {
        let (dx, dy) = (p.x - self.origin.x, p.y - self.origin.y);
        (dx * self.along.x + dy * self.along.y, dy * self.along.x - dx * self.along.y)
    }

    /// Whether a word stands on this base, behind what is written, as high as text of a size.
    fn takes(&self, word: &Placed, size: f64) -> bool {
        let (bottom, top) = (font::DESCENT * size / 1000.0, font::ASCENT * size / 1000.0);
        let heights = word.corners.map(|p| self.place(p).1);
        let near = [top, top, bottom, bottom].iter().zip(heights).all(|(a, b)| (a - b).abs() <= TOLERANCE);
        near && self.place(word.corners[3]).0 > self.pen - size
    }

    /// Closes what is open, down to `to`.
    fn close(&mut self, out: &mut Vec<u8>, to: Open) {
        if self.open == Open::Text && to != Open::Text {
            out.push(b')');
            self.open = Open::Array;
        }
        if self.open == Open::Array && to == Open::Nothing {
            out.extend(b"]TJ\n");
            self.open = Open::Nothing;
        }
    }

    /// Opens what is closed, up to a text.
    fn open(&mut self, out: &mut Vec<u8>) {
        self.open_array(out);
        if self.open != Open::Text {
            out.push(b'(');
        }
        self.open = Open::Text;
    }

    fn open_array(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::Nothing {
            out.push(b'[');
            self.open = Open::Array;
        }
    }
}

/// The value within the range of the first word and of as many that follow it as have one in common: one setting serves them
/// all. The nearest to `rounded` of its middle where that lies within.
fn common(ranges: impl Iterator<Item = (f64, f64)>, rounded: fn(f64) -> f64) -> Option<f64> {
    let both = ranges.map_while({
        let mut all = (f64::NEG_INFINITY, f64::INFINITY);
        move |(low, high)| {
            all = (all.0.max(low), all.1.min(high));
            (all.0 <= all.1).then_some(all)
        }
    });
    let (low, high) = both.last()?;
    let value = rounded((low + high) / 2.0);
    Some(if (low..=high).contains(&value) { value } else { (low + high) / 2.0 })
}

/// Operators that set words invisibly. Words of a line are one array of texts with the steps between them; size, stretch and
/// steps are set where a word would otherwise lie beside its place by more than [`TOLERANCE`], [`ASIDE`] or [`LONGER`], and so
/// that they serve as many of the words that follow as they can. Returns the codings that they are in.
fn text_operators(out: &mut Vec<u8>, words: &[TextWord], to_page: [f64; 6]) -> BTreeSet<Coding> {
    out.extend(b"BT 3 Tr\n");
    let placed: Vec<Placed> = words.iter().filter_map(|word| Placed::new(word, to_page)).collect();
    let codings = codings(&placed);
    // Of each word how far it may reach: the next word's begin is its end at the latest.
    let rooms: Vec<f64> = placed
        .iter()
        .enumerate()
        .map(|(i, word)| {
            placed.get(i + 1).map_or(f64::INFINITY, |next| {
                let (from, to) = (word.corners[3], next.corners[3]);
                let (dx, dy) = (to.x - from.x, to.y - from.y);
                let (right, aside) =
                    (dx * word.along.x + dy * word.along.y, dx * word.along.y - dy * word.along.x);
                let follows = aside.abs() < 0.5 * word.height && right > 0.5 * word.length;
                if follows { (right - GAP * word.height).max(0.5 * word.length) } else { f64::INFINITY }
            })
        })
        .collect();
    // The stretches in which a word is as long as it should be in text of a size.
    let stretches = |i: usize, size: f64| {
        let (word, room) = (&placed[i], rooms[i]);
        let natural = word.natural() * size / 100.0;
        let wanted = word.length.min(room);
        ((wanted - LONGER).max(0.2 * wanted) / natural, (wanted + LONGER).min(room) / natural)
    };
    let (mut size, mut stretch) = (0.0_f64, 100.0_f64);
    let mut font: Option<(Coding, f64)> = None;
    let mut run: Option<Run> = None;
    for (i, (word, coding)) in placed.iter().zip(&codings).enumerate() {
        if !run.as_ref().is_some_and(|run| run.takes(word, size)) {
            let mut before = run.take();
            if let Some(before) = &mut before {
                before.close(out, Open::Nothing);
            }
            // A size that is nearly right is kept, and its text centred in the outline.
            if (word.height - size).abs() > TOLERANCE {
                let heights =
                    placed[i..].iter().map(|word| (word.height - TOLERANCE, word.height + TOLERANCE));
                let tenths = |v: f64| (v * 10.0).round() / 10.0;
                let halves = |v: f64| (v * 2.0).round() / 2.0;
                size = common(heights, halves).map_or(word.height, tenths).max(0.1);
            }
            run = Some(begin(out, word, size, before.as_ref()));
        }
        let Some(run) = &mut run else { continue };
        if font != Some((*coding, size)) {
            run.close(out, Open::Nothing);
            out.extend(format!("/{} {} Tf\n", coding.resource(), decimal(size, 1)).bytes());
            font = Some((*coding, size));
        }
        let (least, most) = stretches(i, size);
        if !(least..=most).contains(&stretch) {
            run.close(out, Open::Nothing);
            let alike =
                placed[i..].iter().take_while(|w| (w.height - size).abs() <= TOLERANCE).count().max(1);
            let ranges = (i..i + alike).map(|i| stretches(i, size));
            // Tenths, rounded down, where no whole number will do.
            stretch = ((common(ranges, f64::round).unwrap_or(most) * 10.0).floor() / 10.0).max(0.1);
            out.extend(format!("{} Tz", decimal(stretch, 1)).bytes());
        }
        let unit = size * stretch / 100_000.0;
        let back = run.pen - run.place(word.corners[3]).0;
        if back.abs() > ASIDE {
            // Back by no more than leaves a gap behind the word before.
            let most = (natural(&[SPACE]) * 1000.0 * unit - GAP / 2.0 * word.height).max(0.0);
            let back = if run.pen > 0.0 { back.min(most) } else { back };
            run.close(out, Open::Array);
            run.open_array(out);
            // In thousandths of the size, in steps as coarse as may be.
            let step = [100.0, 50.0, 10.0].into_iter().find(|step| step * unit <= ASIDE).unwrap_or(1.0);
            let kern = (back / unit / step).round() * step;
            run.pen -= kern * unit;
            out.extend(decimal(kern, 0).bytes());
        }
        run.open(out);
        literal(out, *coding, &word.units);
        run.pen += (word.natural() + natural(&[SPACE])) * 1000.0 * unit;
    }
    if let Some(run) = &mut run {
        run.close(out, Open::Nothing);
    }
    out.extend(b"ET\n");
    codings.into_iter().collect()
}

/// The coding of each word: the shorter one where most words have it, so that few change the font.
fn codings(words: &[Placed]) -> Vec<Coding> {
    let mut codings: Vec<Coding> = words.iter().map(|word| Coding::of(&word.units)).collect();
    let short = codings.iter().filter(|coding| **coding == Coding::WinAnsi).count();
    if 2 * short < codings.len() {
        codings.fill(Coding::Utf16);
    }
    codings
}

const SPACE: u16 = 0x20;

/// Moves to where a word begins a line.
fn begin(out: &mut Vec<u8>, word: &Placed, size: f64, before: Option<&Run>) -> Run {
    let [tl, _, _, bl] = word.corners;
    let base = (font::ASCENT + font::DESCENT) / 2.0 / 1000.0 * size;
    // Half way up the outline lies half way up the font.
    let middle = Point::new((tl.x + bl.x) / 2.0, (tl.y + bl.y) / 2.0);
    let wanted = Point::new(middle.x + base * word.along.y, middle.y - base * word.along.x);
    let [cos, sin, back] = [word.along.x, word.along.y, -word.along.y].map(|v| decimal(v, 4));
    let turn = format!("{cos} {sin} {back} {cos}");
    let round = |v: f64| (v / STEP).round() * STEP;
    match before {
        // A step from the line before is shorter than a place on the page.
        Some(before) if before.turn == turn => {
            let (x, y) = before.place(wanted);
            let (x, y) = (round(x), round(y));
            out.extend(format!("{} {} Td\n", decimal(x, 1), decimal(y, 1)).bytes());
            let a = before.along;
            let origin = Point::new(before.origin.x + x * a.x - y * a.y, before.origin.y + x * a.y + y * a.x);
            Run { origin, along: a, turn, pen: 0.0, open: Open::Nothing }
        }
        _ => {
            let origin = Point::new(round(wanted.x), round(wanted.y));
            out.extend(format!("{turn} {} {} Tm\n", decimal(origin.x, 1), decimal(origin.y, 1)).bytes());
            let along = |text: &str, exact: f64| text.parse().unwrap_or(exact);
            let along = Point::new(along(&cos, word.along.x), along(&sin, word.along.y));
            Run { origin, along, turn, pen: 0.0, open: Open::Nothing }
        }
    }
}

/// A text and a space as they stand in a literal string.
fn literal(out: &mut Vec<u8>, coding: Coding, units: &[u16]) {
    for byte in coding.string(units).into_iter().chain(coding.string(&[SPACE])) {
        match byte {
            b'(' | b')' | b'\\' => out.extend([b'\\', byte]),
            b'\r' => out.extend(b"\\r"),
            b'\n' => out.extend(b"\\n"),
            _ => out.push(byte),
        }
    }
}

/// A number with so many decimals at most, without zeros at its end.
fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The corners of a word's outline.
fn corners(polygon: &Polygon) -> [Point; 4] {
    match polygon.points() {
        [a, b, c, d] => [*a, *b, *c, *d],
        _ => {
            let r = polygon.bounds();
            [(r.x0, r.y0), (r.x1, r.y0), (r.x1, r.y1), (r.x0, r.y1)].map(|(x, y)| Point::new(x, y))
        }
    }
}

pub(crate) fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Writes a PDF page by page: memory does not grow with them but for a few bytes each.
#[derive(Debug)]
pub struct SearchablePdf<W: Write> {
    to: W,
    written: u64,
    /// Where each object begins; object 1 comes first. 0 for one that is yet to be written.
    offsets: Vec<u64>,
    pages: Vec<usize>,
    /// The numbers of the invisible font's codings that pages use.
    fonts: BTreeMap<Coding, usize>,
}

/// Object numbers that are known before anything is written.
const CATALOG: usize = 1;
const PAGES: usize = 2;

impl<W: Write> SearchablePdf<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// The system's.
    pub fn new(to: W) -> io::Result<Self> {
        let mut pdf =
            Self { to, written: 0, offsets: vec![0; PAGES], pages: Vec::new(), fonts: BTreeMap::new() };
        pdf.put(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")?;
        Ok(pdf)
    }

    /// Adds a page: the picture at `dpi` pixels to the inch, and over it its words, invisible. `jpeg` is the file the
    /// picture was decoded from, where that is a JPEG of the same size that stands upright; it is taken as it is. Other
    /// pictures are stored without loss.
    ///
    /// # Errors
    /// The system's.
    pub fn page(
        &mut self,
        image: &Image,
        jpeg: Option<&[u8]>,
        dpi: f64,
        words: &[TextWord],
    ) -> io::Result<()> {
        let first = self.offsets.len() + 1;
        self.offsets.extend([0; 3]);
        let (picture, content, page) = (first, first + 1, first + 2);
        let (width, height) = (image.width(), image.height());
        let common =
            format!("/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8");
        match jpeg.and_then(|bytes| Some((bytes, jpeg_space(bytes, width, height)?))) {
            Some((bytes, space)) => {
                let dictionary = format!("{common} /ColorSpace /{space} /Filter /DCTDecode");
                self.stream(picture, &dictionary, bytes, true)?;
            }
            None => {
                let grey = image.rgb().chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]);
                let (space, channels, bytes) = if grey {
                    ("DeviceGray", 1, image.rgb().iter().step_by(3).copied().collect())
                } else {
                    ("DeviceRGB", 3, image.rgb().to_vec())
                };
                let predicted = filtered(&bytes, width as usize * channels);
                let dictionary = format!(
                    "{common} /ColorSpace /{space} /DecodeParms << /Predictor 15 /Colors {channels} /Columns {width} >>"
                );
                self.stream(picture, &dictionary, &predicted, false)?;
            }
        }
        let scale = POINTS / dpi;
        let (w, h) = (f64::from(width) * scale, f64::from(height) * scale);
        let mut operators = format!("q {w:.3} 0 0 {h:.3} 0 0 cm /Im0 Do Q\n").into_bytes();
        let mut fonts = String::new();
        if !words.is_empty() {
            let codings = text_operators(&mut operators, words, [scale, 0.0, 0.0, -scale, 0.0, h]);
            let names = codings.into_iter().map(|coding| {
                let number = *self.fonts.entry(coding).or_insert_with(|| {
                    self.offsets.push(0);
                    self.offsets.len()
                });
                format!("/{} {number} 0 R ", coding.resource())
            });
            fonts = format!(" /Font << {}>>", names.collect::<String>());
        }
        self.stream(content, "", &operators, false)?;
        let dictionary = format!(
            "<< /Type /Page /Parent {PAGES} 0 R /MediaBox [0 0 {w:.3} {h:.3}] /Contents {content} 0 R /Resources << \
             /XObject << /Im0 {picture} 0 R >>{fonts} >> >>"
        );
        self.object(page, &dictionary)?;
        self.pages.push(page);
        Ok(())
    }

    /// Writes the invisible font, the list of pages and the table of objects, and gives back what was written to.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<W> {
        let numbers = std::mem::take(&mut self.fonts);
        let fonts = font::fonts(&numbers.keys().copied().collect(), &mut |object| {
            self.offsets.push(0);
            let number = self.offsets.len();
            self.any(number, &object)?;
            Ok((number as u32, 0))
        })?;
        for (coding, font) in fonts {
            if let Some(&number) = numbers.get(&coding) {
                self.any(number, &Object::Dictionary(font))?;
            }
        }
        let kids: String = self.pages.iter().map(|page| format!("{page} 0 R ")).collect();
        let count = self.pages.len();
        self.object(PAGES, &format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>"))?;
        self.object(CATALOG, &format!("<< /Type /Catalog /Pages {PAGES} 0 R >>"))?;
        let table = self.written;
        let mut text = format!("xref\n0 {}\n0000000000 65535 f \n", self.offsets.len() + 1);
        for offset in &self.offsets {
            let _ = writeln!(text, "{offset:010} 00000 n ");
        }
        let size = self.offsets.len() + 1;
        let _ = write!(
            text,
            "trailer\n<< /Size {size} /Root {CATALOG} 0 R /Info << /Producer (glyphic) >> >>\nstartxref\n{table}\n%%EOF\n"
        );
        self.put(text.as_bytes())?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn object(&mut self, number: usize, text: &str) -> io::Result<()> {
        self.offsets[number - 1] = self.written;
        self.put(format!("{number} 0 obj\n{text}\nendobj\n").as_bytes())
    }

    fn any(&mut self, number: usize, object: &Object) -> io::Result<()> {
        self.offsets[number - 1] = self.written;
        let mut bytes = format!("{number} 0 obj\n").into_bytes();
        Writer::write_object(&mut bytes, object)?;
        bytes.extend(b"\nendobj\n");
        self.put(&bytes)
    }

    /// A stream, deflated unless its dictionary names its own filter.
    fn stream(&mut self, number: usize, dictionary: &str, bytes: &[u8], encoded: bool) -> io::Result<()> {
        let deflated = if encoded { None } else { Some(deflated(bytes)?) };
        let filter = if encoded { "" } else { "/Filter /FlateDecode" };
        let bytes = deflated.as_deref().unwrap_or(bytes);
        self.offsets[number - 1] = self.written;
        let length = bytes.len();
        self.put(
            format!("{number} 0 obj\n<< {dictionary} {filter} /Length {length} >>\nstream\n").as_bytes(),
        )?;
        self.put(bytes)?;
        self.put(b"\nendstream\nendobj\n")
    }
}

/// Rows as differences to the row above (PNG's filter "up"), which deflate better than colours.
fn filtered(bytes: &[u8], row: usize) -> Vec<u8> {
    const UP: u8 = 2;
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / row.max(1));
    let mut above = vec![0; row];
    for line in bytes.chunks_exact(row) {
        out.push(UP);
        out.extend(line.iter().zip(&above).map(|(now, before)| now.wrapping_sub(*before)));
        above.copy_from_slice(line);
    }
    out
}

/// The colour space of a JPEG that may stand for a picture of that size: grey or colour, of 8 bits, not turned by EXIF.
fn jpeg_space(bytes: &[u8], width: u32, height: u32) -> Option<&'static str> {
    if bytes.get(..2)? != [0xFF, 0xD8] {
        return None;
    }
    let mut at = 2;
    loop {
        let (marker, length) = (bytes.get(at..at + 2)?, bytes.get(at + 2..at + 4)?);
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        match (marker[0], marker[1]) {
            // EXIF may turn the picture: the decoded one, which is upright, is stored.
            (0xFF, 0xE1) if bytes.get(at + 4..at + 8)? == b"Exif" => return None,
            (0xFF, 0xC0..=0xC2) => {
                let frame = bytes.get(at + 4..at + 10)?;
                let size =
                    [u16::from_be_bytes([frame[3], frame[4]]), u16::from_be_bytes([frame[1], frame[2]])];
                if frame[0] != 8 || size.map(u32::from) != [width, height] {
                    return None;
                }
                return match frame[5] {
                    1 => Some("DeviceGray"),
                    3 => Some("DeviceRGB"),
                    _ => None,
                };
            }
            (0xFF, _) => at += 2 + length,
            _ => return None,
        }
    }
}

/// Adds invisible text to pages of a PDF. What the file holds stays as it is, byte for byte; the text is appended to it as
/// an incremental update. A file whose table of objects is damaged is written anew, with the objects that were found.
///
/// # Errors
/// [`Error::Encrypted`], [`Error::Write`] for a file whose structure cannot be followed, [`Error::NoPage`].
pub fn add_text(bytes: &[u8], name: &str, pages: &[PageText]) -> Result<Vec<u8>> {
    let failed = |e: lopdf::Error| Error::Write { name: name.to_owned(), reason: e.to_string() };
    let document = lopdf::Document::load_mem(bytes).map_err(failed)?;
    if document.is_encrypted() || document.trailer.has(b"Encrypt") {
        return Err(Error::Encrypted { name: name.to_owned() });
    }
    // An update refers to the table before it; without one that holds, there is nothing to refer to.
    let damaged = document.xref_start == 0;
    let ids: BTreeMap<u32, ObjectId> = document.get_pages();
    let mut update = IncrementalDocument::create_from(bytes.to_vec(), document);
    let texts = || pages.iter().filter(|page| !page.operators.is_empty());
    let codings: BTreeSet<Coding> = texts().flat_map(|page| &page.codings).copied().collect();
    let objects = &mut update.new_document;
    let fonts = font::fonts(&codings, &mut |object| Ok(objects.add_object(object)));
    let fonts = fonts.map_err(|e| failed(e.into()))?.into_iter();
    let fonts: BTreeMap<Coding, ObjectId> =
        fonts.map(|(coding, f)| (coding, objects.add_object(f))).collect();
    for text in texts() {
        let missing = || Error::NoPage { name: name.to_owned(), page: text.page + 1, pages: ids.len() };
        let number = u32::try_from(text.page + 1).map_err(|_| missing())?;
        let id = *ids.get(&number).ok_or_else(missing)?;
        let previous = update.get_prev_documents();
        let mut page = previous.get_dictionary(id).map_err(failed)?.clone();
        let used = fonts.iter().filter(|(coding, _)| text.codings.contains(coding));
        let resources = with_fonts(previous, &page, used.map(|(coding, font)| (coding.resource(), *font)));
        // Before what the page draws, whose own changes of the coordinates may not be undone at its end.
        let mut contents = vec![Object::Null];
        match page.get(b"Contents") {
            Ok(Object::Array(parts)) => contents.extend(parts.iter().cloned()),
            Ok(Object::Reference(part)) => match previous.get_object(*part) {
                Ok(Object::Array(parts)) => contents.extend(parts.iter().cloned()),
                _ => contents.push(Object::Reference(*part)),
            },
            _ => {}
        }
        let mut dictionary = Dictionary::new();
        dictionary.set("Filter", Object::Name(b"FlateDecode".to_vec()));
        let stream = Stream::new(dictionary, text.operators.clone());
        contents[0] = Object::Reference(update.new_document.add_object(stream));
        page.set("Contents", Object::Array(contents));
        page.set("Resources", Object::Dictionary(resources));
        update.new_document.set_object(id, Object::Dictionary(page));
    }
    let mut out = Vec::new();
    if damaged {
        let mut whole = update.get_prev_documents().clone();
        whole.max_id = update.new_document.max_id;
        whole.objects.extend(std::mem::take(&mut update.new_document.objects));
        whole.trailer.remove(b"Prev");
        whole.save_to(&mut out).map_err(|e| failed(e.into()))?;
    } else {
        update.save_to(&mut out).map_err(|e| failed(e.into()))?;
    }
    Ok(out)
}

/// A page's resources, its own or those it inherits, with the invisible font in some codings.
fn with_fonts<'a>(
    document: &lopdf::Document,
    page: &Dictionary,
    invisible: impl Iterator<Item = (&'a str, ObjectId)>,
) -> Dictionary {
    let resolved = |object: &Object| document.dereference(object).ok().map(|(_, o)| o.clone());
    let dictionary = |owner: &Dictionary, key: &[u8]| match owner.get(key).ok().and_then(resolved) {
        Some(Object::Dictionary(found)) => Some(found),
        _ => None,
    };
    /// Deeper trees of pages are taken for circles.
    const DEPTH: usize = 64;
    let mut owner = Some(page.clone());
    let mut resources = None;
    for _ in 0..DEPTH {
        let Some(at) = owner else { break };
        resources = dictionary(&at, b"Resources");
        if resources.is_some() {
            break;
        }
        owner = dictionary(&at, b"Parent");
    }
    let mut resources = resources.unwrap_or_default();
    let mut fonts = dictionary(&resources, b"Font").unwrap_or_default();
    invisible.for_each(|(name, font)| fonts.set(name, Object::Reference(font)));
    resources.set("Font", Object::Dictionary(fonts));
    resources
}
