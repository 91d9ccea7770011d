use glyphic_core::{Image, Symbol, Vocab};

use super::{Channels, CrnnConfig};
use crate::engine::{Preprocess, Width};
use crate::{CtcCodec, Result, valid_steps};

impl CrnnConfig {
    /// The classes: blank, the characters, the unknown one where there is one.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        let chars = self.characters.chars().map(Symbol::Char);
        let unknown = self.unknown.then_some(Symbol::Unknown);
        Ok(Vocab::new(std::iter::once(Symbol::Blank).chain(chars).chain(unknown).collect())?)
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`CrnnConfig::vocab`].
    pub fn codec(&self) -> Result<CtcCodec> {
        Ok(CtcCodec::new(self.vocab()?)?.with_lower(self.lower))
    }

    /// The normalised channels of a crop that has its size: `[channels, height, width]`.
    pub fn normalize(&self, crop: &Image, out: &mut [f32]) {
        let plane = out.len() / self.channels.count();
        for (channel, out) in out.chunks_exact_mut(plane.max(1)).enumerate() {
            let of = |values: &[f32]| values[channel.min(values.len() - 1)];
            let (mean, scale) = (of(&self.mean), 1.0 / of(&self.std));
            let pixels = crop.rgb().chunks_exact(3);
            match self.channels {
                Channels::Gray => {
                    out.iter_mut().zip(pixels).for_each(|(o, p)| *o = (f32::from(p[0]) - mean) * scale)
                }
                Channels::Rgb => {
                    out.iter_mut().zip(pixels).for_each(|(o, p)| *o = (f32::from(p[channel]) - mean) * scale);
                }
                Channels::Bgr => {
                    out.iter_mut()
                        .zip(pixels)
                        .for_each(|(o, p)| *o = (f32::from(p[2 - channel]) - mean) * scale);
                }
            }
        }
    }

    /// The crop as the network takes it: `[channels, 32, W]` and W.
    ///
    /// # Errors
    /// Those of [`ResizeConfig::apply`](crate::ResizeConfig::apply).
    pub fn preprocess(&self, crop: &Image) -> Result<(Vec<f32>, u32)> {
        let resized = match self.channels {
            Channels::Gray => self.resize.apply(&gray(crop))?,
            Channels::Rgb | Channels::Bgr => self.resize.apply(crop)?,
        };
        let mut out = vec![0.0; self.channels.count() * (resized.width() * resized.height()) as usize];
        self.normalize(&resized, &mut out);
        Ok((out, resized.width()))
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

impl Preprocess for CrnnConfig {
    fn input(&self) -> (usize, u32) {
        (self.channels.count(), self.resize.height)
    }

    fn width(&self, width: u32, height: u32) -> Width {
        let size = self.resize.width(width, height);
        Width { content: size.content, padded: size.padded }
    }

    fn prepare(&self, crop: &Image, _: Width, out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(&self.preprocess(crop)?.0);
        Ok(())
    }

    fn steps(&self, width: Width, total: usize) -> usize {
        valid_steps(total, f64::from(width.content) / f64::from(width.padded))
    }
}
