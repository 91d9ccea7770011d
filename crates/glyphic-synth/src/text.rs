use glyphic_core::{Point, Polygon};

use crate::{
    dice::Dice,
    fonts::{Font, Glyph},
    raster::Raster,
};

/// How a line of text is set, in ems where not said otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Added after every character.
    pub(crate) tracking: f32,
    /// Factor on the width of spaces.
    pub(crate) word_space: f32,
    /// Factor on widths; 1 is the face's own.
    pub(crate) stretch: f32,
    /// Columns to the right a row up, 0 upright.
    pub(crate) slant: f32,
    /// Standard deviation of each character's baseline.
    pub(crate) wobble: f32,
}

impl Setting {
    pub(crate) const PLAIN: Self =
        Self { tracking: 0.0, word_space: 1.0, stretch: 1.0, slant: 0.0, wobble: 0.0 };
}

/// A rectangle in ems: left, top, right, bottom, y down, baseline at 0.
pub(crate) type EmBox = [f32; 4];

/// A word of a laid-out text.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Its ink.
    pub(crate) ink: EmBox,
}

/// Characters placed on a baseline, in ems.
pub(crate) struct Layout<'a> {
    pub(crate) font: &'a Font,
    setting: Setting,
    placed: Vec<(&'a Glyph, f32, f32)>,
    pub(crate) words: Vec<Word>,
    /// Box of all ink.
    pub(crate) ink: EmBox,
}

impl<'a> Layout<'a> {
    /// Sets a text; characters that the face lacks are left out, so choose the face by the text. `None` where
    /// nothing visible remains.
    pub(crate) fn new(font: &'a Font, text: &str, setting: Setting, dice: &mut Dice) -> Option<Self> {
        let mut placed = Vec::with_capacity(text.len());
        let mut words = Vec::new();
        let mut x = 0.0;
        let mut word = (String::new(), EMPTY);
        for c in text.chars() {
            let Some(glyph) = font.glyph(c) else { continue };
            if c == ' ' {
                if !word.0.is_empty() {
                    words.push(Word { text: std::mem::take(&mut word.0), ink: word.1 });
                    word.1 = EMPTY;
                }
                x += glyph.advance.max(0.15) * setting.word_space + setting.tracking;
                continue;
            }
            let y = if setting.wobble > 0.0 { dice.normal() * setting.wobble } else { 0.0 };
            // Ink narrower than its advance plus a negative tracking must still move on.
            word.0.push(c);
            for p in &glyph.points {
                let q = set(p, x, y, &setting);
                word.1 = grow(word.1, q);
            }
            placed.push((glyph, x, y));
            x += (glyph.advance + setting.tracking).max(0.05);
        }
        if !word.0.is_empty() {
            words.push(Word { text: word.0, ink: word.1 });
        }
        let ink = words.iter().map(|w| w.ink).reduce(join)?;
        Some(Self { font, setting, placed, words, ink })
    }

    /// The text as drawn: words joined by one space.
    pub(crate) fn text(&self) -> String {
        self.words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The ink, at least as high as a small letter: a dash alone does not make a line of its own height.
    pub(crate) fn tight(&self) -> EmBox {
        self.at_least_a_small_letter(self.ink)
    }

    /// As [`Layout::tight`], for any part of the line.
    pub(crate) fn at_least_a_small_letter(&self, ink: EmBox) -> EmBox {
        let [x0, y0, x1, y1] = ink;
        if y1 - y0 >= 0.6 * self.font.x_height {
            return ink;
        }
        [x0, y0.min(-self.font.x_height), x1, y1.max(0.0)]
    }

    /// The line's box from ascenders to descenders.
    pub(crate) fn body(&self) -> EmBox {
        let [x0, y0, x1, y1] = self.ink;
        [x0, y0.min(-self.font.ascent), x1, y1.max(self.font.descent)]
    }

    pub(crate) fn draw(&self, raster: &mut Raster, warp: &Warp) {
        let mut mapped = Vec::new();
        for (glyph, x, y) in &self.placed {
            for contour in glyph.contours() {
                mapped.clear();
                mapped.extend(contour.iter().map(|p| warp.apply(set(p, *x, *y, &self.setting))));
                raster.outline(&mapped);
            }
        }
    }
}

fn set(p: &[f32; 2], x: f32, y: f32, s: &Setting) -> [f32; 2] {
    let py = p[1] + y;
    [(p[0] + x) * s.stretch - s.slant * py, py]
}

pub(crate) const EMPTY: EmBox = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];

pub(crate) fn grow(b: EmBox, p: [f32; 2]) -> EmBox {
    [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]
}

pub(crate) fn join(a: EmBox, b: EmBox) -> EmBox {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

/// How a baseline bends, before any projection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Curve {
    /// A circle of radius `r` ems through (`cx`, 0); `r` above 0 arches up like a rainbow, below 0 sags.
    Arc { cx: f32, r: f32 },
    /// A sine of `amp` ems and `freq` radians an em.
    Wave { amp: f32, freq: f32, phase: f32 },
}

/// Paper that does not lie flat: each axis swings with the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ripple {
    /// Amplitude in pixels of x and y.
    pub(crate) amp: [f32; 2],
    /// Radians a pixel along the other axis.
    pub(crate) freq: [f32; 2],
    pub(crate) phase: [f32; 2],
}

/// From ems to pixels: a curve, then a homography, then a ripple.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warp {
    pub(crate) curve: Option<Curve>,
    /// Row-major 3x3.
    pub(crate) h: [f32; 9],
    pub(crate) ripple: Option<Ripple>,
}

impl Warp {
    pub(crate) const IDENTITY: Self =
        Self { curve: None, h: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], ripple: None };

    pub(crate) fn apply(&self, p: [f32; 2]) -> [f32; 2] {
        let [x, y] = match self.curve {
            None => p,
            Some(Curve::Arc { cx, r }) => {
                let (sin, cos) = ((p[0] - cx) / r).sin_cos();
                [cx + (r - p[1]) * sin, r - (r - p[1]) * cos]
            }
            Some(Curve::Wave { amp, freq, phase }) => [p[0], p[1] + amp * (freq * p[0] + phase).sin()],
        };
        let h = &self.h;
        let w = h[6] * x + h[7] * y + h[8];
        let (x, y) = ((h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w);
        match self.ripple {
            None => [x, y],
            Some(Ripple { amp, freq, phase }) => {
                [x + amp[0] * (freq[0] * y + phase[0]).sin(), y + amp[1] * (freq[1] * x + phase[1]).sin()]
            }
        }
    }

    /// Ems of `size` pixels with the baseline's start at `at`, then this map.
    pub(crate) fn placed(&self, at: [f32; 2], size: f32) -> Self {
        let mut h = self.h;
        for r in 0..3 {
            h[r * 3 + 2] += self.h[r * 3] * at[0] + self.h[r * 3 + 1] * at[1];
            h[r * 3] *= size;
            h[r * 3 + 1] *= size;
        }
        Self { h, ..*self }
    }

    /// This map followed by a scale and then a shift, in pixels.
    pub(crate) fn then(mut self, scale: f32, shift: [f32; 2]) -> Self {
        for i in 0..3 {
            self.h[i] = self.h[i] * scale + shift[0] * self.h[6 + i];
            self.h[3 + i] = self.h[3 + i] * scale + shift[1] * self.h[6 + i];
        }
        self
    }

    /// This map followed by another homography.
    pub(crate) fn then_h(mut self, g: &[f32; 9]) -> Self {
        let a = self.h;
        for r in 0..3 {
            for c in 0..3 {
                self.h[r * 3 + c] = g[r * 3] * a[c] + g[r * 3 + 1] * a[3 + c] + g[r * 3 + 2] * a[6 + c];
            }
        }
        self
    }

    /// The outline of a box: its four corners, or where the map bends lines up to eight points along top and bottom each.
    pub(crate) fn outline(&self, b: EmBox) -> Vec<[f32; 2]> {
        let steps = match (self.curve, self.ripple) {
            (None, None) => 1,
            (Some(_), _) => 7,
            (None, Some(_)) => ((b[2] - b[0]) / 6.0).ceil().clamp(1.0, 7.0) as usize,
        };
        let along = |i: usize| b[0] + (b[2] - b[0]) * i as f32 / steps as f32;
        let top = (0..=steps).map(|i| self.apply([along(i), b[1]]));
        let bottom = (0..=steps).rev().map(|i| self.apply([along(i), b[3]]));
        top.chain(bottom).collect()
    }
}

/// The smallest upright rectangle around points.
pub(crate) fn bounds(points: &[[f32; 2]]) -> EmBox {
    points.iter().fold(EMPTY, |b, p| grow(b, *p))
}

/// Core's polygon of an outline drawn here, which has an area by construction.
pub(crate) fn polygon(points: &[[f32; 2]]) -> Option<Polygon> {
    // A hundredth of a pixel is finer than any truth and keeps files short.
    let round = |v: f32| (f64::from(v) * 100.0).round() / 100.0;
    Polygon::new(points.iter().map(|p| Point::new(round(p[0]), round(p[1]))).collect()).ok()
}
