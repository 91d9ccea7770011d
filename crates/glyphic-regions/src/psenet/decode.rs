//! From kernels to regions, on plain slices.

use glyphic_core::{Detected, Region};
use glyphic_imgproc::{Connectivity, Map, connected_components};
use serde::{Deserialize, Serialize};

use crate::maps::{checked_scale, logit, sigmoid};
use crate::outline::{Labels, RegionFilter};
use crate::{Error, Maps, MaskOutline, Result};

/// How the smallest kernels grow to texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PseExpansion {
    /// From kernel to next larger kernel, as the paper has it: texts that touch part where their kernels do.
    #[default]
    Progressive,
    /// From the smallest kernels to the whole text at once. MMCV's `contour_expand` never looks at the kernels between.
    AtOnce,
}

/// How regions are read off the kernels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PseDecodeConfig {
    /// A pixel belongs to a kernel where its probability is above this, 0 to 1.
    pub kernel_threshold: f32,
    /// Regions whose mean probability is below this are dropped, 0 to 1.
    pub min_score: f64,
    /// Smallest kernels of fewer pixels grow no region.
    pub min_kernel_area: usize,
    /// Regions of fewer pixels are dropped.
    pub min_area: usize,
    /// How kernels grow.
    pub expansion: PseExpansion,
    /// The outline returned.
    pub outline: MaskOutline,
}

impl Default for PseDecodeConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self {
            kernel_threshold: 0.5,
            min_score: 0.85,
            min_kernel_area: 0,
            min_area: 16,
            expansion: PseExpansion::Progressive,
            outline: MaskOutline::Polygon,
        }
    }
}

impl PseDecodeConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let shares = [
            ("decode.kernel_threshold", f64::from(self.kernel_threshold)),
            ("decode.min_score", self.min_score),
        ];
        match shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 to 1")),
            None => Ok(()),
        }
    }

    /// The regions, in raster order of their smallest kernels.
    ///
    /// `kernels` are logits `[n, H, W]`: the whole text first, then kernel after kernel, the smallest last. `scale` is
    /// how many pixels of the picture a pixel of the maps is, horizontally and vertically.
    ///
    /// # Errors
    /// [`Error::Scale`].
    pub fn decode(&self, kernels: &Maps<'_>, scale: [f64; 2]) -> Result<Vec<Region>> {
        Ok(self.decode_counted(kernels, scale)?.regions)
    }

    /// As [`PseDecodeConfig::decode`], with the number of candidates that are no regions.
    ///
    /// # Errors
    /// Those of [`PseDecodeConfig::decode`].
    pub fn decode_counted(&self, kernels: &Maps<'_>, scale: [f64; 2]) -> Result<Detected> {
        let scale = checked_scale(scale)?;
        let (width, height) = (kernels.width(), kernels.height());
        let threshold = logit(self.kernel_threshold);
        let text = kernels.channel(0);
        let kernel = |k: usize| {
            let pixels = kernels.channel(k).iter().zip(text);
            pixels.map(|(kernel, text)| u8::from(*kernel > threshold && *text > threshold))
        };
        let smallest = Map::new(width, height, kernel(kernels.channels() - 1).collect())?;
        let mut components = connected_components(&smallest, Connectivity::Four);
        let list = &components.list;
        for label in components.labels.data_mut() {
            if *label != 0 && list[*label as usize - 1].area < self.min_kernel_area {
                *label = 0;
            }
        }

        let mut labels = Labels::new(&components.labels);
        let stride = labels.stride() as isize;
        let stages = match self.expansion {
            PseExpansion::Progressive => kernels.channels() - 1,
            PseExpansion::AtOnce => usize::from(kernels.channels() > 1),
        };
        for k in (0..stages).rev() {
            let mask = labels.framed(kernel(k));
            let mut queue = labels.frontier(&mask);
            labels.spread(&mut queue, [-stride, stride, -1, 1], |_, at| mask[at] != 0);
        }
        let keep = RegionFilter { min_area: self.min_area, min_score: self.min_score, outline: self.outline };
        Ok(labels.regions(components.list.len(), &keep, scale, |at| sigmoid(text[at])))
    }
}
