use std::sync::Arc;

use glyphic_core::{Line, Page, Region, Sample, TextInstance, Transcript};
use rayon::prelude::*;

use crate::{
    Result, SynthConfig,
    canvas::{Canvas, Colour, hsv, luma, mix, smooth_noise},
    corpus::{Corpus, Length, Place},
    degrade,
    dice::{Dice, Purpose},
    fonts::{Font, FontLibrary, Taste},
    ground::{self, Grounds},
    raster::{Mask, Raster},
    text::{Curve, EmBox, Layout, Setting, Warp, bounds, polygon},
};

/// The least difference of brightness between ink and ground that is still called text, in steps of 255.
pub(crate) const LEGIBLE: f32 = 13.0;

/// Fonts and words, read once and shared.
pub(crate) struct Stock {
    pub(crate) fonts: FontLibrary,
    pub(crate) corpus: Corpus,
    pub(crate) grounds: Grounds,
}

impl Stock {
    pub(crate) fn load(config: &SynthConfig) -> Result<Self> {
        Ok(Self {
            fonts: FontLibrary::load(&config.font_dirs)?,
            corpus: Corpus::load(&config.word_dirs),
            grounds: Grounds::load(&config.ground_dirs)?,
        })
    }
}

/// Draws crops that hold one line of text each, as a recognizer sees them: words of signs, lines of receipts and
/// documents, with the wear and the blur of scans and photographs.
///
/// Two fifths are single words, two fifths two to six words, the rest longer. Sample `i` depends on the configuration,
/// the installed fonts and word lists and on `i` alone.
#[derive(Clone)]
pub struct LineSynth {
    config: SynthConfig,
    stock: Arc<Stock>,
}

impl std::fmt::Debug for LineSynth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineSynth").field("config", &self.config).finish_non_exhaustive()
    }
}

impl LineSynth {
    /// Reads fonts and word lists (a second or so for a thousand fonts).
    ///
    /// # Errors
    /// [`Error::NoFonts`](crate::Error::NoFonts) where no folder holds a font with Latin letters,
    /// [`Error::Config`](crate::Error::Config) for a setting out of range.
    pub fn new(config: SynthConfig) -> Result<Self> {
        config.validate()?;
        let stock = Arc::new(Stock::load(&config)?);
        Ok(Self { config, stock })
    }

    pub(crate) fn config(&self) -> &SynthConfig {
        &self.config
    }

    pub(crate) fn stock(&self) -> &Arc<Stock> {
        &self.stock
    }

    /// How many faces were found.
    pub fn font_count(&self) -> usize {
        self.stock.fonts.fonts().len()
    }

    /// Crop number `index`, with its text as the only instance and the only line. The instance's polygon encloses the
    /// ink; where the crop cuts into the text, it reaches beyond the picture.
    pub fn line(&self, index: u64) -> Sample {
        let mut dice = Dice::new(self.config.seed, Purpose::Line, index);
        loop {
            if let Some(sample) = self.draw(&mut dice) {
                return sample;
            }
        }
    }

    /// The crops of a range, drawn by all threads, in order.
    pub fn lines(&self, range: std::ops::Range<u64>) -> impl IndexedParallelIterator<Item = Sample> + '_ {
        let start = range.start;
        let count = range.end.saturating_sub(start) as usize;
        (0..count).into_par_iter().map(move |i| self.line(start + i as u64))
    }

    /// One attempt; `None` where the text came out without ink or too wide.
    fn draw(&self, dice: &mut Dice) -> Option<Sample> {
        // No dice are cast for a share of nothing: the crops of a seed stay what they were.
        let sign_word = self.config.sign_words > 0.0 && dice.chance(self.config.sign_words);
        let length = if sign_word {
            Length::Word
        } else {
            dice.weighted(&[(Length::Word, 0.4), (Length::Phrase, 0.4), (Length::Long, 0.2)])
        };
        let (receipt, document, sign) = match length {
            Length::Word => (0.27, 0.18, 0.55),
            Length::Phrase => (0.5, 0.28, 0.22),
            Length::Long => (0.5, 0.45, 0.05),
        };
        let place = if sign_word {
            Place::Sign
        } else {
            dice.weighted(&[(Place::Receipt, receipt), (Place::Document, document), (Place::Sign, sign)])
        };
        let text = self.stock.corpus.line(dice, place, length);
        let taste = match place {
            Place::Receipt => Taste::Till,
            Place::Document => Taste::Print,
            Place::Sign => Taste::Any,
        };
        let font = self.stock.fonts.choose(dice, &text, taste)?;
        let layout = Layout::new(font, &text, setting(dice, place), dice)?;

        let height = self.crop_height(dice);
        let frame = Frame::place(dice, &layout, place, height, self.config.curved);
        let (w, h) = (frame.width, height as usize);
        if w > self.config.max_line_width as usize || w < 4 {
            return None;
        }

        let palette = Palette::draw(dice, place);
        let mut canvas = Canvas::new(w, h, palette.ground);
        if self.config.degrade {
            match place {
                Place::Receipt | Place::Document => ground::paper(&mut canvas, dice),
                Place::Sign => match self.stock.grounds.piece(dice, 0.33, w, h) {
                    Some(piece) => ground::tinted(&mut canvas, &piece, palette.ground, palette.room),
                    None => ground::sign(&mut canvas, dice, palette.ground, palette.room),
                },
            }
        }
        let mut raster = Raster::new(0, 0, w, h);
        layout.draw(&mut raster, &frame.warp);
        if dice.chance(0.45) {
            self.neighbours(dice, font, place, &layout, &frame, &mut raster);
        }
        if place != Place::Sign && dice.chance(0.07) {
            rule(dice, &layout, &frame, &mut raster);
        }
        let mut mask = raster.finish();
        if self.config.degrade {
            wear(dice, &mut mask, place, frame.letter);
        }
        ink(dice, &mut canvas, &mask, &palette, place, frame.letter, self.config.degrade);
        if self.config.degrade {
            match place {
                Place::Receipt | Place::Document => {
                    if dice.chance(0.75) {
                        degrade::grey(&mut canvas);
                    }
                    degrade::scan(&mut canvas, dice, frame.letter);
                }
                Place::Sign => degrade::photograph(&mut canvas, dice, frame.letter),
            }
        }
        if legibility(&canvas, &mask) < LEGIBLE {
            return None;
        }
        let outline = polygon(&frame.outline)?;
        let text = layout.text();
        let mut truth = Page::new(w as u32, height);
        truth.instances.push(TextInstance {
            transcript: Some(Transcript::truth(text.as_str())),
            ..TextInstance::new(Region { polygon: outline.clone(), score: 1.0 })
        });
        truth.lines.push(Line { polygon: outline, text, score: 1.0, instances: vec![0] });
        Some(Sample { image: canvas.into_image(), truth })
    }

    /// Most crops are near 32 pixels high; the rest are spread over the range.
    fn crop_height(&self, dice: &mut Dice) -> u32 {
        let (low, high) = (i64::from(self.config.min_line_height), i64::from(self.config.max_line_height));
        let usual = dice.int(low, high.min(40).max(low));
        if dice.chance(0.65) { usual as u32 } else { dice.int(low, high) as u32 }
    }

    /// What the lines above and below leave in the crop.
    fn neighbours(
        &self,
        dice: &mut Dice,
        font: &Font,
        place: Place,
        layout: &Layout,
        frame: &Frame,
        raster: &mut Raster,
    ) {
        let body = font.ascent + font.descent;
        for side in [-1.0, 1.0] {
            if dice.chance(0.35) {
                continue;
            }
            let length = if layout.words.len() > 1 { Length::Phrase } else { Length::Word };
            let mut text = self.stock.corpus.line(dice, place, length);
            if font.unicase {
                text = text.to_uppercase();
            }
            let Some(other) = Layout::new(font, &text, Setting::PLAIN, dice) else { continue };
            // Ink must not touch: the lines' bodies keep a little apart.
            let apart = body * dice.f(1.02, 1.35);
            let (own, next) = (layout.ink, other.ink);
            let y = if side < 0.0 {
                (-apart).min(own[1] - next[3] - 0.04)
            } else {
                apart.max(own[3] - next[1] + 0.04)
            };
            let x = own[0] - next[0] + dice.f(-0.6, 0.6);
            let mut warp = frame.warp;
            // Shifting before the map keeps the fragment parallel to the line.
            warp = warp.placed([x, y], 1.0);
            if warp.curve.is_none() {
                other.draw(raster, &warp);
            }
        }
    }
}

pub(crate) fn setting(dice: &mut Dice, place: Place) -> Setting {
    let stretch = match dice.weighted(&[(0, 0.45), (1, 0.45), (2, 0.1)]) {
        0 => 1.0,
        1 => dice.f(0.75, 1.25),
        _ => dice.f(0.5, 1.7),
    };
    let tracking = match dice.weighted(&[(0, 0.55), (1, 0.3), (2, 0.15)]) {
        0 => 0.0,
        1 => dice.f(-0.04, 0.1),
        _ if place == Place::Sign => dice.f(0.05, 0.6),
        _ => dice.f(0.03, 0.25),
    };
    let word_space = match dice.weighted(&[(0, 0.6), (1, 0.3), (2, 0.1)]) {
        0 => dice.f(0.85, 1.2),
        1 => dice.f(1.0, 2.2),
        _ => dice.f(2.0, 5.0),
    };
    Setting {
        tracking,
        // Letters set wide apart need words wider apart still.
        word_space: word_space + (tracking * 4.0).max(0.0),
        stretch,
        slant: if dice.chance(0.12) { dice.f(-0.15, 0.4) } else { 0.0 },
        wobble: if dice.chance(0.06) { dice.f(0.005, 0.03) } else { 0.0 },
    }
}

/// Where a line stands in its crop.
struct Frame {
    warp: Warp,
    outline: Vec<[f32; 2]>,
    width: usize,
    /// Height of the letters from ascender to descender in pixels, about.
    letter: f32,
}

impl Frame {
    fn place(dice: &mut Dice, layout: &Layout, place: Place, height: u32, curved: f32) -> Self {
        let em_box = if dice.chance(0.55) { layout.tight() } else { layout.body() };
        let em_box = breathe(em_box, 0.01);
        let warp = bend(dice, em_box, place, curved);
        let outline = warp.outline(em_box);
        let b = bounds(&outline);
        let text_height = em_box[3] - em_box[1];
        let (low, high) = dice.weighted(&[((-0.03, 0.05), 0.3), ((0.02, 0.13), 0.45), ((0.08, 0.25), 0.25)]);
        // Margins are shares of the letters' height, not of a slanting line's.
        let mut margin = || dice.f(low, high) * text_height;
        let crop = [b[0] - margin(), b[1] - margin(), b[2] + margin(), b[3] + margin()];
        let scale = height as f32 / (crop[3] - crop[1]);
        let warp = warp.then(scale, [-crop[0] * scale, -crop[1] * scale]);
        Self {
            warp,
            outline: warp.outline(em_box),
            width: ((crop[2] - crop[0]) * scale).round() as usize,
            letter: scale * (layout.font.ascent + layout.font.descent),
        }
    }
}

fn breathe(b: EmBox, by: f32) -> EmBox {
    [b[0] - by, b[1] - by, b[2] + by, b[3] + by]
}

/// Curve, turn and perspective, in ems. Bounded so that a long line stays a line: its ends may rise or fall by about
/// half a letter on paper, by one and a half on signs. `curved` is the share of signs that curve.
pub(crate) fn bend(dice: &mut Dice, b: EmBox, place: Place, curved: f32) -> Warp {
    let (w, h) = (b[2] - b[0], b[3] - b[1]);
    let mut warp = Warp::IDENTITY;
    let sign = place == Place::Sign;
    if dice.chance(if sign { curved } else { 0.03 }) && w > 1.2 * h {
        let rise = h * if sign { dice.f(0.15, 0.9) } else { dice.f(0.05, 0.2) };
        warp.curve = Some(if dice.chance(0.75) {
            // Sagitta of a chord w: r = w^2 / 8s; the floor keeps the letters' feet from crossing.
            Curve::Arc { cx: (b[0] + b[2]) / 2.0, r: dice.sign() * (w * w / (8.0 * rise)).max(1.6 * h) }
        } else {
            let freq = dice.f(0.5, 1.0) * std::f32::consts::TAU / w;
            Curve::Wave { amp: 0.3 * rise, freq, phase: dice.f(0.0, 6.0) }
        });
    }
    let turn = if dice.chance(if sign { 0.5 } else { 0.45 }) {
        let limit = if sign { (1.5 * h / w).min(0.2) } else { (0.45 * h / w).min(0.05) };
        dice.normal().clamp(-2.0, 2.0) * 0.5 * limit
    } else {
        0.0
    };
    let (sin, cos) = turn.sin_cos();
    // A crop of a quad that is set upright keeps the turn's shear only.
    let upright = dice.chance(0.5);
    let rotation = if upright {
        [1.0, -sin, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    } else {
        [cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0]
    };
    warp = warp.then_h(&rotation);
    if dice.chance(if sign { 0.35 } else { 0.1 }) {
        // About the middle: the far end shrinks to no less than two thirds of the near end.
        let (cx, cy) = ((b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0);
        let px = dice.f(-0.4, 0.4) / w.max(h);
        let py = dice.f(-0.25, 0.25) / h.max(0.3 * w);
        let to_middle = [1.0, 0.0, -cx, 0.0, 1.0, -cy, 0.0, 0.0, 1.0];
        warp = warp.then_h(&to_middle).then_h(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, px, py, 1.0]);
    }
    warp
}

/// A line under the text, or a rule above or below it.
fn rule(dice: &mut Dice, layout: &Layout, frame: &Frame, raster: &mut Raster) {
    let thick = dice.f(0.03, 0.1);
    let font = layout.font;
    let (ink, descent) = (layout.ink, font.descent);
    let y = match dice.index(3) {
        0 => 0.07 + thick,
        1 => ink[3].max(descent) + dice.f(0.05, 0.25),
        _ => ink[1].min(-font.ascent) - dice.f(0.1, 0.25),
    };
    let (left, right) = (ink[0] - dice.f(0.0, 2.0), ink[2] + dice.f(0.0, 2.0));
    let dash = if dice.chance(0.3) { dice.f(0.15, 0.5) } else { right - left };
    let mut x = left;
    while x < right {
        let end = (x + dash * 0.6).min(right);
        let end = if dash >= right - left { right } else { end };
        let quad = [[x, y], [end, y], [end, y + thick], [x, y + thick]].map(|p| frame.warp.apply(p));
        raster.outline(&quad);
        x += dash;
    }
}

/// How far the mean brightness of ink and of ground lie apart in the finished picture, 0 to 255.
pub(crate) fn legibility(canvas: &Canvas, mask: &Mask) -> f32 {
    let (mut ink, mut ground) = ([0.0f32; 2], [0.0f32; 2]);
    for (p, m) in canvas.rgb.chunks_exact(3).zip(&mask.data) {
        let v = luma([p[0], p[1], p[2]]);
        if *m > 0.45 {
            ink = [ink[0] + v, ink[1] + 1.0];
        } else if *m < 0.02 {
            ground = [ground[0] + v, ground[1] + 1.0];
        }
    }
    (ink[0] / ink[1].max(1.0) - ground[0] / ground[1].max(1.0)).abs()
}

/// What happens to ink before it is seen: too much or too little of it, dots, faded and broken strokes.
pub(crate) fn wear(dice: &mut Dice, mask: &mut Mask, place: Place, letter: f32) {
    let room = (letter / 30.0).min(1.4);
    if dice.chance(0.4) {
        let amount = if dice.chance(0.6) { dice.f(0.1, 1.0) * room } else { -dice.f(0.05, 0.4) * room };
        mask.embolden(amount);
    }
    if place == Place::Sign {
        return;
    }
    if dice.chance(if place == Place::Receipt { 0.12 } else { 0.03 }) && letter > 18.0 {
        let cell = (letter / dice.f(9.0, 14.0)).max(1.7);
        let radius = dice.f(0.5, 0.75);
        let phase = [dice.unit(), dice.unit()];
        mask.dot_matrix(cell, radius, phase);
    }
    if dice.chance(if place == Place::Receipt { 0.3 } else { 0.1 }) {
        // Thermal paper fades in clouds.
        let (cell, depth) = (letter * dice.f(0.2, 3.0), dice.f(0.2, 0.75));
        let mut field = smooth_noise(dice, mask.w, mask.h, cell);
        field.iter_mut().for_each(|v| *v = 1.0 - depth * (0.5 + 0.5 * *v));
        mask.scale_by(&field);
    }
    if dice.chance(if place == Place::Receipt { 0.14 } else { 0.04 }) {
        // Broken strokes: fine noise with a threshold.
        let cell = dice.f(1.0, 2.6) * room.max(0.6);
        let cut = dice.f(-0.75, -0.25);
        let mut field = smooth_noise(dice, mask.w, mask.h, cell);
        field.iter_mut().for_each(|v| *v = ((*v - cut) * 4.0).clamp(0.1, 1.0));
        mask.scale_by(&field);
    }
    if place == Place::Receipt && dice.chance(0.06) {
        // Dead dots of a thermal head leave streaks along the feed.
        for _ in 0..dice.int(1, 4) {
            let x = dice.index(mask.w);
            let wide = dice.int(1, 2) as usize;
            let left = dice.f(0.0, 0.5);
            for row in mask.data.chunks_exact_mut(mask.w) {
                row[x..(x + wide).min(mask.w)].iter_mut().for_each(|m| *m *= left);
            }
        }
    }
    if dice.chance(0.08) {
        // A scan in black and white.
        mask.data.iter_mut().for_each(|m| *m = ((*m - 0.5) * 6.0 + 0.5).clamp(0.0, 1.0));
    }
}

/// The colours of a line.
pub(crate) struct Palette {
    pub(crate) ground: Colour,
    pub(crate) ink: Colour,
    /// How far the ground may stray towards other colours, 0 to 1.
    pub(crate) room: f32,
}

impl Palette {
    pub(crate) fn draw(dice: &mut Dice, place: Place) -> Self {
        match place {
            Place::Receipt | Place::Document => {
                let level = if dice.chance(0.75) { dice.f(225.0, 256.0) } else { dice.f(150.0, 235.0) };
                let tint = if dice.chance(0.2) { 22.0 } else { 5.0 };
                let ground = [0; 3].map(|_: u8| (level - dice.unit() * tint) as u8);
                let paper = luma(ground);
                // Most print is dark; the tail is print that has nearly gone.
                let share = dice.weighted(&[((0.0, 0.25), 0.5), ((0.2, 0.5), 0.3), ((0.45, 0.78), 0.2)]);
                let dark = (paper * dice.f(share.0, share.1)).min(paper - 38.0).max(0.0);
                let hue = dice.f(0.0, 6.0);
                let ink = match dice.weighted(&[(0, 0.78), (1, 0.12), (2, 0.1)]) {
                    0 => [dark as u8; 3],
                    1 => mix(hsv(dice.f(3.7, 4.8), 0.6, 0.55), [dark as u8; 3], 0.5),
                    _ => mix(hsv(hue, 0.8, 0.6), [dark as u8; 3], 0.5),
                };
                if place == Place::Document && dice.chance(0.1) || dice.chance(0.03) {
                    return Self { ground: ink, ink: ground, room: 0.1 };
                }
                Self { ground, ink, room: 0.1 }
            }
            Place::Sign => loop {
                let any = |dice: &mut Dice| match dice.index(5) {
                    0 => [dice.int(0, 40) as u8; 3],
                    1 => [dice.int(215, 255) as u8; 3],
                    2 => [dice.int(0, 255) as u8; 3],
                    _ => hsv(dice.f(0.0, 6.0), dice.f(0.2, 1.0), dice.f(0.2, 1.0)),
                };
                let (ground, ink) = (any(dice), any(dice));
                let contrast = (luma(ground) - luma(ink)).abs();
                let least = if dice.chance(0.12) { 32.0 } else { 62.0 };
                if contrast >= least {
                    return Self { ground, ink, room: (contrast / 255.0 * 0.6).min(0.4) };
                }
            },
        }
    }
}

/// Lays the ink, with a sign's shadow, outline and shading.
pub(crate) fn ink(
    dice: &mut Dice,
    canvas: &mut Canvas,
    mask: &Mask,
    palette: &Palette,
    place: Place,
    letter: f32,
    dress: bool,
) {
    if place != Place::Sign || !dress {
        canvas.paint(mask, 1.0, palette.ink);
        return;
    }
    let far = if luma(palette.ink) > 127.0 { [0; 3] } else { [255; 3] };
    if dice.chance(0.2) {
        let mut shadow = mask.clone();
        let reach = (letter * 0.09).max(1.0);
        shadow.x0 += dice.f(-reach, reach).round() as i32;
        shadow.y0 += dice.f(0.0, reach).round() as i32;
        shadow.soften(dice.index(3));
        let colour = mix(palette.ground, far, dice.f(0.4, 1.0));
        canvas.paint(&shadow, dice.f(0.3, 0.9), colour);
    }
    if dice.chance(0.14) {
        let mut rim = mask.clone();
        for _ in 0..((letter / 24.0).round() as usize).clamp(1, 3) {
            rim.embolden(1.0);
        }
        let colour = if dice.chance(0.6) { far } else { [0; 3].map(|_: u8| dice.int(0, 255) as u8) };
        if (luma(colour) - luma(palette.ink)).abs() > 60.0 {
            canvas.paint(&rim, 1.0, colour);
        }
    }
    if dice.chance(0.05) && letter > 26.0 {
        // Letters drawn by their outline alone.
        let mut inner = mask.clone();
        inner.embolden(-1.0);
        let mut rim = mask.clone();
        rim.embolden(0.6);
        rim.data.iter_mut().zip(&inner.data).for_each(|(r, i)| *r = (*r - i).max(0.0));
        canvas.paint(&rim, 1.0, palette.ink);
        return;
    }
    if dice.chance(0.2) {
        // Shaded from top to bottom, towards a colour as far from the ground.
        let (top, h) = (mask.y0 as f32, mask.h as f32);
        let away = if luma(palette.ink) > luma(palette.ground) { [255; 3] } else { [0; 3] };
        let to = mix(palette.ink, away, dice.f(0.2, 0.8)).map(f32::from);
        let from = palette.ink.map(f32::from);
        canvas.blend(mask, |_, y| [0, 1, 2].map(|i| from[i] + (to[i] - from[i]) * (y as f32 - top) / h), 1.0);
        return;
    }
    canvas.paint(mask, dice.f(0.82, 1.0), palette.ink);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CURVED;

    /// Whether a point lies in an outline or at most `slack` pixels from it.
    fn holds(outline: &[[f32; 2]], p: [f32; 2], slack: f32) -> bool {
        let mut inside = false;
        for (i, a) in outline.iter().enumerate() {
            let b = outline[(i + 1) % outline.len()];
            if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0] {
                inside = !inside;
            }
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let t =
                (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
            if (a[0] + t * dx - p[0]).hypot(a[1] + t * dy - p[1]) <= slack {
                return true;
            }
        }
        inside
    }

    #[test]
    fn every_inked_pixel_lies_in_the_outline_whatever_bends_the_line() {
        let fonts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fonts");
        let config = SynthConfig { font_dirs: vec![fonts.into()], ..SynthConfig::default() };
        let stock = Stock::load(&config).expect("the fonts of the tests");
        let mut curved = 0;
        for i in 0..400 {
            let mut dice = Dice::new(11, Purpose::Line, i);
            let place = [Place::Receipt, Place::Document, Place::Sign][i as usize % 3];
            let text = stock.corpus.line(&mut dice, place, Length::Phrase);
            let Some(font) = stock.fonts.choose(&mut dice, &text, Taste::Any) else { continue };
            let layout =
                Layout::new(font, &text, setting(&mut dice, place), &mut dice).expect("text with ink");
            let frame = Frame::place(&mut dice, &layout, place, 48, CURVED);
            curved += usize::from(frame.warp.curve.is_some());
            let (w, h) = (frame.width.min(4000), 48);
            let mut raster = Raster::new(0, 0, w, h);
            layout.draw(&mut raster, &frame.warp);
            let mask = raster.finish();
            assert!(mask.data.iter().sum::<f32>() > 1.0, "{text:?} in {} left no ink", font.name);
            // An arc's outline is a chord chain: the slack is what it may lie inside the arc, and half a pixel.
            let slack = if frame.warp.curve.is_some() { 0.05 * 48.0 } else { 0.75 };
            for (k, m) in mask.data.iter().enumerate().filter(|(_, m)| **m > 0.05) {
                let p = [(k % w) as f32 + 0.5, (k / w) as f32 + 0.5];
                assert!(holds(&frame.outline, p, slack), "{text:?} in {}: ink {m} at {p:?}", font.name);
            }
        }
        assert!(curved > 3, "only {curved} curved lines were tried");
    }
}
