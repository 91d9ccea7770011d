//! The text layer of a page: glyphs grouped into words.

use glyphic_core::{Emphasis, Point, Polygon, Rect};
use hayro::hayro_interpret::font::{Glyph, GlyphRun, OutlineFontData};
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask, hayro_cmap::BfString,
};
use hayro::kurbo::{self, Affine, BezPath};

/// Above and below the baseline, in font sizes: what most fonts' letters take.
const ASCENT: f64 = 0.75;
const DESCENT: f64 = -0.22;

/// A gap of this many font sizes between two glyphs divides words that no space divides.
const WORD_GAP: f64 = 0.18;

/// A glyph that begins this many font sizes before the one in front of it ends begins another word.
const OVERLAP: f64 = 0.68;

/// A glyph whose baseline lies this many font sizes beside that of the word before begins another word.
const BASELINE: f64 = 0.35;

/// The weight of a bold font, 100 to 900.
const BOLD: u32 = 700;

/// A page's share of characters without a meaning up to which its text layer is sane.
const MAX_UNKNOWN: f64 = 0.05;

/// A picture that takes this share of the page's area or more and holds no word of the text layer is read.
const MIN_PICTURE: f64 = 0.02;

/// A word of the text layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWord {
    /// What it says.
    pub text: String,
    /// Its outline, in pixels of the drawn page, from the text's top-left corner clockwise.
    pub polygon: Polygon,
    /// Bold or italic print, as most of its glyphs' fonts say; neither where they do not.
    pub emphasis: Emphasis,
}

/// The text that a page holds as text, and its pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextLayer {
    /// The words, in the order in which the page draws them.
    pub words: Vec<LayerWord>,
    /// Characters whose meaning the file does not tell, or that are control or private-use characters.
    pub unknown: usize,
    /// All characters but spaces.
    pub characters: usize,
    /// Where pictures are drawn, in pixels of the drawn page.
    pub pictures: Vec<Rect>,
    /// Pixels of the drawn page.
    pub(crate) area: f64,
}

impl TextLayer {
    /// Whether the layer can stand for the page's text: there is some, and nearly all of it has a meaning.
    pub fn is_sane(&self) -> bool {
        !self.words.is_empty() && self.unknown as f64 <= MAX_UNKNOWN * self.characters as f64
    }

    /// The pictures large enough to hold text of which the layer has no word.
    pub fn unread_pictures(&self) -> Vec<Rect> {
        let middle = |word: &LayerWord| {
            let b = word.polygon.bounds();
            Point::new((b.x0 + b.x1) / 2.0, (b.y0 + b.y1) / 2.0)
        };
        let inside = |r: &Rect, p: Point| (r.x0..=r.x1).contains(&p.x) && (r.y0..=r.y1).contains(&p.y);
        let large = |r: &&Rect| (r.x1 - r.x0) * (r.y1 - r.y0) >= MIN_PICTURE * self.area;
        let unread = |r: &&Rect| !self.words.iter().any(|word| inside(r, middle(word)));
        self.pictures.iter().filter(large).filter(unread).copied().collect()
    }
}

/// Collects the glyphs and pictures that a page draws.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    glyphs: Vec<PlacedGlyph>,
    /// Where each picture is drawn, from the unit square, and its own width and height.
    pub(crate) pictures: Vec<(Affine, [u32; 2])>,
    /// Paths and glyphs that can be seen.
    pub(crate) visible: usize,
}

/// A glyph on the drawn page.
#[derive(Debug)]
struct PlacedGlyph {
    text: Option<String>,
    /// From glyph space, 1 the font size, to pixels.
    at: Affine,
    advance: f64,
    emphasis: Emphasis,
}

/// How a font prints, by its weight, its slant and its name; neither for one that the file does not hold.
fn emphasis(font: &OutlineFontData) -> Emphasis {
    let name = font.postscript_name.as_deref().unwrap_or_default().to_ascii_lowercase();
    // Before the hyphen stands the family: "Boldini-Regular" is not bold.
    let style = name.rsplit_once(['-', ',']).map_or("", |(_, style)| style);
    let says = |words: &[&str]| words.iter().any(|word| style.contains(word));
    let heavy = font.weight.is_some_and(|weight| weight >= BOLD);
    Emphasis {
        bold: (heavy || says(&["bold", "black", "heavy"])) && !says(&["semi", "demi"]),
        italic: font.is_italic || says(&["italic", "oblique"]),
    }
}

impl<'a> Device<'a> for Collector {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.visible += 1;
    }
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        // A run is in one font.
        let font = run.glyphs().first().and_then(|glyph| match &**glyph {
            Glyph::Outline(glyph) => glyph.font_data(),
            Glyph::Type3(_) => None,
        });
        let emphasis = font.as_ref().map(emphasis).unwrap_or_default();
        for placed in run.glyphs() {
            let (text, advance) = match &**placed {
                Glyph::Outline(glyph) => (glyph.as_unicode(), glyph.advance_width()),
                Glyph::Type3(glyph) => (glyph.as_unicode(), glyph.advance_width()),
            };
            let text = text.map(|t| match t {
                BfString::Char(c) => c.to_string(),
                BfString::String(s) => s,
            });
            // Outlines have 1000 units a font size.
            let at = props.transform * placed.transform() * Affine::scale(1000.0);
            let advance = f64::from(advance.unwrap_or(500.0)) / 1000.0;
            self.glyphs.push(PlacedGlyph { text, at, advance, emphasis });
        }
        if !matches!(mode, DrawMode::Invisible) {
            self.visible += 1;
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let size = [image.width(), image.height()];
        // The transform is that of the image's pixels.
        let of_unit = Affine::scale_non_uniform(f64::from(size[0]), f64::from(size[1]));
        self.pictures.push((props.transform * of_unit, size));
    }
}

/// A character that says nothing as text.
fn is_unknown(c: char) -> bool {
    c.is_control() || c == '\u{fffd}' || ('\u{e000}'..='\u{f8ff}').contains(&c) || c as u32 >= 0xF_0000
}

/// A word that grows glyph by glyph.
struct Growing {
    text: String,
    start: Affine,
    end: kurbo::Point,
    /// Characters in bold and in italic print.
    bold: usize,
    italic: usize,
}

impl Growing {
    fn put(&mut self, text: &str, emphasis: Emphasis, end: kurbo::Point) {
        self.text.push_str(text);
        self.end = end;
        let count = text.chars().count();
        self.bold += if emphasis.bold { count } else { 0 };
        self.italic += if emphasis.italic { count } else { 0 };
    }

    /// The outline: from where the first glyph begins to where the last one ends.
    fn word(self) -> Option<LayerWord> {
        let text = self.text.trim().to_owned();
        let length = self.start.inverse() * self.end;
        if text.is_empty() || !length.x.is_finite() {
            return None;
        }
        let corners = [(0.0, ASCENT), (length.x, ASCENT), (length.x, DESCENT), (0.0, DESCENT)];
        let corners =
            corners.map(|(x, y)| self.start * kurbo::Point::new(x, y)).map(|p| Point::new(p.x, p.y));
        let most = |count: usize| 2 * count > text.chars().count();
        let emphasis = Emphasis { bold: most(self.bold), italic: most(self.italic) };
        Some(LayerWord { polygon: Polygon::new(corners.to_vec()).ok()?, text, emphasis })
    }
}

impl Collector {
    /// Whether nothing but one picture is seen; the picture's place and its size in its own pixels.
    pub(crate) fn only_picture(&self) -> Option<(Affine, [u32; 2])> {
        match self.pictures.as_slice() {
            [picture] if self.visible == 0 => Some(*picture),
            _ => None,
        }
    }

    /// The text layer of a page drawn `scale` times as large as it was collected, `width` by `height` pixels.
    pub(crate) fn into_layer(self, scale: f64, width: u32, height: u32) -> TextLayer {
        let to_pixels = Affine::scale(scale);
        let mut layer = TextLayer { area: f64::from(width) * f64::from(height), ..TextLayer::default() };
        for (at, _) in &self.pictures {
            let unit = (to_pixels * *at).transform_rect_bbox(kurbo::Rect::new(0.0, 0.0, 1.0, 1.0));
            let (w, h) = (f64::from(width), f64::from(height));
            let shown = unit.intersect(kurbo::Rect::new(0.0, 0.0, w, h));
            if shown.width() > 0.0 && shown.height() > 0.0 {
                layer.pictures.push(Rect { x0: shown.x0, y0: shown.y0, x1: shown.x1, y1: shown.y1 });
            }
        }
        let mut word: Option<Growing> = None;
        for glyph in self.glyphs {
            let at = to_pixels * glyph.at;
            if !at.is_finite() || at.determinant().abs() < 1e-6 {
                continue;
            }
            let end = at * kurbo::Point::new(glyph.advance, 0.0);
            let text = glyph.text.unwrap_or_else(|| '\u{fffd}'.to_string());
            let unknown = text.chars().filter(|c| is_unknown(*c)).count();
            let marks = text.chars().filter(|c| !c.is_whitespace()).count();
            layer.unknown += unknown;
            layer.characters += marks;
            let shown: String = text.chars().filter(|c| !is_unknown(*c)).collect();
            if marks == 0 {
                layer.words.extend(word.take().and_then(Growing::word));
                continue;
            }
            let goes_on = word.as_ref().is_some_and(|word| {
                // Seen from the word's own baseline; sizes may change within a word, as for superscripts.
                let from = word.start.inverse();
                let (step, last) = (from * (at * kurbo::Point::ORIGIN), from * word.end);
                let gap = step.x - last.x;
                (-OVERLAP..WORD_GAP).contains(&gap) && (step.y - last.y).abs() < BASELINE
            });
            match &mut word {
                Some(growing) if goes_on => growing.put(&shown, glyph.emphasis, end),
                _ => {
                    layer.words.extend(word.take().and_then(Growing::word));
                    let begun = Growing { text: String::new(), start: at, end, bold: 0, italic: 0 };
                    word.insert(begun).put(&shown, glyph.emphasis, end);
                }
            }
        }
        layer.words.extend(word.and_then(Growing::word));
        // What lies outside the page is not seen and no text of it.
        let (w, h) = (f64::from(width), f64::from(height));
        layer.words.retain(|word| {
            let b = word.polygon.bounds();
            let (x, y) = ((b.x0 + b.x1) / 2.0, (b.y0 + b.y1) / 2.0);
            (0.0..=w).contains(&x) && (0.0..=h).contains(&y)
        });
        layer
    }
}
