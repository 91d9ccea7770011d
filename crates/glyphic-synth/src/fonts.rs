use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use glyphic_core::LATIN;
use rayon::prelude::*;
use ttf_parser::{Face, OutlineBuilder, name_id};

use crate::{Error, Result, dice::Dice, raster::Raster};

/// How far a flattened curve may lie from the true one, in ems: a tenth of a pixel at 50 pixels.
const FLATNESS: f32 = 0.002;

/// Families that documents and tills print with; all others are for signs.
const PLAIN: &[&str] = &[
    "DejaVu",
    "Liberation",
    "Free",
    "Nimbus",
    "Arimo",
    "Tinos",
    "Cousine",
    "Carlito",
    "Caladea",
    "Lato",
    "Roboto",
    "Open Sans",
    "Noto",
    "Cantarell",
    "Inter",
    "Clear Sans",
    "TeX Gyre",
    "PT ",
    "Oxygen",
    "Latin Modern",
    "LM ",
    "Linux Libertine",
    "Linux Biolinum",
    "URW",
    "C059",
    "P052",
    "Vollkorn",
    "EB Garamond",
    "Karla",
    "Manrope",
    "Gillius",
    "Switzera",
    "Universalis",
    "Go ",
    "Tuffy",
    "Cabin",
    "Quattrocento",
    "Sora",
    "Play",
    "Yrsa",
    "Rasa",
];

/// Faces whose letters are pictures, Greek or white on black boxes: what they show is not what the text says.
const UNREADABLE: &[&str] = &[
    "D050000L",
    "Standard Symbols",
    "Symbol",
    "Linux Biolinum Keyboard",
    "OCR B Inverted",
    "flatline",
    "Webdings",
    "Wingdings",
];

/// A set of characters of [`LATIN`].
pub(crate) type CharSet = [u64; 5];

/// The position of a character in [`LATIN`].
pub(crate) fn latin_index(c: char) -> Option<usize> {
    static INDEX: OnceLock<HashMap<char, usize>> = OnceLock::new();
    static ASCII: OnceLock<[u8; 128]> = OnceLock::new();
    let index = INDEX.get_or_init(|| LATIN.chars().enumerate().map(|(i, c)| (c, i)).collect());
    if c.is_ascii() {
        let ascii = ASCII.get_or_init(|| {
            std::array::from_fn(|i| index.get(&(i as u8 as char)).map_or(u8::MAX, |&k| k as u8))
        });
        return Some(usize::from(ascii[c as usize])).filter(|&i| i != usize::from(u8::MAX));
    }
    index.get(&c).copied()
}

fn insert(set: &mut CharSet, index: usize) {
    set[index / 64] |= 1 << (index % 64);
}

fn char_set(text: &str) -> Option<CharSet> {
    let mut set = CharSet::default();
    for c in text.chars() {
        insert(&mut set, latin_index(c)?);
    }
    Some(set)
}

/// A glyph's flattened outline in ems, y down, baseline at 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Glyph {
    pub(crate) points: Vec<[f32; 2]>,
    /// Where each contour ends in `points`.
    pub(crate) ends: Vec<u32>,
    pub(crate) advance: f32,
    /// Left, top, right, bottom of the ink; all 0 without ink.
    pub(crate) bounds: [f32; 4],
}

impl Glyph {
    pub(crate) fn contours(&self) -> impl Iterator<Item = &[[f32; 2]]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let contour = &self.points[start..end as usize];
            start = end as usize;
            contour
        })
    }
}

/// One face: the outlines of those characters of [`LATIN`] that it has.
#[derive(Debug)]
pub(crate) struct Font {
    pub(crate) name: String,
    family: String,
    pub(crate) mono: bool,
    plain: bool,
    /// Small letters look like capitals: text has to be in capitals for its truth to be true.
    pub(crate) unicase: bool,
    coverage: CharSet,
    glyphs: Vec<Option<Glyph>>,
    /// Top of the ascenders above the baseline, in ems (positive).
    pub(crate) ascent: f32,
    /// Depth of the descenders below the baseline, in ems (positive).
    pub(crate) descent: f32,
    pub(crate) x_height: f32,
}

impl Font {
    pub(crate) fn glyph(&self, c: char) -> Option<&Glyph> {
        self.glyphs[latin_index(c)?].as_ref()
    }

    pub(crate) fn covers(&self, text: &str) -> bool {
        char_set(text).is_some_and(|set| self.covers_set(&set))
    }

    fn covers_set(&self, set: &CharSet) -> bool {
        set.iter().zip(&self.coverage).all(|(s, c)| s & !c == 0)
    }

    fn parse(data: &[u8], index: u32, path: &Path) -> Option<Self> {
        let face = Face::parse(data, index).ok()?;
        let scale = 1.0 / f32::from(face.units_per_em());
        let notdef = outline(&face, ttf_parser::GlyphId(0), scale);
        let mut glyphs: Vec<Option<Glyph>> = LATIN
            .chars()
            .map(|c| {
                let id = face.glyph_index(c).filter(|id| id.0 != 0)?;
                let glyph = outline(&face, id, scale)?;
                let blank = glyph.points.is_empty();
                (blank == (c == ' ') && (blank || Some(&glyph.points) != notdef.as_ref().map(|g| &g.points)))
                    .then_some(glyph)
            })
            .collect();
        // One picture for many characters is a placeholder.
        let mut same: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
        for (i, glyph) in glyphs.iter().enumerate() {
            if let Some(g) = glyph.as_ref().filter(|g| !g.points.is_empty()) {
                let key = g.points.iter().flat_map(|p| [p[0].to_bits(), p[1].to_bits()]).collect();
                same.entry(key).or_default().push(i);
            }
        }
        for indices in same.into_values().filter(|v| v.len() > 3) {
            for i in indices {
                glyphs[i] = None;
            }
        }
        if glyphs[0].is_none() {
            // Some display fonts lack the space.
            glyphs[0] = Some(Glyph { advance: 0.28, ..Glyph::default() });
        }
        let mut coverage = CharSet::default();
        for (i, _) in glyphs.iter().enumerate().filter(|(_, g)| g.is_some()) {
            insert(&mut coverage, i);
        }
        let name = |id| face.names().into_iter().filter(|n| n.name_id == id).find_map(|n| n.to_string());
        let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let family = name(name_id::TYPOGRAPHIC_FAMILY)
            .or_else(|| name(name_id::FAMILY))
            .unwrap_or_else(|| stem.clone());
        let name_of_face = name(name_id::FULL_NAME).unwrap_or(stem);
        if UNREADABLE.iter().any(|u| family.starts_with(u) || name_of_face.starts_with(u)) {
            return None;
        }
        let plain = PLAIN.iter().any(|p| family.starts_with(p));
        let mut font = Self {
            name: name_of_face,
            family,
            mono: false,
            plain,
            unicase: false,
            coverage,
            glyphs,
            ascent: 0.0,
            descent: 0.0,
            x_height: 0.0,
        };
        if !font.covers("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-") {
            return None;
        }
        font.unicase = !font.covers("abcdefghijklmnopqrstuvwxyz") || font.small_letters_are_capitals();
        let extent = |chars: &str, side: usize, sign: f32| {
            let values = chars.chars().filter_map(|c| font.glyph(c)).map(|g| sign * g.bounds[side]);
            values.fold(0.0f32, f32::max)
        };
        let (ascent, descent) = (extent("HbdhklT1", 1, -1.0), extent("pqgyJQ,", 3, 1.0));
        let x_height = extent("xuvnE", 1, -1.0);
        // Fonts of symbols and with mad metrics draw letters at sizes no truth fits.
        if !(0.2..=1.6).contains(&ascent) || !(0.0..=1.0).contains(&descent) {
            return None;
        }
        let advance = |c| font.glyph(c).map_or(0.0, |g| g.advance);
        let mono = (advance('i') - advance('M')).abs() < 1e-3 && advance('i') > 0.0;
        Some(Self { ascent, descent, x_height, mono, ..font })
    }

    fn small_letters_are_capitals(&self) -> bool {
        const SIDE: usize = 14;
        let shape = |c: char| {
            let g = self.glyph(c)?;
            let [x0, y0, x1, y1] = g.bounds;
            let (sx, sy) = (SIDE as f32 / (x1 - x0).max(1e-3), SIDE as f32 / (y1 - y0).max(1e-3));
            let mut raster = Raster::new(0, 0, SIDE, SIDE);
            for contour in g.contours() {
                let fitted: Vec<_> = contour.iter().map(|p| [(p[0] - x0) * sx, (p[1] - y0) * sy]).collect();
                raster.outline(&fitted);
            }
            Some(raster.finish().data)
        };
        // Letters whose two cases differ in shape in every ordinary face.
        let alike = "abdeghnqrt"
            .chars()
            .filter(|&c| {
                let (Some(a), Some(b)) = (shape(c), shape(c.to_ascii_uppercase())) else { return true };
                a.iter().zip(&b).map(|(x, y)| (x - y).abs()).sum::<f32>() / ((SIDE * SIDE) as f32) < 0.13
            })
            .count();
        alike >= 6
    }
}

fn outline(face: &Face, id: ttf_parser::GlyphId, scale: f32) -> Option<Glyph> {
    let mut pen = Pen { scale, glyph: Glyph::default(), at: [0.0; 2] };
    // A glyph without an outline, as the space is, gives no box.
    let _ = face.outline_glyph(id, &mut pen);
    let mut glyph = pen.glyph;
    glyph.advance = f32::from(face.glyph_hor_advance(id)?) * scale;
    if !glyph.points.is_empty() {
        let mut b = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for p in &glyph.points {
            b = [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])];
        }
        if b[2] - b[0] < 1e-4 || b[3] - b[1] < 1e-4 || b.iter().any(|v| !v.is_finite() || v.abs() > 8.0) {
            return None;
        }
        glyph.bounds = b;
    }
    Some(glyph)
}

struct Pen {
    scale: f32,
    glyph: Glyph,
    at: [f32; 2],
}

impl Pen {
    fn point(&self, x: f32, y: f32) -> [f32; 2] {
        [x * self.scale, -y * self.scale]
    }

    fn curve(&mut self, deviation: f32, to: [f32; 2], at: impl Fn(f32) -> [f32; 2]) {
        let n = ((deviation / (8.0 * FLATNESS)).sqrt().ceil() as usize).clamp(1, 24);
        self.glyph.points.extend((1..n).map(|i| at(i as f32 / n as f32)));
        self.glyph.points.push(to);
        self.at = to;
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        self.at = self.point(x, y);
        self.glyph.points.push(self.at);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.at = self.point(x, y);
        self.glyph.points.push(self.at);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (a, b, c) = (self.at, self.point(x1, y1), self.point(x, y));
        let deviation = 2.0 * (a[0] - 2.0 * b[0] + c[0]).hypot(a[1] - 2.0 * b[1] + c[1]);
        self.curve(deviation, c, |t| {
            let s = 1.0 - t;
            [0, 1].map(|i| s * s * a[i] + 2.0 * s * t * b[i] + t * t * c[i])
        });
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (a, b, c, d) = (self.at, self.point(x1, y1), self.point(x2, y2), self.point(x, y));
        let bend = |p: [f32; 2], q: [f32; 2], r: [f32; 2]| {
            (p[0] - 2.0 * q[0] + r[0]).hypot(p[1] - 2.0 * q[1] + r[1])
        };
        let deviation = 6.0 * bend(a, b, c).max(bend(b, c, d));
        self.curve(deviation, d, |t| {
            let s = 1.0 - t;
            [0, 1].map(|i| {
                s * s * s * a[i] + 3.0 * s * s * t * b[i] + 3.0 * s * t * t * c[i] + t * t * t * d[i]
            })
        });
    }

    fn close(&mut self) {
        let end = self.glyph.points.len() as u32;
        if self.glyph.ends.last().copied().unwrap_or(0) < end {
            self.glyph.ends.push(end);
        }
    }
}

/// What kind of face a text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taste {
    /// What tills print with: monospaced or plain.
    Till,
    /// What books and letters are set in.
    Print,
    /// Anything a sign may bear.
    Any,
}

/// The faces found, by family, so that one with many weights is not drawn more often than others.
#[derive(Debug)]
pub(crate) struct FontLibrary {
    fonts: Vec<Font>,
    all: Vec<Vec<usize>>,
    plain: Vec<Vec<usize>>,
    mono: Vec<Vec<usize>>,
}

impl FontLibrary {
    pub(crate) fn load(folders: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        let mut seen = HashSet::new();
        for folder in folders {
            collect_fonts(folder, &mut files, &mut seen);
        }
        // The order of fonts is part of what a seed fixes.
        files.sort();
        let mut parsed: Vec<Font> = files
            .par_iter()
            .flat_map_iter(|path| {
                let data = fs::read(path).unwrap_or_default();
                let count = ttf_parser::fonts_in_collection(&data).unwrap_or(1).min(8);
                (0..count).filter_map(|i| Font::parse(&data, i, path)).collect::<Vec<_>>()
            })
            .collect();
        let mut names = HashSet::new();
        parsed.retain(|f| names.insert((f.family.clone(), f.name.clone())));
        if parsed.is_empty() {
            return Err(Error::NoFonts { searched: folders.to_vec(), files: files.len() });
        }
        let group = |keep: &dyn Fn(&Font) -> bool| {
            let mut families: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (i, f) in parsed.iter().enumerate().filter(|(_, f)| keep(f)) {
                families.entry(&f.family).or_default().push(i);
            }
            families.into_values().collect::<Vec<_>>()
        };
        let (all, plain, mono) = (
            group(&|_| true),
            group(&|f| f.plain && !f.mono && !f.unicase),
            group(&|f| f.mono && !f.unicase),
        );
        Ok(Self { fonts: parsed, all, plain, mono })
    }

    pub(crate) fn fonts(&self) -> &[Font] {
        &self.fonts
    }

    /// A face that has every character of the text (in capitals, where the face has no small letters).
    pub(crate) fn choose(&self, dice: &mut Dice, text: &str, taste: Taste) -> Option<&Font> {
        let set = char_set(text)?;
        let capital = text.to_uppercase() == text;
        for _ in 0..24 {
            let groups = match taste {
                Taste::Till if dice.chance(0.5) => &self.mono,
                Taste::Any if dice.chance(0.7) => &self.all,
                _ => &self.plain,
            };
            let groups = if groups.is_empty() { &self.all } else { groups };
            let family = &groups[dice.index(groups.len())];
            let font = &self.fonts[family[dice.index(family.len())]];
            if font.covers_set(&set) && (capital || !font.unicase) {
                return Some(font);
            }
        }
        let start = dice.index(self.fonts.len());
        (0..self.fonts.len())
            .map(|i| &self.fonts[(start + i) % self.fonts.len()])
            .find(|f| f.covers_set(&set) && (capital || !f.unicase))
    }
}

fn collect_fonts(folder: &Path, files: &mut Vec<PathBuf>, seen: &mut HashSet<PathBuf>) {
    // A link may lead back up.
    let Ok(real) = folder.canonicalize() else { return };
    if !seen.insert(real) {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|e| e.ok()).map(|e| e.path()) {
        if path.is_dir() {
            collect_fonts(&path, files, seen);
        } else if path
            .extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| ["ttf", "otf", "ttc"].contains(&e.to_ascii_lowercase().as_str()))
        {
            files.push(path);
        }
    }
}
