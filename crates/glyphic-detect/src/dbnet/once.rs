//! DBNet that looks at a picture once, as MMOCR's do: what the engine of all detectors needs.

#[cfg(feature = "train")]
use burn::tensor::Tensor as Map4;
use glyphic_core::Detected;
use glyphic_graph::Tensor;
use glyphic_imgproc::Map;
#[cfg(feature = "train")]
use glyphic_nn::Device;

#[cfg(feature = "train")]
use super::DbNet;
use super::{DbNetConfig, DbZoom, ProbabilityMap};
#[cfg(feature = "train")]
use crate::engine::DetectorNetwork;
use crate::engine::{DetectorModel, Frame, Network};
use crate::{InputConfig, Result};

impl DbNetConfig {
    /// Whether a picture is looked at once and its regions are of one kind.
    pub(crate) fn looks_once(&self) -> bool {
        self.level.is_none() && self.zoom == DbZoom::default()
    }
}

impl DetectorModel for DbNetConfig {
    fn validate(&self) -> Result<()> {
        DbNetConfig::validate(self)
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        // Nothing is looked for in the padding.
        let cropped = frame.crop_only("DBNet", outputs)?;
        let [_, height, width] = cropped.shape;
        let values = Map::new(width, height, cropped.values)?;
        Ok(self.decode.decode_counted(&ProbabilityMap { values, scale: cropped.scale }))
    }
}

#[cfg(feature = "train")]
impl DetectorNetwork for DbNetConfig {
    type Net = DbNet;

    fn init(&self, device: &Device) -> DbNet {
        DbNetConfig::init(self, device)
    }

    fn forward(&self, net: &DbNet, image: Map4<4>) -> Vec<(&'static str, Map4<4>)> {
        vec![("probability", net.probability(image))]
    }
}
