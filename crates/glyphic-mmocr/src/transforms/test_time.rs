use serde::{Deserialize, Serialize};

use super::{Draws, OneOrMany, Pipeline, Scene};
use crate::{Error, Result};
use glyphic_core::Compat;

/// Turns a crop that is higher than wide by several quarters and gives all of them: MMOCR's `MultiRotateAugOCR`.
///
/// [`Compat::Mmocr021`] leaves the size the next steps read ([`Meta::img_shape`](super::Meta)) at that before the turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiRotateAugOcr {
    /// What is done to each.
    pub transforms: Pipeline,
    /// Degrees counter-clockwise, each 0, 90, 180 or 270; none for 0.
    #[serde(default)]
    pub rotate_degrees: Option<OneOrMany<u32>>,
    /// Whether wide crops are turned too.
    #[serde(default)]
    pub force_rotate: bool,
    /// Whose behaviour is wanted.
    #[serde(default)]
    pub compat: Compat,
}

impl MultiRotateAugOcr {
    /// The turns for a crop of this size, in degrees, ascending, each once.
    ///
    /// # Errors
    /// [`Error::Setup`] for one that is no quarter turn.
    pub fn degrees(&self, height: usize, width: usize) -> Result<Vec<u32>> {
        let mut degrees = self.rotate_degrees.as_ref().map_or(vec![0], |d| d.all().to_vec());
        if let Some(wrong) = degrees.iter().find(|d| **d >= 360 || *d % 90 != 0) {
            let reason = format!("rotate_degrees holds {wrong}, each must be 0, 90, 180 or 270");
            return Err(Error::Setup { what: "MultiRotateAugOCR", reason });
        }
        if !self.force_rotate && height <= width {
            return Ok(vec![0]);
        }
        degrees.sort_unstable();
        degrees.dedup();
        Ok(degrees)
    }

    /// The crop in each turn, changed by the transforms. Outlines and maps are dropped: this is for reading.
    ///
    /// # Errors
    /// As for [`MultiRotateAugOcr::degrees`], and those of the transforms.
    pub fn apply<R: Draws>(&self, scene: Scene, rng: &mut R) -> Result<Vec<Scene>> {
        let [height, width] = scene.picture.size();
        let mut out = Vec::new();
        for degrees in self.degrees(height, width)? {
            let mut turned = Scene::new(scene.picture.quarter_turns(degrees as usize / 90));
            turned.extra.clone_from(&scene.extra);
            if self.compat.is_reference() {
                turned.meta.img_shape = scene.meta.img_shape;
                turned.meta.ori_shape = scene.meta.ori_shape;
            }
            out.extend(self.transforms.apply(turned, rng)?);
        }
        Ok(out)
    }
}
