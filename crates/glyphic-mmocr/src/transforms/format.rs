use serde::{Deserialize, Serialize};

use super::{Scene, ToTensorOcr};
use crate::{Error, Result};

/// Makes the picture a tensor in its own range: MMOCR's `CustomFormatBundle`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomFormatBundle {
    /// The maps that training needs: they must be there.
    pub keys: Vec<String>,
    /// Whether the picture is formatted.
    pub call_super: bool,
    /// Named for MMOCR's configurations.
    pub visualize: Visualize,
}

/// MMOCR's debugging windows, which do not exist here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Visualize {
    /// Must be false.
    pub flag: bool,
    /// The maps to lay over the picture.
    pub boundary_key: Option<String>,
}

impl Default for CustomFormatBundle {
    fn default() -> Self {
        Self { keys: Vec::new(), call_super: true, visualize: Visualize::default() }
    }
}

/// The picture as a tensor, its values unchanged.
fn format(scene: &mut Scene) {
    let picture = super::Picture::F32(scene.picture.to_f32());
    scene.tensor = Some(ToTensorOcr {}.tensor(&picture));
}

impl CustomFormatBundle {
    /// Sets [`Scene::tensor`].
    ///
    /// # Errors
    /// [`Error::Step`] where a key's maps are missing, [`Error::Setup`] where windows are asked for.
    pub fn apply(&self, scene: &mut Scene) -> Result<()> {
        if self.visualize.flag {
            let reason = "visualize opens no windows here; draw the targets' maps instead".to_owned();
            return Err(Error::Setup { what: "CustomFormatBundle", reason });
        }
        if let Some(key) = self.keys.iter().find(|key| !scene.masks.contains_key(*key)) {
            let known: Vec<&str> = scene.masks.keys().map(String::as_str).collect();
            let reason = format!("there are no maps {key:?}, only {known:?}");
            return Err(Error::Step { step: "CustomFormatBundle", reason });
        }
        if self.call_super {
            format(scene);
        }
        Ok(())
    }
}

/// Makes the picture a tensor and scales relations with it: MMOCR's `KIEFormatBundle`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KieFormatBundle {}

impl KieFormatBundle {
    /// Scales relations (dx, dy, width over height, height over height, width over height) by factors for width and
    /// height.
    pub fn scale(relations: &mut [[f32; 5]], [sx, sy]: [f32; 2]) {
        let ratio = sx / sy;
        for row in relations {
            for (v, factor) in row.iter_mut().zip([sx, sy, ratio, 1.0, ratio]) {
                *v *= factor;
            }
        }
    }

    /// Sets [`Scene::tensor`] and scales [`Scene::relations`] by the scene's scale factor.
    pub fn apply(&self, scene: &mut Scene) {
        format(scene);
        let [sx, sy, ..] = scene.meta.scale_factor;
        Self::scale(&mut scene.relations, [sx, sy]);
    }
}
