use glyphic_imgproc::Raster;
use serde::{Deserialize, Serialize};

use super::draw::uniform;
use super::{Draws, OneOrPair, Picture, Scene};
use crate::{Error, Result};

/// Changes brightness, contrast, saturation and hue at random, in random order: MMOCR's `ColorJitter`, which is
/// torchvision's on Pillow, byte for byte given the same draws.
///
/// A number v stands for the range from max(0, 1 - v) to 1 + v, for hue from -v to v.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// Factor of brightness.
    pub brightness: Option<OneOrPair<f64>>,
    /// Factor of contrast.
    pub contrast: Option<OneOrPair<f64>>,
    /// Factor of saturation.
    pub saturation: Option<OneOrPair<f64>>,
    /// Shift of the hue, -0.5 to 0.5 turns.
    pub hue: Option<OneOrPair<f64>>,
}

/// One change of colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColourChange {
    /// Towards black (below 1) or away from it.
    Brightness(f64),
    /// Towards the mean grey (below 1) or away from it.
    Contrast(f64),
    /// Towards grey (below 1) or away from it.
    Saturation(f64),
    /// Around the circle of colours, in turns.
    Hue(f64),
}

impl ColorJitter {
    fn ranges(&self) -> Result<[Option<[f64; 2]>; 4]> {
        let range = |name: &str, given: Option<OneOrPair<f64>>, centre: f64| {
            let wrong = |reason: String| Err(Error::Setup { what: "ColorJitter", reason });
            let [low, high] = match given {
                None => return Ok(None),
                Some(OneOrPair::One(v)) if v < 0.0 => {
                    return wrong(format!("{name} is {v}, it must not be below 0"));
                }
                Some(OneOrPair::One(v)) if centre == 1.0 => [(1.0 - v).max(0.0), 1.0 + v],
                Some(OneOrPair::One(v)) => [-v, v],
                Some(OneOrPair::Pair(pair)) => pair,
            };
            let (least, most) = if centre == 1.0 { (0.0, f64::MAX) } else { (-0.5, 0.5) };
            if !(least <= low && low <= high && high <= most) {
                return wrong(format!(
                    "{name} spans {low} to {high}, it must rise within {least} and {most}"
                ));
            }
            Ok((low != centre || high != centre).then_some([low, high]))
        };
        Ok([
            range("brightness", self.brightness, 1.0)?,
            range("contrast", self.contrast, 1.0)?,
            range("saturation", self.saturation, 1.0)?,
            range("hue", self.hue, 0.0)?,
        ])
    }

    /// The changes to make, in order.
    ///
    /// # Errors
    /// [`Error::Setup`] for a range that is none.
    pub fn draw(&self, rng: &mut impl Draws) -> Result<Vec<ColourChange>> {
        let ranges = self.ranges()?;
        let mut order = [0, 1, 2, 3];
        for i in (1..4).rev() {
            order.swap(i, rng.whole(0, i + 1));
        }
        let mut made: [Option<ColourChange>; 4] = [None; 4];
        for (i, range) in ranges.iter().enumerate() {
            let Some([low, high]) = range else { continue };
            let v = uniform(rng, *low, *high);
            made[i] = Some(match i {
                0 => ColourChange::Brightness(v),
                1 => ColourChange::Contrast(v),
                2 => ColourChange::Saturation(v),
                _ => ColourChange::Hue(v),
            });
        }
        Ok(order.into_iter().filter_map(|i| made[i]).collect())
    }

    /// Changes the scene's picture, whose channels are red, green, blue.
    ///
    /// # Errors
    /// [`Error::Step`] for a picture of floating point or without three channels, [`Error::Setup`] for a range that is
    /// none.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let changes = self.draw(rng)?;
        let mut rgb = scene.picture.bytes("ColorJitter")?.clone();
        for change in changes {
            change.apply(&mut rgb)?;
        }
        scene.picture = Picture::U8(rgb);
        Ok(())
    }
}

fn grey(p: &[u8]) -> u8 {
    let sum = u32::from(p[0]) * 19_595 + u32::from(p[1]) * 38_470 + u32::from(p[2]) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

/// Pillow's blend: from `base` by `factor` to `value`, cut to bytes.
fn blend(base: u8, value: u8, factor: f32) -> u8 {
    (f32::from(base) + factor * (f32::from(value) - f32::from(base))) as u8
}

impl ColourChange {
    /// Changes a picture of red, green and blue.
    ///
    /// # Errors
    /// [`Error::Step`] where there are not three channels.
    pub fn apply(self, picture: &mut Raster<u8>) -> Result<()> {
        if picture.channels() != 3 {
            let reason = format!("it needs 3 channels, there are {}", picture.channels());
            return Err(Error::Step { step: "ColorJitter", reason });
        }
        let (pixels, _) = picture.data_mut().as_chunks_mut::<3>();
        match self {
            Self::Brightness(factor) => {
                pixels.as_flattened_mut().iter_mut().for_each(|v| *v = blend(0, *v, factor as f32));
            }
            Self::Contrast(factor) => {
                let sum: u64 = pixels.iter().map(|p| u64::from(grey(p))).sum();
                let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
                pixels.as_flattened_mut().iter_mut().for_each(|v| *v = blend(mean, *v, factor as f32));
            }
            Self::Saturation(factor) => {
                for p in pixels {
                    let base = grey(p);
                    *p = p.map(|v| blend(base, v, factor as f32));
                }
            }
            Self::Hue(turns) => {
                // As a byte that wraps around.
                let shift = (turns * 255.0) as i32 as u8;
                for p in pixels {
                    let [h, s, v] = to_hsv(*p);
                    *p = to_rgb([h.wrapping_add(shift), s, v]);
                }
            }
        }
        Ok(())
    }
}

fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let s = range / f32::from(most);
    let share = |c: u8| f32::from(most - c) / range;
    let (rc, gc, bc) = (share(r), share(g), share(b));
    // Sixths of a turn; mixed single and double precision, as Pillow computes it.
    let h = if r == most {
        bc - gc
    } else if g == most {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let h = ((f64::from(h) / 6.0 + 1.0) % 1.0) as f32;
    [(f64::from(h) * 255.0) as u8, (f64::from(s) * 255.0) as u8, most]
}

fn to_rgb([h, s, v]: [u8; 3]) -> [u8; 3] {
    if s == 0 {
        return [v; 3];
    }
    let h = (f64::from(h) * 6.0 / 255.0) as f32;
    let s = (f64::from(s) / 255.0) as f32;
    let sector = h.floor();
    let f = h - sector;
    let max = f64::from(v);
    let byte = |x: f64| x.round() as u8;
    let p = byte(max * (1.0 - f64::from(s)));
    let q = byte(max * (1.0 - f64::from(s * f)));
    let t = byte(max * (1.0 - f64::from(s) * (1.0 - f64::from(f))));
    match sector as i32 % 6 {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    }
}
