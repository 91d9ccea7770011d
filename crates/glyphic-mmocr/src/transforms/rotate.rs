use glyphic_core::Point;
use glyphic_imgproc::{Affine, Around, Interpolation, Map};
use serde::{Deserialize, Serialize};

use super::draw::{hit, uniform};
use super::scene::BLACK;
use super::{Draws, Picture, Scene};
use crate::Result;

/// Turns the picture, its maps and outlines at random on the same canvas, by the nearest pixel: MMOCR's
/// `RandomRotateTextDet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomRotateTextDet {
    /// Probability of a turn.
    pub rotate_ratio: f64,
    /// The largest angle in degrees, either way.
    pub max_angle: f64,
}

impl Default for RandomRotateTextDet {
    fn default() -> Self {
        Self { rotate_ratio: 1.0, max_angle: 10.0 }
    }
}

impl RandomRotateTextDet {
    /// Turns the scene. Returns the angle in degrees, counter-clockwise, if it did.
    ///
    /// # Errors
    /// [`crate::Error::Pixels`] for an angle that is not finite.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<Option<f64>> {
        if !hit(rng, self.rotate_ratio) {
            return Ok(None);
        }
        let angle = uniform(rng, -self.max_angle, self.max_angle);
        let [height, width] = scene.picture.size();
        let map = Affine::rotation(Point::new(width as f64 / 2.0, height as f64 / 2.0), angle);
        let turn = |p: &Picture| p.warp(&map, [height, width], Interpolation::Nearest, BLACK);
        let picture = turn(&scene.picture)?;
        scene.change_masks(turn)?;
        scene.move_points(|p| map.apply(p));
        scene.set_picture(picture);
        Ok(Some(angle))
    }
}

/// Turns the picture and its outlines at random on a canvas that grows with them: MMOCR's `RandomRotatePolyInstances`.
/// What the picture leaves free shows one colour or a piece of the picture, enlarged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomRotatePolyInstances {
    /// Probability of a turn.
    pub rotate_ratio: f64,
    /// The largest angle in degrees, either way.
    pub max_angle: f64,
    /// Whether the free part shows one colour.
    pub pad_with_fixed_color: bool,
    /// That colour.
    pub pad_value: [f32; 3],
}

impl Default for RandomRotatePolyInstances {
    fn default() -> Self {
        Self { rotate_ratio: 0.5, max_angle: 10.0, pad_with_fixed_color: false, pad_value: [0.0; 3] }
    }
}

pub(super) fn colour([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, b, c, 0.0]
}

/// A piece of the picture, a ninth of its height and width, enlarged to `[height, width]`.
pub(super) fn enlarged_piece(
    picture: &Picture,
    [height, width]: [usize; 2],
    rng: &mut impl Draws,
) -> Result<Picture> {
    let [h, w] = picture.size();
    let (y, x) = (rng.whole(0, h * 7 / 8), rng.whole(0, w * 7 / 8));
    picture.crop(x, y, x + (w / 9).max(1), y + (h / 9).max(1))?.resize_linear(height, width)
}

impl RandomRotatePolyInstances {
    /// Turns the scene. Returns the angle in degrees, counter-clockwise, if it did.
    ///
    /// # Errors
    /// [`crate::Error::Pixels`] for an angle that is not finite and a canvas above 65,536 pixels a side.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<Option<f64>> {
        if !hit(rng, self.rotate_ratio) {
            return Ok(None);
        }
        let angle = uniform(rng, -self.max_angle, self.max_angle);
        let [height, width] = scene.picture.size();
        let (h, w) = (height as f64, width as f64);
        let (sin, cos) = angle.to_radians().sin_cos();
        let canvas = [(w * sin.abs() + h * cos.abs()) as usize, (w * cos.abs() + h * sin.abs()) as usize];
        let shift = |new: usize, old: f64| ((new as f64 - old) / 2.0).trunc();
        let map = Affine::rotation(Point::new(w / 2.0, h / 2.0), angle)
            .shifted(shift(canvas[1], w), shift(canvas[0], h));
        let picture = if self.pad_with_fixed_color {
            let fill = Around::Colour(colour(self.pad_value));
            scene.picture.warp(&map, canvas, Interpolation::Nearest, fill)?
        } else {
            let behind = enlarged_piece(&scene.picture, canvas, rng)?;
            let whole = Picture::from(Map::filled(width, height, 1f32)?);
            let covered = whole.warp(&map, canvas, Interpolation::Linear, BLACK)?.to_f32();
            let turned = scene.picture.warp(&map, canvas, Interpolation::Linear, BLACK)?;
            over(&turned, covered.data(), &behind)
        };
        scene.change_masks(|mask| mask.warp(&map, canvas, Interpolation::Nearest, BLACK))?;
        scene.move_points(|p| map.apply(p));
        scene.set_picture(picture);
        Ok(Some(angle))
    }
}

/// The front, already weighted by how much it covers, and the rest from behind.
fn over(front: &Picture, covered: &[f32], behind: &Picture) -> Picture {
    use glyphic_imgproc::Value;
    fn mix<T: Value>(front: &mut [T], behind: &[T], covered: &[f32], channels: usize) {
        let pixels = front.chunks_exact_mut(channels).zip(behind.chunks_exact(channels));
        for ((f, b), share) in pixels.zip(covered) {
            for (f, b) in f.iter_mut().zip(b) {
                *f = T::from_f32(f.to_f32() + b.to_f32() * (1.0 - share));
            }
        }
    }
    let mut out = front.clone();
    let channels = front.channels();
    match (&mut out, behind) {
        (Picture::U8(f), Picture::U8(b)) => mix(f.data_mut(), b.data(), covered, channels),
        (Picture::F32(f), Picture::F32(b)) => mix(f.data_mut(), b.data(), covered, channels),
        // Both come of one picture.
        _ => {}
    }
    out
}
