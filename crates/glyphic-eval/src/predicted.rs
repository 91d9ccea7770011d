//! What predictions look like to the metrics.

use glyphic_core::{Line, Point, TextInstance};
use serde::Serialize;

use crate::evaluate::NamedPage;
use crate::{Outline, OutlineRule};

/// A text that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// Its outline, any closed sequence of points.
    pub outline: &'a [Point],
    /// The detector's confidence.
    pub score: f64,
    /// What it says, `""` where nothing was read.
    pub text: &'a str,
}

/// The prediction for one image.
pub trait Predicted: Sync {
    /// The image; `None` where the predictions stand in the truth's order.
    fn file_name(&self) -> Option<&str>;
    /// The words (or whatever unit was looked for).
    fn instances(&self) -> Vec<Found<'_>>;
    /// The lines; empty where none were looked for.
    fn lines(&self) -> Vec<Found<'_>>;
}

impl Predicted for NamedPage {
    fn file_name(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn instances(&self) -> Vec<Found<'_>> {
        fn found(instance: &TextInstance) -> Found<'_> {
            let region = &instance.region;
            Found { outline: region.polygon.points(), score: f64::from(region.score), text: instance.text() }
        }
        self.1.instances.iter().map(found).collect()
    }

    fn lines(&self) -> Vec<Found<'_>> {
        fn found(line: &Line) -> Found<'_> {
            Found { outline: line.polygon.points(), score: f64::from(line.score), text: &line.text }
        }
        self.1.lines.iter().map(found).collect()
    }
}

/// A text in anybody's prediction file: unlike in a [`glyphic_core::Page`], its outline may be no polygon, and its score keeps all its
/// digits.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PredictedText {
    /// Its outline.
    #[serde(rename = "polygon", serialize_with = "crate::write::flat")]
    pub outline: Vec<Point>,
    /// The detector's confidence, 1 where none is given.
    pub score: f64,
    /// What it says, where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its class, where it was classified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The prediction for one image in anybody's prediction file.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PredictedPage {
    /// The image; `None` where the file gives no names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// The words.
    pub instances: Vec<PredictedText>,
    /// The lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<PredictedText>,
}

impl Predicted for PredictedPage {
    fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    fn instances(&self) -> Vec<Found<'_>> {
        self.instances.iter().map(PredictedText::found).collect()
    }

    fn lines(&self) -> Vec<Found<'_>> {
        self.lines.iter().map(PredictedText::found).collect()
    }
}

impl PredictedText {
    fn found(&self) -> Found<'_> {
        Found { outline: &self.outline, score: self.score, text: self.text.as_deref().unwrap_or_default() }
    }
}

/// Whether the outline encloses nothing, so that it can match nothing.
pub(crate) fn is_empty(outline: &[Point]) -> bool {
    // The shoelace sum spares most outlines the longer computation; a bow-tie's may be 0.
    glyphic_core::geometry::signed_area(outline).abs() < 1e-9
        && Outline::new(outline, OutlineRule::EvenOdd).area() < 1e-9
}
