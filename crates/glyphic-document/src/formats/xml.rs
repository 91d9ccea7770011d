//! Text inside XML, and outlines as numbers.

use glyphic_core::{Page, Polygon, Rect};

/// Text with markup characters escaped; characters that XML 1.0 cannot hold are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_valid(*c)) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Whether XML 1.0 can hold a character.
fn is_valid(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{7f}'
}

/// How many characters of a page's text no XML format can hold; writers leave them out.
pub fn invalid_characters(page: &Page) -> usize {
    page.instances.iter().map(|word| word.text().chars().filter(|c| !is_valid(*c)).count()).sum()
}

/// A confidence as formats want it, 0 to 1; what is no number is 0.
pub(crate) fn share(score: f32) -> f32 {
    if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) }
}

/// The upright rectangle of an outline within the picture, in whole pixels: left, top, right, bottom.
pub(crate) fn pixels(bounds: Rect, page: &Page) -> [u32; 4] {
    let (w, h) = (f64::from(page.width), f64::from(page.height));
    [
        bounds.x0.floor().clamp(0.0, w),
        bounds.y0.floor().clamp(0.0, h),
        bounds.x1.ceil().clamp(0.0, w),
        bounds.y1.ceil().clamp(0.0, h),
    ]
    .map(|v| v as u32)
}

/// The rectangle of an outline, as [`pixels`].
pub(crate) fn outline(polygon: &Polygon, page: &Page) -> [u32; 4] {
    pixels(polygon.bounds(), page)
}
