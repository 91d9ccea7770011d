//! What recognizers that resize alike do to a crop before their network sees it: the same code in training and in use.

use glyphic_core::Image;
#[cfg(feature = "train")]
use glyphic_nn::capture::Axis;
use serde::{Deserialize, Serialize};

use crate::error::Check;
use crate::{ResizeConfig, Result, Width};

/// The columns of `steps` that hold content, where `ratio` (0 to 1) of the width does.
pub fn valid_steps(steps: usize, ratio: f64) -> usize {
    ((steps as f64 * ratio).ceil() as usize).min(steps)
}

/// What a recognizer does to a crop before its network sees it.
pub trait Preprocess: Send + Sync {
    /// Channels and height of the input.
    fn input(&self) -> (usize, u32);

    /// The width that a crop gets; it depends on the crop's size alone.
    fn width(&self, width: u32, height: u32) -> Width;

    /// Fills `[channels, height, width.padded]` (zero before) with the normalised crop. The padding may be wider than
    /// [`Preprocess::width`] says, as in a batch of several widths.
    ///
    /// # Errors
    /// Those of the resizing.
    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()>;

    /// How many of the `total` columns of the network's output may hold text.
    fn steps(&self, width: Width, total: usize) -> usize {
        valid_steps(total, width.ratio())
    }
}

/// The channels that a network is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Luminance alone.
    #[default]
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red: what MMOCR's colour pipelines feed.
    Bgr,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }
}

/// MMOCR's `ResizeOCR`, `ToTensorOCR` and `NormalizeOCR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputConfig {
    /// The channels that the network is given.
    pub channels: Channels,
    /// The size that crops are brought to.
    pub resize: ResizeConfig,
    /// Subtracted from the channels' values (0 to 255): one value for all, or one a channel.
    pub mean: Vec<f32>,
    /// What the channels' values are divided by then: one value for all, or one a channel.
    pub std: Vec<f32>,
    /// Whether crops taller than 1.5 times their width are also read turned by 90 degrees either way; the surest
    /// reading counts.
    pub turn_vertical: bool,
}

impl Default for InputConfig {
    /// Blue, green, red from -1 to 1, 32 pixels high.
    fn default() -> Self {
        Self {
            channels: Channels::Bgr,
            resize: ResizeConfig::default(),
            mean: vec![127.5],
            std: vec![127.5],
            turn_vertical: false,
        }
    }
}

impl InputConfig {
    /// Blue, green, red, normalised by ImageNet's mean and deviation in the order of RGB, as MMOCR does; turned where
    /// vertical.
    pub fn imagenet(resize: ResizeConfig) -> Self {
        Self {
            channels: Channels::Bgr,
            resize,
            mean: [0.485, 0.456, 0.406].map(|v| v * 255.0).to_vec(),
            std: [0.229, 0.224, 0.225].map(|v| v * 255.0).to_vec(),
            turn_vertical: true,
        }
    }

    /// 48 rows and up to 160 columns, as MMOCR's SAR, RobustScanner and MASTER take them; turned where vertical.
    pub(crate) fn rows_48(width_divisor: u32) -> Self {
        let (min_width, max_width) = (Some(48), Some(160));
        let resize =
            ResizeConfig { height: 48, min_width, max_width, keep_aspect_ratio: true, width_divisor };
        Self { resize, turn_vertical: true, ..Self::default() }
    }

    /// The axes of the network's input: `[N, channels, height, W]`, W a multiple of `stride`.
    #[cfg(feature = "train")]
    pub(crate) fn axes(&self, stride: u32) -> [Axis; 4] {
        let [channels, height] = [self.channels.count(), self.resize.height as usize].map(Axis::Fixed);
        [Axis::BATCH, channels, height, Axis::free("width", stride as usize)]
    }

    /// The axes of the input of a network that takes one size alone.
    #[cfg(feature = "train")]
    pub(crate) fn fixed_axes(&self) -> [Axis; 4] {
        let [batch, channels, height, _] = self.axes(1);
        [batch, channels, height, Axis::Fixed(self.resize.max_width.unwrap_or_default() as usize)]
    }

    /// Rows and columns of the input, for a network that takes one size alone.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) without a `max_width`; `model` names the owner.
    pub(crate) fn size(&self, model: &'static str) -> Result<[usize; 2]> {
        match self.resize.max_width {
            Some(width) => Ok([self.resize.height as usize, width as usize]),
            None => {
                let expected = "a width, because the network takes one size alone";
                Check(model).wrong("resize.max_width", "nothing", expected)
            }
        }
    }

    /// Checks that every crop gets an input that a network can take, whose columns stand for `stride` pixels each.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first field out of its range; `model` names the owner.
    pub fn validate(&self, model: &'static str, stride: u32) -> Result<()> {
        self.resize.validate(model)?;
        let wrong = |field, got: String, expected| Check(model).wrong(field, got, expected);
        let resize = &self.resize;
        let free = resize.max_width.is_none() && !resize.width_divisor.is_multiple_of(stride);
        if free {
            let expected = "a multiple of the network's stride, or a max_width";
            return wrong("resize.width_divisor", resize.width_divisor.to_string(), expected);
        }
        // Below a max_width a min_width counts for nothing: crops are padded to the former.
        let widest = resize.max_width.map(|width| ("resize.max_width", width));
        let width = widest.or(resize.min_width.map(|width| ("resize.min_width", width)));
        if let Some((field, width)) = width.filter(|(_, width)| !width.is_multiple_of(stride)) {
            return wrong(field, width.to_string(), "a multiple of the network's stride");
        }
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != self.channels.count() {
                return wrong(field, format!("{values:?}"), "one value, or one a channel");
            }
        }
        if self.mean.iter().any(|m| !m.is_finite()) {
            return wrong("mean", format!("{:?}", self.mean), "finite numbers");
        }
        if self.std.iter().any(|s| !s.is_finite() || *s == 0.0) {
            return wrong("std", format!("{:?}", self.std), "numbers other than 0");
        }
        Ok(())
    }

    /// Mean and scale of a channel.
    fn norm(&self, channel: usize) -> (f32, f32) {
        let of = |values: &[f32]| values[channel.min(values.len() - 1)];
        (of(&self.mean), 1.0 / of(&self.std))
    }

    /// Writes the normalised channels of a crop that has its size to `[channels, height, padded]`, black behind the crop.
    fn fill(&self, crop: &Image, padded: usize, out: &mut [f32]) {
        let (width, height) = (crop.width() as usize, crop.height() as usize);
        for (channel, plane) in out.chunks_exact_mut((height * padded).max(1)).enumerate() {
            let (mean, scale) = self.norm(channel);
            let source = match self.channels {
                Channels::Gray => 0,
                Channels::Rgb => channel,
                Channels::Bgr => 2 - channel,
            };
            for (row, pixels) in plane.chunks_exact_mut(padded).zip(crop.rgb().chunks_exact(width * 3)) {
                let (content, padding) = row.split_at_mut(width);
                for (out, pixel) in content.iter_mut().zip(pixels.chunks_exact(3)) {
                    *out = (f32::from(pixel[source]) - mean) * scale;
                }
                padding.fill((0.0 - mean) * scale);
            }
        }
    }
}

impl Preprocess for InputConfig {
    fn input(&self) -> (usize, u32) {
        (self.channels.count(), self.resize.height)
    }

    fn width(&self, width: u32, height: u32) -> Width {
        let (size, resize) = (self.resize.width(width, height), &self.resize);
        // A sliver whose width is rounded to nothing is one column, which no network can halve.
        let free = resize.min_width.is_none() && resize.max_width.is_none();
        let padded = if free { size.padded.max(resize.width_divisor) } else { size.padded };
        Width { padded, ..size }
    }

    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()> {
        let (content, height) = (width.content, self.resize.height);
        let resized = match self.channels {
            Channels::Gray => glyphic_imgproc::resize_linear(&gray(crop), content, height)?,
            Channels::Rgb | Channels::Bgr => glyphic_imgproc::resize_linear(crop, content, height)?,
        };
        self.fill(&resized, width.padded as usize, out);
        Ok(())
    }
}

/// Luminance in all three channels, before anything is resized (as OpenCV reads a picture in gray).
fn gray(image: &Image) -> Image {
    let mut image = image.clone();
    for pixel in image.rgb_mut().chunks_exact_mut(3) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        // OpenCV's fixed-point weights of 0.299, 0.587 and 0.114.
        pixel.fill(((r * 4899 + g * 9617 + b * 1868 + (1 << 13)) >> 14) as u8);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crop_gets_a_width_that_the_network_can_halve() {
        let resize = ResizeConfig { min_width: None, width_divisor: 4, ..ResizeConfig::default() };
        let config = InputConfig { resize, ..InputConfig::default() };
        config.validate("sar", 4).unwrap();
        for (width, height) in [(1, 1000), (1, 1), (3000, 20), (100, 32), (20_000, 1)] {
            let width = config.width(width, height);
            assert!(width.content >= 1 && width.content <= width.padded, "{width:?}");
            assert_eq!(width.padded % 4, 0, "{width:?}");
        }
    }

    #[test]
    fn padding_is_black_before_it_is_normalised() {
        let resize = ResizeConfig { max_width: Some(64), ..ResizeConfig::default() };
        let config = InputConfig { resize, ..InputConfig::default() };
        let white = Image::from_rgb(32, 32, vec![255; 32 * 32 * 3]).unwrap();
        let mut out = vec![0.0; 3 * 32 * 96];
        config.prepare(&white, Width { content: 32, padded: 96 }, &mut out).unwrap();
        assert!(out.chunks_exact(96).all(|row| row[..32] == [1.0; 32] && row[32..] == [-1.0; 64]));
    }

    #[test]
    fn widths_that_do_not_fit_the_stride_are_refused() {
        let with = |resize| InputConfig { resize, ..InputConfig::default() }.validate("sar", 8).unwrap_err();
        let resize = ResizeConfig { max_width: Some(100), ..ResizeConfig::default() };
        assert!(with(resize).to_string().contains("sar.resize.max_width = 100"));
        let resize = ResizeConfig { width_divisor: 4, ..ResizeConfig::default() };
        assert!(with(resize).to_string().contains("sar.resize.width_divisor = 4"));
    }
}
