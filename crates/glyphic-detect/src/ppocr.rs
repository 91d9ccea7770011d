//! PaddleOCR's text detectors, PP-OCRv3 to v6, from their ONNX files.
//!
//! The network is the file's; what stands here is what PaddleOCR does before and after it. A picture's shorter side is brought to
//! at least 736 pixels and both sides to multiples of 32; the map is read like DBNet's
//! ([arXiv:1911.08947](https://arxiv.org/abs/1911.08947)), with rectangles where DBNet of the paper has contours.

use glyphic_core::geometry::{Point, Polygon, min_area_rect, order_quad};
use glyphic_core::{Detected, DropReason, Region};
use glyphic_graph::{Graph, Tensor};
use glyphic_imgproc::{Approximation, Map, Pixel, Retrieval, dilate, find_contours, points, polygon_mean};
use glyphic_regions::Error::MapCount;
use serde::{Deserialize, Serialize};

use crate::dbnet::DbUnclip;
use crate::engine::{DetectorModel, Frame, Network};
use crate::input::ResizeRule;
use crate::{Error, InputConfig, ResizeConfig, Result};

/// A detector of PaddleOCR and how it is used. The defaults are those of PP-OCRv6 small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpOcrDetectorConfig {
    /// What is done to a picture first.
    pub input: InputConfig,
    /// A pixel is text where its probability is above this, 0 to 1.
    pub mask_threshold: f32,
    /// Whether the mask grows by a pixel to the right and downwards before its contours are traced.
    pub dilate: bool,
    /// Regions whose mean probability is below this are dropped, 0 to 1.
    pub min_score: f64,
    /// How far a rectangle grows: area times this over perimeter, 0 to 100.
    pub unclip: f64,
    /// Rectangles with a shorter side than this are dropped, in pixels of the map; grown ones have two more. 0 on.
    pub min_side: f64,
    /// The most contours looked at.
    pub max_candidates: usize,
}

impl Default for PpOcrDetectorConfig {
    fn default() -> Self {
        let resize = ResizeConfig {
            long_side: 2000,
            short_side: 736,
            rule: ResizeRule::ShortSide,
            ..ResizeConfig::default()
        };
        Self {
            input: InputConfig { resize, mean: [127.5; 3], std: [127.5; 3], bgr: true },
            mask_threshold: 0.3,
            dilate: true,
            min_score: 0.5,
            unclip: 1.6,
            min_side: 3.0,
            max_candidates: 1000,
        }
    }
}

impl PpOcrDetectorConfig {
    /// PaddleOCR's file as the engine takes it: its one input and its one output by the engine's names.
    ///
    /// # Errors
    /// [`Error::Graph`] for a graph with more inputs or outputs.
    pub(crate) fn named(graph: &Graph) -> Result<Graph> {
        let mut graph = graph.clone();
        let (inputs, outputs) = (graph.inputs.len(), graph.outputs.len());
        match (&mut graph.inputs[..], &mut graph.outputs[..]) {
            ([input], [output]) => {
                input.name = "image".to_owned();
                output.name = "probability".to_owned();
                Ok(graph)
            }
            _ => {
                let reason = format!(
                    "a detector of PaddleOCR has one input and one output; this network has {inputs} and {outputs}"
                );
                Err(glyphic_graph::Error::Graph { reason }.into())
            }
        }
    }

    fn region(&self, values: &Map<f32>, contour: &[Pixel]) -> Result<(Vec<Point>, f64), DropReason> {
        let rect = min_area_rect(&points(contour)).ok_or(DropReason::NoOutline)?;
        if rect.width.min(rect.height) < self.min_side {
            return Err(DropReason::TooSmall);
        }
        let corners = rect.corners.map(|p| -> Pixel { [p.x.floor() as i32, p.y.floor() as i32] });
        let score = polygon_mean(values, &corners).ok_or(DropReason::NoOutline)?;
        if score.is_nan() || score < self.min_score {
            return Err(DropReason::LowScore);
        }
        let grown = DbUnclip::Ratio(self.unclip).grow(&order_quad(rect.corners));
        let rect = grown.first().and_then(|outline| min_area_rect(outline)).ok_or(DropReason::NoOutline)?;
        if rect.width.min(rect.height) < self.min_side + 2.0 {
            return Err(DropReason::TooSmall);
        }
        Ok((order_quad(rect.corners).to_vec(), score))
    }
}

impl DetectorModel for PpOcrDetectorConfig {
    fn validate(&self) -> Result<()> {
        self.input.validate()?;
        let shares = [("mask_threshold", f64::from(self.mask_threshold)), ("min_score", self.min_score)];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        if !(0.0..=100.0).contains(&self.unclip) {
            return Err(Error::config("unclip", self.unclip, "a number from 0 to 100"));
        }
        if !(self.min_side.is_finite() && self.min_side >= 0.0) {
            return Err(Error::config("min_side", self.min_side, "a number from 0 on"));
        }
        Ok(())
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        let map = frame.crop_only("PP-OCR", outputs)?;
        let [channels, height, width] = map.shape;
        if channels != 1 {
            return Err(MapCount { decoder: "PP-OCR", expected: 1, got: channels }.into());
        }
        let values = Map::new(width, height, map.values)?;
        let mut mask = values.above(self.mask_threshold);
        if self.dilate {
            mask = dilate(&mask, 2, 2);
        }
        let contours = find_contours(&mask, Retrieval::List, Approximation::Simple);
        let mut detected = Detected::default();
        detected.dropped.add_many(DropReason::TooMany, contours.len().saturating_sub(self.max_candidates));
        // The picture's size, as the map's sides are stretched to it.
        let size = [width as f64 * map.scale[0], height as f64 * map.scale[1]].map(f64::round);
        for contour in contours.iter().take(self.max_candidates) {
            let region = self.region(&values, &contour.points).and_then(|(outline, score)| {
                let place = |v: f64, axis: usize| (v * map.scale[axis]).round().clamp(0.0, size[axis] - 1.0);
                let outline =
                    outline.iter().map(|p| Point::new(place(p.x, 0), place(p.y, 1))).collect::<Vec<_>>();
                let [a, b, _, d] = outline[..] else { return Err(DropReason::NoOutline) };
                // Whole pixels, as the reference counts them.
                if a.distance(b).floor() <= self.min_side || a.distance(d).floor() <= self.min_side {
                    return Err(DropReason::TooSmall);
                }
                let polygon = Polygon::new(outline).map_err(|_| DropReason::NoOutline)?;
                Ok(Region { polygon, score: score as f32 })
            });
            match region {
                Ok(region) => detected.regions.push(region),
                Err(reason) => detected.dropped.add(reason),
            }
        }
        Ok(detected)
    }
}
