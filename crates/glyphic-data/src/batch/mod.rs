//! Batches, made ahead by several threads.

mod detection;
mod loader;
mod recognition;

pub use detection::{DetectionBatch, DetectionOptions, DetectionPlan};
pub use loader::{Loader, LoaderOptions, Plan, StreamState, WaitReport};
pub use recognition::{PreparedText, RecognitionBatch, RecognitionOptions, RecognitionPlan};

use glyphic_core::Image;
use serde::{Deserialize, Serialize};

/// The values of a batch of pictures, `[N, 3, H, W]`, channels r, g, b.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// As stored, 0 to 255. Padding is the mean rounded to whole grey levels.
    U8(Vec<u8>),
    /// Normalised, `(value / 255 - mean) / std`. Padding is 0.
    F32(Vec<f32>),
}

impl Pixels {
    /// The normalised values; `None` where they are bytes.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match self {
            Self::F32(values) => Some(values),
            Self::U8(_) => None,
        }
    }

    /// The bytes; `None` where they are normalised.
    pub fn as_u8(&self) -> Option<&[u8]> {
        match self {
            Self::U8(values) => Some(values),
            Self::F32(_) => None,
        }
    }
}

/// Whether batches hold bytes or normalised values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// [`Pixels::U8`], padded with the mean.
    U8 {
        /// Mean of r, g and b, 0 to 1.
        mean: [f32; 3],
    },
    /// [`Pixels::F32`].
    F32 {
        /// Mean of r, g and b, 0 to 1.
        mean: [f32; 3],
        /// Standard deviation of r, g and b.
        std: [f32; 3],
    },
}

impl PixelFormat {
    /// ImageNet's statistics, as detectors use them.
    pub const IMAGENET: Self = Self::F32 { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// Values from -1 to 1, as line recognizers use them.
    pub const SYMMETRIC: Self = Self::F32 { mean: [0.5; 3], std: [0.5; 3] };

    /// A batch of padding alone.
    fn empty(self, n: usize, height: usize, width: usize) -> Pixels {
        let plane = height * width;
        match self {
            Self::F32 { .. } => Pixels::F32(vec![0.0; n * 3 * plane]),
            Self::U8 { mean } => {
                let mut values = Vec::with_capacity(n * 3 * plane);
                for _ in 0..n {
                    for m in mean {
                        values.resize(values.len() + plane, (m * 255.0).round() as u8);
                    }
                }
                Pixels::U8(values)
            }
        }
    }

    /// Writes `image` into the top-left corner of picture `n` of a batch of `height` x `width`.
    fn put(self, pixels: &mut Pixels, n: usize, height: usize, width: usize, image: &Image) {
        let (w, h) = (image.width() as usize, image.height() as usize);
        debug_assert!(w <= width && h <= height);
        let plane = height * width;
        match (self, pixels) {
            (Self::F32 { mean, std }, Pixels::F32(values)) => {
                let scale = std.map(|s| 1.0 / (255.0 * s));
                let shift: [f32; 3] = std::array::from_fn(|c| mean[c] / std[c]);
                put_planes(&mut values[n * 3 * plane..][..3 * plane], width, w, image.rgb(), |v, c| {
                    f32::from(v) * scale[c] - shift[c]
                });
            }
            (Self::U8 { .. }, Pixels::U8(values)) => {
                put_planes(&mut values[n * 3 * plane..][..3 * plane], width, w, image.rgb(), |v, _| v);
            }
            _ => unreachable!("a batch is filled in the format it was made in"),
        }
    }
}

fn put_planes<T>(planes: &mut [T], width: usize, w: usize, rgb: &[u8], value: impl Fn(u8, usize) -> T) {
    let plane = planes.len() / 3;
    let (red, rest) = planes.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    let rows =
        red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
    for (((r, g), b), row) in rows.zip(rgb.chunks_exact(w * 3)) {
        for (((r, g), b), p) in r.iter_mut().zip(g).zip(b).zip(row.chunks_exact(3)) {
            (*r, *g, *b) = (value(p[0], 0), value(p[1], 1), value(p[2], 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_planar_normalised_and_padded_with_the_mean() {
        let image = Image::from_rgb(2, 1, vec![255, 0, 51, 102, 153, 204]).expect("valid");
        let mut pixels = PixelFormat::SYMMETRIC.empty(2, 1, 3);
        PixelFormat::SYMMETRIC.put(&mut pixels, 1, 1, 3, &image);
        let expected = [1.0, -0.2, 0.0, -1.0, 0.2, 0.0, -0.6, 0.6, 0.0];
        let got = pixels.as_f32().expect("floats");
        assert!(got[..9].iter().all(|v| *v == 0.0));
        assert!(got[9..].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}");

        let bytes = PixelFormat::U8 { mean: [0.5, 0.25, 0.0] };
        let mut pixels = bytes.empty(1, 1, 3);
        bytes.put(&mut pixels, 0, 1, 3, &image);
        assert_eq!(pixels.as_u8().expect("bytes"), [255, 102, 128, 0, 153, 64, 51, 204, 0]);
    }
}
