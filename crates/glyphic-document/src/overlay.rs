use glyphic_core::{Image, Page, Point, Polygon, Rect};
use glyphic_imgproc::{draw_line, draw_polygon, fill_rect};

use crate::label::{Label, Pen, shared_area};

/// Labels are no smaller than this, in pixels: smaller ones cannot be read.
const SMALLEST_TEXT: f64 = 10.0;

/// Labels are no larger than this share of the picture's longer side.
const LARGEST_TEXT: f64 = 1.0 / 36.0;

/// How much of the picture a label hides.
const LABEL_OPACITY: f64 = 0.72;

/// Labels that would hide more than this share of their own area of other text go beside the picture.
const CROWDED: f64 = 0.1;

const INK: [u8; 3] = [16, 16, 16];
const LINK: [u8; 3] = [40, 90, 220];
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
/// confidence, from red over yellow to green; the words of lines by thin outlines; ignored truth in grey; links between
/// instances as blue lines from centre to centre.
///
/// Where text stands too close for labels, as on a receipt, what was read is set beside the picture instead, each line
/// at its height: the result is then twice as wide.
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
            marks.push(Mark::new(outline, instance.text(), score));
        } else {
            draw_polygon(&mut image, outline.points(), thin, confidence_colour(score));
        }
    }
    marks.extend(page.lines.iter().map(|l| Mark::new(&l.polygon, &l.text, l.score)));
    for mark in &marks {
        draw_polygon(&mut image, mark.outline.points(), thick, mark.colour);
    }
    let centre = |i: &usize| {
        let Rect { x0, y0, x1, y1 } = page.instances.get(*i)?.region.polygon.bounds();
        Some(Point::new(x0.midpoint(x1), y0.midpoint(y1)))
    };
    for [from, to] in &page.links {
        if let (Some(from), Some(to)) = (centre(from), centre(to)) {
            draw_line(&mut image, from, to, thick, LINK);
        }
    }
    if !options.labels {
        return image;
    }
    let pen = Pen::new();
    let labels = place_labels(&image, &pen, &marks);
    let (hidden, whole) = labels.iter().fold((0.0, 0.0), |(h, w), l| (h + l.hidden, w + area(&l.at)));
    if hidden > CROWDED * whole {
        return beside(&image, &pen, &marks, thin);
    }
    for (label, mark) in labels.iter().zip(&marks) {
        fill_rect(&mut image, label.at, mark.colour, LABEL_OPACITY);
        pen.draw(&mut image, &label.text, label.at.x0 + label.margin, label.at.y0, INK);
    }
    image
}

/// Something to label.
struct Mark<'a> {
    outline: &'a Polygon,
    text: &'a str,
    score: f32,
    colour: [u8; 3],
}

impl<'a> Mark<'a> {
    fn new(outline: &'a Polygon, text: &'a str, score: f32) -> Self {
        Self { outline, text, score, colour: confidence_colour(score) }
    }
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

/// A label and where it goes.
struct Placed {
    text: Label,
    at: Rect,
    /// Between the text and the label's sides.
    margin: f64,
    /// Pixels of other text and labels under it.
    hidden: f64,
}

/// Labels above their outlines, or below or beside them where that hides less of other text and labels.
fn place_labels(image: &Image, pen: &Pen, marks: &[Mark<'_>]) -> Vec<Placed> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let largest = (width.max(height) * LARGEST_TEXT).max(SMALLEST_TEXT);
    let mut taken: Vec<Rect> = marks.iter().map(|mark| mark.outline.bounds()).collect();
    let mut labels = Vec::with_capacity(marks.len());
    for mark in marks {
        let bounds = mark.outline.bounds();
        // Smaller than what it names, so that a label is told from the text.
        let size = (bounds.width().min(bounds.height()) * 0.6).clamp(SMALLEST_TEXT, largest);
        let margin = size * 0.15;
        let text = pen.lay_out(&label_text(mark.text, mark.score), size, width - 2.0 * margin);
        let (w, h) = (text.width + 2.0 * margin, text.height);
        let place = |x: f64, y: f64| {
            let (x, y) = (x.clamp(0.0, (width - w).max(0.0)), y.clamp(0.0, (height - h).max(0.0)));
            let at = Rect { x0: x, y0: y, x1: x + w, y1: y + h };
            (taken.iter().map(|t| shared_area(t, &at)).sum::<f64>(), at)
        };
        let above = place(bounds.x0, bounds.y0 - h);
        let others = [
            place(bounds.x1 + margin, bounds.y0),
            place(bounds.x0, bounds.y1),
            place(bounds.x0 - w - margin, bounds.y0),
        ];
        // The first of equals.
        let (hidden, at) =
            others.into_iter().fold(above, |best, other| if other.0 < best.0 { other } else { best });
        taken.push(at);
        labels.push(Placed { text, at, margin, hidden });
    }
    labels
}

/// The picture, and to its right a white sheet with each text where it stands in the picture.
fn beside(image: &Image, pen: &Pen, marks: &[Mark<'_>], thin: f64) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut rgb = vec![255; 2 * width * height * 3];
    for (row, source) in rgb.chunks_exact_mut(6 * width).zip(image.rgb().chunks_exact(3 * width)) {
        row[..3 * width].copy_from_slice(source);
    }
    let Ok(mut sheet) = Image::from_rgb(2 * image.width(), image.height(), rgb) else {
        // Only a picture of half the largest size allowed has no room for a sheet.
        return image.clone();
    };
    for mark in marks {
        let moved: Vec<Point> =
            mark.outline.points().iter().map(|p| Point { x: p.x + width as f64, y: p.y }).collect();
        draw_polygon(&mut sheet, &moved, thin, mark.colour);
        let bounds = mark.outline.bounds();
        let text = label_text(mark.text, mark.score);
        // The height of a slanted line is not that of its bounds.
        let height = (mark.outline.area() / bounds.width().max(1.0)).min(bounds.height());
        let tallest = (height * 0.8).max(SMALLEST_TEXT);
        // As wide as what it names.
        let natural = pen.lay_out(&text, tallest, f64::INFINITY).width;
        let size = (tallest * bounds.width() / natural.max(1.0)).clamp(SMALLEST_TEXT, tallest);
        let left = width as f64 + bounds.x0;
        let label = pen.lay_out(&text, size, 2.0 * width as f64 - left);
        let top = (bounds.y0 + bounds.y1 - label.height) / 2.0;
        pen.draw(&mut sheet, &label, left, top, INK);
    }
    sheet
}

fn area(rect: &Rect) -> f64 {
    rect.width() * rect.height()
}
