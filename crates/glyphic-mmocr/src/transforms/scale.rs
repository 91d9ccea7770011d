use glyphic_core::Point;
use glyphic_imgproc::Sides;
use serde::{Deserialize, Serialize};

use super::draw::hit;
use super::rotate::{colour, enlarged_piece};
use super::scene::BLACK;
use super::{Draws, OneOrMany, OneOrPair, Scene};
use crate::{Error, Result};

/// Scales the picture at random, its shape kept: MMOCR's `RandomScaling`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomScaling {
    /// The longer side at scale 1, in pixels.
    pub size: usize,
    /// The least and the largest scale; a number v stands for 1 - v to 1 + v.
    pub scale: OneOrPair<f64>,
}

impl Default for RandomScaling {
    fn default() -> Self {
        Self { size: 800, scale: OneOrPair::Pair([0.75, 2.5]) }
    }
}

impl RandomScaling {
    /// A size `[height, width]` for a picture of `height` x `width` pixels, at least 1 each.
    pub fn draw(&self, height: usize, width: usize, rng: &mut impl Draws) -> [usize; 2] {
        let [low, high] = match self.scale {
            OneOrPair::One(v) => [1.0 - v, 1.0 + v],
            OneOrPair::Pair(pair) => pair,
        };
        let scale = self.size as f64 / height.max(width) as f64 * rng.uniform(low.min(high), low.max(high));
        [height, width].map(|side| ((side as f64 * scale) as usize).max(1))
    }

    /// Scales the scene.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side above 65,536.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let [height, width] = scene.picture.size();
        let [height, width] = self.draw(height, width, rng);
        scene.resize(height, width)
    }
}

/// How [`ScaleAspectJitter`] chooses a size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeType {
    /// The shorter side becomes the shorter of `img_scale`, times a ratio.
    #[default]
    AroundMinImgScale,
    /// The longer side becomes at most `long_size_bound`, times a ratio; then the shorter at least `short_size_bound`.
    LongShortBound,
    /// Both sides are drawn from `scale_range`, each on its own.
    IndepSampleInRange,
}

/// Scales the picture at random, and stretches it: MMOCR's `ScaleAspectJitter`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleAspectJitter {
    /// A size `[width, height]`; of several the first counts.
    pub img_scale: Option<OneOrMany<[f64; 2]>>,
    /// Named for MMOCR's configurations; it changes nothing.
    pub multiscale_mode: Option<String>,
    /// The least and the largest ratio of the scale.
    pub ratio_range: Option<[f64; 2]>,
    /// Must be false.
    pub keep_ratio: bool,
    /// How a size is chosen.
    pub resize_type: ResizeType,
    /// The least and the largest stretch of the height against the width.
    pub aspect_ratio_range: Option<[f64; 2]>,
    /// See [`ResizeType::LongShortBound`].
    pub long_size_bound: Option<f64>,
    /// See [`ResizeType::LongShortBound`].
    pub short_size_bound: Option<f64>,
    /// See [`ResizeType::IndepSampleInRange`].
    pub scale_range: Option<[f64; 2]>,
}

impl ScaleAspectJitter {
    /// The size `[height, width]` for a picture of `height` x `width` pixels, at least 1 each. `draw` gives numbers that
    /// are uniform in 0 to 1: the ratio's, then the stretch's (or the width's, then the height's).
    ///
    /// # Errors
    /// [`Error::Setup`] where an option that [`ScaleAspectJitter::resize_type`] needs is missing or another is set.
    pub fn size(&self, height: usize, width: usize, mut draw: impl FnMut() -> f64) -> Result<[usize; 2]> {
        let what = "ScaleAspectJitter";
        let missing =
            |name: &str| Error::Setup { what, reason: format!("{name} is needed for this resize_type") };
        let mut between = |[a, b]: [f64; 2]| {
            let (low, high) = (a.min(b), a.max(b));
            draw() * (high - low) + low
        };
        if self.keep_ratio {
            return Err(Error::Setup { what, reason: "keep_ratio must be false".to_owned() });
        }
        let (h, w) = (height as f64, width as f64);
        let whole = |v: f64| (v as usize).max(1);
        let scale = match self.resize_type {
            ResizeType::IndepSampleInRange => {
                let range = self.scale_range.ok_or_else(|| missing("scale_range"))?;
                let width = whole(between(range));
                return Ok([whole(between(range)), width]);
            }
            ResizeType::LongShortBound => {
                let long = self.long_size_bound.ok_or_else(|| missing("long_size_bound"))?;
                let short = self.short_size_bound.ok_or_else(|| missing("short_size_bound"))?;
                let first = if h.max(w) > long { long / h.max(w) } else { 1.0 };
                let scale = first * between(self.ratio_range.ok_or_else(|| missing("ratio_range"))?);
                if h.min(w) * scale <= short { (short + 10.0) / h.min(w) } else { scale }
            }
            ResizeType::AroundMinImgScale => {
                let size =
                    self.img_scale.as_ref().and_then(|s| s.of(0)).ok_or_else(|| missing("img_scale"))?;
                let ratio = between(self.ratio_range.ok_or_else(|| missing("ratio_range"))?);
                ratio * size[0].min(size[1]) / h.min(w)
            }
        };
        let aspect = between(self.aspect_ratio_range.ok_or_else(|| missing("aspect_ratio_range"))?).sqrt();
        Ok([whole(h * (scale * aspect)), whole(w * (scale / aspect))])
    }

    /// Resizes the scene.
    ///
    /// # Errors
    /// As for [`ScaleAspectJitter::size`], [`Error::Pixels`] for a side above 65,536.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let [height, width] = scene.picture.size();
        let [height, width] = self.size(height, width, || rng.unit())?;
        scene.resize(height, width)
    }
}

/// Makes the picture square, by padding or by stretching: MMOCR's `SquareResizePad`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquareResizePad {
    /// The side in pixels.
    pub target_size: usize,
    /// Probability of padding.
    #[serde(default = "mostly")]
    pub pad_ratio: f64,
    /// Whether padding shows one colour, else a piece of the picture, enlarged.
    #[serde(default)]
    pub pad_with_fixed_color: bool,
    /// That colour.
    #[serde(default)]
    pub pad_value: [f32; 3],
}

fn mostly() -> f64 {
    0.6
}

impl SquareResizePad {
    /// Makes the scene square.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side of 0 or above 65,536.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let side = self.target_size;
        if !hit(rng, self.pad_ratio) {
            return scene.resize(side, side);
        }
        let [h, w] = scene.picture.size();
        let height = if h >= w { side } else { (h * side / w).max(1) };
        let width = if h <= w { side } else { (w * side / h).max(1) };
        scene.resize(height, width)?;
        if height == width {
            return Ok(());
        }
        let mut canvas = if self.pad_with_fixed_color {
            scene.picture.like([side, side], colour(self.pad_value))?
        } else {
            enlarged_piece(&scene.picture, [side, side], rng)?
        };
        let (left, top) = ((side - width) / 2, (side - height) / 2);
        canvas.paste(&scene.picture, left, top)?;
        let sides = Sides { left, top, right: side - width - left, bottom: side - height - top };
        scene.change_masks(|map| map.pad(sides, BLACK))?;
        scene.move_points(|p| Point::new(p.x + left as f64, p.y + top as f64));
        scene.set_picture(canvas);
        Ok(())
    }
}

/// The size a picture would get, without the picture: MMOCR's `ResizeNoImg`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeNoImg {
    /// The bounds `[width, height]`; with `keep_ratio` the longer is for the longer side.
    pub img_scale: [usize; 2],
    /// Whether the shape is kept.
    #[serde(default = "yes")]
    pub keep_ratio: bool,
}

fn yes() -> bool {
    true
}

impl ResizeNoImg {
    /// The size `[height, width]` and the scale factors (width, height, width, height) for a picture of this size.
    ///
    /// # Errors
    /// [`Error::Step`] for a picture without pixels.
    pub fn size(&self, height: usize, width: usize) -> Result<([usize; 2], [f32; 4])> {
        if height == 0 || width == 0 {
            let reason = format!("a picture of {width}x{height} has no pixels");
            return Err(Error::Step { step: "ResizeNoImg", reason });
        }
        let (h, w) = (height as f64, width as f64);
        let [new_w, new_h] = if self.keep_ratio {
            let (long, short) = (
                self.img_scale[0].max(self.img_scale[1]) as f64,
                self.img_scale[0].min(self.img_scale[1]) as f64,
            );
            let scale = (long / h.max(w)).min(short / h.min(w));
            [w, h].map(|side| (side * scale + 0.5) as usize)
        } else {
            self.img_scale
        };
        let (sx, sy) = ((new_w as f64 / w) as f32, (new_h as f64 / h) as f32);
        Ok(([new_h, new_w], [sx, sy, sx, sy]))
    }

    /// Notes size and scale in [`Scene::meta`]; nothing is resized.
    ///
    /// # Errors
    /// As for [`ResizeNoImg::size`].
    pub fn apply(&self, scene: &mut Scene) -> Result<()> {
        let [height, width] = scene.picture.size();
        (scene.meta.img_shape, scene.meta.scale_factor) = self.size(height, width)?;
        Ok(())
    }
}
