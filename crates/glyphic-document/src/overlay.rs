use glyphic_core::{Image, Page, Polygon, Rect};
use glyphic_imgproc::{draw_polygon, fill_rect};

use crate::label::{Pen, shared_area};

/// Labels are no smaller than this, in pixels: smaller ones cannot be read.
const SMALLEST_TEXT: f64 = 10.0;

/// Labels are no larger than this share of the picture's longer side.
const LARGEST_TEXT: f64 = 1.0 / 36.0;

/// How much of the picture a label hides.
const LABEL_OPACITY: f64 = 0.72;

const INK: [u8; 3] = [16, 16, 16];
const IGNORED: [u8; 3] = [128, 128, 128];

/// What an overlay shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlay {
    /// Labels with text and confidence; else outlines alone.
    pub labels: bool,
}

impl Default for Overlay {
    fn default() -> Self {
        Self { labels: true }
    }
}

/// Draws a page on its picture: lines (words, where there are none) outlined and labelled with their text and
/// confidence, from red over yellow to green; the words of lines by thin outlines; ignored truth in grey.
pub fn overlay(image: &Image, page: &Page, options: Overlay) -> Image {
    let mut image = image.clone();
    let longer = f64::from(image.width().max(image.height()));
    let thin = (longer / 1200.0).max(1.0);
    let thick = (longer / 500.0).max(1.5);
    let mut marks = Vec::new();
    for instance in &page.instances {
        let outline = &instance.region.polygon;
        let score = instance.transcript.as_ref().map_or(instance.region.score, |t| t.score);
        if instance.ignore {
            draw_polygon(&mut image, outline.points(), thin, IGNORED);
        } else if page.lines.is_empty() {
            marks.push((outline, instance.text(), score));
        } else {
            draw_polygon(&mut image, outline.points(), thin, confidence_colour(score));
        }
    }
    marks.extend(page.lines.iter().map(|l| (&l.polygon, l.text.as_str(), l.score)));
    for (outline, _, score) in &marks {
        draw_polygon(&mut image, outline.points(), thick, confidence_colour(*score));
    }
    if options.labels {
        let pen = Pen::new();
        let mut taken: Vec<Rect> = marks.iter().map(|(outline, _, _)| outline.bounds()).collect();
        for (outline, text, score) in marks {
            draw_label(
                &mut image,
                &pen,
                outline,
                &label_text(text, score),
                confidence_colour(score),
                &mut taken,
            );
        }
    }
    image
}

/// The text, and the confidence where there is any doubt.
fn label_text(text: &str, score: f32) -> String {
    // A line break or tab has no glyph.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let percent = format!("{:.0}%", f64::from(score) * 100.0);
    match (text.is_empty(), score < 1.0) {
        (true, _) => percent,
        (false, true) => format!("{text}  {percent}"),
        (false, false) => text,
    }
}

/// Red at 0, yellow at 0.75, green at 1: doubt shows early, since most confidences are high.
fn confidence_colour(score: f32) -> [u8; 3] {
    const STOPS: [(f32, [f32; 3]); 3] =
        [(0.0, [235., 45., 45.]), (0.75, [250., 200., 30.]), (1.0, [60., 200., 90.])];
    let score = if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 };
    let ((low, from), (high, to)) =
        if score < STOPS[1].0 { (STOPS[0], STOPS[1]) } else { (STOPS[1], STOPS[2]) };
    let t = (score - low) / (high - low);
    [0, 1, 2].map(|c| (from[c] + (to[c] - from[c]) * t).round() as u8)
}

/// Puts a label above its outline, or below it or beside it where that hides less of other text and labels.
fn draw_label(
    image: &mut Image,
    pen: &Pen,
    outline: &Polygon,
    text: &str,
    colour: [u8; 3],
    taken: &mut Vec<Rect>,
) {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let bounds = outline.bounds();
    let largest = (width.max(height) * LARGEST_TEXT).max(SMALLEST_TEXT);
    // Smaller than what it names, so that a label is told from the text.
    let size = (bounds.width().min(bounds.height()) * 0.6).clamp(SMALLEST_TEXT, largest);
    let margin = size * 0.15;
    let label = pen.lay_out(text, size, width - 2.0 * margin);
    let (w, h) = (label.width + 2.0 * margin, label.height);
    let place = |x: f64, y: f64| {
        let (x, y) = (x.clamp(0.0, (width - w).max(0.0)), y.clamp(0.0, (height - h).max(0.0)));
        Rect { x0: x, y0: y, x1: x + w, y1: y + h }
    };
    let places = [
        place(bounds.x0, bounds.y0 - h),
        place(bounds.x1 + margin, bounds.y0),
        place(bounds.x0, bounds.y1),
        place(bounds.x0 - w - margin, bounds.y0),
    ];
    let hidden = |r: &Rect| taken.iter().map(|t| shared_area(t, r)).sum::<f64>();
    // The first of equals: above.
    let Some(at) = places.into_iter().min_by(|a, b| hidden(a).total_cmp(&hidden(b))) else { return };
    fill_rect(image, at, colour, LABEL_OPACITY);
    pen.draw(image, &label, at.x0 + margin, at.y0, INK);
    taken.push(at);
}
