use glyphic_core::{Image, Point};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::PhotoAugment;
use super::photo::{between, hit};
use crate::TextSample;
use crate::warp::{Beyond, Map, warp};

/// Random changes to the crop of a word or line. Shares are of the text's height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecognitionAugment {
    /// How far each side of the crop moves outwards at most, as a share of the height; inwards a third of it.
    pub crop: f32,
    /// How far each corner moves at most, as a share of the height.
    pub perspective: f32,
    /// Slant: how far the upper side shifts against the lower at most, as a share of the height.
    pub slant: f32,
    /// The largest rotation in degrees. A long line is turned less: its ends move by a sixth of its height at most.
    pub rotation: f32,
    /// Width is stretched by a factor from 1/(1 + this) to 1 + this.
    pub stretch: f32,
    /// Probability that the crop loses resolution.
    pub low_resolution: f64,
    /// The lowest height in pixels to which it is brought before it is enlarged again.
    pub low_resolution_height: u32,
    /// Light, colour and sharpness.
    pub photo: PhotoAugment,
}

impl Default for RecognitionAugment {
    fn default() -> Self {
        Self {
            crop: 0.12,
            perspective: 0.05,
            slant: 0.15,
            rotation: 3.0,
            stretch: 0.2,
            low_resolution: 0.15,
            low_resolution_height: 12,
            photo: PhotoAugment::default(),
        }
    }
}

/// Crops are drawn at this height at most; a recognizer of height 32 sees no more.
const WORKING_HEIGHT: f64 = 48.0;

impl RecognitionAugment {
    /// Changes nothing: the result is the crop itself.
    pub fn none() -> Self {
        Self {
            crop: 0.0,
            perspective: 0.0,
            slant: 0.0,
            rotation: 0.0,
            stretch: 0.0,
            low_resolution: 0.0,
            photo: PhotoAugment::none(),
            ..Self::default()
        }
    }

    /// A changed crop of the sample, at most 48 pixels high.
    pub fn apply(&self, sample: &TextSample, rng: &mut impl Rng) -> Image {
        if *self == Self::none() {
            return sample.crop();
        }
        let quad = self.quad(sample, rng);
        let side = |a: usize, b: usize| quad[a].distance(quad[b]);
        let (w, h) = (side(0, 1).max(side(3, 2)).max(1.0), side(0, 3).max(side(1, 2)).max(1.0));
        let limit = WORKING_HEIGHT.min(h);
        let height = if hit(rng, self.low_resolution) {
            let lowest = f64::from(self.low_resolution_height.max(4)).min(limit);
            lowest + (limit.min(24.0).max(lowest) - lowest) * rng.random::<f64>()
        } else {
            limit
        };
        let most = (1.0 + self.stretch.max(0.0)).ln();
        let stretch = f64::from(between(rng, -most, most).exp());
        let height = height.round().max(1.0);
        let width = (w * height / h * stretch).round().clamp(1.0, 16_384.0);
        let image = match Map::to_quad(width, height, quad) {
            Some(map) => warp(&sample.image, &map, width as u32, height as u32, h / height, Beyond::Edge),
            None => sample.crop(),
        };
        self.photo.apply(image, rng)
    }

    /// The corners that become those of the result: the text's box, moved.
    fn quad(&self, sample: &TextSample, rng: &mut impl Rng) -> [Point; 4] {
        let b = sample.text_box;
        let (w, h) = (b.width().max(1.0), b.height().max(1.0));
        let mut jitter = |inwards: f32, outwards: f32| f64::from(between(rng, -inwards, outwards)) * h;
        let mut outwards = || jitter(self.crop / 3.0, self.crop);
        let (left, top, right, bottom) = (outwards(), outwards(), outwards(), outwards());
        let (x0, y0, x1, y1) = (b.x0 - left, b.y0 - top, b.x1 + right, b.y1 + bottom);
        let mut corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| {
            Point::new(
                x + jitter(self.perspective, self.perspective),
                y + jitter(self.perspective, self.perspective),
            )
        });
        let slant = jitter(self.slant, self.slant) / 2.0;
        for (i, corner) in corners.iter_mut().enumerate() {
            corner.x += if i < 2 { slant } else { -slant };
        }
        let bound = (h / (3.0 * w)).atan().min(f64::from(self.rotation).to_radians());
        let angle = bound * f64::from(between(rng, -1.0, 1.0));
        let (sin, cos) = angle.sin_cos();
        let centre = Point::new((x0 + x1) / 2.0, (y0 + y1) / 2.0);
        corners.map(|p| {
            let (dx, dy) = (p.x - centre.x, p.y - centre.y);
            Point::new(centre.x + dx * cos - dy * sin, centre.y + dx * sin + dy * cos)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::rng;

    /// White paper with a black bar where the text stands: 100 x 20 in a picture of 120 x 40.
    fn bar() -> TextSample {
        let rgb = (0..40u32)
            .flat_map(|y| (0..120u32).map(move |x| (x, y)))
            .flat_map(
                |(x, y)| if (10..110).contains(&x) && (10..30).contains(&y) { [0; 3] } else { [255; 3] },
            )
            .collect();
        let mut sample = TextSample::new(Image::from_rgb(120, 40, rgb).expect("valid"), "bar");
        sample.text_box = glyphic_core::Rect { x0: 10.0, y0: 10.0, x1: 110.0, y1: 30.0 };
        sample
    }

    fn geometry() -> RecognitionAugment {
        RecognitionAugment {
            photo: PhotoAugment::none(),
            low_resolution: 0.0,
            ..RecognitionAugment::default()
        }
    }

    #[test]
    fn without_augmentation_the_crop_is_the_text_itself() {
        let crop = RecognitionAugment::none().apply(&bar(), &mut rng(&[1]));
        assert_eq!((crop.width(), crop.height()), (100, 20));
        assert!(crop.rgb().iter().all(|v| *v == 0));
    }

    #[test]
    fn the_text_stays_in_the_crop_and_fills_most_of_it() {
        for seed in 0..200 {
            let crop = geometry().apply(&bar(), &mut rng(&[seed]));
            let dark = crop.rgb().chunks_exact(3).filter(|p| p[0] < 128).count();
            let share = dark as f64 / f64::from(crop.width() * crop.height());
            assert!(share > 0.6, "seed {seed}: {share}");
            let stretch = f64::from(crop.width()) / f64::from(crop.height()) / 5.0;
            assert!((0.6..1.5).contains(&stretch), "seed {seed}: {stretch}");
        }
    }

    #[test]
    fn a_seed_fixes_the_picture_and_another_changes_it() {
        let augment = RecognitionAugment::default();
        let make = |seed| augment.apply(&bar(), &mut rng(&[seed])).rgb().to_vec();
        assert_eq!(make(5), make(5));
        let different = (0..20).filter(|&s| make(s) != make(s + 1)).count();
        assert_eq!(different, 20);
    }

    #[test]
    fn extreme_crops_survive() {
        let augment = RecognitionAugment::default();
        for (w, h) in [(1, 1), (1, 200), (3000, 2), (2, 3)] {
            let sample = TextSample::new(Image::filled(w, h, [90; 3]).expect("valid"), "x");
            for seed in 0..50 {
                let crop = augment.apply(&sample, &mut rng(&[seed]));
                assert!(crop.height() <= 48);
            }
        }
    }
}
