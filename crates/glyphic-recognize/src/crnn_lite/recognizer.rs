use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Confidence, Image, Recognizer, Vocab};
use glyphic_nn::{
    checkpoint::{LoadOptions, StateDict, load_into},
    layers::Fold,
};

use super::{CrnnLite, CrnnLiteConfig, HEIGHT, inference::PlainNet};
use crate::{
    CtcCodec, LanguageModel, Result,
    codec::CtcDecoder,
    engine::{Engine, LineNetwork, Width, read_back},
};

impl CrnnLiteConfig {
    /// The classes: blank, then the characters.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    pub fn vocab(&self) -> Result<Vocab> {
        Ok(Vocab::ctc(&self.characters)?)
    }

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`CrnnLiteConfig::vocab`].
    pub fn codec(&self) -> Result<CtcCodec> {
        Ok(CtcCodec::new(self.vocab()?)?.with_confidence(Confidence::Weakest))
    }

    /// Writes the crop to `[3, 32, padded]`: resized to `content` columns, `(x / 255 - 0.5) / 0.5`. Nothing is written
    /// behind the content.
    ///
    /// # Errors
    /// Those of [`resize_antialiased`](glyphic_imgproc::resize_antialiased).
    pub fn prepare(&self, crop: &Image, content: u32, padded: u32, out: &mut [f32]) -> Result<()> {
        let resized = glyphic_imgproc::resize_antialiased(crop, content, HEIGHT)?;
        let (content, padded) = (content as usize, padded as usize);
        for (y, row) in resized.rgb().chunks_exact(content * 3).enumerate() {
            for (channel, plane) in out.chunks_exact_mut(HEIGHT as usize * padded).enumerate() {
                let out = &mut plane[y * padded..y * padded + content];
                for (out, pixel) in out.iter_mut().zip(row.chunks_exact(3)) {
                    *out = (f32::from(pixel[channel]) / 255.0 - 0.5) / 0.5;
                }
            }
        }
        Ok(())
    }
}

struct Network {
    config: CrnnLiteConfig,
    net: Net,
}

enum Net {
    /// On the processor.
    Plain(Box<PlainNet>),
    /// On any other device.
    Tensor(Box<CrnnLite>, Device),
}

impl LineNetwork for Network {
    fn input(&self) -> (usize, u32) {
        (3, HEIGHT)
    }

    fn width(&self, width: u32, height: u32) -> Width {
        let (content, padded) = self.config.widths(width, height);
        Width { content, padded }
    }

    fn prepare(&self, crop: &Image, width: Width, out: &mut [f32]) -> Result<()> {
        self.config.prepare(crop, width.content, width.padded, out)
    }

    fn steps(&self, width: Width, total: usize) -> usize {
        self.config.steps(width.content, width.padded).min(total)
    }

    fn forward(&self, input: Vec<f32>, count: usize, width: u32) -> Result<Vec<f32>> {
        match &self.net {
            Net::Plain(net) => Ok(net.forward(&input, width as usize)),
            Net::Tensor(net, device) => {
                let shape = [count, 3, HEIGHT as usize, width as usize];
                read_back(net.forward(Tensor::from_data(TensorData::new(input, shape), device)))
            }
        }
    }
}

/// The recognizer of a configuration and its weights.
pub(crate) fn build(
    config: CrnnLiteConfig,
    weights: &StateDict,
    language: Option<Arc<LanguageModel>>,
    device: &Device,
) -> Result<Box<dyn Recognizer>> {
    config.validate()?;
    let codec = config.codec()?;
    let device = device.clone().without_autodiff();
    let mut net = config.init(codec.vocab().len(), &device);
    load_into(&mut net, weights, &LoadOptions::default())?;
    let net = if device == glyphic_nn::device::cpu() {
        Net::Plain(Box::new(PlainNet::new(net)))
    } else {
        Net::Tensor(Box::new(net.fold()), device)
    };
    let turn_vertical = config.turn_vertical;
    let decoder = CtcDecoder::new(codec, &config.decoding, language);
    Ok(Box::new(Engine { network: Network { config, net }, decoder, turn_vertical }))
}
