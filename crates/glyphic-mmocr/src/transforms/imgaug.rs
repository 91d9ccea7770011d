use glyphic_core::Point;
use glyphic_imgproc::{Affine, Interpolation};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::draw::{hit, uniform};
use super::scene::BLACK;
use super::{Draws, OneOrPair, Picture, Scene};
use crate::{Error, Result};

/// The augmenters of `imgaug` that MMOCR's configurations use, in order: MMOCR's `ImgAug`.
///
/// Given as there: `[["Fliplr", 0.5], {"cls": "Affine", "rotate": [-10, 10]}, ["Resize", [0.5, 3.0]]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImgAug {
    /// The augmenters.
    pub args: Option<Vec<Augmenter>>,
}

/// One augmenter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augmenter {
    /// Mirrors left to right with this probability.
    Fliplr(f64),
    /// Mirrors top to bottom with this probability.
    Flipud(f64),
    /// Turns by an angle in degrees, clockwise, on the same canvas; black shows where the picture is not.
    Rotate(OneOrPair<f64>),
    /// Multiplies each side by a factor of its own, bicubic.
    Resize(OneOrPair<f64>),
}

const KNOWN: &str = "known are [\"Fliplr\", p], [\"Flipud\", p], {\"cls\": \"Affine\", \"rotate\": [low, high]} and \
                     [\"Resize\", [low, high]]";

impl<'de> Deserialize<'de> for Augmenter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format!("augmenter {value}: {KNOWN}"));
        let (name, argument) = match &value {
            Value::Array(list) => match list.as_slice() {
                [Value::String(name), argument] => (name.as_str(), argument),
                _ => return Err(unknown()),
            },
            Value::Object(map) => {
                let name = map.get("cls").and_then(Value::as_str).ok_or_else(unknown)?;
                let key = match name {
                    "Affine" => "rotate",
                    "Resize" => "size",
                    _ => "p",
                };
                if map.len() != 2 {
                    return Err(unknown());
                }
                (name, map.get(key).ok_or_else(unknown)?)
            }
            _ => return Err(unknown()),
        };
        let range = || OneOrPair::<f64>::deserialize(argument).map_err(|_| unknown());
        Ok(match name {
            "Fliplr" => Self::Fliplr(argument.as_f64().ok_or_else(unknown)?),
            "Flipud" => Self::Flipud(argument.as_f64().ok_or_else(unknown)?),
            "Affine" => Self::Rotate(range()?),
            "Resize" => Self::Resize(range()?),
            _ => return Err(unknown()),
        })
    }
}

impl Serialize for Augmenter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fliplr(p) => json!(["Fliplr", p]),
            Self::Flipud(p) => json!(["Flipud", p]),
            Self::Rotate(range) => json!({"cls": "Affine", "rotate": range}),
            Self::Resize(range) => json!(["Resize", range]),
        }
        .serialize(serializer)
    }
}

impl ImgAug {
    /// Changes the scene, one augmenter after the other.
    ///
    /// # Errors
    /// [`Error::Setup`] for a factor not above 0, [`Error::Pixels`] for a side above 65,536.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        self.args.iter().flatten().try_for_each(|augmenter| augmenter.apply(scene, rng))
    }
}

fn drawn(range: OneOrPair<f64>, rng: &mut impl Draws) -> f64 {
    match range {
        OneOrPair::One(v) => v,
        OneOrPair::Pair([low, high]) => uniform(rng, low, high),
    }
}

impl Augmenter {
    fn apply(self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let [height, width] = scene.picture.size();
        let (h, w) = (height as f64, width as f64);
        match self {
            Self::Fliplr(p) if hit(rng, p) => {
                scene.change_masks(|m| Ok(m.flip(true, false)))?;
                scene.move_points(|p| Point::new(w - p.x, p.y));
                scene.set_picture(scene.picture.flip(true, false));
            }
            Self::Flipud(p) if hit(rng, p) => {
                scene.change_masks(|m| Ok(m.flip(false, true)))?;
                scene.move_points(|p| Point::new(p.x, h - p.y));
                scene.set_picture(scene.picture.flip(false, true));
            }
            Self::Fliplr(_) | Self::Flipud(_) => {}
            Self::Rotate(range) => {
                let angle = -drawn(range, rng);
                // Pixel centres lie half a pixel beyond their numbers.
                let map = Affine::rotation(Point::new(w / 2.0 - 0.5, h / 2.0 - 0.5), angle);
                let turn = |p: &Picture, how| p.warp(&map, [height, width], how, BLACK);
                let picture = turn(&scene.picture, Interpolation::Linear)?;
                scene.change_masks(|m| turn(m, Interpolation::Nearest))?;
                let around = Affine::rotation(Point::new(w / 2.0, h / 2.0), angle);
                scene.move_points(|p| around.apply(p));
                scene.set_picture(picture);
            }
            Self::Resize(range) => {
                let mut side = |size: f64| {
                    let factor = drawn(range, rng);
                    let new = (size * factor).round_ties_even();
                    (factor > 0.0 && new.is_finite()).then_some((new as usize).max(1)).ok_or_else(|| {
                        let reason = format!("Resize drew the factor {factor}, it must be above 0");
                        Error::Setup { what: "ImgAug", reason }
                    })
                };
                let (new_h, new_w) = (side(h)?, side(w)?);
                let picture = scene.picture.resize_cubic(new_h, new_w)?;
                scene.resize_beside(new_h, new_w)?;
                scene.set_picture(picture);
            }
        }
        Ok(())
    }
}
