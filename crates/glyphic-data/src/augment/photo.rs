use std::io::Cursor;

use glyphic_core::{Image, ImageLimits};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Changes of light, colour and sharpness. Each happens with its probability; 0 turns it off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotoAugment {
    /// Probability of a change of brightness, contrast and the colours' balance.
    pub colour: f64,
    /// How far: contrast and each colour's gain are drawn from 1 ± this, brightness from ± this of the range.
    pub colour_strength: f32,
    /// Probability of grey.
    pub grey: f64,
    /// Probability of a negative.
    pub invert: f64,
    /// Probability of a Gaussian blur.
    pub blur: f64,
    /// The strongest blur's standard deviation in pixels; the weakest is 0.3.
    pub blur_sigma: f32,
    /// Probability of sensor noise.
    pub noise: f64,
    /// The strongest noise's standard deviation in grey levels; the weakest is 1.
    pub noise_sigma: f32,
    /// Probability of JPEG compression.
    pub jpeg: f64,
    /// The lowest JPEG quality, 1 to 100; the highest is 90.
    pub jpeg_quality: u8,
}

impl PhotoAugment {
    /// Changes nothing.
    pub fn none() -> Self {
        Self { colour: 0.0, grey: 0.0, invert: 0.0, blur: 0.0, noise: 0.0, jpeg: 0.0, ..Self::default() }
    }

    /// The picture changed as the generator says.
    pub fn apply(&self, mut image: Image, rng: &mut impl Rng) -> Image {
        if hit(rng, self.blur) {
            let sigma = between(rng, 0.3, self.blur_sigma.max(0.3));
            blur(&mut image, sigma);
        }
        if hit(rng, self.colour) {
            self.recolour(&mut image, rng);
        }
        if hit(rng, self.grey) {
            for p in image.rgb_mut().chunks_exact_mut(3) {
                // ITU-R BT.601 luma.
                let grey = (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8;
                p.fill(grey as u8);
            }
        }
        if hit(rng, self.invert) {
            image.rgb_mut().iter_mut().for_each(|v| *v = 255 - *v);
        }
        if hit(rng, self.noise) {
            let sigma = between(rng, 1.0, self.noise_sigma.max(1.0));
            noise(&mut image, sigma, rng);
        }
        if hit(rng, self.jpeg) {
            let quality = rng.random_range(self.jpeg_quality.clamp(1, 90)..=90);
            image = compressed(image, quality);
        }
        image
    }

    /// A table per channel: `(v - 128) * contrast * gain + 128 + brightness`.
    fn recolour(&self, image: &mut Image, rng: &mut impl Rng) {
        let s = self.colour_strength.clamp(0.0, 0.95);
        let contrast = between(rng, 1.0 - s, 1.0 + s);
        let brightness = between(rng, -s, s) * 128.0;
        let tables = [(); 3].map(|()| {
            let gain = between(rng, 1.0 - s / 2.0, 1.0 + s / 2.0);
            let mut table = [0u8; 256];
            for (v, t) in table.iter_mut().enumerate() {
                *t = ((v as f32 - 128.0) * contrast * gain + 128.0 + brightness).round() as u8;
            }
            table
        });
        for p in image.rgb_mut().chunks_exact_mut(3) {
            for (v, table) in p.iter_mut().zip(&tables) {
                *v = table[usize::from(*v)];
            }
        }
    }
}

impl Default for PhotoAugment {
    fn default() -> Self {
        Self {
            colour: 0.5,
            colour_strength: 0.35,
            grey: 0.05,
            invert: 0.02,
            blur: 0.15,
            blur_sigma: 1.2,
            noise: 0.2,
            noise_sigma: 10.0,
            jpeg: 0.15,
            jpeg_quality: 25,
        }
    }
}

pub(super) fn hit(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

pub(super) fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// Gaussian blur, separable, the edge repeated.
fn blur(image: &mut Image, sigma: f32) {
    let radius = (2.5 * sigma).ceil() as usize;
    let weights: Vec<f32> =
        (0..=radius).map(|i| (-(i as f32 * i as f32) / (2.0 * sigma * sigma)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    // Fixed point with 8 bits, the middle taking what rounding leaves.
    let mut taps: Vec<u32> = weights.iter().map(|w| (w / sum * 256.0).round() as u32).collect();
    let side = 2 * taps[1..].iter().sum::<u32>();
    taps[0] = 256u32.saturating_sub(side);
    let (w, h) = (image.width() as usize, image.height() as usize);
    let mut line = Vec::new();
    let rgb = image.rgb_mut();
    for row in rgb.chunks_exact_mut(w * 3) {
        line.clear();
        (0..radius).for_each(|_| line.extend_from_slice(&row[..3]));
        line.extend_from_slice(row);
        (0..radius).for_each(|_| line.extend_from_slice(&row[(w - 1) * 3..]));
        convolve(row, &taps, |i| &line[i * 3..]);
    }
    // Columns, a whole row at a time.
    let source = rgb.to_vec();
    for (y, row) in rgb.chunks_exact_mut(w * 3).enumerate() {
        convolve(row, &taps, |i| &source[(y + i).saturating_sub(radius).min(h - 1) * w * 3..][..w * 3]);
    }
}

/// `out[x] = sum over i of taps[|i - radius|] * shifted(i)[x]` in 8-bit fixed point.
fn convolve<'a>(out: &mut [u8], taps: &[u32], shifted: impl Fn(usize) -> &'a [u8]) {
    let radius = taps.len() - 1;
    let mut sums = vec![128u32; out.len()];
    for i in 0..=2 * radius {
        let tap = taps[i.abs_diff(radius)];
        for (sum, v) in sums.iter_mut().zip(shifted(i)) {
            *sum += tap * u32::from(*v);
        }
    }
    for (o, sum) in out.iter_mut().zip(sums) {
        *o = (sum >> 8).min(255) as u8;
    }
}

/// Noise of this standard deviation, near enough Gaussian: the sum of four bytes.
fn noise(image: &mut Image, sigma: f32, rng: &mut impl Rng) {
    // Variance of a uniform byte is (256^2 - 1) / 12; of four, four times that.
    let scale = sigma / (4.0f32 * 65_535.0 / 12.0).sqrt();
    for v in image.rgb_mut() {
        let sum: u32 = rng.next_u32().to_le_bytes().map(u32::from).iter().sum();
        *v = (f32::from(*v) + (sum as f32 - 510.0) * scale).round() as u8;
    }
}

fn compressed(image: Image, quality: u8) -> Image {
    let mut bytes = Cursor::new(Vec::new());
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    let written = image::ImageEncoder::write_image(
        encoder,
        image.rgb(),
        image.width(),
        image.height(),
        image::ExtendedColorType::Rgb8,
    );
    // A picture that JPEG cannot hold (a side beyond 65,535) stays as it is.
    let decoded = written.ok().and_then(|()| {
        Image::decode(&bytes.into_inner(), "compressed in memory", ImageLimits::default()).ok()
    });
    decoded.unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::rng;

    fn speckled(w: u32, h: u32) -> Image {
        let mut rng = rng(&[9]);
        let rgb = (0..w * h * 3).map(|_| (rng.next_u32() % 200) as u8 + 20).collect();
        Image::from_rgb(w, h, rgb).expect("valid")
    }

    fn spread(image: &Image) -> f64 {
        let n = image.rgb().len() as f64;
        let mean = image.rgb().iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        (image.rgb().iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt()
    }

    #[test]
    fn no_augmentation_changes_nothing() {
        let image = speckled(20, 10);
        assert_eq!(PhotoAugment::none().apply(image.clone(), &mut rng(&[1])).rgb(), image.rgb());
    }

    #[test]
    fn each_change_does_what_it_says() {
        let image = speckled(64, 48);
        let only = |set: fn(&mut PhotoAugment)| {
            let mut photo = PhotoAugment::none();
            set(&mut photo);
            photo.apply(image.clone(), &mut rng(&[2]))
        };
        assert!(spread(&only(|p| p.blur = 1.0)) < 0.9 * spread(&image));
        assert!(only(|p| p.grey = 1.0).rgb().chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        let negative = only(|p| p.invert = 1.0);
        assert!(negative.rgb().iter().zip(image.rgb()).all(|(a, b)| *a == 255 - *b));
        for (changed, name) in [
            (only(|p| p.colour = 1.0), "colour"),
            (only(|p| p.noise = 1.0), "noise"),
            (only(|p| p.jpeg = 1.0), "jpeg"),
        ] {
            assert_ne!(changed.rgb(), image.rgb(), "{name}");
            assert_eq!((changed.width(), changed.height()), (64, 48), "{name}");
        }
    }

    #[test]
    fn blur_keeps_an_even_picture_even() {
        let mut image = Image::filled(9, 5, [3, 128, 255]).expect("valid");
        let before = image.rgb().to_vec();
        for sigma in [0.3, 1.0, 4.0] {
            blur(&mut image, sigma);
            assert_eq!(image.rgb(), before, "sigma {sigma}");
        }
    }

    #[test]
    fn noise_has_the_deviation_asked_for_and_no_bias() {
        let mut image = Image::filled(200, 100, [128; 3]).expect("valid");
        noise(&mut image, 10.0, &mut rng(&[3]));
        assert!((spread(&image) - 10.0).abs() < 0.3, "{}", spread(&image));
        let mean = image.rgb().iter().map(|v| f64::from(*v)).sum::<f64>() / 60_000.0;
        assert!((mean - 128.0).abs() < 0.3, "{mean}");
    }
}
