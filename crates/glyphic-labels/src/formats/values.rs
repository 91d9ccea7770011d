//! Values of records as formats write them.

use glyphic_core::geometry::Point;
use glyphic_core::{Polygon, TextInstance};
use glyphic_imgproc::text_corners;
use serde::Serialize;

use crate::formats::sink::Losses;
use crate::formats::{Format, Record};
use crate::{Error, Result};

/// The text by which a format marks regions to ignore, where it has no field for it.
pub(crate) fn marks_ignored(format: Format) -> Option<&'static str> {
    use Format as F;
    match format {
        F::Icdar2013
        | F::Icdar2015
        | F::Icdar2017
        | F::Ctw1500
        | F::PaddleDet
        | F::LabelStudio
        | F::Svt
        | F::SynthText
        | F::WildReceipt => Some("###"),
        F::TotalText => Some("#"),
        F::TextOcr => Some("."),
        _ => None,
    }
}

/// The text that stands for an instance where the format marks what is to be ignored by it; `None` where it is unknown.
pub(crate) fn marked_text(instance: &TextInstance, format: Format) -> Option<&str> {
    match marks_ignored(format) {
        Some(mark) if instance.ignore => Some(mark),
        _ => instance.transcript.as_ref().map(|t| t.text.as_str()),
    }
}

/// Refuses a text with a line break.
pub(crate) fn one_line<'a>(text: &'a str, record: &Record, format: Format) -> Result<&'a str> {
    match text.contains(['\n', '\r']) {
        false => Ok(text),
        true => Err(Error::Unfit {
            at: record.at.clone(),
            format: format.name(),
            reason: format!("there is a line break in {text:?}; a JSON format holds it"),
        }),
    }
}

/// The size of the picture, which the format needs.
pub(crate) fn size_of(record: &Record, format: Format) -> Result<(u32, u32)> {
    record.dimensions().map_err(|error| match error {
        Error::MissingImage { at, image, .. } => Error::Unfit {
            at,
            format: format.name(),
            reason: format!(
                "it needs the picture's size, which the label does not say, and {} does not exist; say where the pictures are",
                image.display()
            ),
        },
        other => other,
    })
}

/// `x, y, width, height` of the upright rectangle around a polygon.
pub(crate) fn xywh(polygon: &Polygon) -> [f64; 4] {
    let b = polygon.bounds();
    [b.x0, b.y0, b.width(), b.height()]
}

/// The upright rectangle around a polygon, for a format that holds no other.
pub(crate) fn bounds_of(polygon: &Polygon, losses: &mut Losses) -> [f64; 4] {
    let b = polygon.bounds();
    // The rectangle's area is the polygon's only where they are the same.
    if (b.width() * b.height() - polygon.area()).abs() > 1e-6 * polygon.area() {
        losses.count("outlines are held as the upright rectangles around them");
    }
    [b.x0, b.y0, b.x1, b.y1]
}

/// The corners of a quadrilateral, or of the smallest rectangle around another polygon.
pub(crate) fn quad_of(polygon: &Polygon, losses: &mut Losses) -> Vec<f64> {
    let flat = |points: &[Point]| points.iter().flat_map(|p| [p.x, p.y]).collect();
    match polygon.points() {
        quad if quad.len() == 4 => flat(quad),
        points => {
            losses.count("outlines are held as the smallest rectangles around them");
            text_corners(polygon).map_or_else(|| flat(points), |quad| flat(&quad))
        }
    }
}

/// Numbers with commas between them.
pub(crate) fn joined(numbers: &[f64], between: &str) -> String {
    numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(between)
}

/// Appends a value as JSON.
pub(crate) fn json_into(
    value: &impl Serialize,
    record: &Record,
    format: Format,
    line: &mut String,
) -> Result<()> {
    // Numbers of an outline are finite and names are strings, so that nothing is left that could fail.
    let json = serde_json::to_string(value).map_err(|e| Error::Unfit {
        at: record.at.clone(),
        format: format.name(),
        reason: e.to_string(),
    })?;
    line.push_str(&json);
    Ok(())
}
