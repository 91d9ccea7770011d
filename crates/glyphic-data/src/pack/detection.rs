use std::path::Path;

use glyphic_core::{Point, Polygon, Rect, Region, TextInstance, Transcript};
use serde::Deserialize;

use super::{Record, Truth, Warning};
use crate::{Error, Location, Result};

/// Text that marks an illegible instance where the label has no `ignore` field.
const ILLEGIBLE: &str = "###";

#[derive(Deserialize)]
struct Line {
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    polygon: Vec<f64>,
    text: Option<String>,
    ignore: Option<bool>,
    label: Option<serde_json::Value>,
    entity: Option<String>,
}

/// One line of `gt.jsonl`.
pub(super) fn parse(folder: &Path, line: &str, at: &Location, warnings: &mut Vec<Warning>) -> Result<Record> {
    let line: Line = serde_json::from_str(line).map_err(|e| Error::Label {
        at: at.clone(),
        reason: format!("column {}: {}", e.column(), reason(&e)),
        expected: "a JSON object with file_name, width, height and annotations, each with polygon: [x1, y1, ...]",
    })?;
    if line.file_name.is_empty() {
        return Err(Error::Label {
            at: at.clone(),
            reason: "file_name is empty".to_owned(),
            expected: "the name of a file in images/",
        });
    }
    let mut instances = Vec::with_capacity(line.annotations.len());
    for (i, annotation) in line.annotations.into_iter().enumerate() {
        let mut warn = |reason: String, remedy: &'static str| {
            warnings.push(Warning { at: at.clone(), annotation: i, reason, remedy });
        };
        let (polygon, valid) = match polygon(&annotation.polygon) {
            Ok(polygon) => (polygon, true),
            Err(reason) => match stand_in(&annotation.polygon) {
                Some(polygon) => {
                    warn(reason, "the region around its points is ignored");
                    (polygon, false)
                }
                None => {
                    warn(reason, "it marks no place and is left out");
                    continue;
                }
            },
        };
        instances.push(instance(annotation, polygon, valid));
    }
    Ok(Record {
        line: at.line,
        image: folder.join("images").join(&line.file_name),
        declared: line.width.zip(line.height),
        truth: Truth::Instances(instances),
    })
}

fn instance(annotation: Annotation, polygon: Polygon, valid: bool) -> TextInstance {
    let text = annotation.text;
    // A text that is given but empty, or the mark of the illegible, is there and cannot be scored.
    let illegible = text.as_deref().is_some_and(|t| t.is_empty())
        || (annotation.ignore.is_none() && text.as_deref() == Some(ILLEGIBLE));
    let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
    instance.ignore = annotation.ignore.unwrap_or(false) || illegible || !valid;
    instance.transcript = text.map(Transcript::truth);
    instance.label = annotation.entity.or_else(|| match annotation.label {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(label)) => Some(label),
        Some(other) => Some(other.to_string()),
    });
    instance
}

fn polygon(flat: &[f64]) -> Result<Polygon, String> {
    let polygon = Polygon::from_flat(flat).map_err(|e| e.to_string())?;
    match crossing(polygon.points()) {
        Some((i, j)) => Err(format!("not a polygon: its sides {i} and {j} cross each other")),
        None => Ok(polygon),
    }
}

/// What is ignored in place of a broken polygon: the rectangle around its points, at least a pixel wide.
fn stand_in(flat: &[f64]) -> Option<Polygon> {
    let finite = flat.chunks_exact(2).filter(|p| p[0].is_finite() && p[1].is_finite());
    let bounds = finite.fold(None::<Rect>, |bounds, p| {
        let b = bounds.unwrap_or(Rect { x0: p[0], y0: p[1], x1: p[0], y1: p[1] });
        Some(Rect { x0: b.x0.min(p[0]), y0: b.y0.min(p[1]), x1: b.x1.max(p[0]), y1: b.y1.max(p[1]) })
    })?;
    Polygon::from_rect(Rect {
        x1: bounds.x1.max(bounds.x0 + 1.0),
        y1: bounds.y1.max(bounds.y0 + 1.0),
        ..bounds
    })
    .ok()
}

/// The first two sides that properly cross; touching and overlapping sides are harmless.
fn crossing(points: &[Point]) -> Option<(usize, usize)> {
    let n = points.len();
    let side = |i: usize| (points[i], points[(i + 1) % n]);
    let turn = |a: Point, b: Point, c: Point| (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    for i in 0..n {
        for j in i + 2..n {
            if i == 0 && j == n - 1 {
                continue;
            }
            let ((a, b), (c, d)) = (side(i), side(j));
            let apart = |p: f64, q: f64| (p > 0.0 && q < 0.0) || (p < 0.0 && q > 0.0);
            if apart(turn(a, b, c), turn(a, b, d)) && apart(turn(c, d, a), turn(c, d, b)) {
                return Some((i, j));
            }
        }
    }
    None
}

/// serde's reason without its own line number, which would count inside the line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}
