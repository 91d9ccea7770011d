//! Text on pictures.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use glyphic_core::{Image, Rect};

/// Label text in one font at one size.
pub(crate) struct Pen {
    font: FontRef<'static>,
}

/// Text laid out on one line.
pub(crate) struct Label {
    glyphs: Vec<Glyph>,
    /// Width in pixels.
    pub(crate) width: f64,
    /// Height in pixels.
    pub(crate) height: f64,
}

impl Pen {
    pub(crate) fn new() -> Self {
        // Condensed, so that a label is hardly longer than the text it names; covers Latin, Greek and Cyrillic.
        let font = FontRef::try_from_slice(dejavu::sans_condensed::regular())
            .expect("the font is part of the program");
        Self { font }
    }

    /// Lays out as much of the text as `max_width` pixels hold, with an ellipsis where that is not all.
    pub(crate) fn lay_out(&self, text: &str, size: f64, max_width: f64) -> Label {
        let scaled = self.font.as_scaled(PxScale::from(size as f32));
        let advance = |c: char| f64::from(scaled.h_advance(scaled.glyph_id(c)));
        let whole: f64 = text.chars().map(advance).sum();
        let ellipsis = '…';
        let room = if whole <= max_width { f64::INFINITY } else { max_width - advance(ellipsis) };
        let mut glyphs = Vec::new();
        let mut width = 0.0;
        let baseline = scaled.ascent();
        let mut put = |c: char, width: &mut f64| {
            glyphs.push(
                scaled.glyph_id(c).with_scale_and_position(scaled.scale, point(*width as f32, baseline)),
            );
            *width += advance(c);
        };
        for c in text.chars() {
            if width + advance(c) > room {
                put(ellipsis, &mut width);
                break;
            }
            put(c, &mut width);
        }
        Label { glyphs, width, height: f64::from(scaled.height()) }
    }

    /// Draws a label with its top-left corner at (x, y). What lies outside the picture is cut off.
    pub(crate) fn draw(&self, image: &mut Image, label: &Label, x: f64, y: f64, colour: [u8; 3]) {
        let (width, height) = (i64::from(image.width()), i64::from(image.height()));
        let pixels = image.rgb_mut();
        for glyph in &label.glyphs {
            let Some(outline) = self.font.outline_glyph(glyph.clone()) else { continue };
            let bounds = outline.px_bounds();
            let (left, top) =
                ((x + f64::from(bounds.min.x)).round() as i64, (y + f64::from(bounds.min.y)).round() as i64);
            outline.draw(|dx, dy, coverage| {
                let (column, row) = (left + i64::from(dx), top + i64::from(dy));
                if (0..width).contains(&column) && (0..height).contains(&row) {
                    let at = (row * width + column) as usize * 3;
                    for (p, c) in pixels[at..at + 3].iter_mut().zip(colour) {
                        let below = f32::from(*p);
                        *p = (below + (f32::from(c) - below) * coverage.clamp(0.0, 1.0)).round() as u8;
                    }
                }
            });
        }
    }
}

/// Area that two rectangles share, in square pixels.
pub(crate) fn shared_area(a: &Rect, b: &Rect) -> f64 {
    let side = |a0: f64, a1: f64, b0: f64, b1: f64| (a1.min(b1) - a0.max(b0)).max(0.0);
    side(a.x0, a.x1, b.x0, b.x1) * side(a.y0, a.y1, b.y0, b.y1)
}
