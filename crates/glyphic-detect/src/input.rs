//! From pictures to what a network reads: scaled, normalised, padded.

use glyphic_core::Image;
use glyphic_imgproc::{resize_antialiased, resize_linear};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Both sides of a network's input are multiples of this: the backbones halve them five times.
pub(crate) const SIDE_MULTIPLE: u32 = 32;

/// What the limits of a picture's size mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeRule {
    /// The picture is scaled to fit both limits; padding fills its sides up to multiples of 32.
    #[default]
    Within,
    /// PaddleOCR's: the picture is shrunk until its longer side fits the limit, then enlarged until its shorter side reaches
    /// its own, and both sides are stretched to the nearest multiples of 32.
    ShortSide,
}

/// No side of an input is longer, in pixels.
const MOST_SIDE: u32 = 16_384;

/// How far a picture is scaled before it is looked at. The aspect is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResizeConfig {
    /// The longest side allowed, in pixels.
    pub long_side: u32,
    /// The shorter side allowed, in pixels.
    pub short_side: u32,
    /// Pictures that are smaller than both limits are enlarged to them.
    pub enlarge: bool,
    /// Pictures far longer than wide keep at least so many pixels, however long: their text would be too small otherwise. 0 for
    /// none.
    pub least_pixels: u32,
    /// What the limits mean.
    pub rule: ResizeRule,
    /// Averages over all pixels when it shrinks. MMOCR does not: it takes the four nearest, as OpenCV does.
    pub antialias: bool,
}

impl Default for ResizeConfig {
    /// MMOCR's test pipeline: 1333 by 736, enlarged where smaller.
    fn default() -> Self {
        Self {
            long_side: 1333,
            short_side: 736,
            enlarge: true,
            least_pixels: 0,
            rule: ResizeRule::Within,
            antialias: false,
        }
    }
}

impl ResizeConfig {
    /// Width and height after scaling, at least 1 each.
    pub fn size(&self, width: u32, height: u32) -> (u32, u32) {
        self.size_at(width, height, 1.0)
    }

    /// As [`ResizeConfig::size`], with limits `zoom` times as large; where nothing is enlarged, up to `zoom` is.
    pub fn size_at(&self, width: u32, height: u32, zoom: f64) -> (u32, u32) {
        let (long, short) = (f64::from(width.max(height)), f64::from(width.min(height)));
        if self.rule == ResizeRule::ShortSide {
            let shrunk = (f64::from(self.long_side) / long).min(1.0);
            let factor = zoom * shrunk * (f64::from(self.short_side) / (short * shrunk)).max(1.0);
            // The longest side that a picture of any shape is stretched to.
            let most = MOST_SIDE / SIDE_MULTIPLE;
            let side = |side: u32| {
                let multiple = (f64::from(side) * factor).trunc() / f64::from(SIDE_MULTIPLE);
                (multiple.round_ties_even() as u32).clamp(1, most) * SIDE_MULTIPLE
            };
            return (side(width), side(height));
        }
        let fit = (f64::from(self.long_side) / long).min(f64::from(self.short_side) / short);
        let fit = zoom * fit.max((f64::from(self.least_pixels) / (long * short)).sqrt());
        let factor = if self.enlarge { fit } else { fit.min(zoom) };
        let scaled = |side: u32| ((f64::from(side) * factor + 0.5) as u32).max(1);
        (scaled(width), scaled(height))
    }
}

/// What a network wants to be fed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// How far pictures are scaled.
    pub resize: ResizeConfig,
    /// Mean of red, green and blue, 0 to 255.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue, above 0.
    pub std: [f32; 3],
    /// Whether the network sees blue before green before red, as PaddleOCR's do.
    pub bgr: bool,
}

impl Default for InputConfig {
    /// ImageNet's mean and deviation, and MMOCR's scale.
    fn default() -> Self {
        Self {
            resize: ResizeConfig::default(),
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
            bgr: false,
        }
    }
}

impl InputConfig {
    pub(crate) fn validate(&self) -> Result<()> {
        let sides = [self.resize.long_side, self.resize.short_side];
        if let Some(side) = sides.into_iter().find(|s| !(SIDE_MULTIPLE..=MOST_SIDE).contains(s)) {
            return Err(Error::config("input.resize", side, "sides from 32 to 16384"));
        }
        if let Some(mean) = self.mean.into_iter().find(|m| !m.is_finite()) {
            return Err(Error::config("input.mean", mean, "finite numbers"));
        }
        if let Some(std) = self.std.into_iter().find(|s| !(s.is_finite() && *s > 0.0)) {
            return Err(Error::config("input.std", std, "numbers above 0"));
        }
        Ok(())
    }

    /// Writes a picture, normalised, into the top-left corner of `out`, `[3, height, width]` for `size` `[width, height]`; the
    /// rest, which is padding, is set to 0.
    ///
    /// # Panics
    /// Where the picture is larger than `size`, or `out` has not its length.
    pub fn planes(&self, image: &Image, size: [usize; 2], out: &mut [f32]) {
        let [width, height] = size;
        let (w, h) = (image.width() as usize, image.height() as usize);
        assert!(w <= width && h <= height && out.len() == 3 * width * height, "{w}x{h} in {width}x{height}");
        for (channel, plane) in out.chunks_exact_mut(width * height).enumerate() {
            let channel = self.channel(channel);
            let table = self.table(channel);
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                row[if y < h { w } else { 0 }..].fill(0.0);
                let pixels = image.rgb()[channel..].iter().step_by(3).skip(y * w).take(w);
                row.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = table[usize::from(*pixel)]);
            }
        }
    }

    /// The picture's channel that is the network's channel of this number.
    fn channel(&self, of_network: usize) -> usize {
        if self.bgr { 2 - of_network } else { of_network }
    }

    /// The normalised value of each grey level of a channel.
    fn table(&self, channel: usize) -> [f32; 256] {
        std::array::from_fn(|v| (v as f32 - self.mean[channel]) / self.std[channel])
    }

    /// The picture scaled, in the top-left corner of an input whose sides are multiples of 32; zeros fill the rest. `zoom` is
    /// that of [`ResizeConfig::size_at`].
    pub(crate) fn prepare(&self, image: &Image, zoom: f64) -> Result<Prepared> {
        let (width, height) = self.resize.size_at(image.width(), image.height(), zoom);
        let scaled = match self.resize.antialias {
            true => resize_antialiased(image, width, height)?,
            false => resize_linear(image, width, height)?,
        };
        let channels = std::array::from_fn(|c| self.channel(c));
        let [padded_width, padded_height] =
            [width, height].map(|side| side.next_multiple_of(SIDE_MULTIPLE) as usize);
        let scale =
            [f64::from(image.width()) / f64::from(width), f64::from(image.height()) / f64::from(height)];
        let content = Content { width: width as usize, height: height as usize, scale };
        let tables = channels.map(|channel| self.table(channel));
        Ok(Prepared { scaled, channels, tables, width: padded_width, height: padded_height, content })
    }
}

/// A picture as a network's input.
pub(crate) struct Prepared {
    scaled: Image,
    /// Of each channel of the network that of the picture, and the normalised value of each grey level.
    channels: [usize; 3],
    tables: [[f32; 256]; 3],
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) content: Content,
}

impl Prepared {
    /// The pixels of a row of the input that are not padding.
    fn pixels(&self, y: usize) -> &[[u8; 3]] {
        let row = self.content.width * 3;
        self.scaled.rgb().get(y * row..(y + 1) * row).unwrap_or_default().as_chunks().0
    }

    /// Writes row `y` of the input, `[width, 3]`.
    pub(crate) fn row(&self, y: usize, to: &mut [f32]) {
        let pixels = self.pixels(y);
        let (content, padding) = to.split_at_mut(pixels.len() * 3);
        for (to, pixel) in content.as_chunks_mut().0.iter_mut().zip(pixels) {
            *to = std::array::from_fn::<f32, 3, _>(|c| self.tables[c][usize::from(pixel[self.channels[c]])]);
        }
        padding.fill(0.0);
    }

    /// The input, `[3, height, width]`.
    pub(crate) fn planes(&self) -> Vec<f32> {
        let mut values = vec![0.0f32; 3 * self.height * self.width];
        values.par_chunks_exact_mut(self.width).enumerate().for_each(|(row, values)| {
            let (c, y) = (row / self.height, row % self.height);
            let (table, channel) = (&self.tables[c], self.channels[c]);
            for (value, pixel) in values.iter_mut().zip(self.pixels(y)) {
                *value = table[usize::from(pixel[channel])];
            }
        });
        values
    }
}

/// Where the picture lies in the map: in its top-left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Content {
    /// Width of the picture in the map.
    pub(crate) width: usize,
    /// Height of the picture in the map.
    pub(crate) height: usize,
    /// Pixels of the picture a pixel of the map, horizontally and vertically.
    pub(crate) scale: [f64; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_limits_and_keep_the_aspect() {
        let mmocr = ResizeConfig::default();
        let modest = ResizeConfig {
            long_side: 1280,
            short_side: 1280,
            enlarge: false,
            antialias: true,
            ..ResizeConfig::default()
        };
        let paddle = ResizeConfig {
            long_side: 2000,
            short_side: 736,
            rule: ResizeRule::ShortSide,
            ..ResizeConfig::default()
        };
        let long = ResizeConfig { least_pixels: 800_000, ..modest.clone() };
        let table = [
            // (config, width, height, expected)
            (&mmocr, 1280, 720, (1308, 736)),
            (&mmocr, 720, 1280, (736, 1308)),
            (&mmocr, 100, 50, (1333, 667)),
            (&mmocr, 4000, 3000, (981, 736)),
            (&modest, 1280, 720, (1280, 720)),
            (&modest, 100, 50, (100, 50)),
            (&modest, 4000, 3000, (1280, 960)),
            (&modest, 9000, 2, (1280, 1)),
            (&long, 4000, 3000, (1280, 960)),
            (&long, 1000, 12_000, (258, 3098)),
            (&long, 1862, 44, (1862, 44)),
            (&paddle, 1280, 720, (1312, 736)),
            (&paddle, 1000, 1000, (992, 992)),
            (&paddle, 4000, 500, (5888, 736)),
            (&paddle, 3000, 2000, (1984, 1344)),
            (&paddle, 20_000, 4, (16_384, 736)),
        ];
        for (config, width, height, expected) in table {
            assert_eq!(config.size(width, height), expected, "{width}x{height}");
        }
    }

    #[test]
    fn planes_hold_the_values_that_the_network_is_given_in_use() {
        let rgb = (0..40 * 33 * 3).map(|i| (i * 7 % 256) as u8).collect();
        let image = Image::from_rgb(40, 33, rgb).unwrap();
        let resize =
            ResizeConfig { long_side: 64, short_side: 64, enlarge: false, ..ResizeConfig::default() };
        let input = InputConfig { resize, ..InputConfig::default() };
        let prepared = input.prepare(&image, 1.0).unwrap();
        let mut planes = vec![9.0; 3 * 64 * 64];
        input.planes(&image, [64, 64], &mut planes);
        assert_eq!(planes, prepared.planes());
    }

    #[test]
    fn pixels_are_normalised_and_padding_is_zero() {
        let image = Image::filled(40, 33, [255, 0, 128]).unwrap();
        let resize =
            ResizeConfig { long_side: 64, short_side: 64, enlarge: false, ..ResizeConfig::default() };
        let input = InputConfig { resize, ..InputConfig::default() };
        let prepared = input.prepare(&image, 1.0).unwrap();
        assert_eq!((prepared.width, prepared.height), (64, 64));
        assert_eq!(prepared.content, Content { width: 40, height: 33, scale: [1.0, 1.0] });
        let expected = [0, 1, 2].map(|c| ([255.0, 0.0, 128.0][c] - input.mean[c]) / input.std[c]);
        for (plane, expected) in prepared.planes().chunks_exact(64 * 64).zip(expected) {
            assert_eq!(plane[32 * 64 + 39], expected);
            assert!(plane[32 * 64 + 40..].iter().all(|v| *v == 0.0));
        }
    }

    #[test]
    fn rows_hold_what_planes_hold() {
        let rgb = (0..40 * 33 * 3).map(|i| (i * 7 % 256) as u8).collect();
        let image = Image::from_rgb(40, 33, rgb).unwrap();
        for bgr in [false, true] {
            let prepared = InputConfig { bgr, ..InputConfig::default() }.prepare(&image, 0.2).unwrap();
            let (width, height) = (prepared.width, prepared.height);
            let (planes, mut row) = (prepared.planes(), vec![9.0; 3 * width]);
            for y in 0..height {
                prepared.row(y, &mut row);
                for (i, value) in row.iter().enumerate() {
                    assert_eq!(*value, planes[(i % 3 * height + y) * width + i / 3], "{bgr} {y} {i}");
                }
            }
        }
    }
}
