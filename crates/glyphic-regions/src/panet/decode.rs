//! From text, kernel and embeddings to regions, on plain slices.

use glyphic_core::{Detected, Region};
use glyphic_imgproc::{Connectivity, Map, connected_components};
use serde::{Deserialize, Serialize};

use crate::maps::{checked_scale, logit, sigmoid};
use crate::outline::{Labels, RegionFilter};
use crate::{Error, Maps, MaskOutline, Result};

/// Values of an embedding.
const EMBEDDING: usize = 4;

/// How regions are read off the maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanDecodeConfig {
    /// A pixel is text where its probability is above this, 0 to 1.
    pub text_threshold: f32,
    /// A pixel of text belongs to a kernel where that probability is above this, 0 to 1.
    pub kernel_threshold: f32,
    /// A pixel joins a kernel where its embedding is nearer than this to the kernel's mean. MMOCR has no number of its
    /// own for it and takes `min_score`; the paper says 6.
    pub embedding_distance: f32,
    /// Regions whose mean probability is below this are dropped, 0 to 1.
    pub min_score: f64,
    /// Regions of fewer pixels are dropped.
    pub min_area: usize,
    /// The outline returned.
    pub outline: MaskOutline,
}

impl Default for PanDecodeConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self {
            text_threshold: 0.5,
            kernel_threshold: 0.5,
            embedding_distance: 0.85,
            min_score: 0.85,
            min_area: 16,
            outline: MaskOutline::Polygon,
        }
    }
}

impl PanDecodeConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let shares = [
            ("decode.text_threshold", f64::from(self.text_threshold)),
            ("decode.kernel_threshold", f64::from(self.kernel_threshold)),
            ("decode.min_score", self.min_score),
        ];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        if !(self.embedding_distance.is_finite() && self.embedding_distance >= 0.0) {
            let value = self.embedding_distance;
            return Err(Error::config("decode.embedding_distance", value, "a number from 0 on"));
        }
        Ok(())
    }

    /// The regions, in raster order of their kernels.
    ///
    /// `maps` are `[6, H, W]`: the logits of text and kernel and an embedding of four values. `scale` is how many pixels
    /// of the picture a pixel of the maps is, horizontally and vertically.
    ///
    /// # Errors
    /// [`Error::MapCount`], [`Error::Scale`].
    pub fn decode(&self, maps: &Maps<'_>, scale: [f64; 2]) -> Result<Vec<Region>> {
        Ok(self.decode_counted(maps, scale)?.regions)
    }

    /// As [`PanDecodeConfig::decode`], with the number of candidates that are no regions.
    ///
    /// # Errors
    /// Those of [`PanDecodeConfig::decode`].
    pub fn decode_counted(&self, maps: &Maps<'_>, scale: [f64; 2]) -> Result<Detected> {
        maps.expect("PAN", 2 + EMBEDDING)?;
        let scale = checked_scale(scale)?;
        let (text, kernel) = (maps.channel(0), maps.channel(1));
        let [text_threshold, kernel_threshold] = [self.text_threshold, self.kernel_threshold].map(logit);
        let kernels = text.iter().zip(kernel);
        let kernels = kernels.map(|(t, k)| u8::from(*t > text_threshold && *k > kernel_threshold));
        let kernels = Map::new(maps.width(), maps.height(), kernels.collect())?;
        let components = connected_components(&kernels, Connectivity::Four);

        let embedding: [&[f32]; EMBEDDING] = std::array::from_fn(|i| maps.channel(2 + i));
        let mut means = vec![[0.0f32; EMBEDDING]; components.list.len()];
        for (at, label) in components.labels.data().iter().enumerate().filter(|(_, label)| **label != 0) {
            let mean = &mut means[*label as usize - 1];
            for (sum, values) in mean.iter_mut().zip(embedding) {
                *sum += values[at];
            }
        }
        for (mean, component) in means.iter_mut().zip(&components.list) {
            *mean = mean.map(|sum| sum / component.area as f32);
        }

        let mut labels = Labels::new(&components.labels);
        let (stride, width) = (labels.stride(), labels.width);
        let mask = labels.framed(text.iter().map(|t| u8::from(*t > text_threshold)));
        let mut queue = labels.frontier(&mask);
        let near = self.embedding_distance * self.embedding_distance;
        let steps = [-1, 1, -(stride as isize), stride as isize];
        labels.spread(&mut queue, steps, |label, at| {
            if mask[at] == 0 {
                return false;
            }
            let pixel = (at / stride - 1) * width + at % stride - 1;
            let pairs = means[label as usize - 1].iter().zip(embedding);
            let squared = pairs.fold(0.0f32, |sum, (mean, values)| {
                (f64::from(sum) + f64::from(mean - values[pixel]).powi(2)) as f32
            });
            // Not the negation of `>=`: NaN is not near.
            squared < near
        });
        let keep = RegionFilter { min_area: self.min_area, min_score: self.min_score, outline: self.outline };
        Ok(labels.regions(components.list.len(), &keep, scale, |at| sigmoid(text[at])))
    }
}
